"""One table of named source problems: sizes, true displacements, and what is special about them."""

import numpy as np


def _directions(n_parameters, distances, seed=0):
    """Random directions, one a source, of given lengths (n_parameters, n_sources)."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_parameters, len(distances)))
    return directions / np.linalg.norm(directions, axis=0) * np.asarray(distances)


# name: (n_target, n_samples, displacements (d, K))
PROBLEMS = {
    "one identical": (50, [1000], _directions(20, [0.0])),
    "one near": (50, [1000], _directions(20, [0.6])),
    "near to far": (50, [1000] * 5, _directions(20, [0, 0.2, 0.5, 1, 3])),
    "common shift": (
        50,
        [1000] * 5,
        _directions(20, [0, 0.2, 0.5, 1, 3]) + _directions(20, [1.0], seed=1),
    ),
    "ten mixed": (50, [100] * 10, _directions(50, [0, 0, 0.2, 0.3, 0.5, 0.5, 1, 1, 2, 3])),
    "unequal sizes": (20, [10, 100, 10_000], _directions(10, [0.1, 0.5, 0.5])),
    "few target rows": (20, [500] * 4, _directions(200, [0.5, 1, 2, 5])),
    "all far": (30, [300] * 3, _directions(15, [4, 5, 6])),
}


def true_discrepancy(displacements):
    """``Theta' Theta / d`` (the Fisher information is the identity)."""
    return displacements.T @ displacements / len(displacements)


def simulate_contrasts(problem, rng):
    """Fitted target parameters (d,) and source parameters (d, K) of a Gaussian mean problem."""
    n_target, n_samples, displacements = problem
    d, K = displacements.shape
    target = rng.normal(size=d) / np.sqrt(n_target)
    sources = displacements + rng.normal(size=(d, K)) / np.sqrt(n_samples)
    return target, sources


def other_class_shares(n_target, source_intercept):
    """Target, test rows and three sources with the target's effects and other log odds."""
    rng = np.random.default_rng(0)
    effects = np.array([2.0, -1.0, 0.5, 0.0])

    def domain(n, intercept):
        X = rng.normal(size=(n, 4))
        return X, (rng.random(n) < 1 / (1 + np.exp(-X @ effects - intercept))).astype(int)

    target, test = domain(n_target, -1), domain(4000, -1)
    return target, test, [domain(500, source_intercept) for _ in range(3)]


def assert_noise_alone(grams, n_target, n_samples):
    """E[S] = 1/N0 + diag(1/N) over draws of contrast Gram matrices, a z-test."""
    grams = np.array(grams)
    expected = 1 / n_target + np.diag(1 / np.array(n_samples))
    z = (grams.mean(axis=0) - expected) / (grams.std(axis=0) / np.sqrt(len(grams)))
    assert np.abs(z).max() < 4
