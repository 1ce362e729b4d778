"""Weights of rows, weights of sources, and both: does the one help the other?

Made: scikit-learn's digits with four sources, two good and two with wrong labels, five labelled
rows a class; a share eps of every source's rows perturbed in features and, independently, labels.
Real: three origins of digits, hospitals and regions (`benchmarks/weights/suites.py`), each domain
the target once, ten labelled rows a class. All fit a logistic regression; log loss and accuracy on
test rows, means over draws with standard errors.

    .venv/bin/python benchmarks/gate/with_uowq.py
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import DiscriminatorGateClassifier, UOWQClassifier
from skuowq.datasets import load_digit_domains, perturb_source

sys.path.insert(0, str(Path(__file__).parents[1] / "weights"))
import suites
from real import draw as draw_real

RESULTS = Path(__file__).parents[1] / "results" / "gate_with_uowq.json"
EPS = (0.0, 0.3, 0.7, 1.0)
REAL = {"digits": suites.digits, "heart": suites.heart, "wages": suites.wages}


def logistic():
    return LogisticRegression(max_iter=1000)


def gate(estimator=None, **options):
    def make(seed):
        inner = logistic() if estimator is None else estimator()
        return DiscriminatorGateClassifier(inner, random_state=seed, **options)

    return make


METHODS = {
    "target only": gate(trust=0.0),
    "two means": gate(gate=False, trust=1.0),
    "trust alone": gate(gate=False),
    "gate": gate(),
    "UOWQ": lambda seed: UOWQClassifier(logistic(), random_state=seed),
    "gate and UOWQ": gate(lambda: UOWQClassifier(logistic())),
}


def draw_made(eps, seed):
    tasks = load_digit_domains(random_state=seed)
    sources = [
        perturb_source(X, y, eps, eps, image_shape=(8, 8), random_state=10 * seed + i)
        for i, (X, y) in enumerate(tasks.sources.values())
    ]
    return tasks.X_target, tasks.y_target, sources, tasks.X_test, tasks.y_test


def cells():
    for eps in EPS:
        yield f"made, eps {eps}", lambda seed, eps=eps: draw_made(eps, seed)
    for name, make in REAL.items():
        suite = make()
        for target in sorted(set(suite.domain)):

            def draw(seed, suite=suite, target=target):
                task, X_test, y_test = draw_real(suite, target, seed)
                return task.X, task.y, task.sources, X_test, y_test

            yield f"{name}, {target}", draw


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for cell, draw in cells():
        for seed in range(arguments.seeds):
            data = None
            for name, make in METHODS.items():
                key = " | ".join((cell, name, str(seed)))
                if key in done:
                    continue
                X, y, sources, X_test, y_test = data = data or draw(seed)
                start = time.perf_counter()
                model = make(seed).fit(X, y, sources=sources)
                seconds = time.perf_counter() - start
                p = np.clip(model.predict_proba(X_test), 1e-12, 1)
                right = model.classes_[p.argmax(axis=1)] == y_test
                loss = log_loss(y_test, p, labels=model.classes_)
                done[key] = [float(loss), float(np.mean(right)), seconds]
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(done))
    report(done)


def report(done):
    groups = {}
    for key, values in done.items():
        cell, name, seed = key.split(" | ")
        group = cell if cell.startswith("made") else cell.split(", ")[0] + " (real)"
        groups.setdefault(group, {}).setdefault(name, {}).setdefault(seed, []).append(values)
    for group, methods in groups.items():
        print(f"\n{group}")
        print(f"{'':20s}{'log loss':>15s}{'accuracy':>16s}{'less UOWQ':>18s}{'seconds':>9s}")
        draws = {
            name: np.array([np.mean(part, axis=0) for _, part in sorted(found.items())])
            for name, found in methods.items()
        }
        for name, values in draws.items():
            mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
            gap = values[:, 0] - draws["UOWQ"][:, 0]
            print(
                f"{name:20s}{mean[0]:7.3f} ({error[0]:.3f}){mean[1]:8.3f} ({error[1]:.3f})"
                f"{gap.mean():+9.3f} ({gap.std(ddof=1) / np.sqrt(len(gap)):.3f})"
                f"{np.median(values[:, 2]):9.2f}"
            )


if __name__ == "__main__":
    main()
