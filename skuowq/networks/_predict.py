"""Probabilities in double precision."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from sklearn.base import is_classifier

from skuowq._data.dataset_rows import DatasetRows
from skuowq._utils._failed_fit import FailedFit

from ._head import head_inputs
from ._inputs import as_inputs, module_inputs
from ._split import split_classifier


def predict_proba(net, X, n_classes=None):
    """Class probabilities of a fitted net, in double precision.

    Of arrays on the CPU the network itself computes in double precision: in single precision they
    depend, in the seventh digit, on which rows are predicted together. On other devices, and for
    rows of data sets, which are read in batches as the net's ``iterator_valid`` says, it computes
    in its own precision.

    Parameters
    ----------
    net : NeuralNetClassifier
    X : ndarray of shape (n_rows, ...) or DatasetRows
    n_classes : int, default=None
        Outputs beyond so many are left out, and the others sum to 1; None keeps all.

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
        largest = np.abs(np.asarray(X.x(row) if isinstance(X, DatasetRows) else X[row])).max()
        raise FailedFit(
            f"The network {type(net.module_).__name__} gives row {row} no finite probabilities: "
            f"the row's numbers go up to {largest:.2g}. Scale the columns, for "
            "instance with make_transfer_pipeline(StandardScaler(), ...)"
        )
    if not is_classifier(net):
        return found
    # Those of single precision sum to 1 in seven digits, and scikit-learn's losses expect more.
    found = found[:, :n_classes].astype(np.float64)
    return found / found.sum(axis=1, keepdims=True)


def _probabilities(net, X):
    if isinstance(X, DatasetRows):
        return net.predict_proba(as_inputs(net, X))
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
    """What the last layer of a fitted net sees, in double precision.

    Parameters
    ----------
    net : NeuralNetClassifier
    X : ndarray of shape (n_rows, ...) or DatasetRows

    Returns
    -------
    features : ndarray of shape (n_rows, n_features)
        Of rows of data sets in single precision, read in batches.
    """
    if isinstance(X, DatasetRows):
        return head_inputs(net, [as_inputs(net, X)])[0]
    return module_features(net.module_, X)


def module_features(module, X):
    """What the last layer of a module sees of inputs, in double precision on the CPU.

    Parameters
    ----------
    module : Module
        Ends in a linear layer; not changed.
    X : ndarray of shape (n_rows, ...)

    Returns
    -------
    features : ndarray of shape (n_rows, n_features)
    """
    module = deepcopy(module).cpu().eval()
    classifier = split_classifier(module, module_inputs(module, X[:2]))
    try:
        return _in_batches(replace(classifier, module=deepcopy(module).double()), X)
    except RuntimeError:  # A module that makes tensors of its own precision takes no other.
        return _in_batches(classifier, X)


def _in_batches(classifier, X):
    inputs = module_inputs(classifier.module, X)
    with torch.no_grad():
        return torch.cat([classifier.features(rows) for rows in inputs.split(1024)]).numpy()
