"""Weights on Gaussian means with known truth: error over the oracle's and over target-only's.

Every case draws the fitted parameters of target and sources (the Fisher information is the
identity, so nothing else matters), estimates weights from the contrasts, and measures the exact
Kullback-Leibler error of the weighted fit. The oracle knows the discrepancy. Means over paired
draws, standard errors by the delta method. "promised" is the expected error of the weights, as the
estimated discrepancy has it, over target-only's. Finished cases are read from the JSON file, so an
interrupted run resumes; ``--fresh`` starts again.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from skuowq.theory import asymptotic_error
from skuowq.weights import estimate_discrepancy, optimal_source_weights, solve_source_weights

RESULTS = Path(__file__).parents[1] / "results" / "weights_simulated.json"


def directions(rng, n_parameters, distances):
    """Random displacements of given lengths, one a source (n_parameters, n_sources)."""
    columns = rng.normal(size=(n_parameters, len(distances)))
    return columns / np.linalg.norm(columns, axis=0) * np.asarray(distances, dtype=float)


def case(d, n_target, n_samples, distances, *, shift=0.0, clusters=None, opposite=False):
    """A case by its numbers; displacements are drawn once, from the numbers themselves."""
    rng = np.random.default_rng([d, n_target, len(distances), int(1000 * sum(distances))])
    theta = directions(rng, d, distances)
    if clusters is not None:
        centres = directions(rng, d, clusters)
        theta = theta + centres[:, np.arange(len(distances)) % len(clusters)]
    if opposite:
        theta[:, 1::2] = -theta[:, : theta.shape[1] // 2 * 2 : 2]
    if shift:
        theta = theta + directions(rng, d, [shift])
    return n_target, np.broadcast_to(np.asarray(n_samples, dtype=float), len(distances)), theta


MIXED = [0, 0, 0.2, 0.3, 0.5, 0.5, 1, 1, 2, 3]
CASES = {
    "1 identical": case(20, 50, 1000, [0]),
    "1 at .6": case(20, 50, 1000, [0.6]),
    "1 at 1.2": case(20, 50, 1000, [1.2]),
    "1 far": case(20, 50, 1000, [4]),
    "1 identical, d 5": case(5, 20, 500, [0]),
    "1 near, d 5": case(5, 20, 500, [0.5]),
    "1 far, d 5": case(5, 20, 500, [3]),
    "1 identical, d 1": case(1, 20, 500, [0]),
    "1 near, d 1": case(1, 20, 500, [0.25]),
    "3 mixed, d 1": case(1, 20, 500, [0, 0.3, 1]),
    "3 mixed, d 5": case(5, 20, 200, [0, 0.5, 2]),
    "5 at 0 to 3": case(20, 50, 1000, [0, 0.2, 0.5, 1, 3]),
    "5 at 0 to 3, shift 1": case(20, 50, 1000, [0, 0.2, 0.5, 1, 3], shift=1),
    "5 at 0 to 3, shift 3": case(20, 50, 1000, [0, 0.2, 0.5, 1, 3], shift=3),
    "5 identical, shift .5": case(20, 50, 1000, [0] * 5, shift=0.5),
    "10 mixed": case(50, 50, 100, MIXED),
    "10 all identical": case(50, 50, 100, [0] * 10),
    "10 all near": case(50, 50, 500, [0.5] * 10),
    "10 all bad": case(50, 50, 100, [5] * 10),
    "30 mixed": case(20, 30, 300, np.linspace(0, 3, 30)),
    "50 mixed, few target rows": case(10, 5, 200, np.linspace(0, 2, 50)),
    "4 far apart, d 200": case(200, 20, 500, [0.5, 1, 2, 5]),
    "4 mixed, d 2000": case(2000, 20, 500, [0, 1, 3, 10]),
    "sizes 10 to 10,000": case(10, 20, [10, 100, 1000, 10_000], [0.1, 0.3, 0.5, 1]),
    "large ones bad": case(10, 20, [10_000, 10_000, 50, 50], [2, 3, 0, 0.2]),
    "two clusters": case(20, 50, 500, [0.1] * 6, clusters=[0.0, 2.0]),
    "three clusters, none near": case(20, 50, 500, [0.1] * 6, clusters=[1.0, 2.0, 3.0]),
    "opposite biases": case(20, 50, 500, [0.5, 0.5, 0.5, 0.5], opposite=True),
    "many target rows": case(20, 500, 1000, [0, 0.1, 0.3, 1]),
    "2 bad of 4, d 500": case(500, 50, 300, [0, 0.5, 20, 25]),
}


def plugin_dynamic(target, sources, n_target, n_samples, n_updates=4):
    """The paper's dynamic rule: the target's parameters are the last weighted fit's."""
    fitted = target
    for _ in range(n_updates + 1):
        contrasts = sources - fitted[:, None]
        S = contrasts.T @ contrasts / len(contrasts)
        result = optimal_source_weights(S, n_target, n_samples, len(contrasts), method="plugin")
        fitted = weighted_mean(target, sources, n_target, n_samples, result.source_weights)
    return result.source_weights


