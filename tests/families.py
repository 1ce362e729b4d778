"""One table of model families with a truth each, and sources at chosen discrepancies."""

import numpy as np

from skuowq.theory import (
    Bernoulli,
    Categorical,
    Exponential,
    Gaussian,
    GaussianMean,
    LinearRegression,
    Poisson,
    SoftmaxRegression,
)

_RNG = np.random.RandomState(0)
_POPULATION = np.column_stack([np.ones(10), _RNG.normal(size=(10, 3))])
_ROOT = np.eye(5) + 0.3 * _RNG.normal(size=(5, 5))

# name: (family, the target's true parameters)
FAMILIES = {
    "Gaussian mean": (GaussianMean(5, _ROOT @ _ROOT.T), np.array([0.0, 1.0, -1.0, 2.0, 0.5])),
    "Gaussian": (Gaussian(2), np.array([0.0, 1.0, 1.0, 2.0])),
    "Bernoulli": (Bernoulli(4), np.array([0.3, 0.6, 0.2, 0.45])),
    "Poisson": (Poisson(4), np.array([2.0, 5.0, 1.0, 3.0])),
    "exponential": (Exponential(4), np.array([1.0, 3.0, 2.0, 0.5])),
    "categorical": (Categorical(5), np.array([0.2, 0.3, 0.1, 0.25])),
    "linear regression": (LinearRegression(_POPULATION, 2.0), np.array([1.0, 2.0, -1.0, 0.3])),
    "softmax regression": (
        SoftmaxRegression(_POPULATION[:, :3], n_classes=3),
        np.array([0.3, -0.4, 0.2, -0.1, 0.5, 0.6]),
    ),
}


def sources_at(family, theta_target, discrepancies, seed=0):
    """True parameters of sources at these discrepancies, in directions orthogonal to each other."""
    d = len(theta_target)
    factor = np.linalg.cholesky(family.fisher_information(theta_target))
    directions, _ = np.linalg.qr(np.random.RandomState(seed).normal(size=(d, d)))
    contrasts = directions[:, : len(discrepancies)] * np.sqrt(d * np.asarray(discrepancies))
    return theta_target[:, None] + np.linalg.solve(factor.T, contrasts)
