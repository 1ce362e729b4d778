"""The gate where no row of the target is labelled."""

import pytest

pytest.importorskip("torch")

import numpy as np
from datasets_of_images import GOOD, TEST, make_net
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochScoring
from skorch.dataset import ValidSplit
from torch.utils.data import Dataset

from skuowq import DiscriminatorGateClassifier, Sources, make_transfer_pipeline
from skuowq.networks import DANN, make_perceptron

RNG = np.random.RandomState(0)
# The target lies elsewhere, its labels depend on the features as the source's do.
X, X_SOURCE = RNG.normal(size=(200, 3)) + [0, 1.5, 0], RNG.normal(size=(300, 3))
Y, Y_SOURCE = (np.array(["no", "yes"])[(rows[:, 0] > 0).astype(int)] for rows in (X, X_SOURCE))
SOURCES = [(X_SOURCE, Y_SOURCE)]


def gated(estimator=None, **options):
    estimator = make_perceptron((16,), max_epochs=12, lr=0.02) if estimator is None else estimator
    return DiscriminatorGateClassifier(estimator, random_state=0, **options)


@pytest.mark.parametrize("alignment", ["dann", "dan", "dcoral", "adda", "pada", "gta", None])
def test_classes_are_learnt_from_the_sources(alignment):
    clf = gated(alignment=alignment).fit(X, sources=SOURCES)
    assert clf.score(X, Y) > 0.85
    assert clf.classes_.tolist() == ["no", "yes"]
    assert clf.trust_.tolist() == [1]
    assert_array_equal(clf.gate_weights_[0], 1)
    assert clf.target_net_ is None


@pytest.mark.parametrize("gate", [True, "boosted", "online"])
def test_gates_that_see_features_alone_prefer_rows_like_the_target(gate):
    clf = gated(gate=gate, gate_labels=False, alignment=None).fit(X, sources=SOURCES)
    weights, like_the_target = clf.gate_weights_[0], X_SOURCE[:, 1] > 1
    assert weights[like_the_target].mean() > 1.5 * weights[~like_the_target].mean()
    assert clf.score(X, Y) > 0.85
    assert "the gate sees features alone" in str(clf.source_report_)


def test_the_report_says_so():
    clf = gated(trust=[0.0, 2.0]).fit(X, sources=SOURCES * 2)
    text = str(clf.source_report_)
    assert text.startswith("200 target rows, none of them labelled; 600 rows of sources, not gated")
    assert "nothing could be held out to choose the trust, and there is no gate" in text
    assert clf.trust_.tolist() == [0, 2]


def test_scores_of_the_training_are_the_sources():
    score = EpochScoring("accuracy", on_train=True, name="seen", lower_is_better=False)
    net = make_perceptron((16,), max_epochs=12, lr=0.02).set_params(callbacks=[("seen", score)])
    clf = gated(net).fit(X, sources=SOURCES)
    assert clf.history_[-1]["seen"] > 0.85


def test_columns_are_scaled_in_a_pipeline():
    clf = make_transfer_pipeline(StandardScaler(), gated())
    assert clf.fit(100 * X, sources=[(100 * X_SOURCE, Y_SOURCE)]).score(100 * X, Y) > 0.85


class Bare(Dataset):
    """Images without labels."""

    def __len__(self):
        return len(TEST)

    def __getitem__(self, i):
        return TEST[i][0]


@pytest.mark.parametrize("gate_labels", [True, False])
def test_data_sets_without_labels(gate_labels):
    net = make_net(max_epochs=4)
    clf = DiscriminatorGateClassifier(net, gate_labels=gate_labels, random_state=0)
    clf.fit(Bare(), sources={"good": GOOD})
    assert clf.score(TEST, TEST.targets) > 0.7
    with pytest.raises(ValueError, match="the target yields no label"):
        clf.fit(Bare())


@pytest.mark.parametrize(
    ("options", "extra", "message"),
    [
        ({"gate": "online"}, {}, "gate='online' weighs rows by features and label, and y is None"),
        ({"gate": LogisticRegression()}, {}, "pass gate_labels=False to weigh them by features"),
        ({"trust": "cv"}, {}, "trust='cv' is chosen on labelled rows of the target, and y is None"),
        ({"trust": 0.0}, {}, "no source takes part: pass labels, or a trust above 0"),
        ({"classes": "target"}, {}, "classes='target' learns the target's classes, and y is None"),
        ({"alignment": DANN(labels="joint")}, {}, "given their labels, and y is None"),
        ({"estimator": LogisticRegression()}, {}, "LogisticRegression learns from labelled rows"),
        ({}, {"X_unlabeled": X[:9]}, "X_unlabeled is given, and y is None"),
        ({}, {"sources": Sources(SOURCES, X_unlabeled=X[:9])}, "X_unlabeled is given, and y is"),
        ({}, {"sample_weight": np.ones(200)}, "sample_weight weighs labelled rows of the target"),
        ({}, {"sources": [(X_SOURCE, ["no"] * 300)]}, "All source rows have the class 'no'"),
        ({}, {"sources": [(X_SOURCE, [np.nan] * 300)]}, "source 0: y contains NaN"),
        ({}, {"sources": None}, "requires y to be passed, but the target y is None"),
    ],
)
def test_what_needs_labels_is_refused(options, extra, message):
    with pytest.raises(ValueError, match=message):
        gated(**options).fit(X, **({"sources": SOURCES} | extra))


def test_a_split_of_the_net_would_validate_on_labels():
    net = make_perceptron((16,)).set_params(train_split=ValidSplit(5))
    with pytest.raises(ValueError, match="validates on labelled rows of the target, and y is None"):
        gated(net).fit(X, sources=SOURCES)


def test_copies_of_target_rows_count_as_often_as_they_are_there():
    copies = np.repeat(X[:2], 400, axis=0)
    clf = gated(make_perceptron((16,), max_epochs=1)).fit(copies, sources=SOURCES)
    # An epoch sees every row of the target once.
    assert clf.history_[-1]["train_batch_count"] == -(-800 // clf.net_.batch_size)
