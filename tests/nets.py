"""Small networks for the tests."""

import pytest

pytest.importorskip("skorch")
pytest.importorskip("torch")

import torch
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback
from torch import nn

from skuowq.networks._training import best_device

# The tests of networks run on a GPU where there is one.
DEVICE = best_device()


class MLP(nn.Module):
    def __init__(self, n_features=2, n_classes=2, n_hidden=8):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features, n_hidden), nn.ReLU())
        self.head = nn.Linear(n_hidden, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


class OneNumber(MLP):
    """For regression."""

    def __init__(self, n_features=2, n_outputs=1):
        super().__init__(n_features, n_outputs, n_hidden=16)


class FitShapes(Callback):
    """Gives the module as many inputs and outputs as the data ask for."""

    def __repr__(self):  # Names of tests are the same in all processes.
        return f"{type(self).__name__}()"

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        shape = {"module__n_features": X.shape[1], "module__n_classes": int(y.max()) + 1}
        if any(net.get_params().get(name) != value for name, value in shape.items()):
            net.set_params(**shape)


def make_net(module=MLP, **options):
    """A net that fits its shapes to the data."""
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.02,
        "max_epochs": 20,
        "train_split": None,
        "callbacks": [FitShapes()],
        "device": DEVICE,
    } | options
    return NeuralNetClassifier(module, **options)


class FitInputs(FitShapes):
    """Gives the module of a regression as many inputs as the data have."""

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        if net.get_params().get("module__n_features") != X.shape[1]:
            net.set_params(module__n_features=X.shape[1])


def make_regression_net(**options):
    """A net for one number, that fits its inputs to the data."""
    options = {
        "optimizer": torch.optim.Adam,
        "lr": 0.02,
        "max_epochs": 30,
        "train_split": None,
        "callbacks": [FitInputs()],
        "device": DEVICE,
    } | options
    return NeuralNetRegressor(OneNumber, verbose=0, **options)


class Dropped(nn.Module):
    """With dropout and batch norm: randomness and buffers to restore."""

    def __init__(self, n_features=2, n_classes=2):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3)
        )
        self.head = nn.Linear(8, n_classes)

    def forward(self, X):
        return self.head(self.layers(X))


class Stop(Callback):
    """Raises an error after so many epochs, in all trainings together, or within one."""

    stopped_at = None
    epochs = 0

    @classmethod
    def after(cls, epochs, error, within=False):
        cls.stopped_at, cls.error, cls.within, cls.epochs = epochs, error, within, 0

    def on_batch_end(self, net, training=False, **kwargs):
        if Stop.stopped_at == Stop.epochs and Stop.within and training:
            Stop.stopped_at = None
            raise Stop.error

    def on_epoch_end(self, net, **kwargs):
        Stop.epochs += 1
        if Stop.stopped_at == Stop.epochs and not Stop.within:
            Stop.stopped_at = None
            raise Stop.error
