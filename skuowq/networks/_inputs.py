"""Rows as tensors of the precision that a network computes in."""

import numpy as np
import torch


def as_inputs(net, X, label="X"):
    """A tensor of the dtype of the net's parameters; integers for a net that looks them up.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    X : ndarray of shape (n_rows, ...)
        Finite.
    label : str, default="X"
        What a message calls the rows.

    Returns
    -------
    inputs : Tensor
    """
    return module_inputs(net.module_, X, label)


def module_inputs(module, X, label="X"):
    """As `as_inputs`, for a module."""
    tables = (torch.nn.Embedding, torch.nn.EmbeddingBag)
    looks_up = any(isinstance(layer, tables) for layer in module.modules())
    if looks_up and np.issubdtype(X.dtype, np.integer):
        return torch.tensor(X, dtype=torch.long)
    floating = [p.dtype for p in module.parameters() if p.dtype.is_floating_point]
    inputs = torch.tensor(X, dtype=floating[0] if floating else torch.float32)
    if not torch.isfinite(inputs).all():
        raise _out_of_range(X, inputs, label)
    return inputs


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
