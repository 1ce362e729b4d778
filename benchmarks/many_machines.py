"""Sources that stay on a cluster: is the fit that of local rows, and what does it cost.

A local Dask cluster of two processes with one thread each; the rows are made there. Three parts:

- equal: 40 sources of 50,000 rows and 30 columns against the same rows in one process: weights,
  probabilities, time, rounds and bytes, and the memory of the process that asks.
- larger: 60 million rows in partitions that nobody keeps, with 4 GB as the limit of each process.
- trees: what `n_jobs` gives on the cluster under ``joblib.parallel_config("dask")``.

    .venv/bin/python benchmarks/many_machines.py
"""

import argparse
import multiprocessing
import pickle
import resource
import time
import warnings

import dask
import joblib
import numpy as np
from distributed import Client, wait
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skuowq import Sources, UOWQClassifier
from skuowq._data.dask_engine import DaskEngine

N_FEATURES = 30


def effects(number):
    """Of a source, the further from the target the larger its number is."""
    common = np.random.default_rng(0).normal(size=N_FEATURES) / 3
    own = np.random.default_rng(1000 + number).normal(size=N_FEATURES)
    return common + 0.02 * (number % 10) * own


def draw(number, part, n_rows):
    """Rows and labels of a part of a source; the target is number 0."""
    rng = np.random.default_rng([number, part])
    X = rng.normal(size=(n_rows, N_FEATURES))
    logits = X @ effects(number) + 0.3 * (number % 3)
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int)


def draw_fast(number, part, n_rows):
    """As `draw`, of uniform numbers in single precision, which cost a fifth of the time."""
    rng = np.random.default_rng([number, part])
    X = rng.random((n_rows, N_FEATURES), dtype=np.float32)
    logits = (X - 0.5) @ (3 * effects(number)).astype(np.float32)
    return X, (rng.random(n_rows, dtype=np.float32) < 1 / (1 + np.exp(-logits))).astype(int)


def classifier():
    """With a solver so exact that two optima can be compared."""
    return UOWQClassifier(LogisticRegression(solver="newton-cholesky", tol=1e-10))


def fit_locally(n_sources, n_rows, results):
    """In a process of its own: what the cluster is compared with."""
    X, y = draw(0, 0, 100)
    sources = Sources([draw(1 + k, 0, n_rows) for k in range(n_sources)])
    found = []
    for estimator in (UOWQClassifier(), classifier()):
        start = time.perf_counter()
        estimator.fit(X, y, sources=sources)
        found.append(time.perf_counter() - start)
    X_test, _ = draw(0, 1, 1000)
    results.put((estimator.source_weights_, estimator.predict_proba(X_test), found))


class Counted:
    """Counts rounds and bytes of the engine."""

    def __init__(self):
        self.sent, self.received, self.longest = [], [], 0
        self._ask = DaskEngine.ask

    def __enter__(self):
        ask = self._ask

        def counted(engine, function, parts, shared, own):
            answers = ask(engine, function, parts, shared, own)
            self.sent.append(len(pickle.dumps(shared)) + sum(len(pickle.dumps(k)) for k in own))
            self.received.append(sum(len(pickle.dumps(answer)) for answer in answers))
            arrays = [v for a in answers for v in vars(a).values() if isinstance(v, np.ndarray)]
            self.longest = max(self.longest, *(array.size for array in arrays))
            return answers

        DaskEngine.ask = counted
        return self

    def __exit__(self, *_):
        DaskEngine.ask = self._ask


