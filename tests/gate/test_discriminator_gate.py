"""DiscriminatorGateClassifier as its users see it."""

import pytest

pytest.importorskip("torch")

import pickle
import warnings

import numpy as np
import pandas as pd
import torch
from nets import DEVICE, FitShapes, Stop
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn

from skuowq import (
    DiscriminatorGateClassifier,
    Sources,
    UOWQClassifier,
    make_transfer_pipeline,
)
from skuowq._gate.learners import NetworkLearner, _LightLearner
from skuowq._utils._failed_fit import FailedFit
from skuowq.datasets import make_classification_tasks, perturb_source
from skuowq.networks import ALIGNMENTS, DAN, DANN, DistanceAlignment, make_perceptron

METHODS = ("dann", "dan", "dcoral", "adda", "pada", "gta")


def light(estimator=None, **options):
    estimator = LogisticRegression() if estimator is None else estimator
    return DiscriminatorGateClassifier(estimator, random_state=0, **options)


def perceptron(**options):
    return make_perceptron((16, 8), **({"max_epochs": 8, "lr": 0.01} | options))


def network(alignment="dann", estimator=None, *, max_epochs=8, **options):
    estimator = perceptron(max_epochs=max_epochs) if estimator is None else estimator
    options = {"trust": 1.0} | options
    return DiscriminatorGateClassifier(estimator, alignment=alignment, random_state=0, **options)


def own_net(module, **options):
    """A net of a module of one's own, trained as the perceptron is."""
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "max_epochs": 8,
        "lr": 0.01,
        "batch_size": 64,
        "train_split": None,
        "device": DEVICE,
    } | options
    return NeuralNetClassifier(module, **options)


@pytest.fixture(scope="module")
def tasks():
    """A source of which half of the labels are random, and one that is far."""
    tasks = make_classification_tasks(
        n_target=60,
        n_samples=(300, 300),
        discrepancies=(0.0, 2.0),
        n_classes=2,
        n_features=5,
        random_state=0,
    )
    X, y, _, wrong = perturb_source(*tasks.sources[0], 0.0, 0.5, return_masks=True, random_state=0)
    tasks.sources = {"half wrong": (X, y), "far": tasks.sources[1]}
    tasks.wrong = wrong
    return tasks


def fit(clf, tasks, **more):
    return clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources, **more)


def loss(clf, tasks):
    return log_loss(tasks.y_test, clf.predict_proba(tasks.X_test), labels=clf.classes_)


def test_the_light_gate_finds_wrong_labels(tasks):
    clf = fit(light(), tasks)
    weights = clf.gate_weights_[0]
    assert weights.shape == (300,)
    assert weights[tasks.wrong].mean() < 0.7 * weights[~tasks.wrong].mean()
    assert_allclose(
        clf.effective_sample_size_[0], weights.sum() ** 2 / (weights**2).sum(), rtol=1e-12
    )
    assert clf.source_names_ == ["half wrong", "far"]
    alone = light().fit(tasks.X_target, tasks.y_target)
    plain = fit(light(gate=False, trust=1.0), tasks)
    assert loss(clf, tasks) < min(loss(alone, tasks), loss(plain, tasks))


def test_the_light_fit_is_the_estimators_on_weighted_rows(tasks):
    clf = fit(light(trust=[2.0, 0.5]), tasks)
    X = np.vstack([tasks.X_target, *(X for X, _ in tasks.sources.values())])
    y = np.concatenate([tasks.y_target, *(y for _, y in tasks.sources.values())])
    # Two means, each as heavy as the target's: rows of sources of 600 weigh 60 / 600.
    weight = np.concatenate(
        [np.ones(60), 2.0 * 0.1 * clf.gate_weights_[0], 0.5 * 0.1 * clf.gate_weights_[1]]
    )
    # All together sum to the rows that they are worth.
    weight *= weight.sum() / (weight**2).sum()
    expected = LogisticRegression().fit(X, y, sample_weight=weight)
    assert_allclose(clf.estimator_.coef_, expected.coef_, rtol=1e-6)


def test_trust_0_is_the_target_alone(tasks):
    alone = light().fit(tasks.X_target, tasks.y_target)
    for clf in (fit(light(trust=0.0), tasks), fit(light(gate=False, trust=[0, 0]), tasks)):
        assert_allclose(clf.estimator_.coef_, alone.estimator_.coef_)
    assert alone.n_sources_ == 0
    assert alone.gate_weights_ == []


def test_held_out_rows_shut_a_harmful_source_off():
    tasks = make_classification_tasks(
        n_target=100, n_samples=(300, 300), discrepancies=(0.0, 0.0), n_classes=2, random_state=0
    )
    sources = {"good": tasks.sources[0], "flipped": (tasks.sources[1][0], 1 - tasks.sources[1][1])}
    clf = light(gate=False).fit(tasks.X_target, tasks.y_target, sources=sources)
    assert clf.trust_[0] >= 1
    assert clf.trust_[1] < 0.1
    assert 0.0 in clf.trust_losses_["no gate"]


