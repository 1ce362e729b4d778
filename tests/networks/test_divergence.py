"""Trainings that diverge, inputs out of range and modules of the wrong shape: errors of ours."""

import pytest

pytest.importorskip("torch")

from dataclasses import replace

import numpy as np
import torch
from nets import MLP, make_net
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.dataset import ValidSplit
from torch import nn

from skuowq._data.domains import Domain
from skuowq.networks import as_inputs, head_inputs, predict_proba, train_weighted

DIVERGES = {"optimizer": torch.optim.SGD, "lr": 0.1, "max_epochs": 20}


def make_domain(n, seed, scale=1.0, label="the target"):
    rng = np.random.RandomState(seed)
    y = rng.permutation(np.arange(n) % 2)
    return Domain(scale * (rng.normal(size=(n, 2)) + 2 * y[:, None]), y, np.ones(n), label)


TARGET, WILD = make_domain(12, 0), make_domain(12, 0, 1e8)
SOURCES = [make_domain(60, 1, 1e8, "source 'a'"), make_domain(50, 2, 1e8, "source 'b'")]


class Spoiled(Callback):
    """A parameter or a buffer that is not finite from the third epoch on."""

    def __init__(self, name="head.bias", value=np.nan):
        self.name, self.value = name, value

    def on_batch_end(self, net, training=False, **kwargs):
        if training and len(net.history) == 3:
            net.module_.state_dict()[self.name].view(-1)[0] = self.value


