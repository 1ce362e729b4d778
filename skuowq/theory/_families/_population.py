"""Feature vectors of a regression: the population, and their products."""

import numpy as np


def check_population(population):
    """The population as a float array with linearly independent columns."""
    X = np.array(population, dtype=float)  # A copy: a family does not change.
    if X.ndim != 2 or X.shape[1] == 0:
        raise ValueError(
            f"population has shape {X.shape}, and must have shape (n_rows, n_features): pass one "
            "feature vector a row"
        )
    if not np.isfinite(X).all():
        raise ValueError(
            "population holds NaN or infinity, and must be finite: drop or impute those rows"
        )
    rank = np.linalg.matrix_rank(X)
    if rank < X.shape[1]:
        raise ValueError(
            f"population has {X.shape[1]} columns of rank {rank}, and they must be linearly "
            "independent: drop redundant columns, or pass more rows"
        )
    return X


def row_products(X):
    """``x x'`` of every row, flat, (n_rows, n_features squared)."""
    return (X[:, :, None] * X[:, None]).reshape(len(X), -1)