def test_random_labels_everywhere_are_not_used_much(tasks):
    rng = np.random.RandomState(0)
    X = tasks.sources["half wrong"][0]
    nonsense = {"random": (X, rng.permutation(np.arange(300) % 2))}
    alone = light().fit(tasks.X_target, tasks.y_target)
    clf = light().fit(tasks.X_target, tasks.y_target, sources=nonsense)
    assert loss(clf, tasks) < loss(alone, tasks) + 0.02


def test_uowq_weighs_gated_sources(tasks):
    clf = fit(light(UOWQClassifier()), tasks)
    assert_array_equal(clf.trust_, clf.estimator_.source_weights_)
    # Each source is as large as its effective sample size.
    assert_allclose(clf.estimator_.source_n_samples_, clf.effective_sample_size_)
    assert clf.estimator_.source_names_ == ["half wrong", "far"]
    assert loss(clf, tasks) < loss(fit(UOWQClassifier(), tasks), tasks) + 0.01
    with pytest.raises(ValueError, match="weighs the sources itself"):
        fit(light(UOWQClassifier(), trust=1.0), tasks)


@pytest.mark.parametrize(
    "gate",
    [
        "interactions",
        pytest.param("boosted", marks=pytest.mark.slow),
        HistGradientBoostingClassifier(max_iter=5, max_bins=16),
    ],
)
def test_other_discriminators(tasks, gate):
    clf = fit(light(gate=gate, trust=1.0), tasks)
    assert np.isfinite(clf.gate_weights_[0]).all()
    assert clf.gate_weights_[0].std() >= 0


def gated_methods():
    """Every method gated; two of the two kinds otherwise, too."""
    for method in METHODS:
        for gate in (True, False, "online"):
            quick = gate is True or method in ("dann", "dan")
            yield pytest.param(method, gate, marks=[] if quick else pytest.mark.slow)


@pytest.mark.parametrize(("method", "gate"), [*gated_methods()])
def test_networks_of_all_methods(tasks, method, gate):
    clf = fit(network(method, gate=gate), tasks, X_unlabeled=tasks.X_test[:150])
    p = clf.predict_proba(tasks.X_test)
    assert_allclose(p.sum(axis=1), 1)
    assert clf.score(tasks.X_test, tasks.y_test) > 0.6
    assert clf.transform(tasks.X_test[:5]).shape == (5, 8)
    assert len(clf.history_) == 8
    assert [len(weights) for weights in clf.gate_weights_] == [300, 300]
    assert (clf.discriminator_ is None) == (gate != "online" and method in ("dan", "dcoral", "gta"))
    again = fit(clone(clf), tasks, X_unlabeled=tasks.X_test[:150])
    assert_array_equal(again.predict_proba(tasks.X_test), p)
    copy = pickle.loads(pickle.dumps(clf))
    assert_array_equal(copy.predict_proba(tasks.X_test), p)


def test_a_network_without_sources_and_with_shut_ones(tasks):
    alone = network().fit(tasks.X_target, tasks.y_target)
    assert alone.score(tasks.X_test, tasks.y_test) > 0.6
    free = network().fit(tasks.X_target, tasks.y_target, X_unlabeled=tasks.X_test[:150])
    assert not np.allclose(free.predict_proba(tasks.X_test), alone.predict_proba(tasks.X_test))
    shut = fit(network(trust=0.0), tasks)
    near = fit(network(trust=[1.0, 0.0]), tasks)
    assert_array_equal(shut.trust_, [0, 0])
    assert not np.allclose(near.predict_proba(tasks.X_test), shut.predict_proba(tasks.X_test))


@pytest.mark.slow
def test_trust_of_a_network_by_cross_validation(tasks, capsys):
    clf = fit(network(trust="cv", max_epochs=4, verbose=1), tasks)
    assert "[gate] trust" in capsys.readouterr().out
    assert set(clf.trust_losses_["gate"]) == {0.0, 1.0}
    assert set(clf.trust_losses_["no gate"]) == {1.0}
    fit(network(trust="cv", max_epochs=2), tasks)
    assert capsys.readouterr() == ("", "")


def test_the_last_trainings_of_a_network_have_a_line_each(tasks, capsys):
    fit(network(trust="auto", max_epochs=1, verbose=1), tasks)
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if line.startswith("[gate, last trainings] ")]
    assert [line.rpartition(", ")[0].partition("] ")[2] for line in lines] == [
        "network of the target alone: 1 of 2, 1 left",
        "network of all domains: 2 of 2, 0 left",
    ]


def test_trust_of_a_network_is_found_by_a_logistic_regression(tasks, monkeypatch):
    """A source of swapped labels is shut off; six trainings without a gate, of any sources."""
    trainings = []
    real = NetworkLearner.train

    def train(self, task, target, weights, factors, gate_share, *, quiet):
        trainings.append((len(target.y), tuple(factors)))
        return real(self, task, target, weights, factors, gate_share, quiet=quiet)

    monkeypatch.setattr(NetworkLearner, "train", train)
    X, y = tasks.sources["far"]
    sources = tasks.sources | {"swapped": (X, 1 - y)}
    clf = network(trust="auto", max_epochs=2, gate=False)
    clf.fit(tasks.X_target, tasks.y_target, sources=sources)
    assert clf.trust_[-1] == 0
    assert clf.trust_.max() > 0
    n = len(tasks.y_target)
    assert [rows < n for rows, _ in trainings] == [True] * 4 + [False] * 2
    assert {factors for _, factors in trainings} == {tuple(clf.trust_), (0.0,) * len(sources)}
    assert clf.pool_exponents_.sum() <= 1 + 1e-9
    by_light = light(trust="cv", gate=False).fit(tasks.X_target, tasks.y_target, sources=sources)
    assert by_light.trust_[-1] < 0.25


