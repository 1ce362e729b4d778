"""Helpers of scikit-learn that hand labels on as 0, 1, ...: the sources' are coded likewise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from skuowq import DiscriminatorGateClassifier, OT3LClassifier, Sources, UOWQClassifier
from skuowq.datasets import make_classification_tasks

TASKS = make_classification_tasks(
    n_target=60, n_samples=(200, 150), discrepancies=(0.0, 0.3), n_features=3, n_classes=3,
    random_state=0,
)  # fmt: skip
X, y = TASKS.X_target, TASKS.y_target
NAMES = {"numbers": np.array([1, 2, 3]), "negative": np.array([-1, 0, 1]), "text": list("abc")}


def sources(names, known=True):
    """The first lacks a class, the second the other end."""
    names = np.array(names)
    (X_1, y_1), (X_2, y_2) = TASKS.sources
    pairs = [(X_1[y_1 < 2], names[y_1[y_1 < 2]]), (X_2[y_2 < 2], names[y_2[y_2 < 2]])]
    return Sources(pairs, target_classes=names if known else None)


def bound(given):
    return UOWQClassifier().bind_sources(given)


HELPERS = {
    "VotingClassifier": lambda clf: VotingClassifier([("a", clf)], voting="soft"),
    "StackingClassifier": lambda clf: StackingClassifier([("a", clf)], cv=3),
    "BaggingClassifier": lambda clf: BaggingClassifier(clf, n_estimators=2, random_state=0),
    "CalibratedClassifierCV": lambda clf: CalibratedClassifierCV(clf, ensemble=False, cv=3),
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("helper", HELPERS)
def test_labels_of_any_kind_are_as_good_as_codes(helper, names):
    plain = HELPERS[helper](bound(sources(range(3)))).fit(X, y)
    named = HELPERS[helper](bound(sources(names))).fit(X, np.array(names)[y])
    assert_array_equal(named.classes_, names)
    expected = plain.predict_proba(TASKS.X_test)
    assert_allclose(named.predict_proba(TASKS.X_test), expected, atol=1e-10)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "clf",
    [
        UOWQClassifier(),
        DiscriminatorGateClassifier(LogisticRegression(), trust=1.0, random_state=0),
        OT3LClassifier(random_state=0),
    ],
)
def test_cross_validated_probabilities(clf, names):
    def found(names):
        labels, params = np.array(names)[y], {"sources": sources(names)}
        return cross_val_predict(clf, X, labels, method="predict_proba", params=params, cv=3)

    assert_allclose(found(names), found(range(3)), atol=1e-10)


def test_a_class_that_only_sources_have_follows_the_codes():
    (X_1, y_1), (X_2, y_2) = TASKS.sources
    extra = np.where(np.arange(len(y_1)) < 20, 0, y_1 + 1)
    more = Sources([(X_1, extra), (X_2, y_2 + 1)], target_classes=[1, 2, 3])
    voting = VotingClassifier([("a", bound(more))])
    with pytest.warns(UserWarning, match=r"Classes \[3\] appear only in the sources"):
        voting.fit(X, y + 1)
    assert_array_equal(voting.estimators_[0].classes_, [0, 1, 2, 3])


@pytest.mark.parametrize("helper", HELPERS)
def test_what_may_be_codes_is_refused_with_the_helpers_name(helper):
    """Whether 1 is the sources' 1, nobody knows: their labels may be 1, 2 of 1, 2, 3."""
    with pytest.raises(ValueError, match=rf"^{helper} hands y on as 0, 1, .*target_classes=y"):
        HELPERS[helper](bound(sources([1, 2, 3], known=False))).fit(X, y + 1)


def test_cross_val_predict_is_named_where_the_user_calls_it():
    clf, params = UOWQClassifier(), {"sources": sources([1, 2, 3], known=False)}
    with pytest.raises(ValueError, match=r"^cross_val_predict hands y on as 0, 1, "):
        cross_val_predict(clf, X, y + 1, method="predict_proba", params=params, cv=3)


def test_folds_that_predict_labels_and_sources_of_all_classes_are_left_alone():
    pairs = [(X_i, y_i + 1) for X_i, y_i in TASKS.sources]
    found = cross_val_predict(UOWQClassifier(), X, y + 1, params={"sources": Sources(pairs)})
    assert np.mean(found == y + 1) > 0.6
    whole = Sources(TASKS.sources)
    VotingClassifier([("a", bound(whole))]).fit(X, y)
