"""Which target rows to tune on: far classes, near ones, both, any, or as many of each class.

A convolutional network learns from 2,000 digits of one origin and is tuned, in its last two layers,
on a budget of digits of another: chosen from a pool of 1,200 by every strategy of `OT3LClassifier`.
A logistic regression on the pixels likewise. Accuracy on other rows of the target, means over seeds
with standard errors, and the paired difference of every strategy to "stratified".

With half of ten classes far and alpha .5 "mixed" draws as many of each class: it is "stratified",
row for row, as the figures show. So "mixed" also stands with other shares, other scores of a class,
and three far classes.

Results go to benchmarks/results/ot3l.json as they come, and a second call goes on where the first
stopped.

    .venv/bin/python benchmarks/transport/ot3l.py
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skuowq import OT3LClassifier
from skuowq.networks import predict_proba

sys.path.insert(0, str(Path(__file__).parents[1] / "networks"))
from digits import Convolutional, origins

RESULTS = Path(__file__).parents[1] / "results" / "ot3l.json"
PROBLEMS = {"MNIST to optical": ("mnist", "optical"), "optical to pen": ("optical", "pen")}
BUDGETS = (20, 50, 100, 200, 500, 1000)
N_SOURCE, N_POOL, N_TEST = 1600, 1200, 590
STRATEGIES = {
    "far (SD)": {"strategy": "far"},
    "near (RS)": {"strategy": "near"},
    "mixed (MS)": {"strategy": "mixed"},
    "mixed, alpha .7": {"strategy": "mixed", "alpha": 0.7},
    "mixed, alpha .3": {"strategy": "mixed", "alpha": 0.3},
    "mixed, 3 far": {"strategy": "mixed", "n_far": 3},
    "mixed, 3 far, by min": {"strategy": "mixed", "n_far": 3, "aggregate": "min"},
    "uniform": {"strategy": "uniform"},
    "stratified": {"strategy": "stratified"},
}


def make_estimator(kind):
    if kind == "logistic":
        return None
    return NeuralNetClassifier(
        Convolutional,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=30,
        batch_size=64,
        train_split=None,
    )


def draw(problem, seed, data):
    rng = np.random.RandomState(seed)
    source, target = PROBLEMS[problem]
    (X_s, y_s), (X_t, y_t) = data[source], data[target]
    theirs = rng.permutation(len(y_s))[:N_SOURCE]
    order = rng.permutation(len(y_t))
    pool, test = order[:N_POOL], order[N_POOL : N_POOL + N_TEST]
    return X_t[pool], y_t[pool], {source: (X_s[theirs], y_s[theirs])}, X_t[test], y_t[test]


def run_cell(done, data, kind, problem, seed):
    names = [f"{name} | {budget}" for budget in BUDGETS for name in STRATEGIES]
    names += ["before the tuning | 0", f"all of the pool | {N_POOL}"]
    missing = [name for name in names if _key(kind, problem, name, seed) not in done]
    if not missing:
        return
    X, y, sources, X_test, y_test = draw(problem, seed, data)
    with tempfile.TemporaryDirectory() as folder:  # The training on the source is done once.

        def fit(**options):
            kept = {"checkpoint": folder} if kind != "logistic" else {}
            clf = OT3LClassifier(make_estimator(kind), random_state=seed, **kept, **options)
            return clf.fit(X, y, sources=sources)

        for name in missing:
            strategy, budget = name.split(" | ")
            if strategy == "before the tuning":
                before = fit(strategy="uniform", budget=1).pretrained_
                network = kind != "logistic"
                p = predict_proba(before, X_test) if network else before.predict_proba(X_test)
            else:
                options = STRATEGIES.get(strategy, {"strategy": "stratified"})
                p = fit(budget=int(budget), **options).predict_proba(X_test)
            found = float(np.mean(p.argmax(axis=1) == y_test))
            done[_key(kind, problem, name, seed)] = found


def _key(kind, problem, name, seed):
    return f"{kind} | {problem} | {name} | {seed}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    data = origins()
    for seed in range(arguments.seeds):
        for problem in PROBLEMS:
            for kind in ("logistic", "convolutional"):
                run_cell(done, data, kind, problem, seed)
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps(done))
    report(done)


def report(done):
    cells = {}
    for key, value in done.items():
        kind, problem, name, budget, seed = key.split(" | ")
        place = cells.setdefault((kind, problem), {}).setdefault((name, int(budget)), {})
        place[seed] = value
    for (kind, problem), found in sorted(cells.items()):
        print(f"\n{kind}, {problem}: accuracy")
        for name, budget in (("before the tuning", 0), ("all of the pool", N_POOL)):
            print(f"{name:24s}{_with_error(found[name, budget])}")
        print(f"{'budget':24s}" + "".join(f"{budget:>16d}" for budget in BUDGETS))
        for name in STRATEGIES:
            print(f"{name:24s}" + "".join(_with_error(found[name, b]) for b in BUDGETS))
        print("less stratified")
        for name in STRATEGIES:
            differences = [
                {s: v - found["stratified", b][s] for s, v in found[name, b].items()}
                for b in BUDGETS
            ]
            print(f"{name:24s}" + "".join(map(_with_error, differences)))


def _with_error(values):
    values = np.array(list(values.values()))
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():8.3f} ({error:.3f})"


if __name__ == "__main__":
    main()
