"""Rows as tensors of the precision that a network computes in, or to be read as such."""

import numpy as np
import torch

from skuowq._data.dataset_rows import DatasetRows

from ._reading import ReadInputs, reading_of


def as_inputs(net, X, label="X"):
    """A tensor of the dtype of the net's parameters; integers for a net that looks them up.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    X : ndarray of shape (n_rows, ...) or DatasetRows
        Finite.
    label : str, default="X"
        What a message calls the rows.

    Returns
    -------
    inputs : Tensor or ReadInputs
        Of data sets nothing is read yet.
    """
    if isinstance(X, DatasetRows):
        return ReadInputs(
            X, reading_of(net, module_dtype(net.module_), module_looks_up(net.module_))
        )
    return module_inputs(net.module_, X, label)


def module_inputs(module, X, label="X"):
    """As `as_inputs`, for a module."""
    if module_looks_up(module) and np.issubdtype(X.dtype, np.integer):
        return torch.tensor(X, dtype=torch.long)
    inputs = torch.tensor(X, dtype=module_dtype(module))
    if not torch.isfinite(inputs).all():
        raise _out_of_range(X, inputs, label)
    return inputs


def module_looks_up(module):
    """Whether integers are looked up in a table, and stay integers."""
    tables = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    return any(isinstance(layer, tables) for layer in module.modules())


def module_dtype(module):
    """The precision that a module computes in."""
    floating = [p.dtype for p in module.parameters() if p.dtype.is_floating_point]
    return floating[0] if floating else torch.float32


def _out_of_range(X, inputs, label):
    """The error of numbers that the network's precision turned into infinity."""
    dtype = str(inputs.dtype).removeprefix("torch.")
    beyond = ~torch.isfinite(inputs).flatten(1).all(dim=0)
    column = int(beyond.nonzero()[0, 0])
    values = X.reshape(len(X), -1)[:, column]
    return ValueError(
        f"{label}: column {column} spans {values.min():.2g} to {values.max():.2g}, and the network "
        f"computes in {dtype}, which ends at {torch.finfo(inputs.dtype).max:.2g}: scale the "
        "columns, for instance with make_transfer_pipeline(StandardScaler(), ...)"
    )
