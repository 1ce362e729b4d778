"""ValidationDisplay: the z scores of a theory that is compared with simulations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ._matplotlib import COLORS, as_text, import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skuowq.theory import ValidationResult


_BOUND = 4


class ValidationDisplay:
    """One dot at the z score of each claimed number, and one line for each result.

    If the theory is true, two in three dots are within 1, and one in 16,000 is beyond 4. A cross is
    beyond 4 and refutes the number. Crosses beyond 12 are drawn at the edge, where the largest z of
    this line is written.

    Parameters
    ----------
    z : list of array-like
        The z scores of each result.
    names : list of str
        Names of the results.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import ValidationDisplay
    >>> display = ValidationDisplay(z=[[0.3, -1.2], [9.0]], names=["formula", "without the 1/2"])
    >>> [label.get_text() for label in display.plot().ax_.get_yticklabels()]
    ['formula', 'without the 1/2']
    """

    def __init__(self, *, z: Sequence[Sequence[float] | NDArray], names: Sequence[str]) -> None:
        self.z = z
        self.names = names

    @classmethod
    def from_results(
        cls, results: ValidationResult | Mapping[str, ValidationResult], *, ax: Axes | None = None
    ) -> Self:
        """Draw the results of `theory.validate`.

        Parameters
        ----------
        results : ValidationResult or dict of str to ValidationResult
            With one result, each claimed number gets a line. With a dict, each result does.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : ValidationDisplay
            The display, already drawn.

        Raises
        ------
        ValueError
            If there are no results.
        ImportError
            If matplotlib is missing.
        """
        if isinstance(results, Mapping):
            if not len(results):
                raise ValueError("results is empty: pass at least one {name: ValidationResult}.")
            display = cls(z=[result.z for result in results.values()], names=list(results))
        elif not hasattr(results, "labels"):
            raise TypeError(
                f"results is a {type(results).__name__}: pass a ValidationResult, or a dict "
                "{name: ValidationResult}"
            )
        else:
            display = cls(z=[[z] for z in results.z], names=list(results.labels))
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure, which grows with the number of rows.

        Returns
        -------
        display : ValidationDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if ax is None:
            size = (7, 1.4 + 0.3 * len(self.names))
            _, ax = import_pyplot().subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        if len(self.names) != len(self.z) or not len(self.z) or any(len(z) == 0 for z in self.z):
            raise ValueError(
                f"z holds {len(self.z)} rows and names {len(self.names)}: pass as many of both, at "
                "least one, and no empty row"
            )
        edge = 3 * _BOUND
        for row, z in enumerate(self.z):
            z = np.asarray(z, dtype=float)
            inside = np.abs(z) <= _BOUND
            ax.plot(z[inside], np.full(inside.sum(), row), "o", color=COLORS[0], alpha=0.7)
            beyond = z[~inside]
            drawn = np.clip(beyond, -edge, edge)
            ax.plot(drawn, np.full(beyond.size, row), "X", color=COLORS[1], markersize=9)
            for side in (-1, 1):
                outside = beyond[side * beyond > edge]
                if not outside.size:
                    continue
                largest = outside[np.abs(outside).argmax()]
                ax.annotate(
                    f"z = {largest:.0f}",
                    (side * edge, row),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="right" if largest > 0 else "left",
                    va="bottom",
                    fontsize="small",
                )
        reach = max(np.max(np.abs(np.clip(np.concatenate(self.z), -edge, edge))), _BOUND)
        ax.axvspan(-_BOUND, _BOUND, color="0.95", zorder=0)
        ax.axvspan(-1, 1, color="0.88", zorder=0)
        ax.axvline(0, color="0.4", linewidth=1, zorder=1)
        ax.set_xlim(-1.08 * reach, 1.08 * reach)
        ax.set_yticks(np.arange(len(self.names)), [as_text(name) for name in self.names])
        ax.set_ylim(len(self.names) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(
            "z = (simulated - claimed) / standard error\n(shaded: up to 1 and 4; crosses: beyond)"
        )
        ax.spines[["top", "right"]].set_visible(False)
        return self
