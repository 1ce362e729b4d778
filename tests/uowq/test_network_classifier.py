"""UOWQClassifier around a skorch net: as an ordinary classifier, and as what it promises."""

import pytest

pytest.importorskip("torch")

import pickle
import re

import numpy as np
import torch
from nets import DEVICE, MLP, FitShapes, make_net
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from skuowq import Sources, UOWQClassifier, make_transfer_pipeline
from skuowq.datasets import make_classification_tasks
from skuowq.networks import train_weighted
from skuowq.rules import Debiased, PlugIn, Reml


@pytest.fixture(scope="module")
def tasks():
    return make_classification_tasks(
        n_target=40, n_samples=(300, 300), discrepancies=(0.0, 4.0), random_state=0
    )


@pytest.fixture(scope="module")
def fitted(tasks):
    sources = dict(zip(["near", "far"], tasks.sources, strict=True))
    return UOWQClassifier(make_net(), random_state=0).fit(
        tasks.X_target, tasks.y_target, sources=sources
    )


def test_the_near_source_is_used_and_the_far_one_is_not(fitted, tasks):
    near, far = fitted.source_weights_
    assert near * 300 > 40  # Worth more than the target's own rows.
    assert far < 0.1 * near
    alone = UOWQClassifier(make_net(), random_state=0).fit(tasks.X_target, tasks.y_target)
    pooled = make_net().fit(
        np.concatenate([tasks.X_target, *(X for X, _ in tasks.sources)]).astype(np.float32),
        np.concatenate([tasks.y_target, *(y for _, y in tasks.sources)]),
    )
    score = fitted.score(tasks.X_test, tasks.y_test)
    assert score > alone.score(tasks.X_test, tasks.y_test)
    assert score > pooled.score(tasks.X_test.astype(np.float32), tasks.y_test)
    assert "near" in str(fitted.source_report_)
    assert fitted.history_.shape[1] == 2


def test_it_is_an_ordinary_classifier(fitted, tasks):
    assert isinstance(fitted.estimator_, NeuralNetClassifier)
    p = fitted.predict_proba(tasks.X_test)
    assert p.dtype == np.float64
    assert_allclose(p.sum(axis=1), 1)
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict_proba(tasks.X_test), p)
    same = clone(fitted).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert_array_equal(same.predict_proba(tasks.X_test), p)


def test_string_labels_frames_and_integers(fitted, tasks):
    pd = pytest.importorskip("pandas")
    names = np.array(["no", "yes", "maybe"])[: tasks.y_target.max() + 1]
    order = np.argsort(names)

    def frame(X):
        return pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])

    clf = UOWQClassifier(make_net(), random_state=0).fit(
        frame(tasks.X_target),
        names[tasks.y_target],
        sources=[(frame(X), names[y]) for X, y in tasks.sources],
    )
    assert_array_equal(clf.classes_, names[order])
    assert set(clf.predict(frame(tasks.X_test))) <= set(names)
    assert clf.score(frame(tasks.X_test), names[tasks.y_test]) > 0.6
    whole = np.round(10 * tasks.X_target).astype(int)
    sources = [(np.round(10 * X).astype(int), y) for X, y in tasks.sources]
    clf = UOWQClassifier(make_net(), random_state=0).fit(whole, tasks.y_target, sources=sources)
    assert clf.predict(whole).shape == (40,)


