"""BiasVarianceDisplay: the two parts of the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from ._matplotlib import COLORS, LEVEL, import_pyplot, mark_minimum, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skuowq.theory import ErrorCurve


class BiasVarianceDisplay:
    """The expected KL error along one axis, as squared bias on top of variance.

    Parameters
    ----------
    x, variance, squared_bias : array-like of shape (n_points,)
        Positions on the axis, and the two parts of the error in nats.
    target_only : float
        The error without sources.
    x_label : str
        The axis in words.
    log_x : bool, default=False
        Whether the axis is logarithmic.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import BiasVarianceDisplay
    >>> from skuowq.theory import error_curve
    >>> curve = error_curve(20, 200, 0.02, n_parameters=5)
    >>> display = BiasVarianceDisplay.from_curve(curve)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()[:2]]
    ['squared bias', 'variance']
    """

    def __init__(
        self,
        *,
        x: ArrayLike,
        variance: ArrayLike,
        squared_bias: ArrayLike,
        target_only: float,
        x_label: str,
        log_x: bool = False,
    ) -> None:
        self.x = x
        self.variance = variance
        self.squared_bias = squared_bias
        self.target_only = target_only
        self.x_label = x_label
        self.log_x = log_x

    @classmethod
    def from_curve(
        cls,
        curve: ErrorCurve | Mapping[str, ErrorCurve],
        *,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Self:
        """Draw the result of `theory.error_curve`.

        Parameters
        ----------
        curve : ErrorCurve or dict of str to ErrorCurve
            One curve, or several by name, which are drawn side by side on one scale.
        ax : matplotlib Axes, list of these or None, default=None
            The axes to draw on, one for each of several curves. None makes a new figure.

        Returns
        -------
        display : BiasVarianceDisplay
            The display, already drawn. Of several curves that of the last one.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if isinstance(curve, Mapping):
            axes = side_by_side("curve", curve, ax, (5.5, 4.2))
            for one, its_ax in zip(curve.values(), axes, strict=True):
                display = cls.from_curve(one, ax=its_ax)
            top = max(its_ax.get_ylim()[1] for its_ax in axes)
            for its_ax in axes:
                its_ax.set_ylim(0, top)
            return display
        display = cls(
            x=curve.x,
            variance=curve.variance,
            squared_bias=curve.squared_bias,
            target_only=curve.target_only,
            x_label=curve.x_label,
            log_x=curve.along == "quantity",
        )
        return display.plot(ax=cast("Axes | None", ax))

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : BiasVarianceDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(7, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        x, variance = np.asarray(self.x), np.asarray(self.variance)
        total = variance + np.asarray(self.squared_bias)
        ax.fill_between(
            x,
            variance,
            total,
            facecolor="#f0c3a5",
            edgecolor=COLORS[1],
            hatch="///",
            linewidth=0.6,
            label="squared bias",
        )
        ax.fill_between(x, 0, variance, color=COLORS[0], linewidth=0, label="variance")
        ax.plot(x, total, color="black", linewidth=1.5, label="both: the error")
        best = total.argmin()
        mark_minimum(ax, x[best], total[best])
        ax.axhline(self.target_only, linestyle=(0, (1, 2)), label="target only", **LEVEL)
        if self.log_x:
            ax.set_xscale("log")
        ax.set_xlim(x[0], x[-1])
        top = min(total.max(), 2.5 * self.target_only)
        ax.set_ylim(0, 1.35 * max(top, self.target_only))  # with room for the legend
        ax.set_xlabel(self.x_label)
        ax.set_ylabel("expected KL error (nats)")
        ax.legend(ncols=2, framealpha=0.9, edgecolor="none")
        ax.spines[["top", "right"]].set_visible(False)
        return self
