"""What transport costs: distances on one core, and training with it beside training without.

Seconds, median and range of five; the ratios are of runs side by side, alternating.

    .venv/bin/python benchmarks/transport/cost.py
"""

import time

import numpy as np
import torch

from skuowq import JTLNClassifier
from skuowq.networks import make_perceptron
from skuowq.transport import class_distances, dataset_distance

REPEATS = 5


def draw(n_classes, n_rows, n_features, seed):
    rng = np.random.RandomState(seed)
    y = np.repeat(np.arange(n_classes), n_rows)
    centres = rng.normal(size=(n_classes, n_features))
    return centres[y] + rng.normal(size=(len(y), n_features)), y


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def show(name, values, unit="s"):
    low, high = min(values), max(values)
    print(f"{name:52s}{np.median(values):8.3f} {unit} ({low:.3f} to {high:.3f})")


def main():
    torch.set_num_threads(1)
    large = [*draw(10, 2000, 64, 0), *draw(10, 2000, 64, 1)]
    show(
        "dataset distance, first call, with POT's import",
        [seconds(lambda: dataset_distance(*large))],
    )
    show(
        "dataset distance, gaussian, 10 x 2,000 rows x 64",
        [seconds(lambda: dataset_distance(*large)) for _ in range(REPEATS)],
    )
    small = [*draw(10, 200, 64, 0), *draw(10, 200, 64, 1)]
    for method in ("exact", "sinkhorn", "mmd"):
        times = [seconds(lambda m=method: class_distances(*small, m)) for _ in range(REPEATS)]
        show(f"class distances, {method}, 10 x 10 x 200 rows", times)
    X, y = draw(10, 20, 64, 2)
    source = draw(10, 200, 64, 3)

    net = make_perceptron(max_epochs=10)

    def train(**options):
        JTLNClassifier(net, random_state=0, **options).fit(X, y, sources=[source])

    ratios = {"predictions": [], "labels": []}
    train()
    for _ in range(REPEATS):
        plain = seconds(lambda: train(transport_weight=0))
        for to, found in ratios.items():
            found.append(seconds(lambda to=to: train(transport_to=to)) / plain)
    for to, found in ratios.items():
        show(f"training to {to} over plain joint training", found, unit="x")


if __name__ == "__main__":
    main()
