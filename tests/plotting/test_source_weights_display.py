import pytest

pytest.importorskip("matplotlib")

import sys

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skuowq.plotting import SourceWeightsDisplay


class FakeEstimator(BaseEstimator):
    def fit(self, X=None, y=None, sources=((0.5, 100), (0.001, 1000))):
        self.n_target_ = 50.0
        if sources is not None:
            self.source_weights_ = np.array([w for w, _ in sources])
            self.source_n_samples_ = np.array([float(n) for _, n in sources])
            self.source_names_ = [f"source {i}" for i in range(len(sources))]
        return self


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def annotations(display):
    return [text.get_text() for text in display.ax_.texts]


def test_from_estimator(plt):
    display = SourceWeightsDisplay.from_estimator(FakeEstimator().fit())
    ax = display.ax_
    assert ax.get_title(loc="left") == "50 target rows; source rows count as 51"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["source 0", "source 1"]
    assert set(annotations(display)) == {
        "a target row",
        "w = 0.5: 100 rows count as 50",
        "w = 0.001: 1,000 rows count as 1",
    }
    widths = {round(bar.get_y() + bar.get_height() / 2): bar.get_width() for bar in ax.patches}
    assert widths == {0: 0.5, 1: 0.001}
    top, bottom = ax.transData.transform([(0, 0), (0, 1)])[:, 1]
    assert top > bottom  # the first source is on top
    assert display.figure_ is ax.figure


def test_pipeline_takes_the_last_step(plt):
    pipeline = make_pipeline(StandardScaler(), FakeEstimator().fit())
    display = SourceWeightsDisplay.from_estimator(pipeline)
    np.testing.assert_array_equal(display.source_weights, [0.5, 0.001])


def test_pale_sources(plt):
    display = SourceWeightsDisplay.from_estimator(FakeEstimator().fit())
    hatches = [bar.get_hatch() for bar in display.ax_.patches]
    assert hatches == [None, "////"]
    colors = [label.get_color() for label in display.ax_.get_yticklabels()]
    assert colors == ["black", "0.4"]
    assert display.ax_.get_xlabel().endswith("(a target row = 1; pale: below 0.01)")


@pytest.mark.parametrize(
    ("weight", "n", "text"),
    [
        (0.03, 299, "w = 0.03: 299 rows count as 9"),
        (0, 12, "w = 0: 12 rows count as 0"),
        (1e-7, 10, "w < 0.001: 10 rows count as under 0.001"),
        (1.3456, 29_900, "w = 1.3: 29,900 rows count as 40,233"),
        (14.2, 7.5, "w = 14: 7.5 rows count as 106"),
        (9.96, 1, "w = 10: 1 rows count as 10"),
    ],
)
def test_annotation(plt, weight, n, text):
    display = SourceWeightsDisplay(
        source_weights=[weight], n_samples=[n], names=["a"], n_target=20
    ).plot()
    assert text in annotations(display)


@pytest.mark.parametrize(
    "weights", [[0.4], [0.99, 0.1], [14, 1, 0.5], [0, 0, 0], list(np.linspace(0, 1.2, 30))]
)
@pytest.mark.parametrize("name", ["a", "a very long name of a source, longer than the axes like"])
def test_everything_fits(plt, weights, name):
    K = len(weights)
    display = SourceWeightsDisplay(
        source_weights=weights, n_samples=[29_999] * K, names=[name] * K, n_target=20
    ).plot()
    display.figure_.draw_without_rendering()
    frame = display.figure_.bbox
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    boxes += [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    for box in boxes:
        assert frame.x0 - 1 <= box.x0 < box.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= box.y0 < box.y1 <= frame.y1 + 1
    assert display.ax_.get_xlim()[1] >= max(1, *weights, 0)


def test_figure_grows(plt):
    heights = [
        SourceWeightsDisplay(
            source_weights=[0.5] * K, n_samples=[10] * K, names=["a"] * K, n_target=20
        )
        .plot()
        .figure_.get_figheight()
        for K in (1, 4, 30)
    ]
    assert heights == sorted(heights)
    assert heights[2] > 8


def test_plot_on_axes_given_changes_no_data(plt):
    data = {"source_weights": [0.5, 2], "n_samples": [10, 20], "names": ["a", 1], "n_target": 20}
    display = SourceWeightsDisplay(**data)
    figure, axes = plt.subplots(1, 2)
    assert display.plot(ax=axes[1]) is display
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    display.plot()
    assert display.ax_ is not axes[1]
    assert {name: getattr(display, name) for name in data} == data


def test_several_fits_side_by_side(plt):
    """Sources are matched by name; a fit that lacks one says so."""
    one = FakeEstimator().fit(sources=((0.001, 100), (0.25, 1000)))
    other = FakeEstimator().fit(sources=((0.75, 10),))
    other.source_names_ = ["source 1"]
    display = SourceWeightsDisplay.from_estimator({"one": one, "other": other})
    np.testing.assert_array_equal(display.source_weights, [[0.001, 0.25], [np.nan, 0.75]])
    ax = display.ax_
    bars = {bar.get_width(): bar for bar in ax.patches}
    assert set(bars) == {0.001, 0.25, 0, 0.75}
    assert bars[0.25].get_hatch() != bars[0.75].get_hatch()
    # Both bars of source 1 stand beside its name, and do not overlap.
    low, high = sorted((bars[0.25].get_y(), bars[0.75].get_y()))
    assert low + bars[0.25].get_height() <= high
    assert 0.5 < low < high < 1.5
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
    assert "not in this fit" in annotations(display)
    assert "w = 0.75: 10 rows count as 7.5" in annotations(display)
    # No bar is pale, so no text is: nothing would say what it means.
    assert {text.get_color() for text in display.ax_.texts} == {"black"}
    display.figure_.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x1 <= display.figure_.bbox.x1


def test_several_fits_are_checked():
    with pytest.raises(ValueError, match="estimator is empty"):
        SourceWeightsDisplay.from_estimator({})
    display = SourceWeightsDisplay(
        source_weights=[[0.5], [1]], n_samples=[[5], [5]], names=["a"], n_target=5, fits=["one"]
    )
    with pytest.raises(ValueError, match=r"shape \(2, 1\), and there are 1 fits"):
        display.plot()


def test_not_fitted():
    with pytest.raises(NotFittedError):
        SourceWeightsDisplay.from_estimator(FakeEstimator())


@pytest.mark.parametrize("sources", [None, []])
def test_fitted_without_sources(sources):
    with pytest.raises(ValueError, match="no source weights to draw"):
        SourceWeightsDisplay.from_estimator(FakeEstimator().fit(sources=sources))


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skuowq\[plots\]"'):
        SourceWeightsDisplay.from_estimator(FakeEstimator().fit())
