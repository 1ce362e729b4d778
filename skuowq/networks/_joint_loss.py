"""Shared features, a head for the target and one for each source, and transport between them."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ._shapes import first_output
from ._transport_loss import transport_loss


@dataclass(frozen=True)
class JointObjective:
    """Classification by a head for each domain, and transport between their predictions.

    Attributes
    ----------
    n_classes : int
        Of the target.
    n_source_classes : tuple of int
        Of every source.
    costs : list of ndarray or None
        Of carrying a class of each source to one of the target; None carries nothing.
    source_loss_weight, transport_weight, reg : float
    transport_to : {"predictions", "labels"}
    """

    n_classes: int
    n_source_classes: tuple
    costs: list | None
    source_loss_weight: float = 1.0
    transport_weight: float = 1.0
    reg: float = 0.1
    transport_to: str = "predictions"

    def build(self, classifier, X):
        """What is trained beside a classifier.

        Parameters
        ----------
        classifier : SplitClassifier
        X : Tensor of shape (n_rows, ...)
            Some of its inputs.

        Returns
        -------
        loss : Module
        """
        return JointLoss(self, classifier, X)


class JointLoss(nn.Module):
    """The joint objective, and the heads of the sources.

    Parameters
    ----------
    objective : JointObjective
    classifier : SplitClassifier
        Its head is the target's.
    X : Tensor
        Some inputs, by which features are counted.
    """

    encodes_apart = False

    def __init__(self, objective, classifier, X):
        super().__init__()
        features = first_output("estimator", classifier.module, classifier.features, X)
        self.objective, self.n_features = objective, features.shape[1]
        self.source_heads = nn.ModuleList(
            nn.Linear(self.n_features, n) for n in objective.n_source_classes
        )
        for k, cost in enumerate(objective.costs or []):
            self.register_buffer(f"cost_{k}", torch.tensor(cost, dtype=torch.float32))
        self.to(features.dtype)

    def begin_epoch(self, classifier, X_target, progress):
        """Before an epoch there is nothing to do."""

    def loss(self, classifier, X, y, parts, row_losses):
        """The objective on a batch, and the outputs for its target rows.

        Parameters
        ----------
        classifier : SplitClassifier
        X : Tensor
            Target rows, then source rows.
        y : Tensor of int
            Indices into the classes of each row's own domain.
        parts : BatchParts
        row_losses : callable
            Losses of target rows, from outputs and labels.
        """
        n, objective = parts.n_target, self.objective
        features = classifier.features(X)
        ours, theirs = features[:n], features[n:]
        logits = classifier.logits(ours)
        outputs = classifier.ending(logits)
        weight = parts.weight.to(logits)
        total = (weight[:n] * row_losses(outputs, y[:n])).mean()
        if len(theirs) == 0:
            return total, outputs
        if objective.source_loss_weight > 0:
            losses = self._source_losses(theirs, y[n:], parts.source)
            total = total + objective.source_loss_weight * (weight[n:] * losses).mean()
        if objective.costs is not None:
            known = logits.detach()[:, : objective.n_classes]
            carried = self._carried(ours, known, y[:n], parts.shares)
            total = total + objective.transport_weight * (weight[:n] * carried).mean()
        return total, outputs

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
        for k in range(len(self.source_heads)):
            found = self.carried_from(k, ours, logits, y)
            total = total + shares[k].to(found) * found
        return total

    def carried_from(self, k, ours, logits, y):
        """Transport from the distribution of one source's head to the target's.

        Parameters
        ----------
        k : int
            Number of the source.
        ours : Tensor of shape (n_rows, n_features)
            Features of rows of the target.
        logits : Tensor of shape (n_rows, n_classes)
        y : Tensor of int of shape (n_rows,)

        Returns
        -------
        cost : Tensor of shape (n_rows,)
        """
        p, cost = self.source_heads[k](ours).softmax(dim=1), getattr(self, f"cost_{k}").to(ours)
        if self.objective.transport_to == "labels":
            return (p * cost[:, y].T).sum(dim=1)  # All goes to one class: there is one plan.
        return transport_loss(p, logits.softmax(dim=1), cost, self.objective.reg)
