"""Models that learn from the sources first, and then a little from the target."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.base import clone

from skuowq._data.domains import Domain, concatenate_rows
from skuowq._data.labels import find_labels, label_kind

from .anchored_logistic import fit_anchored

# Of an epoch: a handful of target rows would otherwise be done with a single step.
_FEWEST_BATCHES = 10


class SourceLabels:
    """Classes of the target and of all sources together.

    Parameters
    ----------
    classes : list of ndarray
        Of the target and of every source.
    names : sequence of str
        Of the sources.

    Attributes
    ----------
    target, sources : ndarray
        The classes, sorted.
    codes : ndarray of int
        For each class of the sources: its number among the target's, or one above all of these.
    n_codes : int
    """

    def __init__(self, classes, names):
        self.target, *self.own = classes
        kinds = [label_kind(own) for own in self.own]
        for kind, name in zip(kinds, names, strict=True):
            if kind != kinds[0]:
                raise ValueError(
                    f"the labels of {names[0]!r} are {kinds[0]}, those of {name!r} are {kind}: "
                    "label the sources alike"
                )
        self.sources = np.unique(np.concatenate(self.own)) if self.own else np.array([])
        self.codes = find_labels(self.sources, self.target)
        unknown = self.codes < 0
        self.n_codes = len(self.target) + int(unknown.sum())
        self.codes[unknown] = np.arange(len(self.target), self.n_codes)

    def indices(self, labels):
        """Indices into the sources' classes, from every source's indices into its own."""
        return np.concatenate(
            [np.searchsorted(self.sources, own)[y] for own, y in zip(self.own, labels, strict=True)]
        )

    @property
    def unknown(self):
        """Classes of the target that no source has."""
        return np.setdiff1d(np.arange(len(self.target)), self.codes)


@dataclass(frozen=True)
class TuningOptions:
    """How a network is trained and tuned.

    Attributes
    ----------
    n_tuned_layers : int or None
    checkpoint : str, Path or None
    seed, verbose : int
    """

    n_tuned_layers: int | None
    checkpoint: object
    seed: int
    verbose: int


class PretrainedNetwork:
    """A network, trained on the sources and tuned in its last layers.

    Parameters
    ----------
    options : TuningOptions
    base : NeuralNetClassifier
    domains : list of Domain
        The sources.
    labels : SourceLabels

    Attributes
    ----------
    pretrained : NeuralNetClassifier or None
    """

    def __init__(self, options, base, domains, labels):
        from skuowq.networks import train_weighted

        self.options, self.labels = options, labels
        self.base, self.pretrained = base, None
        if domains:
            pooled = Domain(
                concatenate_rows([domain.X for domain in domains]),
                labels.codes[labels.indices([domain.y for domain in domains])],
                np.concatenate([domain.sample_weight for domain in domains]),
                "the sources",
            )
            self.pretrained = train_weighted(
                base,
                pooled,
                [],
                [],
                checkpoint=self._folder("sources"),
                final=False,
                n_classes=labels.n_codes,
                with_head=True,
                seed=options.seed,
                verbose=options.verbose,
            )

    def _folder(self, name):
        folder = self.options.checkpoint
        return None if folder is None else Path(folder) / name

    def features(self, parts):
        """What the last layer sees of rows."""
        from skuowq.networks import as_inputs, head_inputs

        inputs = zip(parts, ["the sources", "the target"], strict=True)
        return head_inputs(self.pretrained, [as_inputs(self.pretrained, *part) for part in inputs])

    def tune(self, target):
        """Train the last layers on some rows of the target."""
        from skuowq.networks import as_inputs, layers_in_order, state_with_outputs, train_weighted

        net, start, frozen = self.base, None, []
        if self.pretrained is not None:
            net, sample = self.pretrained, as_inputs(self.pretrained, target.X[:2], target.label)
            unknown, n_classes = self.labels.unknown, len(self.labels.target)
            start = state_with_outputs(net, sample, unknown, n_classes)
            layers = layers_in_order(net, sample)
            n_tuned = self.options.n_tuned_layers
            frozen = [] if n_tuned is None else layers[:-n_tuned]
        return train_weighted(
            net,
            target,
            [],
            [],
            start=start,
            epoch_rows=_FEWEST_BATCHES * net.batch_size,
            frozen=frozen,
            checkpoint=self._folder("target"),
            n_classes=self.labels.n_codes,
            seed=self.options.seed,
            verbose=self.options.verbose,
        )


class PretrainedLogistic:
    """A logistic regression, fitted to the sources and tuned with a price on every step.

    Parameters and attributes as those of `PretrainedNetwork`, but for its options.
    """

    def __init__(self, base, domains, labels):
        if len(labels.target) < 2:
            raise ValueError(
                f"y has one class, {labels.target.tolist()[0]!r}, and a logistic regression tells "
                "two or more apart: pass rows of another class, too"
            )
        self.base, self.labels, self.pretrained = base, labels, None
        if domains:
            X = np.concatenate([domain.X for domain in domains])
            y = labels.sources[labels.indices([domain.y for domain in domains])]
            weight = np.concatenate([domain.sample_weight for domain in domains])
            self.pretrained = clone(base).fit(X, y, sample_weight=weight)

    def features(self, parts):
        """The rows themselves."""
        return parts

    def tune(self, target):
        """Fit to some rows of the target, starting at the sources' coefficients."""
        n_classes = len(self.labels.target)
        coef, intercept = np.zeros((n_classes, target.X.shape[1])), np.zeros(n_classes)
        if self.pretrained is not None:
            theta = np.column_stack([self.pretrained.coef_, self.pretrained.intercept_])
            theta = np.vstack([-theta, theta]) / 2 if len(theta) == 1 else theta
            shared = self.labels.codes < n_classes
            codes = self.labels.codes[shared]
            coef[codes], intercept[codes] = theta[shared, :-1], theta[shared, -1]
            if shared.any():
                intercept[self.labels.unknown] = theta[shared, -1].mean()
        return fit_anchored(
            self.base,
            target.X,
            target.y,
            target.sample_weight,
            self.labels.target,
            coef,
            intercept,
        )
