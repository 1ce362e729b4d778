"""UOWQRegressor: source weights from a Gaussian linear model, for any weighted regressor."""

from numbers import Integral
from pathlib import Path

from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags

from skuowq._utils._base_estimator import CarefulFitMixin
from skuowq._utils._sklearn import HasMethods

from .base import WeighsSources
from .roads import REGRESSOR_ROADS


class UOWQRegressor(WeighsSources, CarefulFitMixin, RegressorMixin, BaseEstimator):
    """Regressor trained on target and sources, each source with its optimal weight.

    Measures how far each source's linear effects are from the target's, and how noisy each domain
    is. Finds the weights that minimise the expected error of the weighted fit. Then fits the
    estimator to all rows, the sources' responses moved to the target's level.

    Parameters
    ----------
    estimator : regressor, default=None
        Any regressor whose ``fit`` takes ``sample_weight``, a pipeline that ends in one, or a
        skorch ``NeuralNetRegressor`` that ends in a linear layer. None is
        :class:`~sklearn.linear_model.Ridge`.
    discrepancy : {"reml", "debiased", "plugin"}, Rule or array-like of shape \
            (n_sources, n_sources), default="reml"
        How the distance of the sources from the target is estimated, as in
        :class:`UOWQClassifier`.
    own_levels : bool, default=True
        Whether every domain has a level of its own. A source that lies higher by a constant is then
        as good as one that does not. False counts the constant as a distance.
    solver : str or None, default=None
        Name of the cvxpy solver for the weights.
    checkpoint : str or Path, default=None
        For networks, as in :class:`UOWQClassifier`.
    n_jobs : int, default=None
        Workers for fits that do not depend on each other.
    random_state : int, RandomState instance or None, default=None
        Passed to the estimator.
    verbose : int, default=0
        1 prints a line for each update of the weights, for each fit around other estimators than
        linear ones (in a terminal, a bar for all of them), and for each epoch of a network.

    Attributes
    ----------
    estimator_ : regressor
        The base estimator, fitted to target and sources.
    target_estimator_, pooled_estimator_ : regressor or None
        The base estimator fitted to the target alone, and to all rows in full with columns that say
        which domain a row is of; a network has no such columns. None where nothing is averaged.
    linear_estimator_ : Pipeline or None
        The linear model that weighed the sources, around another estimator that is no network.
    pool_weights_ : ndarray of shape (4,), (3,) for networks, or None
        Shares of `estimator_`, `target_estimator_`, `pooled_estimator_` and `linear_estimator_` in
        the average that is predicted.
    source_weights_ : ndarray of shape (n_sources,)
        Weight of one row of each source. A target row weighs 1. Twice the noise variance halves the
        weight.
    mixture_weights_ : ndarray of shape (n_sources,)
        Each source's share of all source weight.
    effective_source_size_ : float
        Sum of the weights of all source rows: how many target rows the sources are worth in theory.
    calibrated_source_size_ : float
        How many they are worth on real data, ``sqrt(N0 (N0 + effective_source_size_)) - N0``. The
        report's worth adds up to it. Rules without cross-validation keep the theory's number.
    noise_variance_ : ndarray of shape (1 + n_sources,)
        Of every domain around its own linear fit, the target's first. NaN where no source takes
        part.
    levels_ : ndarray of shape (1 + n_sources,)
        Of every domain, the target's first. Source responses are moved by the differences.
    level_variance_ : float
        Variance of the levels.
    discrepancy_ : ndarray of shape (n_sources, n_sources)
        In units of the target's noise.
    discrepancy_std_error_ : ndarray of shape (n_sources,)
        Standard errors of its diagonal.
    expected_error_, target_only_error_ : float
        Asymptotic Kullback-Leibler error of the linear model with the sources and without: the
        squared error of its mean over twice the noise variance.
    source_report_ : SourceReport
        All of this as a table that prints.
    n_parameters_ : float
        ``d``, the number of parameters that the discrepancy is divided by.
    n_target_ : float
        Rows of the target, counted by their weights.
    source_n_samples_ : ndarray of shape (n_sources,)
        Rows of each source that took part. 0 for a source left out.
    source_names_ : list of str
    n_sources_ : int
    history_ : ndarray of shape (n_steps, n_sources)
        Source weights after every step.
    optimality_gap_ : float
        The weights' objective is at most this fraction above its minimum.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Defined when X has string column names.

    See Also
    --------
    UOWQClassifier : The same for classes.

    Notes
    -----
    In a Gaussian linear model with noise variances ``sigma_i^2`` a row of source i is worth
    ``sigma_0^2 / sigma_i^2`` rows of the target. With rows counted so, the expected error is that
    of :class:`UOWQClassifier`. A Ridge or LinearRegression is measured as it is, and
    :func:`skuowq.fisher.regression_record` may stand for a source's rows: the fit is the same. For
    other estimators the linear model on standardised columns is a stand-in, and the predictions are
    an average of three fits. The user guide (``docs/weights.md``) says more, and when it fails.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq import UOWQRegressor
    >>> rng = np.random.RandomState(0)
    >>> def draw(n, effects, level=0.0, noise=1.0):
    ...     X = rng.normal(size=(n, 5))
    ...     return X, X @ effects + level + noise * rng.normal(size=n)
    >>> effects = np.ones(5)
    >>> X, y = draw(30, effects)
    >>> sources = {
    ...     "higher": draw(300, effects, level=3),
    ...     "noisy": draw(300, effects, noise=4),
    ...     "other": draw(300, -effects),
    ... }
    >>> reg = UOWQRegressor().fit(X, y, sources=sources)
    >>> higher, noisy, other = reg.source_weights_
    >>> bool(higher > 5 * noisy), bool(noisy > other)
    (True, True)
    """

    _networks_read_datasets = False
    _roads, _model = REGRESSOR_ROADS, "linear"
    _of_some_roads = dict.fromkeys(
        ("target_estimator_", "pooled_estimator_", "linear_estimator_", "pool_weights_")
    )

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "discrepancy": [str, HasMethods("candidates"), "array-like"],
        "own_levels": ["boolean"],
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
        own_levels=True,
        solver=None,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.discrepancy = discrepancy
        self.own_levels = own_levels
        self.solver = solver
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _base_estimator(self):
        return Ridge() if self.estimator is None else self.estimator

    def predict(self, X):
        """Predict responses.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        X = self._check_rows(X)
        return self._fitted.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not isinstance(self.estimator, type):  # A class has none, and the fit refuses it.
            base = get_tags(self._base_estimator()).input_tags
            tags.input_tags.sparse = base.sparse
            tags.input_tags.allow_nan = base.allow_nan
        return tags