@pytest.mark.parametrize(
    ("domains", "words"),
    [
        ([WILD], "the target"),
        ([WILD, SOURCES[0]], "the target and source 'a'"),
        ([WILD, *SOURCES], "the target and 2 sources"),
        (SOURCES[:1], "source 'a'"),
        (SOURCES, "the sources"),
    ],
)
def test_the_error_says_what_diverged_on_which_rows(domains, words):
    first, *others = domains
    message = rf"MLP has diverged in epoch \d+ of its training on {words}: .* an lr below 0.1"
    with pytest.raises(ValueError, match=message):
        train_weighted(make_net(**DIVERGES), first, others, [1.0] * len(others), seed=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_training_stops_in_the_epoch_that_spoils_it(value):
    class Counts(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            Counts.epochs += 1

    net = make_net(callbacks=[Spoiled(value=value), Counts()], module__n_hidden=4)
    with pytest.raises(ValueError, match=r"epoch 3 .*: its parameters are not finite"):
        train_weighted(net, TARGET, [], [], seed=0)
    assert Counts.epochs == 3


def test_buffers_count_too_but_not_those_that_hold_infinity_on_purpose():
    class Normed(MLP):
        def __init__(self, n_features=2, n_classes=2, n_hidden=8):
            super().__init__(n_features, n_classes, n_hidden)
            self.norm = nn.BatchNorm1d(n_features)
            self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

        def forward(self, X):
            return super().forward(self.norm(X))

    train_weighted(make_net(Normed, callbacks=None), TARGET, [], [], seed=0)
    net = make_net(Normed, callbacks=[Spoiled("norm.running_var", np.inf)])
    with pytest.raises(ValueError, match="epoch 3"):
        train_weighted(net, TARGET, [], [], seed=0)


def test_what_callbacks_repair_is_no_error():
    class Repairs(Callback):
        def on_epoch_end(self, net, **kwargs):
            for value in net.module_.parameters():
                value.data.nan_to_num_(0.0)

    net = make_net(callbacks=[Spoiled(), Repairs()], max_epochs=5)
    assert len(train_weighted(net, TARGET, [], [], seed=0).history) == 5
    net = make_net(
        callbacks=[Spoiled(), EarlyStopping(patience=9, load_best=True)], train_split=ValidSplit(3)
    )
    restored = train_weighted(net, make_domain(60, 0), [], [], seed=0)
    assert len(restored.history) == 3
    assert np.isfinite(predict_proba(restored, TARGET.X)).all()


def test_scores_that_are_given_nan_do_not_speak_for_us():
    callbacks = [Spoiled(), EpochScoring("neg_log_loss")]
    net = make_net(callbacks=callbacks, train_split=ValidSplit(3))
    with pytest.raises(ValueError, match="MLP has diverged in epoch 3"):
        train_weighted(net, make_domain(60, 0), [], [], seed=0)


def test_a_checkpoint_of_a_diverged_training_is_not_taken_for_a_fitted_network(tmp_path):
    net = make_net(callbacks=None, **DIVERGES)
    for _ in range(2):
        with pytest.raises(ValueError, match="MLP has diverged"):
            train_weighted(net, WILD, [], [], seed=0, checkpoint=tmp_path)


def test_outputs_that_overflow_are_an_error_of_ours():
    class Square(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(2, 2)

        def forward(self, X):
            return self.head(X**2)

    # On other devices the precision is single, and such rows are refused before.
    net = make_net(Square, callbacks=None, lr=1e-30, max_epochs=1, device="cpu")
    fitted = train_weighted(net, TARGET, [], [], seed=0)
    with pytest.raises(ValueError, match=r"row 1 no finite probabilities: .* up to 1e\+200"):
        predict_proba(fitted, np.array([[1.0, 1.0], [1e200, 1.0]]))
    with pytest.raises(ValueError, match="last layer of Square sees numbers that are not finite"):
        head_inputs(fitted, [as_inputs(fitted, np.full((2, 2), 1e30))])


def test_numbers_beyond_single_precision_are_refused_by_name():
    wide = replace(SOURCES[0], X=SOURCES[0].X.copy())
    wide.X[3, 1] = -1e39
    message = r"source 'a': column 1 spans -1e\+39 to .* computes in float32, .* 3.4e\+38: scale"
    with pytest.raises(ValueError, match=message):
        train_weighted(make_net(), TARGET, [wide], [1.0], seed=0)
    with pytest.raises(ValueError, match=r"X: column 0 spans 1 to 1e\+300"):
        as_inputs(make_net().initialize(), np.array([[1.0, 0.0], [1e300, 0.0]]))

    class Double(MLP):
        def __init__(self, **options):
            super().__init__(**options)
            self.double()

    assert as_inputs(make_net(Double).initialize(), wide.X).dtype == torch.float64


class OneAxis(nn.Linear):
    def forward(self, X):
        return super().forward(X)[:, 0]


class ThreeAxes(nn.Linear):
    def forward(self, X):
        return super().forward(X)[:, None]


class OneRow(nn.Linear):
    def forward(self, X):
        return super().forward(X).mean(dim=0, keepdim=True)


class Named(nn.Linear):
    def forward(self, X):
        return {"logits": super().forward(X)}


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (OneAxis, r"estimator: OneAxis turns 2 rows into an output of shape \(2,\)"),
        (ThreeAxes, r"into an output of shape \(2, 1, 2\), and there are 2 classes: .* \(2, 2\)"),
        (OneRow, r"into an output of shape \(1, 2\)"),
        (Named, "into a dict"),
    ],
)
def test_outputs_of_the_wrong_shape(module, message):
    net = make_net(module, callbacks=None, module__in_features=2, module__out_features=2)
    with pytest.raises(ValueError, match=message):
        train_weighted(net, TARGET, [], [], seed=0)


def test_inputs_of_the_wrong_shape():
    net = make_net(nn.Linear, callbacks=None, module__in_features=5, module__out_features=2)
    with pytest.raises(ValueError, match=r"estimator: Linear cannot be called with .* \(2, 2\)"):
        train_weighted(net, TARGET, [], [], seed=0)


@pytest.mark.parametrize(("n", "batch_size"), [(12, 1), (1, 128)])
def test_one_row_in_a_batch_and_layers_that_normalise_batches(n, batch_size):
    class Normed(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

    target = make_domain(n, 0)
    net = make_net(Normed, callbacks=None, max_epochs=2, batch_size=batch_size)
    with pytest.raises(ValueError, match="a batch holds a single row, and Normed"):
        train_weighted(net, target, [], [], seed=0)
    # Layers that learn nothing normalise nothing by the batch.
    train_weighted(net, target, [], [], seed=0, frozen=["1"])
    train_weighted(net.set_params(batch_size=1000), TARGET, [], [], seed=0)
