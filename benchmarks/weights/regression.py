"""Regression on real domains: log prices of houses by neighbourhood, exam scores by school.

Every domain of 60 rows (ames) or 70 (exam) is the target once, all others its sources. Of the
target 20 rows are labelled, drawn at random; the others test. Ridge regressions on columns scaled
by all rows. R^2 of the target's test rows, means over domains with standard errors over draws, and
the gap: R^2 of target only less R^2, above 0 where the sources harm; "harmed" counts domains whose
gap is above two of its standard errors, and, after the stroke, those where it is too large for the
luckiest of so many domains (Bonferroni, 5 % over both suites). "own levels": every domain's mean is
taken off first, the target's by its labelled rows. Trees, which take longer, have a quarter of the
draws.

Results go to benchmarks/results/regression.json as they come, and a second call goes on where the
first stopped.

    .venv/bin/python benchmarks/weights/regression.py
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler
from suites import regressions

from skuowq import UOWQRegressor
from skuowq.rules import PlugIn

RESULTS = Path(__file__).parents[1] / "results" / "regression.json"
N_TARGET = 20


def fixed(weight_of, *, levels=False, base=None):
    """A fit with one weight for all source rows."""

    def fit(X, y, sources):
        total = sum(len(y_k) for _, y_k in sources.values())
        weight = weight_of(len(y), total)
        parts = [(X, y)] + ([] if weight == 0 else list(sources.values()))
        ours = y.mean() if levels else 0.0
        responses = [y_k - (y_k.mean() - ours if levels else 0.0) for _, y_k in parts]
        rows = np.concatenate([X_k for X_k, _ in parts])
        if levels:
            # Within domains alone: the columns lose their means as well.
            rows = np.concatenate([X_k - X_k.mean(axis=0) for X_k, _ in parts])
        weights = np.repeat([1.0] + [weight] * (len(parts) - 1), [len(y_k) for _, y_k in parts])
        estimator = Ridge() if base is None else base()
        estimator.fit(rows, np.concatenate(responses), sample_weight=weights)
        centre = X.mean(axis=0) if levels else 0.0
        return lambda X_test: estimator.predict(X_test - centre)

    return fit


def uowq(**options):
    def fit(X, y, sources):
        return UOWQRegressor(**options).fit(X, y, sources=sources).predict

    return fit


def trees():
    return HistGradientBoostingRegressor(max_iter=50, random_state=0)


METHODS = {
    "target only": fixed(lambda n, total: 0.0),
    "pooled": fixed(lambda n, total: 1.0),
    "equal mass": fixed(lambda n, total: n / total),
    "pooled, own levels": fixed(lambda n, total: 1.0, levels=True),
    "equal mass, own levels": fixed(lambda n, total: n / total, levels=True),
    "plug-in, static": uowq(discrepancy=PlugIn(n_updates=0)),
    "plug-in, dynamic": uowq(discrepancy="plugin"),
    "debiased": uowq(discrepancy="debiased"),
    "UOWQ without own levels": uowq(own_levels=False),
    "UOWQ (default)": uowq(),
    "trees: target only": fixed(lambda n, total: 0.0, base=trees),
    "trees: pooled": fixed(lambda n, total: 1.0, base=trees),
    "trees: equal mass": fixed(lambda n, total: n / total, base=trees),
    "trees: UOWQ": uowq(estimator=trees(), random_state=0),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for suite in regressions().values():
        X = StandardScaler().fit_transform(suite.X)
        for seed in range(arguments.seeds):
            methods = [
                name
                for name in METHODS
                if seed < arguments.seeds // 4 or not name.startswith("trees")
            ]
            for target in suite.targets:
                run_cell(done, suite, X, target, seed, methods)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(done))
    report(done)


def run_cell(done, suite, X, target, seed, methods):
    keys = {name: " | ".join((suite.name, target, name, str(seed))) for name in methods}
    missing = [name for name in methods if keys[name] not in done]
    if not missing:
        return
    rows = np.random.RandomState(seed).permutation(np.flatnonzero(suite.domain == target))
    train, test = rows[:N_TARGET], rows[N_TARGET:]
    others = [name for name in np.unique(suite.domain) if name != target]
    sources = {name: (X[suite.domain == name], suite.y[suite.domain == name]) for name in others}
    for name in missing:
        start = time.perf_counter()
        predict = METHODS[name](X[train], suite.y[train], sources)
        seconds = time.perf_counter() - start
        done[keys[name]] = [float(r2_score(suite.y[test], predict(X[test]))), seconds]


def report(done):
    cells = {}
    for key, (score, seconds) in done.items():
        suite, target, name, seed = key.split(" | ")
        cells.setdefault(suite, {}).setdefault(name, {})[target, int(seed)] = (score, seconds)
    means = {}
    n_domains = sum(
        len({target for target, _ in methods["target only"]}) for methods in cells.values()
    )
    for suite, methods in cells.items():
        targets = sorted({target for target, _ in methods["target only"]})
        print(f"\n{suite}: {len(targets)} target domains, draws of {N_TARGET} rows")
        print(f"{'':28s}{'draws':>6s}{'R^2':>15s}{'gap':>16s}{'harmed':>9s}{'seconds':>9s}")
        for name, found in methods.items():
            seeds = sorted({seed for _, seed in found})
            table = _table(found, targets, seeds)
            alone = methods["trees: target only" if name.startswith("trees") else "target only"]
            gap = _table(alone, targets, seeds) - table
            mean, error = gap.mean(axis=0), gap.std(axis=0, ddof=1) / np.sqrt(len(seeds))
            bound = stats.t.isf(0.05 / n_domains, len(seeds) - 1)
            harmed = f"{np.sum(mean > 2 * error)} / {np.sum(mean > bound * error)}"
            seconds = np.median([value[1] for value in found.values()])
            print(
                f"{name:28s}{len(seeds):6d}{_with_error(table.mean(axis=1))}"
                f"{_with_error(gap.mean(axis=1))}{harmed:>9s}{seconds:9.3f}"
            )
            if name == "UOWQ (default)":
                worst = [
                    f"{targets[k]} {mean[k]:+.3f} ({error[k]:.3f})"
                    for k in np.argsort(-mean)
                    if mean[k] > 0
                ]
            means.setdefault(name, []).append(table.mean())
        print("default worse than target only on average:", ", ".join(worst) or "nowhere")
    print("\nmean R^2 of both")
    for name, values in means.items():
        print(f"{name:28s}{np.mean(values):8.3f}")


def _table(found, targets, seeds):
    return np.array([[found[target, seed][0] for target in targets] for seed in seeds])


def _with_error(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):8.3f} ({error:.3f})"


if __name__ == "__main__":
    main()
