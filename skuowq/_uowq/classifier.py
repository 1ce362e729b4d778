"""UOWQClassifier: optimal source weights from asymptotic theory, for any weighted classifier."""

from copy import copy
from dataclasses import replace
from functools import partial
from itertools import compress
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples

from skuowq._data.bind_sources import BindSourcesMixin
from skuowq._data.design_columns import in_given_units, make_design
from skuowq._data.sources import as_sources
from skuowq._data.target_range import leave_out_far_rows
from skuowq._data.task import check_domains, concatenate_rows, is_frame, take_rows, with_groups
from skuowq._held_out.network_pool import NetworkPool, halves
from skuowq._held_out.stack import stack_fits
from skuowq._utils._base_estimator import (
    AnyClassifierMixin,
    aligned_columns,
    array_checks,
    is_network,
    sample_weight_name,
    seeded,
)
from skuowq._utils._checks import check_discrepancy
from skuowq._utils._logistic import is_logistic, ridge_of
from skuowq._utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skuowq.weights import SourceWeights, solve_source_weights
from skuowq.weights.checked import check_solver, weights_record

from .models.all_parameters import DynamicRule, NetworkContrasts
from .models.own_intercepts import class_share_ratios
from .models.softmax import SoftmaxProblem, SoftmaxWeights, softmax_source_weights
from .result import WeighedSourcesMixin
from .roads.head_features import HeadFeatures
from .roads.own_intercepts_fit import fit_with_own_intercepts, takes_own_intercepts
from .roads.records import check_base, fit_records
from .roads.thinning import thin_rows, without_negligible

# Of the target's weight: what sources weigh at least in the training of a network.
_LEAST_SHARE = 0.1


def _estimator_has(method):
    def check(self):
        # Not `or`: a fitted ensemble has a length, and may be empty.
        base = getattr(self, "estimator_", None)
        return hasattr(self._base_estimator() if base is None else base, method)

    return check


