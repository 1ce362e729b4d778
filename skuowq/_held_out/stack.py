"""Three fits of one estimator stacked: with the theory's weights, of the target alone, of all rows.

The theory's weights are those of a linear model. What they are worth to another estimator, to trees
for one, the target's own rows tell: the three are fitted without a fold of them at a time, and
their predictions averaged with the weights that are best for the rows held out: of probabilities
under which these are likeliest (Smyth and Wolpert, 1999), of numbers with the least squared error
(Breiman, 1996). Sources that do harm may still blur what is too sure of itself, so all rows take
part only where they are better for the held-out ones than the target alone. One of the three that
cannot be fitted, or predicts numbers that are not finite, is out.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import norm
from scipy.optimize import nnls
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.domains import take_rows
from skuowq._data.folds import folds_of
from skuowq._data.held_together import groups_with_label
from skuowq._utils._base_estimator import aligned_columns
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._warn import warn

from .evidence import LEAST_PROBABILITY, STACK_PRIOR_ERRORS, STACK_PRIOR_ROWS

_FEWEST_ROWS = 4
_EM_STEPS = 200
# Losses that differ by less, relatively, are the same: rounding must not decide.
_TIE = 1e-9
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
        With the weights of the sources as they are, without sources, and with all rows in full.
        None, of weight 0, where it could not be fitted.
    weights : ndarray of shape (3,)
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


def stack_fits(
    fit,
    target,
    domains,
    source_weights,
    classes,
    n_jobs,
    independent_share=1.0,
    max_weight=None,
    n_folds=5,
):
    """Fit the three, and find their weights by held-out rows of the target.

    Parameters
    ----------
    fit : callable
        ``fit(target, weights)`` returns the estimator fitted to these rows of the target, and to
        the sources with these weights.
    target : Domain
    domains : list of Domain
    source_weights : ndarray of shape (n_sources,)
    classes : ndarray or None
        Labels that the target's indices stand for; None where these are numbers.
    n_jobs : int or None
    independent_share : float, default=1
        Independent rows that the target's are worth, over the sum of their weights.
    max_weight : float, default=None
        Upper bound on the weight of a source row, where all rows take part in full.
    n_folds : int, default=5

    Returns
    -------
    estimator : estimator
        Fitted with the weights.
    stack : Stack or None
        None where the target has too few rows to hold any out, or there are no probabilities, or
        the estimator makes nothing of the target's rows alone; the last with a warning.

    Raises
    ------
    FailedFit
        If none of the three predicts finite numbers.
    """
    estimator = fit(target, source_weights)
    judged = np.arange(len(target.y))
    labels = np.zeros(len(judged), dtype=int) if classes is None else target.y
    if classes is not None:
        several = groups_with_label(labels, target.groups) > 1
        if several.sum() < 2 or not hasattr(estimator, "predict_proba"):
            return estimator, None
        judged = judged[several[labels]]  # Nobody could have learned the others.
    groups = target.groups[judged]
    if len(np.unique(groups)) < _FEWEST_ROWS:
        return estimator, None
    folds = [judged[held] for _, held in folds_of(labels[judged], n_folds, 0, groups)]
    in_full = 1.0 if max_weight is None else min(1.0, max_weight)
    candidates = [w * np.ones_like(source_weights) for w in (source_weights, 0.0, in_full)]
    jobs = [(np.setdiff1d(np.arange(len(labels)), held), w) for held in folds for w in candidates]
    held_out = [take_rows(target, held) for held in folds for _ in candidates]

    def predict(fitted, X):
        if isinstance(fitted, Exception):
            raise fitted
        if classes is None:
            return np.ravel(fitted.predict(X))
        return _probabilities(fitted, X, classes)

    def judge(k):
        """Predictions of one of the three for the rows held out."""
        pairs = zip(fitted[k::3], held_out[k::3], strict=True)
        found = np.concatenate([predict(model, part.X) for model, part in pairs])
        if not (np.isfinite(found).all() and np.isfinite(predict(finals[k], target.X)).all()):
            raise FailedFit(
                f"{type(estimator).__name__} predicts numbers that are not finite: scale the "
                "columns and the responses, or pass another estimator"
            )
        if k == 1:
            for domain in domains:
                predict(finals[k], domain.X)  # Of kinds that the target lacks it may know nothing.
        return found

    finals = [estimator, *(_attempt(fit, target, w) for w in candidates[1:])]
    fitted = Parallel(n_jobs=n_jobs)(
        delayed(_attempt)(fit, take_rows(target, rows), w) for rows, w in jobs
    )
    found = [_attempt(judge, k) for k in range(3)]
    usable = np.array([not isinstance(part, Exception) for part in found])
    failed = [isinstance(part, FailedFit) for part in found]
    if not usable[1] and not any(failed[:2]):
        warn(
            f"{type(estimator).__name__} makes nothing of the target's rows alone, so they do not "
            "judge how far to follow the weights; compare with negative_transfer_gap, or pass an "
            f"estimator that can be fitted to fewer rows. It said: {found[1]}"
        )
        return estimator, None
    if not usable.any():
        raise found[failed.index(True)]
    nothing = np.zeros_like(found[int(np.argmax(usable))])
    found = np.stack([part if used else nothing for part, used in zip(found, usable, strict=True)])
    y = np.concatenate([part.y for part in held_out[::3]])
    weight = np.concatenate([part.sample_weight for part in held_out[::3]]) * independent_share
    if classes is None:
        weights = least_squares_weights(found, y, weight, usable)
    else:
        likelihoods = np.maximum(found[:, np.arange(len(y)), y], LEAST_PROBABILITY)
        weights = mixture_weights(likelihoods, weight, usable)
    finals = [None if isinstance(model, Exception) else model for model in finals]
    return estimator, Stack(finals, weights)


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


def mixture_weights(likelihoods, row_weight, usable=(True, True, True)):
    """Weights under which the mixture of some densities makes the rows likeliest, by EM.

    Parameters
    ----------
    likelihoods : ndarray of shape (3, n_rows)
        Above 0.
    row_weight : ndarray of shape (n_rows,)
    usable : sequence of bool, default=(True, True, True)
        Which of the three take part at all.

    Returns
    -------
    weights : ndarray of shape (3,)
        At least 0, with sum 1.
    """
    usable = np.asarray(usable, dtype=float)
    _, alone, pooled = np.log(likelihoods) @ row_weight
    weights = usable * [1.0, 1.0, float(pooled > alone + _TIE * abs(alone) or not usable[1])]
    for _ in range(_EM_STEPS):
        part = weights[:, None] * likelihoods
        weights = (part / part.sum(axis=0)) @ row_weight + usable * STACK_PRIOR_ROWS
        weights /= weights.sum()
    return weights


def least_squares_weights(predictions, y, row_weight, usable=(True, True, True)):
    """Weights of the average of some predictions with the least squared error.

    Parameters
    ----------
    predictions : ndarray of shape (3, n_rows)
    y, row_weight : ndarray of shape (n_rows,)
    usable : sequence of bool, default=(True, True, True)
        Which of the three take part at all.

    Returns
    -------
    weights : ndarray of shape (3,)
        At least 0, with sum 1.
    """
    with np.errstate(over="ignore"):
        errors = ((predictions - y) * np.sqrt(row_weight)).T
    # Squares of large numbers may be infinite, norms are not.
    sizes = np.array([norm(own, check_finite=False) for own in errors.T])
    sizes[~np.asarray(usable)] = np.inf
    taken = sizes <= _HOPELESS * sizes.min()
    taken[2] &= sizes[2] < sizes[1] * (1 - _TIE)
    errors = errors[:, taken] / (sizes[taken].max() or 1.0)
    # The prior: rows on which each errs as the best does on average, and no other does.
    least = np.sum(errors**2, axis=0).min() / row_weight.sum()
    own = np.sqrt(STACK_PRIOR_ERRORS * least) * np.eye(taken.sum())
    system = np.vstack([errors, own])
    # The sum by a row so heavy that it holds.
    heavy = 1e4 * (np.linalg.norm(system) or 1.0)
    weights = np.zeros(3)
    weights[taken], _ = nnls(
        np.vstack([system, np.full(taken.sum(), heavy)]), np.append(np.zeros(len(system)), heavy)
    )
    return weights / weights.sum()
