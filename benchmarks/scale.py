"""How time and memory grow: with rows, with sources, with features.

One axis at a time, the others held: rows of all sources together from 1e3 to 1e6 (10 sources, 20
features), sources from 1 to 100,000 (50 rows each, 20 features), features from 10 to 10,000 (sparse
from 1,000 on, twenty entries a row; 5 sources of 2,000 rows). The target has 100 rows; two classes,
or a number. Each fit runs in a process of its own; memory is the peak above what the data take. The
exponent is that of the last two steps of an axis.

    .venv/bin/python benchmarks/scale.py
"""

import argparse
import multiprocessing
import resource
import time
import warnings

import numpy as np
from scipy import sparse

from skuowq import Sources, UOWQClassifier, UOWQRegressor

AXES = {
    "rows": [(n, 10, 20) for n in (10**3, 10**4, 10**5, 10**6)],
    "sources": [(50 * k, k, 20) for k in (1, 10, 100, 1000, 10_000, 100_000)],
    "features": [(10_000, 5, p) for p in (10, 100, 1000, 10_000)],
}
POSITION = {"rows": 0, "sources": 1, "features": 2}
# A dense information of 10,000 features is out of the regressor's reach.
REGRESSOR_MOST_FEATURES = 1000


def draw(n_rows, n_sources, n_features):
    """Target and sources; the sources at discrepancies from 0 to 1."""
    rng = np.random.RandomState(0)
    effects = rng.normal(size=n_features) / np.sqrt(min(n_features, 20))

    def domain(n, away):
        if n_features >= 1000:
            columns = rng.randint(n_features, size=(n, 20))
            X = sparse.csr_matrix(
                (rng.normal(size=20 * n), columns.ravel(), np.arange(0, 20 * n + 1, 20)),
                shape=(n, n_features),
            )
        else:
            X = rng.normal(size=(n, n_features))
        moved = effects + away * rng.normal(size=n_features) / np.sqrt(min(n_features, 20))
        return X, X @ moved + rng.normal(size=n)

    X, y = domain(100, 0.0)
    sizes = n_rows // n_sources
    return X, y, [domain(sizes, k / max(n_sources - 1, 1)) for k in range(n_sources)]


def measure(kind, size):
    X, y, sources = draw(*size)
    if kind == "classifier":
        y, sources = y > 0, [(X_k, y_k > 0) for X_k, y_k in sources]
        sources = [(X_k, y_k) for X_k, y_k in sources if 0 < y_k.sum() < len(y_k)]
    sources = Sources(sources)
    estimator = UOWQClassifier() if kind == "classifier" else UOWQRegressor()
    warnings.simplefilter("ignore")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    estimator.fit(X, y, sources=sources)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return seconds, peak / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--axes", nargs="+", default=list(AXES), choices=list(AXES))
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for kind in ("classifier", "regressor"):
        for axis in arguments.axes:
            sizes = AXES[axis]
            if kind == "regressor":
                sizes = [size for size in sizes if size[2] <= REGRESSOR_MOST_FEATURES]
            print(f"\n{kind}, {axis}", flush=True)
            found = []
            for size in sizes:
                runs = []
                for _ in range(arguments.repeats):
                    with context.Pool(1) as pool:
                        runs.append(pool.apply(measure, (kind, size)))
                seconds, megabytes = np.median(runs, axis=0)
                spread = np.ptp([run[0] for run in runs])
                found.append((size[POSITION[axis]], seconds, max(megabytes, 0.1)))
                print(
                    f"{size[POSITION[axis]]:>10,d}  {seconds:9.3f} s (range {spread:.3f})"
                    f"  {megabytes:9.1f} MB",
                    flush=True,
                )
            ours, times, memory = np.log(np.array(found[-3:])).T
            slopes = [np.polyfit(ours, values, 1)[0] for values in (times, memory)]
            print(f"exponents: time {slopes[0]:.2f}, memory {slopes[1]:.2f}", flush=True)


if __name__ == "__main__":
    main()
