"""What is trained on gated rows: any classifier, one that weighs sources itself, or a network.

All have the same methods. `choose_learner` is the one place that tells which it is.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

from skuowq._data.domains import concatenate_rows, is_frame
from skuowq._data.sources import Sources
from skuowq._held_out.pool import pool
from skuowq._utils._base_estimator import (
    NETWORK_CHECKS,
    aligned_columns,
    array_checks,
    is_network,
    sample_weight_name,
    seeded,
)
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._progress import Progress

from .gates import GateOptions, effective_size

# Factors that cross-validation chooses from; a network is trained anew for each.
_GRID = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_NETWORK_GRID = (0.0, 1.0)
_N_FOLDS = 5
# Where each candidate is trained, and where only the pool of two networks is wanted.
_N_NETWORK_FOLDS, _N_POOL_FOLDS = 3, 2


@dataclass(frozen=True)
class LearnerOptions:
    """What decides how gated rows are learnt from.

    Attributes
    ----------
    estimator : classifier, skorch net or None
    alignment : str, Alignment or None
    gate : GateOptions
    checkpoint : str, Path or None
    seeded : bool
        Whether the classifier's random states are set.
    verbose : int
    """

    estimator: object
    alignment: object
    gate: GateOptions
    checkpoint: object
    seeded: bool
    verbose: int


def choose_learner(options):
    """The learner for an estimator, or an error that names what it cannot honour.

    Parameters
    ----------
    options : LearnerOptions

    Returns
    -------
    learner : NetworkLearner, RowsLearner or SourcesLearner
    """
    if options.estimator is None or is_network(options.estimator):
        return NetworkLearner(options)
    name = type(options.estimator).__name__
    if options.alignment is not None and options.alignment != "auto":
        raise ValueError(
            f"alignment={options.alignment!r} aligns the features of a network, and estimator is a "
            f"{name}: leave alignment='auto', or pass a skorch NeuralNetClassifier as estimator"
        )
    if options.gate.is_online:
        raise ValueError(
            f"gate='online' is a network's discriminator, and estimator is a {name}: pass "
            "gate=True, or a skorch NeuralNetClassifier as estimator"
        )
    if options.checkpoint is not None:
        raise ValueError(
            f"checkpoint={str(options.checkpoint)!r} keeps the epochs of a network, and estimator "
            f"is a {name}: leave it out, or pass a skorch NeuralNetClassifier as estimator"
        )
    weighs_sources = has_fit_parameter(options.estimator, "sources")
    return SourcesLearner(options) if weighs_sources else RowsLearner(options)


class RowsLearner:
    """Any classifier whose ``fit`` takes ``sample_weight``.

    Parameters
    ----------
    options : LearnerOptions

    Attributes
    ----------
    pools : bool
        Whether predictions are pooled with those of a model of the target alone.
    takes_unlabeled : bool
        Whether it learns from rows without labels.
    weighs_sources : bool
        Whether it decides about the trust of the sources.
    name : str
        Of what is fitted.
    """

    pools = takes_unlabeled = weighs_sources = False
    n_folds = _N_FOLDS
    verbose = 0  # Networks alone tell of their last trainings.
    # Threads share the odds of a fold.
    prefer = "threads"

    def __init__(self, options):
        self.estimator, self.name = options.estimator, type(options.estimator).__name__
        self.weight_name = sample_weight_name(options.estimator)
        self.seed = options.gate.seed if options.seeded else None

    def door(self, X):
        """How rows are checked: arguments of `_read_target`."""
        return {"frames": is_frame(X), "checks": array_checks(self.estimator)}

    def light(self, task):
        """A lighter learner that finds the trust, and its task; None where it is light itself."""

    def features(self, task):
        """Vectors for all rows, where these are read from data sets: only networks read any."""

    def factors(self, task):
        """Factors to try: up to sources whose rows weigh as the target's."""
        most = sum(domain.n_samples for domain in task.domains) / task.target.n_samples
        return tuple(factor for factor in _GRID if factor <= max(1.0, most))

    def check_comparable(self):
        """Refuse a classifier whose predictions held-out rows cannot judge."""
        if not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"trust='cv' compares probabilities, and {type(self.estimator).__name__} has no "
                "predict_proba: pass trust=1.0, or a classifier that has"
            )

    def train(self, task, target, weights, factors, gate_share, *, quiet):
        """Fit to rows of the target and weighted rows of the sources.

        Parameters
        ----------
        task : GateTask
        target : Domain
            Some rows of the task's.
        weights : list of ndarray
            Of the rows of every source.
        factors : sequence of float
            Of every source.
        gate_share : float
            How much of the weights is the gate's.
        quiet : bool
            Whether the model is one of several that are compared.

        Returns
        -------
        model : classifier or net
        """
        parts = [(target.X, target.y, np.ones(len(target.y)), target.sample_weight)]
        total = sum(domain.n_samples for domain in task.domains)
        for domain, w, factor in zip(task.domains, weights, factors, strict=True):
            if factor > 0:
                weight = factor * w * (target.n_samples / total)
                parts.append((domain.X, domain.y, weight, domain.sample_weight))
        X, y, weight, counts = zip(*parts, strict=True)
        X, y = concatenate_rows(X), task.classes[np.concatenate(y)]
        weight, counts = np.concatenate(weight), np.concatenate(counts)
        # For penalties: a hundred source rows that weigh as three target rows do are worth more
        # than three. The target alone is worth its rows.
        weight *= counts * effective_size(weight, counts) / (counts @ weight)
        if len(np.unique(y)) < 2 <= len(task.classes):
            return DummyClassifier().fit(X, y)  # Of a fold of one class.
        try:
            return seeded(self.estimator, self.seed).fit(X, y, **{self.weight_name: weight})
        except ValueError as error:
            # So scikit-learn's own say that they diverged.
            raise FailedFit(str(error)) from error

    def probabilities(self, model, X, classes):
        """Of every class."""
        return aligned_columns(model.predict_proba(X), model.classes_, classes)

    def row_weights(self, task, model, trust, weights):
        """Weights of the rows that took part, once the model is trained."""
        return weights

    def attributes(self, task, model, alone, trust):
        """What the fitted estimator shows of the model."""
        return {"estimator_": model, "trust_": task.left.among_all(trust.factors, 0.0)}


