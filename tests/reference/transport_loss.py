"""Entropic transport between two distributions, by the fixed point of its potentials."""

import numpy as np


def entropic_cost(p, g, cost, reg):
    """``min_P <P, cost> + reg KL(P | p g')`` and the dual potential of `p`, centred."""
    a, b = np.zeros(len(p)), np.zeros(len(g))
    for _ in range(20_000):
        a = -reg * np.log(np.exp((b - cost) / reg) @ g)
        b = -reg * np.log(p @ np.exp((a[:, None] - cost) / reg))
    plan = np.outer(p, g) * np.exp((a[:, None] + b - cost) / reg)
    assert np.abs(plan.sum(axis=1) - p).max() < 1e-12
    relative = np.sum(plan * np.log(plan / np.outer(p, g)))
    return np.sum(plan * cost) + reg * relative, a - a @ p
