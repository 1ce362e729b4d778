"""JTLNClassifier as its users see it."""

import pytest

pytest.importorskip("torch")

import pickle

import numpy as np
import pandas as pd
import torch
from nets import DEVICE, Stop
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn, optim

from skuowq import JTLNClassifier, Sources, make_transfer_pipeline
from skuowq.networks import make_perceptron, module_features
from skuowq.transport import class_distances


def perceptron(**options):
    return make_perceptron((12, 8), **({"max_epochs": 6, "lr": 0.01} | options))


def own_net(module, **options):
    """A net of a module of one's own, trained as the perceptron is."""
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": optim.Adam,
        "batch_size": 64,
        "device": DEVICE,
    } | options
    return NeuralNetClassifier(module, **({"lr": 0.01, "train_split": None} | options))


def jtln(estimator=None, *, max_epochs=6, **options):
    estimator = perceptron(max_epochs=max_epochs) if estimator is None else estimator
    return JTLNClassifier(estimator, random_state=0, **options)


@pytest.fixture(scope="module")
def data():
    """Two classes of a target, sources of three and four classes along the same axis."""
    rng = np.random.RandomState(0)

    def draw(n, n_classes, names=None):
        y = np.arange(n) % n_classes
        X = rng.normal(size=(n, 3))
        X[:, 0] += 3.0 * y * (1 / (n_classes - 1))
        return X, y if names is None else np.array(names)[y]

    return {
        "target": draw(30, 2, ["low", "high"]),
        "test": draw(300, 2, ["low", "high"]),
        "sources": {"three": draw(120, 3), "four": draw(80, 4)},
    }


def test_sources_with_labels_of_their_own(data):
    clf = jtln().fit(*data["target"], sources=data["sources"])
    assert clf.score(*data["test"]) > 0.85
    assert_array_equal(clf.classes_, ["high", "low"])
    assert [list(own) for own in clf.source_classes_] == [[0, 1, 2], [0, 1, 2, 3]]
    assert [cost.shape for cost in clf.transport_cost_] == [(3, 2), (4, 2)]
    assert max(cost.max() for cost in clf.transport_cost_) == 1
    p = clf.predict_proba(data["test"][0])
    assert p.shape == (300, 2)
    assert_allclose(p.sum(axis=1), 1)
    assert clf.transform(data["test"][0]).shape == (300, 8)
    assert len(clf.history_) == 6
    assert clf.source_names_ == ["three", "four"]
    again = clone(clf).fit(*data["target"], sources=data["sources"])
    assert_array_equal(again.predict_proba(data["test"][0]), p)
    copy = pickle.loads(pickle.dumps(clf))
    assert_array_equal(copy.predict_proba(data["test"][0]), p)


def test_what_it_prints(data, capsys):
    jtln(max_epochs=1).fit(*data["target"], sources=data["sources"])
    assert capsys.readouterr() == ("", "")
    jtln(max_epochs=1, verbose=1).fit(*data["target"], sources=data["sources"])
    printed = capsys.readouterr().out
    assert printed.startswith("[JTLN] costs between classes: 1 of 2, 1 left, ")
    assert "train_loss" in printed
    assert "[JTLN] joint training: 2 of 2, 0 left, " in printed


def test_costs_are_distances_on_the_inputs_or_the_features_given(data):
    X, y = data["target"]
    three = data["sources"]["three"]
    for method in ("mmd", "gaussian", "exact"):
        clf = jtln(cost=method, max_epochs=1).fit(X, y, sources=[three])
        expected = np.maximum(class_distances(X, y, *three, method), 0)
        assert_allclose(clf.transport_cost_[0], expected / expected.max())
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    clf = jtln(own_net(module, max_epochs=1)).fit(X, y, sources=[three])
    expected = class_distances(
        module_features(module, X), y, module_features(module, three[0]), three[1], "mmd"
    )
    expected = np.maximum(expected, 0)
    assert_allclose(clf.transport_cost_[0], expected / expected.max())
    assert clf.transform(X).shape == (30, 4)
    Z = clf.net_.module_[:2](torch.tensor(X, dtype=torch.float32, device=DEVICE))
    assert_allclose(clf.transform(X), Z.detach().cpu(), rtol=1e-5, atol=1e-6)


