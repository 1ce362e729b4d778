"""Joint training with transport between heads, beside tuning after pretraining and plain joining.

A perceptron, 64-64, and a small convolutional network; 2 and 10 labelled digits a class, and source
digits, at most 1,000. Problems: digits turned by 15 degrees as source for upright ones; the digits
5 to 9 for the digits 0 to 4 of the same origin, no class in common; MNIST digits for optical ones;
optical digits for pen digits.

Every method makes as many steps on target rows: 60 epochs of as many batches of 64 as the source
fills. "consecutive" trains on the source for so many steps and then tunes all layers, the head
anew; "joint" is `transport_weight=0`. Log loss and accuracy on other rows of the target, means over
seeds with standard errors, and the paired differences to "joint".

Results go to benchmarks/results/jtln.json as they come, and a second call goes on where the first
stopped.

    .venv/bin/python benchmarks/transport/jtln.py
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from ot3l import origins
from sklearn.metrics import log_loss
from skorch import NeuralNetClassifier
from torch import nn

from skuowq import JTLNClassifier
from skuowq._data.domains import Domain
from skuowq.datasets import load_digit_domains
from skuowq.networks import predict_proba, train_weighted

RESULTS = Path(__file__).parents[1] / "results" / "jtln.json"
# Origins of source and target, and whether their classes are parted.
PROBLEMS = {
    "turned to upright": ("turned", "optical", False),
    "5-9 to 0-4": ("optical", "optical", True),
    "MNIST to optical": ("mnist", "optical", False),
    "optical to pen": ("optical", "pen", False),
}
ROWS = (2, 10)
N_SOURCE, N_TEST = 1000, 1000
BATCH, EPOCHS = 64, 60


def perceptron():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())


def convolutional():
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
    )


NETWORKS = {"perceptron": perceptron, "convolutional": convolutional}


class Headed(nn.Module):
    def __init__(self, features, n_classes=10):
        super().__init__()
        self.features, self.classifier = features(), nn.Linear(64, n_classes)

    def forward(self, X):
        return self.classifier(self.features(X))


def make_net(network, n_classes=10):
    return NeuralNetClassifier(
        Headed,
        module__features=NETWORKS[network],
        module__n_classes=n_classes,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        train_split=None,
        verbose=0,
    )


def consecutive(network, X, y, source, seed):
    net = make_net(network)
    start = None
    if source is not None:
        first = train_weighted(net, _domain(*source), [], [], seed=seed)
        start = first.module_.state_dict()
        torch.manual_seed(seed)
        head = nn.Linear(64, 10).state_dict()
        start |= {f"classifier.{name}": value for name, value in head.items()}
    tuned = train_weighted(net, _domain(X, y), [], [], seed=seed, start=start, epoch_rows=N_SOURCE)
    n_classes = len(np.unique(y))

    def probabilities(X_test):
        p = predict_proba(tuned, X_test)[:, :n_classes]
        return p / p.sum(axis=1, keepdims=True)

    return probabilities


def _domain(X, y):
    return Domain(X, np.unique(y, return_inverse=True)[1], np.ones(len(y)))


def joint(**options):
    def fit(network, X, y, source, seed):
        net = make_net(network, len(np.unique(y)))
        clf = JTLNClassifier(net, random_state=seed, **options)
        return clf.fit(X, y, sources=[source]).predict_proba

    return fit


METHODS = {
    "target only": lambda network, X, y, source, seed: consecutive(network, X, y, None, seed),
    "consecutive": consecutive,
    "joint": joint(transport_weight=0),
    "JTLN": joint(),
    "JTLN, weight .1": joint(transport_weight=0.1),
    "JTLN, gaussian": joint(cost="gaussian"),
    "JTLN, to labels": joint(transport_to="labels"),
}


def draw(problem, rows, seed, data):
    """X, y, source, X_test, y_test."""
    origin, target, parted = PROBLEMS[problem]
    rng = np.random.RandomState(seed)
    if origin == "turned":
        domains = load_digit_domains(sources=["rotated"], n_per_class=1, random_state=seed)
        X_t = np.concatenate([domains.X_target, domains.X_test])
        y_t = np.append(domains.y_target, domains.y_test)
        X_s, y_s = domains.sources["rotated"]
    else:
        (X_s, y_s), (X_t, y_t) = data[origin], data[target]
    if parted:
        (X_s, y_s), (X_t, y_t) = (X_s[y_s > 4], y_s[y_s > 4]), (X_t[y_t < 5], y_t[y_t < 5])
    theirs = rng.permutation(len(y_s))[:N_SOURCE]
    order = rng.permutation(len(y_t))
    train = np.concatenate([order[y_t[order] == c][:rows] for c in np.unique(y_t)])
    test = rng.permutation(np.setdiff1d(order, train))[:N_TEST]
    return X_t[train], y_t[train], (X_s[theirs], y_s[theirs]), X_t[test], y_t[test]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    data = origins()
    for seed in range(arguments.seeds):
        for network in NETWORKS:
            for problem in PROBLEMS:
                for rows in ROWS:
                    run_cell(done, data, network, problem, rows, seed)
    report(done)


def run_cell(done, data, network, problem, rows, seed):
    X, y, source, X_test, y_test = draw(problem, rows, seed, data)
    for name, fit in METHODS.items():
        key = " | ".join((network, problem, str(rows), name, str(seed)))
        if key not in done:
            p = fit(network, X, y, source, seed)(X_test)
            labels = np.unique(y)
            accuracy = np.mean(labels[p.argmax(axis=1)] == y_test)
            done[key] = [float(log_loss(y_test, p, labels=labels)), float(accuracy)]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(done))


def report(done):
    cells = {}
    for key, value in done.items():
        network, problem, rows, name, seed = key.split(" | ")
        cells.setdefault((network, problem, int(rows)), {}).setdefault(name, {})[seed] = value
    means = {}
    for (network, problem, rows), methods in sorted(cells.items()):
        print(f"\n{network}, {problem}, {rows} rows a class")
        print(f"{'':20s}{'log loss':>16s}{'accuracy':>16s}{'less joint, both':>32s}")
        for name, found in methods.items():
            values = np.array(list(found.values()))
            against = np.array([np.subtract(found[s], methods["joint"][s]) for s in found])
            means.setdefault(name, []).append((values.mean(axis=0), against.mean(axis=0)))
            columns = [values[:, 0], values[:, 1], against[:, 0], against[:, 1]]
            print(f"{name:20s}" + "".join(map(_with_error, columns)))
    print(f"\nmeans over the {len(cells)} cells: log loss, accuracy, and both less joint")
    for name, values in means.items():
        (loss, accuracy), (more, better) = np.mean(values, axis=0)
        print(f"{name:20s}{loss:8.3f}{accuracy:8.3f}{more:+9.3f}{better:+8.3f}")


def _with_error(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):8.3f} ({error:.3f})"


if __name__ == "__main__":
    main()