@pytest.mark.parametrize(
    ("kind", "fails", "pooled"),
    [
        (NetworkLearner, lambda factors: not any(factors), False),
        (NetworkLearner, any, False),
        (_LightLearner, any, True),
        (_LightLearner, lambda factors: not any(factors), True),
    ],
)
def test_what_the_logistic_regression_fails_at_is_not_the_networks(
    tasks, monkeypatch, kind, fails, pooled
):
    real = kind.train

    def train(self, task, target, weights, factors, gate_share, *, quiet):
        if quiet and fails(factors):
            raise FailedFit("it has diverged")
        return real(self, task, target, weights, factors, gate_share, quiet=quiet)

    monkeypatch.setattr(kind, "train", train)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = fit(network(trust="auto", max_epochs=1), tasks)
    not_used = any("so they are not used" in str(warning.message) for warning in caught)
    assert not_used == (kind is NetworkLearner and fails is any)
    assert (clf.trust_ == 0).all() == not_used
    assert (clf.pool_exponents_ is not None) == (clf.target_net_ is not None) == pooled


def test_an_online_gate_is_tried_in_the_network(tasks):
    clf = fit(network(trust="auto", gate="online", max_epochs=1), tasks)
    assert set(clf.trust_losses_["gate"]) == {0.0, 1.0}


def test_labels_and_inputs_of_any_kind(tasks):
    names = np.array(["no", "yes"])
    sources = {name: (X, names[y]) for name, (X, y) in tasks.sources.items()}
    frame = pd.DataFrame(tasks.X_target).rename(columns=str)
    frames = {name: (pd.DataFrame(X).rename(columns=str), y) for name, (X, y) in sources.items()}
    for clf in (light(trust=1.0), network()):
        plain = clone(clf).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
        named = clone(clf).fit(frame, names[tasks.y_target], sources=frames)
        test = pd.DataFrame(tasks.X_test).rename(columns=str)
        assert_allclose(named.predict_proba(test), plain.predict_proba(tasks.X_test))
        assert_array_equal(named.predict(test), names[plain.predict(tasks.X_test)])
        minus = clone(clf).fit(
            tasks.X_target,
            2 * tasks.y_target - 1,
            sources=[(X, 2 * y - 1) for X, y in tasks.sources.values()],
        )
        assert_allclose(minus.predict_proba(tasks.X_test), plain.predict_proba(tasks.X_test))


def test_frames_with_categories_and_gaps():
    rng = np.random.RandomState(0)

    def draw(n):
        X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.choice(list("xyz"), size=n)})
        y = (X["a"] + (X["b"] == "x") > 0.3).to_numpy().astype(int)
        X.loc[::7, "a"] = np.nan
        return X.astype({"b": "category"}), y

    (X, y), source = draw(60), draw(300)
    trees = HistGradientBoostingClassifier(max_iter=20)
    clf = light(trees, trust=1.0).fit(X, y, sources=[source])
    assert clf.score(*draw(200)) > 0.7


def test_images_and_modules_of_the_users_own():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(40, 1, 4, 4)), np.arange(40) % 2
    X[y == 1, 0, :2] += 1.5
    source = (X + 0.1, y)
    features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())

    class Judge(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(16 + 3, 4), nn.ReLU(), nn.Linear(4, 1))

        def forward(self, features, labels):
            return self.layers(torch.cat([features, labels], dim=1))

    images = nn.Sequential(*features, nn.Linear(16, 2))
    net = own_net(images, max_epochs=20)
    clf = network(DANN(discriminator=Judge), net, gate="online")
    clf.fit(X, y, sources=[source])
    assert clf.score(X, y) > 0.8
    assert clf.transform(X).shape == (40, 16)
    with pytest.raises(ValueError, match=r"estimator: Conv2d turns 2 rows into an output of shape"):
        network(estimator=own_net(nn.Conv2d(1, 4, 3))).fit(X, y, sources=[source])


