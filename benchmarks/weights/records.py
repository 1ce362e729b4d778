"""Sources without rows: what records and models cost in log loss, against the rows themselves.

Log loss over that of the fit on rows, less 1, mean and standard error over draws: records made at
each source's own fit, records of a second round at the point that the first fit found, with the
weights that it found, fitted logistic regressions, and no sources at all. Simulated tasks (three
sources at discrepancies 0, .05 and 2, 1,000 rows each, 60 target rows), and real suites with ten
labelled rows a class and at most 1,000 rows a source, up to six target domains each.

    .venv/bin/python benchmarks/weights/records.py
"""

import argparse
import warnings

import numpy as np
import real
from rivals import losses
from sklearn.linear_model import LogisticRegression
from suites import SUITES

from skuowq import Sources, UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record
from skuowq.theory import implied_discrepancy

REAL = ("heart", "digits", "police citation", "wages", "vote", "exam", "chile")
N_TARGETS = 6


def logistic():
    return LogisticRegression(max_iter=2000)


def excesses(X, y, sources, X_test, y_test, classes):
    """Log losses of the four roads over that of the fit on rows, less 1."""

    def loss(clf):
        p = np.zeros((len(X_test), len(classes)))
        p[:, np.searchsorted(classes, clf.classes_)] = clf.predict_proba(X_test)
        p = np.clip(p, 1e-6, None)
        return losses(p / p.sum(axis=1, keepdims=True), y_test).mean()

    def fitted(entries, rule="reml"):
        clf = UOWQClassifier(logistic(), discrepancy=rule)
        return clf.fit(X, y, sources=Sources(entries))

    def records(point=None):
        return [source_record(X_k, y_k, classes=classes, point=point) for X_k, y_k in sources]

    first = fitted(records())
    kept = implied_discrepancy([len(y_k) for _, y_k in sources], first.source_weights_.clip(max=1))
    second = fitted(records(first.record_point_), kept)
    # Rows of a single class have no model.
    models = [
        (logistic().fit(X_k, y_k), len(y_k)) if len(np.unique(y_k)) > 1 else (X_k, y_k)
        for X_k, y_k in sources
    ]
    roads = (first, second, fitted(models), logistic().fit(X, y))
    return np.array([loss(clf) for clf in roads]) / loss(fitted(sources)) - 1


def simulated(n_draws):
    for seed in range(n_draws):
        tasks = make_classification_tasks(
            n_target=60,
            n_samples=(1000,) * 3,
            discrepancies=(0.0, 0.05, 2.0),
            n_classes=3,
            n_features=6,
            random_state=seed,
        )
        yield excesses(
            tasks.X_target,
            tasks.y_target,
            list(tasks.sources),
            tasks.X_test,
            tasks.y_test,
            np.arange(3),
        )


def on_suite(suite, n_draws):
    for target in suite.targets[:N_TARGETS]:
        for seed in range(n_draws):
            task, X_test, y_test = real.draw(suite, target, seed)
            classes = np.arange(task.n_classes)
            yield excesses(task.X, task.y, list(task.sources), X_test, y_test, classes)


def report(name, found):
    found = 100 * np.array(list(found))
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    row = "".join(f"{m:+9.1f} ({e:.1f})" for m, e in zip(found.mean(axis=0), errors, strict=True))
    print(f"{name:18s}{len(found):6d}{row}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=20, help="of the simulated tasks")
    parser.add_argument("--real-draws", type=int, default=2, help="of every target domain")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    real.MAX_SOURCE_ROWS = 1000
    print("log loss over that with rows, less 1, in per cent")
    print(
        f"{'':18s}{'draws':>6s}{'records':>15s}{'second round':>15s}{'models':>15s}{'alone':>15s}"
    )
    report("simulated", simulated(arguments.draws))
    for name in REAL:
        report(name, on_suite(SUITES[name](), arguments.real_draws))


if __name__ == "__main__":
    main()