class UOWQClassifier(
    BindSourcesMixin, WeighedSourcesMixin, AnyClassifierMixin, ClassifierMixin, BaseEstimator
):
    """Classifier trained on target and sources, each source with its optimal weight.

    Measures how far each source is from the target, finds the weights that minimise the expected
    error of the weighted maximum-likelihood fit, and fits the estimator to all rows with them.

    Parameters
    ----------
    estimator : classifier, default=None
        Any classifier whose ``fit`` takes ``sample_weight``, or a pipeline that ends in one, or a
        skorch ``NeuralNetClassifier``; None is :class:`~sklearn.linear_model.LogisticRegression`.
        The weights come from a softmax regression on the same rows: with the same features and
        ``C`` for a logistic regression (its other options aside), on standardised columns, imputed
        and with categories as indicators, otherwise.
    discrepancy : {"reml", "debiased", "plugin"} or array of shape (n_sources, n_sources), \
            default="reml"
        Estimator of the discrepancy, or the discrepancy itself, squared and per parameter. "reml"
        takes the sampling noise of target and sources out and needs no fit on the target alone;
        "plugin" is the original rule, which wastes sources when target rows are few; "debiased"
        is its static form less the expected noise.
    n_updates : int, default=4
        How often weights and weighted fit alternate after the first weights. 0 is the static rule.
        More updates let the sources found useful sharpen the fit by which they are judged, at the
        cost of one softmax fit each; they end early once the weights settle. "debiased" has none.
    max_weight : float, default=None
        Upper bound on the weight of a source row (a target row weighs 1). None sets no bound.
    classes : {"union", "target"}, default="union"
        What to do with classes that only sources have: learn them too ("union", with a warning)
        or leave their rows out ("target").
    solver : str, default=None
        Name of the cvxpy solver for the weight program. None takes the closed form where that is
        feasible and CLARABEL otherwise.
    parameters : {"head", "all"}, default="head"
        For networks: what domains are compared on. "head" trains the network on the sources first,
        measures a softmax regression on the inputs of its last linear layer, as for any other
        estimator, makes the weighted fit its head, and then trains all of it on the weighted rows:
        `max_epochs` twice, and for "reml" as long three times more, to pool it with a network of
        the target alone. "all" is the paper's rule for networks: it trains the network on each
        domain alone, from one initialisation, and compares all parameters in the metric of the
        Fisher information; it needs `discrepancy` "plugin" or "debiased".
    update_every : int, default=5
        Epochs between two of the `n_updates` of "plugin" with all parameters of a network.
    source_estimators : list of length n_sources, default=None
        Fitted skorch nets, or states of their modules, for `parameters` "all": fine-tuned on the
        sources from one initial network. None trains them.
    checkpoint : str or Path, default=None
        For networks: folder in which every epoch of the trainings is saved. A fit that was
        interrupted, or killed, goes on there when it is called again with the same data and an
        integer `random_state`, to the same result as without the interruption. Files of finished
        trainings stay, so that a fit repeated takes no time; delete the folder to train anew.
    n_jobs : int, default=None
        Workers for the separate fits of "plugin" and "debiased", and for those that are pooled.
    random_state : int, RandomState instance or None, default=None
        Passed to the estimator; also draws the probes that estimate the effective number of
        parameters in models of more than 800.
    verbose : int, default=0
        1 prints a line an update.

    Attributes
    ----------
    estimator_ : classifier
        The base estimator, fitted to target and sources.
    target_estimator_ : classifier or None
        With "reml", for other estimators than logistic regression: the base estimator fitted to the
        target alone, with which `estimator_` is pooled. None where nothing is pooled.
    pooled_estimator_ : classifier or None
        With "reml", for estimators that are neither networks nor logistic regressions: the base
        estimator fitted to all rows in full.
    pool_weights_ : ndarray of shape (3,) or None
        Weights of the probabilities of `estimator_`, `target_estimator_` and `pooled_estimator_`.
    pool_exponents_ : ndarray of shape (2,) or None
        For networks: with which powers the probabilities of `estimator_` and `target_estimator_`
        are multiplied, the mean of those that held-out rows make plausible.
    source_weights_ : ndarray of shape (n_sources,)
        Weight of one row of each source; a target row weighs 1.
    mixture_weights_ : ndarray of shape (n_sources,)
        Each source's share of all source weight.
    effective_source_size_ : float
        How many target rows the sources are worth.
    discrepancy_ : ndarray of shape (n_sources, n_sources)
        The discrepancy the weights rest on; for "reml" a distance of scores, which is ``G`` for
        sources near the target.
    discrepancy_std_error_ : ndarray of shape (n_sources,)
        Standard errors of the own discrepancies, the diagonal, from sampling noise; 0 where the
        discrepancy was given.
    expected_error_, target_only_error_ : float
        Asymptotic expected Kullback-Leibler error with the sources and without; their ratio is
        the promised gain. Compare them within one fit only: they scale with `n_parameters_`. The
        promise ranks tasks well and is optimistic for softmax regressions with few target rows:
        over simulated tasks the error realised was about twice the promised.
    n_parameters_ : float
        Number of parameters ``d`` that the discrepancy is divided by: effective under the ridge
        penalty for "reml", all of the softmax model's otherwise.
    optimality_gap_ : float
        Certificate of the weight program, before the target's rows judge its answer: its objective
        is at most this fraction above optimal.
    history_ : ndarray of shape (n_steps, n_sources)
        Source weights at every update, for "reml" after the target's judgement, and for estimators
        other than logistic regression without negligible sources.
    record_point_ : ndarray of shape (n_features + 1, n_classes - 1) or None
        With sources that are models or records: the common parameters, a point for records of a
        second round.
    intercept_variance_ : float
        How much the domains' intercepts, their log odds at the same features, vary around the
        common ones: the variance of one contrast between classes (half that of the log odds of
        two). 0 where domains have no intercepts of their own.
    source_report_ : SourceReport
        All of this as a table that prints; ``to_frame()`` gives a data frame.
    source_names_ : list of str
    n_sources_ : int
    source_n_samples_ : ndarray of shape (n_sources,)
        Rows of each source that took part, counted by their weights; 0 for a source left out.
    n_target_ : float
        Rows of the target, counted by their weights.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.weights.optimal_source_weights : From contrasts to weights.
    skuowq.metrics.negative_transfer_gap : Did the sources help?
    skuowq.plotting.SourceWeightsDisplay : The weights as a picture.

    Notes
    -----
    The expected error of the fit with ``w_i`` on each row of source i is

        (d/2) [N0 + s^2 t] / (N0 + s)^2,   s = sum_i w_i N_i,   t = alpha'(diag(1/N) + G) alpha,

    smallest at ``s = 1 / t`` for the mixture ``alpha`` that minimises ``t`` (arXiv 2601.10779).
    ``G`` is unknown, and its estimate decides everything.

    What the default, "reml", does. (1) It fits a softmax regression to all rows, sources together
    weighing as much as the target at first, with intercepts of each domain's own: class shares may
    differ at will. (2) It compares the domains' mean scores at that fit, and separates sampling
    noise from discrepancy by the likelihood of a random-effects model. (3) It asks whether the
    sources, taken together, lie aside of the target. (4) It solves for the weights, fits again,
    and repeats until they settle. (5) The target's rows, held out (each in turn, or a tenth at a
    time), judge how much of the weights they support: all, some or none, or weights that are alike
    for all sources. (6) It fits the estimator to all rows: a logistic regression (with intercept,
    ridge penalty and any solver but sag and saga) with own intercepts, folded into an ordinary
    model with the target's; for any other estimator a source's rows count as often as the target
    has their classes, the mean weight of a source's row being its ``source_weights_``.
    ``class_weight="balanced"`` is taken to mean the classes of the target.

    Rows left out. A row acts on a linear fit by its weight times its values squared, so that values
    of 1e8 decide it at any weight. Source rows that lie more than ten ranges outside the target's
    range in some column are therefore left out before anything is measured, and so is a source in
    other units as a whole; a warning names the source and the column. The weight of a source left
    out is 0, and its discrepancy infinite.

    When it fails. With fewer than ten target rows a majority of sources that agree with one another
    outvotes them. With more features than target rows step (2) sees little, all sources look
    alike, and step (5) can only take or leave them together. Sources all far in a few-shot problem
    keep a little weight. Class shares far from every source's, where features tell the domains
    apart, are shrunk to the sources'. Sources whose biases cancel are not recognised. Without own
    intercepts, as with a given `discrepancy` or "plugin", class shares count as distance. Check
    with :func:`skuowq.metrics.negative_transfer_gap`.

    Networks. A skorch net is trained by skorch's own loop on all rows, each batch with rows of the
    target; callbacks, schedulers, early stopping on the target's rows (the net's `train_split`) and
    devices (also ``device="auto"``) are the net's. An epoch has as many steps as the rows of
    positive weight fill batches. Of steps (1) to (6) the first five run on the inputs of the last
    linear layer, after a training on the sources alone: features that had seen the target's labels
    would make every source look perfect. Then that layer is set to the weighted fit, and the whole
    network is trained on the weighted rows; sources weigh at least a tenth of the target together,
    without which few rows are separated in a few steps. Networks of few rows are too sure of
    themselves, and what sources taught may harm: so the target's rows, held out by halves, have
    the last word here as well. A second network is trained on the target alone, and the
    probabilities are ``p_tuned^a p_alone^b``, normalised and averaged over all exponents with ``a
    + b <= 1`` by the likelihood of held-out rows. With no more target rows than inputs of the last
    layer the scores of step (2) see little, and a source weighs at most what "plugin" gives it.

    Weights, errors and the promised gain describe the softmax model. For another estimator they
    are a stand-in. With "reml" it is therefore fitted three times, with the weights, to the target
    alone and to all rows in full, and its probabilities are averaged with the weights under which
    rows of the target, held out a fifth at a time, are likeliest (Smyth and Wolpert, 1999):
    eighteen fits, for which `n_jobs` is. What is held out from the fits the source weights have
    seen, so with very few rows these look somewhat better than they are. Estimators without
    ``predict_proba`` are fitted with the weights alone, and may be harmed. Because trees count
    rows, and would give leaves to rows of next to no weight, estimators other than logistic
    regression do without sources that together make up less than 5 % of all weight (their weight
    is 0), and get a source lighter than 0.3 a row as fewer rows of weight 0.3 and the same total.

    References
    ----------
    Smyth and Wolpert, "Linearly combining density estimators via stacking", Machine Learning, 1999.

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

    # Routed without being asked for: the sources are what the estimator exists for.
    __metadata_request__fit = {"sources": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "discrepancy": [StrOptions({"reml", "debiased", "plugin"}), "array-like"],
        "n_updates": [Interval(Integral, 0, None, closed="left")],
        "max_weight": [Interval(Real, 0, None, closed="left"), None],
        "classes": [StrOptions({"union", "target"})],
        "solver": [str, None],
        "parameters": [StrOptions({"head", "all"})],
        "update_every": [Interval(Integral, 1, None, closed="left")],
        "source_estimators": [list, None],
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
        n_updates=4,
        max_weight=None,
        classes="union",
        solver=None,
        parameters="head",
        update_every=5,
        source_estimators=None,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.discrepancy = discrepancy
        self.n_updates = n_updates
        self.max_weight = max_weight
        self.classes = classes
        self.solver = solver
        self.parameters = parameters
        self.update_every = update_every
        self.source_estimators = source_estimators
        self.checkpoint = checkpoint
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
            Labels of the target.
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
        self : UOWQClassifier

        Raises
        ------
        ValueError, TypeError
            For input out of bounds; the message names the source, the fact and the remedy.
        """
        base = self._base_estimator()
        network = is_network(base)
        if hasattr(base, "_validate_params") and not network:
            base._validate_params()  # Its penalty is read before its own fit would check it.
        weight_name = None if network else sample_weight_name(base)
        if self.solver is not None:
            check_solver(self.solver)
        sources = as_sources(self._fit_sources(sources), _num_samples(X))
        if sources is not None and sources.has_models:
            return self._fit_with_records(base, X, y, sample_weight, groups, sources)
        keep_frames = self.estimator is not None and is_frame(X) and not network
        # What the checks learn stays on a copy: a fit that fails leaves the last one whole.
        checked = copy(self)
        target, domains, classes = check_domains(
            checked,
            X,
            y,
            sample_weight,
            sources,
            keep_frames=keep_frames,
            check=array_checks(base),
            classes=self.classes,
        )
        target = with_groups(target, groups, _num_samples(X), sample_weight)
        left = leave_out_far_rows(target, domains, sources)
        domains = left.domains
        checked._leave_out_sources(left.kept)
        if self.source_estimators is not None and len(self.source_estimators) == len(left.kept):
            checked.source_estimators = list(compress(self.source_estimators, left.kept))
        n_samples = np.array([domain.n_samples for domain in domains])
        seed = check_random_state(self.random_state).randint(2**31 - 1) if network else None
        pool = stack = None
        if network:
            self._check_checkpoint()
        if network and domains and isinstance(self.discrepancy, str) and self.parameters == "all":
            estimator, result = checked._fit_by_all_parameters(base, target, domains, seed)
        elif network:
            estimator, result, pool = checked._fit_network(
                base, target, domains, n_samples, classes, seed
            )
        else:
            result = checked._weigh(base, target, domains, n_samples, len(classes))
            logistic = is_logistic(base)
            if not logistic:
                result = _for_row_counters(result, target, domains, len(classes))
            weights = result.weights.source_weights
            base = seeded(base, self.random_state)
            fit = partial(_fit_estimator, base, weight_name, domains, classes, result)
            if domains and self._is_judged() and not logistic:
                estimator, stack = stack_fits(
                    fit, target, domains, weights, classes, self.n_jobs, result.independent_share
                )
            else:
                estimator = fit(target, weights)
        self._take_columns(checked)
        self.estimator_ = estimator
        self._pool, self._stack = pool, stack
        self.target_estimator_ = self.pool_exponents_ = None
        self.pooled_estimator_ = self.pool_weights_ = None
        if pool is not None:
            self.target_estimator_, self.pool_exponents_ = pool.net, pool.exponents
        if stack is not None:
            _, self.target_estimator_, self.pooled_estimator_ = stack.estimators
            self.pool_weights_ = stack.weights
        self.classes_ = classes
        self._fitted_on_frames = keep_frames
        self.record_point_ = None
        self._set_result(result, target.n_samples, n_samples, sources, left=left)
        self.intercept_variance_ = result.intercept_variance
        return self

    def _fit_with_records(self, base, X, y, sample_weight, groups, sources):
        """Sources that are models or records: their likelihoods to second order."""
        check_base(base, self.discrepancy)
        checked = copy(self)
        target, _, classes = check_domains(
            checked,
            X,
            y,
            sample_weight,
            None,
            keep_frames=False,
            check=array_checks(base),
            classes="union",
        )
        target = with_groups(target, groups, _num_samples(X), sample_weight)
        discrepancy = None
        if not isinstance(self.discrepancy, str):
            discrepancy = check_discrepancy(self.discrepancy, sources.n_sources)
        estimator, result, left = fit_records(
            base,
            target,
            classes,
            sources,
            list(X.columns) if is_frame(X) else None,
            discrepancy=discrepancy,
            n_updates=self.n_updates,
            max_weight=self.max_weight,
            solver=self.solver,
            report=self._print_update,
        )
        self._take_columns(checked)
        self.estimator_, self.classes_ = estimator, estimator.classes_
        self._pool = self._stack = None
        self.target_estimator_ = self.pool_exponents_ = None
        self.pooled_estimator_ = self.pool_weights_ = None
        self._fitted_on_frames = False
        self.record_point_ = result.theta[:-1]
        n_samples = np.array([record.n_samples for record in left.domains])
        self._set_result(result, target.n_samples, n_samples, sources, left=left)
        self.intercept_variance_ = result.intercept_variance
        return self

    def _is_judged(self):
        """Whether the target's held-out rows have the last word."""
        return isinstance(self.discrepancy, str) and self.discrepancy == "reml"

    def _weigh(self, base, target, domains, n_samples, n_classes, learned_features=False):
        n_parameters = float((self.n_features_in_ + 1) * max(n_classes - 1, 1))
        if not domains:
            weights = SourceWeights(np.zeros(0), np.zeros(0), 0.0, 0.0)
            return SoftmaxWeights(weights, np.zeros((0, 0)), n_parameters, np.zeros((1, 0)))
        if not isinstance(self.discrepancy, str):
            discrepancy = check_discrepancy(self.discrepancy, len(domains))
            weights = solve_source_weights(
                n_samples,
                discrepancy,
                n_target=target.n_samples,
                max_weight=self.max_weight,
                solver=self.solver,
            )
            history = weights.source_weights[None]
            return SoftmaxWeights(weights, discrepancy, n_parameters, history)
        problem, centre, scale = _softmax_problem(base, [target, *domains], n_classes)
        result = softmax_source_weights(
            problem,
            method=self.discrepancy,
            n_updates=self.n_updates,
            max_weight=self.max_weight,
            solver=self.solver,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
            report=self._print_update,
            learned_features=learned_features,
        )
        return replace(result, theta=in_given_units(result.theta, centre, scale))

    def _fit_network(self, base, target, domains, n_samples, classes, seed):
        """Features from the sources, weights and a head on them, all of it tuned, and the pool."""
        from skuowq.networks import train_weighted

        options = {"seed": seed, "verbose": self.verbose, "checkpoint": self.checkpoint}
        if not domains or not isinstance(self.discrepancy, str):
            result = self._weigh(base, target, domains, n_samples, len(classes))
            weights = result.weights.source_weights
            return train_weighted(base, target, domains, weights, **options), result, None
        head = HeadFeatures(base, target, domains, len(classes), **options)
        sizes = n_samples, len(classes)
        result = self._weigh(base, head.target, head.domains, *sizes, learned_features=True)
        result = _for_row_counters(result, target, domains, len(classes))
        judged = self._is_judged()
        if judged:
            result = _with_some_source_rows(result, n_samples, target.n_samples, self.max_weight)
        weights = result.weights.source_weights
        reweighted = _at_the_targets_class_shares(domains, result.own_intercepts)

        def fit(logistic, target, domains):
            return _fit_estimator(
                logistic,
                "sample_weight",
                domains,
                classes,
                result,
                target,
                result.weights.source_weights,
            )

        def tuned(kept, final=False):
            start = head.start(fit, classes, weights, kept)
            rows = take_rows(target, kept)
            return train_weighted(
                base, rows, reweighted, weights, start=start, final=final, **options
            )

        def alone(kept):
            # An epoch of few rows is a step: they get half the steps that all rows would have.
            n_rows = (len(target.y) + sum(len(domain.y) for domain in domains)) // 2
            rows = take_rows(target, kept)
            return train_weighted(base, rows, [], [], epoch_rows=n_rows, final=False, **options)

        pool = None
        if judged and halves(target):
            pool = NetworkPool(target, tuned, alone, result.independent_share)
        return tuned(np.arange(len(target.y)), final=True), result, pool

    def _fit_by_all_parameters(self, base, target, domains, seed):
        """The paper's rules: weights from all parameters, once or along the training."""
        from skuowq.networks import train_weighted

        if self.discrepancy == "reml":
            raise ValueError(
                "parameters='all' has no discrepancy='reml', which needs scores of the head's "
                "features: pass discrepancy='plugin' or 'debiased', or parameters='head'"
            )
        contrasts = NetworkContrasts(
            base,
            target,
            domains,
            self.source_estimators,
            method=self.discrepancy,
            max_weight=self.max_weight,
            solver=self.solver,
            n_jobs=self.n_jobs,
            seed=seed,
            verbose=self.verbose,
            checkpoint=self.checkpoint,
        )
        self._print_update(0, contrasts.weights)
        rule = None
        if self.discrepancy == "plugin" and self.n_updates > 0:
            rule = DynamicRule(contrasts, self.update_every, self.n_updates, self._print_update)
        estimator = train_weighted(
            base,
            target,
            domains,
            contrasts.weights.source_weights,
            seed=seed,
            verbose=self.verbose,
            rule=rule,
            checkpoint=self.checkpoint,
        )
        result = SoftmaxWeights(
            contrasts.weights,
            contrasts.discrepancy,
            float(contrasts.n_parameters),
            np.array(contrasts.history),
        )
        return estimator, result

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
        if is_network(self.estimator_):
            return self.classes_[self._network_proba(X).argmax(axis=1)]
        if self._stack is not None:
            return self.classes_[self._stack.predict_proba(X, self.classes_).argmax(axis=1)]
        return self.estimator_.predict(X)

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
        if is_network(self.estimator_):
            return self._network_proba(X)
        if self._stack is not None:
            return self._stack.predict_proba(X, self.classes_)
        return self._align(self.estimator_.predict_proba(X), 0.0)

    def _network_proba(self, X):
        from skuowq.networks import predict_proba

        # A network may have more outputs than there are classes.
        probabilities = predict_proba(self.estimator_, X)[:, : len(self.classes_)]
        if self._pool is not None:
            probabilities = self._pool(probabilities, X)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

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
        if self._stack is not None:
            p = self._stack.predict_proba(X, self.classes_)
            scores = np.log(np.maximum(p, np.finfo(float).tiny))
            return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores
        scores = self.estimator_.decision_function(X)
        if scores.ndim == 1 and len(self.classes_) > 2:
            scores = np.column_stack([-scores, scores])
        return self._align(scores, -np.inf)

    def _align(self, columns, fill):
        return aligned_columns(columns, self.estimator_.classes_, self.classes_, fill)