def test_through_scikit_learn(tasks):
    sources = Sources(tasks.sources, X_unlabeled=tasks.X_test[:60])
    scores = cross_val_score(
        network(max_epochs=1), tasks.X_target, tasks.y_target, cv=2, params={"sources": sources}
    )
    assert np.isfinite(scores).all()
    search = GridSearchCV(
        network(DANN(), max_epochs=1),
        {
            "estimator__module__hidden_layer_sizes": [(4,), (8, 4)],
            "alignment__weight": [1.0],
        },
        cv=2,
    )
    search.fit(tasks.X_target, tasks.y_target, sources=sources)
    assert search.best_estimator_.transform(tasks.X_test).shape[1] == 4
    assert search.best_estimator_.alignment.weight == search.best_params_["alignment__weight"]
    pipeline = make_transfer_pipeline(StandardScaler(), network(max_epochs=3))
    pipeline.fit(tasks.X_target, tasks.y_target, sources=sources)
    by_hand = make_transfer_pipeline(StandardScaler(), network(max_epochs=3))
    by_hand.fit(
        tasks.X_target,
        tasks.y_target,
        sources=tasks.sources,
        discriminatorgateclassifier__X_unlabeled=tasks.X_test[:50],
    )
    scaler = StandardScaler().fit(tasks.X_target)
    expected = network(max_epochs=3).fit(
        scaler.transform(tasks.X_target),
        tasks.y_target,
        sources=[(scaler.transform(X), y) for X, y in tasks.sources.values()],
        X_unlabeled=scaler.transform(tasks.X_test[:50]),
    )
    assert_allclose(
        by_hand.predict_proba(tasks.X_test),
        expected.predict_proba(scaler.transform(tasks.X_test)),
    )
    assert not hasattr(light(), "transform")
    assert not hasattr(light(), "fit_transform")
    pipeline.set_output(transform="pandas")
    frame = pipeline.fit(tasks.X_target, tasks.y_target, sources=sources).transform(tasks.X_test)
    assert next(iter(frame.columns)) == "discriminatorgateclassifier0"


def test_early_stopping_on_target_rows(tasks):
    net = perceptron(
        max_epochs=60,
        train_split=ValidSplit(3, stratified=True),
        callbacks=[EarlyStopping(patience=2, sink=lambda text: None)],
    )
    clf = fit(network(estimator=net), tasks)
    assert len(clf.history_) < 60
    assert "valid_loss" in clf.history_[-1]


@pytest.mark.parametrize("method", ["dann", "adda", "gta"])
def test_an_interrupted_training_goes_on_bit_for_bit(tasks, method, tmp_path):
    def make(**options):
        return network(method, perceptron(max_epochs=6, callbacks=[Stop()]), **options)

    Stop.after(None, None)
    whole = fit(make(), tasks)
    Stop.after(4, RuntimeError("stopped"))
    with pytest.raises(RuntimeError, match="stopped"):
        fit(make(checkpoint=tmp_path), tasks)
    resumed = fit(make(checkpoint=tmp_path), tasks)
    assert_array_equal(resumed.predict_proba(tasks.X_test), whole.predict_proba(tasks.X_test))
    assert len(resumed.history_) == 6
    with pytest.raises(ValueError, match="random_state is None"):
        DiscriminatorGateClassifier(checkpoint=tmp_path, trust=1.0).fit(
            tasks.X_target, tasks.y_target
        )


def test_rows_that_are_left_out_weigh_0(tasks):
    X, y = tasks.sources["half wrong"]
    weight = np.ones(300)
    weight[:10] = 0
    other = y.copy()
    other[20:30] = 2
    clf = light(trust=1.0, classes="target")
    clf.fit(tasks.X_target, tasks.y_target, sources=[(X, other, weight)])
    assert_array_equal(np.flatnonzero(clf.gate_weights_[0] == 0), [*range(10), *range(20, 30)])


def test_a_class_without_labelled_rows_warns(tasks):
    X, y = tasks.sources["half wrong"]
    three = y.copy()
    three[:30] = 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clf = light(trust=1.0).fit(tasks.X_target, tasks.y_target, sources=[(X, three)])
    messages = [str(w.message) for w in caught]
    assert any("[2] have no labelled row in the target" in message for message in messages)
    assert all(w.filename == __file__ for w in caught)
    assert_array_equal(clf.classes_, [0, 1, 2])


@pytest.mark.parametrize(
    ("clf", "more", "message"),
    [
        (light(gate="online"), {}, "gate='online' is a network's discriminator"),
        (light(alignment="dann"), {}, "alignment='dann' aligns the features of a network"),
        (light(alignment=DAN()), {}, "leave alignment='auto', or pass a skorch NeuralNet"),
        (light(checkpoint="folder"), {}, "checkpoint='folder' keeps the epochs of a network"),
        (network("none such"), {}, r"alignment is 'none such': pass one of \['adda', 'dan'"),
        (network(DANN(weight=-1.0)), {}, "'weight' parameter of DANN"),
        (network(LogisticRegression()), {}, "build|alignment"),
        (light(trust=[1.0]), {}, r"trust has shape \(1,\), and there are 2 sources"),
        (light(trust=[1.0, -1.0]), {}, "pass numbers of at least 0, finite ones"),
        (network(), {"X_unlabeled": np.zeros((9, 3))}, "X_unlabeled has 3 features"),
        (network(), {"X_unlabeled": np.full((9, 5), np.nan)}, "X_unlabeled: .*NaN"),
        (network(), {"X_unlabeled": np.zeros((60, 5))}, "as many as the target"),
    ],
)
def test_bad_input(tasks, clf, more, message):
    n_features = tasks.X_target.shape[1]
    if "X_unlabeled" in more and more["X_unlabeled"].shape[1] == 5:
        more = {
            "X_unlabeled": np.resize(more["X_unlabeled"], (len(more["X_unlabeled"]), n_features))
        }
    with pytest.raises(ValueError, match=message):
        fit(clf, tasks, **more)
    assert not hasattr(clf, "classes_")


