"""One thread for the training of a small network on a CPU.

In each step a small network does little work many times, and threads that share it wait for one
another: on two cores that are busy a training with two threads takes several times as long.
"""

import contextlib
import os

import torch
from torch.utils.flop_counter import FlopCounterMode

from ._shapes import CALL_ERRORS

# Operations of a batch on its way through a module, a millisecond of one core's work.
_SMALL = 2e7
# Where one of them is set, the number of threads is the user's own choice.
_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


@contextlib.contextmanager
def threads_for_training(net, sample, n_rows):
    """A context in which torch has one thread if a net on a CPU does little work in a step.

    Parameters
    ----------
    net : NeuralNet
        Initialised.
    sample : Tensor
        Some inputs.
    n_rows : int
        Rows of a batch.
    """
    before = torch.get_num_threads()
    if before == 1 or any(os.environ.get(name) for name in _SETTINGS):
        yield
        return
    if operations(net, sample) * n_rows > _SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def operations(net, sample):
    """Floating-point operations that a row takes on its way through a net's module.

    Infinity on a GPU, and for a module that cannot be called: its training says why.
    """
    if any(value.device.type != "cpu" for value in net.module_.parameters()):
        return float("inf")
    was_training = net.module_.training
    net.module_.eval()
    try:
        with (
            contextlib.suppress(*CALL_ERRORS),
            torch.no_grad(),
            torch.random.fork_rng(devices=[]),
            FlopCounterMode(display=False) as counter,
        ):
            net.infer(sample)
            return counter.get_total_flops() / len(sample)
    finally:
        net.module_.train(was_training)
    return float("inf")
