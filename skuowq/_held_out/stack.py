"""Several fits stacked, with weights by held-out rows of the target.

The theory's weights are those of a linear model. What they are worth to another estimator, to trees
for one, the target's own rows tell. The estimator is fitted in a few ways, with the weights and
without, each without a fold of these rows at a time. The predictions are averaged with the weights
that are best for the rows held out: of probabilities under which these are likeliest (Smyth and
Wolpert, 1999), of numbers with the least squared error (Breiman, 1996). A fit that fails, or that
predicts numbers that are not finite, is out.
"""

import itertools
import warnings
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from joblib import effective_n_jobs, parallel_config
from scipy.linalg import norm
from scipy.optimize import nnls
from sklearn.utils.parallel import delayed

from skuowq._data.domains import take_rows
from skuowq._data.folds import folds_of
from skuowq._data.held_together import groups_with_label
from skuowq._utils._base_estimator import aligned_columns
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._progress import Progress, in_parallel
from skuowq._utils._warn import warn

from .evidence import LEAST_PROBABILITY, STACK_PRIOR_ERRORS, STACK_PRIOR_ROWS

_FEWEST_ROWS = 4
# Of the user's estimator: with the weights, of the target alone, of all rows.
_OWN_FITS = 3
_NAMES = ("with the weights", "of the target alone", "of all rows", "of the linear model")
_EM_STEPS = 200
# With an error so many times the least one, an estimator adds nothing to the average.
_HOPELESS = 1e6
# With what an estimator fails that cannot be fitted to some rows, or knows nothing of others.
_ERRORS = (ValueError, TypeError, AttributeError)


@dataclass(frozen=True, eq=False)
class Stack:
    """Fitted estimators and their weights.

    Attributes
    ----------
    estimators : list
        In the order of `stack_fits`. None, of weight 0, where it could not be fitted.
    weights : ndarray of shape (n_fits,)
        They sum to 1.
    """

    estimators: list
    weights: np.ndarray

    def predict_proba(self, X, classes):
        """Averaged probabilities of `classes`, (n_rows, n_classes)."""
        return sum(w * _probabilities(estimator, X, classes) for estimator, w in self._taking_part)

    def predict(self, X):
        """Averaged numbers, (n_rows,)."""
        return sum(w * np.ravel(estimator.predict(X)) for estimator, w in self._taking_part)

    @property
    def _taking_part(self):
        return [pair for pair in zip(self.estimators, self.weights, strict=True) if pair[1] > 0]


