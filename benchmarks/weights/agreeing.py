"""Sources that are wrong in the same way, a drift, and one right source among many far ones.

Two sources have the target's coefficients, others are shifted alike in one to three groups, or
sources drift away evenly as years do, or one of many is right and the others lie at distances
spread evenly (`datasets.make_classification_tasks`). Log loss on 3,000 rows, means over draws, of
the target alone, the plug-in rule, the default, and hindsight: the right sources pooled with the
target. "ranked": draws in which the default, and the plug-in, give every right source more weight
than any wrong one. "not worse": draws in which the default's loss is at most target only's.
"""

import argparse
import warnings

import numpy as np
from rivals import Task, logistic, losses, weighted_fit

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks

N_FEATURES, N_ROWS, N_TEST = 10, 200, 3000


def linear_task(rng, n_target, shifts):
    """Two classes; source i has the target's coefficients plus ``shifts[i]``."""
    common = 2 * rng.normal(size=N_FEATURES) / np.sqrt(N_FEATURES)

    def rows(n, coefficients):
        X = rng.normal(size=(n, N_FEATURES))
        return X, (rng.random(n) < 1 / (1 + np.exp(-X @ coefficients))).astype(int)

    sources = [rows(N_ROWS, common + shift) for shift in shifts]
    X, y = rows(n_target, common)
    X_test, y_test = rows(N_TEST, common)
    return Task(X, y, sources, 2), X_test, y_test


def directions(rng, n):
    drawn = rng.normal(size=(n, N_FEATURES))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def agreeing(seed, n_target, n_bad, n_groups, size=1.5):
    rng = np.random.default_rng([seed, n_target, n_bad, n_groups])
    bad = size * directions(rng, n_groups)[np.arange(n_bad) % n_groups]
    return *linear_task(rng, n_target, [np.zeros(N_FEATURES)] * 2 + list(bad)), 2


def drift(seed, n_target, n_sources=30, total=3.0):
    rng = np.random.default_rng([seed, n_target, n_sources])
    steps = total * np.arange(1, n_sources + 1)[:, None] / n_sources
    return *linear_task(rng, n_target, steps * directions(rng, 1)), 4


def one_right(seed, n_sources, n_rows, n_target=60):
    tasks = make_classification_tasks(
        n_target=n_target,
        n_samples=[n_rows] * n_sources,
        discrepancies=np.linspace(0, 1, n_sources).tolist(),
        random_state=seed,
    )
    task = Task(tasks.X_target, tasks.y_target, tasks.sources, 3)
    return task, tasks.X_test, tasks.y_test, 1


CASES = {
    **{
        f"{n_bad} wrong in {n_groups}, {n} rows": (agreeing, (n, n_bad, n_groups))
        for n in (25, 50, 100, 200, 400)
        for n_bad, n_groups in ((1, 1), (6, 1), (12, 3), (20, 2))
    },
    **{f"drift, {n} rows": (drift, (n,)) for n in (25, 50, 100, 200, 400)},
    **{
        f"1 of {k} right, {n} rows a source": (one_right, (k, n))
        for k in (5, 10, 20, 40)
        for n in (500, 5000)
    },
}


def measure(make, arguments, seed):
    task, X_test, y_test, n_right = make(seed, *arguments)
    found = []
    ranked = []
    for rule in (None, "plugin", "reml"):
        options = {} if rule is None else {"discrepancy": rule}
        clf = UOWQClassifier(logistic(), **options)
        clf.fit(task.X, task.y, None if rule is None else task.sources)
        p = np.full((len(y_test), task.n_classes), 1e-6)
        p[:, clf.classes_] = clf.predict_proba(X_test)
        found.append(losses(p, y_test).mean())
        if rule is not None:
            w = clf.source_weights_
            ranked.append(w[:n_right].min() > w[n_right:].max())
    best = weighted_fit(task.only(task.sources[:n_right]), np.ones(n_right))(X_test)
    return [*found, losses(best, y_test).mean(), *ranked, found[2] <= found[0]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--cases", nargs="+", default=["wrong", "drift", "right"])
    arguments = parser.parse_args()
    head = ("target only", "plug-in", "default", "hindsight")
    print(f"{'':30s}" + "".join(f"{name:>13s}" for name in head) + "   ranked (plug-in)  not worse")
    for name, (make, options) in CASES.items():
        if not any(kind in name for kind in arguments.cases):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A class may lack in few rows.
            found = np.array([measure(make, options, seed) for seed in range(arguments.draws)])
        means = found[:, :4].mean(axis=0)
        error = np.std(found[:, 2] - found[:, 1], ddof=1) / np.sqrt(len(found))
        default, plugin, not_worse = found[:, [5, 4, 6]].sum(axis=0).astype(int)
        print(
            f"{name:30s}"
            + "".join(f"{mean:13.3f}" for mean in means)
            + f"   {default:d} ({plugin:d})"
            + f"   {not_worse:d} of {len(found)}; default less plug-in "
            + f"{means[2] - means[1]:+.3f} ({error:.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
