"""UOWQClassifier: optimal source weights from asymptotic theory, for any weighted classifier."""

from numbers import Integral, Real
from pathlib import Path

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skuowq._utils._base_estimator import AnyClassifierMixin
from skuowq._utils._sklearn import HasMethods, Interval, StrOptions

from .base import WeighsSources
from .roads import CLASSIFIER_ROADS


def _estimator_has(method):
    def check(self):
        # Not `or`: a fitted ensemble has a length, and may be empty.
        base = getattr(self, "estimator_", None)
        return hasattr(self._base_estimator() if base is None else base, method)

    return check


class UOWQClassifier(WeighsSources, AnyClassifierMixin, ClassifierMixin, BaseEstimator):
    """Classifier trained on target and sources, each source with its optimal weight.

    Measures how far each source is from the target. Finds the weights that minimise the expected
    error of the weighted maximum-likelihood fit. Then fits the estimator to all rows with these
    weights.

    Parameters
    ----------
    estimator : classifier, default=None
        Any classifier whose ``fit`` takes ``sample_weight``, a pipeline that ends in one, or a
        skorch ``NeuralNetClassifier``. None is :class:`~sklearn.linear_model.LogisticRegression`.
    discrepancy : {"reml", "debiased", "plugin"}, Rule or array-like of shape \
            (n_sources, n_sources), default="reml"
        How the distance of the sources from the target is estimated. A name stands for a rule of
        :mod:`skuowq.rules` with its defaults. An array is the discrepancy itself, squared and per
        parameter.
    max_weight : float, default=None
        Upper bound on the weight of a source row. A target row weighs 1. None sets no bound.
    classes : {"union", "target"}, default="union"
        What to do with classes that only sources have. "union" learns them too, with a warning.
        "target" leaves their rows out; of sources without rows it takes the probabilities given
        that the class is one of the target's.
    solver : str, default=None
        Name of the cvxpy solver for the weights. None takes the closed form where that is feasible,
        and CLARABEL otherwise.
    checkpoint : str or Path, default=None
        For networks: folder in which every epoch is saved. A fit that was interrupted continues
        there when it is called again with the same data and an integer `random_state`, to the same
        result. Delete the folder to train anew. The files are pickles, which can run code when they
        are read: let only those write there whom you trust.
    n_jobs : int, default=None
        Workers for fits that do not depend on each other.
    random_state : int, RandomState instance or None, default=None
        Passed to the estimator.
    verbose : int, default=0
        1 prints a line for each weighing of the sources, for each fit around other estimators than
        linear ones (in a terminal, a bar for all of them), and for each training and each epoch of
        a network.

    Attributes
    ----------
    estimator_ : classifier
        The base estimator, fitted to target and sources.
    target_estimator_, pooled_estimator_ : classifier or None
        The base estimator fitted to the target alone, and to all rows in full with columns that say
        which domain a row is of. None where nothing is averaged.
    linear_estimator_ : Pipeline or None
        The logistic regression that weighed the sources, around another estimator.
    pool_weights_ : ndarray of shape (4,) or None
        Shares of `estimator_`, `target_estimator_`, `pooled_estimator_` and `linear_estimator_` in
        the average of probabilities that is predicted.
    pool_exponents_ : ndarray of shape (2,) or None
        For networks: powers of the probabilities of `estimator_` and `target_estimator_` in their
        product.
    source_weights_ : ndarray of shape (n_sources,)
        Weight of one row of each source. A target row weighs 1.
    mixture_weights_ : ndarray of shape (n_sources,)
        Each source's share of all source weight.
    effective_source_size_ : float
        Sum of the weights of all source rows: how many target rows the sources are worth in theory.
    calibrated_source_size_ : float
        How many they are worth on real data, ``sqrt(N0 (N0 + effective_source_size_)) - N0``. The
        report's worth adds up to it. Rules without cross-validation keep the theory's number.
    discrepancy_ : ndarray of shape (n_sources, n_sources)
        The discrepancy behind the weights. Infinite for a source that was left out.
    discrepancy_std_error_ : ndarray of shape (n_sources,)
        Standard errors of its diagonal. 0 where the discrepancy was given.
    expected_error_, target_only_error_ : float
        Asymptotic expected Kullback-Leibler error with the sources and without. Compare them within
        one fit only. With few target rows the promised gain is optimistic.
    n_parameters_ : float
        ``d``, the number of parameters that the discrepancy is divided by.
    optimality_gap_ : float
        The weights' objective is at most this fraction above its minimum, before cross-validation
        decides how much of them to keep.
    history_ : ndarray of shape (n_steps, n_sources)
        Source weights after every step.
    record_point_ : ndarray of shape (n_features + 1, n_classes - 1) or None
        With sources that are models or records: the point for records of a second round.
    intercept_variance_ : float
        Variance of the domains' own intercepts. 0 where they have none.
    slope_variance_ : float
        Variance of the target's own effects of the features around the common ones, in standardised
        columns. 0 where it has none.
    source_report_ : SourceReport
        All of this as a table that prints. ``to_frame()`` gives a data frame.
    source_names_ : list of str
    n_sources_ : int
    source_n_samples_ : ndarray of shape (n_sources,)
        Rows of each source that took part, counted by their weights. 0 for a source left out.
    n_target_ : float
        Rows of the target, counted by their weights.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.rules : Estimators of the discrepancy.
    skuowq.metrics.negative_transfer_gap : Did the sources help?
    skuowq.plotting.SourceWeightsDisplay : The weights as a picture.

    Notes
    -----
    With weight ``w_i`` on each row of source i the expected error of the fit is

        (d/2) [N0 + s^2 t] / (N0 + s)^2,   s = sum_i w_i N_i,   t = alpha'(diag(1/N) + G) alpha,

    with ``N0`` target rows, ``N_i`` rows of source i, ``alpha_i = w_i N_i / s`` and the discrepancy
    ``G`` (arXiv 2601.10779). The user guide (``docs/weights.md``) says how ``G`` is estimated, what
    happens with trees and networks, and when the method fails.

    Examples
    --------
    >>> from skuowq import UOWQClassifier
    >>> from skuowq.datasets import make_classification_tasks
    >>> tasks = make_classification_tasks(random_state=0)
    >>> sources = {"near": tasks.sources[0], "far": tasks.sources[2]}
    >>> clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, sources=sources)
    >>> bool(clf.source_weights_[0] > 10 * clf.source_weights_[1])
    True
    >>> clf.predict(tasks.X_test).shape
    (2000,)
    """

    _roads, _model = CLASSIFIER_ROADS, "softmax"
    _of_some_roads = dict.fromkeys(
        (
            "target_estimator_",
            "pooled_estimator_",
            "linear_estimator_",
            "pool_weights_",
            "pool_exponents_",
            "record_point_",
        )
    )

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "discrepancy": [str, HasMethods("candidates"), "array-like"],
        "max_weight": [Interval(Real, 0, None, closed="left"), None],
        "classes": [StrOptions({"union", "target"})],
        "solver": [str, None],
        "checkpoint": [str, Path, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        discrepancy="reml",
        max_weight=None,
        classes="union",
        solver=None,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.discrepancy = discrepancy
        self.max_weight = max_weight
        self.classes = classes
        self.solver = solver
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        X = self._check_rows(X)
        return self._fitted.predict(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; 0 for a class that no weighted row had.
        """
        X = self._check_rows(X)
        return self._fitted.predict_proba(X)

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X):
        """Confidence scores of the base estimator, or logarithms of pooled probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            In the order of ``classes_``; minus infinity for a class that no weighted row had.
            Of two classes the score of the second; where estimators are pooled, its log odds.
        """
        X = self._check_rows(X)
        return self._fitted.decision_function(X)
