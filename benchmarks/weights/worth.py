"""Is it true what the source report says? Worth of each source, and rows promised, on real tables.

A cell is a draw of labelled rows of one target domain, as in ``real.py``, with at most 300 rows a
source and at most 2,000 test rows.

Gains. The realised gain of a source is the test log loss of the target alone, less the least over
weights .003 to 1 of the target with that source alone (own intercepts, C = 1), at least 0. The
sources are the cell's, or twelve drawn from them. What a method says of them without test rows is
correlated (Spearman) with their gains on all test rows. A cell whose gains are all equal is left
out; a method that says the same of all sources has correlation 0 there. Two ceilings: other
labelled rows, none in common, are drawn from the test rows, the same sources stay in the same
units, and the test rows that are left are halved. "other draw" is the correlation of the gains of
one draw on one half with those of the other draw on the other half, "same draw" that of one draw's
on both halves; each is the mean of its two cases. They are those of a half, so they err on the low
side, and a method may pass the first because it knows which rows were drawn.

Rows. Promised are ``n_target + calibrated_source_size_`` of the default with all sources of the
cell. Realised is the number of target rows with which a logistic regression of the target alone (C
= 1) has the default's test log loss: half of the target's rows are the test, and the labelled rows
with more and more of the other half, five random choices each, give the curve, on a geometric grid
and linear in the logarithm of the rows between. It starts at the labelled rows, so a default that
is no better than the target alone realises these; where the curve stays above the default, all
rows of that half are taken ("not reached", and the ratio is then too high).

Finished parts of a cell are read from the JSON file, and a method that is new runs alone; ``--fresh
METHOD`` forgets a method's. The tables show all cells that are finished.
"""

import argparse
import functools
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
import real
from joblib import Parallel, delayed
from more_suites import ALL
from rivals import Task, equal_mass_weight, logistic, losses, weighted_fit
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skuowq import UOWQClassifier
from skuowq.transport import dataset_distance

RESULTS = Path(__file__).parents[1] / "results" / "worth.json"
WEIGHTS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MAX_SOURCE_ROWS = 300
MAX_SOURCES = 12
MAX_TEST_ROWS = 2000
N_FOLDS = 5
N_PERMUTATIONS = 20
N_SUBSETS = 5
GRID_STEP = 1.5


# What is measured. `rest` are the rows of the target that are not labelled, in random order.


def gains_of_sources(task, rest, rng):
    """Realised gains on all test rows, and by draw of labelled rows and half of the test rows."""
    X, y = (part[:MAX_TEST_ROWS] for part in rest)
    while True:
        others, test = np.split(rng.permutation(len(y)), [len(task.y)])
        if len(np.unique(y[others])) == len(np.unique(y)):
            break
    draws = task, Task(X[others], y[others], task.sources, task.n_classes)
    first, second = (row_losses(draw, X, y) for draw in draws)
    halves = np.array_split(test, 2)
    return {
        "all": gains(*first, np.arange(len(y))),
        "halves": [[gains(*draw, half) for half in halves] for draw in (first, second)],
    }


def row_losses(task, X, y):
    """Losses of test rows with the target alone, (n,), and with each source, (K, weights, n)."""
    alone = losses(weighted_fit(task.only([]), [])(X), y)
    each = [
        [losses(weighted_fit(task.only([source]), [w], True)(X), y) for w in WEIGHTS]
        for source in task.sources
    ]
    return alone, np.array(each)


def gains(alone, each, rows):
    least = each[..., rows].mean(axis=-1).min(axis=1)
    return np.maximum(alone[rows].mean() - least, 0.0).tolist()


