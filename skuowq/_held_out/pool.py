"""Two models' opinions pooled: one that learned from the sources, one of the target alone.

A network that has separated its few target rows is far too sure of itself, and one that learned
from sources may be worse off for it. Which of it is the case, and how much, rows of the target that
were held out tell: they decide the exponents of

    p(c) ~ p_transferred(c)^a  p_alone(c)^b,

a temperature and a share in one. They add up to at most 1: the pool is never surer than the surer
model, for few held-out rows that happen to be easy are no reason to be.

Twenty rows hardly decide on two exponents. So pools with all exponents can be averaged by their
evidence, of which half is believed, as elsewhere: that beats the likeliest pair.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from .evidence import BELIEVED

# Before any row is held out: the first model as it is, worth less than one row.
_PRIOR = np.array([1.0, 0.0])
# Probability 0 in single precision.
_SMALLEST = np.finfo(np.float32).tiny
# All pairs in tenths that add up to at most 1.
EXPONENTS = np.array([(a, b) for a in range(11) for b in range(11 - a)]) / 10


def as_opinions(probabilities):
    """Logarithms, finite ones."""
    return np.log(np.maximum(probabilities, _SMALLEST))


def pool_exponents(opinions, labels, weight):
    """Exponents of largest likelihood of held-out rows, up to 1 in sum; a convex problem.

    Parameters
    ----------
    opinions : ndarray of shape (2, n_rows, n_classes)
        Log probabilities.
    labels : ndarray of int of shape (n_rows,)
    weight : ndarray of shape (n_rows,)

    Returns
    -------
    exponents : ndarray of shape (2,)
    """
    rows = np.arange(len(labels))

    def objective(exponents):
        log_pooled = log_softmax(np.tensordot(exponents, opinions, 1), axis=1)
        residuals = np.exp(log_pooled)
        residuals[rows, labels] -= 1
        slope = np.einsum("krc,rc,r->k", opinions, residuals, weight)
        away = exponents - _PRIOR
        return away @ away / 2 - weight @ log_pooled[rows, labels], away + slope

    at_most_one = {"type": "ineq", "fun": lambda a: 1 - a.sum(), "jac": lambda a: -np.ones(2)}
    found = minimize(
        objective, _PRIOR, jac=True, method="SLSQP", bounds=[(0, 1)] * 2, constraints=at_most_one
    )
    return np.clip(found.x, 0, 1)


def belief_in_exponents(opinions, labels, weight, usable=(True, True)):
    """Posterior of the exponents, all alike before the first row.

    Parameters
    ----------
    opinions : ndarray of shape (2, n_rows, n_classes)
        Log probabilities of held-out rows.
    labels : ndarray of int of shape (n_rows,)
    weight : ndarray of shape (n_rows,)
    usable : sequence of bool, default=(True, True)
        Which of the two models may take part at all.

    Returns
    -------
    belief : ndarray of shape (66,)
        Of every pair in ``EXPONENTS``.
    """
    rows = np.arange(len(labels))
    evidence = [
        weight @ log_softmax(np.tensordot(pair, opinions, 1), axis=1)[rows, labels]
        for pair in EXPONENTS
    ]
    out = EXPONENTS[:, ~np.asarray(usable)].any(axis=1)
    return softmax(np.where(out, -np.inf, BELIEVED * np.array(evidence)))


def pool(exponents, belief, transferred, alone, classes):
    """Pooled probabilities, the mean over several pairs of exponents.

    Parameters
    ----------
    exponents : array-like of shape (n_pairs, 2)
    belief : array-like of shape (n_pairs,)
        In every pair; 1 in sum.
    transferred, alone : ndarray of shape (n_rows, n_classes)
        Probabilities of the two models.
    classes : ndarray of int
        Classes that the target has. Others keep the probability that the first model gives them.

    Returns
    -------
    pooled : ndarray of shape (n_rows, n_classes)
    """
    pooled, ours = transferred.copy(), transferred[:, classes]
    opinions = as_opinions([ours, alone[:, classes]])
    shares = sum(
        share * softmax(np.tensordot(pair, opinions, 1), axis=1)
        for share, pair in zip(belief, exponents, strict=True)
    )
    pooled[:, classes] = shares * ours.sum(axis=1, keepdims=True)
    return pooled
