"""scikit-learn's own checks, without a single expected failure.

Those of the networks are in ``networks/test_network_estimator_checks.py``.
"""

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_param_validation,
    parametrize_with_checks,
)

from skuowq import (
    DiscriminatorGateClassifier,
    JTLNClassifier,
    OT3LClassifier,
    TransferPipeline,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq.rules import PlugIn

CONSTRUCTIONS = [
    UOWQClassifier(),
    UOWQClassifier(discrepancy=PlugIn(n_updates=0)),
    UOWQClassifier(LogisticRegression(C=0.1), discrepancy="debiased", max_weight=1.0),
    UOWQClassifier(DecisionTreeClassifier(), classes="target", random_state=0),
    UOWQClassifier(HistGradientBoostingClassifier(max_iter=5)),
    DiscriminatorGateClassifier(LogisticRegression()),
    DiscriminatorGateClassifier(UOWQClassifier(DecisionTreeClassifier())),
    OT3LClassifier(random_state=0),
    UOWQRegressor(),
    UOWQRegressor(discrepancy="plugin", own_levels=False),
    UOWQRegressor(HistGradientBoostingRegressor(max_iter=5)),
]


@parametrize_with_checks(CONSTRUCTIONS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_parameter_validation():
    check_param_validation("UOWQClassifier", UOWQClassifier())
    gate = DiscriminatorGateClassifier()
    check_param_validation("DiscriminatorGateClassifier", gate)
    check_param_validation("JTLNClassifier", JTLNClassifier())
    check_param_validation("OT3LClassifier", OT3LClassifier())
    check_param_validation("UOWQRegressor", UOWQRegressor())


def failures(estimator):
    results = check_estimator(estimator, on_fail=None)
    return {r["check_name"] for r in results if r["status"] == "failed"}


@pytest.mark.filterwarnings("ignore")
def test_transfer_pipeline_fails_nothing_that_pipeline_passes():
    ours = failures(make_transfer_pipeline(StandardScaler(), LogisticRegression()))
    theirs = failures(make_pipeline(StandardScaler(), LogisticRegression()))
    assert ours <= theirs
    # With our own estimator at the end nothing new may fail either.
    assert failures(make_transfer_pipeline(StandardScaler(), UOWQClassifier())) <= theirs


def test_transfer_pipeline_has_pipelines_parameters():
    steps = [("scale", StandardScaler()), ("clf", LogisticRegression())]
    ours = TransferPipeline(steps).get_params(deep=False)
    assert set(ours) == set(Pipeline(steps).get_params(deep=False)) | {"fit_on"}