class Image(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(16, 2)

    def forward(self, X):
        return self.head(torch.relu(self.convolution(X)).flatten(1))


def test_images_keep_their_axes():
    rng = np.random.RandomState(0)

    def draw(n):
        y = np.arange(n) % 2
        return rng.normal(size=(n, 1, 4, 4)) + y[:, None, None, None], y

    (X, y), sources = draw(12), [draw(80), draw(60)]
    net = make_net(Image, callbacks=None)
    clf = UOWQClassifier(net, random_state=0).fit(X, y, sources=sources)
    assert clf.score(*draw(200)) > 0.9
    with pytest.raises(ValueError, match="source 1 has rows of shape"):
        UOWQClassifier(net).fit(X, y, sources=[sources[0], (sources[1][0][..., :3], sources[1][1])])


@pytest.mark.slow
def test_grid_search_over_module_sizes_and_pipelines(tasks):
    model = make_transfer_pipeline(StandardScaler(), UOWQClassifier(make_net(), random_state=0))
    search = GridSearchCV(
        model, {"uowqclassifier__estimator__module__n_hidden": [2, 8]}, cv=2, refit=True
    ).fit(tasks.X_target, tasks.y_target, sources=Sources(tasks.sources))
    best = search.best_estimator_[-1].estimator_
    assert best.module_.body[0].out_features in (2, 8)
    scores = cross_val_score(
        UOWQClassifier(make_net(), random_state=0),
        tasks.X_target,
        tasks.y_target,
        cv=2,
        params={"sources": Sources(tasks.sources)},
    )
    assert np.isfinite(scores).all()


def test_a_network_inside_a_pipeline_names_the_remedy(tasks):
    with pytest.raises(ValueError, match="make_transfer_pipeline"):
        UOWQClassifier(make_pipeline(StandardScaler(), make_net())).fit(
            tasks.X_target, tasks.y_target, sources=tasks.sources
        )


def with_all(rule=PlugIn, **options):
    rule = rule(parameters="all", **options)
    return UOWQClassifier(make_net(max_epochs=12), discrepancy=rule, random_state=0)


def test_all_parameters_static_is_the_plug_in_of_separate_trainings(tasks):
    clf = with_all(n_updates=0).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.history_.shape == (1, 2)
    module = clf.estimator_.module_
    assert clf.n_parameters_ == sum(p.numel() for p in module.parameters())
    # The far source is further.
    assert clf.discrepancy_[1, 1] > clf.discrepancy_[0, 0]
    assert clf.source_weights_[1] < clf.source_weights_[0]
    # The promised gain rests on it.
    assert clf.expected_error_ < clf.target_only_error_


def test_all_parameters_dynamic_updates_along_the_training(tasks):
    clf = with_all(n_updates=2, update_every=3)
    clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.history_.shape == (3, 2)
    assert not np.allclose(clf.history_[0], clf.history_[1])
    assert_allclose(clf.source_weights_, clf.history_[-1])
    with_all(Debiased).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)


def test_source_networks_may_be_given(tasks):
    from skuowq._data.domains import Domain

    own = with_all(n_updates=0).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    given = [
        train_weighted(make_net(max_epochs=12), Domain(X, y, np.ones(len(y))), [], [], seed=seed)
        for X, y in tasks.sources
    ]
    for networks in (given, [net.module_.state_dict() for net in given]):
        clf = with_all(n_updates=0, source_estimators=networks)
        clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
        assert_allclose(clf.discrepancy_, own.discrepancy_, rtol=1e-5)
    with pytest.raises(ValueError, match="source_estimators holds 1"):
        with_all(source_estimators=given[:1]).fit(
            tasks.X_target, tasks.y_target, sources=tasks.sources
        )
    other = make_net(MLP, module__n_hidden=3, callbacks=[FitShapes()], max_epochs=1)
    X, y = tasks.sources[0]
    other = train_weighted(other, Domain(X, y, np.ones(len(y))), [], [], seed=0)
    with pytest.raises(ValueError, match=r"source_estimators\[1\].*other parameters"):
        with_all(source_estimators=[given[0], other]).fit(
            tasks.X_target, tasks.y_target, sources=tasks.sources
        )


def test_all_parameters_need_fitted_parameters(tasks):
    class ByScores(Reml):
        parameters = "all"

    clf = UOWQClassifier(make_net(), discrepancy=ByScores())
    with pytest.raises(
        ValueError, match=r"mean scores, which all .* pass PlugIn\(parameters='all'\)"
    ):
        clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)


def test_given_discrepancy(tasks):
    clf = UOWQClassifier(make_net(), discrepancy=[[0.001, 0], [0, 10.0]], random_state=0)
    clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert clf.source_weights_[0] > 0.7


def test_target_only_needs_no_sources(tasks):
    clf = UOWQClassifier(make_net(), random_state=0).fit(tasks.X_target, tasks.y_target)
    assert clf.source_weights_.shape == (0,)
    assert clf.score(tasks.X_target, tasks.y_target) > 0.6