def stack_fits(fits, target, domains, classes, n_jobs, independent_share=1.0, n_folds=5, verbose=0):
    """Fit in several ways, and find the weights of the fits by held-out rows of the target.

    Parameters
    ----------
    fits : list of callable
        Each takes rows of the target as a `Domain` and returns an estimator fitted to them and to
        the sources: with their weights the first, to the target alone the second.
    target : Domain
    domains : list of Domain
    classes : ndarray or None
        Labels that the target's indices stand for; None where these are numbers.
    n_jobs : int or None
    independent_share : float, default=1
        Independent rows that the target's are worth, over the sum of their weights.
    n_folds : int, default=5
    verbose : int, default=0

    Returns
    -------
    estimator : estimator
        The first.
    stack : Stack or None
        None where there are no probabilities, or the estimator makes nothing of the target's rows
        alone; the latter with a warning. Where the target has too few rows to hold any out, the
        weights are those before any evidence.

    Raises
    ------
    FailedFit
        If none of the estimator's own fits predicts finite numbers.
    """
    progress = Progress("stack", verbose)
    # With workers the first fit runs beside the others.
    alone = effective_n_jobs(n_jobs) == 1
    estimator = fits[0](target) if alone else None
    if alone and _lacks_probabilities(estimator, classes):
        return estimator, None
    judged = np.arange(len(target.y))
    labels = np.zeros(len(judged), dtype=int) if classes is None else target.y
    if classes is not None:
        several = groups_with_label(labels, target.groups) > 1
        judged = judged[several[labels]]  # Nobody could have learned the others.
    groups = target.groups[judged]
    enough = len(np.unique(groups)) >= _FEWEST_ROWS and len(np.unique(labels[judged])) >= (
        1 if classes is None else 2
    )
    folds = []
    if enough:
        folds = [judged[held] for _, held in folds_of(labels[judged], n_folds, 0, groups)]
    rest = [np.setdiff1d(np.arange(len(labels)), held) for held in folds]
    held_out = [take_rows(target, held) for held in folds]

    def judge(k):
        """Predictions of one of the fits for the rows held out."""
        own = _predictions(finals[k], target.X, classes)
        found = np.concatenate([own[:0], *map(_result, without[k :: len(fits)])])
        if not (np.isfinite(found).all() and np.isfinite(own).all()):
            raise FailedFit(
                f"{type(estimator).__name__} predicts numbers that are not finite: scale the "
                "columns and the responses, or pass another estimator"
            )
        if k == 1:
            for domain in domains:  # Of kinds that the target lacks it may know nothing.
                _predictions(finals[k], domain.X, classes)
        return found

    progress.n_items = len(fits) * (1 + len(folds))
    shared = _Shared(fits, target, domains, classes, alone)
    numbers = range(len(fits))
    calls = itertools.chain(
        () if alone else [delayed(_fit_and_listen)(shared)],
        (delayed(_attempt)(_fit_one, shared, k) for k in numbers[1:]),
        (
            delayed(_attempt)(_fit_without, shared, k, rows, held)
            for rows, held in zip(rest, folds, strict=True)
            for k in numbers
        ),
    )
    texts = [_text(k, fold) for fold in range(1 + len(folds)) for k in numbers]
    with progress:
        if alone:
            progress(texts.pop(0))
        done = in_parallel(calls, texts, n_jobs, progress)
    if not alone:
        (estimator, said), *done = done
        for message in said:
            warnings.warn(message, stacklevel=2)
        if _lacks_probabilities(estimator, classes):
            return estimator, None
    finals, without = [estimator, *done[: len(fits) - 1]], done[len(fits) - 1 :]
    found = [_attempt(judge, k) for k in range(len(fits))]
    usable = np.array([not isinstance(part, Exception) for part in found])
    failed = [isinstance(part, FailedFit) for part in found]
    if enough and not usable[1] and not any(failed[:2]):
        warn(
            f"{type(estimator).__name__} makes nothing of the target's rows alone, so they do not "
            "judge how far to follow the weights; compare with negative_transfer_gap, or pass an "
            f"estimator that can be fitted to fewer rows. It said: {found[1]}"
        )
        return estimator, None
    # A linear model beside it does not stand for the user's estimator.
    if not usable[:_OWN_FITS].any():
        raise found[failed.index(True)]
    nothing = np.zeros_like(found[int(np.argmax(usable))])
    found = np.stack([part if used else nothing for part, used in zip(found, usable, strict=True)])
    finals = [None if isinstance(model, Exception) else model for model in finals]
    if not enough:
        weights = STACK_PRIOR_ROWS[: len(fits)] * usable
        return estimator, Stack(finals, weights / weights.sum())
    y = np.concatenate([part.y for part in held_out])
    weight = np.concatenate([part.sample_weight for part in held_out]) * independent_share
    if classes is None:
        weights = least_squares_weights(found, y, weight, usable)
    else:
        likelihoods = np.maximum(found[:, np.arange(len(y)), y], LEAST_PROBABILITY)
        weights = mixture_weights(likelihoods, weight, usable)
    return estimator, Stack(finals, weights)


def _lacks_probabilities(estimator, classes):
    return classes is not None and not hasattr(estimator, "predict_proba")


class _Shared:
    """What all fits need. A cluster is sent it once, as it tells joblib that it is large."""

    def __init__(self, fits, target, domains, classes, alone):
        self.fits, self.target, self.classes, self.alone = fits, target, classes, alone
        self.n_numbers = sum(int(np.prod(part.X.shape)) for part in [target, *domains])

    def __sizeof__(self):
        return 8 * self.n_numbers

    def fit(self, k, target):
        """One of the fits, all of it on one worker: a forest would send trees to the others."""
        with nullcontext() if self.alone else parallel_config("sequential"):
            return self.fits[k](target)


