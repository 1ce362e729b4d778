"""A training that is interrupted and goes on ends where it would have ended, bit for bit."""

import pytest

pytest.importorskip("torch")

import contextlib

import numpy as np
import torch
from nets import Dropped, FitShapes, Stop, make_net
from numpy.testing import assert_array_equal
from skorch.callbacks import EarlyStopping, LRScheduler
from skorch.dataset import ValidSplit

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.rules import PlugIn


@pytest.fixture(autouse=True)
def _no_stop():
    Stop.after(None, None)
    yield
    Stop.after(None, None)


@pytest.fixture(scope="module")
def tasks():
    return make_classification_tasks(
        n_target=40, n_samples=(100, 80), discrepancies=(0.0, 1.0), random_state=0
    )


def make(**options):
    callbacks = [
        FitShapes(),
        LRScheduler("StepLR", step_size=2, gamma=0.5),
        EarlyStopping(patience=50, load_best=True),
        Stop(),
    ]
    net = make_net(
        Dropped,
        max_epochs=5,
        batch_size=32,
        callbacks=callbacks,
        train_split=ValidSplit(3, stratified=True),
    )
    return UOWQClassifier(net, random_state=0, **options)


ROADS = {
    "head": {},
    "all, dynamic": {"discrepancy": PlugIn(parameters="all", update_every=2)},
}


def fit(tasks, **options):
    return make(**options).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)


@pytest.fixture(scope="module")
def whole(tasks):
    """The fit of each road that nothing interrupts."""
    Stop.after(None, None)
    return {road: fit(tasks, **options) for road, options in ROADS.items()}


def assert_same(one, other):
    a, b = one.estimator_.module_.state_dict(), other.estimator_.module_.state_dict()
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert_array_equal(one.history_, other.history_)
    losses = [clf.estimator_.history[:, "train_loss"] for clf in (one, other)]
    assert losses[0] == losses[1]
    assert_array_equal(one.pool_exponents_, other.pool_exponents_)


# An epoch of every training of a fit; the others are for `make test-all`.
SOME, OTHERS = [1, 5, 10, 26], [2, 6, 8, 14, 17, 33]


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "epochs", [*SOME, *(pytest.param(epoch, marks=pytest.mark.slow) for epoch in OTHERS)]
)
def test_killed_after_any_epoch_and_called_again(road, epochs, tasks, whole, tmp_path):
    Stop.after(epochs, RuntimeError("killed"))
    with contextlib.suppress(RuntimeError):  # Where there are so many epochs.
        fit(tasks, checkpoint=tmp_path, **ROADS[road])
    assert list(tmp_path.glob("*.pkl")) or epochs == 1
    again = fit(tasks, checkpoint=str(tmp_path), **ROADS[road])
    assert_same(again, whole[road])
    assert not list(tmp_path.glob("*.part"))


def test_twice_killed_within_an_epoch(tasks, whole, tmp_path):
    for epochs in (3, 4):
        Stop.after(epochs, RuntimeError("killed"), within=True)
        with pytest.raises(RuntimeError, match="killed"):
            fit(tasks, checkpoint=tmp_path)
    assert_same(fit(tasks, checkpoint=tmp_path), whole["head"])


def test_an_interrupted_last_training_keeps_what_it_has(tasks, whole, tmp_path):
    # After 5 epochs on the sources, 20 of halves and 5 on the target alone.
    Stop.after(32, KeyboardInterrupt(), within=True)
    with pytest.warns(RuntimeWarning, match=r"interrupted in epoch 3.*fit again to go on"):
        early = fit(tasks, checkpoint=tmp_path)
    assert early.predict(tasks.X_test).shape == (len(tasks.y_test),)
    assert_same(fit(tasks, checkpoint=tmp_path), whole["head"])


def test_an_interrupted_first_training_interrupts_the_fit(tasks):
    Stop.after(2, KeyboardInterrupt(), within=True)
    with pytest.raises(KeyboardInterrupt):
        fit(tasks)


def test_a_finished_fit_is_taken_from_the_folder(tasks, tmp_path):
    first = fit(tasks, checkpoint=tmp_path)
    Stop.after(1, RuntimeError("trained again"))
    assert_same(fit(tasks, checkpoint=tmp_path), first)
    # Other data are another training.
    with pytest.raises(RuntimeError, match="trained again"):
        make(checkpoint=tmp_path).fit(tasks.X_target + 1, tasks.y_target, sources=tasks.sources)


def test_a_network_that_cannot_be_pickled_is_named(tasks, tmp_path):
    class Local(Dropped):
        pass

    net = make_net(Local, max_epochs=2)
    with pytest.raises(ValueError, match=r"cannot be pickled.*top of a module"):
        UOWQClassifier(net, random_state=0, checkpoint=tmp_path).fit(tasks.X_target, tasks.y_target)


def test_a_checkpoint_needs_an_integer_seed(tasks, tmp_path):
    with pytest.raises(ValueError, match="found again by an integer only"):
        make(checkpoint=tmp_path).set_params(random_state=None).fit(
            tasks.X_target, tasks.y_target, sources=tasks.sources
        )
    with pytest.raises(ValueError, match="found again by an integer only"):
        make(checkpoint=tmp_path).set_params(random_state=np.random.RandomState(0)).fit(
            tasks.X_target, tasks.y_target, sources=tasks.sources
        )


CHANGES = {
    "weight decay": {"optimizer__weight_decay": 0.1},
    "label smoothing": {"criterion__label_smoothing": 0.2},
    "scheduler": {"callbacks": [FitShapes(), LRScheduler("StepLR", step_size=1, gamma=0.1)]},
    "split": {"train_split": None},
    "module": {"module__n_hidden": 3},
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_network_is_another_training(change, tasks, tmp_path):
    def fit(checkpoint, **options):
        net = make_net(**({"max_epochs": 3, "train_split": ValidSplit(3)} | options))
        clf = UOWQClassifier(net, random_state=0, checkpoint=checkpoint)
        return clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)

    fit(tmp_path)
    changed = fit(tmp_path, **CHANGES[change])
    assert_array_equal(
        changed.predict_proba(tasks.X_test),
        fit(None, **CHANGES[change]).predict_proba(tasks.X_test),
    )


def test_another_rule_is_another_training(tasks, tmp_path):
    for change in ({"update_every": 1}, {"update_every": 2}, {"n_updates": 0}, {"n_updates": 1}):
        options = {"discrepancy": PlugIn(parameters="all", **change)}
        kept = fit(tasks, checkpoint=tmp_path, **options)
        assert_array_equal(kept.history_, fit(tasks, **options).history_)


def test_a_broken_or_misplaced_checkpoint_is_named(tasks, tmp_path):
    fit(tasks, checkpoint=tmp_path)
    for file in tmp_path.glob("*.pkl"):
        file.write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"cannot be read.*delete it"):
        fit(tasks, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="is a file: pass a folder"):
        fit(tasks, checkpoint=file)
