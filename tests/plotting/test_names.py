"""Names of sources are text, whatever is in it, and as many as there are sources."""

import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from skuowq.plotting import GateWeightsDisplay, SourceWeightsDisplay, WeightHistoryDisplay

NAMES = ["a $1 and $2", "$\\frac$", "_hidden", "", "c_1"]


def displays(n, names):
    return [
        SourceWeightsDisplay(source_weights=[1.0] * n, n_samples=[5] * n, names=names, n_target=3),
        WeightHistoryDisplay(history=[[1.0] * n, [0.5] * n], names=names),
        GateWeightsDisplay(gate_weights=[[1.0, 0.5]] * n, names=names, trust=[1.0] * n),
    ]


@pytest.mark.parametrize("display", displays(len(NAMES), NAMES))
def test_names_are_written_as_they_are(display):
    ax = Figure().subplots()
    display.plot(ax=ax)
    ax.figure.canvas.draw()


def test_no_name_is_missing_from_a_legend():
    ax = Figure().subplots()
    WeightHistoryDisplay(history=[[1.0] * len(NAMES)], names=NAMES).plot(ax=ax)
    assert len(ax.get_legend().get_texts()) == len(NAMES) + 1  # and a target row


@pytest.mark.parametrize("display", displays(3, ["a", "b"]))
def test_one_name_for_each_source(display):
    with pytest.raises(ValueError, match="names has 2 entries"):
        display.plot(ax=Figure().subplots())
