"""Networks on real digits: which weights win, with 2, 5 and 10 labelled rows a class.

Two kinds of problems. "made": images of scikit-learn's digits as target, beside rotated and
contrasted ones (good) and ones with noisy or shifted labels (bad). Three real origins, optical,
MNIST and pen digits brought to 8 x 8 pixels: each the target once, the other two, of 1,000 rows
each, the sources. All methods train the same network for the same number of steps from the same
start, and the default also a second one for the pool; a small convolutional network and a
perceptron, 64-64.

Log loss and accuracy, means over seeds with standard errors, on rows nobody trained on; the gap is
the paired difference of log loss to target only (above 0: negative transfer). Results go to
benchmarks/results/networks_digits.json as they come, and a second call goes on where the first
stopped.

    .venv/bin/python benchmarks/networks/digits.py
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import log_loss
from skorch import NeuralNetClassifier
from torch import nn

from skuowq import UOWQClassifier
from skuowq.datasets import load_digit_domains
from skuowq.rules import PlugIn

sys.path.insert(0, str(Path(__file__).parents[1] / "weights"))
from suites import drawn_pen_digits, shrunk_mnist

RESULTS = Path(__file__).parents[1] / "results" / "networks_digits.json"
ROWS = (2, 5, 10)
N_SOURCE, N_TEST = 1000, 1500


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, X):
        return self.layers(X)


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(512, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, X):
        return self.layers(X.reshape(-1, 1, 8, 8))


NETWORKS = {"perceptron": Perceptron, "convolutional": Convolutional}


def make_net(module):
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=30,
        batch_size=128,
        train_split=None,
    )


def fixed(weight_of):
    """Train with given weights: a discrepancy that says so."""

    def fit(net, X, y, sources, seed):
        from skuowq._data.domains import Domain
        from skuowq.networks import predict_proba, train_weighted

        target, *domains = (
            Domain(X_k, y_k, np.ones(len(y_k))) for X_k, y_k in [(X, y), *sources.values()]
        )
        weights = [weight_of(name, len(y), sources) for name in sources]
        seed = np.random.RandomState(seed).randint(2**31 - 1)
        # As many steps as with all rows: an epoch has those of the rows that weigh.
        sizes = np.array([len(y), *(len(y_k) for _, y_k in sources.values())])
        used = sizes[np.append(True, np.array(weights) > 0)].sum()
        steps = net.max_epochs * -(-sizes.sum() // net.batch_size)
        net.set_params(max_epochs=round(steps / -(-used // net.batch_size)))
        trained = train_weighted(net, target, domains, weights, seed=seed)
        return lambda X: predict_proba(trained, X)

    return fit


def uowq(**options):
    def fit(net, X, y, sources, seed):
        clf = UOWQClassifier(net, random_state=seed, **options).fit(X, y, sources=sources)
        return clf.predict_proba

    return fit


METHODS = {
    "target only": fixed(lambda name, n, sources: 0.0),
    "pooled": fixed(lambda name, n, sources: 1.0),
    "equal mass": fixed(lambda name, n, sources: n / sum(len(y) for _, y in sources.values())),
    "plug-in, all, static": uowq(discrepancy=PlugIn(n_updates=0, parameters="all")),
    "plug-in, all, dynamic": uowq(discrepancy=PlugIn(parameters="all")),
    "plug-in, head, static": uowq(discrepancy=PlugIn(n_updates=0)),
    "plug-in, head, dynamic": uowq(discrepancy="plugin"),
    "head REML (default)": uowq(),
}
HINDSIGHT = fixed(lambda name, n, sources: float(name in ("rotated", "contrast")))


def origins():
    from sklearn.datasets import load_digits

    parts = {
        "optical": load_digits(return_X_y=True),
        "mnist": shrunk_mnist(),
        "pen": drawn_pen_digits(),
    }
    return {name: (X / X.max(), np.asarray(y).astype(int)) for name, (X, y) in parts.items()}


def draw(problem, rows, seed, data):
    """X, y, sources, X_test, y_test."""
    if problem == "made":
        tasks = load_digit_domains(n_per_class=rows, random_state=seed)
        return tasks.X_target, tasks.y_target, tasks.sources, tasks.X_test, tasks.y_test
    rng = np.random.RandomState(seed)
    X, y = data[problem]
    order = rng.permutation(len(y))
    train = np.concatenate([order[y[order] == c][:rows] for c in range(10)])
    test = np.setdiff1d(order, train)
    test = rng.permutation(test)[:N_TEST]
    sources = {}
    for name in data:
        if name != problem:
            chosen = rng.permutation(len(data[name][1]))[:N_SOURCE]
            sources[name] = (data[name][0][chosen], data[name][1][chosen])
    return X[train], y[train], sources, X[test], y[test]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fresh", help="forget the results of this method first")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if arguments.fresh:
        done = {key: value for key, value in done.items() if arguments.fresh not in key}
    data = origins()
    for seed in range(arguments.seeds):
        for network, module in NETWORKS.items():
            for problem in ("made", *data):
                for rows in ROWS:
                    run_cell(done, data, network, module, problem, rows, seed)
    report(done)


def run_cell(done, data, network, module, problem, rows, seed):
    X, y, sources, X_test, y_test = draw(problem, rows, seed, data)
    methods = METHODS | ({"hindsight": HINDSIGHT} if problem == "made" else {})
    for name, fit in methods.items():
        key = " | ".join((network, problem, str(rows), name, str(seed)))
        if key in done:
            continue
        predict_proba = fit(make_net(module), X, y, sources, seed)
        p = predict_proba(X_test)
        loss = log_loss(y_test, p, labels=np.arange(10))
        done[key] = [float(loss), float(np.mean(p.argmax(axis=1) == y_test))]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(done))


def report(done):
    cells = {}
    for key, value in done.items():
        network, problem, rows, name, seed = key.split(" | ")
        cells.setdefault((network, problem, int(rows)), {}).setdefault(name, {})[seed] = value
    for (network, problem, rows), methods in sorted(cells.items()):
        print(f"\n{network}, {problem}, {rows} rows a class")
        print(f"{'':24s}{'log loss':>16s}{'accuracy':>16s}{'gap':>18s}")
        alone = methods["target only"]
        for name, found in methods.items():
            values = np.array([found[seed] for seed in found])
            gap = np.array([found[seed][0] - alone[seed][0] for seed in found])
            error = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
            (loss, accuracy), (loss_error, accuracy_error) = values.mean(axis=0), error
            print(
                f"{name:24s}{loss:8.3f} ({loss_error:.3f}){accuracy:8.3f} ({accuracy_error:.3f})"
                f"{gap.mean():+9.3f} ({gap.std(ddof=1) / np.sqrt(len(gap)):.3f})"
            )
    mean = {}
    for methods in cells.values():
        for name, found in methods.items():
            mean.setdefault(name, []).append(np.mean(list(found.values()), axis=0))
    print("\nmean over all")
    for name, values in mean.items():
        if name != "hindsight":
            loss, accuracy = np.mean(values, axis=0)
            print(f"{name:24s}{loss:8.3f}{accuracy:8.3f}")


if __name__ == "__main__":
    main()
