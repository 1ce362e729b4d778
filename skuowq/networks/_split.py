"""A network seen as features and the linear layer on them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn

from ._head import find_head, last_with_numbers


@dataclass(frozen=True)
class SplitClassifier:
    """A network whose last layer, a linear one, is a classifier on the features before it.

    Attributes
    ----------
    module : Module
        The whole network.
    head : str
        Name of its last linear layer.
    ending : callable
        What the network does to the head's output: nothing, or a softmax.
    """

    module: nn.Module
    head: str
    ending: Callable

    def features(self, X):
        """What the head sees of inputs."""
        seen = []
        # A head that runs twice sees its own output last.
        handle = self._head().register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            self.module(X)
        finally:
            handle.remove()
        return seen[-1]

    def logits(self, features):
        """The head's output for features."""
        return self._head()(features)

    def outputs(self, features):
        """The network's output for features."""
        return self.ending(self.logits(features))

    def _head(self):
        return self.module.get_submodule(self.head)


def split_classifier(module, X):
    """Find the head of a network, and what follows it.

    Parameters
    ----------
    module : Module
    X : Tensor
        Some inputs, on the module's device.

    Returns
    -------
    classifier : SplitClassifier

    Raises
    ------
    ValueError
        If the network does not end in a linear layer, or does more to its output than a softmax.
    """
    head, logits, output = find_head(module, X)
    # A batch norm that has seen nothing is nothing, until it has.
    if not isinstance(output, tuple) and last_with_numbers(module, X) == head:
        for ending in (_nothing, _softmax, _log_softmax):
            found = ending(logits)
            if found.shape == output.shape and torch.allclose(found, output, equal_nan=True):
                return SplitClassifier(module, head, ending)
    raise ValueError(
        f"estimator: {type(module).__name__} changes the output of its last linear layer, and here "
        "the classifier on the features must be that layer: return its output as it is, or its "
        "softmax"
    )


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


def _nothing(logits):
    return logits


def _softmax(logits):
    return logits.softmax(dim=1)


def _log_softmax(logits):
    return logits.log_softmax(dim=1)
