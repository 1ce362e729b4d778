"""Fit time of UOWQClassifier over that of the pooled LogisticRegression, side by side.

5 sources x 2,000 rows x 20 features, 3 classes, 50 target rows. Prints the median and the range of
the ratio over repeats that alternate between the two.
"""

import time

import numpy as np
from sklearn.linear_model import LogisticRegression

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks

N_REPEATS = 15


def main():
    tasks = make_classification_tasks(
        n_target=50,
        n_samples=(2000,) * 5,
        n_features=20,
        n_classes=3,
        discrepancies=(0.0, 0.01, 0.1, 0.5, 2.0),
        random_state=0,
    )
    X = np.concatenate([tasks.X_target, *(X for X, _ in tasks.sources)])
    y = np.concatenate([tasks.y_target, *(y for _, y in tasks.sources)])
    contestants = {
        "pooled": lambda: LogisticRegression().fit(X, y),
        "uowq": lambda: UOWQClassifier().fit(tasks.X_target, tasks.y_target, sources=tasks.sources),
    }
    seconds = {name: [] for name in contestants}
    for repeat in range(N_REPEATS + 1):
        for name, fit in contestants.items():
            start = time.perf_counter()
            fit()
            if repeat:  # The first round warms caches and imports.
                seconds[name].append(time.perf_counter() - start)
    ratio = np.array(seconds["uowq"]) / np.array(seconds["pooled"])
    for name, values in seconds.items():
        print(f"{name:8s} median {1e3 * np.median(values):7.1f} ms")
    print(
        f"ratio    median {np.median(ratio):.2f}, 10 % to 90 %: "
        f"{np.quantile(ratio, 0.1):.2f} to {np.quantile(ratio, 0.9):.2f} (bound: 5)"
    )


if __name__ == "__main__":
    main()