def weighted_mean(target, sources, n_target, n_samples, weights):
    mass = weights * n_samples
    return (n_target * target + sources @ mass) / (n_target + mass.sum())


def simulate(problem, n_repeats, seed):
    """KL errors (n_methods, n_repeats) of all methods on the same draws."""
    n_target, n_samples, theta = problem
    d, K = theta.shape
    oracle = solve_source_weights(n_samples, theta.T @ theta / d).source_weights
    rng = np.random.default_rng(seed)
    errors = {}
    promises = []
    for _ in range(n_repeats):
        target = rng.normal(size=d) / np.sqrt(n_target)
        sources = theta + rng.normal(size=theta.shape) / np.sqrt(n_samples)
        contrasts = sources - target[:, None]
        S = contrasts.T @ contrasts / d
        weights = {
            "oracle": oracle,
            "target only": np.zeros(K),
            "pooled": np.ones(K),
            "equal mass": np.full(K, min(1, n_target / n_samples.sum())),
            "plug-in dynamic": plugin_dynamic(target, sources, n_target, n_samples),
        }
        for method in ("plugin", "debiased", "reml"):
            result = optimal_source_weights(S, n_target, n_samples, d, method=method)
            weights[method] = result.source_weights
        G = estimate_discrepancy(S, n_target, n_samples, d)
        promises.append(asymptotic_error(n_target, n_samples, weights["reml"], G, d))
        for method, w in weights.items():
            fitted = weighted_mean(target, sources, n_target, n_samples, w)
            errors.setdefault(method, []).append(0.5 * float(fitted @ fitted))
    promised = float(np.mean(promises) / (0.5 * d / n_target))
    return {method: np.array(values) for method, values in errors.items()}, promised


def ratio(errors, reference):
    """Ratio of means and its standard error, from paired draws."""
    value = errors.mean() / reference.mean()
    residual = (errors - value * reference) / reference.mean()
    return float(value), float(residual.std(ddof=1) / np.sqrt(len(errors)))


def main():
    def run(i, problem, arguments):
        return simulate(problem, arguments.repeats, [arguments.seed, i])

    results = run_cases(CASES, RESULTS, run, n_repeats=400, description=__doc__)
    wide = [name for name, (_, _, theta) in CASES.items() if len(theta) >= 5]
    print_tables(results, wide)


def run_cases(cases, path, run, *, n_repeats, description):
    """Errors of every case over the oracle's and target-only's; those in the file are done."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--repeats", type=int, default=n_repeats)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="forget finished cases")
    arguments = parser.parse_args()
    path.parent.mkdir(exist_ok=True)
    setting = f"repeats {arguments.repeats}, seed {arguments.seed}"
    results = {}
    if path.exists() and not arguments.fresh:
        stored = json.loads(path.read_text())
        results = stored["cases"] if stored["setting"] == setting else {}
    for i, (name, problem) in enumerate(cases.items()):
        if name not in results:
            errors, promised = run(i, problem, arguments)
            results[name] = {
                method: {
                    "over oracle": ratio(values, errors["oracle"]),
                    "over target only": ratio(values, errors["target only"]),
                }
                for method, values in errors.items()
            }
            results[name]["reml"]["promised"] = promised
            path.write_text(json.dumps({"setting": setting, "cases": results}, indent=1))
    return results


def print_tables(results, wide):
    """`wide` names the cases that the last rows sum up."""
    print_table(results, "over oracle", wide)
    print_table(results, "over target only", wide)
    print_calibration(results)


def print_calibration(results):
    promised = [row["reml"]["promised"] for row in results.values()]
    realised = [row["reml"]["over target only"][0] for row in results.values()]
    correlation = np.corrcoef(np.log(promised), np.log(realised))[0, 1]
    factor = np.exp(np.mean(np.log(realised) - np.log(promised)))
    print(
        f"\npromised and realised error over target-only's: correlation of the logarithms "
        f"{correlation:.2f} over {len(promised)} cases; realised {factor:.2f} times promised"
    )


def print_table(results, measure, wide):
    methods = [m for m in next(iter(results.values())) if m not in ("oracle",)]
    print(f"\nexpected KL {measure}'s (standard error of the last column)")
    print(f"{'':28s}" + "".join(f"{method:>17s}" for method in methods))
    for name, row in results.items():
        cells = "".join(f"{row[method][measure][0]:17.2f}" for method in methods)
        print(f"{name:28s}{cells} ({row[methods[-1]][measure][1]:.2f})")
    rows = [results[name] for name in wide]
    for label, summary in (
        ("mean, d >= 5", np.mean),
        ("median, d >= 5", np.median),
        ("worst, d >= 5", np.max),
    ):
        cells = [summary([row[method][measure][0] for row in rows]) for method in methods]
        print(f"{label:28s}" + "".join(f"{value:17.2f}" for value in cells))


if __name__ == "__main__":
    main()
