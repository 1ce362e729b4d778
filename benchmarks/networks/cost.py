"""What networks cost: the Fisher projection, a training through the estimator, memory.

Ratios measured side by side in one run, medians and ranges.

1. `projected_fisher` of 10 sources at 10 million parameters, over one epoch of training (Adam,
   batches of 128) on the same rows; and on a few-shot target's 50 rows over an epoch of the fit,
   ten sources of 2,000 rows each.
2. Training through `UOWQClassifier` over a bare torch loop with the same batches: a perceptron
   64-64 on 2,000 and on 20,000 rows.
3. Rows a second of such trainings, of a perceptron 64-64 and of one of 10 million parameters, on
   every device that there is.
4. Peak memory of fits, 5 sources, 10 million parameters, in copies of the parameters.
5. Images of 3 x 96 x 96 in data sets: images a second of a training through `UOWQClassifier` over
   a bare loop on the same data sets, on every device that there is; and peak memory of the default
   fit with 600 and with 6,000 images, which take 66 and 663 MB.

    .venv/bin/python benchmarks/networks/cost.py
"""

import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skuowq import UOWQClassifier
from skuowq.fisher import projected_fisher
from skuowq.rules import PlugIn

N_ROUNDS = 3


class Large(nn.Module):
    """9.8 million parameters."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(256, 3000), nn.ReLU(), nn.Linear(3000, 3000), nn.ReLU(), nn.Linear(3000, 10)
        )

    def forward(self, X):
        return self.layers(X)


class Tiny(nn.Linear):
    def __init__(self):
        super().__init__(256, 10)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, X):
        return self.layers(X)


def make_net(module, **options):
    return NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        train_split=None,
        **options,
    )


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def show(name, ratios, bound):
    print(
        f"{name:58s} median {np.median(ratios):6.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
        f"   bound {bound}",
        flush=True,
    )


def epoch(module, optimizer, X, y):
    for rows, labels in zip(X.split(128), y.split(128), strict=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(rows), labels).backward()
        optimizer.step()


def projection():
    torch.manual_seed(0)
    module = Large()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-4)
    X, y = torch.randn(2048, 256), torch.randint(10, (2048,))
    directions = [
        {name: 1e-3 * torch.randn_like(value) for name, value in module.named_parameters()}
        for _ in range(10)
    ]
    many = torch.randn(20_050, 256), torch.randint(10, (20_050,))
    epoch(module, optimizer, X, y)
    whole, few = [], []
    for _ in range(N_ROUNDS):
        one = seconds(lambda: epoch(module, optimizer, X, y))
        whole.append(seconds(lambda: projected_fisher(module, None, directions, X)) / one)
        ten = seconds(lambda: epoch(module, optimizer, *many))
        few.append(seconds(lambda: projected_fisher(module, None, directions, X[:50])) / ten)
    show("projection, 10 sources, same rows, in epochs", whole, 5)
    show("projection, 10 sources, 50 rows, in epochs of the fit", few, 0.05)


def bare_training(X, y, n_target, n_epochs):
    """The same batches: sliced tensors, target rows in each, weighted loss."""
    module = Small()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    weight = torch.full((len(y),), 1 / 128)
    n_ours = max(1, round(128 * n_target / len(y)))
    for _ in range(n_epochs):
        module.train()
        theirs = n_target + torch.randperm(len(y) - n_target)
        n_batches = -(-len(y) // 128)
        ours = torch.cat([torch.randperm(n_target) for _ in range(n_batches)])
        for k in range(n_batches):
            chosen = torch.cat(
                [
                    ours[k * n_ours : (k + 1) * n_ours],
                    theirs[k * (128 - n_ours) : (k + 1) * (128 - n_ours)],
                ]
            )
            optimizer.zero_grad()
            losses = nn.functional.cross_entropy(module(X[chosen]), y[chosen], reduction="none")
            (losses @ weight[chosen]).backward()
            optimizer.step()


def training(n_rows):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(n_rows, 64)).astype(np.float32), rng.randint(10, size=n_rows)
    n_target, n_epochs = 50, 20 if n_rows < 5000 else 5
    sources = [(X[n_target:], y[n_target:])]
    net = make_net(Small, lr=1e-3, max_epochs=n_epochs)
    # A given discrepancy: one training and no measurement.
    clf = UOWQClassifier(net, discrepancy=[[0.0]], random_state=0)
    tensors = torch.tensor(X), torch.tensor(y)
    ratios = []
    for _ in range(N_ROUNDS + 1):
        bare = seconds(lambda: bare_training(*tensors, n_target, n_epochs))
        ours = seconds(lambda: clf.fit(X[:n_target], y[:n_target], sources=sources))
        ratios.append(ours / bare)
    show(f"training through the estimator, {n_rows:,} rows, over bare", ratios[1:], 1.3)


def throughput(module, n_features, n_epochs):
    rng = np.random.RandomState(0)
    n_rows = 20_000
    X = rng.normal(size=(n_rows, n_features)).astype(np.float32)
    y = rng.randint(10, size=n_rows)
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        net = make_net(module, lr=1e-3, max_epochs=n_epochs, batch_size=512, device=device)
        clf = UOWQClassifier(net, discrepancy=[[0.0]], random_state=0)
        found = []
        for _ in range(N_ROUNDS + 1):
            took = seconds(lambda: clf.fit(X[:50], y[:50], sources=[(X[50:], y[50:])]))  # noqa: B023
            found.append(n_rows * n_epochs / took)
        print(
            f"rows a second, {module.__name__}, {device}: median {np.median(found[1:]):,.0f} "
            f"({min(found[1:]):,.0f} to {max(found[1:]):,.0f})",
            flush=True,
        )


ROADS = {
    "all parameters": {
        "discrepancy": PlugIn(n_updates=1, parameters="all", update_every=1),
    },
    "the default": {},
}


def peak(module, options, connection):
    """Peak memory in MB of a process that fits, in a process of its own."""
    torch.set_num_threads(1)
    rng = np.random.RandomState(0)
    draw = lambda n: (rng.normal(size=(n, 256)).astype(np.float32), rng.permutation(n) % 10)  # noqa: E731
    net = make_net(module, lr=1e-4, max_epochs=2)
    clf = UOWQClassifier(net, random_state=0, **options)
    X, y = draw(40)
    sources = [draw(200) for _ in range(5)]
    clf.fit(X, y, sources=sources)
    # Of this process alone: getrusage would count what the parent had when it made it.
    status = Path("/proc/self/status").read_text()
    connection.send(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def memory(road):
    found = []
    for module in (Tiny, Large):  # The first takes what the libraries take.
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=peak, args=(module, ROADS[road], theirs)
        )
        process.start()
        found.append(ours.recv())
        process.join()
    copy = sum(p.numel() for p in Large().parameters()) * 4 / 2**20
    print(
        f"peak memory, {road}, 5 sources: {found[1]:.0f} MB, {found[0]:.0f} MB of them "
        f"libraries: {(found[1] - found[0]) / copy:.1f} copies of the parameters   bound 12"
    )


class Images(torch.utils.data.Dataset):
    """Made when they are asked for, as cheaply as can be."""

    def __init__(self, n_rows):
        self.targets = np.arange(n_rows) % 10
        self.noise = np.random.RandomState(0).normal(size=(3, 96, 96)).astype(np.float32)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.noise + i % 7, self.targets[i]


class Pictured(nn.Module):
    """Three convolutions."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=3),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 10),
        )

    def forward(self, X):
        return self.layers(X)


