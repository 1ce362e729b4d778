"""skuowq beside the strongest rivals, on all suites of real data; prints tables of every measure.

A cell is a suite, a target domain and a draw as in ``weights/real.py``, with at most 300 rows of
each source and 2,000 test rows, the same for all methods. Its log loss is of probabilities of at
least a millionth. A method that fails counts as target only, and is named with its error.
Results go to benchmarks/results/compare.json after each cell, and finished ones are not run again.

    .venv-rivals/bin/python benchmarks/rivals/compare.py --draws 5 --targets 4 --against UOWQ
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

sys.path.insert(0, str(Path(__file__).parents[1] / "weights"))
import real
from more_suites import ALL, HELD_BACK, TUNED
from rivals import RIVALS, Task, losses
from strong import STRONG, catboost, proper

from skuowq import UOWQClassifier

RESULTS = Path(__file__).parents[1] / "results" / "compare.json"
MOST_TEST_ROWS = 2000
MEASURES = ("log loss", "accuracy", "balanced accuracy", "Brier score", "seconds")
HARM = 0.02


def uowq(estimator, **options):
    def method(task, X_test):
        clf = UOWQClassifier(estimator, **options).fit(task.X, task.y, sources=task.sources)
        p = np.zeros((len(X_test), task.n_classes))
        p[:, clf.classes_] = clf.predict_proba(X_test)
        return p

    return method


SIMPLE = ("target only", "pooled", "equal mass", "common weight by CV")
METHODS = {
    **{name: RIVALS[name] for name in SIMPLE},
    **STRONG,
    "UOWQ": uowq(LogisticRegression(max_iter=2000)),
    "UOWQ, boosted trees": uowq(
        HistGradientBoostingClassifier(max_iter=100, random_state=0), random_state=0
    ),
    # Many fits: of CatBoost's usual thousand rounds each they would take minutes.
    "UOWQ, CatBoost": uowq(catboost(iterations=300), random_state=0),
}


def measure(name, task, X_test, y_test):
    """Every measure of one method on one cell, and what went wrong."""
    wrong = ""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            p = METHODS[name](task, X_test)
            if not np.isfinite(p).all():
                raise ValueError("probabilities are not finite")
        except Exception as error:  # A failure is a result.
            wrong = f"{type(error).__name__}: {str(error)[:200]}"
            p = METHODS["target only"](task, X_test)
        seconds = time.perf_counter() - start
        p = proper(p)
        predicted = p.argmax(axis=1)
        found = [
            losses(p, y_test).mean(),
            (predicted == y_test).mean(),
            balanced_accuracy_score(y_test, predicted),
            ((p - np.eye(task.n_classes)[y_test]) ** 2).sum(axis=1).mean(),
            seconds,
        ]
    return {**dict(zip(MEASURES, map(float, found), strict=True)), "error": wrong}


def spread(targets, most):
    """At most so many of the targets, evenly along their list."""
    if most is None or most >= len(targets):
        return targets
    return [targets[i] for i in np.linspace(0, len(targets) - 1, most).round().astype(int)]


def run(suites, methods, draws, most_targets, results):
    warm_up(methods)
    for name in suites:
        suite = ALL[name]()
        for draw in range(draws):
            for target in spread(suite.targets, most_targets):
                cell = results.setdefault(f"{name}|{target}|{draw}", {})
                missing = [method for method in methods if method not in cell]
                if not missing:
                    continue
                task, X_test, y_test = real.draw(suite, target, draw)
                # The rows are in random order already.
                X_test, y_test = X_test[:MOST_TEST_ROWS], y_test[:MOST_TEST_ROWS]
                cell |= {method: measure(method, task, X_test, y_test) for method in missing}
                save(results)
                print(f"{name}, {target}, draw {draw}: done", file=sys.stderr, flush=True)


def warm_up(methods):
    """Threads and compilations, which are not what a fit costs."""
    rng = np.random.default_rng(0)
    parts = [(rng.normal(size=(40, 3)), np.arange(40) % 2) for _ in range(3)]
    for name in methods:
        measure(name, Task(*parts[0], parts[1:], 2), *parts[0])


def save(results):
    """Written beside and moved, so that a run may be stopped at any time."""
    RESULTS.parent.mkdir(exist_ok=True)
    beside = RESULTS.with_suffix(".part")
    beside.write_text(json.dumps(results))
    beside.replace(RESULTS)


def complete(results, suites, methods, draws):
    """Cells that all methods have: ``cells[suite][target, draw][method]``."""
    cells = {name: {} for name in suites}
    for key, cell in results.items():
        suite, target, draw = key.split("|")
        if suite in cells and int(draw) < draws and all(method in cell for method in methods):
            cells[suite][target, int(draw)] = cell
    return {name: found for name, found in cells.items() if found}


def mean_and_error(found, value):
    """Mean over draws of the means over targets of a cell's value, and its standard error."""
    by_draw = {}
    for (_, draw), cell in found.items():
        by_draw.setdefault(draw, []).append(value(cell))
    return over_draws([np.mean(values) for values in by_draw.values()])


