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

# A check asks for seven digits whatever rows are predicted together, which GPUs do not give.
CPU = {"device": "cpu"}


def quick_perceptron():
    """Learns the checks' data in few steps: most of the time of a check is steps."""
    return make_perceptron((16,), max_epochs=8, lr=0.03, **CPU)


CONSTRUCTIONS = [
    UOWQClassifier(make_net(max_epochs=40, **CPU), random_state=0),
    UOWQClassifier(
        make_net(max_epochs=40, **CPU), discrepancy=PlugIn(parameters="all"), random_state=0
    ),
    DiscriminatorGateClassifier(quick_perceptron(), random_state=0),
    DiscriminatorGateClassifier(
        quick_perceptron(), alignment="gta", gate="online", trust=1.0, random_state=0
    ),
    JTLNClassifier(quick_perceptron(), random_state=0),
    MultiTaskUOWQClassifier(make_net(max_epochs=40, **CPU), random_state=0),
    OT3LClassifier(make_net(max_epochs=8, lr=0.05, **CPU), random_state=0),
    UOWQRegressor(make_regression_net(max_epochs=40, **CPU), random_state=0),
]


@parametrize_with_checks(CONSTRUCTIONS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