def test_costs_may_be_given(data):
    three, four = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)
    clf = jtln(cost=[three, four], max_epochs=1).fit(*data["target"], sources=data["sources"])
    assert_allclose(clf.transport_cost_[0], three / 7)
    assert_allclose(clf.transport_cost_[1], four / 7)
    source = data["sources"]["three"]
    for cost in (three, three.tolist()):
        clf = jtln(cost=cost, max_epochs=1).fit(*data["target"], sources=[source, source])
        assert_allclose(clf.transport_cost_, [three / 5] * 2)
    clf = jtln(cost=np.zeros((3, 2)), max_epochs=1).fit(*data["target"], sources=[source])
    assert_array_equal(clf.transport_cost_[0], np.zeros((3, 2)))


def test_the_transport_pulls_predictions_along_the_costs(data):
    """A head that must carry all its mass to the target's labels for nothing learns to."""
    X, y = data["target"]
    source = data["sources"]["three"]
    cost = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    carried = {}
    for weight in (0.0, 10.0):
        clf = jtln(cost=cost, transport_weight=weight, transport_to="labels", max_epochs=30)
        clf.fit(X, y, sources=[source])
        Z = torch.tensor(clf.transform(X), dtype=torch.float32, device=DEVICE)
        p = clf.net_.objective_.source_heads[0](Z).softmax(dim=1).detach().cpu().numpy()
        indices = np.searchsorted(clf.classes_, y)
        carried[weight] = np.mean(np.sum(p * cost[:, indices].T, axis=1))
    assert carried[10.0] < 0.5 * carried[0.0]


def test_weights_of_0(data):
    X, y = data["target"]
    test = data["test"][0]
    alone = jtln().fit(X, y)
    assert alone.transport_cost_ is None
    assert alone.source_classes_ == []
    neither = jtln(source_loss_weight=0, transport_weight=0).fit(X, y, sources=data["sources"])
    assert neither.transport_cost_ is None
    joint = jtln(transport_weight=0).fit(X, y, sources=data["sources"])
    full = jtln().fit(X, y, sources=data["sources"])
    carried = jtln(source_loss_weight=0).fit(X, y, sources=data["sources"])
    found = [clf.predict_proba(test) for clf in (neither, joint, full, carried)]
    for i, one in enumerate(found):
        assert all(not np.allclose(one, other) for other in found[i + 1 :])


def test_rows_of_weight_0_and_rows_twice(data):
    X, y = data["target"]
    X_s, y_s = data["sources"]["three"]
    weight = np.ones(120)
    weight[:30] = 0
    one = jtln().fit(X, y, sources=[(X_s, y_s, weight)])
    other = jtln().fit(X, y, sources=[(X_s[30:], y_s[30:])])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    weight = np.ones(30)
    weight[:5] = 2
    one = jtln(cost="gaussian", transport_weight=0).fit(
        X, y, sources=[(X_s, y_s)], sample_weight=weight
    )
    other = jtln(cost="gaussian", transport_weight=0).fit(
        np.concatenate([X, X[:5]]), np.concatenate([y, y[:5]]), sources=[(X_s, y_s)]
    )
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_inputs_of_any_kind(data):
    X, y = data["target"]
    plain = jtln().fit(X, y, sources=data["sources"])
    frames = {
        name: (pd.DataFrame(X_k).rename(columns=str), y_k)
        for name, (X_k, y_k) in data["sources"].items()
    }
    framed = jtln().fit(pd.DataFrame(X).rename(columns=str), y, sources=frames)
    test = pd.DataFrame(data["test"][0]).rename(columns=str)
    # Sums over the columns of a frame run in another order.
    p = plain.predict_proba(data["test"][0])
    assert_allclose(framed.predict_proba(test), p, atol=1e-4)
    assert_array_equal(framed.feature_names_in_, ["0", "1", "2"])
    images = [
        (X_k[:, :1, None] * np.ones((1, 4, 4)), y_k)
        for X_k, y_k in [data["target"], data["sources"]["three"]]
    ]
    convolved = nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)
    )
    clf = jtln(own_net(convolved, max_epochs=30)).fit(*images[0], sources=images[1:])
    assert clf.score(*images[0]) > 0.8


