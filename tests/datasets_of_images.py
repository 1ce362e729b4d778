"""Data sets of small images for the tests: made when a row is asked for, and counted."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("skorch")

from collections import Counter

import numpy as np
import torch
from nets import DEVICE
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import Dataset

SIDE = 6


READ: Counter = Counter()


class Images(Dataset):
    """Noise with a bright row, whose place is the class; in double precision, as numpy has it."""

    def __init__(self, n, seed, n_classes=3, wrong=False):
        rng = np.random.RandomState(seed)
        self.targets = rng.permutation(np.arange(n) % n_classes)
        self.pictures = rng.normal(scale=0.3, size=(n, 1, SIDE, SIDE))
        self.pictures[np.arange(n), 0, 2 * ((self.targets + wrong) % n_classes)] += 1

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        READ[id(self)] += 1
        return self.pictures[i], int(self.targets[i])

    @property
    def n_read(self):
        """How many rows have been read."""
        return READ[id(self)]

    def arrays(self):
        return self.pictures, self.targets


class Small(nn.Module):
    def __init__(self, n_classes=3):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 4), nn.ReLU())
        self.head = nn.Linear(4, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


def make_net(module=Small, **options):
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.05,
        "max_epochs": 2,
        "batch_size": 32,
        "train_split": None,
        "device": DEVICE,
    } | options
    return NeuralNetClassifier(module, **options)


TARGET, GOOD, WRONG, TEST = Images(18, 0), Images(60, 1), Images(60, 2, wrong=True), Images(60, 3)
SOURCES = {"good": GOOD, "wrong": WRONG}
