"""With ``array_api_dispatch=True`` tensors are as good as arrays, as for scikit-learn's own."""

import os

import pytest

pytest.importorskip("torch")

import numpy as np
import scipy
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    OT3LClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq.datasets import make_classification_tasks

pytestmark = pytest.mark.skipif(
    os.environ.get("SCIPY_ARRAY_API") != "1", reason="scikit-learn asks for this variable"
)

TASKS = make_classification_tasks(
    n_target=40, n_samples=(80, 60), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
ARRAYS = TASKS.X_target, TASKS.y_target, TASKS.sources, TASKS.X_test[:20]
TENSORS = (
    *map(torch.asarray, ARRAYS[:2]),
    [tuple(map(torch.asarray, source)) for source in TASKS.sources],
    torch.asarray(ARRAYS[3]),
)


old_scipy = pytest.mark.skipif(
    parse_version(scipy.__version__) < parse_version("1.14"),
    reason="scikit-learn dispatches from SciPy 1.14 on",
)


@pytest.mark.parametrize("dispatch", [pytest.param(True, marks=old_scipy), False])
@pytest.mark.parametrize(
    "estimator",
    [
        UOWQClassifier(),
        UOWQClassifier(DecisionTreeClassifier(max_depth=2, random_state=0)),
        UOWQRegressor(),
        MultiTaskUOWQClassifier(),
        DiscriminatorGateClassifier(LogisticRegression(), trust=1.0, random_state=0),
        OT3LClassifier(random_state=0),
        make_transfer_pipeline(StandardScaler(), UOWQClassifier()),
    ],
)
def test_tensors_give_what_arrays_give(estimator, dispatch):
    several = {} if isinstance(estimator, MultiTaskUOWQClassifier) else {"sources": ARRAYS[2]}
    expected = estimator.fit(*ARRAYS[:2], **several).predict(ARRAYS[3])
    with config_context(array_api_dispatch=dispatch):
        several = {} if isinstance(estimator, MultiTaskUOWQClassifier) else {"sources": TENSORS[2]}
        found = estimator.fit(*TENSORS[:2], **several).predict(TENSORS[3])
    assert_allclose(np.asarray(found), expected)


@pytest.mark.skipif(
    sklearn.__version__.startswith("1.7"), reason="its scores compare arrays of one library"
)
def test_scores_and_sources_that_are_bound():
    clf = UOWQClassifier().bind_sources(TENSORS[2])
    with config_context(array_api_dispatch=True):
        found = cross_val_score(clf, *TENSORS[:2], cv=3)
        unlabeled = Sources(TENSORS[2], X_unlabeled=TENSORS[3])
        assert clf.fit(*TENSORS[:2], sources=unlabeled).n_sources_ == 2
    expected = cross_val_score(UOWQClassifier().bind_sources(ARRAYS[2]), *ARRAYS[:2], cv=3)
    assert_array_equal(found, expected)
