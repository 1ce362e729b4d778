"""SourceWeightsDisplay: the weight of one row of each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ._fitted import fitted_by_name, fitted_with
from ._matplotlib import COLORS, HATCHES, as_text, check_names, import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_NEAR_ZERO = 0.01  # a source whose rows weigh less than this is drawn pale
_MAX_NAME = 32  # characters
_SHORT_NAME = 16
_PALE = "0.4"  # pale, and still easy to read


class SourceWeightsDisplay:
    """Bars of the source weights, one for each source, the first on top.

    The length of a bar is the weight w_i of one row of the source. A dotted line marks the weight 1
    of a target row. In the picture of one fit, sources with a weight below 0.01 are pale. Several
    fits have a bar each beside the name of the source, and differ in colour and hatch.

    Parameters
    ----------
    source_weights : array-like of shape (n_sources,) or (n_fits, n_sources)
        Weight of one row of each source. NaN where a fit lacks a source.
    n_samples : array-like of shape (n_sources,) or (n_fits, n_sources)
        Number of rows of each source. If the rows have weights, take the effective number.
    names : list of str, length n_sources
        Names of the sources.
    n_target : float or array-like of shape (n_fits,)
        Number of target rows, or the sum of their weights.
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
    >>> from skuowq.plotting import SourceWeightsDisplay
    >>> display = SourceWeightsDisplay(
    ...     source_weights=[0.8, 0.03], n_samples=[200, 300], names=["a", "b"], n_target=50
    ... )
    >>> display.plot().ax_.get_title(loc="left")
    '50 target rows; source rows count as 169'
    """

    def __init__(
        self,
        *,
        source_weights: ArrayLike,
        n_samples: ArrayLike,
        names: Sequence[str],
        n_target: float | ArrayLike,
        fits: Sequence[str] | None = None,
    ) -> None:
        self.source_weights = source_weights
        self.n_samples = n_samples
        self.names = names
        self.n_target = n_target
        self.fits = fits

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator | Mapping[str, BaseEstimator], *, ax: Axes | None = None
    ) -> Self:
        """Draw the source weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator, Pipeline or search, or dict of str to these
            An estimator fitted with sources. In a search its best estimator is used, and in a
            pipeline its last step. Its attributes `source_weights_`, `source_n_samples_`,
            `source_names_` and `n_target_` are used. Several by name are drawn side by side.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : SourceWeightsDisplay
            The display, already drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no source weights, for instance because it was fitted without sources.
        ImportError
            If matplotlib is missing.
        """
        several = fitted_by_name(estimator, "source_weights_", "source weights")
        if several is not None:
            return cls(**_side_by_side(several)).plot(ax=ax)
        estimator = fitted_with(estimator, "source_weights_", "source weights")
        display = cls(
            source_weights=estimator.source_weights_,
            n_samples=estimator.source_n_samples_,
            names=estimator.source_names_,
            n_target=estimator.n_target_,
        )
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure, which grows with the number of sources.

        Returns
        -------
        display : SourceWeightsDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        weights = np.asarray(self.source_weights, dtype=float)
        n_samples = np.asarray(self.n_samples, dtype=float)
        check_names(self.names, weights.shape[-1], "source_weights")
        if self.fits is not None and weights.shape[:-1] != (len(self.fits),):
            raise ValueError(
                f"source_weights has shape {weights.shape}, and there are {len(self.fits)} fits: "
                "pass a row for each"
            )
        if ax is None:
            size = (8, 1.4 + 0.3 * weights.size)
            _, ax = import_pyplot().subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure

        # Where the axis ends and the column of text begins.
        edge = np.nanmax(weights, initial=1.0)
        if self.fits is None:
            self._draw_bars(weights)
        else:
            self._draw_fits(weights)
        ax.axvline(1, color="0.2", linestyle=":")
        ax.annotate(
            "a target row",
            (1, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize="small",
        )
        pale = self.fits is None and np.any(weights < _NEAR_ZERO)
        pale = f"; pale: below {_NEAR_ZERO}" if pale else ""
        ax.set_xlabel(f"weight $w_i$ of one source row (a target row = 1{pale})", loc="left")
        if self.fits is None:
            counted = _short(weights @ n_samples)
            title = f"{_short(self.n_target)} target rows; source rows count as {counted}"
            ax.set_title(title, loc="left", pad=20)
            texts = self._annotate(weights, n_samples, edge)
        else:
            texts = self._annotate_fits(weights, n_samples, edge)
        ax.spines[["top", "right"]].set_visible(False)
        _fit_horizontally(ax, edge, texts)
        ax.set_xticks([tick for tick in ax.get_xticks() if tick <= edge * (1 + 1e-9)])
        ax.spines["bottom"].set_bounds(0, edge)
        return self

    def _draw_bars(self, weights):
        ax, rows = self.ax_, np.arange(weights.size)
        strong = weights >= _NEAR_ZERO
        ax.barh(rows[strong], weights[strong], height=0.7, color=COLORS[0])
        ax.barh(
            rows[~strong], weights[~strong], height=0.7, color="0.9", edgecolor="0.6", hatch="////"
        )
        ax.set_yticks(rows, [as_text(_shorten(name)) for name in self.names])
        ax.set_ylim(weights.size - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        for label, is_strong in zip(ax.get_yticklabels(), strong, strict=True):
            label.set_color("black" if is_strong else _PALE)

    def _draw_fits(self, weights):
        """A bar for each fit beside the name of each source, and a legend of the fits."""
        ax, places = self.ax_, _places(weights)
        for k, (fit, found) in enumerate(zip(self.fits, weights, strict=True)):
            ax.barh(
                places[k],
                np.nan_to_num(found),
                height=0.75 / len(weights),
                color=COLORS[k % len(COLORS)],
                hatch=HATCHES[k % len(HATCHES)],
                edgecolor="white",
                linewidth=0,
                label=as_text(_shorten(fit)),
            )
        ax.set_yticks(places.mean(axis=0), [as_text(_shorten(name)) for name in self.names])
        ax.set_ylim(weights.shape[1] - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1.0), "borderaxespad": 1.5}
        # Wider than the axes it would squeeze them.
        ncols = 3 if max(len(str(fit)) for fit in self.fits) <= _SHORT_NAME else 1
        ax.legend(frameon=False, ncols=ncols, **place)

    def _annotate(self, weights, n_samples, edge):
        return [
            self._write(row, w, n, edge)
            for row, (w, n) in enumerate(zip(weights, n_samples, strict=True))
        ]

    def _annotate_fits(self, weights, n_samples, edge):
        parts = zip(_places(weights).ravel(), weights.ravel(), n_samples.ravel(), strict=True)
        return [self._write(*part, edge) for part in parts]

    def _write(self, row, w, n, edge):
        text = f"w {_relation(w)}: {_short(n)} rows count as {_short(w * n)}"
        return self.ax_.annotate(
            "not in this fit" if np.isnan(w) else text,
            (edge, row),
            xytext=(10, 0),
            textcoords="offset points",
            va="center_baseline",
            fontsize="small",
            color=_PALE if self.fits is None and w < _NEAR_ZERO else "black",
        )


def _side_by_side(fits):
    """Data of several fits, whose sources are matched by name."""
    names = list(dict.fromkeys(name for fit in fits.values() for name in fit.source_names_))
    weights, n_samples = np.full((2, len(fits), len(names)), np.nan)
    for k, fit in enumerate(fits.values()):
        columns = [names.index(name) for name in fit.source_names_]
        weights[k, columns], n_samples[k, columns] = fit.source_weights_, fit.source_n_samples_
    return {
        "source_weights": weights,
        "n_samples": n_samples,
        "names": names,
        "n_target": [fit.n_target_ for fit in fits.values()],
        "fits": list(fits),
    }


def _places(weights):
    """Where the bars of each fit stand, as an array like the weights."""
    n_fits, n_sources = weights.shape
    offsets = (np.arange(n_fits) - (n_fits - 1) / 2) * 0.85 / n_fits
    return np.arange(n_sources) + offsets[:, None]


def _fit_horizontally(ax, edge, texts):
    """Set the limits of x so that the column of text at `edge` ends inside the axes.

    A text of width p pixels at `edge` fits into axes of P pixels and range m if
    edge / m * P + p <= P.
    """
    for text in texts:
        text.set_in_layout(False)  # The axes shall not shrink for text that will be inside them.
    ax.set_xlim(0, 1.05 * edge)
    ax.figure.canvas.figure.draw_without_rendering()  # so that the widths are final
    widest = max(text.get_window_extent().width for text in texts)
    # Axes too narrow for the text: let it run out rather than squeeze the bars to nothing.
    ax.set_xlim(0, edge / max(1 - (widest + 15) / ax.bbox.width, 0.3))


def _relation(weight):
    return "< 0.001" if 0 < weight < 0.001 else f"= {_short(weight)}"


def _short(number):
    if number >= 9.95:
        return f"{number:,.0f}"
    return f"{number:.2g}" if number == 0 or number >= 0.001 else "under 0.001"


def _shorten(name):
    name = str(name)
    return name if len(name) <= _MAX_NAME else f"{name[:19]}\N{HORIZONTAL ELLIPSIS}{name[-12:]}"
