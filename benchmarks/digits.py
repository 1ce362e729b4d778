"""The demo's table over ten draws of the digits, with standard errors.

Log loss and accuracy of every method on the same draws, and the paired difference of its log loss
to the default's: above 0 means that the default is better. Hindsight rows know the test labels.
"""

import argparse
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import UOWQClassifier
from skuowq.datasets import load_digit_domains
from skuowq.rules import PlugIn

DEFAULT = "REML (default)"


def fixed(weights):
    """Fit with given weights."""

    def fit(X, y, sources):
        rows = [(X, y, 1.0), *((*s, w) for s, w in zip(sources.values(), weights, strict=True))]
        rows = [row for row in rows if row[2] > 0]
        return LogisticRegression(max_iter=1000).fit(
            np.concatenate([X_i for X_i, _, _ in rows]),
            np.concatenate([y_i for _, y_i, _ in rows]),
            np.concatenate([np.full(len(y_i), w) for _, y_i, w in rows]),
        )

    return fit


def equal_mass(X, y, sources):
    weight = len(y) / sum(len(y_i) for _, y_i in sources.values())
    return fixed([weight] * len(sources))(X, y, sources)


def uowq(**options):
    estimator = UOWQClassifier(LogisticRegression(max_iter=1000), **options)
    return lambda X, y, sources: estimator.fit(X, y, sources)


METHODS = {
    "target only": fixed([0, 0, 0, 0]),
    "pooled": fixed([1, 1, 1, 1]),
    "equal mass": equal_mass,
    "plug-in, static": uowq(discrepancy=PlugIn(n_updates=0)),
    "plug-in, dynamic": uowq(discrepancy="plugin"),
    "debiased": uowq(discrepancy="debiased"),
    DEFAULT: uowq(),
    "hindsight: good only": fixed([1, 1, 0, 0]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rows", type=int, nargs="+", default=[2, 5, 10], help="rows a class")
    arguments = parser.parse_args()
    for n_per_class in arguments.rows:
        scores = {name: [] for name in METHODS}
        for seed in range(arguments.seeds):
            digits = load_digit_domains(n_per_class=n_per_class, random_state=seed)
            for name, fit in METHODS.items():
                start = time.perf_counter()
                model = fit(digits.X_target, digits.y_target, digits.sources)
                seconds = time.perf_counter() - start
                loss = log_loss(digits.y_test, model.predict_proba(digits.X_test))
                accuracy = model.score(digits.X_test, digits.y_test)
                scores[name].append((loss, accuracy, seconds))
        print_table(n_per_class, {name: np.array(rows) for name, rows in scores.items()})


def print_table(n_per_class, scores):
    n_seeds = len(scores[DEFAULT])
    print(f"\n{n_per_class} rows a class, {n_seeds} draws, mean (standard error)")
    print(f"{'':22s}{'log loss':>16s}{'accuracy':>16s}{'loss - default':>18s}{'fit time':>10s}")
    for name, rows in scores.items():
        columns = [rows[:, 0], rows[:, 1], rows[:, 0] - scores[DEFAULT][:, 0]]
        cells = [
            f"{values.mean():.3f} ({values.std(ddof=1) / np.sqrt(n_seeds):.3f})"
            for values in columns
        ]
        seconds = np.median(rows[:, 2])
        print(f"{name:22s}{cells[0]:>16s}{cells[1]:>16s}{cells[2]:>18s}{seconds:>8.2f} s")


if __name__ == "__main__":
    main()
