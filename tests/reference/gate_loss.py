"""The gate's objective and the distances of features, written out row by row."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cross_entropy(logits, y):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.array(
        [np.log(np.exp(row).sum()) - row[label] for row, label in zip(shifted, y, strict=True)]
    )


def two_means(target_losses, source_losses, row_weights, source, trust):
    """``mean_T l + sum_k trust_k (N_k / N_S) mean_k [w l]``."""
    total = target_losses.mean()
    for k in range(len(trust)):
        ours = source == k
        share = ours.sum() / len(source)
        total += trust[k] * share * (row_weights[ours] * source_losses[ours]).mean()
    return total


def adversarial_objective(d_unlabeled, d_source_nil, d_target, d_source):
    """Equation 10 for one source; D's outputs are probabilities of the target."""
    return (
        np.log(d_unlabeled).mean()
        + np.log(1 - d_source_nil).mean()
        + np.log(d_target).mean()
        + np.log(1 - d_source).mean()
    )


def squared_mmd(first, second, bandwidths):
    """U-statistic under the mean of Gaussian kernels; bandwidths in mean squared distances."""
    rows = np.vstack([first, second])
    n_rows = len(rows)
    distances = [
        ((rows[i] - rows[j]) ** 2).sum() for i in range(n_rows) for j in range(n_rows) if i != j
    ]
    scale = np.mean(distances)

    def kernel(a, b):
        squared = ((a - b) ** 2).sum() / scale
        return np.mean([np.exp(-squared / width) for width in bandwidths])

    def within(part):
        n = len(part)
        return np.mean([kernel(part[i], part[j]) for i in range(n) for j in range(n) if i != j])

    between = np.mean([kernel(a, b) for a in first for b in second])
    return within(first) + within(second) - 2 * between


def coral(first, second):
    d = first.shape[1]
    return ((np.cov(first.T) - np.cov(second.T)) ** 2).sum() / (4 * d**2)
