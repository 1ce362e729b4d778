"""OT3LClassifier as its users see it."""

import pytest

pytest.importorskip("torch")

import pickle

import numpy as np
import pandas as pd
import torch
from nets import DEVICE, MLP, Dropped, Stop
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from torch import nn

from skuowq import OT3LClassifier, Sources, make_transfer_pipeline
from skuowq.networks import make_perceptron, predict_proba
from skuowq.transport import class_distances, select_target_rows

STRATEGIES = ("mixed", "far", "near", "uniform", "stratified")


def make_net(module=MLP, n_classes=3, **options):
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.02,
        "max_epochs": 10,
        "train_split": None,
        "module__n_features": 2,
        "module__n_classes": n_classes,
        "device": DEVICE,
    } | options
    return NeuralNetClassifier(module, **options)


def draw(seed, n=60, n_classes=3, shift=0.0):
    rng = np.random.RandomState(seed)
    y = np.arange(n) % n_classes
    angle = 2 * np.pi * y / n_classes
    return 2 * np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(
        scale=0.7, size=(n, 2)
    ) + shift, y


X, y = draw(0)
SOURCES = {"a": draw(1, 150, shift=0.4), "b": draw(2, 90, shift=-0.3)}
X_TEST, Y_TEST = draw(3, 300)


def bases():
    return [None, make_net()]


