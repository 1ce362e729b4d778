"""The part of a network that turns inputs into features."""

from copy import deepcopy

from torch import nn

from ._inputs import module_inputs
from ._shapes import described, first_output


def make_features(given, sample, hidden_layer_sizes):
    """The module of the features, and how many it makes.

    Parameters
    ----------
    given : Module, type or None
        None is a perceptron.
    sample : ndarray
        Some inputs.
    hidden_layer_sizes : tuple of int
        Of the perceptron.

    Returns
    -------
    features : Module
    n_features : int
    """
    features = make_module("module", given) or _perceptron(sample[0].size, hidden_layer_sizes)
    inputs = module_inputs(features, sample, "the target")
    produced = first_output("module", features, features, inputs)
    if getattr(produced, "ndim", 0) != 2 or len(produced) != len(sample):
        raise ValueError(
            f"module turns {len(sample)} inputs into {described(produced)}: it must return a "
            f"row of features for each, an array of shape ({len(sample)}, n_features)"
        )
    return features, produced.shape[1]


def make_module(name, given):
    """A module of its own from an instance or a class; None from None."""
    if given is None:
        return None
    made = deepcopy(given) if isinstance(given, nn.Module) else given() if callable(given) else None
    if not isinstance(made, nn.Module):
        raise ValueError(
            f"{name} is {given!r}: pass a torch module, or its class where that takes no arguments"
        )
    return made


def _perceptron(n_inputs, sizes):
    layers, width = [nn.Flatten()], n_inputs
    for size in sizes:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers)