def _fit_estimator(base, weight_name, domains, classes, result, target, source_weights):
    """One fit; sources of weight zero stay out of it."""
    logistic = is_logistic(base)
    helped = bool(np.any(source_weights > 0))
    own_intercepts = (
        helped and result.intercept_variance > 0 and logistic and takes_own_intercepts(base)
    )
    if not own_intercepts:
        domains = _at_the_targets_class_shares(domains, result.own_intercepts)
    parts = [(target.X, target.y, target.sample_weight)]
    for i, (domain, w) in enumerate(zip(domains, source_weights, strict=True)):
        if w > 0 and logistic:
            parts.append((domain.X, domain.y, w * domain.sample_weight))
        elif w > 0:
            parts.append(thin_rows(domain, w, i))
    X, y, weight = zip(*parts, strict=True)
    sizes = [len(y_k) for y_k in y]
    X, y, weight = concatenate_rows(X), np.concatenate(y), np.concatenate(weight)
    estimator = clone(base)
    balanced = helped and estimator.get_params().get("class_weight") == "balanced"
    if balanced:
        # By the classes' shares in the target, not among rows of all domains. As weights of rows:
        # scikit-learn does not find the label "0" in a dict of class weights.
        weight = weight * _balance(len(classes), target)[y]
        estimator.set_params(class_weight=None)
    y = classes[y]
    if own_intercepts:
        kept = np.append(True, source_weights > 0)
        common, own = np.split(result.theta, [len(result.theta) - len(kept)])
        start = np.vstack([common, own[kept]])
        variance = result.intercept_variance
        fit_with_own_intercepts(estimator, X, y, weight, sizes, variance, start)
    else:
        estimator.fit(X, y, **{weight_name: weight})
    return estimator.set_params(class_weight="balanced") if balanced else estimator