def _fit_one(shared, k):
    """One of the fits."""
    return shared.fit(k, shared.target)


def _fit_without(shared, k, rows, held):
    """Predictions of one of the fits for rows that it has not seen; the fit itself stays there."""
    fitted = shared.fit(k, take_rows(shared.target, rows))
    return _predictions(fitted, take_rows(shared.target, held).X, shared.classes)


def _predictions(fitted, X, classes):
    """Numbers, or probabilities of all classes."""
    if classes is None:
        return np.ravel(_result(fitted).predict(X))
    return _probabilities(_result(fitted), X, classes)


def _result(found):
    """What `_attempt` has found, or the error that it has caught."""
    if isinstance(found, Exception):
        raise found
    return found


def _fit_and_listen(shared):
    """The first fit and what it warned of, which nobody would hear from another process."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        estimator = _fit_one(shared, 0)
    return estimator, [warning.message for warning in said]


def _text(k, fold=0):
    """What is fitted."""
    return f"fit {_NAMES[k]}" + (f", fold {fold} held out" if fold else "")


def _attempt(action, *arguments):
    """The result, or the error; what there is to say the fit with the weights says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return action(*arguments)
        except _ERRORS as error:
            return error


def _probabilities(estimator, X, classes):
    """Of all `classes`, 0 for those that the estimator has never seen."""
    return aligned_columns(estimator.predict_proba(X), estimator.classes_, classes)


def mixture_weights(likelihoods, row_weight, usable=None):
    """Weights under which the mixture of some densities makes the rows likeliest, by EM.

    Parameters
    ----------
    likelihoods : ndarray of shape (n_fits, n_rows)
        Above 0.
    row_weight : ndarray of shape (n_rows,)
    usable : sequence of bool, default=None
        Which take part at all; None is all.

    Returns
    -------
    weights : ndarray of shape (n_fits,)
        At least 0, with sum 1.
    """
    weights = np.ones(len(likelihoods)) if usable is None else np.asarray(usable, dtype=float)
    prior = STACK_PRIOR_ROWS[: len(weights)] * weights
    for _ in range(_EM_STEPS):
        part = weights[:, None] * likelihoods
        weights = (part / part.sum(axis=0)) @ row_weight + prior
        weights /= weights.sum()
    return weights


def least_squares_weights(predictions, y, row_weight, usable=None):
    """Weights of the average of some predictions with the least squared error.

    Parameters
    ----------
    predictions : ndarray of shape (n_fits, n_rows)
    y, row_weight : ndarray of shape (n_rows,)
    usable : sequence of bool, default=None
        Which take part at all; None is all.

    Returns
    -------
    weights : ndarray of shape (n_fits,)
        At least 0, with sum 1.
    """
    with np.errstate(over="ignore"):
        errors = ((predictions - y) * np.sqrt(row_weight)).T
    # Squares of large numbers may be infinite, norms are not.
    sizes = np.array([norm(own, check_finite=False) for own in errors.T])
    if usable is not None:
        sizes[~np.asarray(usable)] = np.inf
    taken = sizes <= _HOPELESS * sizes.min()
    errors = errors[:, taken] / (sizes[taken].max() or 1.0)
    # The prior: rows on which each errs as the best does on average, and no other does.
    least = np.sum(errors**2, axis=0).min() / row_weight.sum()
    own = np.sqrt(STACK_PRIOR_ERRORS * least) * np.eye(taken.sum())
    system = np.vstack([errors, own])
    # The sum by a row so heavy that it holds.
    heavy = 1e4 * (np.linalg.norm(system) or 1.0)
    weights = np.zeros(len(sizes))
    weights[taken], _ = nnls(
        np.vstack([system, np.full(taken.sum(), heavy)]), np.append(np.zeros(len(system)), heavy)
    )
    return weights / weights.sum()
