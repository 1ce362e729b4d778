"""One source replaced by garbage: what it costs, on average and at worst.

Every draw makes a task of two to four sources (regression: with a linear response) and spoils the
last source in one of the ways listed in `SPOILERS`. Three fits: with all sources, without the
spoiled one, and of the target alone. Log loss of classifiers, squared error over the response's
variance of regressors; "harm" is the first fit's less the target's alone, and "cost" the first's
less the second's.

Results are kept in benchmarks/results: a later run adds the draws that are missing.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    UOWQClassifier,
    UOWQRegressor,
)
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record

KEPT = Path(__file__).parents[1] / "results" / "garbage.json"


def units(X, y, rng):
    return X * 10 ** rng.uniform(-6, 6), y


def units_of_a_column(X, y, rng):
    X[:, rng.randint(X.shape[1])] *= 10 ** rng.uniform(-6, 6)
    return X, y


def offset(X, y, rng):
    return X + 1e8, y


def codes(X, y, rng):
    X[rng.uniform(size=X.shape) < rng.choice([0.001, 0.01, 0.03, 0.1])] = rng.choice([999, -9999])
    return X, y


def constant_column(X, y, rng):
    X[:, rng.randint(X.shape[1])] = rng.choice([0.0, 1.0, 1e3])
    return X, y


def random_labels(X, y, rng):
    return X, rng.permutation(y)


def shifted_labels(X, y, rng):
    classes, y_codes = np.unique(y, return_inverse=True)
    return X, classes[(y_codes + 1) % len(classes)]


def noise(X, y, rng):
    return 10 ** rng.uniform(-6, 6) * rng.normal(size=X.shape), rng.permutation(y)


SPOILERS = {
    "units": units,
    "units of a column": units_of_a_column,
    "offset of 1e8": offset,
    "codes in cells": codes,
    "constant column": constant_column,
    "labels at random": random_labels,
    "labels shifted": shifted_labels,
    "noise": noise,
}


def draw(seed, regression):
    """Target, sources and test rows, the last source spoiled; and how."""
    rng = check_random_state(seed)
    n_sources = rng.randint(2, 5)
    n_features = rng.randint(3, 10)
    tasks = make_classification_tasks(
        n_target=rng.randint(20, 61),
        n_samples=(300,) * n_sources,
        n_features=n_features,
        n_classes=rng.randint(2, 5),
        discrepancies=10 ** rng.uniform(-3, 0, size=n_sources),
        n_test=1000,
        random_state=rng.randint(2**31 - 1),
    )
    target = tasks.X_target, tasks.y_target
    sources, test = list(tasks.sources), (tasks.X_test, tasks.y_test)
    if regression:
        effects = rng.normal(size=n_features)
        target = _respond(target[0], effects, rng)
        test = _respond(test[0], effects, rng)
        sources = [
            _respond(X, effects + rng.uniform(0, 1) * rng.normal(size=n_features), rng)
            for X, _ in sources
        ]
    how = list(SPOILERS)[rng.randint(len(SPOILERS))]
    X, y = sources[-1]
    if regression and how == "labels shifted":
        sources[-1] = X, -y
    else:
        sources[-1] = SPOILERS[how](X.copy(), y.copy(), rng)
    return target, sources, test, how


def _respond(X, effects, rng):
    return X, X @ effects + rng.normal(size=len(X))


def classifier(make):
    def losses(target, sources, test):
        clf = make().fit(*target, sources=sources)
        return _log_loss(clf.predict_proba(test[0]), clf.classes_, test[1]), weights_of(clf)

    return losses


def regressor(make):
    def losses(target, sources, test):
        reg = make().fit(*target, sources=sources)
        error = np.mean((reg.predict(test[0]) - test[1]) ** 2) / np.var(test[1])
        return error, weights_of(reg)

    return losses


def multi_task(target, sources, test):
    parts = [target, *(sources or [])]
    X, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    task = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    clf = MultiTaskUOWQClassifier().fit(X, y, task=task)
    p = clf.predict_proba(test[0], task=np.zeros(len(test[1]), dtype=int))
    return _log_loss(p, clf.classes_, test[1]), clf.source_weights_[0, 1:].tolist()


def records(target, sources, test):
    if sources:
        labels = [target[1], *(y for _, y in sources)]
        classes = np.unique(np.concatenate(labels))
        sources = [source_record(X, y, classes=classes) for X, y in sources]
    return classifier(UOWQClassifier)(target, sources, test)


def weights_of(fitted):
    found = getattr(fitted, "source_weights_", None)
    found = fitted.trust_ if found is None else found
    return np.asarray(found).tolist()


def _log_loss(p, classes, y):
    # A class that the target's few rows lack may come up.
    columns = np.searchsorted(classes, y)
    known = np.isin(y, classes)
    own = np.where(known, p[np.arange(len(y)), np.where(known, columns, 0)], 0.0)
    return float(-np.mean(np.log(np.maximum(own, 1e-3))))


ESTIMATORS = {
    "UOWQClassifier": classifier(UOWQClassifier),
    "UOWQClassifier, forest": classifier(
        lambda: UOWQClassifier(RandomForestClassifier(10, random_state=0))
    ),
    "UOWQClassifier, records": records,
    "MultiTaskUOWQClassifier": multi_task,
    "DiscriminatorGateClassifier, logistic": classifier(
        lambda: DiscriminatorGateClassifier(LogisticRegression(), random_state=0)
    ),
    "UOWQRegressor": regressor(UOWQRegressor),
    "UOWQRegressor, forest": regressor(
        lambda: UOWQRegressor(RandomForestRegressor(10, random_state=0))
    ),
    "DiscriminatorGateClassifier": classifier(lambda: DiscriminatorGateClassifier(random_state=0)),
}
SLOW = {"DiscriminatorGateClassifier"}


def run(name, seed):
    losses = ESTIMATORS[name]
    target, sources, test, how = draw(seed, "Regressor" in name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spoiled, with_it = losses(target, sources, test)
        without, rest = losses(target, sources[:-1], test)
        alone, _ = losses(target, None, test)
    moved = float(np.abs(np.subtract(with_it[:-1], rest)).max())
    return [how, float(spoiled), float(without), float(alone), moved]


def report(name, rows):
    how = np.array([row[0] for row in rows])
    spoiled, without, alone, moved = np.array([row[1:] for row in rows]).T
    print(f"\n{name}: {len(rows)} draws, mean (standard error) and worst")
    print(f"{'':20s} {'draws':>5s} {'harm':>16s} {'worst':>7s} {'cost':>16s} {'worst':>7s}  moved")
    for label in ["all", *SPOILERS]:
        chosen = np.ones(len(how), dtype=bool) if label == "all" else how == label
        if chosen.sum() < 2:
            continue
        cells = [f"{label:20s} {chosen.sum():5d}"]
        for values in (spoiled - alone, spoiled - without):
            part = values[chosen]
            error = part.std(ddof=1) / np.sqrt(len(part))
            cells.append(f"{part.mean():+7.3f} ({error:6.3f}) {part.max():+7.3f}")
        print(" ".join(cells), f" {np.median(moved[chosen]):.2f}")
    best = without - alone
    print(f"without the spoiled source: harm {best.mean():+.3f}, worst {best.max():+.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--estimators", nargs="*", default=[n for n in ESTIMATORS if n not in SLOW])
    arguments = parser.parse_args()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in arguments.estimators:
        rows = kept.setdefault(name, [])
        start = time.perf_counter()
        while len(rows) < arguments.draws:
            rows.append(run(name, len(rows)))
            if time.perf_counter() - start > 30 or len(rows) == arguments.draws:
                KEPT.parent.mkdir(exist_ok=True)
                KEPT.write_text(json.dumps(kept))
                start = time.perf_counter()
        report(name, rows[: arguments.draws])


if __name__ == "__main__":
    main()
