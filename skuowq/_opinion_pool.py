"""Two models' opinions pooled: one that learned from the sources, one of the target alone.

A network that has separated its few target rows is far too sure of itself, and one that learned
from sources may be worse off for it. Which of it is the case, and how much, rows of the target that
were held out tell: they decide the exponents of

    p(c) ~ p_transferred(c)^a  p_alone(c)^b,

a temperature and a share in one. They add up to at most 1: the pool is never surer than the surer
model, for few held-out rows that happen to be easy are no reason to be.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

# Before any row is held out: the first model as it is, worth less than one row.
_PRIOR = np.array([1.0, 0.0])
# Probability 0 in single precision.
_SMALLEST = np.finfo(np.float32).tiny


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


def pool(exponents, transferred, alone, classes):
    """Pooled probabilities.

    Parameters
    ----------
    exponents : array-like of shape (2,)
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
    shares = np.exp(log_softmax(np.tensordot(exponents, opinions, 1), axis=1))
    pooled[:, classes] = shares * ours.sum(axis=1, keepdims=True)
    return pooled
