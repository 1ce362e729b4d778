"""What the weights cost: many sources, many parameters, many rows.

Weights from contrasts for 1,000 sources; a fit with 10,000 parameters, whose d x d matrix would be
800 MB; peak memory as rows double; a whole fit with 1,000 sources.
"""

import time
import tracemalloc

import numpy as np

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.weights import optimal_source_weights


def many_sources(n_sources=1000, d=50, n_repeats=7):
    rng = np.random.default_rng(0)
    n_samples = rng.uniform(50, 5000, n_sources)
    spread = rng.choice([0, 0.05, 0.5, 3], n_sources) / np.sqrt(d)
    contrasts = rng.normal(size=(d, n_sources)) * np.sqrt(spread**2 + 1 / n_samples)
    contrasts += rng.normal(size=(d, 1)) / np.sqrt(30)
    S = contrasts.T @ contrasts / d
    seconds = []
    for _ in range(n_repeats):
        start = time.perf_counter()
        result = optimal_source_weights(S, 30, n_samples, d)
        seconds.append(time.perf_counter() - start)
    print(
        f"weights of {n_sources} sources: median {np.median(seconds):.2f} s, from "
        f"{min(seconds):.2f} to {max(seconds):.2f}; gap {result.gap:.0e}"
    )


def peak_of_fit(n_rows, n_features, n_classes, seed=0):
    """Peak memory of a fit beyond its input, the input's size, both in MB, and seconds."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(n_features, n_classes)) / np.sqrt(n_features)

    def draw(n):
        X = rng.normal(size=(n, n_features))
        return X, np.argmax(X @ theta + rng.gumbel(size=(n, n_classes)), axis=1)

    X, y = draw(100)
    sources = [draw(n_rows // 2) for _ in range(2)]
    size = (X.nbytes + sum(X_i.nbytes for X_i, _ in sources)) / 1e6
    tracemalloc.start()
    start = time.perf_counter()
    model = UOWQClassifier(random_state=0).fit(X, y, sources)
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak, size, seconds, model


def main():
    many_sources()
    peak, size, seconds, model = peak_of_fit(3000, 2500, 5)
    print(
        f"2,501 x 4 = 10,004 parameters, 3,100 rows: {seconds:.0f} s, peak {peak:.0f} MB beyond "
        f"data of {size:.0f} MB; effective parameters {model.n_parameters_:.0f}"
    )
    for n_rows in (5_000, 10_000, 20_000, 40_000):
        peak, size, seconds, _ = peak_of_fit(n_rows, 40, 3)
        print(
            f"{n_rows} rows x 40 features: {seconds:.2f} s, peak {peak:.0f} MB, "
            f"{peak / size:.1f} times the data"
        )
    tasks = make_classification_tasks(
        n_samples=(50,) * 1000,
        n_features=20,
        discrepancies=np.tile([0, 0.01, 0.1, 0.5, 2], 200),
        random_state=0,
    )
    start = time.perf_counter()
    UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
    print(f"a whole fit with 1,000 sources of 50 rows: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
