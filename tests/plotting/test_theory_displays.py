"""Displays of the theory: what is drawn is the data, and plot changes none of it."""

import pytest

pytest.importorskip("matplotlib")

import sys

import numpy as np
from numpy.testing import assert_allclose

from skuowq.plotting import (
    BiasVarianceDisplay,
    TransferErrorDisplay,
    ValidationDisplay,
    WeightCurveDisplay,
)
from skuowq.theory import GaussianMean, error_curve, simulate_curve, validate, weight_curve

CURVE = error_curve(20, 200, 0.045, 2)
RESULT = validate(GaussianMean(2), [0, 0], [[0.3], [0.0]], 20, 200, n_repeats=500, random_state=0)


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_error_curves_are_drawn_with_levels_and_minimum(plt):
    display = TransferErrorDisplay.from_curve(CURVE)
    line, mark, *levels = display.ax_.get_lines()
    assert_allclose(line.get_xydata(), np.column_stack([CURVE.x, CURVE.error]))
    assert_allclose(mark.get_xdata(), CURVE.x[CURVE.error.argmin()])
    assert_allclose([level.get_ydata()[0] for level in levels], [CURVE.target_only, CURVE.oracle])
    names = ["theory", "least of the curve", "target only", "least over all weights"]
    assert legend(display.ax_) == names
    assert "w_{1}" in display.ax_.get_xlabel()
    assert display.ax_.get_xscale() == "linear"


def test_simulation_is_drawn_with_its_errors(plt):
    curve = simulate_curve(
        CURVE, GaussianMean(2), [0, 0], [[0.3], [0.0]], n_points=4, n_repeats=500, random_state=0
    )
    display = TransferErrorDisplay.from_curve(curve)
    (container,) = display.ax_.containers
    assert_allclose(container[0].get_xdata(), curve.simulated_x)
    assert_allclose(container[0].get_ydata(), curve.simulation.simulated)
    (bars,) = container[2]
    lengths = [np.ptp(segment[:, 1]) for segment in bars.get_segments()]
    assert_allclose(lengths, 4 * curve.simulation.std_error)


def test_two_curves_share_axes_and_differ_without_colour(plt):
    _, ax = plt.subplots()
    TransferErrorDisplay.from_curve(CURVE, ax=ax, name="a")
    TransferErrorDisplay.from_curve(CURVE, ax=ax, name="b")
    drawn = [line for line in ax.get_lines() if line.get_gid() == "theory"]
    assert [line.get_label() for line in drawn] == ["a", "b"]
    assert drawn[0].get_linestyle() != drawn[1].get_linestyle()
    levels = ["target only", "least over all weights"]  # Named once, as the minimum is.
    assert legend(ax) == ["a", "least of the curve", *levels, "b"]
    triangles = [line.get_color() for line in ax.get_lines() if line.get_gid() == "minimum"]
    assert triangles == ["black", "black"]  # One entry of the legend names both.


def test_several_curves_by_name(plt):
    curves = {"a": CURVE, "b": error_curve(20, 200, 0.2, 2)}
    display = TransferErrorDisplay.from_curve(curves)
    drawn = [line for line in display.ax_.get_lines() if line.get_gid() == "theory"]
    for line, (name, curve) in zip(drawn, curves.items(), strict=True):
        assert line.get_label() == name
        assert_allclose(line.get_ydata(), curve.error)
    weights = {"few": weight_curve([20, 40], [0.01, 0.02]), "many": weight_curve([200], [0.1])}
    display = WeightCurveDisplay.from_curve(weights)
    assert legend(display.ax_) == [
        "few: source 1 (20 rows)",
        "few: source 2 (40 rows)",
        "a target row",
        "many: source 1 (200 rows)",
    ]
    for kind in (TransferErrorDisplay, WeightCurveDisplay, BiasVarianceDisplay):
        with pytest.raises(ValueError, match="curve is empty"):
            kind.from_curve({})


def test_many_names_stand_beside_the_axes(plt):
    """But on axes of the user's, whose figure may have no room there."""
    curve = weight_curve([20, 40, 60], [0.01, 0.02, 0.03])
    curves = {"one": curve, "other": curve}
    ax = WeightCurveDisplay.from_curve(curves).ax_
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().x0 >= ax.bbox.x1
    _, given = plt.subplots()
    WeightCurveDisplay.from_curve(curves, ax=given)
    given.figure.draw_without_rendering()
    assert given.get_legend().get_window_extent().x0 < given.bbox.x1


def test_rows_are_on_a_logarithmic_axis(plt):
    curve = error_curve(20, 200, 0.045, 2, along="quantity")
    for display in (TransferErrorDisplay, BiasVarianceDisplay):
        assert display.from_curve(curve).ax_.get_xscale() == "log"