def rows_of_default(task, rest, rng):
    """Labelled rows, rows promised, rows realised, and the most that could be realised."""
    n = len(task.y)
    most = max(n, (n + len(rest[1])) // 2)
    (X, X_test), (y, y_test) = (np.split(part, [most - n]) for part in rest)
    X_test, y_test = X_test[:MAX_TEST_ROWS], y_test[:MAX_TEST_ROWS]
    model = fitted(task)
    goal = losses(model.predict_proba(X_test), y_test).mean()

    def loss(m):
        total = 0.0
        for _ in range(N_SUBSETS):
            more = rng.permutation(most - n)[: m - n]
            labelled = np.concatenate([task.X, X[more]]), np.concatenate([task.y, y[more]])
            part = Task(*labelled, [], task.n_classes)
            total += losses(weighted_fit(part, [])(X_test), y_test).mean()
        return total / N_SUBSETS

    realised = reached(loss, grid(n, most), goal)
    return [n, n + float(model.calibrated_source_size_), realised, most]


def grid(least, most):
    n_steps = int(np.ceil(np.log(most / least) / np.log(GRID_STEP)))
    return np.unique(np.geomspace(least, most, n_steps + 1).round().astype(int))


def reached(loss, sizes, goal):
    """Where a falling curve first reaches a goal, linear in the logarithm of the size between."""
    before = loss(sizes[0])
    if before <= goal:
        return float(sizes[0])
    for smaller, larger in itertools.pairwise(sizes):
        after = loss(larger)
        if after <= goal:
            share = (before - goal) / (before - after)
            return float(smaller * (larger / smaller) ** share)
        before = after
    return float(sizes[-1])


# What methods say of the sources, more for better ones. They see the task only.


def fitted(task):
    return UOWQClassifier(logistic()).fit(task.X, task.y, task.sources)


def worth(task):
    """As the report says it: weight times rows."""
    return fitted(task).source_report_.rows_worth


def nearness(task):
    return -np.diag(fitted(task).discrepancy_)


def left_out(task):
    """How much is lost on held-out target rows when a source is left out of an equal-mass fit."""
    value = held_out_value(task)
    everyone = frozenset(range(len(task.sources)))
    return [
        sum(value(f, everyone) - value(f, everyone - {i}) for f in range(N_FOLDS)) for i in everyone
    ]


def shapley(task):
    """Mean gain of a source that joins others in random order; the folds take turns."""
    rng = np.random.default_rng(0)
    value = held_out_value(task)
    total = np.zeros(len(task.sources))
    for k in range(N_PERMUTATIONS):
        joined = frozenset()
        for i in rng.permutation(len(task.sources)).tolist():
            total[i] += value(k % N_FOLDS, joined | {i}) - value(k % N_FOLDS, joined)
            joined |= {i}
    return total / N_PERMUTATIONS


def held_out_value(task):
    """Log likelihood of a fold of target rows under the equal-mass fit of the rest and sources."""
    # Even where a class has fewer rows than there are folds.
    order = np.lexsort((np.random.default_rng(0).random(len(task.y)), task.y))
    fold_of = np.empty(len(task.y), dtype=int)
    fold_of[order] = np.arange(len(task.y)) % N_FOLDS

    @functools.cache
    def value(fold, sources):
        part = task.subset(fold_of != fold).only([task.sources[i] for i in sorted(sources)])
        weight = equal_mass_weight(part) if sources else 0.0
        fit = weighted_fit(part, np.full(len(sources), weight), own_intercepts=True)
        test = fold_of == fold
        return -losses(fit(task.X[test]), task.y[test]).sum()

    return value


def transport(task):
    """OTDD of labelled rows, without classes of a single row; not a number if none is left."""
    target = classes_of_two(task.X, task.y)
    if not len(target[1]):
        return np.full(len(task.sources), np.nan)
    return [-dataset_distance(*target, *classes_of_two(*s), method="exact") for s in task.sources]


def classes_of_two(X, y):
    kept = np.bincount(y)[y] >= 2
    return X[kept], y[kept]


def proxy_a_distance(task):
    """2 (1 - 2 err), the error being that of telling source from target, both counted alike."""
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    distances = []
    for X_i, _ in task.sources:
        rows = np.concatenate([task.X, X_i])
        origin = np.repeat([0, 1], [len(task.X), len(X_i)])
        discriminator = logistic().set_params(class_weight="balanced")
        guessed = cross_val_predict(discriminator, rows, origin, cv=folds)
        distances.append(2 * (2 * balanced_accuracy_score(origin, guessed) - 1))
    return -np.array(distances)


def log_likelihood(task):
    """Of the target's labels under the fit of a source alone."""
    return [-losses(p, task.y).mean() for p in of_each_source(task)]


def log_evidence(task):
    """LogME: that of a linear model of the labels, on the log probabilities of a source's fit."""
    labels = np.eye(task.n_classes)[task.y]
    return [
        np.mean([evidence(np.log(np.maximum(p, 1e-6)), t) for t in labels.T])
        for p in of_each_source(task)
    ]


def number_of_rows(task):
    """The least that can be said."""
    return [len(y_i) for _, y_i in task.sources]


def of_each_source(task):
    """Probabilities of the labelled rows under the fit of each source alone."""
    for X_i, y_i in task.sources:
        p = weighted_fit(Task(X_i, y_i, [], task.n_classes), [])(task.X)
        yield p / p.sum(axis=1, keepdims=True)


def evidence(F, t):
    """Greatest log evidence of Bayesian linear regression of `t` on `F`, per row."""
    n, p = F.shape
    u, s, _ = np.linalg.svd(F, full_matrices=False)
    s2, x2 = s**2, (u.T @ t) ** 2
    beyond = max(t @ t - x2.sum(), 0.0)
    alpha = beta = 1.0
    for _ in range(20):
        ratio = alpha / beta
        n_used = (s2 / (s2 + ratio)).sum()
        size = (s2 * x2 / (s2 + ratio) ** 2).sum()
        residual = (x2 * (ratio / (s2 + ratio)) ** 2).sum() + beyond
        alpha, beta = n_used / (size + 1e-5), (n - n_used) / (residual + 1e-5)
    log_det = np.log(alpha + beta * s2).sum() + (p - len(s2)) * np.log(alpha)
    fit = p * np.log(alpha) + n * np.log(beta / (2 * np.pi)) - log_det
    return 0.5 * (fit - beta * residual - alpha * size) / n


MEASURED = {"gains": gains_of_sources, "rows": rows_of_default}
SAYS = {
    "UOWQ worth": worth,
    "UOWQ discrepancy": nearness,
    "leave one source out": left_out,
    "Shapley value": shapley,
    "OTDD": transport,
    "proxy A-distance": proxy_a_distance,
    "log likelihood": log_likelihood,
    "LogME": log_evidence,
    "rows of the source": number_of_rows,
}
CEILINGS = ("ceiling, other draw", "ceiling, same draw")


def measure(suite, target, seed, parts):
    """The named parts of a cell, and the seconds of each."""
    real.MAX_SOURCE_ROWS = MAX_SOURCE_ROWS  # Here, because each process has its own.
    task, *rest = real.draw(suite, target, seed)
    chosen = np.random.default_rng([seed, *target.encode()]).permutation(len(task.sources))
    few = task.only([task.sources[i] for i in sorted(chosen[:MAX_SOURCES])])
    cell = {}
    for name in parts:
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if name in MEASURED:
                rng = np.random.default_rng([seed, 1, *target.encode()])
                found = MEASURED[name](task if name == "rows" else few, rest, rng)
            else:
                found = [float(value) for value in SAYS[name](few)]
        cell[name] = {"found": found, "seconds": time.perf_counter() - start}
    return cell


def some(targets, n):
    """At most `n` targets, spread evenly."""
    if n is None or n >= len(targets):
        return list(targets)
    return [targets[i] for i in np.linspace(0, len(targets) - 1, n).round().astype(int)]


def run(arguments, results, save):
    for name in arguments.suites:
        suite = ALL[name]()
        todo = []
        for target in some(suite.targets, arguments.targets):
            for seed in range(arguments.draws):
                done = results.setdefault(f"{name}|{target}|{seed}", {})
                missing = [part for part in (*MEASURED, *SAYS) if part not in done]
                if missing:
                    todo.append((target, seed, missing))
        for start in range(0, len(todo), 2 * arguments.jobs):
            batch = todo[start : start + 2 * arguments.jobs]
            cells = Parallel(arguments.jobs)(delayed(measure)(suite, *cell) for cell in batch)
            for (target, seed, _), cell in zip(batch, cells, strict=True):
                results[f"{name}|{target}|{seed}"].update(cell)
            save()
            print(f"{name}: {start + len(batch)} of {len(todo)}", end="\r", flush=True)


# The tables.


def correlation(said, gains):
    """Of ranks; 0 if the method tells no source from another, and unknown if it says nothing."""
    if np.isnan(said).any() or np.ptp(gains) == 0:
        return np.nan
    # Not np.ptp, because a discrepancy may be infinite.
    return spearmanr(said, gains).statistic if len(set(said)) > 1 else 0.0


def correlations(cell):
    """Of every method and the ceilings with the gains of a cell."""
    measured = cell["gains"]["found"]
    a, b = measured["halves"]
    crossed = [correlation(a[0], b[1]), correlation(a[1], b[0])]
    within = [correlation(*a), correlation(*b)]
    said = [correlation(cell[name]["found"], measured["all"]) for name in SAYS]
    return [*said, np.nanmean(crossed), np.nanmean(within)]


def rows(cell):
    """Logarithms of the ratio and its two sides, by labelled rows, and whether each end is met."""
    n, promised, realised, most = cell["rows"]["found"]
    ratio, promised, realised = np.log([promised / realised, promised / n, realised / n])
    return [ratio, promised, realised, realised >= np.log(most / n), realised == 0]


def finished(results, name):
    """Draw and cell of every finished cell of a suite."""
    for key, cell in results.items():
        suite, _, seed = key.split("|")
        if suite == name and all(part in cell for part in (*MEASURED, *SAYS)):
            yield int(seed), cell


def by_draw(results, name, of_cell):
    """Means over the targets of a suite (n_draws, n_numbers), without what is unknown."""
    draws = {}
    for seed, cell in finished(results, name):
        draws.setdefault(seed, []).append(of_cell(cell))
    return np.array([np.nanmean(draws[seed], axis=0) for seed in sorted(draws)])


def with_error(values):
    """Mean over draws, and its standard error."""
    known = np.sum(~np.isnan(values), axis=0)
    return np.nanmean(values, axis=0), np.nanstd(values, axis=0, ddof=1) / np.sqrt(known)


def print_correlations(results, names):
    print("\nrank correlation with the realised gains of sources (+- standard error over draws)")
    draws = [by_draw(results, name, correlations) for name in names]
    n_draws = min(len(values) for values in draws)
    columns = [np.nanmean([values[:n_draws] for values in draws], axis=0), *draws]
    print(f"{'':24s}" + "".join(f"{name[:14]:>15s}" for name in ("all", *names)))
    for i, method in enumerate((*SAYS, *CEILINGS)):
        cells = (with_error(values[:, i]) for values in columns)
        print(f"{method:24s}" + "".join(f"{m:9.2f}+-{e:4.2f}" for m, e in cells))


def print_rows(results, names):
    print("\nrows promised by rows realised: geometric mean (times or by, a standard error over")
    print("draws), the same where the curve gets there, 10 % and 90 % of cells; promised and")
    print("realised by labelled rows; shares of cells")
    head = ("ratio", "reached", "10 %", "90 %", "promised", "realised", "not reached", "no gain")
    print(f"{'':18s}" + "".join(f"{name:>13s}" for name in head))
    every, draws = [], []
    for name in names:
        draws.append(by_draw(results, name, rows))
        cells = [rows(cell) for _, cell in finished(results, name)]
        every += cells
        print_row(name, draws[-1], cells)
    n_draws = min(len(values) for values in draws)
    print_row("all", np.mean([values[:n_draws] for values in draws], axis=0), every)


def print_row(name, draws, cells):
    m, e = with_error(draws)
    ratios, not_reached = np.array(cells)[:, [0, 3]].T
    low, high = np.quantile(ratios, [0.1, 0.9])
    logarithms = ratios[not_reached == 0].mean(), low, high, *m[1:3]
    ratio = f"{np.exp(m[0]):.2f} x/{np.exp(e[0]):.2f}"
    numbers = "".join(f"{value:13.2f}" for value in np.exp(logarithms))
    print(f"{name:18s}{ratio:>13s}{numbers}" + "".join(f"{share:13.0%}" for share in m[3:]))


def print_seconds(results, names):
    cells = [cell for name in names for _, cell in finished(results, name)]
    print(f"\nseconds a cell, over {len(cells)} cells")
    for part in (*MEASURED, *SAYS):
        print(f"{part:24s}{np.mean([cell[part]['seconds'] for cell in cells]):8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--suites", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--targets", type=int, help="at most, of each suite")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--fresh", nargs="*", default=[], help="parts to run again")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # What is unknown has no mean.
    RESULTS.parent.mkdir(exist_ok=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for cell in results.values():
        for part in arguments.fresh:
            cell.pop(part, None)
    run(arguments, results, lambda: RESULTS.write_text(json.dumps(results)))
    print_correlations(results, arguments.suites)
    print_rows(results, arguments.suites)
    print_seconds(results, arguments.suites)


if __name__ == "__main__":
    main()