def bare_reading(images, device):
    """An epoch of batches as torch's loader draws them."""
    module = Pictured().to(device)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for X, y in torch.utils.data.DataLoader(images, batch_size=64, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(X.to(device)), y.to(device)).backward()
        optimizer.step()


def images_a_second(n_rows=3000):
    target, source = Images(40), Images(n_rows - 40)
    for device in ["cpu"] + ["cuda"] * torch.cuda.is_available():
        net = make_net(Pictured, lr=1e-3, max_epochs=1, batch_size=64, device=device)
        clf = UOWQClassifier(net, discrepancy=[[0.0]], random_state=0)
        ratios, found = [], []
        for _ in range(N_ROUNDS + 1):
            bare = seconds(lambda: bare_reading(Images(n_rows), device))  # noqa: B023
            ours = seconds(lambda: clf.fit(target, sources=[source]))  # noqa: B023
            ratios.append(ours / bare)
            found.append(n_rows / ours)
        show(f"training on data sets, {device}, over bare", ratios[1:], 1.3)
        print(
            f"images a second, 3 x 96 x 96, {device}: median {np.median(found[1:]):,.0f} "
            f"({min(found[1:]):,.0f} to {max(found[1:]):,.0f})",
            flush=True,
        )


def peak_of_images(n_rows, connection):
    """Peak memory in MB of a process that fits the default to data sets."""
    torch.set_num_threads(1)
    net = make_net(Pictured, lr=1e-3, max_epochs=1, batch_size=64)
    UOWQClassifier(net, random_state=0).fit(Images(40), sources=[Images(n_rows)])
    status = Path("/proc/self/status").read_text()
    connection.send(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def memory_of_images():
    found = []
    for n_rows in (600, 6000):
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=peak_of_images, args=(n_rows, theirs)
        )
        process.start()
        found.append(ours.recv())
        process.join()
    print(
        f"peak memory, data sets of 600 and 6,000 images: {found[0]:.0f} and {found[1]:.0f} MB   "
        "bound 40 MB more"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    projection()
    training(2000)
    training(20_000)
    throughput(Small, 64, 5)
    throughput(Large, 256, 1)
    for road in ROADS:
        memory(road)
    images_a_second()
    memory_of_images()