def test_parts_are_stacked(plt):
    display = BiasVarianceDisplay.from_curve(CURVE)
    bias, variance = display.ax_.collections
    assert bias.get_label() == "squared bias"
    assert_allclose(variance.get_paths()[0].vertices[:, 1].max(), CURVE.variance.max())
    assert_allclose(bias.get_paths()[0].vertices[:, 1].max(), CURVE.error.max())
    assert_allclose(display.ax_.get_lines()[0].get_ydata(), CURVE.error)


def test_parts_of_several_curves_stand_side_by_side(plt):
    curves = {"near": CURVE, "far": error_curve(20, 200, 0.4, 2)}
    display = BiasVarianceDisplay.from_curve(curves)
    left, right = display.figure_.axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == list(curves)
    assert_allclose(right.get_lines()[0].get_ydata(), curves["far"].error)
    assert left.get_ylim() == right.get_ylim()
    with pytest.raises(ValueError, match="ax has 1 axes, and curve has 2"):
        BiasVarianceDisplay.from_curve(curves, ax=left)


def test_weights_are_drawn_and_the_moving_source_stands_out(plt):
    curve = weight_curve([100, 300], [0.01, 0.02], source=1)
    display = WeightCurveDisplay.from_curve(curve, names=["a", "b"])
    first, second, _ = display.ax_.get_lines()
    assert_allclose(np.column_stack([first.get_ydata(), second.get_ydata()]), curve.source_weights)
    assert second.get_linewidth() > first.get_linewidth()
    assert first.get_linestyle() != second.get_linestyle()
    assert r"\tau_{2}" in display.ax_.get_xlabel()


def test_z_scores_are_drawn_and_those_beyond_four_crossed(plt):
    display = ValidationDisplay(z=[[0.5, -3.0], [5.0, np.inf, -40.0]], names=["true", "false"])
    display.plot()
    dots, none, no_dots, crosses, _zero = display.ax_.get_lines()
    assert_allclose(dots.get_xydata(), [[0.5, 0], [-3, 0]])
    assert none.get_xdata().size == no_dots.get_xdata().size == 0
    assert_allclose(crosses.get_xydata(), [[5, 1], [12, 1], [-12, 1]])
    assert texts(display.ax_) == ["z = -40", "z = inf"]
    left, right = display.ax_.get_xlim()
    assert left < -12
    assert right > 12


def test_results_are_drawn_by_name_or_point_by_point(plt):
    display = ValidationDisplay.from_results({"one": RESULT, "two": RESULT})
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["one", "two"]
    display = ValidationDisplay.from_results(RESULT)
    assert tuple(label.get_text() for label in display.ax_.get_yticklabels()) == RESULT.labels
    with pytest.raises(ValueError, match="results is empty"):
        ValidationDisplay.from_results({})


@pytest.mark.parametrize(("z", "names"), [([], []), ([[]], ["a"]), ([[1.0]], ["a", "b"])])
def test_rows_and_names_must_agree(z, names):
    with pytest.raises(ValueError, match="as many of both"):
        ValidationDisplay(z=z, names=names).plot()


def test_what_is_no_result_is_refused():
    with pytest.raises(TypeError, match="results is a list"):
        ValidationDisplay.from_results([RESULT])


def test_a_second_curve_is_seen_with_its_own_levels(plt):
    _, ax = plt.subplots()
    TransferErrorDisplay.from_curve(CURVE, ax=ax, name="a")
    other = error_curve(5, 200, 0.2, 2)
    TransferErrorDisplay.from_curve(other, ax=ax, name="b")
    assert ax.get_ylim()[1] > other.target_only
    assert sum(line.get_gid() == "level" for line in ax.get_lines()) == 4
    assert legend(ax).count("target only") == 1
    quantity = error_curve(20, 200, 0.045, 2, along="quantity")
    with pytest.raises(ValueError, match="draw it on axes of its own"):
        TransferErrorDisplay.from_curve(quantity, ax=ax)


@pytest.mark.parametrize(
    "display",
    [
        lambda: TransferErrorDisplay(
            x=[0, 1], error=[0.2, 0.1], target_only=0.2, oracle=0.1, x_label="w"
        ),
        lambda: BiasVarianceDisplay(
            x=[0, 1], variance=[0.2, 0.1], squared_bias=[0.0, 0.1], target_only=0.2, x_label="w"
        ),
        lambda: WeightCurveDisplay(
            x=[0.1, 1], source_weights=[[1.0], [0.5]], names=["a"], source=0
        ),
        lambda: ValidationDisplay(z=[[0.1]], names=["a"]),
    ],
)
def test_plot_on_axes_given_changes_no_data(plt, display, monkeypatch):
    display = display()
    before = dict(vars(display))
    figure, ax = plt.subplots()
    assert display.plot(ax=ax) is display
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert {name: getattr(display, name) for name in before} == before
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "skuowq\[plots\]"'):
        display.plot()