def test_early_stopping_and_resuming(data, tmp_path):
    X, y = data["target"]
    net = perceptron(
        max_epochs=60,
        train_split=ValidSplit(3, stratified=True),
        callbacks=[EarlyStopping(patience=2, sink=lambda text: None)],
    )
    early = jtln(net).fit(X, y, sources=data["sources"])
    assert len(early.history_) < 60

    def make(**options):
        return jtln(perceptron(callbacks=[Stop()]), **options)

    Stop.after(None, None)
    whole = make().fit(X, y, sources=data["sources"])
    Stop.after(4, RuntimeError("stopped"))
    with pytest.raises(RuntimeError, match="stopped"):
        make(checkpoint=tmp_path).fit(X, y, sources=data["sources"])
    resumed = make(checkpoint=tmp_path).fit(X, y, sources=data["sources"])
    assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(ValueError, match="random_state is None"):
        JTLNClassifier(checkpoint=tmp_path).fit(X, y)


def test_through_scikit_learn(data):
    X, y = data["target"]
    sources = Sources(data["sources"])
    one = jtln(max_epochs=1)
    assert np.isfinite(cross_val_score(one, X, y, params={"sources": sources}, cv=2)).all()
    search = GridSearchCV(
        one, {"transport_weight": [0, 1], "estimator__module__hidden_layer_sizes": [(4,)]}, cv=2
    )
    search.fit(X, y, sources=sources)
    assert search.best_estimator_.transform(X).shape == (30, 4)
    pipeline = make_transfer_pipeline(StandardScaler(), one).set_output(transform="pandas")
    frame = pipeline.fit(X, y, sources=sources).transform(X)
    assert next(iter(frame.columns)) == "jtlnclassifier0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cost": np.ones((2, 2))}, r"cost for source 'three' has shape \(2, 2\), and it has 3"),
        ({"cost": [np.ones((3, 2))] * 3}, "cost has 3 matrices, and there are 1 sources"),
        ({"cost": -np.ones((3, 2))}, "all must be at least 0"),
        ({"cost": np.full((3, 2), np.nan)}, "below 0 or not finite"),
        ({"cost": []}, "cost is empty"),
        ({"cost": "earth"}, "'cost' parameter"),
        ({"transport_weight": -1}, "'transport_weight' parameter"),
        ({"estimator": make_perceptron((0,))}, "hidden_layer_sizes is"),
        ({"estimator": own_net(nn.Conv2d(1, 2, 3))}, "estimator: Conv2d cannot be called"),
        ({"estimator": LogisticRegression()}, "estimator is a LogisticRegression, which has no"),
    ],
)
def test_bad_parameters_are_named(data, options, message):
    with pytest.raises((ValueError, RuntimeError), match=message):
        jtln(**options).fit(*data["target"], sources={"three": data["sources"]["three"]})


def test_bad_data_are_named(data):
    X, y = data["target"]
    X_s, y_s = data["sources"]["three"]
    with pytest.raises(ValueError, match="source 'a' has 2 features, the target has 3"):
        jtln().fit(X, y, sources={"a": (X_s[:, :2], y_s)})
    with pytest.warns(UserWarning, match="source 'a' has the single class 1.* left out"):
        jtln(max_epochs=1).fit(X, y, sources={"a": (X_s, np.ones(120)), "b": (X_s, y_s)})
    with pytest.raises(ValueError, match="the target has the single class 1"):
        jtln().fit(X, np.ones(len(X)), sources={"a": (X_s, y_s)})
    lonely = np.r_[y_s[:-1], 7]
    with pytest.raises(ValueError, match=r"class 7 of source 'a' has one row.*cost='exact'"):
        jtln().fit(X, y, sources={"a": (X_s, lonely)})
    jtln(cost="exact", max_epochs=1).fit(X, y, sources={"a": (X_s, lonely)})
    jtln(transport_weight=0, max_epochs=1).fit(X, y, sources={"a": (X_s, lonely)})
    rare = np.r_[["mid"], y[1:]]
    with pytest.raises(ValueError, match="class 'mid' of the target has one row"):
        jtln().fit(X, rare, sources={"a": (X_s, y_s)})


