"""Memory does not grow with the rows of data sets: peaks at 1x and at 10x the rows."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

# Of 110 KB each in single precision: ten times the rows would be 200 MB more.
_FEW, _MANY = 200, 2000
# Growth that labels, features and batches may take, in MB.
_ALLOWED = 30

_SCRIPT = """
import sys
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import Dataset

import skuowq
from skuowq.networks import extract_features
from skuowq.rules import PlugIn

SIDE = 96

class Images(Dataset):
    def __init__(self, n, level):
        self.targets, self.level = np.arange(n) % 2, level
        self.noise = np.random.RandomState(0).normal(size=(3, SIDE, SIDE)).astype(np.float32)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.noise + self.level + self.targets[i] + i % 7, self.targets[i]

class Means(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(12, 2)

    def forward(self, X):
        return self.head(self.pool(X))

torch.set_num_threads(1)
n, fit = int(sys.argv[1]), sys.argv[2]
net = NeuralNetClassifier(
    Means(), criterion=nn.CrossEntropyLoss, max_epochs=1, batch_size=32, train_split=None, verbose=0
)
target, sources = Images(20, 0.0), {"a": Images(n, 0.1), "b": Images(n, 0.5)}
eval(fit)
print(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024)
"""

_FITS = {
    "default": "skuowq.UOWQClassifier(net).fit(target, sources=sources).predict(Images(n, 0.0))",
    "all parameters": "skuowq.UOWQClassifier(net, discrepancy=PlugIn(0, parameters='all'))"
    ".fit(Images(n, 0.0), sources=sources)",
    "gate": "skuowq.DiscriminatorGateClassifier(net, trust=1.0)"
    ".fit(target, sources=skuowq.Sources(sources, X_unlabeled=Images(n, 0.0)))",
    "OT3L": "skuowq.OT3LClassifier(net, budget=10).fit(Images(n, 0.0), sources=sources)",
    "JTLN": "skuowq.JTLNClassifier(net, cost='gaussian', transport_to='labels')"
    ".fit(target, sources=sources).predict(Images(n, 0.0))",
    "cached features": "extract_features(Images(n, 0.0), net.module.pool, cache=sys.argv[3])",
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to measure peaks")
@pytest.mark.parametrize("fit", list(_FITS))
def test_peak_memory_does_not_grow_with_the_rows(fit, tmp_path):
    few, many = (
        float(
            subprocess.run(
                [sys.executable, "-c", _SCRIPT, str(n), _FITS[fit], str(tmp_path)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.splitlines()[-1]
        )
        for n in (_FEW, _MANY)
    )
    assert many - few < _ALLOWED
