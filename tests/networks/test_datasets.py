"""Domains that are torch data sets: read batch by batch, and never as a whole."""

import pytest

pytest.importorskip("torch")

import pickle
from contextlib import nullcontext

import numpy as np
import torch
from datasets_of_images import GOOD, SIDE, SOURCES, TARGET, TEST, Images, Small, make_net
from nets import Stop
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback, Freezer
from skorch.dataset import ValidSplit
from skorch.helper import SliceDataset
from torch.utils.data import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset

from skuowq import (
    MultiTaskUOWQClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq._data.dataset_rows import DatasetRows, labels_of, stack
from skuowq._data.domains import Domain
from skuowq.metrics import negative_transfer_gap
from skuowq.networks import as_inputs, head_inputs, predict_proba, train_weighted
from skuowq.rules import PlugIn

GIVEN = [[0.01, 0.0], [0.0, 1.0]]  # One training, and nothing to measure.


class Unlabelled(Dataset):
    """Yields x alone, and knows no labels."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        return self.dataset[i][0]


class Texts(Dataset):
    """Labels are known only to who reads the rows."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return torch.zeros(2), "ab"[i % 2]


class Endless(IterableDataset):
    def __iter__(self):
        yield torch.zeros(2), 0


# Labels and rows, without a network.


def test_labels_are_read_without_reading_a_row_where_the_data_set_knows_them():
    images = Images(12, 0)
    sources = Sources({"a": images, "b": Subset(images, [3, 1]), "c": ConcatDataset([images] * 2)})
    assert sources.n_samples == (12, 2, 24)
    assert_array_equal(sources["a"][1], images.targets)
    assert_array_equal(sources["b"][1], images.targets[[3, 1]])
    assert_array_equal(sources["c"][1], np.tile(images.targets, 2))
    assert images.n_read == 0
    assert "a 12, b 2, c 24" in repr(sources)
    assert repr(sources["b"][0]) == "DatasetRows(2 rows of Images)"


def test_labels_are_read_in_one_pass_where_it_does_not():
    assert labels_of(DatasetRows.of(Texts(3), "X")).tolist() == ["a", "b", "a"]
    tensors = TensorDataset(torch.zeros(3, 2), torch.tensor([2, 0, 1]))
    assert labels_of(DatasetRows.of(tensors, "X")).tolist() == [2, 0, 1]
    images = Images(6, 0)
    images.target_transform = str  # Who has one yields other labels than its targets.
    labels_of(DatasetRows.of(images, "X"))
    assert images.n_read == 6


def test_rows_are_taken_and_stacked_by_number():
    rows = DatasetRows.of(Subset(TARGET, [5, 4, 3]), "a")
    both = stack([rows[np.array([2, 0])], DatasetRows.of(SliceDataset(GOOD)[10:12], "b")])
    assert both.index.tolist() == [3, 5, 10, 11]
    assert_array_equal(both.x(2), GOOD.pictures[10])
    assert len(set(both.keys.tolist())) == 4
    # A row drawn twice is one row, and held out as one.
    twice = rows[np.array([0, 1, 0])]
    first, other, again = Domain(twice, np.zeros(3, dtype=int), np.ones(3)).groups
    assert first == again != other


def test_a_data_set_is_never_made_an_array_unasked():
    images = Images(6, 0)
    with pytest.raises(TypeError, match=r"X is a data set, .*extract_features"):
        np.asarray(DatasetRows.of(images, "X"))
    assert images.n_read == 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: UOWQClassifier().fit(TARGET, sources=SOURCES), TypeError, "UOWQClassifier needs"),
        (
            lambda: UOWQClassifier(LogisticRegression()).fit(TARGET),
            TypeError,
            "the target is a data set, and LogisticRegression .*extract_features",
        ),
        (
            lambda: UOWQRegressor(NeuralNetRegressor(Small)).fit(TARGET),
            TypeError,
            "UOWQRegressor needs its rows in memory",
        ),
        (lambda: UOWQRegressor().fit(TARGET), TypeError, "UOWQRegressor needs its rows in memory"),
        (
            lambda: MultiTaskUOWQClassifier().fit(TARGET, TARGET.targets),
            TypeError,
            "pass an array of features",
        ),
        (
            lambda: make_transfer_pipeline(StandardScaler(), UOWQClassifier()).fit(
                TARGET.pictures.reshape(18, -1), TARGET.targets, sources=SOURCES
            ),
            TypeError,
            "source 'good' is a data set, and StandardScaler needs its rows in memory",
        ),
        (
            lambda: make_transfer_pipeline(StandardScaler(), UOWQClassifier()).fit(
                TARGET, sources=SOURCES
            ),
            TypeError,
            "the target is a data set, and an array needs its rows in memory",
        ),
        (
            lambda: UOWQClassifier(make_net()).fit(*TARGET.arrays(), sources=SOURCES),
            TypeError,
            "source 'good' is a data set, the target is a ndarray: pass data sets for all",
        ),
        (
            lambda: UOWQClassifier(make_net()).fit(TARGET, sources={"a": GOOD.arrays()}),
            TypeError,
            "source 'a' is a ndarray, the target is a data set",
        ),
        (lambda: Sources([Unlabelled(GOOD)]), ValueError, "source 0 yields no label"),
        (lambda: Sources([Endless()]), TypeError, "source 0 .* map-style"),
        (lambda: Sources([Images(0, 0)]), ValueError, "source 0 is an empty data set"),
        (lambda: Sources([(GOOD, [1, 2])]), ValueError, "source 0: X has 60 rows, but y has 2"),
        (
            lambda: Sources([SliceDataset(GOOD, idx=1)]),
            TypeError,
            "source 0 is a SliceDataset of its own kind",
        ),
        (
            lambda: UOWQClassifier(make_net()).fit(TARGET, TARGET.targets[:-1], sources=SOURCES),
            ValueError,
            "inconsistent numbers of samples",
        ),
    ],
)
def test_what_cannot_read_data_sets_says_so(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Networks that read.


@pytest.fixture(scope="module")
def fitted():
    net = make_net(max_epochs=3, lr=0.1)
    return UOWQClassifier(net, random_state=0).fit(TARGET, sources=SOURCES)


def test_the_default_learns_from_data_sets(fitted):
    good, wrong = fitted.source_weights_
    assert good > 3 * wrong
    assert fitted.score(TEST, TEST.targets) > 0.7
    assert fitted.source_names_ == ["good", "wrong"]
    assert fitted.pool_exponents_ is not None
    proba = fitted.predict_proba(TEST)
    assert proba.shape == (60, 3)
    assert proba.dtype == np.float64
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


def test_predictions_are_those_for_arrays(fitted):
    X, _ = TEST.arrays()
    assert_allclose(fitted.predict_proba(TEST), fitted.predict_proba(X), atol=1e-5)
    some = Subset(TEST, [7, 3])
    assert_allclose(fitted.predict_proba(some), fitted.predict_proba(X[[7, 3]]), atol=1e-5)


def test_another_shape_is_refused(fitted):
    with pytest.raises(ValueError, match="X has rows of shape"):
        fitted.predict(TensorDataset(torch.zeros(2, 3, SIDE, SIDE)))


def test_the_papers_rule_reads_data_sets():
    rule = PlugIn(n_updates=1, update_every=1, parameters="all")
    clf = UOWQClassifier(make_net(), discrepancy=rule, random_state=0)
    clf.fit(TARGET, TARGET.targets, sources=SOURCES)
    assert np.isfinite(clf.source_weights_).all()
    assert clf.history_.shape == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        GIVEN,
        PlugIn(n_updates=1, update_every=1, parameters="all"),
        PlugIn(n_updates=0, parameters="all"),
    ],
    ids=["given", "dynamic", "static"],
)
def test_every_road_of_networks_reads(rule):
    clf = UOWQClassifier(make_net(max_epochs=3), discrepancy=rule, random_state=0)
    clf.fit(TARGET, TARGET.targets, sources=SOURCES)
    arrays = UOWQClassifier(clf.estimator, discrepancy=rule, random_state=0).fit(
        *TARGET.arrays(), sources={name: source.arrays() for name, source in SOURCES.items()}
    )
    # Other batches, of the same rows.
    assert_allclose(clf.source_weights_, arrays.source_weights_, rtol=0.3, atol=0.02)
    assert (clf.predict(TEST) == arrays.predict(TEST)).mean() > 0.6