def _for_row_counters(result, target, domains, n_classes):
    """The result without negligible sources, unless a class would go with them."""
    n_samples = np.array([domain.n_samples for domain in domains])
    weights = result.weights.source_weights
    kept = without_negligible(weights, n_samples, target.n_samples)
    used = [target.y, *(D.y for D, w in zip(domains, kept, strict=True) if w > 0)]
    if len(np.unique(np.concatenate(used))) < n_classes:
        kept = weights
    return replace(
        result,
        weights=weights_record(kept, n_samples, result.weights.gap),
        history=np.vstack([result.history, kept]),
    )


def _with_some_source_rows(result, n_samples, n_target, max_weight):
    """The result with sources that together weigh at least a tenth of the target.

    To a softmax regression they may be worth nothing; a network that is tuned on a few rows alone
    separates them in a few steps, and they keep it from that.
    """
    weights = result.weights.source_weights
    missing = max(_LEAST_SHARE * n_target - weights @ n_samples, 0.0)
    if missing == 0:
        return result
    weights = weights + min(missing / n_samples.sum(), 1.0)
    weights = np.minimum(weights, np.inf if max_weight is None else max_weight)
    return replace(
        result,
        weights=weights_record(weights, n_samples, result.weights.gap),
        history=np.vstack([result.history, weights]),
    )


