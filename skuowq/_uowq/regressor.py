"""UOWQRegressor: source weights from a Gaussian linear model, for any weighted regressor."""

from numbers import Integral

from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags

from skuowq._utils._base_estimator import CarefulFitMixin
from skuowq._utils._sklearn import HasMethods

from .base import WeighsSources
from .roads import REGRESSOR_ROADS


class UOWQRegressor(WeighsSources, CarefulFitMixin, RegressorMixin, BaseEstimator):
    """Regressor trained on target and sources, each source with its optimal weight.

    Measures how far each source's linear effects are from the target's, estimates every domain's
    noise and level, finds the weights that minimise the expected error of the weighted fit, and
    trains the estimator on all rows, source responses moved to the target's level.

    Parameters
    ----------
    estimator : regressor, default=None
        Any regressor whose ``fit`` takes ``sample_weight``. None is
        :class:`~sklearn.linear_model.Ridge`.
    discrepancy : {"reml", "debiased", "plugin"} or array-like of shape (n_sources, n_sources), \
            default="reml"
        How distances are estimated, as in :class:`UOWQClassifier`; "plugin" is the paper's. An
        array is the discrepancy itself.
    n_updates : int, default=4
        How often weights and weighted fit alternate, at most.
    own_levels : bool, default=True
        Whether every domain has a level of its own, whose spread is estimated: a source that lies
        higher by a constant is then as good as before. False counts it as a distance.
    solver : str or None, default=None
        cvxpy solver for the weights; None picks.
    n_jobs : int, default=None
        Workers for the fits that are pooled.
    random_state : int, RandomState instance or None, default=None
        For the estimator.
    verbose : int, default=0
        1 prints the weights after every update.

    Attributes
    ----------
    estimator_ : regressor
        Fitted to target and sources with their weights.
    target_estimator_, pooled_estimator_ : regressor or None
        For other estimators than Ridge and LinearRegression, with "reml": fitted to the target
        alone, and to all rows in full; with `estimator_` they are pooled.
    pool_weights_ : ndarray of shape (3,) or None
        Weights of the predictions of `estimator_`, `target_estimator_` and `pooled_estimator_`.
    source_weights_ : ndarray of shape (n_sources,)
        Weight of a source row, a target row being 1. A source with twice the noise variance has
        half the weight it would have.
    mixture_weights_ : ndarray of shape (n_sources,)
    effective_source_size_ : float
        Target rows that the sources are worth.
    noise_variance_ : ndarray of shape (1 + n_sources,)
        Of every domain around its own linear fit, the target's first. NaN without sources.
    levels_ : ndarray of shape (1 + n_sources,)
        Of every domain, the target's first; source responses are moved by the differences.
    level_variance_ : float
    discrepancy_ : ndarray of shape (n_sources, n_sources)
        In units of the target's noise.
    discrepancy_std_error_ : ndarray of shape (n_sources,)
    expected_error_, target_only_error_ : float
        Asymptotic KL errors of the linear model with the sources and without: the squared error
        of its mean over twice the noise variance.
    source_report_ : SourceReport
        What was found about each source; prints as a table.
    n_parameters_ : float
    n_target_ : float
    source_n_samples_ : ndarray of shape (n_sources,)
        Rows of each source that took part; 0 for a source left out.
    source_names_ : list of str
    n_sources_ : int
    history_ : ndarray of shape (n_steps, n_sources)
        Source weights after every update, and after the target's rows have judged them.
    optimality_gap_ : float
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined when X has string column names.

    See Also
    --------
    UOWQClassifier : The same for classes.

    Notes
    -----
    For a Gaussian linear model with noise variances ``sigma_i^2`` a row of source i tells
    ``sigma_0^2 / sigma_i^2`` of what a row of the target does; with ``N_i`` so many rows' worth the
    error of the weighted fit is that of :class:`UOWQClassifier`, and so are discrepancy, weights
    and the target's judgement, held-out errors being exact. Noise variances come from every
    domain's own ridge fit and are drawn towards one another, the more the fewer rows tell them
    (Smyth, 2004). Levels are normal with a variance that is estimated, and are integrated out of
    what is compared.

    A Ridge or LinearRegression with an intercept is measured as it is; for other estimators the
    linear model, on standardised columns with a penalty of 1, is a stand-in. With "reml" these are
    therefore fitted three times, with the weights, to the target alone and to all rows in full, and
    their predictions averaged with the weights of the least squared error of the target's rows,
    held out a fifth at a time from these fits, though not from the weights (Breiman, 1996):
    eighteen fits. They do without sources that together
    make up less than 5 % of all weight. It will fail where what differs between domains is not
    linear, and where all sources share a bias that the target's few rows cannot show.

    Source rows far outside the target's range, and sources in other units, are left out as by
    :class:`UOWQClassifier`; the noise variance and the level of such a source are NaN.

    References
    ----------
    Breiman, "Stacked regressions", Machine Learning, 1996.

    Smyth, "Linear models and empirical Bayes methods for assessing differential expression in
    microarray experiments", Statistical Applications in Genetics and Molecular Biology, 2004.

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

    _roads, _model = REGRESSOR_ROADS, "linear"
    _of_some_roads = dict.fromkeys(("target_estimator_", "pooled_estimator_", "pool_weights_"))

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "discrepancy": [str, HasMethods("candidates"), "array-like"],
        "own_levels": ["boolean"],
        "solver": [str, None],
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
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.discrepancy = discrepancy
        self.own_levels = own_levels
        self.solver = solver
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
