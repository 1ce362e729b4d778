"""Batches, losses and splits of the weighted training, and the net that comes back."""

import pytest

pytest.importorskip("torch")

import io
import pickle
from contextlib import redirect_stdout

import numpy as np
import torch
from nets import DEVICE, MLP, FitShapes, make_net
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from skuowq import (
    DiscriminatorGateClassifier,
    JTLNClassifier,
    OT3LClassifier,
    UOWQClassifier,
)
from skuowq._data.domains import Domain
from skuowq.networks import (
    as_inputs,
    head_inputs,
    make_perceptron,
    predict_proba,
    train_weighted,
)
from skuowq.networks._domain_batches import DomainBatches, WeightedRows
from skuowq.networks._training import merge_duplicates


def make_domain(n, seed, shift=0.0):
    rng = np.random.RandomState(seed)
    y = rng.permutation(np.arange(n) % 2)
    return Domain(rng.normal(size=(n, 2)) + 2 * y[:, None] + shift, y, np.ones(n))


TARGET, NEAR, FAR = make_domain(12, 0), make_domain(300, 1), make_domain(200, 2, 3.0)


def make_rows(weights, sizes=(7, 50, 30)):
    n = sum(sizes)
    domain = torch.repeat_interleave(torch.tensor(sizes))
    own = torch.rand(n, generator=torch.Generator().manual_seed(0)) + 0.5
    return WeightedRows(torch.arange(n)[:, None], torch.arange(n), own, domain, weights)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.3, 2.0), (0.5, 0.0), (0.0, 0.0), (1e-6, 0.0)])
@pytest.mark.parametrize("batch_size", [4, 16, 1000])
def test_batches_hear_the_target_and_estimate_the_loss_without_bias(weights, batch_size):
    rows = make_rows(weights)
    batches = DomainBatches(rows, batch_size)
    torch.manual_seed(0)
    losses = torch.linspace(-1, 2, len(rows)) ** 2
    expected = float(losses @ rows.weight / rows.weight.sum())
    estimates = []
    for _ in range(200):
        drawn = list(batches)
        used = int((rows.weight > 0).sum())
        assert len(drawn) == len(batches) == -(-used // min(batch_size, used))
        for X, y in drawn:
            assert_array_equal(X[:, 0], y)
            assert (y < rows.n_target).any()
            assert (rows.weight[y] > 0).all()
            estimates.append(float(losses[y] @ y.row_weight))
    estimates = np.array(estimates)
    error = estimates.std() / np.sqrt(len(estimates)) + 1e-6
    assert abs(estimates.mean() - expected) < 4 * error


def test_a_batch_of_all_rows_has_the_exact_loss():
    rows = make_rows((0.3, 2.0))
    ((_, y),) = DomainBatches(rows, len(rows))
    # Where the target's share of the weight is not its share of the rows it is heard in parts.
    rows = make_rows((1.0, 1.0))
    rows.own_weight[:] = 1
    rows.set_source_weights((1.0, 1.0))
    ((_, y),) = DomainBatches(rows, len(rows))
    assert_array_equal(np.sort(y), np.arange(len(rows)))
    assert_allclose(y.row_weight, 1 / len(rows), rtol=1e-6)


def test_every_row_is_seen_once_an_epoch_where_all_weigh_alike():
    rows = make_rows((1.0, 1.0), sizes=(8, 24, 32))
    rows.own_weight[:] = 1
    rows.set_source_weights((1.0, 1.0))
    torch.manual_seed(0)
    seen = torch.cat([y for _, y in DomainBatches(rows, 16)])
    assert_array_equal(np.sort(seen), np.arange(64))


def test_an_epoch_of_few_rows_may_be_longer():
    rows = make_rows((0.0, 0.0))
    assert len(DomainBatches(rows, 5)) == 2
    rows.epoch_rows = 33
    for size, n_batches in ((5, 7), (20, 2), (100, 1)):
        drawn = list(DomainBatches(rows, size))
        assert len(drawn) == n_batches
        assert all(len(y) == min(size, 7) for _, y in drawn)


def test_weights_may_change_between_epochs():
    rows = make_rows((1.0, 1.0))
    rows.set_source_weights((0.0, 0.5))
    assert_allclose(rows.weight[7:57], 0)
    assert_allclose(rows.weight[57:], 0.5 * rows.own_weight[57:])
    assert_allclose(rows.weight[:7], rows.own_weight[:7])
    part = rows.of(torch.arange(50, 80))
    assert_array_equal(part.weight, rows.weight[50:80])
    assert part.n_target == 0


def test_full_batches_of_a_convex_model_reach_the_weighted_optimum():
    """The loss is the weighted one: same minimum as scikit-learn's, row weights in its fit."""
    from sklearn.linear_model import LogisticRegression

    sources, weights = [NEAR, FAR], (0.7, 0.05)
    net = NeuralNetClassifier(
        nn.Linear,
        module__in_features=2,
        module__out_features=2,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.LBFGS,
        optimizer__max_iter=300,
        optimizer__tolerance_grad=1e-10,
        optimizer__tolerance_change=1e-14,
        optimizer__line_search_fn="strong_wolfe",
        lr=1.0,
        device=DEVICE,
        max_epochs=2,
        batch_size=-1,
        train_split=None,
    )
    # One row a target row in every batch: the parts of a batch are whole domains.
    target = make_domain(300, 5)
    fitted = train_weighted(net, target, sources, weights, seed=0)
    X = np.concatenate([domain.X for domain in (target, *sources)])
    y = np.concatenate([domain.y for domain in (target, *sources)])
    weight = np.repeat([1.0, *weights], [300, 300, 200])
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y, weight).predict_proba(X)
    assert_allclose(predict_proba(fitted, X), expected, atol=0.02)


