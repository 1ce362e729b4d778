"""Log densities of rows by scipy.stats, one row at a time in meaning: what a likelihood is."""

import numpy as np
from scipy import stats
from scipy.special import softmax


def log_density(family, rows, theta):
    """(n_samples,), up to what does not depend on theta."""
    theta = np.asarray(theta, dtype=float)
    name = type(family).__name__
    if name == "GaussianMean":
        covariance = np.eye(len(theta)) if family.covariance is None else family.covariance
        return stats.multivariate_normal.logpdf(rows, theta, covariance)
    if name == "Gaussian":
        mean, variance = np.split(theta, 2)
        return stats.norm.logpdf(rows, mean, np.sqrt(variance)).sum(axis=1)
    if name == "Bernoulli":
        return stats.bernoulli.logpmf(rows, theta).sum(axis=1)
    if name == "Poisson":
        return stats.poisson.logpmf(rows, theta).sum(axis=1)
    if name == "Exponential":
        return stats.expon.logpdf(rows, scale=1 / theta).sum(axis=1)
    if name == "Categorical":
        p = np.append(theta, 1 - theta.sum())
        return np.log(p[rows[:, 0].astype(int)])
    X, y = rows[:, :-1], rows[:, -1]
    if name == "LinearRegression":
        return stats.norm.logpdf(y, X @ theta, np.sqrt(family.noise_variance))
    if name == "SoftmaxRegression":
        logits = X @ theta.reshape(family.n_classes - 1, -1).T
        p = softmax(np.column_stack([logits, np.zeros(len(X))]), axis=1)
        return np.log(p[np.arange(len(y)), y.astype(int)])
    raise AssertionError(name)
