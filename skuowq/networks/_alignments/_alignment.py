"""What every alignment has: a loss on a batch, and something to do before an epoch."""

import torch
from torch import nn


class Alignment(nn.Module):
    """No alignment at all, and the base of those that do align.

    Parameters
    ----------
    sizes : Sizes
        Of inputs, features, classes and sources.
    matches : bool
        Whether anything is aligned.
    """

    # Whether the features also learn from the discriminator that may be the gate.
    adversarial = False
    # Whether source rows come to have an encoder of their own.
    encodes_apart = False

    def __init__(self, sizes, matches):
        super().__init__()
        self.sizes = sizes
        self.matches = matches

    def begin_epoch(self, network, X_target, progress):
        """Before an epoch; `progress` is the share of the training that is done."""

    def plays(self):
        """Whether the features play against the discriminator now."""
        return self.adversarial

    def source_features(self, network):
        """The module that source rows pass through."""
        return network.features

    def row_weight(self, y):
        """Weights of source rows, besides those of the gate."""
        return torch.ones(len(y), device=y.device)

    def forward(self, network, batch):
        """The loss that is added, for features that seek to be alike.

        Parameters
        ----------
        network : TransferNetwork
        batch : Batch
        """
        return batch.source.new_zeros(())


def reverse(features, strength):
    """The features; the gradient that comes back is turned round, or stopped at strength 0."""
    return _Reversed.apply(features, strength) if strength > 0 else features.detach()


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, strength):
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        return -ctx.strength * gradient, None