def test_progress_is_printed_with_verbose_and_not_without(tasks, capsys):
    net = make_net(max_epochs=2)
    UOWQClassifier(net, random_state=0).fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert capsys.readouterr().out == ""
    UOWQClassifier(net, random_state=0, verbose=1).fit(
        tasks.X_target, tasks.y_target, sources=tasks.sources
    )
    printed = capsys.readouterr().out
    assert "[UOWQ] weights [" in printed
    assert "train_loss" in printed
    assert "\033" not in printed  # No colours in a log.
    tuned, alone = "network tuned from the sources", "network of the target alone"
    assert re.findall(r"\[networks\] (.*), \d+\.\d s", printed) == [
        "network of the sources: 1 of 7, 6 left",
        f"{tuned}, part 1 held out: 2 of 7, 5 left",
        f"{tuned}, part 2 held out: 3 of 7, 4 left",
        f"{alone}, part 1 held out: 4 of 7, 3 left",
        f"{alone}, part 2 held out: 5 of 7, 2 left",
        f"{alone}: 6 of 7, 1 left",
        f"{tuned}: 7 of 7, 0 left",
    ]


@pytest.mark.parametrize(
    ("rule", "trained"),
    [
        (
            PlugIn(n_updates=0, parameters="all"),
            ["of the target", "of source 'near'", "of source 'far'"],
        ),
        (np.diag([0.1, 0.2]), []),
    ],
    ids=["all parameters", "given"],
)
def test_each_training_has_a_line(tasks, rule, trained, capsys):
    clf = UOWQClassifier(make_net(max_epochs=1), discrepancy=rule, random_state=0, verbose=1)
    near, far = tasks.sources
    clf.fit(tasks.X_target, tasks.y_target, sources={"near": near, "far": far})
    printed = capsys.readouterr().out
    lines = re.findall(r"\[networks\] network (.*): (\d) of (\d), (\d) left", printed)
    total = len(trained) + 1
    assert lines == [
        (what, str(k), str(total), str(total - k))
        for k, what in enumerate([*trained, "trained with the weights"], 1)
    ]


def test_a_class_without_weight_keeps_its_output():
    """The head's rows are the classes', whichever of them the weighted rows have."""
    tasks = make_classification_tasks(
        n_target=90, n_samples=(300,), discrepancies=(0.0,), random_state=0
    )
    X, y = tasks.X_target[tasks.y_target > 0], tasks.y_target[tasks.y_target > 0]
    net = make_net(max_epochs=5)
    with pytest.warns(UserWarning, match="appear only in the sources"):
        clf = UOWQClassifier(net, max_weight=0.0, random_state=0).fit(X, y, sources=tasks.sources)
    assert clf.source_weights_.tolist() == [0]
    p = clf.predict_proba(X)
    assert np.all(p[:, 0] < 1e-3)
    assert np.mean(clf.predict(X) == y) > 0.7


def test_one_logit_of_two_classes_with_all_parameters(tasks):
    class OneLogit(nn.Linear):
        def __init__(self):
            super().__init__(tasks.X_target.shape[1], 1)

    net = NeuralNetBinaryClassifier(
        OneLogit, max_epochs=30, lr=0.3, train_split=None, device=DEVICE
    )
    sources = [(X, (y > 0).astype(int)) for X, y in tasks.sources]
    clf = UOWQClassifier(
        net, discrepancy=PlugIn(n_updates=0, parameters="all"), random_state=0
    ).fit(tasks.X_target, (tasks.y_target > 0).astype(int), sources=sources)
    assert clf.discrepancy_[1, 1] > clf.discrepancy_[0, 0] > 0


def test_more_outputs_than_classes_and_modules_of_their_own_precision(tasks):
    wide = make_net(
        callbacks=None,
        module__n_features=tasks.X_target.shape[1],
        module__n_classes=6,
        max_epochs=1,
    )
    p = UOWQClassifier(wide, random_state=0).fit(tasks.X_target, tasks.y_target)
    assert_allclose(p.predict_proba(tasks.X_test).sum(axis=1), 1)

    class Single(MLP):
        def forward(self, X):
            return super().forward(X.float())

    clf = UOWQClassifier(make_net(Single, max_epochs=2), random_state=0)
    clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    assert np.isfinite(clf.predict_proba(tasks.X_test)).all()