class Output(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


class StopsOnce(Callback):
    """Interrupts the first training before its second epoch."""

    stopped = False

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2 and not StopsOnce.stopped:
            StopsOnce.stopped = True
            raise KeyboardInterrupt


@pytest.mark.parametrize("first", [False, True])
def test_epochs_have_colours_in_a_terminal_alone(first, tmp_path, monkeypatch):
    """A training that goes on from a checkpoint asks anew who watches."""
    monkeypatch.setattr(StopsOnce, "stopped", False)
    net = make_net(max_epochs=2, callbacks=[FitShapes(), StopsOnce()])
    options = {"seed": 0, "verbose": 1, "checkpoint": tmp_path, "final": False}
    with redirect_stdout(Output(first)) as output, pytest.raises(KeyboardInterrupt):
        train_weighted(net, TARGET, [], [], **options)
    assert ("\033" in output.getvalue()) == first
    with redirect_stdout(Output(not first)) as output:
        fitted = train_weighted(net, TARGET, [], [], **options)
    assert len(output.getvalue().splitlines()) == 1  # The second epoch.
    assert ("\033" in output.getvalue()) != first
    assert dict(fitted.callbacks_)["print_log"].sink is print


def test_the_net_comes_back_as_the_users():
    net = make_net()
    fitted = train_weighted(net, TARGET, [NEAR, FAR], [1.0, 0.1], seed=0)
    assert type(fitted) is NeuralNetClassifier
    assert not hasattr(net, "module_")
    assert not {"rows", "begin_at", "rule", "file", "interrupted"} & set(vars(fitted))
    assert fitted.criterion_.reduction == "mean"
    assert fitted.verbose == net.verbose
    assert len(fitted.history) == 20
    fitted.partial_fit(NEAR.X.astype(np.float32), NEAR.y)  # It goes on as any net does.


def test_global_generators_are_left_alone_and_seeds_decide():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = train_weighted(make_net(), TARGET, [NEAR], [1.0], seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(10)
    again = train_weighted(make_net(), TARGET, [NEAR], [1.0], seed=0)
    other = train_weighted(make_net(), TARGET, [NEAR], [1.0], seed=1)
    p, q, r = (predict_proba(net, TARGET.X) for net in (first, again, other))
    assert_array_equal(p, q)
    assert not np.array_equal(p, r)


def test_start_and_updates_of_weights():
    begun = train_weighted(make_net(max_epochs=1), TARGET, [NEAR], [1.0], seed=0)
    state = {key: value.clone() for key, value in begun.module_.state_dict().items()}
    seen = []

    class Rule:
        def after_epoch(self, net, epoch):
            seen.append(epoch)
            return [0.0] if epoch == 2 else None

    same = train_weighted(
        make_net(max_epochs=0), TARGET, [NEAR], [1.0], seed=5, start=state, rule=Rule()
    )
    assert all(torch.equal(state[k], v) for k, v in same.module_.state_dict().items())
    assert seen == []
    changed = train_weighted(make_net(max_epochs=4), TARGET, [FAR], [1.0], seed=0, rule=Rule())
    kept = train_weighted(make_net(max_epochs=4), TARGET, [FAR], [1.0], seed=0)
    assert seen == [1, 2, 3, 4]
    assert changed.history[:2, "train_loss"] == kept.history[:2, "train_loss"]
    assert changed.history[2:, "train_loss"] != kept.history[2:, "train_loss"]


def test_validation_rows_are_the_targets():
    target = make_domain(40, 3)
    net = make_net(train_split=make_default_split(), callbacks=None, max_epochs=3)
    fitted = train_weighted(net, target, [NEAR], [1.0], seed=0)
    assert {"valid_loss", "valid_acc", "train_loss"} <= set(fitted.history[-1])
    sizes = [
        batch["valid_batch_size"]
        for batch in fitted.history[-1, "batches"]
        if "valid_batch_size" in batch
    ]
    assert sum(sizes) == 8
    # A fifth of four rows a class is none: as many parts as the smaller class has rows.
    few = train_weighted(net, make_domain(4, 3), [NEAR], [1.0], seed=0)
    assert "valid_loss" in few.history[-1]
    one = Domain(TARGET.X[:3], np.array([0, 0, 1]), np.ones(3))
    assert "valid_loss" in train_weighted(net, one, [NEAR], [1.0], seed=0).history[-1]


def make_default_split():
    return NeuralNetClassifier(MLP).train_split


def test_a_predefined_split_keeps_all_target_rows():
    from skorch.dataset import Dataset

    valid = Dataset(FAR.X.astype(np.float32), FAR.y)
    net = make_net(train_split=predefined_split(valid), max_epochs=2)
    fitted = train_weighted(net, TARGET, [NEAR], [1.0], seed=0)
    assert "valid_loss" in fitted.history[-1]


def test_callbacks_and_schedulers_work():
    target = make_domain(60, 4)
    callbacks = [
        EpochScoring("accuracy", name="train_acc", on_train=True),
        EarlyStopping(patience=2, threshold=10.0, load_best=True, sink=lambda _: None),
        LRScheduler("StepLR", step_size=1, gamma=0.5),
    ]
    net = make_net(train_split=make_default_split(), callbacks=callbacks, max_epochs=30)
    fitted = train_weighted(net, target, [NEAR], [1.0], seed=0)
    assert 2 <= len(fitted.history) < 30
    assert 0.5 < fitted.history[-1, "train_acc"] <= 1


def test_two_classes_by_one_logit():
    class OneLogit(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(2, 1)

        def forward(self, X):
            return self.head(X)[:, 0]

    net = NeuralNetBinaryClassifier(
        OneLogit, max_epochs=30, lr=0.3, train_split=None, device=DEVICE
    )
    fitted = train_weighted(net, TARGET, [NEAR], [1.0], seed=0)
    p = predict_proba(fitted, NEAR.X)
    assert p.shape == (300, 2)
    assert ((p[:, 1] > 0.5) == NEAR.y).mean() > 0.9
    (features,) = head_inputs(fitted, [as_inputs(fitted, NEAR.X)])
    assert_allclose(features, NEAR.X, rtol=1e-6)


def test_head_inputs_are_what_the_last_layer_sees():
    fitted = train_weighted(make_net(), TARGET, [NEAR], [1.0], seed=0)
    X = as_inputs(fitted, NEAR.X)
    (features,) = head_inputs(fitted, [X])
    with torch.no_grad():
        expected = fitted.module_.body(X.to(DEVICE)).double().cpu().numpy()
    assert_allclose(features, expected, rtol=1e-6)


class NoHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, X):
        return torch.cat([self.layer(X), X[:, :1]], dim=1)


def test_wrong_networks_are_refused():
    fitted = train_weighted(make_net(NoHead, callbacks=None), TARGET, [], [], seed=0)
    X = as_inputs(fitted, TARGET.X)
    with pytest.raises(ValueError, match="does not end in a linear layer"):
        head_inputs(fitted, [X])
    three = Domain(TARGET.X, np.arange(12) % 3, np.ones(12))
    with pytest.raises(ValueError, match="MLP has 2 outputs, and there are 3 classes"):
        train_weighted(make_net(callbacks=None), three, [], [], seed=0)

    def criterion():
        return lambda output, y: output.mean()

    with pytest.raises(ValueError, match="has no `reduction`"):
        train_weighted(make_net(criterion=criterion), TARGET, [], [], seed=0)


def test_integers_are_looked_up_where_a_network_looks_up():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(5, 3)
            self.head = nn.Linear(6, 2)

        def forward(self, X):
            return self.head(self.table(X).flatten(1))

    rng = np.random.RandomState(0)
    X = rng.randint(5, size=(40, 2))
    domain = Domain(X, (X[:, 0] > 2).astype(int), np.ones(40))
    fitted = train_weighted(make_net(Words, callbacks=None), domain, [], [], seed=0)
    assert (predict_proba(fitted, X).argmax(axis=1) == domain.y).mean() > 0.8


def test_equal_rows_are_one_with_their_weights():
    doubled = Domain(np.repeat(TARGET.X, 2, axis=0), np.repeat(TARGET.y, 2), np.full(24, 0.5))
    merged, alone = merge_duplicates(doubled, 0), merge_duplicates(TARGET, 0)
    assert_array_equal(merged.X, alone.X)
    assert_array_equal(merged.y, alone.y)
    assert_allclose(merged.sample_weight, 1)
    p, q = (
        predict_proba(train_weighted(make_net(), target, [NEAR], [0.5], seed=0), NEAR.X)
        for target in (doubled, TARGET)
    )
    assert_allclose(p, q, rtol=1e-6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="'auto' is the CPU where there is no GPU")
def test_device_auto():
    fitted = train_weighted(make_net(device="auto", max_epochs=1), TARGET, [], [], seed=0)
    assert fitted.device in ("cpu", "mps")


class Forgetful(NeuralNetClassifier):
    def train_step_single(self, batch, **fit_params):
        X, y = batch
        return super().train_step_single((X, y.clone()), **fit_params)


def test_weights_that_are_lost_on_the_way_are_missed():
    net = Forgetful(MLP, criterion=nn.CrossEntropyLoss, train_split=None)
    with pytest.raises(ValueError, match="Forgetful hands other labels to the loss"):
        train_weighted(net, TARGET, [NEAR], [0.1], seed=0)


def test_folds_are_not_of_sorted_rows():
    target = make_domain(200, 6)
    seen = {}

    class Listener(Callback):
        def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            seen["train"] = dataset_train.X[: dataset_train.n_target, 0].mean().item()
            seen["valid"] = np.mean([float(X[0]) for X, _ in dataset_valid])

    net = make_net(train_split=make_default_split(), callbacks=[Listener()], max_epochs=1)
    train_weighted(net, target, [], [], seed=0)
    spread = target.X[:, 0].std()
    assert abs(seen["train"] - seen["valid"]) < 4 * spread * np.sqrt(1 / 160 + 1 / 40)


def test_a_target_of_three_rows_can_stop_early():
    few = Domain(TARGET.X[:3], np.array([0, 0, 1]), np.ones(3))
    callbacks = [EarlyStopping(patience=2), PickleEveryEpoch()]
    net = make_net(train_split=make_default_split(), callbacks=callbacks, max_epochs=3)
    fitted = train_weighted(net, few, [NEAR], [1.0], seed=0)
    assert "valid_loss" in fitted.history[-1]
    assert type(PickleEveryEpoch.last) is NeuralNetClassifier


class PickleEveryEpoch(Callback):
    last = None

    def on_epoch_end(self, net, **kwargs):
        PickleEveryEpoch.last = pickle.loads(pickle.dumps(net))


def test_a_loss_for_the_batch_is_refused():
    class Mean(nn.CrossEntropyLoss):
        def forward(self, output, y):
            return nn.functional.cross_entropy(output, y)

    with pytest.raises(ValueError, match="rows can be weighed only in one of shape"):
        train_weighted(make_net(criterion=Mean), TARGET, [NEAR], [1.0], seed=0)


class Augmented(Dataset):
    def transform(self, X, y):
        return super().transform(X + 1, y)


class OwnIterator(NeuralNetClassifier):
    def get_iterator(self, dataset, training=False):
        return super().get_iterator(dataset, training=training)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": Augmented}, r"estimator has dataset=<class .*Augmented'>, and batches"),
        ({"dataset__length": 3}, "estimator has dataset__length, and batches"),
        ({"iterator_train": list}, "estimator has iterator_train=<class 'list'>"),
        ({"iterator_train__collate_fn": max}, "estimator has iterator_train__collate_fn="),
        ({"iterator_train__num_workers": 2}, "estimator has iterator_train__num_workers=2"),
        ({"iterator_train__shuffle": False}, "estimator has iterator_train__shuffle=False"),
        ({"iterator_train__drop_last": True}, "estimator has iterator_train__drop_last=True"),
        ({"warm_start": True}, "warm_start=True, and each of its trainings begins anew"),
    ],
)
def test_what_a_net_carries_and_the_training_passes_over_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train_weighted(make_net(**options), TARGET, [NEAR], [1.0], seed=0)
    tasks = [(NEAR.X, NEAR.y)]
    for clf in (
        UOWQClassifier(make_net(**options), random_state=0),
        DiscriminatorGateClassifier(make_net(**options), trust=1.0),
        JTLNClassifier(make_net(**options)),
        OT3LClassifier(make_net(**options)),
    ):
        with pytest.raises(ValueError, match=message):
            clf.fit(TARGET.X, TARGET.y, sources=tasks)


