import pytest

pytest.importorskip("matplotlib")

import sys
from types import SimpleNamespace

import numpy as np

from skuowq.plotting import NegativeTransferDisplay

RESULTS = {
    "weighted": SimpleNamespace(gap=-0.2, interval=(-0.3, -0.1)),
    "pooled": SimpleNamespace(gap=0.3, interval=(0.1, 0.5)),
    "gate": SimpleNamespace(gap=0.02, interval=(-0.05, 0.09)),
}


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_draws_gaps_and_intervals(plt):
    display = NegativeTransferDisplay.from_results(RESULTS)
    bars, dots = display.ax_.collections
    np.testing.assert_allclose(dots.get_offsets(), [(-0.2, 0), (0.3, 1), (0.02, 2)])
    ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
    assert ends == [[-0.3, -0.1], [0.1, 0.5], [-0.05, 0.09]]
    is_white = (dots.get_facecolor() == 1).all(axis=1)
    assert is_white.tolist() == [False, False, True]  # hollow where undecided
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == list(RESULTS)


@pytest.mark.parametrize(
    "interval", [(-0.3, -0.1), (0.1, 0.5), (0.0, 0.0), (-1e-6, 1e-7), (-900.0, 10.0)]
)
def test_regions_are_named_on_their_sides(plt, interval):
    result = SimpleNamespace(gap=sum(interval) / 2, interval=interval)
    display = NegativeTransferDisplay.from_results({"one": result})
    display.figure_.draw_without_rendering()
    zero = display.ax_.transData.transform((0, 0))[0]
    help_box, hurt_box = (text.get_window_extent() for text in display.ax_.texts)
    assert "help" in display.ax_.texts[0].get_text()
    assert "hurt" in display.ax_.texts[1].get_text()
    assert display.figure_.bbox.x0 <= help_box.x0 < help_box.x1 < zero
    assert zero < hurt_box.x0 < hurt_box.x1 <= display.figure_.bbox.x1
    left, right = display.ax_.get_xlim()
    assert left <= interval[0] <= interval[1] <= right


def test_plot_on_axes_given_changes_no_data(plt):
    data = {"gaps": [0.1], "intervals": [(0.0, 0.2)], "names": ["a"]}
    display = NegativeTransferDisplay(**data)
    figure, ax = plt.subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert {name: getattr(display, name) for name in data} == data


def test_one_result_needs_no_name(plt):
    result = SimpleNamespace(gap=-0.2, interval=(-0.3, -0.1), scoring="neg_log_loss")
    display = NegativeTransferDisplay.from_results(result)
    assert display.names == ["neg_log_loss"]
    assert display.gaps == [-0.2]


def test_no_results():
    with pytest.raises(ValueError, match="results is empty"):
        NegativeTransferDisplay.from_results({})


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skuowq\[plots\]"'):
        NegativeTransferDisplay.from_results(RESULTS)


def test_what_is_no_result_is_refused():
    with pytest.raises(TypeError, match="results is a list: pass a NegativeTransferGap, or a dict"):
        NegativeTransferDisplay.from_results([object()])