def test_a_source_that_is_shut_off_makes_no_other_heavier(tasks):
    """A factor of 0 is what a tiny factor tends to."""
    sources = list(tasks.sources.values())
    for make, options in ((light, {}), (network, {"alignment": None})):
        found = [
            make(gate=False, trust=[1.0, factor], **options)
            .fit(tasks.X_target, tasks.y_target, sources=sources)
            .predict_proba(tasks.X_test)
            for factor in (0.0, 1e-6)
        ]
        # Networks draw other batches, so only the light fit is the same.
        assert np.abs(found[0] - found[1]).mean() < (0.02 if make is light else 0.1)


def test_few_labelled_rows(tasks):
    X, y = tasks.X_target, tasks.y_target
    two = [np.flatnonzero(y == 0)[0], np.flatnonzero(y == 1)[0]]
    sources = Sources(tasks.sources)  # As many as rows.
    clf = light().fit(X[two], y[two], sources=sources)
    assert_array_equal(clf.trust_, [1, 1])
    # Folds, or all of the target, of one class.
    rows = [*np.flatnonzero(y == 0)[:6], two[1]]
    assert np.isfinite(light().fit(X[rows], y[rows], sources=tasks.sources).trust_).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        clf = light().fit(X[rows[:6]], y[rows[:6]], sources=tasks.sources)
        one = light(gate="interactions", trust=1.0).fit(X[:1], y[:1], sources=tasks.sources)
    assert_allclose(clf.predict_proba(tasks.X_test).sum(axis=1), 1)
    assert np.isfinite(one.gate_weights_[0]).all()


def test_many_clean_rows_beside_few_are_not_penalised_away():
    tasks = make_classification_tasks(
        n_target=200, n_samples=(400,), discrepancies=(0.0,), n_classes=2, random_state=0
    )
    rows = np.concatenate([np.flatnonzero(tasks.y_target == c)[:3] for c in (0, 1)])
    clf = light().fit(tasks.X_target[rows], tasks.y_target[rows], sources=tasks.sources)
    pooled = LogisticRegression().fit(*tasks.sources[0])
    expected = log_loss(tasks.y_test, pooled.predict_proba(tasks.X_test))
    assert loss(clf, tasks) < expected + 0.1


def test_labels_in_a_column_and_numpy_switches(tasks):
    X, y = tasks.sources["half wrong"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = light(trust=1.0).fit(tasks.X_target, tasks.y_target, sources=[(X, y[:, None])])
    assert clf.gate_weights_[0].shape == (300,)
    off = fit(light(gate=np.False_, trust=1.0), tasks)
    assert_array_equal(off.gate_weights_[0], 1)
    assert_allclose(
        fit(light(gate=np.True_, trust=1.0), tasks).gate_weights_[0],
        fit(light(trust=1.0), tasks).gate_weights_[0],
    )


def test_a_discriminator_with_a_column_for_each_source(tasks):
    class Judges(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(8 + 3, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))

        def forward(self, features, labels):
            return self.layers(torch.cat([features, labels], dim=1))

    clf = fit(network(DANN(discriminator=Judges), gate="online", trust=[0.0, 1.0]), tasks)
    assert_array_equal(clf.gate_weights_[0], 1)
    assert clf.gate_weights_[1].std() > 0
    with pytest.raises(ValueError, match="returns 2 columns, and there are 1 sources"):
        network(DANN(discriminator=Judges), gate="online").fit(
            tasks.X_target, tasks.y_target, sources=[tasks.sources["far"]]
        )


def test_pipelines_that_weigh_sources(tasks):
    pipeline = make_transfer_pipeline(StandardScaler(), UOWQClassifier())
    clf = fit(light(pipeline), tasks)
    assert_array_equal(clf.trust_, clf.estimator_[-1].source_weights_)


def test_weights_count_rows(tasks):
    """Rows of next to no weight are next to not there, for the online gate as well."""
    X, y = tasks.sources["half wrong"]
    far = X + 5
    both, weight = (np.vstack([X, far]), np.tile(y, 2)), np.repeat([1.0, 1e-6], 300)
    for clf in (light(trust=1.0), network(gate="online", max_epochs=20)):
        alone = clone(clf).fit(tasks.X_target, tasks.y_target, sources=[(X, y)])
        beside = clone(clf).fit(tasks.X_target, tasks.y_target, sources=[(*both, weight)])
        ratio = beside.gate_weights_[0][:300].mean() / alone.gate_weights_[0].mean()
        assert 0.6 < ratio < 1.6


def test_adda_that_ends_before_it_aligns_warns(tasks):
    with pytest.warns(UserWarning, match="ADDA aligns nothing before half of its epochs"):
        fit(network("adda", max_epochs=1), tasks)


def test_inputs_in_half_precision(tasks):
    half = light(trust=1.0).fit(
        (300 * tasks.X_target).astype(np.float16),
        tasks.y_target,
        sources=[((300 * X).astype(np.float16), y) for X, y in tasks.sources.values()],
    )
    full = fit(light(trust=1.0), tasks)
    assert_allclose(half.gate_weights_[0], full.gate_weights_[0], rtol=0.2, atol=0.05)


def test_checkpoints_know_the_data_and_modules_by_content(tasks, tmp_path):
    judge = nn.Bilinear(6, 3, 1)
    module = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))
    clf = network(DANN(discriminator=judge), own_net(module, max_epochs=2), checkpoint=tmp_path)
    first = fit(clone(clf), tasks, X_unlabeled=tasks.X_test[:50]).predict_proba(tasks.X_test)
    again = fit(clone(clf), tasks, X_unlabeled=tasks.X_test[:50]).predict_proba(tasks.X_test)
    assert_array_equal(again, first)
    assert len(list(tmp_path.iterdir())) == 1
    other = fit(clone(clf), tasks, X_unlabeled=tasks.X_test[50:100] + 1)
    assert not np.array_equal(other.predict_proba(tasks.X_test), first)
    # Another alignment, or another discriminator, is another training.
    changed = clone(clf).set_params(alignment__weight=1.0)
    assert not np.array_equal(fit(changed, tasks).predict_proba(tasks.X_test), first)
    with torch.no_grad():
        judge.weight.add_(1.0)
    assert not np.array_equal(fit(clone(clf), tasks).predict_proba(tasks.X_test), first)
    assert len(list(tmp_path.iterdir())) == 4