def over_draws(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return np.mean(values), error


def print_table(title, cells, methods, value):
    """Methods by suites, after the means over all suites and those of either list."""
    groups = {"all": list(cells), "TUNED": TUNED, "HELD_BACK": HELD_BACK}
    groups = {key: [name for name in names if name in cells] for key, names in groups.items()}
    groups = {key: names for key, names in groups.items() if names}
    columns = [f"{key} ({len(names)})" for key, names in groups.items()] + list(cells)
    print(f"\n{title}: means (and standard errors over draws)")
    print(" " * 28 + "".join(f"{column[:15]:>16s}" for column in columns))
    for method in methods:
        by_suite = {
            name: mean_and_error(found, lambda cell, method=method: value(cell, method))
            for name, found in cells.items()
        }
        pairs = []
        for names in groups.values():
            means, errors = np.transpose([by_suite[name] for name in names])
            pairs.append((means.mean(), np.sqrt((errors**2).sum()) / len(names)))
        pairs += by_suite.values()
        print(f"{method:28s}" + "".join(f"{mean:9.3f}({error:5.3f})" for mean, error in pairs))


def print_harm(cells, methods):
    """Target domains where a method costs accuracy."""
    print(f"\nTarget domains with accuracy lower than target only's by more than {HARM}")
    print("and by two standard errors over draws (of one draw there is no error, and no count)")
    for method in methods:
        n_domains, harmed = 0, []
        for name, found in cells.items():
            by_target = {}
            for (target, _), cell in found.items():
                loss = cell["target only"]["accuracy"] - cell[method]["accuracy"]
                by_target.setdefault(target, []).append(loss)
            n_domains += len(by_target)
            for target, values in by_target.items():
                mean, error = over_draws(values)
                if mean > HARM and mean > 2 * error:
                    harmed.append(f"{name} {target} {-mean:+.3f}")
        print(f"{method:28s}{len(harmed):4d} of {n_domains}   {'; '.join(harmed)}")


def print_failures(cells, methods):
    for method in methods:
        errors = [cell[method]["error"] for found in cells.values() for cell in found.values()]
        failed = [error for error in errors if error]
        if failed:
            print(f"\n{method} failed in {len(failed)} of {len(errors)} cells, first: {failed[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--targets", type=int, help="at most so many target domains of a suite")
    parser.add_argument("--suites", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--against", choices=list(METHODS), help="also print differences to it")
    parser.add_argument("--show", action="store_true", help="print what is there, run nothing")
    arguments = parser.parse_args()
    real.MAX_SOURCE_ROWS = 300
    needed = {"target only", arguments.against, *arguments.methods}
    methods = [name for name in METHODS if name in needed]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.show:
        run(arguments.suites, methods, arguments.draws, arguments.targets, results)
    cells = complete(results, arguments.suites, methods, arguments.draws)
    for key in MEASURES:
        print_table(key, cells, methods, lambda cell, method, key=key: cell[method][key])
    if arguments.against:
        for key in MEASURES[:-1]:
            print_table(
                f"{key} less {arguments.against}'s",
                cells,
                [method for method in methods if method != arguments.against],
                lambda cell, method, key=key: cell[method][key] - cell[arguments.against][key],
            )
    print_harm(cells, methods)
    print_failures(cells, methods)


if __name__ == "__main__":
    main()
