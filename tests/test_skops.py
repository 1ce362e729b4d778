"""Estimators survive skops, which takes plain attributes and objects made by their own class."""

import pytest

pytest.importorskip("skops")

import skops.io as sio
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression

from skuowq import DiscriminatorGateClassifier, OT3LClassifier, UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import source_record

TASKS = make_classification_tasks(
    n_target=30, n_samples=(60, 50), discrepancies=(0.0, 0.5), n_features=3, random_state=0
)
RECORDS = [source_record(*source) for source in TASKS.sources]


@pytest.mark.parametrize(
    "estimator",
    [
        UOWQClassifier(),
        UOWQClassifier().bind_sources(TASKS.sources),
        UOWQClassifier().bind_sources(RECORDS),
        DiscriminatorGateClassifier(LogisticRegression()),
        OT3LClassifier(),
    ],
)
def test_estimators_come_back(estimator):
    bound = getattr(estimator, "_bound_sources", None)
    sources = TASKS.sources if bound is None else None
    estimator.fit(TASKS.X_target, TASKS.y_target, sources=sources)
    data = sio.dumps(estimator)
    back = sio.loads(data, trusted=sio.get_untrusted_types(data=data))
    assert_array_equal(back.predict_proba(TASKS.X_test), estimator.predict_proba(TASKS.X_test))
    if bound is not None:
        assert repr(back._bound_sources) == repr(bound)
        again = back.fit(TASKS.X_target, TASKS.y_target)
        assert_array_equal(again.source_weights_, estimator.source_weights_)