class _LightLearner(RowsLearner):
    """A logistic regression that stands for a network where sources are tried."""

    def __init__(self, seed):
        self.estimator = make_pipeline(StandardScaler(), LogisticRegression())
        self.name = "LogisticRegression"
        self.weight_name, self.seed = sample_weight_name(self.estimator), seed


class SourcesLearner(RowsLearner):
    """A classifier whose ``fit`` takes sources and weighs them, such as `UOWQClassifier`."""

    weighs_sources = True

    def factors(self, task):
        """With the gate or without it: the rest is the estimator's."""
        return (1.0,)

    def train(self, task, target, weights, factors, gate_share, *, quiet):
        """Fit to sources with weighted rows, each as large as its effective sample size."""
        sources = self._gated_sources(task, weights) if task.domains else None
        options = {self.weight_name: target.sample_weight}
        if target.named is not None:
            options[self.weight_name.replace("sample_weight", "groups")] = target.named
        y = task.classes[target.y]
        return seeded(self.estimator, self.seed).fit(target.X, y, sources=sources, **options)

    def _gated_sources(self, task, weights):
        triples = []
        for domain, w in zip(task.domains, weights, strict=True):
            counts = domain.sample_weight
            weight = w * counts * effective_size(w, counts) / (w @ counts)
            triples.append((domain.X, task.classes[domain.y], weight))
        names = list(itertools.compress(task.sources.names, task.left.kept))
        return Sources(triples, names=names)

    def attributes(self, task, model, alone, trust):
        """What the fitted estimator shows of the model; trust is the sources' weights."""
        found = super().attributes(task, model, alone, trust)
        last = model.steps[-1][1] if hasattr(model, "steps") else model
        if task.domains and hasattr(last, "source_weights_"):
            found["trust_"] = task.left.among_all(last.source_weights_, 0.0)
        return found


