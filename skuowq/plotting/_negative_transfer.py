"""NegativeTransferDisplay: whether the sources help or hurt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from ._matplotlib import COLORS, as_text, check_names, import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skuowq.metrics import NegativeTransferGap


class NegativeTransferDisplay:
    """Negative transfer gaps with their intervals, one line for each result, the first on top.

    Left of 0 the sources help, right of 0 they hurt. A dot is filled if its interval does not
    contain 0.

    Parameters
    ----------
    gaps : array-like of shape (n_results,)
        Risk with sources minus risk without.
    intervals : array-like of shape (n_results, 2)
        Lower and upper end of each gap's interval.
    names : list of str, length n_results
        Names of the results.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import NegativeTransferDisplay
    >>> display = NegativeTransferDisplay(
    ...     gaps=[-0.2, 0.1], intervals=[(-0.3, -0.1), (-0.1, 0.3)], names=["weighted", "pooled"]
    ... )
    >>> [label.get_text() for label in display.plot().ax_.get_yticklabels()]
    ['weighted', 'pooled']
    """

    def __init__(self, *, gaps: ArrayLike, intervals: ArrayLike, names: Sequence[str]) -> None:
        self.gaps = gaps
        self.intervals = intervals
        self.names = names

    @classmethod
    def from_results(
        cls,
        results: NegativeTransferGap | Mapping[str, NegativeTransferGap],
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the results of `metrics.negative_transfer_gap`.

        Parameters
        ----------
        results : NegativeTransferGap or dict of str to NegativeTransferGap
            One result, whose line has the name of its score, or several by name, for the same
            score. `gap` and `interval` are used.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : NegativeTransferDisplay
            The display, already drawn.

        Raises
        ------
        TypeError
            If `results` is neither.
        ValueError
            If there are no results.
        ImportError
            If matplotlib is missing.
        """
        if not isinstance(results, Mapping) and hasattr(results, "interval"):
            results = {results.scoring: results}
        if not isinstance(results, Mapping):
            raise TypeError(
                f"results is a {type(results).__name__}: pass a NegativeTransferGap, or a dict "
                "{name: NegativeTransferGap}"
            )
        if not results:
            raise ValueError("results is empty: pass at least one {name: NegativeTransferGap}.")
        display = cls(
            gaps=[result.gap for result in results.values()],
            intervals=[result.interval for result in results.values()],
            names=list(results),
        )
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure, which grows with the number of results.

        Returns
        -------
        display : NegativeTransferDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        gaps = np.asarray(self.gaps, dtype=float)
        low, high = np.asarray(self.intervals, dtype=float).T
        check_names(self.names, gaps.size, "gaps")
        if ax is None:
            size = (8, 1.6 + 0.35 * gaps.size)
            _, ax = import_pyplot().subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        rows = np.arange(gaps.size)
        decided = (low > 0) | (high < 0)
        ax.hlines(rows, low, high, color=COLORS[0], linewidth=2)
        fill = np.where(decided, COLORS[0], "white")
        ax.scatter(gaps, rows, s=50, color=fill, edgecolor=COLORS[0], linewidth=1.5, zorder=3)
        ax.set_yticks(rows, [as_text(name) for name in self.names])
        ax.set_ylim(gaps.size - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(
            "negative transfer gap: risk with sources - risk without\n"
            "(line: the interval; filled dot: it excludes 0)"
        )
        ax.spines[["top", "right"]].set_visible(False)
        _name_regions(ax, min(0, low.min()), max(0, high.max()))
        return self


def _name_regions(ax, low, high):
    """Draw the zero line between two named regions, both wide enough for their names."""
    span = (high - low) or 1
    left, right = min(low - 0.05 * span, -0.3 * span), max(high + 0.05 * span, 0.3 * span)
    ax.set_xlim(left, right)
    ax.axvline(0, color="0.2", linewidth=1, zorder=1)
    ax.axvspan(0, right, color="0.93", linewidth=0, zorder=0)
    for text, side, offset in [
        ("\N{LEFTWARDS ARROW} sources help", "right", -6),
        ("sources hurt \N{RIGHTWARDS ARROW}", "left", 6),
    ]:
        ax.annotate(
            text,
            (0, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(offset, 4),
            textcoords="offset points",
            ha=side,
            va="bottom",
        )
