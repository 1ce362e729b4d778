"""What the estimator costs beside a bare torch loop of the same method.

The bare loop draws the same batches from tensors, computes DANN's loss with the paper's online gate
and steps Adam: no skorch, no callbacks, no checks. Ratios of medians, side by side in one run, for
the fit as a whole (online gate) and with the cross-fitted gate in place of it.

    .venv/bin/python benchmarks/gate/cost.py
"""

import time

import numpy as np
import torch
import torch.nn.functional as F

from skuowq import DiscriminatorGateClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.networks import DANN, make_perceptron
from skuowq.networks._gated_loss import Discriminator
from skuowq.networks.alignments.alignment import reverse

N_FEATURES, N_CLASSES, MAX_EPOCHS, BATCH = 50, 5, 10, 64
N_TARGET, N_UNLABELED, REPEATS = 200, 500, 5


def bare_loop(tasks, source, seed):
    torch.manual_seed(seed)
    X, y = torch.tensor(tasks.X_target).float(), torch.tensor(tasks.y_target)
    X_free = torch.tensor(tasks.X_test[:N_UNLABELED]).float()
    X_s, y_s = torch.tensor(source[0]).float(), torch.tensor(source[1])
    features = torch.nn.Sequential(
        torch.nn.Linear(N_FEATURES, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU()
    )
    head, judge = torch.nn.Linear(64, N_CLASSES), Discriminator(64, N_CLASSES, 1, 64)
    parameters = [*features.parameters(), *head.parameters(), *judge.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)
    eye = torch.eye(N_CLASSES + 1)
    steps = -(-len(y_s) // BATCH)
    for epoch in range(MAX_EPOCHS):
        order = torch.randperm(len(y_s))
        for step in range(steps):
            strength = float(2 / (1 + np.exp(-10 * (epoch + step / steps) / MAX_EPOCHS)) - 1)
            ours, free = torch.randint(len(y), (BATCH,)), torch.randint(len(X_free), (BATCH,))
            theirs = order[step * BATCH : (step + 1) * BATCH]
            seen = features(torch.cat([X[ours], X_free[free], X_s[theirs]]))
            f_t, f_u, f_s = seen[:BATCH], seen[BATCH : 2 * BATCH], seen[2 * BATCH :]
            nil = torch.full((len(f_s),), N_CLASSES)
            with torch.no_grad():
                weight = judge(f_s, eye[y_s[theirs]])[:, 0].exp().clamp(1e-4, 20)
            loss = F.cross_entropy(head(f_t), y[ours])
            losses = F.cross_entropy(head(f_s), y_s[theirs], reduction="none")
            loss = loss + (weight * losses).mean()
            nil_u = torch.full((len(f_u),), N_CLASSES)
            for f, label, sign in (
                (f_u, nil_u, -1),
                (f_s, nil, 1),
                (f_t, y[ours], -1),
                (f_s, y_s[theirs], 1),
            ):
                loss = loss + F.softplus(sign * judge(reverse(f, strength), eye[label])).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def fitted(tasks, source, seed, **options):
    net = make_perceptron(max_epochs=MAX_EPOCHS, batch_size=BATCH)
    clf = DiscriminatorGateClassifier(net, trust=1.0, random_state=seed, **options)
    clf.fit(
        tasks.X_target,
        tasks.y_target,
        sources=[source],
        X_unlabeled=tasks.X_test[:N_UNLABELED],
    )


def seconds(run, *arguments, **options):
    start = time.perf_counter()
    run(*arguments, **options)
    return time.perf_counter() - start


def main():
    torch.set_num_threads(1)
    for n_rows in (2_000, 20_000):
        tasks = make_classification_tasks(
            n_features=N_FEATURES,
            n_classes=N_CLASSES,
            n_target=N_TARGET,
            n_samples=(n_rows,),
            discrepancies=(0.0,),
            random_state=0,
        )
        source = tasks.sources[0]
        times = np.array(
            [
                [
                    seconds(bare_loop, tasks, source, seed),
                    seconds(fitted, tasks, source, seed, gate="online", alignment=DANN(1.0)),
                    seconds(fitted, tasks, source, seed),
                ]
                for seed in range(REPEATS)
            ]
        )
        ratios = times[:, 1:] / times[:, :1]
        low, middle, high = np.percentile(ratios, [0, 50, 100], axis=0)
        print(f"{n_rows:,} source rows, bare loop {np.median(times[:, 0]):.2f} s")
        for name, a, b, c in zip(("online gate", "cross-fitted"), middle, low, high, strict=True):
            print(f"  {name:14s}{a:6.2f} times the bare loop ({b:.2f} to {c:.2f})")


if __name__ == "__main__":
    main()