def test_methods_that_the_training_replaces_are_refused():
    net = OwnIterator(MLP, criterion=nn.CrossEntropyLoss, train_split=None)
    with pytest.raises(ValueError, match="OwnIterator has its own get_iterator"):
        train_weighted(net, TARGET, [NEAR], [1.0], seed=0)


def test_what_means_nothing_here_is_taken():
    plain = train_weighted(make_net(max_epochs=2), TARGET, [NEAR], [1.0], seed=0)
    options = {"iterator_train__shuffle": True, "iterator_train__num_workers": 0}
    same = train_weighted(make_net(max_epochs=2, **options), TARGET, [NEAR], [1.0], seed=0)
    assert_allclose(predict_proba(same, NEAR.X), predict_proba(plain, NEAR.X), atol=1e-6)
    small = make_net(max_epochs=2, iterator_train__batch_size=8)
    large = make_net(max_epochs=2, batch_size=8)
    by_iterator, by_net = (train_weighted(n, TARGET, [NEAR], [1.0], seed=0) for n in (small, large))
    assert_allclose(predict_proba(by_iterator, NEAR.X), predict_proba(by_net, NEAR.X), atol=1e-6)


def make_numbers(n, seed, slope=(1.0, -2.0), weight=1.0):
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, 2))
    return Domain(X, X @ slope + 0.3 * rng.normal(size=n), np.full(n, weight))


