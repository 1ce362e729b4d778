"""WeightHistoryDisplay: the weights after each update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ._fitted import fitted_by_name, fitted_with
from ._matplotlib import (
    DASHES,
    as_text,
    check_names,
    import_pyplot,
    line_style,
    mark_weight_1,
    name_lines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class WeightHistoryDisplay:
    """The source weights after each update, with a line for each source.

    Several fits share the axes. A source has the same colour and marker in each fit, and a fit has
    its own dashes.

    Parameters
    ----------
    history : array-like of shape (n_steps, n_sources) or (n_fits, n_steps, n_sources)
        Weights of one row of each source. NaN after the last update of a fit that had fewer, and
        where a fit lacks a source.
    names : list of str, length n_sources
        Names of the sources.
    fits : list of str, length n_fits, or None, default=None
        Names of several fits. None is one fit.

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

    def __init__(
        self, *, history: ArrayLike, names: Sequence[str], fits: Sequence[str] | None = None
    ) -> None:
        self.history = history
        self.names = names
        self.fits = fits

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
        several = fitted_by_name(estimator, *what)
        if several is not None:
            return cls(**_side_by_side(several)).plot(ax=ax)
        estimator = fitted_with(estimator, *what)
        return cls(history=estimator.history_, names=estimator.source_names_).plot(ax=ax)

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
        check_names(self.names, history.shape[-1], "each row of history")
        if self.fits is None:
            self._draw_fit(history)
        elif history.ndim != 3 or len(history) != len(self.fits):
            raise ValueError(
                f"history has shape {history.shape}, and there are {len(self.fits)} fits: pass an "
                "array of shape (n_fits, n_steps, n_sources)"
            )
        else:
            for k, (fit, its_history) in enumerate(zip(self.fits, history, strict=True)):
                dashes = {"linestyle": DASHES[k % len(DASHES)]}
                self._draw_fit(its_history, before=f"{fit}: ", **dashes)
        mark_weight_1(ax)
        ax.set_xticks(np.arange(history.shape[-2]))
        top = 1.05 * np.nanmax(history, initial=1.0)
        ax.set_ylim(-0.02 * top, top)  # A weight of 0 is not hidden by the axis.
        ax.set_xlabel("update")
        ax.set_ylabel("weight $w_i$ of one source row (a target row = 1)")
        name_lines(ax, own_figure=own_figure)
        ax.spines[["top", "right"]].set_visible(False)
        return self

    def _draw_fit(self, history, before="", **of_fit):
        """A line for each source that the fit has."""
        for i, (weights, name) in enumerate(zip(history.T, self.names, strict=True)):
            if np.isnan(weights).all():
                continue
            self.ax_.plot(
                np.arange(len(weights)),
                weights,
                markerfacecolor="white",
                label=as_text(f"{before}{name}"),
                **line_style(i) | of_fit,
            )


def _side_by_side(fits):
    """Data of several fits, whose sources are matched by name."""
    names = list(dict.fromkeys(name for fit in fits.values() for name in fit.source_names_))
    n_steps = max(len(fit.history_) for fit in fits.values())
    history = np.full((len(fits), n_steps, len(names)), np.nan)
    for its_history, fit in zip(history, fits.values(), strict=True):
        columns = [names.index(name) for name in fit.source_names_]
        its_history[: len(fit.history_), columns] = fit.history_
    return {"history": history, "names": names, "fits": list(fits)}
