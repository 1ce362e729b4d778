"""TransferErrorDisplay: the expected error along a weight, a size or a number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from ._matplotlib import LEVEL, import_pyplot, line_style, mark_minimum, not_empty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skuowq.theory import ErrorCurve


class TransferErrorDisplay:
    """The expected KL error along one axis: a line for the theory, dots for simulations.

    Horizontal lines show the error of the target alone and the error at the best weights. A
    triangle points at the minimum of the curve. Several curves may share the axes.

    Parameters
    ----------
    x, error : array-like of shape (n_points,)
        Positions on the axis, and errors in nats.
    target_only, oracle : float
        The errors without sources, and at the best weights.
    x_label : str
        The axis in words.
    log_x : bool, default=False
        Whether the axis is logarithmic.
    simulated_x, simulated, std_error : array-like of shape (n_simulated,), default=None
        Simulated errors with their standard errors. None if there are none.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import TransferErrorDisplay
    >>> from skuowq.theory import error_curve
    >>> display = TransferErrorDisplay.from_curve(error_curve(20, 200, 0.02, n_parameters=5))
    >>> display.ax_.get_ylabel()
    'expected KL error (nats)'
    """

    def __init__(
        self,
        *,
        x: ArrayLike,
        error: ArrayLike,
        target_only: float,
        oracle: float,
        x_label: str,
        log_x: bool = False,
        simulated_x: ArrayLike | None = None,
        simulated: ArrayLike | None = None,
        std_error: ArrayLike | None = None,
    ) -> None:
        self.x = x
        self.error = error
        self.target_only = target_only
        self.oracle = oracle
        self.x_label = x_label
        self.log_x = log_x
        self.simulated_x = simulated_x
        self.simulated = simulated
        self.std_error = std_error

    @classmethod
    def from_curve(
        cls,
        curve: ErrorCurve | Mapping[str, ErrorCurve],
        *,
        ax: Axes | None = None,
        name: str | None = None,
    ) -> Self:
        """Draw the result of `theory.error_curve` or `theory.simulate_curve`.

        Parameters
        ----------
        curve : ErrorCurve or dict of str to ErrorCurve
            One curve, or several by name, which share the axes.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. Several curves on the same axes get different lines. None makes a
            new figure.
        name : str or None, default=None
            Name of one curve. None is "theory".

        Returns
        -------
        display : TransferErrorDisplay
            The display, already drawn. Of several curves that of the last one.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if isinstance(curve, Mapping):
            for name, one in not_empty("curve", curve).items():
                display = cls.from_curve(one, ax=ax, name=name)
                ax = display.ax_
            return display
        found = curve.simulation
        display = cls(
            x=curve.x,
            error=curve.error,
            target_only=curve.target_only,
            oracle=curve.oracle,
            x_label=curve.x_label,
            log_x=curve.along == "quantity",
            simulated_x=None if found is None else curve.simulated_x,
            simulated=None if found is None else found.simulated,
            std_error=None if found is None else found.std_error,
        )
        return display.plot(ax=ax, name=name)

    def plot(self, ax: Axes | None = None, *, name: str | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.
        name : str or None, default=None
            Name of the curve; None calls it theory.

        Returns
        -------
        display : TransferErrorDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(7, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        if ax.lines and ax.get_xlabel() not in ("", self.x_label):
            raise ValueError(
                f"the axes have {ax.get_xlabel()!r} and this curve has {self.x_label!r}: draw it "
                "on axes of its own"
            )
        order = sum(line.get_gid() == "theory" for line in ax.lines)
        style = line_style(order) | {"marker": None}
        x, error = np.asarray(self.x), np.asarray(self.error)
        ax.plot(x, error, gid="theory", label=name or "theory", **style)
        best = error.argmin()
        mark_minimum(ax, x[best], error[best])
        if self.simulated is not None:
            ax.errorbar(
                np.asarray(self.simulated_x),
                np.asarray(self.simulated),
                2 * np.asarray(self.std_error),
                fmt="o",
                color="black",
                markerfacecolor="white",
                markersize=5,
                capsize=2,
                zorder=4,
                label=None if ax.containers else "simulation, 2 standard errors",
            )
        if order == 0:
            ax.set_xlabel(self.x_label)
            ax.set_ylabel("expected KL error (nats)")
            ax.spines[["top", "right"]].set_visible(False)
            if self.log_x:
                ax.set_xscale("log")
            else:
                ax.set_xlim(left=0)
        # Values far above the error of the target alone would hide the rest.
        top = 1.08 * max(min(error.max(), 2.5 * self.target_only), self.target_only)
        ax.set_ylim(0, top if order == 0 else max(top, ax.get_ylim()[1]))
        self._draw_levels(ax)
        ax.legend(framealpha=0.9, edgecolor="none")
        return self

    def _draw_levels(self, ax):
        drawn = [line for line in ax.lines if line.get_gid() == "level"]
        for level, label, dashes in [
            (self.target_only, "target only", (0, (1, 2))),
            (self.oracle, "least over all weights", (0, (12, 4))),
        ]:
            if any(np.isclose(line.get_ydata()[0], level) for line in drawn):
                continue
            named = any(line.get_label() == label for line in drawn)
            name = None if named else label
            ax.axhline(level, linestyle=dashes, gid="level", label=name, **LEVEL)
