"""WeightCurveDisplay: the best weights as functions of a discrepancy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from ._matplotlib import (
    as_text,
    check_names,
    import_pyplot,
    line_style,
    mark_weight_1,
    name_lines,
    not_empty,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skuowq.theory import WeightCurve


class WeightCurveDisplay:
    """The best weights of all sources while one of them moves away from the target.

    Several curves may share the axes.

    Parameters
    ----------
    x : array-like of shape (n_points,)
        Discrepancy of the source that moves.
    source_weights : array-like of shape (n_points, n_sources)
        Best weights of one row of each source.
    names : list of str, length n_sources
        Names of the sources.
    source : int
        The source that moves. Its line is thicker.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import WeightCurveDisplay
    >>> from skuowq.theory import weight_curve
    >>> display = WeightCurveDisplay.from_curve(weight_curve([100, 400], [0.01, 0.02]))
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['source 1 (100 rows)', 'source 2 (400 rows)', 'a target row']
    """

    def __init__(
        self, *, x: ArrayLike, source_weights: ArrayLike, names: Sequence[str], source: int
    ) -> None:
        self.x = x
        self.source_weights = source_weights
        self.names = names
        self.source = source

    @classmethod
    def from_curve(
        cls,
        curve: WeightCurve | Mapping[str, WeightCurve],
        *,
        names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the result of `theory.weight_curve`.

        Parameters
        ----------
        curve : WeightCurve or dict of str to WeightCurve
            One curve, or several by name, which share the axes.
        names : list of str, length n_sources, or None, default=None
            Names of the sources. None takes their numbers.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : WeightCurveDisplay
            The display, already drawn. Of several curves that of the last one.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if isinstance(curve, Mapping):
            own_figure = ax is None
            for name, one in not_empty("curve", curve).items():
                own = names or _names_of(one)
                display = cls.from_curve(one, names=[f"{name}: {source}" for source in own], ax=ax)
                ax = display.ax_
            name_lines(ax, own_figure=own_figure)
            return display
        names = names or _names_of(curve)
        display = cls(
            x=curve.x, source_weights=curve.source_weights, names=names, source=curve.source
        )
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : WeightCurveDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(7, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        weights = np.asarray(self.source_weights)
        check_names(self.names, weights.shape[1], "each row of source_weights")
        before = [line for line in ax.lines if line.get_gid() == "weights"]
        for i, (w, name) in enumerate(zip(weights.T, self.names, strict=True)):
            style = line_style(len(before) + i) | {"marker": None}
            width = 2.5 if i == self.source else 1.5
            ax.plot(self.x, w, linewidth=width, gid="weights", label=as_text(name), **style)
        if not before:
            mark_weight_1(ax)
        ax.set_xscale("log")
        first, last = np.asarray(self.x)[[0, -1]]
        left, right = ax.get_xlim() if before else (first, last)
        ax.set_xlim(min(left, first), max(right, last))
        top = max(1.05 * max(1, weights.max()), ax.get_ylim()[1] if before else 0)
        ax.set_ylim(-0.02 * top, top)  # A weight of 0 is not hidden by the axis.
        ax.set_xlabel(
            rf"discrepancy $\tau_{{{self.source + 1}}}$ (squared distance per parameter, log scale)"
        )
        ax.set_ylabel("best weight $w_i^*$ of one source row\n(a target row = 1)")
        ax.legend(framealpha=0.9, edgecolor="none")
        ax.spines[["top", "right"]].set_visible(False)
        return self


def _names_of(curve):
    return [f"source {i + 1} ({n:g} rows)" for i, n in enumerate(curve.n_samples)]
