"""A weighted mixed model with its covariances written out, and held-out errors by refits."""

import numpy as np


def penalised_gls(parts, relative, omega, noise, level_variance, penalty):
    """``theta`` of ``sum_k omega_k (y - Z theta)' V_k^-1 (y - Z theta) + theta' P theta``.

    ``V_k = D_k^-1 + (level variance / noise_k) 11'`` in units of the domain's noise, ``D_k`` the
    rows' weights.
    """
    A, b = np.diag(penalty).astype(float), np.zeros(len(penalty))
    for (Z, y, weight), r, w, sigma2 in zip(parts, relative, omega, noise, strict=True):
        V = np.diag(1 / weight) + level_variance / sigma2
        A += w * r * Z.T @ np.linalg.solve(V, Z)
        b += w * r * Z.T @ np.linalg.solve(V, y)
    return np.linalg.solve(A, b)


def held_out_errors(parts, relative, omega, noise, level_variance, penalty):
    """Errors of the first domain's rows, each under the fit without it, its level fitted along."""
    Z, y, weight = parts[0]
    errors = []
    for j in range(len(y)):
        kept = np.arange(len(y)) != j
        A = np.diag([*penalty, noise[0] / level_variance]).astype(float)
        b = np.zeros(len(penalty) + 1)
        rows = np.column_stack([Z[kept], np.ones(kept.sum())])
        A += rows.T @ (rows * weight[kept, None])
        b += rows.T @ (weight[kept] * y[kept])
        for (Z_k, y_k, w_k), r, w, sigma2 in list(zip(parts, relative, omega, noise, strict=True))[
            1:
        ]:
            V = np.diag(1 / w_k) + level_variance / sigma2
            A[:-1, :-1] += w * r * Z_k.T @ np.linalg.solve(V, Z_k)
            b[:-1] += w * r * Z_k.T @ np.linalg.solve(V, y_k)
        theta = np.linalg.solve(A, b)
        errors.append(y[j] - Z[j] @ theta[:-1] - theta[-1])
    return np.array(errors)
