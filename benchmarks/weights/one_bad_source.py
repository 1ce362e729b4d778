"""Three sources of which one is harmful, five labelled rows a class: against hindsight and a grid.

Synthetic: softmax regression, two near sources and one with its labels flipped. Digits: images
turned by 15 degrees, of another contrast, and with 60 % of the labels replaced at random, or, in
the third set, every label replaced by the next. Hindsight leaves the harmful source out and pools
the rest. The grid tries weights 0, 0.1 and 1 of each source by cross-validation on the target's
rows.
"""

import argparse
import time
import warnings

import numpy as np
from rivals import RIVALS, Task, weighted_fit

from skuowq.datasets import load_digit_domains, make_classification_tasks

METHODS = {
    "target only": RIVALS["target only"],
    "pooled": RIVALS["pooled"],
    "grid by target CV": RIVALS["weight search by CV"],
    "UOWQ (default)": RIVALS["UOWQ (default)"],
    "hindsight": lambda task, X: weighted_fit(task, [1, 1, 0])(X),
}


def synthetic(seed):
    tasks = make_classification_tasks(
        n_target=10,
        n_samples=(300, 300, 300),
        n_features=10,
        n_classes=2,
        discrepancies=(0.005, 0.02, 0.0),
        random_state=seed,
    )
    X, y = tasks.sources[2]
    sources = [*tasks.sources[:2], (X, 1 - y)]
    if len(np.unique(tasks.y_target)) < 2:
        return synthetic(seed + 10_000)
    return Task(tasks.X_target, tasks.y_target, sources, 2), tasks.X_test, tasks.y_test


def digits(harm):
    def draw(seed):
        domains = load_digit_domains(
            "upright", ("rotated", "contrast", harm), n_per_class=5, random_state=seed
        )
        task = Task(domains.X_target, domains.y_target, list(domains.sources.values()), 10)
        return task, domains.X_test, domains.y_test

    return draw


SETS = {
    "synthetic, one flipped": synthetic,
    "digits, one noisy": digits("noisy_labels"),
    "digits, one shifted": digits("shifted_labels"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    for name, draw in SETS.items():
        accuracy = {method: [] for method in METHODS}
        seconds = {method: [] for method in METHODS}
        for seed in range(arguments.seeds):
            task, X_test, y_test = draw(seed)
            for method, predict in METHODS.items():
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    p = predict(task, X_test)
                seconds[method].append(time.perf_counter() - start)
                accuracy[method].append(np.mean(p.argmax(axis=1) == y_test))
        best = np.array(accuracy["hindsight"])
        print(f"\n{name}: {arguments.seeds} draws, accuracy in %, (standard error)")
        for method, values in accuracy.items():
            short = 100 * (best - np.array(values))
            error = short.std(ddof=1) / np.sqrt(len(short))
            print(
                f"{method:20s} {100 * np.mean(values):5.1f}   short of hindsight "
                f"{short.mean():5.2f} ({error:.2f})   {np.median(seconds[method]):.3f} s"
            )


if __name__ == "__main__":
    main()