def regressor(module=nn.Linear, **options):
    options = {"module__in_features": 2, "module__out_features": 1} | options
    options = {
        "max_epochs": 60,
        "lr": 0.05,
        "train_split": None,
        "batch_size": -1,
        "device": DEVICE,
    } | options
    return NeuralNetRegressor(module, **options)


@pytest.mark.parametrize("weights", [(1.0, 0.2), (0.0, 3.0)])
def test_a_linear_regressor_reaches_weighted_least_squares(weights):
    target, sources = make_numbers(100, 0), [make_numbers(100, 1, (3.0, 0.0)), make_numbers(100, 2)]
    net = regressor(optimizer=torch.optim.LBFGS, lr=1.0, max_epochs=3, optimizer__max_iter=100)
    # Batches of as many rows of each domain as it weighs would be random: equal parts are not.
    one = Domain(
        np.concatenate([D.X for D in (target, *sources)]),
        np.concatenate([D.y for D in (target, *sources)]),
        np.repeat([1.0, *weights], 100) + 1e-9,
    )
    fitted = train_weighted(net, one, [], [], seed=0)
    expected = LinearRegression().fit(one.X, one.y, one.sample_weight)
    assert_allclose(fitted.module_.weight.detach().cpu()[0], expected.coef_, atol=1e-4)
    assert_allclose(predict_proba(fitted, one.X)[:, 0], expected.predict(one.X), atol=1e-3)
    # The weights of sources as well, on average over the batches.
    apart = train_weighted(regressor(lr=0.05), target, sources, weights, seed=0)
    assert_allclose(apart.module_.weight.detach()[0], expected.coef_, atol=0.15)


