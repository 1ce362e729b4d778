"""Small networks on a CPU are trained on one thread, larger ones on what there is."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from nets import make_net
from torch import nn

from skuowq.networks._threads import operations, threads_for_training


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def convolution():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16 * 16, 3))


def initialised(module):
    return make_net(module, callbacks=None, device="cpu").initialize()


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        (nn.Linear(20, 5), (20,), 2 * 20 * 5),
        (convolution(), (3, 16, 16), 2 * (27 * 8 * 256 + 8 * 256 * 3)),
        (nn.Linear(20, 5), (7,), np.inf),  # It cannot be called with such rows.
    ],
)
def test_operations_of_a_row(module, shape, expected):
    net = initialised(module)
    assert operations(net, torch.zeros(2, *shape)) == expected
    assert net.module_.training


def test_small_ones_have_one_thread_and_the_setting_comes_back():
    net = initialised(convolution())
    for n_rows, n_threads in [(64, 1), (4096, 2)]:
        with threads_for_training(net, torch.zeros(2, 3, 16, 16), n_rows):
            assert torch.get_num_threads() == n_threads
        assert torch.get_num_threads() == 2


def test_the_users_own_setting_stands(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threads_for_training(initialised(nn.Linear(4, 2)), torch.zeros(2, 4), 1):
        assert torch.get_num_threads() == 2