@pytest.mark.parametrize("scale", [1e8, 1e20])
@pytest.mark.parametrize("options", [{}, {"transport_to": "labels"}, {"transport_weight": 0.0}])
def test_a_network_that_diverges_is_an_error(data, options, scale):
    (X, y), sources = data["target"], data["sources"]
    clf = jtln(perceptron(optimizer=optim.SGD, max_epochs=20, lr=0.5), **options)
    with pytest.raises(ValueError, match=r"has diverged .* the target and 2 sources.* below 0.5"):
        clf.fit(scale * X, y, sources={name: (scale * S, z) for name, (S, z) in sources.items()})
    far = {**sources, "four": (1e39 * sources["four"][0], sources["four"][1])}
    with pytest.raises(ValueError, match=r"column 0 spans .* float32"):
        clf.fit(1e39 * X, y, sources={"four": far["four"]})
    with pytest.warns(UserWarning, match=r"source 'four' spans .* other units"):
        clf.set_params(estimator__lr=1e-3).fit(X, y, sources=far)
    assert np.isfinite(clf.predict_proba(X)).all()


class ThreeAxes(nn.Linear):
    def forward(self, X):
        return super().forward(X)[:, None]


class Mean(nn.Linear):
    def forward(self, X):
        return super().forward(X).mean(dim=0, keepdim=True)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (ThreeAxes(3, 4), r"estimator: ThreeAxes turns 2 rows into an output of shape \(2, 1, 4\)"),
        (Mean(3, 4), r"estimator: Mean turns 2 rows into an output of shape \(1, 4\)"),
        (nn.Linear(3, 1), "estimator: Linear has 1 outputs, and there are 2 classes"),
    ],
)
def test_modules_of_the_wrong_shape(data, module, message):
    # Its features are not looked at before.
    clf = jtln(own_net(module), transport_weight=0.0)
    with pytest.raises(ValueError, match=message):
        clf.fit(*data["target"], sources=data["sources"])


@pytest.mark.parametrize("options", [{}, {"transport_weight": 0.0}])
def test_modules_for_other_inputs(data, options):
    message = r"estimator: Linear cannot be called with inputs of shape \(2, 3\)"
    for module in (nn.Linear(5, 4), nn.Linear):
        net = own_net(module)
        if module is nn.Linear:
            net.set_params(module__in_features=5, module__out_features=4)
        with pytest.raises(ValueError, match=message):
            jtln(net, **options).fit(*data["target"], sources=data["sources"])


@pytest.mark.slow
def test_nothing_set_is_the_perceptron(data):
    X, y = data["target"]
    default = JTLNClassifier(random_state=0).fit(X, y, sources=data["sources"])
    written_out = jtln(make_perceptron((64, 64))).fit(X, y, sources=data["sources"])
    assert_array_equal(written_out.predict_proba(X), default.predict_proba(X))
    assert default.net_.module_.head.in_features == 64


class Small(nn.Module):
    def __init__(self, n_classes=2):
        super().__init__()
        self.body, self.head = nn.Linear(3, 4), nn.Linear(4, n_classes)

    def forward(self, X):
        return self.head(torch.relu(self.body(X)))


def test_the_last_layer_is_the_targets_head_and_may_be_wider(data):
    clf = jtln(own_net(Small, module__n_classes=5)).fit(*data["target"], sources=data["sources"])
    p = clf.predict_proba(data["test"][0])
    assert p.shape == (300, 2)
    assert_allclose(p.sum(axis=1), 1)
    assert [head.out_features for head in clf.net_.objective_.source_heads] == [3, 4]
    assert clf.score(*data["test"]) > 0.8


def test_parameter_groups_of_the_net_are_honoured(data):
    X, y = data["target"]
    found = {}
    for name, groups in (("still", [("body.*", {"lr": 0.0})]), ("moved", [])):
        net = own_net(Small, optimizer__param_groups=groups, max_epochs=2)
        found[name] = jtln(net).fit(X, y, sources=data["sources"]).net_
    start = jtln(own_net(Small, lr=0.0, max_epochs=1)).fit(X, y, sources=data["sources"]).net_
    body = {name: net.module_.body.weight for name, net in found.items()}
    assert torch.equal(body["still"], start.module_.body.weight)
    assert not torch.equal(body["moved"], start.module_.body.weight)
    heads = [net.objective_.source_heads[0].weight for net in (found["still"], start)]
    assert not torch.equal(*heads)
