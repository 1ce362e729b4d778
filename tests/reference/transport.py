"""Transport of few rows by trying assignments, and kernels row by row."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def assignment_distance(first, second):
    """2-Wasserstein distance of as many rows."""
    cost = ((first[:, None] - second[None]) ** 2).sum(axis=2)
    rows, columns = linear_sum_assignment(cost)
    return np.sqrt(cost[rows, columns].mean())


def assignment_cost(cost):
    rows, columns = linear_sum_assignment(cost)
    return cost[rows, columns].mean()


def gaussian_distance(m, C, n, D):
    """By matrix square roots."""
    from scipy.linalg import sqrtm

    root = sqrtm(C)
    squared = ((m - n) ** 2).sum() + np.trace(C + D - 2 * np.real(sqrtm(root @ D @ root)))
    return np.sqrt(squared)
