"""Shared features, a head for the target and one for each source, and transport between them."""

import torch
import torch.nn.functional as F
from torch import nn

from ._features import make_features
from ._transport_loss import transport_loss


class JointNetwork(nn.Module):
    """What is trained: it predicts by the target's head.

    Parameters
    ----------
    features : Module, type or None
        Maps inputs to rows of features; None is a perceptron.
    sample : ndarray
        Some inputs, by which the features are counted.
    hidden_layer_sizes : tuple of int
    n_classes : int
        Of the target.
    n_source_classes : tuple of int
        Of every source.
    costs : list of ndarray or None
        Of carrying a class of each source to one of the target; None carries nothing.
    source_loss_weight, transport_weight, reg : float
    transport_to : {"predictions", "labels"}
    """

    encodes_apart = False

    def __init__(
        self,
        features,
        sample,
        hidden_layer_sizes,
        n_classes,
        n_source_classes,
        costs,
        source_loss_weight,
        transport_weight,
        reg,
        transport_to,
    ):
        super().__init__()
        self.features, self.n_features = make_features(features, sample, hidden_layer_sizes)
        self.classifier = nn.Linear(self.n_features, n_classes)
        self.source_heads = nn.ModuleList(nn.Linear(self.n_features, n) for n in n_source_classes)
        self.carries = costs is not None
        for k, cost in enumerate(costs or []):
            self.register_buffer(f"cost_{k}", torch.tensor(cost, dtype=torch.float32))
        self.source_loss_weight, self.transport_weight = source_loss_weight, transport_weight
        self.reg, self.transport_to = reg, transport_to

    def forward(self, X):
        return self.classifier(self.features(X))

    @property
    def reads_inputs(self):
        """The part that decides which dtype inputs have."""
        return self.features

    def begin_epoch(self, X_target, progress):
        """Before an epoch there is nothing to do."""

    def loss(self, X, y, parts):
        """The objective on a batch, and the logits of its target rows.

        Parameters
        ----------
        X : Tensor
            Target rows, then source rows.
        y : Tensor of int
            Indices into the classes of each row's own domain.
        parts : BatchParts
        """
        n = parts.n_target
        features = self.features(X)
        ours, theirs = features[:n], features[n:]
        logits = self.classifier(ours)
        weight = parts.weight.to(logits)
        total = (weight[:n] * F.cross_entropy(logits, y[:n], reduction="none")).mean()
        if len(theirs) == 0:
            return total, logits
        if self.source_loss_weight > 0:
            losses = self._source_losses(theirs, y[n:], parts.source)
            total = total + self.source_loss_weight * (weight[n:] * losses).mean()
        if self.carries:
            carried = self._carried(ours, logits.detach(), y[:n], parts.shares)
            total = total + self.transport_weight * (weight[:n] * carried).mean()
        return total, logits

    def _source_losses(self, theirs, y, source):
        losses = theirs.new_zeros(len(y))
        for k, head in enumerate(self.source_heads):
            rows = torch.nonzero(source == k)[:, 0]
            losses = losses.index_add(
                0, rows, F.cross_entropy(head(theirs[rows]), y[rows], reduction="none")
            )
        return losses

    def _carried(self, ours, logits, y, shares):
        """Transport from every source head's distribution to the target's, for each target row."""
        total = ours.new_zeros(len(y))
        for k, head in enumerate(self.source_heads):
            p, cost = head(ours).softmax(dim=1), getattr(self, f"cost_{k}").to(ours)
            if self.transport_to == "labels":
                found = (p * cost[:, y].T).sum(dim=1)  # All goes to one class: there is one plan.
            else:
                found = transport_loss(p, logits.softmax(dim=1), cost, self.reg)
            total = total + shares[k].to(found) * found
        return total
