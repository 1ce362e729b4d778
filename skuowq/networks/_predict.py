"""Probabilities in double precision."""

from copy import deepcopy

import numpy as np
import torch

from skuowq._utils._failed_fit import FailedFit

from ._inputs import as_inputs, module_inputs


def predict_proba(net, X):
    """Class probabilities of a fitted net.

    In double precision on the CPU: in single precision they depend, in the seventh digit, on which
    rows are predicted together.

    Parameters
    ----------
    net : NeuralNetClassifier
    X : ndarray of shape (n_rows, ...)

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_classes)

    Raises
    ------
    FailedFit
        If any of them is not finite.
    """
    found = _probabilities(net, X)
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise FailedFit(
            f"The network {type(net.module_).__name__} gives row {row} no finite probabilities: "
            f"the row's numbers go up to {np.abs(X[row]).max():.2g}. Scale the columns, for "
            "instance with make_transfer_pipeline(StandardScaler(), ...)"
        )
    return found


def _probabilities(net, X):
    # Not `net.device`, which is None where accelerate places the parameters.
    if any(value.device.type != "cpu" for value in net.module_.parameters()):
        return net.predict_proba(as_inputs(net, X))
    # Not `copy`, which would pickle the net.
    twin = type(net).__new__(type(net))
    twin.__dict__.update(net.__dict__, module_=deepcopy(net.module_).double())
    try:
        return twin.predict_proba(as_inputs(twin, X))
    except RuntimeError:  # A module that makes tensors of its own precision takes no other.
        return net.predict_proba(as_inputs(net, X))


def predict_features(net, X):
    """Features of a fitted net whose module has a part ``features``, in double precision.

    Parameters
    ----------
    net : NeuralNetClassifier
    X : ndarray of shape (n_rows, ...)

    Returns
    -------
    features : ndarray of shape (n_rows, n_features)
    """
    return module_features(net.module_.features, X)


def module_features(module, X):
    """What a module makes of inputs, in double precision on the CPU.

    Parameters
    ----------
    module : Module
        Not changed.
    X : ndarray of shape (n_rows, ...)

    Returns
    -------
    features : ndarray of shape (n_rows, n_features)
    """
    module = deepcopy(module).cpu().eval()
    try:
        return _in_batches(deepcopy(module).double(), X)
    except RuntimeError:  # A module that makes tensors of its own precision takes no other.
        return _in_batches(module, X)


def _in_batches(module, X):
    with torch.no_grad():
        parts = [module(rows) for rows in module_inputs(module, X).split(1024)]
    return torch.cat(parts).numpy()