def test_scores_of_the_training_are_those_of_target_rows(tasks):
    from skorch.callbacks import EpochScoring

    scored = EpochScoring("accuracy", on_train=True, name="train_acc", lower_is_better=False)
    clf = network(estimator=perceptron(callbacks=[scored]))
    fit(clf, tasks, X_unlabeled=tasks.X_test[:50])
    assert clf.history_[-1]["train_acc"] > 0.6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": make_perceptron((8.0,))}, "hidden_layer_sizes is"),
        ({"estimator": make_perceptron((0,))}, "hidden_layer_sizes is"),
        ({"alignment": DANN(discriminator="judge")}, "discriminator is 'judge': pass a torch mod"),
        ({"trust": [np.inf, 1.0]}, "trust is"),
    ],
)
def test_bad_options_of_networks(tasks, options, message):
    with pytest.raises(ValueError, match=message):
        fit(network(**options), tasks)


def test_unlabelled_rows_without_a_network_warn(tasks):
    for more in (
        {"sources": tasks.sources, "X_unlabeled": tasks.X_test[:50]},
        {"sources": Sources(tasks.sources, X_unlabeled=tasks.X_test[:50])},
    ):
        with pytest.warns(UserWarning, match="X_unlabeled is for networks") as caught:
            light(trust=1.0).fit(tasks.X_target, tasks.y_target, **more)
        assert caught[0].filename == __file__


DIVERGES = {"optimizer": torch.optim.SGD, "lr": 0.01, "max_epochs": 4}


def scaled(sources, **factors):
    return {name: (factors.get(name, 1.0) * X, y) for name, (X, y) in sources.items()}


def all_scaled(sources, factor):
    return scaled(sources, **dict.fromkeys(sources, factor))


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_diverges_is_an_error(method, tasks):
    clf = network(method, perceptron(**DIVERGES))
    with pytest.raises(ValueError, match=r"has diverged .* the target and 2 sources.* below 0.01"):
        clf.fit(1e20 * tasks.X_target, tasks.y_target, sources=all_scaled(tasks.sources, 1e20))
    with pytest.raises(ValueError, match=r"has diverged in epoch .* on the target: "):
        clf.fit(1e20 * tasks.X_target, tasks.y_target)


@pytest.mark.parametrize("method", [pytest.param("dann", marks=pytest.mark.slow), "dcoral"])
def test_a_candidate_that_diverges_is_out(method, tasks):
    clf = network(ALIGNMENTS[method](), perceptron(**DIVERGES), trust="cv")
    with pytest.warns(UserWarning, match=r"source 'far' spans .* other units"):
        clf.fit(tasks.X_target, tasks.y_target, sources=scaled(tasks.sources, far=1e20))
    assert clf.trust_[1] == 0 < clf.trust_[0]
    assert np.isfinite(clf.predict_proba(tasks.X_test)).all()
    # The alignment overflows, and the network of the target alone has none.
    clf.set_params(alignment__weight=1e38)
    with pytest.warns(UserWarning, match=r"with the sources, so they are not used.* diverged"):
        clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.trust_losses_["gate"][1.0] == clf.trust_losses_["no gate"][1.0] == np.inf
    assert_array_equal(clf.trust_, 0)
    assert clf.target_net_ is None
    assert np.isfinite(clf.predict_proba(tasks.X_test)).all()
    with pytest.raises(ValueError, match=r"has diverged in epoch .* Scale the columns"):
        clf.fit(1e20 * tasks.X_target, tasks.y_target, sources=all_scaled(tasks.sources, 1e20))


class SometimesNothing(LogisticRegression):
    """Predicts NaN where it was fitted to fewer rows than `least`, or more than `most`."""

    def __init__(self, least=0, most=10**6, fails=False):
        super().__init__()
        self.least, self.most, self.fails = least, most, fails

    def fit(self, X, y, sample_weight=None):
        self.sane_ = self.least <= len(X) <= self.most
        if self.fails and not self.sane_:
            raise ValueError("the solver has diverged")
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        return super().predict_proba(X) * (1.0 if self.sane_ else np.nan)


