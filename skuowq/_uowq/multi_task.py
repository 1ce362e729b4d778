"""MultiTaskUOWQClassifier: every task is the target once, and a source of the others."""

from copy import copy
from html import escape

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.parallel import delayed
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from skuowq._data.dataset_rows import DatasetRows, is_dataset
from skuowq._data.domains import is_frame
from skuowq._utils._array_api import in_numpy
from skuowq._utils._base_estimator import AnyClassifierMixin, array_checks, is_network, learnt_by
from skuowq._utils._progress import Progress, in_parallel
from skuowq._utils._sklearn import _check_sample_weight, _fit_context, _safe_indexing
from skuowq.rules import as_rule

from .classifier import UOWQClassifier
from .named_rule import NamedRuleMixin
from .tasks import codes_of_known_tasks, fit_one_task, split_by_task

# Tasks whose reports stand below the diagram.
_SHOWN = 5


class MultiTaskUOWQClassifier(NamedRuleMixin, AnyClassifierMixin, ClassifierMixin, BaseEstimator):
    """One classifier for each task, trained on all tasks with the weights best for it.

    Parameters
    ----------
    estimator : classifier, default=None
        As in :class:`UOWQClassifier`: any classifier whose ``fit`` takes ``sample_weight``, or a
        skorch net; None is :class:`~sklearn.linear_model.LogisticRegression`.
    discrepancy : {"reml", "debiased", "plugin"}, Rule or array-like of shape \
            (n_tasks, n_tasks - 1, n_tasks - 1), default="reml"
        As in :class:`UOWQClassifier`. An array has a matrix for each task as target, the other
        tasks in sorted order. A rule's `source_estimators` are networks of all tasks, sorted.
    max_weight : float, default=None
        Upper bound on the weight of another task's row. None sets no bound.
    solver : str, default=None
        Name of the cvxpy solver for the weight programs.
    n_jobs : int, default=None
        Tasks fitted at a time; None is 1 unless in a `joblib.parallel_config`, -1 is all cores.
    random_state : int, RandomState instance or None, default=None
        As in :class:`UOWQClassifier`; all tasks get the same seed.
    verbose : int, default=0
        1 prints a line for each task, or a bar in a terminal, and what :class:`UOWQClassifier`
        prints.

    Attributes
    ----------
    estimators_ : dict of task to UOWQClassifier
        Each fitted with its task as target and the others, by name, as sources.
    tasks_ : ndarray of shape (n_tasks,)
        The tasks, sorted.
    source_weights_ : ndarray of shape (n_tasks, n_tasks)
        Row t has the weights of one row of each task where t is the target; 1 on the diagonal.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Defined when X has string column names.

    See Also
    --------
    UOWQClassifier : One target.

    Notes
    -----
    There are as many fits as tasks, and they share nothing. What is measured of a source depends on
    the target.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq import MultiTaskUOWQClassifier
    >>> from skuowq.datasets import make_classification_tasks
    >>> tasks = make_classification_tasks(n_samples=(60, 60), discrepancies=(0, 4), random_state=0)
    >>> parts = [(tasks.X_target, tasks.y_target), *tasks.sources]
    >>> X, y = (np.concatenate(arrays) for arrays in zip(*parts))
    >>> task = np.repeat(["here", "near", "far"], [len(y_k) for _, y_k in parts])
    >>> clf = MultiTaskUOWQClassifier().fit(X, y, task=task)
    >>> clf.predict(X[:3], task=["here"] * 3).shape
    (3,)
    >>> clf.tasks_.tolist()
    ['far', 'here', 'near']
    """

    # Routed without being asked for, and cut to the rows of a fold as any array of rows is.
    __metadata_request__fit = {"task": True}  # noqa: RUF012
    __metadata_request__predict = {"task": True}  # noqa: RUF012
    __metadata_request__predict_proba = {"task": True}  # noqa: RUF012
    __metadata_request__score = {"task": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        name: UOWQClassifier._parameter_constraints[name]
        for name in (
            "estimator",
            "discrepancy",
            "max_weight",
            "solver",
            "n_jobs",
            "random_state",
            "verbose",
        )
    }

    def __init__(
        self,
        estimator=None,
        *,
        discrepancy="reml",
        max_weight=None,
        solver=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.discrepancy = discrepancy
        self.max_weight = max_weight
        self.solver = solver
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @in_numpy
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, task=None, *, sample_weight=None, groups=None):
        """Fit a classifier for each task.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        task : array-like of shape (n_samples,), default=None
            Each row's task: strings, numbers, dates or whatever else Python can hash. None takes
            all rows for one task.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        groups : array-like of shape (n_samples,), default=None
            Rows of a task with one label here belong together, as in :meth:`UOWQClassifier.fit`.

        Returns
        -------
        self : MultiTaskUOWQClassifier

        Raises
        ------
        ValueError
            For input out of bounds; the message names the task where there is one.
        """
        rule = as_rule(self.discrepancy)
        learnt, X, y, frames = self._checked_rows(X, y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        parts = split_by_task(X, y, weight, task, groups)
        seed = self.random_state
        if seed is not None:
            seed = check_random_state(seed).randint(2**31 - 1)
        calls = (
            delayed(fit_one_task)(self._for_one_task(seed, rule.for_task(t, len(parts))), t, parts)
            for t in range(len(parts))
        )
        texts = (f"task {name!r}" for name in parts.names)
        with Progress("tasks", self.verbose, len(parts)) as progress:
            fitted = in_parallel(calls, texts, self.n_jobs, progress)
        return self._publish(learnt, frames, parts, fitted)

    def _checked_rows(self, X, y):
        """X and y; what the checks learn stays on a copy: a fit that fails learns nothing."""
        if is_dataset(X):
            rows = DatasetRows.of(X, "X")
            raise rows.in_memory("MultiTaskUOWQClassifier", a_net_reads=False)
        checked, base = copy(self), self._base_estimator()
        frames = self.estimator is not None and is_frame(X) and not is_network(base)
        if not frames:
            X, y = validate_data(checked, X, y, **array_checks(base))
            return learnt_by(checked), X, y, False
        validate_data(checked, X, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        return learnt_by(checked), X, y, True

    def _for_one_task(self, seed, rule):
        options = self.get_params(deep=False)
        options |= {"n_jobs": None, "random_state": seed, "discrepancy": rule}
        estimator = options.pop("estimator")
        return UOWQClassifier(None if estimator is None else clone(estimator), **options)

    def _publish(self, learnt, frames, parts, fitted):
        """The one place where a fit leaves anything."""
        self._learn(learnt)
        self._fitted_on_frames = frames
        self.tasks_ = parts.tasks
        self.estimators_ = dict(zip(parts.names, fitted, strict=True))
        self.classes_ = fitted[0].classes_
        self.source_weights_ = np.eye(len(fitted))
        for t, clf in enumerate(fitted):
            self.source_weights_[t, np.arange(len(fitted)) != t] = clf.source_weights_
        return self

    def _html_repr(self):
        """The diagram, and below it the reports of the first tasks."""
        shown = list(getattr(self, "estimators_", {}).items())[:_SHOWN]
        reports = (
            f"<details><summary>task {escape(str(task))}</summary>"
            f"{clf.source_report_._repr_html_()}</details>"
            for task, clf in shown
        )
        return super()._html_repr() + "".join(reports)

    def predict(self, X, task=None):
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        task : array-like of shape (n_samples,), default=None
            Each row's task, one of ``tasks_``. May be left out where there is one task.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self._by_task("predict", X, task, self.classes_.dtype, ())

    def predict_proba(self, X, task=None):
        """Class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        task : array-like of shape (n_samples,), default=None
            Each row's task, one of ``tasks_``. May be left out where there is one task.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        check_is_fitted(self)
        return self._by_task("predict_proba", X, task, float, (len(self.classes_),))

    def score(self, X, y, task=None, sample_weight=None):
        """Mean accuracy.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        task : array-like of shape (n_samples,), default=None
            Each row's task.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        accuracy : float
        """
        right = self.predict(X, task) == column_or_1d(y)
        return float(np.average(right, weights=sample_weight))

    def _by_task(self, method, X, task, dtype, shape):
        X = self._check_rows(X)
        codes = codes_of_known_tasks(task, X.shape[0], self.tasks_)
        found = np.empty((X.shape[0], *shape), dtype=dtype)
        for code, clf in enumerate(self.estimators_.values()):
            rows = np.flatnonzero(codes == code)
            if len(rows):
                found[rows] = getattr(clf, method)(_safe_indexing(X, rows))
        return found

    def _row_checks(self):
        return array_checks(self._base_estimator())