def test_head_inputs_are_those_of_arrays_in_single_precision(fitted):
    X, _ = TEST.arrays()
    rows = DatasetRows.of(TEST, "X")
    net = fitted.estimator_
    (read,), (given,) = (head_inputs(net, [as_inputs(net, part)]) for part in (rows, X))
    assert read.dtype == np.float32
    assert_allclose(read, given, rtol=1e-5, atol=1e-6)


class SeenTypes(Callback):
    """What batches of the training hold."""

    seen: list = []  # noqa: RUF012

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        self.seen.append((batch[0].dtype, len(batch[0])))


def double(items):
    """Who collates as he likes may return double precision."""
    X, y = zip(*items, strict=True)
    return torch.stack([x.double() for x in X]), torch.tensor(y)


def test_batches_are_of_the_nets_size_and_precision():
    SeenTypes.seen = []
    net = make_net(callbacks=[SeenTypes()], max_epochs=1, iterator_train__collate_fn=double)
    UOWQClassifier(net, discrepancy=GIVEN, random_state=0).fit(TARGET, sources=SOURCES)
    assert {dtype for dtype, _ in SeenTypes.seen} == {torch.float32}
    assert max(size for _, size in SeenTypes.seen) == 32


def reversing(items):
    X, y = zip(*items[::-1], strict=True)
    return torch.stack(X), torch.tensor(y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterator_train__collate_fn": reversing}, "collate_fn changes labels or the order"),
        ({"iterator_train__collate_fn": list}, "a batch of the data sets is a"),
        ({"iterator_train__sampler": [1]}, "iterator_train__sampler=.1.* leave it out"),
        ({"iterator_train__drop_last": True}, "iterator_train__drop_last=True.* leave it out"),
        ({"dataset": Texts}, "dataset=.*Texts.* data sets that fit and Sources take"),
    ],
)
def test_settings_that_mean_nothing_are_refused(options, message):
    clf = UOWQClassifier(make_net(**options), discrepancy=GIVEN, random_state=0)
    with pytest.raises((ValueError, TypeError), match=message):
        clf.fit(TARGET, sources=SOURCES)


