"""OT3LClassifier: pretrained on the sources, tuned on target rows that optimal transport chose."""

from itertools import compress
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skuowq._data.dataset_rows import rows_and_labels
from skuowq._data.domains import take_rows
from skuowq._data.fit_input import FitInputMixin
from skuowq._data.task import read_task
from skuowq._utils._array_api import in_numpy
from skuowq._utils._base_estimator import NETWORK_CHECKS, AnyClassifierMixin, is_network
from skuowq._utils._logistic import is_logistic, is_plain
from skuowq._utils._progress import Progress
from skuowq._utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skuowq.transport.checked import AGGREGATES, METHODS, STRATEGIES

from .choice_report import choice_report
from .choose_rows import ChoiceOptions, choose_rows, measure_distances
from .pretrained import PretrainedLogistic, PretrainedNetwork, SourceLabels, TuningOptions


class OT3LClassifier(
    FitInputMixin,
    AnyClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Classifier pretrained on the sources and tuned on a budget of chosen target rows (OT3L).

    A network or a logistic regression learns from the sources. Optimal transport then tells which
    classes of the target are far from the sources' and which are near. A budget of target rows is
    drawn from both, and the network's last layers are tuned on them.

    Parameters
    ----------
    estimator : NeuralNetClassifier or LogisticRegression, default=None
        A network that ends in a linear layer, with an output for each class of target and sources
        together; or a logistic regression. Learning rate, optimizer, batch size, epochs, callbacks,
        split and device of a network are those of the net. None is
        :class:`~sklearn.linear_model.LogisticRegression`.
    strategy : {"mixed", "far", "near", "uniform", "stratified"}, default="mixed"
        Which target rows are tuned on; see :func:`skuowq.transport.select_target_rows`.
    budget : int, default=None
        How many. None is all of them, and then all strategies are one.
    alpha : float in [0, 1], default=0.5
        Share of "mixed" that comes from far classes.
    aggregate : {"mean", "min", "ot"}, default="mean"
        A target class's distance from the sources.
    n_far : int, default=None
        How many classes are far. None is half of them, rounded up.
    distance : {"gaussian", "exact", "sinkhorn", "mmd"}, default="gaussian"
        Between classes; see :func:`skuowq.transport.class_distances`.
    n_tuned_layers : int, default=2
        Layers of a network that are tuned, the last ones. None tunes all.
    checkpoint : str or Path, default=None
        For networks: folder in which every epoch is saved. A fit that was interrupted continues
        when it is called again with the same data and an integer `random_state`. The files are
        pickles, which can run code when they are read: let only those write there whom you trust.
    n_jobs : int, default=None
        Workers over pairs of classes.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1 prints a line for each step, and for networks a line an epoch.

    Attributes
    ----------
    selected_indices_ : ndarray of int of shape (budget,)
        Rows of X that were tuned on, sorted.
    selected_counts_ : ndarray of int of shape (n_classes,)
        How many of them each class has.
    class_distances_ : ndarray of shape (n_source_classes, n_target_classes) or None
        None where the strategy asks for none or there is no source.
    net_ : skorch.NeuralNetClassifier
        With a network: tuned. Its first outputs are ``classes_``.
    estimator_ : LogisticRegression
        With a logistic regression: tuned.
    pretrained_ : NeuralNetClassifier, LogisticRegression or None
        Before the tuning; None without sources.
    source_classes_ : ndarray
        Classes of the sources.
    source_report_ : ChoiceReport
        Which rows were chosen and why, as a table with a row for each class of the target:
        ``print(clf.source_report_)``. A notebook shows it as HTML.
    source_names_ : list of str
    n_sources_ : int
    classes_ : ndarray of shape (n_classes,)
        Of the target.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.transport.select_target_rows : The choice alone.
    skuowq.JTLNClassifier : Trains on sources and target jointly.

    Notes
    -----
    Distances between classes are measured on the features that the pretrained network's last layer
    sees, or on X: standardise the columns for a logistic regression.

    On the digits that we measured, choosing by transport did not help: with the default `alpha` and
    as many far classes as near ones, "mixed" is "stratified" row for row. The user guide,
    ``docs/transport.md``, gives the figures and explains the tuning.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skuowq import OT3LClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> clf = OT3LClassifier(strategy="stratified", budget=30, random_state=0)
    >>> clf = clf.fit(X[:600] ** 2, y[:600], sources=[(X[600:1200], y[600:1200])])
    >>> len(clf.selected_indices_)
    30
    """

    # Routed without being asked for.
    __metadata_request__fit = {"sources": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "strategy": [StrOptions(set(STRATEGIES))],
        "budget": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, 1, closed="both")],
        "aggregate": [StrOptions(set(AGGREGATES))],
        "n_far": [Interval(Integral, 0, None, closed="left"), None],
        "distance": [StrOptions(set(METHODS))],
        "n_tuned_layers": [Interval(Integral, 1, None, closed="left"), None],
        "checkpoint": [str, Path, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        strategy="mixed",
        budget=None,
        alpha=0.5,
        aggregate="mean",
        n_far=None,
        distance="gaussian",
        n_tuned_layers=2,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.budget = budget
        self.alpha = alpha
        self.aggregate = aggregate
        self.n_far = n_far
        self.distance = distance
        self.n_tuned_layers = n_tuned_layers
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @in_numpy
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sources=None, *, sample_weight=None):
        """Pretrain on the sources, choose target rows and tune on them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or Dataset
            The pool of target rows; networks take arrays of any number of axes, or a map-style
            torch data set. The sources must then be data sets, too.
        y : array-like of shape (n_samples,), default=None
            Labels of the target. None takes those of a data set.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns; equal labels mean equal classes. Wrap them in
            :class:`skuowq.Sources` when cross-validating.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the target's rows in the tuning; those of weight 0 are not chosen.

        Returns
        -------
        self : OT3LClassifier

        Raises
        ------
        ValueError, TypeError
            For input out of bounds; the message names the source, the fact and the remedy.
        """
        X, y = rows_and_labels(X, y)
        base = self._checked_base()
        sources, choice = self._sources_of(sources, X, y), self._choice_options()
        rows = self._read_target(X, y, frames=False, checks=self._row_checks())
        task = read_task(rows, sample_weight, sources, None, labels="separate")
        progress = Progress("OT3L", self.verbose, 3)
        model, random = self._pretrain(base, task)
        progress("training on the sources")
        distances, chosen = _choose(choice, model, task, random)
        progress("choice of target rows")
        tuned = model.tune(take_rows(task.target, chosen))
        progress(f"tuning on {len(chosen)} target rows")
        given = _rows_given(chosen, sample_weight, rows.n_given)
        return self._publish(task, model, distances, tuned, given)

    def _checked_base(self):
        """The estimator that is tuned; what cannot be honoured is refused."""
        base = self._base_estimator()
        _check_base(base, self.checkpoint)
        self._check_checkpoint()
        return base

    def _choice_options(self):
        return ChoiceOptions(
            strategy=self.strategy,
            budget=self.budget,
            alpha=self.alpha,
            aggregate=self.aggregate,
            n_far=self.n_far,
            distance=self.distance,
            n_jobs=self.n_jobs,
        )

    def _pretrain(self, base, task):
        """The model that has learnt from the sources, and the generator that draws rows."""
        labels = SourceLabels(task.used_classes, list(compress(task.names, task.left.kept)))
        random = check_random_state(self.random_state)
        seed = random.randint(2**31 - 1)
        if not is_network(base):
            return PretrainedLogistic(base, task.domains, labels), random
        options = TuningOptions(self.n_tuned_layers, self.checkpoint, seed, self.verbose)
        return PretrainedNetwork(options, base, task.domains, labels), random

    def _publish(self, task, model, distances, tuned, chosen):
        """Set every fitted attribute, once the fit has gone well."""
        given, rows = chosen
        report = choice_report(self._choice_options(), task, model.labels, distances, rows)
        self._learn(task.rows.learnt)
        for name in ("net_", "estimator_"):
            self.__dict__.pop(name, None)
        setattr(self, "net_" if is_network(tuned) else "estimator_", tuned)
        self.pretrained_, self.class_distances_ = model.pretrained, distances
        self.classes_, self.source_classes_ = model.labels.target, model.labels.sources
        self.selected_indices_, self.selected_counts_ = given, report.n_chosen
        self.source_names_, self.n_sources_ = task.names, len(task.names)
        self.source_report_ = report
        return self

    def _has_network(self):
        return is_network(self._base_estimator())

    def _row_checks(self):
        if self._has_network():
            return NETWORK_CHECKS
        return {"accept_sparse": False, "ensure_all_finite": True, "dtype": np.float64}

    def predict(self, X):
        """Predict class labels of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Probabilities of the target's classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        X = self._check_rows(X)
        if hasattr(self, "estimator_"):
            return self.estimator_.predict_proba(X)
        from skuowq.networks import predict_proba

        found = predict_proba(self.net_, X, len(self.classes_))
        return found / found.sum(axis=1, keepdims=True)  # Of a net in single precision, too.

    @available_if(_has_network)
    def transform(self, X):
        """The network's features: what its last layer sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        features : ndarray of shape (n_samples, n_hidden)
        """
        return self._features(self._check_rows(X))

    def _features(self, X):
        from skuowq.networks import as_inputs, head_inputs

        return head_inputs(self.net_, [as_inputs(self.net_, X)])[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = False
        if not self._has_network():
            tags.transformer_tags = None
        return tags

    @property
    def _n_features_out(self):
        return self._features(np.zeros((1, self.n_features_in_))).shape[1]


# Only where there is a network. After the class: the mixin replaces what it finds there.
for _name in ("transform", "fit_transform"):
    _method = getattr(OT3LClassifier, _name)
    setattr(OT3LClassifier, _name, available_if(OT3LClassifier._has_network)(_method))


def _check_base(base, checkpoint):
    """Refuse what cannot be tuned."""
    if is_network(base):
        return
    name = type(base).__name__
    if not is_logistic(base):
        raise ValueError(
            f"estimator is a {name}, which has no layers to tune: pass a skorch "
            "NeuralNetClassifier or a LogisticRegression"
        )
    if not is_plain(base):
        raise ValueError(
            f"estimator is {base!r}, and what is tuned is log loss with a ridge: pass a "
            "LogisticRegression without class_weight and with the default penalty"
        )
    if checkpoint is not None:
        raise ValueError(
            f"checkpoint={str(checkpoint)!r} keeps the epochs of a network, and estimator is a "
            f"{name}: leave it out, or pass a skorch NeuralNetClassifier"
        )


def _choose(choice, model, task, random):
    """Distances between classes, and the numbers of the target rows to tune on."""
    distances = measure_distances(choice, model, task.target, task.domains, model.labels)
    labels, any_source = task.target.y, bool(task.domains)
    return distances, choose_rows(choice, distances, labels, random, any_source=any_source)


def _rows_given(rows, sample_weight, n_rows):
    """Numbers of the chosen rows among those of ``fit``, and among those of positive weight."""
    weight = 1.0 if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return np.flatnonzero(np.ones(n_rows) * weight)[rows], rows
