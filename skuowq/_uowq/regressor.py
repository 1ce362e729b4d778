"""UOWQRegressor: source weights from a Gaussian linear model, for any weighted regressor."""

from copy import copy
from dataclasses import replace
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples

from skuowq._data.bind_sources import BindSourcesMixin
from skuowq._data.design_columns import make_design
from skuowq._data.sources import as_sources
from skuowq._data.target_range import leave_out_far_rows
from skuowq._data.task import (
    Domain,
    check_numeric_domains,
    concatenate_rows,
    is_frame,
    with_groups,
)
from skuowq._held_out.stack import stack_fits
from skuowq._utils._base_estimator import (
    CarefulFitMixin,
    array_checks,
    is_network,
    sample_weight_name,
    seeded,
)
from skuowq._utils._checks import check_discrepancy
from skuowq._utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skuowq.weights import SourceWeights
from skuowq.weights.checked import check_solver, weights_record

from .models.linear import LinearProblem, LinearWeights, linear_source_weights
from .result import WeighedSourcesMixin
from .roads.thinning import thin_rows, without_negligible


class UOWQRegressor(
    BindSourcesMixin, WeighedSourcesMixin, CarefulFitMixin, RegressorMixin, BaseEstimator
):
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

    # Routed without being asked for: the sources are what the estimator exists for.
    __metadata_request__fit = {"sources": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "discrepancy": [StrOptions({"reml", "debiased", "plugin"}), "array-like"],
        "n_updates": [Interval(Integral, 0, None, closed="left")],
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
        n_updates=4,
        own_levels=True,
        solver=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.discrepancy = discrepancy
        self.n_updates = n_updates
        self.own_levels = own_levels
        self.solver = solver
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sources=None, *, sample_weight=None, groups=None):
        """Weigh the sources and fit the estimator to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows of the target.
        y : array-like of shape (n_samples,)
            Responses of the target.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns. Wrap them in :class:`skuowq.Sources` when
            cross-validating; a plain list as long as the target is refused. None learns from the
            target alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the target's rows. Their sum is the size of the target.
        groups : array-like of shape (n_samples,), default=None
            Rows of the target with one label here belong together, as the visits of one patient:
            wherever rows are held out to judge the sources, they are held out at once. Rows of
            equal features always are.

        Returns
        -------
        self : UOWQRegressor

        Raises
        ------
        ValueError, TypeError
            For input out of bounds; the message names the source, the fact and the remedy.
        """
        base = self._base_estimator()
        if is_network(base):
            raise ValueError(
                "estimator is a skorch net, and networks are weighed by UOWQClassifier only: pass "
                "a regressor with sample_weight, such as HistGradientBoostingRegressor"
            )
        if _is_linear(base):
            base._validate_params()  # Its penalty is read before its own fit would check it.
        weight_name = sample_weight_name(base, regressor=True)
        if self.solver is not None:
            check_solver(self.solver)
        sources = as_sources(self._fit_sources(sources), _num_samples(X))
        keep_frames = self.estimator is not None and is_frame(X)
        # What the checks learn stays on a copy: a fit that fails leaves the last one whole.
        checked = copy(self)
        target, domains = check_numeric_domains(
            checked,
            X,
            y,
            sample_weight,
            sources,
            keep_frames=keep_frames,
            check=array_checks(base),
        )
        target = with_groups(target, groups, _num_samples(X), sample_weight)
        left = leave_out_far_rows(target, domains, sources, n_classes=1)
        domains = left.domains
        checked._leave_out_sources(left.kept)
        result, relative = checked._weigh(base, target, domains)
        base = seeded(base, self.random_state)
        fit = partial(_fit_estimator, base, weight_name, domains, result)
        weights = result.weights.source_weights
        stack = None
        judged = isinstance(self.discrepancy, str) and self.discrepancy == "reml"
        if domains and judged and not _is_linear(base):
            estimator, stack = stack_fits(
                fit, target, domains, weights, None, self.n_jobs, result.independent_share
            )
        else:
            estimator = fit(target, weights)
        self._take_columns(checked)
        self.estimator_ = estimator
        self._stack = stack
        self.target_estimator_ = self.pooled_estimator_ = self.pool_weights_ = None
        if stack is not None:
            _, self.target_estimator_, self.pooled_estimator_ = stack.estimators
            self.pool_weights_ = stack.weights
        self._fitted_on_frames = keep_frames
        n_samples = np.array([domain.n_samples for domain in domains])
        self._set_result(result, target.n_samples, n_samples, sources, relative, "linear", left)
        for name, values in (
            ("noise_variance_", result.noise_variance),
            ("levels_", result.levels),
        ):
            setattr(self, name, np.append(values[:1], left.among_all(values[1:], np.nan)))
        self.level_variance_ = result.level_variance
        return self

    def _weigh(self, base, target, domains):
        if not domains:
            weights = SourceWeights(np.zeros(0), np.zeros(0), 0.0, 0.0)
            empty = np.zeros((0, 0))
            nothing = np.full(1, np.nan)
            d = float(target.X.shape[1])
            return LinearWeights(weights, empty, d, empty, nothing, 0.0, np.zeros(1)), np.zeros(0)
        method = self.discrepancy
        if not isinstance(method, str):
            method = check_discrepancy(method, len(domains))
        linear = _is_linear(base)
        parts = [target, *domains]
        matrix, penalty, _, _ = make_design(
            parts,
            ridge=getattr(base, "alpha", 0.0) if linear else 1.0,
            standardise=not linear,
        )
        y = np.concatenate([part.y for part in parts])
        problem = LinearProblem(
            matrix=matrix,
            y=y - np.average(target.y, weights=target.sample_weight),
            row_weight=np.concatenate([part.sample_weight for part in parts]),
            sizes=[len(part.y) for part in parts],
            penalty=penalty,
            own_levels=self.own_levels,
            groups=target.groups,
        )
        result = linear_source_weights(
            problem,
            method=method,
            n_updates=self.n_updates,
            solver=self.solver,
            report=self._print_update,
        )
        if not linear:
            result = _for_row_counters(result, target, domains)
        return result, result.noise_variance[0] / result.noise_variance[1:]

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
        return self.estimator_.predict(X) if self._stack is None else self._stack.predict(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not isinstance(self.estimator, type):  # A class has none, and the fit refuses it.
            base = get_tags(self._base_estimator()).input_tags
            tags.input_tags.sparse = base.sparse
            tags.input_tags.allow_nan = base.allow_nan
        return tags


def _is_linear(estimator):
    """Whether the linear model that measures the sources is the estimator itself."""
    return (
        type(estimator) in (Ridge, LinearRegression)
        and np.ndim(getattr(estimator, "alpha", 0.0)) == 0
    )


def _fit_estimator(base, weight_name, domains, result, target, source_weights):
    """One fit; sources of weight zero stay out of it, others are moved to the target's level."""
    parts = [(target.X, target.y, target.sample_weight)]
    shifts = result.levels[0] - result.levels[1:]
    for i, (domain, w) in enumerate(zip(domains, source_weights, strict=True)):
        moved = Domain(domain.X, domain.y + shifts[i], domain.sample_weight)
        if w > 0 and _is_linear(base):
            parts.append((moved.X, moved.y, w * moved.sample_weight))
        elif w > 0:
            parts.append(thin_rows(moved, w, i))
    X, y, weight = zip(*parts, strict=True)
    row_weights = {weight_name: np.concatenate(weight)}
    return clone(base).fit(concatenate_rows(X), np.concatenate(y), **row_weights)


def _for_row_counters(result, target, domains):
    """The result without negligible sources."""
    n_samples = np.array([domain.n_samples for domain in domains])
    kept = without_negligible(result.weights.source_weights, n_samples, target.n_samples)
    return replace(
        result,
        weights=weights_record(kept, n_samples, result.weights.gap),
        history=np.vstack([result.history, kept]),
    )