class Broken(Images):
    """A row of it is not finite; or another size."""

    def __init__(self, what):
        super().__init__(30, 5)
        self.what = what

    def __getitem__(self, i):
        x, y = super().__getitem__(i)
        if self.what == "not finite" and i == 20:
            return np.full_like(x, np.inf), y
        if self.what == "another shape":
            return x[:, :-1], y
        if self.what == "three values":
            return x, y, 0
        return {"x": x} if self.what == "a dict" else (x, y)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("not finite", "source 'broken': row 20 holds numbers that are not finite"),
        ("another shape", r"source 'broken' has rows of shape \(1, 5, 6\), those of the target"),
        ("three values", r"source 'broken' yields 3 values .* \(x, label\) or x"),
        ("a dict", "source 'broken' yields a dict"),
    ],
)
def test_bad_rows_name_their_source(what, message):
    clf = UOWQClassifier(make_net(), discrepancy=[[0.1]], random_state=0)
    with pytest.raises((ValueError, TypeError), match=message):
        clf.fit(TARGET, sources={"broken": Broken(what)})


def test_every_number_of_a_row_is_checked():
    """Also where infinities cancel in a sum, and where a sum of finite numbers overflows."""
    for values, refused in [([np.nan], 1), ([np.inf, -np.inf], 1), ([3e38, 3e38], 0)]:
        images = Images(3, 0)
        images.pictures[1].flat[: len(values)] = values
        read = as_inputs(make_net().initialize(), DatasetRows.of(images, "source 'a'"))
        with pytest.raises(ValueError, match="row 1 holds") if refused else nullcontext():
            read[1]


def test_rows_without_labels_take_those_that_are_given():
    sources = {"good": (Unlabelled(GOOD), GOOD.targets, np.ones(60))}
    clf = UOWQClassifier(make_net(), discrepancy=[[0.01]], random_state=0)
    clf.fit(Unlabelled(TARGET), TARGET.targets, sources=sources)
    assert clf.predict(Unlabelled(TEST)).shape == (60,)


def test_rows_of_the_target_validate():
    net = make_net(train_split=ValidSplit(3))
    clf = UOWQClassifier(net, discrepancy=GIVEN, random_state=0).fit(TARGET, sources=SOURCES)
    assert np.isfinite(clf.estimator_.history[:, "valid_loss"]).all()


def test_a_fit_is_repeated_and_its_net_is_pickled():
    clf = UOWQClassifier(make_net(), discrepancy=GIVEN, random_state=0)
    first = clf.fit(TARGET, sources=SOURCES).predict_proba(TEST)
    assert_array_equal(clf.fit(TARGET, sources=SOURCES).predict_proba(TEST), first)
    assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(TEST), first)


def test_a_grid_search_takes_rows_of_a_data_set():
    clf = UOWQClassifier(make_net(max_epochs=1), discrepancy=GIVEN, random_state=0)
    search = GridSearchCV(clf, {"max_weight": [0.0, 1.0]}, cv=2, error_score="raise")
    before = TARGET.n_read
    search.fit(SliceDataset(TARGET), TARGET.targets, sources=Sources(SOURCES))
    assert search.cv_results_["mean_test_score"].shape == (2,)
    assert TARGET.n_read > before
    bound = clf.bind_sources(Sources(SOURCES))
    assert cross_val_predict(bound, SliceDataset(TARGET), TARGET.targets, cv=2).shape == (18,)