def _balance(n_classes, target):
    """Class weights that make all classes of the target count alike; a lacking one has one row."""
    totals = np.bincount(target.y, target.sample_weight, minlength=n_classes)
    totals[totals == 0] = target.sample_weight.mean()
    return totals.sum() / (n_classes * totals)


def _at_the_targets_class_shares(domains, own_intercepts):
    """Source rows reweighted, within their source's weight, as often as the target has classes."""
    if own_intercepts is None:
        return domains
    reweighted = []
    for domain, ratios in zip(domains, class_share_ratios(own_intercepts), strict=True):
        weight = domain.sample_weight * ratios[domain.y]
        weight *= domain.n_samples / weight.sum()
        reweighted.append(replace(domain, sample_weight=weight))
    return reweighted


def _softmax_problem(base, domains, n_classes):
    """The softmax regression that measures the sources, and the units of its columns."""
    # A logistic regression is measured as it is, features and penalty; for other estimators the
    # softmax model is a stand-in, so its columns are standardised.
    linear = is_logistic(base)
    matrix, penalty, centre, scale = make_design(
        domains, ridge=ridge_of(base) if linear else 1.0, standardise=not linear
    )
    if n_classes == 2:
        # scikit-learn penalises the difference of the two classes' coefficients, which is sqrt(2)
        # times the coordinate along the orthonormal contrast.
        penalty = 2 * penalty
    problem = SoftmaxProblem(
        matrix=matrix,
        labels=np.concatenate([domain.y for domain in domains]),
        row_weight=np.concatenate([domain.sample_weight for domain in domains]),
        sizes=[len(domain.y) for domain in domains],
        n_classes=n_classes,
        penalty=penalty,
        groups=domains[0].groups,
    )
    return problem, centre, scale
