"""Frames of other libraries than pandas: their columns are checked by name as well."""

import pytest

pytest.importorskip("polars")

import numpy as np
import polars as pl
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skuowq import (
    DiscriminatorGateClassifier,
    OT3LClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq.datasets import make_classification_tasks

pd = optional("pandas")

TASKS = make_classification_tasks(
    n_target=40, n_samples=(80, 60), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
NAMES = ["a", "b", "c"]
TARGET = pl.DataFrame(TASKS.X_target, schema=NAMES), TASKS.y_target
SOURCES = [(pl.DataFrame(X, schema=NAMES), y) for X, y in TASKS.sources]
X_TEST = pl.DataFrame(TASKS.X_test, schema=NAMES)
ESTIMATORS = [
    UOWQClassifier(),
    UOWQClassifier(DecisionTreeClassifier(max_depth=2, random_state=0)),
    UOWQRegressor(),
    DiscriminatorGateClassifier(LogisticRegression(), trust=1.0, random_state=0),
    OT3LClassifier(random_state=0),
    make_transfer_pipeline(StandardScaler(), UOWQClassifier()),
    make_transfer_pipeline(StandardScaler(), UOWQClassifier(), fit_on="pooled"),
]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_frames_are_as_good_as_arrays(estimator):
    expected = estimator.fit(TASKS.X_target, TASKS.y_target, sources=TASKS.sources)
    expected = expected.predict(TASKS.X_test)
    found = estimator.fit(*TARGET, sources=SOURCES)
    assert_array_equal(found.feature_names_in_, NAMES)
    assert_allclose(found.predict(X_TEST), expected, rtol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.select("b", "a", "c"), "the same columns in another order"),
        (lambda frame: frame.rename({"b": "z"}), r"unknown columns \['z'\], missing columns"),
    ],
)
def test_columns_that_are_not_the_targets(estimator, change, message):
    (X_1, y_1), other = SOURCES
    if hasattr(estimator, "steps"):
        message = "The feature names should match|" + message
    with pytest.raises(ValueError, match=f"source 0.*({message})"):
        estimator.fit(*TARGET, sources=[(change(X_1), y_1), other])


def test_frames_of_two_libraries():
    pytest.importorskip("pandas")
    (X_1, y_1), other = SOURCES
    mixed = [(pd.DataFrame(X_1.to_numpy(), columns=NAMES), y_1), other]
    assert UOWQClassifier().fit(*TARGET, mixed).n_sources_ == 2
    turned = pd.DataFrame(X_1.to_numpy(), columns=NAMES[::-1])
    with pytest.raises(ValueError, match="source 0 has the same columns in another order"):
        UOWQClassifier().fit(*TARGET, [(turned, y_1), other])


def test_domains_in_one_frame():
    stacked = pl.concat([TARGET[0], *(X for X, _ in SOURCES)])
    labels = pl.Series(np.concatenate([TARGET[1], *(y for _, y in SOURCES)]))
    domain = pl.Series(np.repeat(["here", "there", "elsewhere"], [40, 80, 60]))
    X, y, sources = Sources.from_domains(stacked, labels, domain, target="here")
    assert sources.names == ("elsewhere", "there")
    found = UOWQClassifier().fit(X, y, sources).source_weights_
    expected = UOWQClassifier().fit(*TARGET, SOURCES[::-1]).source_weights_
    assert_allclose(found, expected)
    with pytest.raises(TypeError, match=r"a LazyFrame of polars, .*collect\(\)"):
        Sources([(stacked.lazy(), labels)])