def test_the_gap_holds_out_rows_of_a_data_set():
    clf = UOWQClassifier(make_net(max_epochs=1), discrepancy=GIVEN, random_state=0)
    found = negative_transfer_gap(
        clf, TARGET, TARGET.targets, sources=SOURCES, cv=2, n_repeats=1, random_state=0
    )
    assert np.isfinite(found.gap)


def test_a_checkpoint_knows_its_data_sets(tmp_path):
    clf = UOWQClassifier(
        make_net(max_epochs=1), discrepancy=GIVEN, checkpoint=tmp_path, random_state=0
    )
    first = clf.fit(TARGET, sources=SOURCES).predict_proba(TEST)
    trained = GOOD.n_read
    assert_array_equal(clf.fit(TARGET, sources=SOURCES).predict_proba(TEST), first)
    assert GOOD.n_read - trained < 10  # Not trained again.
    clf.fit(TARGET, sources={"good": GOOD, "wrong": GOOD})
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_training_goes_on_to_the_same_result(tmp_path):
    def fit(folder):
        net = make_net(max_epochs=3, callbacks=[Stop()])
        clf = UOWQClassifier(net, discrepancy=GIVEN, checkpoint=folder, random_state=0)
        return clf.fit(TARGET, sources=SOURCES)

    whole = fit(tmp_path / "whole").predict_proba(TEST)
    Stop.after(2, RuntimeError("stopped"))
    with pytest.raises(RuntimeError, match="stopped"):
        fit(tmp_path / "cut")
    assert_array_equal(fit(tmp_path / "cut").predict_proba(TEST), whole)


@pytest.mark.slow
def test_workers_read_the_same_rows():
    found = []
    for options in ({}, {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 1}):
        reading = {f"iterator_train__{name}": value for name, value in options.items()}
        reading |= {"iterator_valid__num_workers": 1} if options else {}
        net = make_net(**reading)
        clf = UOWQClassifier(net, discrepancy=GIVEN, random_state=0).fit(TARGET, sources=SOURCES)
        found.append(clf.predict_proba(TEST))
    assert_array_equal(*found)


def test_full_batches_learn_what_they_learn_from_arrays():
    """Where a batch is all rows, nothing is drawn, and the order of rows is nothing."""
    options = {"optimizer": torch.optim.SGD, "lr": 0.1, "batch_size": -1, "max_epochs": 3}
    domains = []
    for images in (Images(30, 0), Images(30, 1)):
        X, y = images.arrays()
        domains.append([Domain(part, y, np.ones(30)) for part in (DatasetRows.of(images, "a"), X)])
    found = [
        train_weighted(make_net(**options), target, [source], [1.0], seed=0)
        for target, source in zip(*domains, strict=True)
    ]
    X, _ = TEST.arrays()
    assert_allclose(predict_proba(found[0], X), predict_proba(found[1], X), atol=1e-5)


# Pretrained backbones.


def pretrained():
    torch.manual_seed(3)
    return Small()


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer__param_groups": [("body.*", {"lr": 0.0})]},
        {"callbacks": [Freezer("body.*")]},
    ],
    ids=["rates", "frozen"],
)
@pytest.mark.parametrize(
    "rule", [GIVEN, pytest.param("reml", marks=pytest.mark.slow)], ids=["given", "default"]
)
def test_a_backbone_keeps_its_own_rate_or_stays_as_it_is(options, rule):
    module = pretrained()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    clf = UOWQClassifier(make_net(module, **options), discrepancy=rule, random_state=0)
    clf.fit(TARGET, sources=SOURCES)
    found = clf.estimator_.module_.state_dict()
    same = {name for name in before if torch.equal(found[name].cpu(), before[name])}
    assert same == {"body.1.weight", "body.1.bias"}
    # The user's own module is not trained.
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.slow
def test_sources_networks_come_from_disk(tmp_path):
    states = []
    for name, images in SOURCES.items():
        domain = Domain(DatasetRows.of(images, name), images.targets, np.ones(len(images)))
        trained = train_weighted(make_net(), domain, [], [], seed=0)
        torch.save(trained.module_.state_dict(), tmp_path / name)
        states.append(torch.load(tmp_path / name))
    rule = PlugIn(n_updates=0, parameters="all", source_estimators=states)
    clf = UOWQClassifier(make_net(), discrepancy=rule, random_state=0)
    n_read = GOOD.n_read
    clf.fit(TARGET, sources=SOURCES)
    assert clf.source_weights_.shape == (2,)
    assert GOOD.n_read - n_read < 3 * len(GOOD)  # Only the last training reads them.
