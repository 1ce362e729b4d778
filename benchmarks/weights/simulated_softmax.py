"""Weights on softmax regressions with known truth: error over the oracle's and over target-only's.

Every draw is a data set from known parameters; the error is the Kullback-Leibler divergence of the
fitted probabilities from the true ones, averaged over 2,000 fresh rows. The oracle is given the
true discrepancy, but has no intercepts of each domain's own. "class shares" moves the sources'
intercepts. Reports as `simulated.py` does.
"""

import warnings
from pathlib import Path

import numpy as np
from simulated import print_tables, run_cases
from sklearn.linear_model import LogisticRegression

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import softmax_probabilities

RESULTS = Path(__file__).parents[1] / "results" / "weights_simulated_softmax.json"


def case(n_target, n_samples, discrepancies, n_features=10, n_classes=3, intercepts=0.0):
    sizes = np.broadcast_to(n_samples, len(discrepancies)).tolist()
    options = {
        "n_target": n_target,
        "n_samples": sizes,
        "discrepancies": discrepancies,
        "n_features": n_features,
        "n_classes": n_classes,
    }
    return options, intercepts


CASES = {
    "1 identical": case(50, 1000, [0.0]),
    "1 near": case(50, 1000, [0.02]),
    "1 far": case(50, 1000, [1.0]),
    "2 classes, 1 identical": case(30, 1000, [0.0], n_classes=2),
    "2 classes, 3 mixed": case(30, 500, [0.0, 0.1, 1.0], n_classes=2),
    "2 classes, 3 far": case(30, 500, [1.0, 1.0, 1.0], n_classes=2),
    "3 mixed": case(50, 1000, [0.0, 0.1, 1.0]),
    "3 near": case(50, 1000, [0.01, 0.02, 0.03]),
    "3 far": case(50, 1000, [1.0, 1.0, 1.0]),
    "10 mixed": case(50, 300, [0, 0, 0.02, 0.05, 0.1, 0.1, 0.3, 0.3, 1.0, 1.0]),
    "30 mixed": case(50, 100, np.linspace(0, 1, 30).tolist()),
    "8 classes, 3 mixed": case(100, 1000, [0.0, 0.1, 1.0], n_classes=8),
    "40 features, 3 mixed": case(50, 1000, [0.0, 0.1, 1.0], n_features=40),
    "500 target rows": case(500, 2000, [0.0, 0.01, 0.1]),
    "sizes 50 to 5,000": case(50, [50, 500, 5000], [0.0, 0.02, 0.1]),
    "class shares, 1": case(50, 1000, [0.0], intercepts=1.0),
    "class shares, 5": case(50, 1000, [0.0] * 5, intercepts=1.0),
    "class shares, 5 mixed": case(50, 1000, [0, 0, 0.05, 0.3, 1.0], intercepts=1.0),
}


def draw(options, intercepts, seed):
    """Tasks whose sources' labels are drawn again where their intercepts move."""
    tasks = make_classification_tasks(**options, random_state=seed)
    if intercepts:
        rng = np.random.default_rng([seed, 1])
        moved = []
        for (X, _), theta in zip(tasks.sources, tasks.theta_sources, strict=True):
            theta[-1] += intercepts * rng.normal(size=theta.shape[1])
            p = softmax_probabilities(np.column_stack([X, np.ones(len(X))]), theta)
            y = (rng.random((len(X), 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
            moved.append((X, y))
        tasks.sources = moved
        contrasts = (tasks.theta_sources - tasks.theta_target).reshape(len(moved), -1)
        J = tasks.fisher_information
        tasks.discrepancy = contrasts @ J @ contrasts.T / len(J)
    return tasks


def simulate(options, intercepts, n_repeats, seed):
    errors, promises = {}, []
    for repeat in range(n_repeats):
        tasks = draw(options, intercepts, 1000 * seed + repeat)
        rows = np.column_stack([tasks.X_test, np.ones(len(tasks.X_test))])
        truth = softmax_probabilities(rows, tasks.theta_target)
        for name, fit in {
            "oracle": {"discrepancy": tasks.discrepancy},
            "target only": None,
            "pooled": {"discrepancy": np.zeros_like(tasks.discrepancy)},
            "plug-in dynamic": {"discrepancy": "plugin"},
            "reml": {},
        }.items():
            model = UOWQClassifier(LogisticRegression(max_iter=2000), **(fit or {}))
            sources = tasks.sources if fit is not None else None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # A class may lack in fifty target rows.
                model.fit(tasks.X_target, tasks.y_target, sources=sources)
            p = np.full(truth.shape, 1e-6)
            p[:, model.classes_] = np.maximum(model.predict_proba(tasks.X_test), 1e-6)
            errors.setdefault(name, []).append(np.sum(truth * np.log(truth / p), axis=1).mean())
        promises.append(model.expected_error_ / model.target_only_error_)
    return {name: np.array(values) for name, values in errors.items()}, float(np.mean(promises))


def main():
    def run(_, problem, arguments):
        return simulate(*problem, arguments.repeats, arguments.seed)

    results = run_cases(CASES, RESULTS, run, n_repeats=100, description=__doc__)
    print_tables(results, list(CASES))


if __name__ == "__main__":
    main()
