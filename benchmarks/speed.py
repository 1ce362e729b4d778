"""What our estimators cost beside the fit that they stand for, on all rows pooled.

Processor time of one core, ratios of fits that alternate within one process: the median and the
range from 10 % to 90 %. Three tables: the default on a grid of rows, sources, features and classes;
estimators around boosted trees and around networks, in fits (trainings) on all rows; and the gated
network with its defaults, by the number of sources.

With ``--before FOLDER``, an older copy of this repository, each line is measured with its code as
well, right after ours.

    .venv/bin/python benchmarks/speed.py
    .venv/bin/python benchmarks/speed.py --parts default --before ../older
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from skuowq import DiscriminatorGateClassifier, Sources, UOWQClassifier, UOWQRegressor
from skuowq.datasets import make_classification_tasks

# Target rows, rows a source, sources, features, classes.
DEFAULT = [
    (50, 500, 5, 20, 3),
    (50, 2000, 5, 20, 3),
    (50, 500, 5, 64, 10),
    (100, 500, 5, 300, 2),
    (50, 500, 50, 20, 2),
    (200, 20_000, 5, 30, 2),
    (100, 200, 1, 20, 2),
    (100, 500, 300, 20, 2),
    (100, 500, 5, 20, 20),
    (100, 500, 5, 1000, 2),
    (100, 2000, 5, 50_000, 2),
]
SPARSE_FROM = 5000
ENTRIES_A_ROW = 20
NETWORK_EPOCHS = 20


def tasks_of(n_target, n, n_sources, n_features, n_classes):
    if n_features >= SPARSE_FROM:
        return sparse_tasks(n_target, n, n_sources, n_features)
    tasks = make_classification_tasks(
        n_target=n_target,
        n_samples=(n,) * n_sources,
        n_features=n_features,
        n_classes=n_classes,
        discrepancies=tuple(np.linspace(0, 1, n_sources)),
        random_state=0,
    )
    return tasks.X_target, tasks.y_target, list(tasks.sources)


def sparse_tasks(n_target, n, n_sources, n_features):
    """Twenty entries a row, two classes."""
    rng = np.random.RandomState(0)
    effects = rng.normal(size=n_features)

    def domain(n_rows, away):
        columns = rng.randint(n_features, size=(n_rows, ENTRIES_A_ROW))
        rows = np.repeat(np.arange(n_rows), ENTRIES_A_ROW)
        values = np.abs(rng.normal(size=rows.size))
        X = sparse.csr_matrix((values, (rows, columns.ravel())), shape=(n_rows, n_features))
        return X, (X @ (effects + away * rng.normal(size=n_features)) > 0).astype(int)

    return *domain(n_target, 0.0), [domain(n, away) for away in np.linspace(0, 1, n_sources)]


def stacked(X, y, sources):
    stack = sparse.vstack if sparse.issparse(X) else np.concatenate
    return stack([X, *(X_i for X_i, _ in sources)]), np.concatenate(
        [y, *(y_i for _, y_i in sources)]
    )


def default(line):
    """The default and the pooled logistic regression."""
    X, y, sources = tasks_of(*line)
    everything, ours = stacked(X, y, sources), Sources(sources)
    return (
        lambda: LogisticRegression(max_iter=1000).fit(*everything),
        lambda: UOWQClassifier().fit(X, y, sources=ours),
    )


def regressor(line):
    """The regressor and the pooled ridge regression."""
    X, y, sources = tasks_of(*line)
    rng = np.random.RandomState(0)
    sources = [(X_i, y_i + rng.normal(size=len(y_i))) for X_i, y_i in sources]
    y = y + rng.normal(size=len(y))
    everything, ours = stacked(X, y, sources), Sources(sources)
    return lambda: Ridge().fit(*everything), lambda: UOWQRegressor().fit(X, y, sources=ours)


def trees(line):
    """Around boosted trees, and these on all rows with weights, which alone takes them longer."""
    X, y, sources = tasks_of(*line)
    everything, ours = stacked(X, y, sources), Sources(sources)
    base = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    return (
        lambda: base.fit(*everything, sample_weight=np.linspace(0.5, 1.5, len(everything[1]))),
        lambda: UOWQClassifier(base, random_state=0).fit(X, y, sources=ours),
    )


def network(line, gate=False):
    """Around a perceptron, and its training on all rows."""
    import torch

    from skuowq.networks import make_perceptron

    torch.set_num_threads(1)
    X, y, sources = tasks_of(*line)
    everything, ours = stacked(X, y, sources), Sources(sources)
    net = make_perceptron(max_epochs=NETWORK_EPOCHS, device="cpu")
    kind = DiscriminatorGateClassifier if gate else UOWQClassifier
    rows, labels = everything[0].astype(np.float32), everything[1].astype(np.int64)

    def pooled():
        if gate:  # The same training, with the gate and the alignment, once.
            kind(net, trust=1.0, random_state=0).fit(X, y, sources=ours)
        else:
            net.set_params(verbose=0).fit(rows, labels)

    return pooled, lambda: kind(net, random_state=0).fit(X, y, sources=ours)


def gated_network(line):
    """The gate around a perceptron, over one training of it with trust 1."""
    return network(line, gate=True)


PARTS = {
    "default": (default, DEFAULT, 5),
    "regressor": (
        regressor,
        [(100, 500, 5, 20, 2), (100, 500, 5, 300, 2), (100, 500, 50, 20, 2)],
        5,
    ),
    "trees": (trees, [(50, 500, 5, 20, 2), (50, 2000, 5, 20, 2)], 3),
    "network": (network, [(60, 500, 3, 20, 3), (60, 500, 10, 20, 3)], 1),
    "gated network": (gated_network, [(60, 1000, 1, 20, 3), (60, 1000, 3, 20, 3)], 1),
}


def measure(part, line):
    """Seconds of the fit on all rows, and of ours, in turn."""
    make, _, repeats = PARTS[part]
    pooled, ours = make(line)
    seconds = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for repeat in range(repeats + 1):
            row = []
            for fit in (pooled, ours):
                start = time.process_time()
                fit()
                row.append(time.process_time() - start)
            if repeat or repeats == 1:  # The first round warms caches and imports.
                seconds.append(row)
    return seconds


def measured(part, line, folder=None):
    """`measure` in a process of its own, with the code of a folder."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if folder is not None:
        environment["PYTHONPATH"] = folder
    command = [sys.executable, __file__, "--line", json.dumps([part, line])]
    found = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=folder
    )
    return np.array(json.loads(found.stdout.splitlines()[-1]))


def described(seconds):
    low, middle, high = np.quantile(seconds[:, 1] / seconds[:, 0], (0.1, 0.5, 0.9))
    times = 1e3 * np.median(seconds, axis=0)
    return f"{times[0]:8.1f} {times[1]:9.1f} ms  {middle:6.1f} ({low:.1f} to {high:.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--before", help="an older copy of this repository")
    parser.add_argument("--line", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.line:
        part, line = json.loads(arguments.line)
        print(json.dumps(measure(part, tuple(line))))
        return
    before = arguments.before and os.path.abspath(arguments.before)
    for part in arguments.parts.split(","):
        print(f"\n{part}: on all rows, ours, ratio" + ("; then before" if before else ""))
        for line in PARTS[part][1]:
            text = " ".join(f"{number:>6}" for number in line)
            text += "  " + described(measured(part, line))
            if before:
                text += "  | " + described(measured(part, line, before))
            print(text, flush=True)


if __name__ == "__main__":
    main()
