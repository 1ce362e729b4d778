"""WeightHistoryDisplay: the weights after each update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ._fitted import fitted_by_name, fitted_with
from ._matplotlib import (
    as_text,
    check_names,
    import_pyplot,
    line_style,
    mark_weight_1,
    name_lines,
    names_in_fits,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class WeightHistoryDisplay:
    """The source weights after each update, with a line for each source.

    Parameters
    ----------
    history : array-like of shape (n_steps, n_sources)
        Weights of one row of each source. NaN after the last update of a fit that had fewer.
    names : list of str, length n_sources
        Names of the sources.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import WeightHistoryDisplay
    >>> display = WeightHistoryDisplay(history=[[0.2, 0.2], [0.9, 0.1]], names=["near", "far"])
    >>> [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    ['near', 'far', 'a target row']
    """

    def __init__(self, *, history: ArrayLike, names: Sequence[str]) -> None:
        self.history = history
        self.names = names

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator | Mapping[str, BaseEstimator], *, ax: Axes | None = None
    ) -> Self:
        """Draw the `history_` of a fitted estimator.

        Parameters
        ----------
        estimator : estimator, Pipeline or search, or dict of str to these
            An estimator fitted with sources. In a search its best estimator is used, and in a
            pipeline its last step. Its attributes `history_` and
            `source_names_` are used. Several by name share the axes.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : WeightHistoryDisplay
            The display, already drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no history of weights, for instance because it was fitted without sources.
        ImportError
            If matplotlib is missing.
        """
        what = ("history_", "history of source weights")
        fits = fitted_by_name(estimator, *what) or {"": fitted_with(estimator, *what)}
        names = names_in_fits({name: fit.source_names_ for name, fit in fits.items()})
        return cls(history=_side_by_side(fits.values()), names=names).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : WeightHistoryDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        own_figure = ax is None
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(7, 4.2), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        history = np.asarray(self.history, dtype=float)
        check_names(self.names, history.shape[1], "each row of history")
        for i, (weights, name) in enumerate(zip(history.T, self.names, strict=True)):
            ax.plot(
                np.arange(len(weights)),
                weights,
                markerfacecolor="white",
                label=as_text(name),
                **line_style(i),
            )
        mark_weight_1(ax)
        ax.set_xticks(np.arange(len(history)))
        top = 1.05 * np.nanmax(history, initial=1.0)
        ax.set_ylim(-0.02 * top, top)  # A weight of 0 is not hidden by the axis.
        ax.set_xlabel("update")
        ax.set_ylabel("weight $w_i$ of one source row (a target row = 1)")
        name_lines(ax, own_figure=own_figure)
        ax.spines[["top", "right"]].set_visible(False)
        return self


def _side_by_side(fits):
    """The histories of several fits as columns of one array, short ones with NaN below."""
    histories = [np.asarray(fit.history_, dtype=float) for fit in fits]
    n_steps = max(len(history) for history in histories)
    return np.hstack(
        [
            np.pad(history, [(0, n_steps - len(history)), (0, 0)], constant_values=np.nan)
            for history in histories
        ]
    )
