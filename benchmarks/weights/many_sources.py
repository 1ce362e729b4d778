"""Many sources of which one is right: log loss, and that of who knew which one.

    .venv/bin/python benchmarks/weights/many_sources.py

Sixty target rows, and sources of 500 or 5,000 rows whose discrepancies are spread evenly from 0 to
1 (`datasets.make_classification_tasks`). Means over draws of the default, of the target alone, and
of the right source pooled with the target; of the default on records, and on records of a second
round, which keeps the weights of the first. "Worse" counts the draws in which the default is worse
than the target alone.
"""

import argparse
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skuowq import Sources, UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record
from skuowq.theory import implied_discrepancy


def losses(n_sources, n_rows, seed):
    tasks = make_classification_tasks(
        n_target=60,
        n_samples=(n_rows,) * n_sources,
        discrepancies=np.linspace(0, 1, n_sources),
        random_state=seed,
    )
    X, y = tasks.X_target, tasks.y_target
    right = [np.concatenate(pair) for pair in zip((X, y), tasks.sources[0], strict=True)]
    first = UOWQClassifier().fit(X, y, Sources([record(*source) for source in tasks.sources]))
    again = [record(*source, point=first.record_point_) for source in tasks.sources]
    kept = implied_discrepancy(n_rows, first.source_weights_.clip(max=1))
    models = [
        UOWQClassifier().fit(X, y, Sources(tasks.sources)),
        LogisticRegression(max_iter=500).fit(X, y),
        LogisticRegression(max_iter=500).fit(*right),
        first,
        UOWQClassifier(discrepancy=kept).fit(X, y, Sources(again)),
    ]
    return [log_loss(tasks.y_test, model.predict_proba(tasks.X_test)) for model in models]


def record(X, y, **options):
    return source_record(X, y, classes=[0, 1, 2], **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=20)
    draws = parser.parse_args().draws
    warnings.simplefilter("ignore")
    print(
        "| rows, sources | default | target only | right one | ratio | worse | records | second |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for n_rows in (500, 5_000):
        for n_sources in (5, 10, 20, 40):
            found = np.array([losses(n_sources, n_rows, seed) for seed in range(1, draws + 1)])
            default, alone, right, first, _ = found.mean(axis=0)
            behind = found[:, 4] - found[:, 3]
            error = behind.std(ddof=1) / np.sqrt(draws)
            worse = np.sum(found[:, 0] > found[:, 1])
            print(
                f"| {n_rows:,}, {n_sources} | {default:.3f} | {alone:.3f} | {right:.3f} "
                f"| {default / right:.2f} | {worse} of {draws} | {first:.3f} "
                f"| {behind.mean():+.3f} ({error:.3f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
