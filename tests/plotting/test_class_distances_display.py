"""ClassDistancesDisplay: numbers, names, frames."""

import pytest

pytest.importorskip("matplotlib")

import matplotlib.pyplot as plt
import numpy as np
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris

from skuowq.plotting import ClassDistancesDisplay
from skuowq.transport import class_distances


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_draws_the_distances_with_names_and_frames_the_nearest():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    display = ClassDistancesDisplay.from_data(X[50:], y[50:], X, names[y])
    expected = class_distances(X[50:], y[50:], X, y)
    assert_allclose(display.distances, expected)
    ax = display.ax_
    assert_allclose(ax.images[0].get_array(), expected)
    assert [label.get_text() for label in ax.get_yticklabels()] == names.tolist()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2"]
    assert len(ax.texts) == 6
    frames = [(patch.get_x() + 0.48, patch.get_y() + 0.48) for patch in ax.patches]
    assert_allclose(frames, [(0, 1), (1, 2)])


def test_several_sources_share_the_colours():
    X, y = load_iris(return_X_y=True)
    sources = {"two": (X[:100], y[:100]), "all, larger": (3 * X, y)}
    display = ClassDistancesDisplay.from_sources(X, y, sources)
    maps = [ax for ax in display.figure_.axes if ax.images]
    assert [ax.get_title(loc="left") for ax in maps] == list(sources)
    for ax, (X_i, y_i) in zip(maps, sources.values(), strict=True):
        assert_allclose(ax.images[0].get_array(), class_distances(X, y, X_i, y_i))
    assert maps[0].images[0].get_clim() == maps[1].images[0].get_clim()
    assert maps[1] is display.ax_


def test_many_classes_have_no_numbers_and_axes_may_be_given():
    _, ax = plt.subplots()
    display = ClassDistancesDisplay(distances=np.ones((20, 3))).plot(ax=ax)
    assert display.ax_ is ax
    assert len(ax.texts) == 0
    with pytest.raises(ValueError, match="target_classes has 1 names, and distances has 3"):
        ClassDistancesDisplay(distances=np.ones((2, 3)), target_classes=["a"]).plot()