@pytest.mark.parametrize("base", bases(), ids=["logistic", "network"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_are_those_that_the_function_selects(base, strategy):
    clf = OT3LClassifier(base, strategy=strategy, budget=12, random_state=0)
    clf.fit(X, y, sources=SOURCES)
    assert len(clf.selected_indices_) == 12
    distances = clf.class_distances_
    assert (distances is None) == (strategy in ("uniform", "stratified"))
    random = np.random.RandomState(0)
    random.randint(2**31 - 1)
    expected = select_target_rows(distances, y, 12, strategy=strategy, random_state=random)
    assert_array_equal(clf.selected_indices_, expected)
    assert_array_equal(clf.selected_counts_, np.bincount(y[expected], minlength=3))
    p = clf.predict_proba(X_TEST)
    assert_allclose(p.sum(axis=1), 1)
    if strategy not in ("far", "near"):
        assert clf.score(X_TEST, Y_TEST) > 0.85
    again = clone(clf).fit(X, y, sources=SOURCES)
    assert_array_equal(again.predict_proba(X_TEST), p)
    copy = pickle.loads(pickle.dumps(clf))
    assert_allclose(copy.predict_proba(X_TEST), p, rtol=1e-6)


def test_distances_are_between_classes_of_all_sources_together():
    pooled = [np.concatenate(parts) for parts in zip(*SOURCES.values(), strict=True)]
    clf = OT3LClassifier(budget=10, distance="exact", random_state=0).fit(X, y, sources=SOURCES)
    assert_allclose(clf.class_distances_, class_distances(X, y, *pooled, "exact"))
    # A network's are on the features that its last layer sees.
    clf = OT3LClassifier(make_net(), budget=10, random_state=0).fit(X, y, sources=SOURCES)
    module = clf.pretrained_.module_.double()
    Z, Z_s = (
        module.body(torch.tensor(part, device=DEVICE)).detach().cpu().numpy()
        for part in (X, pooled[0])
    )
    assert_allclose(clf.class_distances_, class_distances(Z, y, Z_s, pooled[1]), rtol=1e-4)


@pytest.mark.parametrize("n_tuned", [1, 2, None])
def test_only_the_last_layers_move(n_tuned):
    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            # Not in the order in which they run.
            self.last = nn.Linear(5, 3)
            self.first = nn.Linear(2, 6)
            self.middle = nn.Linear(6, 5)

        def forward(self, X):
            return self.last(torch.relu(self.middle(torch.relu(self.first(X)))))

    net = NeuralNetClassifier(
        Three,
        criterion=nn.CrossEntropyLoss,
        max_epochs=5,
        lr=0.1,
        train_split=None,
        device=DEVICE,
    )
    clf = OT3LClassifier(net, budget=12, n_tuned_layers=n_tuned, random_state=0)
    clf.fit(X, y, sources=SOURCES)
    before, after = clf.pretrained_.module_, clf.net_.module_
    moved = [
        name
        for name in ("first", "middle", "last")
        if not torch.equal(getattr(before, name).weight, getattr(after, name).weight)
    ]
    assert moved == ["first", "middle", "last"][-(n_tuned or 3) :]
    assert all(parameter.requires_grad for parameter in after.parameters())


def test_frozen_layers_learn_nothing_of_batches_either():
    net = make_net(Dropped)
    clf = OT3LClassifier(net, budget=12, n_tuned_layers=1, random_state=0)
    clf.fit(X, y, sources=SOURCES)
    before, after = (net.module_.layers.state_dict() for net in (clf.pretrained_, clf.net_))
    for name in before:
        assert torch.equal(before[name], after[name])


def test_a_logistic_regression_pays_for_steps_from_the_source():
    """The optimum of the anchored objective, against its gradient written out."""
    for n_classes, C in ((3, 1.0), (2, 0.1)):
        (X_s, y_s), (X_t, y_t) = draw(1, 90, n_classes, 0.5), draw(0, 40, n_classes)
        weight = np.linspace(0.5, 2, 40)
        clf = OT3LClassifier(LogisticRegression(C=C), random_state=0)
        clf.fit(X_t, y_t, sources=[(X_s, y_s)], sample_weight=weight)
        source = LogisticRegression(C=C).fit(X_s, y_s)
        assert_allclose(clf.pretrained_.coef_, source.coef_)
        p = clf.predict_proba(X_t)
        residuals = weight[:, None] * (np.eye(n_classes)[y_t] - p)
        rows = np.column_stack([X_t, np.ones(40)])
        step = np.column_stack([clf.estimator_.coef_, clf.estimator_.intercept_])
        step = step - np.column_stack([source.coef_, source.intercept_])
        slope = residuals.T @ rows
        assert_allclose(step / C, slope if n_classes > 2 else slope[1:], atol=1e-4)
    # A source that says nothing: the ridge of scikit-learn's, on a column of ones.
    free = LogisticRegression(C=0.5, fit_intercept=False).fit(np.column_stack([X, np.ones(60)]), y)
    clf = OT3LClassifier(LogisticRegression(C=0.5)).fit(X, y)
    assert_allclose(clf.estimator_.coef_, free.coef_[:, :2], atol=1e-3)
    assert_allclose(clf.estimator_.intercept_, free.coef_[:, 2], atol=1e-3)


@pytest.mark.parametrize("base", [None, make_net(n_classes=7)], ids=["logistic", "network"])
def test_other_labels_than_the_sources(base):
    names = np.array(["north", "east", "south"])
    four = np.arange(240) % 4
    X_s = np.concatenate([SOURCES["a"][0], SOURCES["b"][0]])
    for labels in (names[y], y + 10):
        clf = OT3LClassifier(base, budget=30, random_state=0).fit(X, labels, sources=[(X_s, four)])
        assert clf.class_distances_.shape == (4, 3)
        assert_array_equal(clf.source_classes_, [0, 1, 2, 3])
        assert_array_equal(clf.classes_, np.unique(labels))
        assert_allclose(clf.predict_proba(X_TEST).sum(axis=1), 1)
        assert clf.score(X, labels) > 0.8


@pytest.mark.parametrize("base", bases(), ids=["logistic", "network"])
def test_some_labels_of_the_sources(base):
    """Classes 0 and 2 are the sources' too, 1 is not, and 8 only theirs."""
    theirs = {name: (X_k, np.where(y_k == 1, 8, y_k)) for name, (X_k, y_k) in SOURCES.items()}
    net = None if base is None else make_net(n_classes=4)
    clf = OT3LClassifier(net, strategy="stratified", budget=12, random_state=0)
    clf.fit(X, y, sources=theirs)
    assert_array_equal(clf.source_classes_, [0, 2, 8])
    assert clf.score(X_TEST, Y_TEST) > 0.8
    assert clf.predict_proba(X_TEST).shape == (300, 3)


@pytest.mark.parametrize("base", bases(), ids=["logistic", "network"])
def test_without_sources_and_through_scikit_learn(base):
    alone = OT3LClassifier(base, budget=30, random_state=0).fit(X, y)
    assert alone.pretrained_ is None
    assert alone.class_distances_ is None
    assert alone.score(X_TEST, Y_TEST) > 0.8
    sources = Sources(SOURCES)
    clf = OT3LClassifier(base, budget=10, random_state=0)
    assert cross_val_score(clf, X, y, params={"sources": sources}, cv=3).mean() > 0.8
    search = GridSearchCV(clf, {"strategy": ["far", "mixed"]}, cv=2).fit(X, y, sources=sources)
    assert search.best_params_ == {"strategy": "mixed"}
    pipeline = make_transfer_pipeline(StandardScaler(), clf).fit(X, y, sources=sources)
    assert pipeline.score(X_TEST, Y_TEST) > 0.8
    assert hasattr(clf, "transform") == (base is not None)
    frame = pd.DataFrame(X, columns=["u", "v"])
    frames = {
        name: (pd.DataFrame(X_k, columns=["u", "v"]), y_k) for name, (X_k, y_k) in SOURCES.items()
    }
    framed = clone(clf).fit(frame, y, sources=frames)
    plain = clone(clf).fit(X, y, sources=SOURCES)
    # Sums over the columns of a frame run in another order.
    p = framed.predict_proba(pd.DataFrame(X_TEST, columns=["u", "v"]))
    assert_allclose(p, plain.predict_proba(X_TEST), atol=1e-4)


def test_rows_of_weight_0_are_not_chosen():
    weight = np.ones(60)
    weight[::2] = 0
    clf = OT3LClassifier(strategy="uniform", budget=30, random_state=0)
    clf.fit(X, y, sources=SOURCES, sample_weight=weight)
    assert_array_equal(clf.selected_indices_, np.arange(1, 60, 2))


def test_an_interrupted_fit_goes_on(tmp_path):
    def make(**options):
        return OT3LClassifier(make_net(callbacks=[Stop()]), budget=12, random_state=0, **options)

    Stop.after(None, None)
    whole = make().fit(X, y, sources=SOURCES)
    for epochs in (4, 13):  # In the first training, in the second.
        Stop.after(epochs, RuntimeError("stopped"))
        folder = tmp_path / str(epochs)
        with pytest.raises(RuntimeError, match="stopped"):
            make(checkpoint=folder).fit(X, y, sources=SOURCES)
        resumed = make(checkpoint=folder).fit(X, y, sources=SOURCES)
        assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    with pytest.raises(ValueError, match="random_state is None"):
        OT3LClassifier(make_net(), checkpoint=tmp_path).fit(X, y)


def test_what_it_prints(capsys):
    OT3LClassifier(make_net(), budget=12, random_state=0).fit(X, y, sources=SOURCES)
    assert capsys.readouterr() == ("", "")
    OT3LClassifier(make_net(), budget=12, random_state=0, verbose=1).fit(X, y, sources=SOURCES)
    printed = capsys.readouterr().out
    assert printed.count("train_loss") == 2
    assert "[OT3L] tuning on 12 target rows: 3 of 3, 0 left, " in printed


def test_bad_input_is_named():
    def fails(match, *, labels=y, sources=SOURCES, base=None, **options):
        with pytest.raises(ValueError, match=match):
            OT3LClassifier(base, **options).fit(X, labels, sources=sources)

    fails("budget is 61: pass a number of rows from 1 to 60, the pool", budget=61)
    fails("n_far is 4", n_far=4)
    fails("'alpha' parameter", alpha=1.5)
    fails(
        "estimator is a DecisionTreeClassifier, which has no layers to tune",
        base=DecisionTreeClassifier(),
    )
    lonely = np.r_[y[:-1], 5]
    fails("class 5 of the target has one row, .* or pass distance='exact'", labels=lonely)
    OT3LClassifier(distance="exact").fit(X, lonely, sources=SOURCES)
    X_a, y_a = SOURCES["a"]
    fails("class 9 of the sources has one row", sources=[(X_a, np.r_[y_a[:-1], 9])])
    fails("source 'a' has 1 features, the target has 2", sources={"a": (X_a[:, :1], y_a)})
    fails(
        "the labels of 'a' are numbers, those of 'b' are text",
        sources={"a": (X_a, y_a), "b": (X_a, y_a.astype(str))},
    )
    fails("MLP has 2 outputs, and there are 3 classes", base=make_net(n_classes=2, verbose=0))
    two = {"a": (X_a[y_a < 2], y_a[y_a < 2])}
    fails("MLP has 2 outputs, and there are 3 classes", base=make_net(n_classes=2), sources=two)

    class Normed(MLP):
        def forward(self, X):
            return nn.functional.layer_norm(super().forward(X), (3,)).sum(dim=1, keepdim=True)

    fails("does not end in a linear layer|outputs", base=make_net(Normed))


def test_the_pretrained_network_predicts_the_targets_classes_first():
    names = np.array(["z", "a", "m"])
    clf = OT3LClassifier(make_net(n_classes=4), strategy="uniform", budget=1, random_state=0)
    theirs = {"a": (X_TEST, np.where(np.arange(300) < 20, "b", names[Y_TEST]))}
    clf.fit(X, names[y], sources=theirs)
    assert_array_equal(clf.classes_, ["a", "m", "z"])
    p = predict_proba(clf.pretrained_, X)
    assert np.mean(clf.classes_[p[:, :3].argmax(axis=1)] == names[y]) > 0.8


def test_layers_that_hold_parameters_beside_others_and_heads_that_run_twice():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.first, self.last = nn.Linear(2, 6), nn.Linear(6, 3)

        def forward(self, X):
            return self.last(torch.relu(self.first(self.scale * X)))

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(2, 3), nn.Linear(3, 3)

        def forward(self, X):
            return self.last(torch.relu(self.last(self.first(X))))

    options = {"criterion": nn.CrossEntropyLoss, "lr": 0.1, "max_epochs": 5, "train_split": None}
    options["device"] = DEVICE
    clf = OT3LClassifier(NeuralNetClassifier(Scaled, **options), n_tuned_layers=1, random_state=0)
    clf.fit(X, y, sources=SOURCES)
    before, after = (net.module_.state_dict() for net in (clf.pretrained_, clf.net_))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"last.weight", "last.bias"}
    clf = OT3LClassifier(NeuralNetClassifier(Twice, **options), budget=12, random_state=0)
    assert clf.fit(X, y, sources=SOURCES).transform(X).shape == (60, 3)


def test_what_tuning_cannot_honour_is_refused():
    with pytest.raises(ValueError, match="without class_weight"):
        OT3LClassifier(LogisticRegression(class_weight="balanced")).fit(X, y, sources=SOURCES)


@pytest.mark.parametrize("strategy", ["mixed", "stratified"])
def test_a_network_that_diverges_is_an_error(strategy):
    net = make_net(optimizer=torch.optim.SGD, lr=0.1, max_epochs=20)
    clf = OT3LClassifier(net, strategy=strategy, random_state=0)
    wild = {name: (1e8 * X_i, y_i) for name, (X_i, y_i) in SOURCES.items()}
    with pytest.raises(ValueError, match=r"MLP has diverged in .* on the sources: .* below 0.1"):
        clf.fit(1e8 * X, y, sources=wild)
    with pytest.raises(ValueError, match=r"MLP has diverged in .* on the target: .* below 0.1"):
        clf.fit(1e8 * X, y)
    wilder = {name: (1e20 * X_i, y_i) for name, (X_i, y_i) in SOURCES.items()}
    with pytest.raises(ValueError, match=r"MLP has diverged in .* on the sources: .* below 0.1"):
        clf.fit(1e20 * X, y, sources=wilder)
    with pytest.raises(ValueError, match=r"the target: column 0 spans .* float32"):
        clf.fit(1e39 * X, y)


def test_a_budget_of_one_row_and_layers_that_normalise_batches():
    clf = OT3LClassifier(make_net(Dropped), strategy="stratified", budget=1, random_state=0)
    with pytest.raises(ValueError, match="a batch holds a single row, and Dropped"):
        clf.set_params(n_tuned_layers=2).fit(X, y, sources=SOURCES)
    clf.set_params(n_tuned_layers=1).fit(X, y, sources=SOURCES)
    assert np.isfinite(clf.predict_proba(X_TEST)).all()


def test_the_network_must_have_the_targets_classes_before_the_sources_are_learnt():
    two = {name: (X_i[y_i < 2], y_i[y_i < 2]) for name, (X_i, y_i) in SOURCES.items()}
    Stop.after(1, RuntimeError("an epoch of training"))
    net = make_net(n_classes=2, callbacks=[Stop()])
    with pytest.raises(ValueError, match="MLP has 2 outputs, and there are 3 classes"):
        OT3LClassifier(net, random_state=0).fit(X, y, sources=two)
    Stop.after(None, None)


@pytest.mark.parametrize("label", [0, "a", True])
def test_a_target_of_one_class(label):
    X = np.arange(12.0).reshape(6, 2)
    with pytest.raises(ValueError, match=f"y has one class, {label!r}"):
        OT3LClassifier().fit(X, np.full(6, label))


def test_checkpoints_are_for_networks(tmp_path):
    with pytest.raises(ValueError, match="keeps the epochs of a network, and estimator is a Logis"):
        OT3LClassifier(checkpoint=tmp_path, random_state=0).fit(X, y, sources=SOURCES)


def test_a_perceptron_takes_its_sizes_from_all_labels():
    theirs = {name: (X_k, np.where(y_k == 1, 8, y_k)) for name, (X_k, y_k) in SOURCES.items()}
    net = make_perceptron((8,), max_epochs=20, lr=0.02)
    clf = OT3LClassifier(net, strategy="uniform", budget=20, random_state=0)
    clf.fit(X, y, sources=theirs)
    assert clf.net_.module_.head.out_features == 4
    assert clf.score(X_TEST, Y_TEST) > 0.8
    alone = OT3LClassifier(net, budget=30, random_state=0).fit(X, y)
    assert alone.net_.module_.head.out_features == 3
