"""GateWeightsDisplay: what it draws is what it was given."""

import pytest

pytest.importorskip("matplotlib")

import matplotlib.pyplot as plt
import numpy as np
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skuowq import DiscriminatorGateClassifier, make_transfer_pipeline
from skuowq.datasets import make_classification_tasks
from skuowq.plotting import GateWeightsDisplay


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    tasks = make_classification_tasks(random_state=0, n_samples=(40, 50), discrepancies=(0, 1))
    clf = DiscriminatorGateClassifier(LogisticRegression(), trust=[1.0, 0.5], random_state=0)
    sources = {"near": tasks.sources[0], "far": tasks.sources[1]}
    return make_transfer_pipeline(StandardScaler(), clf).fit(
        tasks.X_target, tasks.y_target, sources=sources
    )


def bars(ax):
    return [[patch.get_height() for patch in container] for container in ax.containers]


def test_histograms_count_all_rows_one_source_a_line(fitted):
    display = GateWeightsDisplay.from_estimator(fitted)
    ax = display.ax_
    assert display.figure_ is ax.figure
    assert len(ax.containers) == 2
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["near\ntrust 1", "far\ntrust 0.5"]
    for heights, weights in zip(bars(ax), fitted[-1].gate_weights_, strict=True):
        heights = np.array(heights)
        assert_allclose(heights.max(), 0.8)
        # Heights are counts: their ratios sum to the rows over those of the highest bar.
        counts = heights / heights[heights > 0].min()
        assert np.allclose(counts, np.round(counts), atol=0.34)
        assert heights.sum() / heights.max() <= len(weights)
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "v"]
    assert_allclose(means, [np.maximum(w, 1e-3).mean() for w in fitted[-1].gate_weights_])


def test_perturbed_rows_hang_below(fitted):
    mask = np.arange(40) < 15
    ax = GateWeightsDisplay.from_estimator(fitted, perturbed={"near": mask}).ax_
    assert len(ax.containers) == 3
    up, down, other = bars(ax)
    assert min(up) >= 0
    assert max(down) <= 0
    assert min(other) >= 0
    markers = [line.get_marker() for line in ax.lines]
    assert markers.count("^") == 1
    assert markers.count("v") == 2


def test_a_given_axes_is_used():
    _, ax = plt.subplots()
    display = GateWeightsDisplay(gate_weights=[[0.5, 1.0]], names=["a"], trust=[1.0]).plot(ax)
    assert display.ax_ is ax


def test_errors(fitted):
    with pytest.raises(ValueError, match="perturbed names 'west', and the sources are"):
        GateWeightsDisplay.from_estimator(fitted, perturbed={"west": [True]})
    with pytest.raises(ValueError, match=r"has shape \(1,\), and the source has 40 rows"):
        GateWeightsDisplay.from_estimator(fitted, perturbed={"near": [True]})
    with pytest.raises(NotFittedError):
        GateWeightsDisplay.from_estimator(DiscriminatorGateClassifier())
    X, y = np.random.RandomState(0).normal(size=(20, 2)), np.arange(20) % 2
    alone = DiscriminatorGateClassifier(LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="has no row weights to draw"):
        GateWeightsDisplay.from_estimator(alone)


def test_several_fits_stand_one_below_the_other(fitted):
    mask = np.arange(40) < 15
    fits = {"one": fitted, "other": fitted}
    display = GateWeightsDisplay.from_estimator(fits, perturbed={"near": mask})
    assert display.names == ["one: near", "one: far", "other: near", "other: far"]
    assert_allclose(display.trust, [1.0, 0.5, 1.0, 0.5])
    assert len(display.ax_.containers) == 6  # With the perturbed rows of each.
    for found, expected in zip(display.gate_weights, 2 * fitted[-1].gate_weights_, strict=True):
        assert_allclose(found, expected)
