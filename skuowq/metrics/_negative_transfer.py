"""The negative transfer gap: how much the sources change the risk on unseen target rows.

Convention: the risk is minus the score, and the gap is the risk with sources minus the risk without
them. A gap above 0 is negative transfer: the sources hurt.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student_t
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import (
    BaseCrossValidator,
    RepeatedKFold,
    RepeatedStratifiedKFold,
)
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.parallel import delayed

from skuowq._data.dataset_rows import rows_and_labels
from skuowq._data.labels import distinct_labels, plain_labels
from skuowq._data.types import Matrix, Seed, SourcesLike
from skuowq._utils._progress import Progress, in_parallel

# "auto" repeats until so many verdicts in a row are alike, and at most so often.
_ALIKE = 3
_MOST_REPEATS = 10
# And until both ends of the interval are so many of their standard errors from 0.
_CLEAR = 2.0


@dataclass(frozen=True, eq=False, repr=False)
class NegativeTransferGap:
    """Risk with sources minus risk without, over the folds of a cross-validation.

    Attributes
    ----------
    gap : float
        Mean of `gaps`. Above 0 the sources hurt, below 0 they help.
    std_error : float
        Standard error of `gap`, corrected for training sets that overlap.
    interval : tuple of two floats
        Confidence interval of the gap at level `confidence`, from Student's t distribution.
    confidence : float
        Level of `interval`.
    gaps : ndarray of shape (n_repeats * n_folds,)
        The gap on each fold, `scores_without - scores_with`.
    scores_with, scores_without : ndarray of shape (n_repeats * n_folds,)
        The score on each fold of the estimator fitted with sources, and without them.
    scoring : str
        Name of the score.
    settled : bool
        Whether other shuffles would hardly change the verdict, or the number of repeats was given.
        False where they still might when the repeats were used up.
    """

    gap: float
    std_error: float
    interval: tuple[float, float]
    confidence: float
    gaps: np.ndarray
    scores_with: np.ndarray
    scores_without: np.ndarray
    scoring: str
    settled: bool = True

    @property
    def verdict(self) -> str:
        """Which way the interval decides, in words."""
        low, high = self.interval
        if low > 0:
            return "the sources hurt"
        if high < 0:
            return "the sources help"
        return "undecided, the interval contains 0"

    def __repr__(self):
        low, high = self.interval
        doubt = "" if self.settled else ", not settled: pass more repeats"
        return (
            f"NegativeTransferGap({self.gap:+.3g} in {self.scoring}: {self.verdict}{doubt};\n"
            f"    {self.confidence:.0%} interval [{low:+.3g}, {high:+.3g}], "
            f"{self.gaps.size} folds)"
        )


def negative_transfer_gap(
    estimator: BaseEstimator,
    X: Matrix,
    y: ArrayLike,
    *,
    sources: SourcesLike,
    cv: int | BaseCrossValidator | Iterable = 5,
    scoring: str | Callable | None = "neg_log_loss",
    n_repeats: int | str = "auto",
    n_jobs: int | None = None,
    random_state: Seed = None,
    confidence: float = 0.95,
    verbose: int = 0,
) -> NegativeTransferGap:
    """Estimate the risk with sources minus the risk without, by cross-validation.

    On each fold the estimator is fitted twice on the same target rows: once with all sources, and
    once without any. Both fits are scored on the same held-out target rows.

    Parameters
    ----------
    estimator : estimator
        Its `fit(X, y, sources=...)` uses the sources, and its `fit(X, y)` uses the target alone. It
        is cloned and not fitted itself. Give it an integer `random_state` if it has one, so that
        both fits use the same random numbers; None adds noise to the gap.
    X : array-like of shape (n_samples, n_features) or Dataset
        Target rows; for networks also a map-style torch data set.
    y : array-like of shape (n_samples,)
        Target labels or values.
    sources : list, dict or Sources
        The sources. Each fit with sources uses all of them.
    cv : int, splitter or iterable of (train, test), default=5
        An integer is the number of shuffled folds, stratified for a classifier. Anything else is
        used as given.
    scoring : str, callable or None, default="neg_log_loss"
        A score of scikit-learn, or a callable `(estimator, X, y) -> float` for which greater is
        better. None takes `estimator.score`. "neg_log_loss" also works if a fold lacks a class. A
        held-out row of a class that the fit has not seen gets a loss of 36.
    n_repeats : int or "auto", default="auto"
        How often an integer `cv` is repeated with new shuffles. This reduces the error due to the
        choice of the folds, but no other error, at the cost of more fits. "auto" repeats until the
        verdict has been the same three times in a row and other shuffles would hardly change it,
        and at most ten times. A `cv` that is no integer is used once.
    n_jobs : int or None, default=None
        Number of processes over folds.
    random_state : int, RandomState instance or None, default=None
        Shuffles the rows for an integer `cv`.
    confidence : float, default=0.95
        Level of the interval.
    verbose : int, default=0
        1 prints a line for each fold, or shows a bar in a terminal.

    Returns
    -------
    result : NegativeTransferGap
        The gap, its standard error and interval, and the scores of each fold.

    Raises
    ------
    TypeError
        If `scoring` holds several scores, or `sources` is an iterator, which one fit would empty.
    ValueError
        If `sources` is None, the estimator has sources bound to it, `n_repeats` is above 1 for a
        splitter, there are fewer than two folds, a classifier refuses a fold with a single class,
        or a score is not finite.

    Notes
    -----
    With J folds, and g_j the gap of fold j::

        gap       = mean(g)
        std_error = sqrt((1 / J + n_test / n_train) * var(g, ddof=1))
        interval  = gap +- t_{J - 1} * std_error

    The term n_test / n_train corrects for training sets that overlap [1]_; [2]_ uses it for
    repeated k-fold. The correction is conservative. In simulations the standard error was two to
    three times the true one, and 95 % intervals contained the true gap 96 to 100 % of the time. The
    sources are the same in each fit, so the interval is about new target rows and not about new
    sources.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio (2003). Inference for the generalization error. Machine
       Learning 52, 239-281.
    .. [2] R. R. Bouckaert and E. Frank (2004). Evaluating the replicability of significance tests
       for comparing learning algorithms. PAKDD, 3-12.

    Examples
    --------
    Each estimator whose `fit` takes `sources` can be used. This one pools them with the target. The
    labels of the source are flipped:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skuowq.metrics import negative_transfer_gap
    >>> class Pooled(LogisticRegression):
    ...     def fit(self, X, y, sources=None):
    ...         pairs = [(X, y), *(sources or [])]
    ...         return super().fit(*(np.concatenate(part) for part in zip(*pairs)))
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> negative_transfer_gap(Pooled(), X, y, sources=[(X, 1 - y)], random_state=0)
    NegativeTransferGap(+0.539 in neg_log_loss: the sources hurt;
        95% interval [+0.433, +0.646], 15 folds)
    """
    _check_arguments(estimator, sources, scoring, confidence)
    X, y = indexable(*rows_and_labels(X, y))
    # A splitter is used once.
    automatic = isinstance(n_repeats, str) and n_repeats == "auto" and isinstance(cv, Integral)
    if isinstance(n_repeats, str) and n_repeats == "auto":
        n_repeats = _MOST_REPEATS if automatic else 1
    splits = _paired_splits(estimator, X, y, cv, n_repeats, random_state)
    scorer = _neg_log_loss if scoring == "neg_log_loss" else check_scoring(estimator, scoring)
    per_repeat = cast(int, cv) if isinstance(cv, Integral) else len(splits)
    per_round = per_repeat if automatic else len(splits)
    scores, results = [], []
    what = "negative_transfer_gap"
    with Progress(what, verbose, len(splits), at_most=automatic) as progress:
        for start in range(0, len(splits), per_round):
            calls = [
                delayed(_score_both)(estimator, X, y, train, test, sources, scorer)
                for train, test in splits[start : start + per_round]
            ]
            name = type(estimator).__name__
            texts = [
                f"{name}, repeat {1 + k // per_repeat}, fold {1 + k % per_repeat}"
                for k in range(start, start + len(calls))
            ]
            scores += in_parallel(calls, texts, n_jobs, progress)
            results.append(_gap_of(scores, splits[: len(scores)], confidence, scoring))
            verdicts = [result.verdict for result in results[-_ALIKE:]]
            alike = len(verdicts) == _ALIKE and len(set(verdicts)) == 1
            if alike and _other_shuffles_agree(results[-1], scores, splits, per_repeat):
                return results[-1]
    return replace(results[-1], settled=not automatic)


def _other_shuffles_agree(result, scores, splits, per_repeat):
    """Whether the ends of the interval are far from 0, for what the shuffles move them.

    That is twice the standard error of each end, by the jackknife over repeats.
    """
    n_repeats = len(scores) // per_repeat
    repeat = np.repeat(np.arange(n_repeats), per_repeat)
    ends = []
    for left_out in range(n_repeats):
        kept = np.flatnonzero(repeat != left_out)
        kept_scores, kept_splits = ([part[k] for k in kept] for part in (scores, splits))
        without = _gap_of(kept_scores, kept_splits, result.confidence, None)
        ends.append(without.interval)
    noise = np.sqrt(n_repeats - 1) * np.std(ends, axis=0)
    return bool(np.all(np.abs(result.interval) >= _CLEAR * noise))


def _gap_of(scores, splits, confidence, scoring):
    """What the scores of some folds say."""
    scores_with, scores_without = np.array(scores, dtype=float).T
    if not np.isfinite(scores).all():
        raise ValueError(
            f"{_scoring_name(scoring)} is not finite on every fold: with sources {scores_with}, "
            f"without {scores_without}. Use another score or larger folds."
        )

    gaps = scores_without - scores_with
    gap = float(gaps.mean())
    n_train = sum(len(train) for train, _ in splits)
    n_test = sum(len(test) for _, test in splits)
    std_error = _corrected_std_error(gaps, n_test / n_train)
    margin = float(student_t.ppf((1 + confidence) / 2, gaps.size - 1)) * std_error
    return NegativeTransferGap(
        gap=gap,
        std_error=std_error,
        interval=(gap - margin, gap + margin),
        confidence=confidence,
        gaps=gaps,
        scores_with=scores_with,
        scores_without=scores_without,
        scoring=_scoring_name(scoring),
    )


def _check_arguments(estimator, sources, scoring, confidence):
    if isinstance(estimator, type):
        raise TypeError(
            f"estimator is the class {estimator.__name__}: pass an instance, "
            f"{estimator.__name__}()."
        )
    if sources is None:
        raise ValueError("sources is None: pass the sources whose effect is to be measured.")
    if isinstance(sources, Iterator):
        raise TypeError(
            "sources is an iterator, which the first fit would empty: pass a list, a dict or "
            "skuowq.Sources."
        )
    # The fit without sources would use the bound ones, and the gap would be 0.
    parts = [estimator, *estimator.get_params(deep=True).values()]
    if any(getattr(part, "_bound_sources", None) is not None for part in parts):
        raise ValueError(
            "The estimator has sources bound by bind_sources, so it cannot be fitted without "
            "sources: pass an estimator with nothing bound, and the sources as `sources`."
        )
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise TypeError(f"scoring must be one score (str, callable or None), got {scoring!r}.")
    if not (isinstance(confidence, Real) and 0 < confidence < 1):
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}.")


def _paired_splits(estimator, X, y, cv, n_repeats, random_state):
    """List of (train, test) row indices, drawn once so that both fits use the same."""
    if isinstance(cv, Integral):
        _check_folds(is_classifier(estimator), y, cv, n_repeats)
        splitter = RepeatedStratifiedKFold if is_classifier(estimator) else RepeatedKFold
        cv = splitter(n_splits=cv, n_repeats=n_repeats, random_state=random_state)
    elif n_repeats != 1:
        raise ValueError(
            f"n_repeats={n_repeats!r} needs an integer cv: a splitter is used as given, so put "
            "the repeats into it (for instance RepeatedStratifiedKFold)."
        )
    if not (hasattr(cv, "split") or isinstance(cv, Iterable)) or isinstance(cv, str):
        raise ValueError(
            f"cv is {cv!r}: pass a number of folds, a splitter or pairs of (train, test) rows."
        )
    with warnings.catch_warnings():
        # If a class has fewer rows than there are folds, some folds lack it.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        splits = list(cv.split(X, y) if hasattr(cv, "split") else cv)
    if len(splits) < 2:
        raise ValueError(
            f"cv gives {len(splits)} fold, and a standard error takes at least 2: pass a cv of "
            "more folds."
        )
    return [_rows_of_fold(fold, len(y)) for fold in splits]


def _rows_of_fold(fold, n_rows):
    """Indices, which make the counts of rows right; a fold may also hold masks."""
    rows = np.arange(n_rows)
    try:
        train, test = (rows[np.asarray(part).ravel()] for part in fold)
        return train, test
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"cv has a fold that is no pair of (train, test) rows among {n_rows}: pass indices or "
            "masks of rows, or a splitter."
        ) from error


def _check_folds(stratified, y, cv, n_repeats):
    """Refuse numbers of folds and repeats that the rows do not allow."""
    most, what = len(y), "the rows"
    if stratified:
        most = np.bincount(distinct_labels(y, "y")[1] + 1).max()
        what = "the rows of the largest class"
    if isinstance(cv, bool) or not 2 <= cv <= most:
        raise ValueError(
            f"cv is {cv!r}, and must be at least 2 and at most {most}, {what}: pass fewer folds, "
            "or a splitter."
        )
    if not isinstance(n_repeats, Integral) or n_repeats < 1:
        raise ValueError(
            f"n_repeats is {n_repeats!r}, and must be an integer of at least 1, or 'auto'."
        )


def _score_both(estimator, X, y, train, test, sources, scorer):
    """Score with and without sources on one fold."""
    X_train, y_train = _safe_indexing(X, train), _safe_indexing(y, train)
    X_test, y_test = _safe_indexing(X, test), _safe_indexing(y, test)
    try:
        with_sources = clone(estimator).fit(X_train, y_train, sources=sources)
        without = clone(estimator).fit(X_train, y_train)
    except ValueError as error:
        if is_classifier(estimator):
            _check_classes_of_fold(y, y_train, error)
        raise
    with warnings.catch_warnings():
        # A score that is not finite is refused, with more words.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return scorer(with_sources, X_test, y_test), scorer(without, X_test, y_test)


def _check_classes_of_fold(y, y_train, error):
    """Explain a refused fit if the fold has a single class although `y` has several.

    It is called only after the refusal, because some classifiers can be fitted to one class.
    """
    classes, labels = distinct_labels(y, "y")[0], distinct_labels(y_train, "y")[0]
    if len(labels) == 1 < len(classes):
        raise ValueError(
            f"cv has a fold whose training rows all are of class {plain_labels(labels)[0]!r}, "
            "and the estimator refuses them: pass a cv that leaves rows of two classes or more in "
            f"every training fold, such as StratifiedKFold. The estimator's message: {error}"
        ) from error


def _neg_log_loss(estimator, X, y):
    """Mean log probability of the true class, for any classes of the fold and of the fit.

    scikit-learn's log loss requires that the labels of `y` are the columns of `predict_proba`. Here
    they may differ: `classes_` may contain classes of the sources that the fold lacks, and the fold
    may contain a class that the fit has not seen. So the probability of a row comes from the column
    of `classes_` that equals its label. A row without such a column has probability 0, which is
    clipped to the machine epsilon like each other 0.
    """
    probabilities = np.asarray(estimator.predict_proba(X))
    is_true_class = np.asarray(y)[:, None] == np.asarray(estimator.classes_)[None, :]
    true_probability = np.where(is_true_class, probabilities, 0).sum(axis=1)
    return np.log(np.clip(true_probability, np.finfo(probabilities.dtype).eps, 1)).mean()


def _corrected_std_error(gaps, test_train_ratio):
    """Nadeau and Bengio (2003): corrected resampled variance (1/J + n_test/n_train) * S^2."""
    return float(np.sqrt((1 / gaps.size + test_train_ratio) * gaps.var(ddof=1)))


def _scoring_name(scoring):
    if scoring is None:
        return "estimator.score"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))
