"""scikit-learn's own checks on estimators around networks, without a single expected failure."""

import pytest

pytest.importorskip("torch")

from nets import make_net, make_regression_net
from sklearn.utils.estimator_checks import parametrize_with_checks

from skuowq import (
    DiscriminatorGateClassifier,
    JTLNClassifier,
    MultiTaskUOWQClassifier,
    OT3LClassifier,
    UOWQClassifier,
    UOWQRegressor,
)
from skuowq.networks import make_perceptron
from skuowq.rules import PlugIn

CONSTRUCTIONS = [
    UOWQClassifier(make_net(max_epochs=40), random_state=0),
    UOWQClassifier(make_net(max_epochs=40), discrepancy=PlugIn(parameters="all"), random_state=0),
    DiscriminatorGateClassifier(make_perceptron(max_epochs=15), random_state=0),
    DiscriminatorGateClassifier(
        make_perceptron(max_epochs=15), alignment="gta", gate="online", trust=1.0, random_state=0
    ),
    JTLNClassifier(make_perceptron(max_epochs=30), random_state=0),
    MultiTaskUOWQClassifier(make_net(max_epochs=40), random_state=0),
    OT3LClassifier(make_net(max_epochs=40), random_state=0),
    UOWQRegressor(make_regression_net(max_epochs=40), random_state=0),
]


@parametrize_with_checks(CONSTRUCTIONS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
