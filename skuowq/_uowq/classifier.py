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

    _roads, _model = CLASSIFIER_ROADS, "softmax"
    _of_some_roads = dict.fromkeys(
        (
            "target_estimator_",
            "pooled_estimator_",
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
