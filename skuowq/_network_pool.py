"""Two networks pooled: one tuned from the sources, one of the target alone.

A network that has separated its few target rows is far too sure of itself, and one that starts at
what the sources taught may be worse off for it. Which of it is the case, and how much, rows of the
target that were held out tell: they decide the exponents of

    p(c) ~ p_tuned(c)^a  p_alone(c)^b,

a temperature and a share in one. They add up to at most 1: the pool is never surer than the surer
network, for few held-out rows that happen to be easy are no reason to be.
"""

from hashlib import blake2b

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

# For two exponents. Every half that is held out costs two trainings.
_ENOUGH_ROWS = 100
# Before any row is held out: the tuned network as it is, worth less than one row.
_PRIOR = np.array([1.0, 0.0])
# Probability 0 in single precision.
_SMALLEST = np.finfo(np.float32).tiny


class NetworkPool:
    """The network of the target alone, and its part in the pool.

    Parameters
    ----------
    target : Domain
    tuned, alone : callable
        ``tuned(kept)`` returns a network trained with these rows of the target.

    Attributes
    ----------
    net : NeuralNetClassifier
        The network of the target alone.
    exponents : ndarray of shape (2,)
        Of the tuned network and of that of the target alone.
    """

    def __init__(self, target, tuned, alone):
        from .networks import predict_proba

        # Of the classes that the target lacks its own network knows nothing.
        self.classes, labels = np.unique(target.y, return_inverse=True)
        everything = np.arange(len(target.y))
        parts, judged = [], halves(target)
        for rows in judged:
            kept = np.setdiff1d(everything, rows)
            p = [
                predict_proba(train(kept), target.X[rows])[:, self.classes]
                for train in (tuned, alone)
            ]
            parts.append(_logarithm(p))
        rows = np.concatenate(judged)
        self.exponents = _exponents(
            np.concatenate(parts, axis=1), labels[rows], target.sample_weight[rows]
        )
        self.net = alone(everything)

    def __call__(self, probabilities, X):
        """Pooled probabilities.

        Parameters
        ----------
        probabilities : ndarray of shape (n_rows, n_classes)
            Of the tuned network.
        X : ndarray of shape (n_rows, ...)

        Returns
        -------
        pooled : ndarray of shape (n_rows, n_classes)
            Classes that the target lacks keep the probability that the tuned network gives them.
        """
        from .networks import predict_proba

        pooled, ours = probabilities.copy(), probabilities[:, self.classes]
        parts = _logarithm([ours, predict_proba(self.net, X)[:, self.classes]])
        shares = np.exp(log_softmax(np.tensordot(self.exponents, parts, 1), axis=1))
        pooled[:, self.classes] = shares * ours.sum(axis=1, keepdims=True)
        return pooled


def halves(target):
    """Rows to hold out, half by half; none of classes that would be left without rows.

    Copies of a row stay together, and the order of the rows is nothing.

    Parameters
    ----------
    target : Domain

    Returns
    -------
    halves : list of ndarray
        Each with its share of every class. The first alone if it has rows enough, none where fewer
        than two classes have two rows.
    """
    contents = np.ascontiguousarray(target.X)
    rows = [
        (label, blake2b(row.tobytes(), digest_size=16).digest())
        for label, row in zip(target.y.tolist(), contents, strict=True)
    ]
    distinct = sorted(set(rows))
    several = np.bincount([label for label, _ in distinct]) > 1
    if several.sum() < 2:
        return []
    place = {row: k for k, row in enumerate(distinct)}
    half = np.array([place[row] % 2 for row in rows])
    first, second = (np.flatnonzero(several[target.y] & (half == k)) for k in (0, 1))
    return [first] if len(first) >= _ENOUGH_ROWS else [first, second]


def _logarithm(probabilities):
    return np.log(np.maximum(probabilities, _SMALLEST))


def _exponents(log_probabilities, labels, weight):
    """Of largest likelihood of the held-out rows, up to 1 in sum; a convex problem."""
    rows = np.arange(len(labels))

    def objective(exponents):
        log_pooled = log_softmax(np.tensordot(exponents, log_probabilities, 1), axis=1)
        residuals = np.exp(log_pooled)
        residuals[rows, labels] -= 1
        slope = np.einsum("krc,rc,r->k", log_probabilities, residuals, weight)
        away = exponents - _PRIOR
        return away @ away / 2 - weight @ log_pooled[rows, labels], away + slope

    at_most_one = {"type": "ineq", "fun": lambda a: 1 - a.sum(), "jac": lambda a: -np.ones(2)}
    found = minimize(
        objective, _PRIOR, jac=True, method="SLSQP", bounds=[(0, 1)] * 2, constraints=at_most_one
    )
    return np.clip(found.x, 0, 1)