@pytest.mark.parametrize("fails", [False, True])
def test_a_light_candidate_without_finite_predictions_is_out(tasks, fails):
    alone = fit(light(SometimesNothing(most=60, fails=fails)), tasks)
    assert_array_equal(alone.trust_, 0)
    assert alone.trust_losses_["gate"][1.0] == np.inf > alone.trust_losses_["gate"][0.0]
    with_sources = fit(light(SometimesNothing(least=100, fails=fails)), tasks)
    assert (with_sources.trust_ > 0).any()
    assert with_sources.trust_losses_["gate"][0.0] == np.inf
    for clf in (alone, with_sources):
        assert np.isfinite(clf.predict_proba(tasks.X_test)).all()
    message = "the solver has diverged" if fails else "predicts probabilities that are not finite"
    with pytest.raises(ValueError, match=message):
        fit(light(SometimesNothing(most=0, fails=fails)), tasks)


class Judge(nn.Module):
    """A discriminator of the wrong shape."""

    def __init__(self, n_inputs=8 + 3):
        super().__init__()
        self.linear = nn.Linear(n_inputs, 2)

    def forward(self, features, labels):
        return self.linear(torch.cat([features, labels], dim=1))


class Turned(Judge):
    def forward(self, features, labels):
        return super().forward(features, labels).T


class Single(Judge):
    def forward(self, features, labels):
        return super().forward(features, labels).mean()


@pytest.mark.parametrize("method", ["dann", "adda"])
@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (Turned, r"discriminator turns 4 rows into an output of shape \(2, 4\)"),
        (Single, r"discriminator turns 4 rows into an output of shape \(\)"),
        (Judge(5), "discriminator: Judge cannot be called with inputs of shape"),
    ],
)
def test_discriminators_of_the_wrong_shape(tasks, method, judge, message):
    with pytest.raises(ValueError, match=message):
        fit(network(ALIGNMENTS[method](discriminator=judge)), tasks)
    fit(network(ALIGNMENTS[method](discriminator=Judge), max_epochs=2), tasks)


def test_inputs_out_of_range_and_lone_rows(tasks):
    with pytest.raises(ValueError, match=r"column .* spans .* float32"):
        network().fit(
            1e39 * tasks.X_target, tasks.y_target, sources=all_scaled(tasks.sources, 1e39)
        )

    class Normed(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))

    few = {name: (X[:30], y[:30]) for name, (X, y) in tasks.sources.items()}
    clf = network(estimator=own_net(Normed, batch_size=1, max_epochs=2))
    clf.fit(tasks.X_target, tasks.y_target, sources=few)
    assert np.isfinite(clf.predict_proba(tasks.X_test)).all()
    for method, sources in (("adda", few), ("dan", None)):
        with pytest.raises(ValueError, match="a batch holds a single row"):
            clf.set_params(alignment=method).fit(tasks.X_target, tasks.y_target, sources=sources)


class Means(DistanceAlignment):
    """A toy: features whose means are close."""

    def distance(self, first, second):
        return ((first.mean(dim=0) - second.mean(dim=0)) ** 2).sum()


def apart(clf, tasks):
    """Distance of the mean features of target and sources, in units of the features' spread."""
    sources = np.concatenate([X for X, _ in tasks.sources.values()])
    ours, theirs = clf.transform(tasks.X_target), clf.transform(sources)
    return np.linalg.norm(ours.mean(axis=0) - theirs.mean(axis=0)) / theirs.std()


def test_a_new_alignment_is_a_class_and_a_line_in_the_registry(tasks, monkeypatch):
    plain = fit(network(None, gate=False), tasks)
    aligned = fit(network(Means(weight=30.0), gate=False), tasks)
    assert apart(aligned, tasks) < 0.8 * apart(plain, tasks)
    search = GridSearchCV(network(Means(), max_epochs=2), {"alignment__weight": [0.0, 1.0]}, cv=2)
    search.fit(tasks.X_target, tasks.y_target, sources=Sources(tasks.sources))
    assert search.best_estimator_.alignment.weight in (0.0, 1.0)
    with pytest.raises(ValueError, match="alignment is 'means'"):
        fit(network("means"), tasks)
    monkeypatch.setitem(ALIGNMENTS, "means", Means)
    named, given = (fit(network(alignment), tasks) for alignment in ("means", Means()))
    assert_array_equal(named.predict_proba(tasks.X_test), given.predict_proba(tasks.X_test))
    with pytest.raises(NotImplementedError, match="DistanceAlignment has no distance"):
        fit(network(DistanceAlignment()), tasks)


@pytest.mark.slow
def test_nothing_set_is_gated_dann_on_the_perceptron(tasks):
    default = DiscriminatorGateClassifier(trust=1.0, random_state=0)
    written_out = network(DANN(weight=0.1), make_perceptron())
    by_hand = network("dann", own_net(Layers, max_epochs=60, lr=0.001, optimizer__fused=True))
    p = fit(default, tasks).predict_proba(tasks.X_test)
    for clf in (written_out, by_hand):
        assert_array_equal(fit(clf, tasks).predict_proba(tasks.X_test), p)


class Layers(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
        )


class Small(nn.Module):
    """A network that names its parts."""

    def __init__(self, n_features=5, n_classes=2, softmax=False):
        super().__init__()
        self.body, self.head = nn.Linear(n_features, 4), nn.Linear(4, n_classes)
        self.softmax = softmax

    def forward(self, X):
        logits = self.head(torch.relu(self.body(X)))
        return logits.softmax(dim=1) if self.softmax else logits