def test_small_batches_are_refused_where_there_are_sources(tasks):
    with pytest.raises(ValueError, match="batch_size is 1"):
        UOWQClassifier(make_net(batch_size=1)).fit(
            tasks.X_target, tasks.y_target, sources=tasks.sources
        )


DIVERGES = {"optimizer": torch.optim.SGD, "lr": 0.1, "max_epochs": 10}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"discrepancy": "plugin"},
        {"discrepancy": [0.01, 0.02]},
        {"discrepancy": PlugIn(n_updates=1, parameters="all", update_every=2)},
    ],
)
@pytest.mark.parametrize("scale", [1e3, 1e8, 1e20])
def test_a_network_that_diverges_is_an_error(tasks, options, scale):
    sources = [(scale * X, y) for X, y in tasks.sources]
    clf = UOWQClassifier(make_net(**DIVERGES), random_state=0, **options)
    with pytest.raises(ValueError, match=r"has diverged .* Scale the columns"):
        clf.fit(scale * tasks.X_target, tasks.y_target, sources=sources)
    with pytest.raises(ValueError, match=r"MLP has diverged in epoch .* on the target"):
        clf.fit(1e8 * tasks.X_target, tasks.y_target)


def test_numbers_beyond_single_precision_name_their_domain(tasks):
    beyond = [(1e39 * X, y) for X, y in tasks.sources]
    far = tasks.sources[1][0].copy()
    far[7, 2] = 4e38
    for options in ({}, {"discrepancy": PlugIn(n_updates=0, parameters="all")}):
        clf = UOWQClassifier(make_net(max_epochs=2), random_state=0, **options)
        with pytest.raises(ValueError, match=r"column . spans .* float32"):
            clf.fit(1e39 * tasks.X_target, tasks.y_target, sources=beyond)
        # A single row that is far outside the target's range takes no part.
        clf.fit(tasks.X_target, tasks.y_target, sources=[(far, tasks.sources[1][1])])
        assert clf.source_n_samples_.tolist() == [len(far) - 1]


def test_what_the_head_needs_is_asked_for_before_the_sources_are_learnt(tasks):
    class NoHead(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(tasks.X_target.shape[1], 8)
            self.weight = nn.Parameter(torch.ones(8, 3))

        def forward(self, X):
            return self.hidden(X) @ self.weight

    class Trains(Callback):
        epochs = 0

        def on_epoch_begin(self, net, **kwargs):
            Trains.epochs += 1

    def fails(message, module, sources=tasks.sources, **options):
        clf = UOWQClassifier(make_net(module, callbacks=[Trains()], **options), random_state=0)
        with pytest.raises(ValueError, match=message):
            clf.fit(tasks.X_target, tasks.y_target, sources=sources)
        assert Trains.epochs == 0

    fails("NoHead does not end in a linear layer", NoHead)
    shape = {"module__in_features": tasks.X_target.shape[1], "module__out_features": 2}
    kept = [(X[y < 2], y[y < 2]) for X, y in tasks.sources]
    assert tasks.y_target.max() == 2
    fails("Linear has 2 outputs, and there are 3 classes", nn.Linear, kept, **shape)


def test_given_networks_that_have_diverged_are_refused(tasks):
    shape = {"module__n_features": tasks.X_target.shape[1], "module__n_classes": 3}
    net = make_net(callbacks=None, max_epochs=1, **shape)
    fine, spoiled = net.initialize().module_, make_net(callbacks=None, **shape).initialize().module_
    with torch.no_grad():
        spoiled.head.weight[0, 0] = torch.nan
    clf = UOWQClassifier(net, discrepancy=PlugIn(0, "all", source_estimators=[fine, spoiled]))
    with pytest.raises(ValueError, match=r"source_estimators\[1\] has parameters that are not"):
        clf.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