class NetworkLearner:
    """A skorch net, its features aligned.

    Parameters and attributes as those of `RowsLearner`.
    """

    pools = takes_unlabeled = True
    weighs_sources = False
    n_folds, n_pool_folds = _N_NETWORK_FOLDS, _N_POOL_FOLDS
    name = "network"
    # Networks have random states of their own process.
    prefer = "processes"

    def __init__(self, options):
        from skuowq.networks import DANN, alignment_of, make_perceptron

        automatic = isinstance(options.alignment, str) and options.alignment == "auto"
        self.alignment = DANN() if automatic else alignment_of(options.alignment)
        self.net = make_perceptron() if options.estimator is None else options.estimator
        self.gate, self.checkpoint = options.gate, options.checkpoint
        self.verbose = options.verbose

    def door(self, X):
        """How rows are checked: arguments of `_read_target`."""
        return {"frames": False, "checks": NETWORK_CHECKS}

    def light(self, task):
        """A logistic regression on the inputs. An online gate is in the network alone."""
        if self.gate.is_online:
            return None
        target, *domains = task.flat
        left = replace(task.left, domains=domains)
        return _LightLearner(self.gate.seed), replace(task, target=target, left=left)

    def features(self, task):
        """What the last layer of a network that knows the sources alone sees of all rows."""
        from skuowq.networks import as_inputs, head_inputs, train_weighted

        first, *others = task.domains
        progress = Progress("gate, features of rows", self.verbose, 1)
        net = train_weighted(
            self.net,
            first,
            others,
            np.ones(len(others)),
            seed=self.gate.seed,
            checkpoint=self.checkpoint,
            final=False,
            n_classes=len(task.classes),
            with_head=True,
        )
        progress("network of the sources")
        parts = [task.target, *task.domains]
        return head_inputs(net, [as_inputs(net, part.X, part.label) for part in parts])

    def factors(self, task):
        """Factors to try."""
        return _NETWORK_GRID

    def check_comparable(self):
        """Networks have probabilities."""

    def train(self, task, target, weights, factors, gate_share, *, quiet):
        """Train on rows of the target and weighted rows of the sources; as `RowsLearner.train`."""
        from skuowq.networks import GatedObjective, train_aligned

        used = any(factor > 0 for factor in factors)
        objective = GatedObjective(
            alignment=self.alignment,
            n_classes=len(task.classes),
            n_sources=max(len(task.domains), 1),
            online=gate_share if used and self.gate.is_online else 0.0,
            gate_labels=self.gate.labels,
            balanced=self.gate.balanced,
            clip=self.gate.clip,
        )
        return train_aligned(
            self.net,
            target,
            task.domains,
            weights,
            factors,
            task.X_unlabeled,
            labelled=task.labelled,
            objective=objective,
            seed=self.gate.seed,
            verbose=0 if quiet else self.verbose,
            checkpoint=self.checkpoint,
            final=not quiet,
        )

    def probabilities(self, model, X, classes):
        """Of every class."""
        from skuowq.networks import predict_proba

        return predict_proba(model, X, len(classes))

    def row_weights(self, task, model, trust, weights):
        """Weights of the rows that took part; of an online gate they are the network's."""
        if trust.gate_share == 0 or not self.gate.is_online:
            return weights
        from skuowq.networks import online_odds

        # Of a source that took no part the discriminator knows nothing.
        return [
            online_odds(model, domain.X, domain.y, i) if factor > 0 else np.ones(len(domain.y))
            for i, (domain, factor) in enumerate(zip(task.domains, trust.factors, strict=True))
        ]

    def attributes(self, task, model, alone, trust):
        """What the fitted estimator shows of the model."""
        return {
            "net_": model,
            "target_net_": alone,
            "pool_exponents_": trust.exponents,
            "_target_classes": np.unique(task.target.y),
            "discriminator_": model.objective_.discriminator,
            "history_": model.history,
            "trust_": task.left.among_all(trust.factors, 0.0),
        }


def pooled_probabilities(net, alone, exponents, X, classes, target_classes):
    """Probabilities of a network, pooled with those of the network of the target alone.

    Parameters
    ----------
    net : NeuralNetClassifier
    alone : NeuralNetClassifier or None
        None pools nothing.
    exponents : ndarray of shape (2,) or None
    X : ndarray of shape (n_rows, ...)
    classes : ndarray of shape (n_classes,)
    target_classes : ndarray of int
        Which of them have labelled rows in the target.

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_classes)
    """
    from skuowq.networks import predict_proba

    found = predict_proba(net, X, len(classes))
    if alone is None:
        return found
    of_target = predict_proba(alone, X, len(classes))
    return pool([exponents], [1.0], found, of_target, target_classes)