def peak():
    """Megabytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def equal(client, n_sources=40, n_rows=50_000):
    """The fit on the cluster against that of one process."""
    make = dask.delayed(draw, pure=True)
    persisted = client.persist([make(1 + k, 0, n_rows) for k in range(n_sources)])
    wait(persisted)
    sources = Sources(persisted)
    X, y = draw(0, 0, 100)
    before, start = peak(), time.perf_counter()
    with Counted() as counted:
        UOWQClassifier().fit(X, y, sources=sources)
    seconds, above = time.perf_counter() - start, peak() - before
    found = classifier().fit(X, y, sources=sources)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=fit_locally, args=(n_sources, n_rows, results))
    process.start()
    weights, probabilities, local = results.get()
    process.join()
    X_test, _ = draw(0, 1, 1000)
    print(f"{n_sources} sources of {n_rows:,} rows and {N_FEATURES} columns")
    print(f"  weights differ by at most      {np.abs(found.source_weights_ - weights).max():.1e}")
    away = np.abs(found.predict_proba(X_test) - probabilities).max()
    print(f"  probabilities differ by        {away:.1e}")
    print(f"  seconds: cluster, one process  {seconds:.1f}, {local[0]:.1f}")
    print(f"  peak memory of the driver      {above:.0f} MB above its start")
    print(f"  longest array that came back   {counted.longest:,} numbers")
    print(f"  rounds                         {len(counted.sent)}")
    for name, sizes in (("sent", counted.sent), ("received", counted.received)):
        print(
            f"  kilobytes {name:9s} a round      median {np.median(sizes) / 1000:.0f}, at most "
            f"{max(sizes) / 1000:.0f}, in all {sum(sizes) / 1000:,.0f}"
        )


def larger(client, n_rows=60_000_000, n_sources=12, rows_of_part=250_000):
    """Rows that are made anew for every round, since nobody has the memory to keep them."""
    make = dask.delayed(draw_fast, pure=True)
    n_parts = n_rows // n_sources // rows_of_part
    sources = Sources(
        {
            f"s{k}": [make(1 + k, part, rows_of_part) for part in range(n_parts)]
            for k in range(n_sources)
        }
    )
    X, y = draw_fast(0, 0, 100)
    before, start = peak(), time.perf_counter()
    with Counted() as counted:
        found = UOWQClassifier().fit(X, y, sources=sources)
    seconds = time.perf_counter() - start
    memory = client.run(peak)
    X_test, y_test = draw_fast(0, 1, 5000)
    total = n_sources * n_parts * rows_of_part
    print(f"{total:,} rows, {8 * total * N_FEATURES / 1e9:.1f} GB, in {n_sources * n_parts} parts")
    print(f"  seconds                        {seconds:.0f}, {len(counted.sent)} rounds")
    print(f"  peak memory of the driver      {peak() - before:.0f} MB above its start")
    print(f"  peak memory of the processes   {max(memory.values()):.0f} MB")
    alone = LogisticRegression().fit(X, y)
    print(
        f"  accuracy with and without      {found.score(X_test, y_test):.3f}, "
        f"{alone.score(X_test, y_test):.3f}"
    )


def trees(client, n_sources=4, n_rows=5_000):
    """Several fits of a forest side by side."""
    X, y = draw(0, 0, 300)
    sources = Sources([draw(1 + k, 0, n_rows) for k in range(n_sources)])
    forest = RandomForestClassifier(100, random_state=0)
    seconds = {}
    client.run(lambda: __import__("skuowq").UOWQClassifier)  # What they import is no part of a fit.
    start = time.perf_counter()
    alone = UOWQClassifier(forest, random_state=0).fit(X, y, sources=sources)
    seconds["one process"] = time.perf_counter() - start
    start = time.perf_counter()
    with joblib.parallel_config(backend="dask", client=client, n_jobs=2):
        there = UOWQClassifier(forest, random_state=0, n_jobs=2).fit(X, y, sources=sources)
    seconds["two on Dask"] = time.perf_counter() - start
    assert np.allclose(alone.predict_proba(X), there.predict_proba(X), atol=1e-6)
    print(f"forest of 100 trees, {n_sources} sources of {n_rows:,} rows")
    for name, value in seconds.items():
        print(f"  {name:30s} {value:.1f} s")
    print(f"  times as fast                  {seconds['one process'] / seconds['two on Dask']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", default=["equal", "larger", "trees"])
    parser.add_argument("--rows", type=int, default=60_000_000, help="of the part larger")
    parser.add_argument("--memory", default="4GB", help="limit of each process")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with Client(
        n_workers=2,
        threads_per_worker=1,
        memory_limit=arguments.memory,
        dashboard_address=None,
    ) as client:
        if "equal" in arguments.parts:
            equal(client)
        if "larger" in arguments.parts:
            larger(client, arguments.rows)
        if "trees" in arguments.parts:
            trees(client)


if __name__ == "__main__":
    main()
