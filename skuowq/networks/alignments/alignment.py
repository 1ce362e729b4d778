"""What every alignment has: parameters, and a part that is trained beside the classifier."""

from numbers import Real
from typing import ClassVar

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skuowq._utils._sklearn import Interval


class Alignment(BaseEstimator):
    """Base of all alignments: the parameters of one, which grid search reaches.

    A subclass keeps the parameters of its constructor as they are, as scikit-learn's estimators
    do, and returns from `build` what is trained.

    Parameters
    ----------
    weight : float, default=0.1
        How strongly the features follow the alignment. It rises to this value during the training.
    """

    # Whether the features play against a discriminator of domains.
    plays = False
    # What the discriminator, if there is one, learns to tell apart: the features, and the features
    # together with their labels.
    sees_features = sees_labels = True
    # Alignments that play have parameters of these names.
    discriminator = None
    discriminator_size = 64

    _parameter_constraints: ClassVar[dict] = {"weight": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, weight=0.1):
        self.weight = weight

    def build(self, sizes, classifier):
        """The part that is trained.

        Parameters
        ----------
        sizes : Sizes
            ``n_inputs``, ``n_features``, ``n_classes`` and ``n_sources``.
        classifier : SplitClassifier
            The network before its training.

        Returns
        -------
        part : AlignmentPart
        """
        return AlignmentPart()


class AlignmentPart(nn.Module):
    """What an alignment does during the training; this one does nothing."""

    # Whether source rows come to have an encoder of their own.
    encodes_apart = False

    def __init__(self):
        super().__init__()

    def begin_epoch(self, classifier, X_target, progress):
        """Before an epoch.

        Parameters
        ----------
        classifier : SplitClassifier
        X_target : Tensor
            All unlabelled rows of the target, or the labelled ones where there are no others.
            Where they are read from a data set it has only ``split`` and ``len``.
        progress : float
            Share of the training that is done.
        """

    def is_idle(self):
        """Whether nothing is aligned yet.

        Returns
        -------
        idle : bool
        """
        return False

    def source_classifier(self, classifier):
        """The network whose features source rows have.

        Parameters
        ----------
        classifier : SplitClassifier
            The one that is trained.

        Returns
        -------
        classifier : SplitClassifier
        """
        return classifier

    def row_weight(self, y):
        """Weights of source rows, besides those of the gate.

        Parameters
        ----------
        y : Tensor of shape (n_rows,)
            Their class indices.

        Returns
        -------
        weight : Tensor of shape (n_rows,)
        """
        return torch.ones(len(y), device=y.device)

    def forward(self, batch):
        """The loss that is added.

        Parameters
        ----------
        batch : Batch
            ``source`` and ``unlabeled`` (features), ``X_source``, ``y_source`` and ``strength``.

        Returns
        -------
        loss : Tensor
            A number. Multiply what the features learn from by ``batch.strength``.
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