def test_parameter_groups_batches_and_schedules_of_the_net_are_honoured(tasks):
    class Watch(Callback):
        sizes, rates = set(), []

        def on_batch_end(self, net, batch=None, training=False, **kwargs):
            Watch.sizes.add(len(batch[0]))

        def on_epoch_begin(self, net, **kwargs):
            Watch.rates.append(net.optimizer_.param_groups[-1]["lr"])

    still = own_net(
        Small,
        max_epochs=2,
        optimizer__param_groups=[("body.*", {"lr": 0.0})],
        iterator_train__batch_size=7,
        callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.5), Watch()],
    )
    clf = fit(network(estimator=still), tasks)
    moved = fit(network(estimator=own_net(Small, max_epochs=2)), tasks)
    body = {name: fitted.net_.module_.body.weight for name, fitted in (("s", clf), ("m", moved))}
    head = clf.net_.module_.head.weight
    assert Watch.sizes == {7}
    assert_allclose(Watch.rates, [0.01, 0.005])
    begun = own_net(Small, max_epochs=1, lr=0.0)
    start = fit(network(estimator=begun), tasks).net_.module_
    assert torch.equal(body["s"], start.body.weight)
    assert not torch.equal(body["m"], start.body.weight)
    assert not torch.equal(head, start.head.weight)
    # The discriminator is trained by the same optimizer.
    trained = {id(p) for group in clf.net_.optimizer_.param_groups for p in group["params"]}
    assert {id(p) for p in clf.discriminator_.parameters()} <= trained


def test_the_criterion_of_the_net_is_honoured(tasks):
    """A softmax with the logarithmic loss is the cross entropy of logits."""
    logits = fit(network(estimator=own_net(Small)), tasks)
    softmax = own_net(Small, module__softmax=True, criterion=nn.NLLLoss)
    by_softmax = fit(network(estimator=softmax), tasks)
    p, q = (clf.predict_proba(tasks.X_test) for clf in (logits, by_softmax))
    assert_allclose(q, p, atol=1e-3)
    smoothed = own_net(Small, criterion__label_smoothing=0.5)
    r = fit(network(estimator=smoothed), tasks).predict_proba(tasks.X_test)
    assert r.max(axis=1).mean() < p.max(axis=1).mean() - 0.01


def test_callbacks_may_fit_the_shape_to_the_data(tasks):
    shaped = own_net(Small, module__n_features=9, module__n_classes=7, callbacks=[FitShapes()])
    clf = fit(network(estimator=shaped), tasks)
    assert clf.net_.module_.body.in_features == 5
    assert clf.score(tasks.X_test, tasks.y_test) > 0.6


class ChangesTheModule(Callback):
    def on_train_begin(self, net, X=None, y=None, **kwargs):
        net.module_.body = nn.Linear(X.shape[1], 4).to(DEVICE)


def test_a_module_that_a_callback_changes_behind_the_nets_back_is_refused(tasks):
    changed = own_net(Small, module__n_features=9, callbacks=[ChangesTheModule()])
    with pytest.raises(ValueError, match=r"Small did not fit the data before .*net\.set_params"):
        fit(network(estimator=changed), tasks)


@pytest.mark.slow
def test_more_outputs_than_classes(tasks):
    clf = fit(network(estimator=own_net(Small, module__n_classes=4), trust="cv"), tasks)
    p = clf.predict_proba(tasks.X_test)
    assert p.shape == (len(tasks.y_test), 2)
    assert_allclose(p.sum(axis=1), 1)
    assert clf.score(tasks.X_test, tasks.y_test) > 0.6


def test_networks_in_double_precision(tasks):
    class Double(Small):
        def __init__(self):
            super().__init__()
            self.double()

    for alignment in ("dann", "adda", "gta"):
        clf = fit(network(alignment, own_net(Double, max_epochs=2)), tasks)
        assert clf.discriminator_ is None or clf.discriminator_.plain.weight.dtype == torch.float64


class Own(NeuralNetClassifier):
    def train_step_single(self, batch, **fit_params):
        return super().train_step_single(batch, **fit_params)


class Beyond(Small):
    def forward(self, X):
        return torch.cat([super().forward(X), X[:, :1]], dim=1)


class Squared(Small):
    def forward(self, X):
        return super().forward(X) ** 2


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (own_net(Squared), "Squared changes the output of its last linear layer"),
        (own_net(Beyond), "does not end in a linear layer"),
        (own_net(Small, module__n_classes=1), "Small has 1 outputs, and there are 2 classes"),
        (own_net(Small, compile=True), "compile=True"),
        (Own(Small, criterion=nn.CrossEntropyLoss), "Own has its own train_step_single"),
        (NeuralNetBinaryClassifier(Small), "is a NeuralNetBinaryClassifier"),
        (NeuralNetRegressor(Small), "is a NeuralNetRegressor"),
    ],
)
def test_nets_that_cannot_be_aligned_are_refused(tasks, net, message):
    with pytest.raises(ValueError, match=message):
        fit(network(estimator=net), tasks)
