"""What reaches a device: every batch, and nothing in double precision.

The meta device stands for one. It computes shapes and no numbers, and refuses to compute with what
lies elsewhere.
"""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from datasets_of_images import GOOD, TARGET, Small, make_net
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from skuowq._data.dataset_rows import DatasetRows
from skuowq._data.domains import Domain
from skuowq.networks import (
    DAN,
    DANN,
    GTA,
    GatedObjective,
    JointObjective,
    _head,
    _training,
    as_inputs,
    head_inputs,
    train_aligned,
    train_weighted,
)


class StepDoneError(Exception):
    """Ends a training after its first step."""


class OneStep(NeuralNetClassifier):
    def train_step(self, batch, **kwargs):
        found = super().train_step(batch, **kwargs)
        assert found["loss"].device.type == found["y_pred"].device.type == "meta"
        raise StepDoneError


class SeesDoubles(TorchDispatchMode):
    """Counts results on the meta device, and those in double precision."""

    n_results = n_doubles = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for part in found if isinstance(found, (tuple, list)) else [found]:
            if isinstance(part, torch.Tensor) and part.device.type == "meta":
                self.n_results += 1
                self.n_doubles += part.dtype == torch.float64
        return found


@pytest.fixture
def numberless(monkeypatch):
    """Skips the checks that ask for numbers, which the meta device does not have."""
    monkeypatch.setattr(_training, "finite_numbers", lambda modules: set())
    monkeypatch.setattr(torch, "allclose", lambda *args, **kwargs: True)


def domain(images, kind):
    X = DatasetRows.of(images, "a") if kind == "data sets" else images.pictures
    return Domain(X, images.targets, np.ones(len(images)))


def make_placed_net():
    return OneStep(Small, criterion=nn.CrossEntropyLoss, train_split=None, device="meta")


OBJECTIVES = [
    *(
        GatedObjective(
            alignment=alignment, n_classes=3, n_sources=1, online=0.0, gate_labels=True, clip=20.0
        )
        for alignment in (None, DANN(), DAN(), GTA())
    ),
    JointObjective(3, (3,), [np.ones((3, 3))], source_loss_weight=0.0, transport_to="labels"),
]


@pytest.mark.usefixtures("numberless")
@pytest.mark.parametrize("kind", ["arrays", "data sets"])
@pytest.mark.parametrize("objective", [None, *OBJECTIVES], ids=lambda found: type(found).__name__)
def test_a_step_is_on_the_device_and_not_in_double_precision(objective, kind):
    target, source = domain(TARGET, kind), domain(GOOD, kind)

    def train():
        if objective is None:
            return train_weighted(make_placed_net(), target, [source], [0.5], seed=0)
        rest = [source], [np.ones(len(GOOD))], [1.0]
        return train_aligned(make_placed_net(), target, *rest, objective=objective, seed=0)

    with SeesDoubles() as seen, pytest.raises(StepDoneError):
        train()
    assert seen.n_results > 0
    assert seen.n_doubles == 0


@pytest.mark.parametrize("kind", ["arrays", "data sets"])
def test_features_are_computed_on_the_device(kind, monkeypatch):
    found = []

    def taken(features, *, single):
        found.append((features.device.type, features.dtype, single))
        return np.zeros(features.shape)

    monkeypatch.setattr(_head, "_as_array", taken)
    net = make_net(device="meta").initialize()
    features = head_inputs(net, [as_inputs(net, domain(GOOD, kind).X)])
    assert features[0].shape == (60, 4)
    assert set(found) == {("meta", torch.float32, kind == "data sets")}


class MovedFirst(torch.Tensor):
    """Says when it becomes an array without having been moved."""

    moved = False

    def cpu(self):
        MovedFirst.moved = True
        return super().cpu()

    def numpy(self):
        assert MovedFirst.moved
        return super().numpy()


def test_features_leave_the_device_before_they_become_arrays():
    features = torch.ones(2, 3).as_subclass(MovedFirst)
    assert _head._as_array(features, single=True).dtype == np.float32
