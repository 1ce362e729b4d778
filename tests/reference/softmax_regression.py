"""Softmax regression one row at a time: scores and Fisher information from first principles."""

import numpy as np


def probabilities(x, theta, basis):
    logits = basis @ (theta.T @ x)
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def log_likelihood(X, y, theta, basis):
    return np.array(
        [np.log(probabilities(x, theta, basis)[label]) for x, label in zip(X, y, strict=True)]
    )


def score(x, label, theta, basis):
    """Gradient of log p(label | x) in theta (n_features, n_classes - 1)."""
    p = probabilities(x, theta, basis)
    return np.outer(x, basis.T @ (np.eye(len(p))[label] - p))


def fisher_information(X, theta, basis, sample_weight):
    """Sum over rows AND over the labels each row could have had: E[score score']."""
    total = np.zeros((theta.size, theta.size))
    for x, weight in zip(X, sample_weight, strict=True):
        p = probabilities(x, theta, basis)
        for label, chance in enumerate(p):
            s = score(x, label, theta, basis).ravel()
            total += weight * chance * np.outer(s, s)
    return total / np.sum(sample_weight)
