"""Helpers of scikit-learn that transform the target and not the sources: a warning says so."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record

TASKS = make_classification_tasks(
    n_target=40, n_samples=(80, 60), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
X, y, SOURCES = TASKS.X_target, TASKS.y_target, Sources(TASKS.sources)
PIPELINE = "transforms the target's columns, and not the sources'.* make_transfer_pipeline"
RESPONSES = [(X_i, np.exp(X_i[:, 0])) for X_i, _ in TASKS.sources]
TARGET = X, np.exp(X[:, 0])


@pytest.mark.parametrize(
    "last",
    [
        UOWQClassifier().bind_sources(SOURCES),
        DiscriminatorGateClassifier(LogisticRegression(), trust=1.0).bind_sources(SOURCES),
        GridSearchCV(UOWQClassifier().bind_sources(SOURCES), {"max_weight": [None]}, cv=2),
    ],
)
def test_a_plain_pipeline(last):
    with pytest.warns(UserWarning, match=PIPELINE):
        make_pipeline(StandardScaler(), last).fit(X, y)


def test_a_plain_pipeline_in_cross_validation():
    model, params = make_pipeline(StandardScaler(), UOWQClassifier()), {"sources": SOURCES}
    with sklearn.config_context(enable_metadata_routing=True):  # noqa: SIM117
        with pytest.warns(UserWarning, match=PIPELINE):
            cross_val_score(model, X, y, cv=2, params=params)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline("passthrough", UOWQClassifier().bind_sources(SOURCES)),
        make_pipeline(StandardScaler(), UOWQClassifier()),
        make_pipeline(StandardScaler(), MultiTaskUOWQClassifier()),
        make_transfer_pipeline(StandardScaler(), UOWQClassifier()).bind_sources(SOURCES),
        UOWQClassifier(make_pipeline(StandardScaler(), LogisticRegression())).bind_sources(SOURCES),
        GridSearchCV(
            make_transfer_pipeline(StandardScaler(), UOWQClassifier()).bind_sources(SOURCES),
            {"uowqclassifier__max_weight": [None]},
            cv=2,
        ),
        TransformedTargetRegressor(UOWQRegressor().bind_sources(RESPONSES)),
    ],
)
def test_where_there_is_nothing_to_warn_of(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)


def test_a_transformed_response():
    def model(sources, **options):
        options = {"func": np.log, "inverse_func": np.exp} | options
        return TransformedTargetRegressor(UOWQRegressor().bind_sources(sources), **options)

    other = {"func": None, "inverse_func": None, "transformer": StandardScaler()}
    for options in ({}, other):
        with pytest.warns(UserWarning, match="transforms the target's y, .*transform_y=func"):
            model(RESPONSES, **options).fit(*TARGET)
    sources = Sources(RESPONSES, transform_y=np.log)
    found = model(sources).fit(*TARGET).predict(X)
    by_hand = UOWQRegressor().fit(X, np.log(TARGET[1]), [(X_i, np.log(z)) for X_i, z in RESPONSES])
    assert_allclose(found, np.exp(by_hand.predict(X)))
    # What is made of them knows it too.
    for same in (
        pickle.loads(pickle.dumps(sources)),
        sources.rename({"source 0": "a"}),
        sources.map_features(lambda X_i, label: X_i),
        Sources(sources, names=["a", "b"]),
    ):
        assert_allclose(model(same).fit(*TARGET).predict(X), found)


def test_a_transform_that_cannot_be():
    with pytest.raises(ValueError, match=r"source 'a': transform_y returns shape \(\) for 80 rows"):
        Sources({"a": RESPONSES[0]}, transform_y=np.sum)
    record = source_record(*TASKS.sources[0])
    with pytest.raises(
        TypeError, match="source 'a' is a SourceRecord without rows, so there is no y"
    ):
        Sources({"a": record}, transform_y=np.log)
