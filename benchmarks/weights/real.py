"""Weights on real tables: log loss and accuracy of every method, by suite and by target domain.

Ten labelled rows a class (a suite may say fewer) of one domain are the target's, drawn at random
with every class among them; the other domains are the sources (at most 1,000 rows of each), and the
rest of the target's rows the test. Finished cells are read from the JSON file, so an interrupted
run resumes; a method that is new there is run alone. ``--fresh METHOD`` forgets a method's cells.
"""

import argparse
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from more_suites import ALL
from rivals import RIVALS, Task, best_single_source, losses
from sklearn.metrics import balanced_accuracy_score

RESULTS = Path(__file__).parents[1] / "results" / "weights_real.json"
MAX_SOURCE_ROWS = 1000
CELLS_A_SAVE = 16
OURS = "UOWQ (default)"
BAR = [
    "target only",
    "pooled",
    "equal mass",
    "pooled, own intercepts",
    "equal mass, own intercepts",
    "common weight by CV",
    "ART aggregation",
]


def draw(suite, target, seed):
    """Labelled rows, sources and test rows of one cell, in units of the rows to be seen."""
    rng = np.random.default_rng([seed, *target.encode()])
    n_classes = int(suite.y.max()) + 1
    rows = np.flatnonzero(suite.domain == target)
    while True:
        rows = rng.permutation(rows)
        labelled, test = np.split(rows, [suite.rows_a_class * n_classes])
        if len(np.unique(suite.y[labelled])) == n_classes:
            break
    chosen = []
    for name in sorted(set(suite.domain) - {target}):
        of_source = np.flatnonzero(suite.domain == name)
        chosen.append(rng.permutation(of_source)[:MAX_SOURCE_ROWS])
    seen = suite.X[np.concatenate([labelled, *chosen])]
    scale = seen.std(axis=0)
    X = (suite.X - seen.mean(axis=0)) / np.where(scale > 1e-12, scale, 1.0)
    # A column that is constant where it is seen says nothing elsewhere.
    X[:, scale <= 1e-12] = 0.0
    sources = [(X[at], suite.y[at]) for at in chosen]
    return Task(X[labelled], suite.y[labelled], sources, n_classes), X[test], suite.y[test]


def measure(suite, target, seed, methods):
    """Log loss, accuracy, balanced accuracy and seconds of each method."""
    task, X_test, y_test = draw(suite, target, seed)
    cell = {}
    for name, method in methods.items():
        extra = (y_test,) if method is best_single_source else ()
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p = method(task, X_test, *extra)
            seconds = time.perf_counter() - start
            predicted = p.argmax(axis=1)
            cell[name] = [
                float(losses(p, y_test).mean()),
                float((predicted == y_test).mean()),
                float(balanced_accuracy_score(y_test, predicted)),
                seconds,
            ]
    return cell


def run(names, methods, n_seeds, results, save, n_jobs):
    for name in names:
        suite = ALL[name]()
        todo = []
        for target, seed in itertools.product(suite.targets, range(n_seeds)):
            done = results.setdefault(f"{name}|{target}|{seed}", {})
            missing = {key: method for key, method in methods.items() if key not in done}
            if missing:
                todo.append((target, seed, missing))
        for start in range(0, len(todo), CELLS_A_SAVE):
            batch = todo[start : start + CELLS_A_SAVE]
            cells = Parallel(n_jobs)(delayed(measure)(suite, *cell) for cell in batch)
            for (target, seed, _), cell in zip(batch, cells, strict=True):
                results[f"{name}|{target}|{seed}"].update(cell)
            save()
            print(f"{name}: {start + len(batch)} of {len(todo)}", end="\r", flush=True)


def table(results, names, methods, measure):
    """Means over seeds and targets by suite and method (n_methods, n_suites), with errors."""
    values = np.full((len(methods), len(names)), np.nan)
    errors = values.copy()
    for j, name in enumerate(names):
        by_seed = {}
        for key, cell in results.items():
            suite, _, seed = key.split("|")
            if suite == name and all(method in cell for method in methods):
                by_seed.setdefault(seed, []).append([cell[method][measure] for method in methods])
        means = np.array([np.mean(cells, axis=0) for cells in by_seed.values()])
        values[:, j] = means.mean(axis=0)
        errors[:, j] = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    return values, errors


def print_tables(results, names, methods):
    for measure, label in enumerate(("log loss", "accuracy", "balanced accuracy", "seconds")):
        values, errors = table(results, names, methods, measure)
        print(f"\n{label}, mean over targets and draws (+- standard error over draws)")
        print(f"{'':32s}{'all':>8s}" + "".join(f"{name[:14]:>15s}" for name in names))
        for i, method in enumerate(methods):
            cells = "".join(
                f"{v:9.3f}+-{e:4.3f}" for v, e in zip(values[i], errors[i], strict=True)
            )
            print(f"{method:32s}{values[i].mean():8.4f}{cells}")


def print_verdict(results, names):
    """Ours against the best rival of each suite, and against target-only on each domain."""
    print(f"\n{OURS} less the best of {', '.join(BAR)}: log loss by suite")
    for name in names:
        values, _ = table(results, [name], BAR, 0)
        best = BAR[int(values.argmin())]
        _, gap, error = paired(results, name, best)
        verdict = "" if gap <= error else "   <- not within one standard error"
        print(f"{name:18s} {gap:+.4f} ({error:.4f}) against {best}{verdict}")
    print(f"\nnegative transfer gap, {OURS} less target only: domains above 0 by a standard error")
    n_domains = 0
    for name in names:
        for target in sorted({key.split("|")[1] for key in results if key.startswith(name + "|")}):
            n_domains += 1
            n, gap, error = paired(results, f"{name}|{target}", "target only")
            if gap > error:
                print(f"{name:18s} {target:18s} {gap:+.4f} ({error:.4f}) over {n} draws")
    print(f"of {n_domains} domains")


def paired(results, prefix, rival):
    """Number of draws, mean difference of log loss to a rival's and its standard error."""
    by_seed = {}
    for key, cell in results.items():
        if key.startswith(prefix + "|") and rival in cell and OURS in cell:
            by_seed.setdefault(key.split("|")[2], []).append(cell[OURS][0] - cell[rival][0])
    means = np.array([np.mean(values) for values in by_seed.values()])
    return len(means), means.mean(), means.std(ddof=1) / np.sqrt(len(means))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--suites", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fresh", nargs="*", default=[], help="methods to run again")
    arguments = parser.parse_args()
    RESULTS.parent.mkdir(exist_ok=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for cell in results.values():
        for method in arguments.fresh:
            cell.pop(method, None)

    def save():
        RESULTS.write_text(json.dumps(results))

    run(arguments.suites, RIVALS, arguments.seeds, results, save, arguments.jobs)
    print_tables(results, arguments.suites, list(RIVALS))
    print_verdict(results, arguments.suites)


if __name__ == "__main__":
    main()
