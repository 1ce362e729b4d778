"""The objective of gated networks: weighted rows, a discriminator of domains, and an alignment."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ._shapes import described, first_output
from ._split import make_module
from .alignments.alignment import Alignment, reverse

# Odds of the online gate are kept in these bounds.
_LEAST_ODDS = 1e-4


@dataclass(frozen=True)
class Sizes:
    """Numbers that the parts of a network share; inputs are counted flat."""

    n_inputs: int
    n_features: int
    n_classes: int
    n_sources: int


@dataclass(frozen=True)
class Batch:
    """Features of a batch, as an alignment sees them.

    Attributes
    ----------
    source, unlabeled : Tensor of shape (n_rows, n_features)
        Features of source rows, and of target rows taken without their labels.
    X_source : Tensor
        The inputs of the source rows.
    y_source : Tensor of int
    strength : float
        How much the features learn from the alignment.
    """

    source: torch.Tensor
    unlabeled: torch.Tensor
    X_source: torch.Tensor
    y_source: torch.Tensor
    strength: float


class Discriminator(nn.Module):
    """Log odds that a feature with a label is the target's rather than a source's.

    A hidden layer on the features, and its product with an embedding of the label: the label acts
    on what the features say. The last label stands for none.
    """

    def __init__(self, n_features, n_classes, n_sources, n_hidden):
        super().__init__()
        self.hidden = nn.Linear(n_features, n_hidden)
        self.plain = nn.Linear(n_hidden, n_sources)
        self.label = nn.Linear(n_classes + 1, n_hidden * n_sources, bias=False)
        self.offset = nn.Linear(n_classes + 1, n_sources, bias=False)
        nn.init.normal_(self.label.weight, std=0.1)
        nn.init.zeros_(self.offset.weight)

    def forward(self, features, one_hot):
        hidden = torch.relu(self.hidden(features))
        by_label = self.label(one_hot).reshape(len(features), -1, hidden.shape[1])
        product = (by_label * hidden[:, None, :]).sum(dim=2)
        return self.plain(hidden) + product + self.offset(one_hot)


@dataclass(frozen=True)
class GatedObjective:
    """Weighted classification of target and sources, a discriminator and an alignment.

    Attributes
    ----------
    alignment : Alignment or None
    n_classes, n_sources : int
    online : float, default=0
        Share of a source row's weight that is the discriminator's odds; the rest is 1.
    gate_labels : bool, default=True
        Whether the odds that weigh rows are those given the label.
    balanced, clip : bool, float
        As in `density_ratio`.
    """

    alignment: object
    n_classes: int
    n_sources: int
    online: float = 0.0
    gate_labels: bool = True
    balanced: bool = True
    clip: float = 20.0

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
        return GatedLoss(self, classifier, X)


class _NoAlignment(Alignment):
    sees_features = sees_labels = False


class GatedLoss(nn.Module):
    """The gated objective, and the parts of it that are trained: discriminator and alignment.

    Parameters
    ----------
    objective : GatedObjective
    classifier : SplitClassifier
    X : Tensor
        Some inputs, by which features are counted.
    """

    def __init__(self, objective, classifier, X):
        super().__init__()
        alignment = objective.alignment or _NoAlignment(weight=0.0)
        features = first_output("estimator", classifier.module, classifier.features, X)
        n_features = features.shape[1]
        self.sizes = Sizes(X[0].numel(), n_features, objective.n_classes, objective.n_sources)
        self.match_features, self.match_labels = alignment.sees_features, alignment.sees_labels
        self.alignment = alignment.build(self.sizes, classifier)
        self.plays, self.weight = alignment.plays, alignment.weight
        self.online, self.gate_labels = objective.online, objective.gate_labels
        self.balanced, self.clip = objective.balanced, objective.clip
        self.discriminator = None
        if self.online > 0 or self.plays:
            self.discriminator = make_module(
                "discriminator", alignment.discriminator
            ) or Discriminator(
                n_features, objective.n_classes, objective.n_sources, alignment.discriminator_size
            )
            _check_discriminator(self.discriminator, self.sizes)
        self.to(features.dtype)

    @property
    def encodes_apart(self):
        """Whether source rows come to have an encoder of their own."""
        return self.alignment.encodes_apart

    def begin_epoch(self, classifier, X_target, progress):
        """Before an epoch; `progress` is the share of the training that is done."""
        self.alignment.begin_epoch(classifier, X_target, progress)

    def loss(self, classifier, X, y, parts, row_losses):
        """The objective on a batch, and the outputs for its labelled rows.

        Parameters
        ----------
        classifier : SplitClassifier
        X : Tensor
            Labelled target rows, unlabelled ones (none: the labelled take their place), source
            rows.
        y : Tensor of int
            Labels; of unlabelled rows they are not read, nor those of the target where `parts` says
            that it has none.
        parts : BatchParts
        row_losses : callable
            Losses of rows, from outputs and labels.
        """
        n, n_unlabeled = parts.n_target, parts.n_unlabeled
        begin = n + n_unlabeled
        encoder = self.alignment.source_classifier(classifier)
        if encoder is classifier:
            features = classifier.features(X)
            ours, theirs = features[:begin], features[begin:]
        else:
            ours, theirs = classifier.features(X[:begin]), encoder.features(X[begin:])
        labelled = ours[:n]
        unlabeled = ours[n:] if n_unlabeled else labelled
        y_target, y_source = y[:n], y[begin:]
        outputs = classifier.outputs(torch.cat([labelled, theirs]))
        losses = row_losses(outputs, torch.cat([y_target, y_source])) * parts.weight.to(outputs)
        total = losses[:n].mean() if parts.labelled else losses.new_zeros(())
        if len(theirs) == 0:
            return total, outputs
        strength = self.weight * parts.strength
        row_weight = self.alignment.row_weight(y_source).to(outputs)
        if self.discriminator is not None:
            adversary = strength if self.plays and not self.alignment.is_idle() else 0.0
            total = total + self._game(
                labelled, unlabeled, theirs, y_target, y_source, parts, row_weight, adversary
            )
        if self.online > 0:
            row_weight = row_weight * self._gate(theirs, y_source, parts.source)
        total = total + (row_weight * losses[n:]).mean()
        batch = Batch(theirs, unlabeled, X[begin:], y_source, strength)
        return total + self.alignment(batch), outputs

    def _game(self, labelled, unlabeled, theirs, y_target, y_source, parts, row_weight, adversary):
        """Equation 10: the discriminator's loss, which the features seek to raise."""
        # Without labels to match or to gate by, and the other way round, half of the game is idle.
        gates = self.online > 0
        match_labels = self.match_labels and parts.labelled
        plays_labels = match_labels or (gates and self.gate_labels)
        plays_features = self.match_features or (gates and not self.gate_labels)
        games = []
        if plays_features:
            strength = adversary if self.match_features else 0.0
            games.append((unlabeled, None, strength))
        if plays_labels:
            strength = adversary if match_labels else 0.0
            games.append((labelled, y_target, strength))
        if not games:
            return labelled.new_zeros(())
        features = [reverse(torch.cat([ours, theirs]), strength) for ours, _, strength in games]
        labels = [
            self._no_labels(part) if y_ours is None else torch.cat([y_ours, y_source])
            for part, (_, y_ours, _) in zip(features, games, strict=True)
        ]
        # In one pass: layers that normalise a batch must not normalise each domain for itself.
        log_odds = self._log_odds(torch.cat(features), torch.cat(labels))
        log_odds = log_odds.split([len(part) for part in features])
        return sum(
            self._discrimination(part, len(ours), y_ours is not None, parts, row_weight)
            for part, (ours, y_ours, _) in zip(log_odds, games, strict=True)
        )

    def _discrimination(self, log_odds, n_ours, y_is_known, parts, row_weight):
        shared = log_odds.shape[1] == 1
        log_odds = log_odds.expand(-1, self.sizes.n_sources)
        log_odds, of_source = log_odds[:n_ours], log_odds[n_ours:]
        plays = parts.plays.to(log_odds)
        n = parts.n_target
        ours_play = plays[:n] if y_is_known else 1.0  # Unlabelled rows have no weights.
        columns = parts.shares.to(log_odds)
        if not self.balanced:
            # Each source against the target in the sizes that they have.
            columns = parts.size_ratio * (columns if shared else (columns > 0).to(log_odds))
        of_target = F.softplus(-log_odds) @ columns
        of_source = F.softplus(self._own_column(of_source, parts.source))
        return (ours_play * of_target).mean() + (row_weight * plays[n:] * of_source).mean()

    def _log_odds(self, features, y):
        """A column for each source, or one for all."""
        one_hot = F.one_hot(y, self.sizes.n_classes + 1).to(features)
        return self.discriminator(features, one_hot).reshape(len(features), -1)

    def _no_labels(self, features):
        """The label that stands for none."""
        return torch.full((len(features),), self.sizes.n_classes, device=features.device)

    def _own_column(self, log_odds, source):
        return log_odds.gather(1, source[:, None].to(log_odds.device))[:, 0]

    def _gate(self, theirs, y_source, source):
        """The online gate's weights of source rows, without gradient."""
        with torch.no_grad():
            y = y_source if self.gate_labels else self._no_labels(theirs)
            log_odds = self._log_odds(theirs, y)
            log_odds = log_odds.expand(-1, self.sizes.n_sources)
            odds = self._own_column(log_odds, source).exp().clamp(_LEAST_ODDS, self.clip)
        return self.online * odds + (1 - self.online)

    def odds(self, classifier, X, y, source):
        """The online gate's weights of the rows of one source."""
        with torch.no_grad():
            features = self.alignment.source_classifier(classifier).features(X)
        return self._gate(features, y, torch.full((len(y),), source, device=y.device))


def _check_discriminator(discriminator, sizes):
    """Refuse one whose output is not a number for each row, or one for each row and source."""
    n_rows = sizes.n_sources + 2  # Rows must not be taken for columns.
    some = next(discriminator.parameters(), torch.zeros(0))
    output = first_output(
        "discriminator",
        discriminator,
        discriminator,
        some.new_zeros(n_rows, sizes.n_features),
        some.new_zeros(n_rows, sizes.n_classes + 1),
    )
    shape = tuple(getattr(output, "shape", ()))
    if shape[:1] != (n_rows,):
        raise ValueError(
            f"discriminator turns {n_rows} rows into {described(output)}: it must return a row for "
            f"each, an array of shape ({n_rows}, {sizes.n_sources}) or ({n_rows}, 1)"
        )
    n_columns = output.numel() // n_rows
    if n_columns not in (1, sizes.n_sources):
        raise ValueError(
            f"discriminator returns {n_columns} columns, and there are {sizes.n_sources} sources: "
            "return one for each, or one for all"
        )
