"""Whether a training has diverged, and what to say of it."""

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from skuowq._utils._failed_fit import FailedFit

# Of the target, after a training: its last epoch has seen them all.
_MOST_ROWS = 1000


def finite_numbers(modules):
    """Names of the parameters and buffers that are finite; a mask may hold infinity on purpose.

    Parameters
    ----------
    modules : dict of str to Module
    """
    return {name for name, value in _numbers(modules) if torch.isfinite(value).all()}


def all_finite(modules, names):
    """Whether these parameters and buffers of some modules are finite."""
    return all(torch.isfinite(value).all() for name, value in _numbers(modules) if name in names)


def predicts_finite(net, X):
    """Whether a net, in its own precision, has finite probabilities for rows of its training."""
    return bool(np.isfinite(net.predict_proba(X[np.arange(min(len(X), _MOST_ROWS))])).all())


def diverged(net, on, what):
    """The error of a training that has diverged.

    Parameters
    ----------
    net : NeuralNetClassifier
    on : str
        What it was trained on.
    what : str
        What is not finite.
    """
    return FailedFit(
        f"The network {type(net.module_).__name__} has diverged in epoch {len(net.history)} of its "
        f"training on {on}: its {what} are not finite. Scale the columns, for instance with "
        f"make_transfer_pipeline(StandardScaler(), ...), pass an lr below {net.lr:g}, or clip the "
        "gradients with skorch.callbacks.GradientNormClipping"
    )


def domains_in_words(target, sources):
    """What a training is on: a domain's label, or what all of them are."""
    if not sources:
        return target.label
    if target.label != "the target":
        return "the sources"
    others = sources[0].label if len(sources) == 1 else f"{len(sources)} sources"
    return f"the target and {others}"


def _numbers(modules):
    return [
        (f"{part}.{name}", value)
        for part, module in modules.items()
        for name, value in [*module.named_parameters(), *module.named_buffers()]
        if not is_lazy(value)
    ]
