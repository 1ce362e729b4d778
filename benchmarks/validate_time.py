"""Time of a validation: 200,000 repeats of a Gaussian mean at d = 20 over 20 grid points.

Beside it the bare arithmetic of the same simulation: the ratio says what the validator adds.

    .venv/bin/python benchmarks/validate_time.py
"""

import time

import numpy as np

from skuowq.theory import GaussianMean, validate

D, N_TARGET, N_SOURCE, N_REPEATS = 20, 20, 200, 200_000
GRID = np.linspace(0, 1, 20)
CHUNK = 10_000


def bare():
    rng = np.random.RandomState(0)
    for _ in range(N_REPEATS // CHUNK):
        target = rng.standard_normal((CHUNK, D)) / np.sqrt(N_TARGET)
        source = 0.1 + rng.standard_normal((CHUNK, D)) / np.sqrt(N_SOURCE)
        for w in GRID:
            share = w * N_SOURCE / (N_TARGET + w * N_SOURCE)
            np.sum((target + share * (source - target)) ** 2, axis=1).mean()


def validated():
    result = validate(
        GaussianMean(D),
        np.zeros(D),
        np.full((D, 1), 0.1),
        N_TARGET,
        N_SOURCE,
        source_weights=GRID[:, None],
        n_repeats=N_REPEATS,
        random_state=0,
    )
    assert result.max_abs_z < 4


def main():
    times = {"bare": [], "validate": []}
    for _ in range(5):
        for name, run in [("bare", bare), ("validate", validated)]:
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    for name, seconds in times.items():
        low, middle, high = np.percentile(seconds, [0, 50, 100])
        print(f"{name:10s}{middle:7.2f} s ({low:.2f} to {high:.2f})")
    ratios = np.divide(times["validate"], times["bare"])
    print(f"ratio     {np.median(ratios):7.2f}   ({ratios.min():.2f} to {ratios.max():.2f})")


if __name__ == "__main__":
    main()