def test_regressors_validate_stop_and_are_refused_by_shape(tmp_path):
    target, source = make_numbers(40, 0), make_numbers(200, 1)
    net = regressor(train_split=ValidSplit(4), callbacks=[EarlyStopping(patience=2)], lr=0.3)
    fitted = train_weighted(net, target, [source], [1.0], seed=0, checkpoint=tmp_path)
    assert type(fitted) is NeuralNetRegressor
    assert len(fitted.history) < 60
    assert "valid_loss" in fitted.history[-1]
    again = train_weighted(net, target, [source], [1.0], seed=0, checkpoint=tmp_path)
    assert_array_equal(predict_proba(again, target.X), predict_proba(fitted, target.X))
    with pytest.raises(ValueError, match=r"Linear turns 2 rows into .* \(2, 3\): return a number"):
        train_weighted(regressor(module__out_features=3), target, [], [], seed=0)
    huge = Domain(1e30 * target.X, target.y, target.sample_weight)
    with pytest.raises(ValueError, match="has diverged"):
        train_weighted(regressor(), huge, [], [], seed=0)


def test_the_perceptron_takes_its_sizes_from_the_data():
    net = make_perceptron((5,), max_epochs=3, verbose=0)
    fitted = train_weighted(net, TARGET, [NEAR], [1.0], seed=0)
    assert fitted.module_.features[1].in_features == 2
    assert fitted.module_.head.out_features == 2
    assert net.data_sizes_ is None
    with pytest.raises(ValueError, match="takes its sizes from the data: call fit"):
        net.initialize()
    alone = clone(net).fit(NEAR.X.astype(np.float32), NEAR.y)
    assert alone.predict_proba(NEAR.X.astype(np.float32)).shape == (300, 2)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(predict_proba(copy, NEAR.X), predict_proba(fitted, NEAR.X))


def test_the_perceptron_in_the_other_estimators():
    net = make_perceptron((8,), max_epochs=10, lr=0.01)
    X, y, source = TARGET.X, TARGET.y, (NEAR.X, NEAR.y)
    for clf in (UOWQClassifier(net, random_state=0), OT3LClassifier(net, random_state=0)):
        assert clf.fit(X, y, sources=[source]).score(*source) > 0.8
