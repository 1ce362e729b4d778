"""GateWeightsDisplay: the weights of the rows of each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from ._fitted import fitted_by_name, fitted_with
from ._matplotlib import COLORS, as_text, check_names, import_pyplot, names_in_fits

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_N_BINS = 40
_LEAST = 1e-3  # smaller weights are drawn here
_HEIGHT = 0.8  # of the highest bar; a source is one row, 1 high
_COLOURS = {"clean": COLORS[0], "perturbed": COLORS[1]}


class GateWeightsDisplay:
    """Histograms of the row weights on a logarithmic scale, one line for each source.

    If it is known which rows were perturbed, their histogram hangs below the line, and that of the
    other rows stands above it. A good gate separates the two. A triangle marks the mean of each
    histogram.

    Parameters
    ----------
    gate_weights : list of array-like of shape (n_samples_i,)
        Weights of the rows of each source.
    names : list of str, length n_sources
    trust : array-like of shape (n_sources,)
        Trust factor of each source, which is written beside it.
    perturbed : list of (array-like of bool of shape (n_samples_i,) or None), default=None
        Which rows are known to be perturbed.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import GateWeightsDisplay
    >>> display = GateWeightsDisplay(gate_weights=[[0.1, 0.2, 2.0]], names=["a"], trust=[1.0])
    >>> display.plot().ax_.get_xscale()
    'log'
    """

    def __init__(
        self,
        *,
        gate_weights: Sequence[ArrayLike],
        names: Sequence[str],
        trust: ArrayLike,
        perturbed: Sequence[ArrayLike | None] | None = None,
    ) -> None:
        self.gate_weights = gate_weights
        self.names = names
        self.trust = trust
        self.perturbed = perturbed

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        *,
        perturbed: Mapping[str, ArrayLike] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the row weights of a fitted estimator.

        Parameters
        ----------
        estimator : DiscriminatorGateClassifier, Pipeline or search, or dict of str to these
            An estimator fitted with sources. In a search its best estimator is used, and in a
            pipeline its last step. Several by name are drawn one below the other.
        perturbed : dict of name to array-like of bool, default=None
            Masks of the rows that are known to be perturbed, by the name of the source.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : GateWeightsDisplay
            The display, already drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no row weights, or `perturbed` does not fit the sources.
        ImportError
            If matplotlib is missing.
        """
        several = fitted_by_name(estimator, "trust_", "row weights")
        fits = several or {"": fitted_with(estimator, "trust_", "row weights")}
        sources = [name for fit in fits.values() for name in fit.source_names_]
        masks = dict(perturbed or {})
        unknown = [name for name in masks if name not in sources]
        if unknown:
            raise ValueError(f"perturbed names {unknown[0]!r}, and the sources are {sources}")
        display = cls(
            gate_weights=[rows for fit in fits.values() for rows in fit.gate_weights_],
            names=names_in_fits({name: fit.source_names_ for name, fit in fits.items()}),
            trust=[factor for fit in fits.values() for factor in fit.trust_],
            perturbed=[masks.get(name) for name in sources],
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
        display : GateWeightsDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        weights = [np.maximum(np.asarray(part, dtype=float), _LEAST) for part in self.gate_weights]
        check_names(self.names, len(weights), "gate_weights")
        masks = self._masks(weights)
        known = any(mask is not None for mask in masks)
        if ax is None:
            row = 1.6 if known else 0.9
            size = (8, 1.4 + row * len(weights))
            _, ax = import_pyplot().subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        clipped = any(np.any(np.asarray(part) < _LEAST) for part in self.gate_weights)
        most = max(2.0, *(part.max() for part in weights))
        bins = np.geomspace(_LEAST, 1.05 * most, _N_BINS + 1)
        space = 2.0 if known else 1.0
        levels = -space * np.arange(len(weights))
        for part, mask, level in zip(weights, masks, levels, strict=True):
            if mask is None:
                self._draw(part, bins, level, _HEIGHT, "clean")
            else:
                self._draw(part[~mask], bins, level, _HEIGHT, "clean")
                self._draw(part[mask], bins, level, -_HEIGHT, "perturbed")
            ax.axhline(level, color="0.2", linewidth=0.8)
        ax.axvline(1, color="0.2", linestyle=":", zorder=0)
        ax.set_xscale("log")
        ax.set_xlim(bins[0], bins[-1])
        powers = np.arange(round(np.log10(_LEAST)), np.log10(bins[-1]))
        ticks = [f"$10^{{{power:.0f}}}$" for power in powers]
        if clipped:  # The lowest bin holds all smaller weights.
            ticks[0] = rf"$\leq 10^{{{powers[0]:.0f}}}$"
        ax.set_xticks(10.0**powers, ticks)
        low = levels[-1] - (1 if masks[-1] is not None else 0.15)
        ax.set_ylim(low, 1)
        names = zip(self.names, np.asarray(self.trust), strict=True)
        ax.set_yticks(levels, [f"{as_text(name)}\ntrust {factor:.2g}" for name, factor in names])
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("gate's weight of a source row (1 = as without a gate)")
        self._name_marks(known)
        ax.spines[["top", "right", "left"]].set_visible(False)
        return self

    def _name_marks(self, known):
        """A legend above the axes, in place of a title."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        names = {"clean": "clean rows" if known else "rows"}
        if known:
            names["perturbed"] = "perturbed rows"
        handles = [self._patch(Patch, kind, name) for kind, name in names.items()]
        mean = {"marker": "v", "color": "0.75", "markeredgecolor": "0.2", "linestyle": "none"}
        handles += [
            Line2D([], [], label="mean of each", **mean),
            Line2D([], [], color="0.2", linestyle=":", label="as without a gate"),
        ]
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1.02), "borderaxespad": 0}
        self.ax_.legend(handles=handles, frameon=False, ncols=4, columnspacing=1.2, **place)

    @staticmethod
    def _patch(patch, kind, name):
        hatched = {"hatch": "////", "edgecolor": "white"} if kind == "perturbed" else {}
        return patch(facecolor=_COLOURS[kind], label=name, linewidth=0, alpha=0.8, **hatched)

    def _masks(self, weights):
        given = self.perturbed or [None] * len(weights)
        masks = []
        for name, part, mask in zip(self.names, weights, given, strict=True):
            mask = None if mask is None else np.asarray(mask, dtype=bool)
            if mask is not None and mask.shape != part.shape:
                raise ValueError(
                    f"perturbed[{name!r}] has shape {mask.shape}, and the source has {part.size} "
                    "rows: pass one bool for each"
                )
            masks.append(mask)
        return masks

    def _draw(self, weights, bins, level, height, kind):
        """One histogram, its highest bar as high as given, and its mean."""
        if weights.size == 0:
            return
        counts, _ = np.histogram(weights, bins)
        heights = height * counts / max(counts.max(), 1)
        colour = _COLOURS[kind]
        hatch = None if kind == "clean" else "////"
        self.ax_.bar(
            bins[:-1],
            heights,
            np.diff(bins),
            bottom=level,
            align="edge",
            color=colour,
            alpha=0.8,
            hatch=hatch,
            edgecolor="white" if hatch else colour,
            linewidth=0,
        )
        self.ax_.plot(
            weights.mean(),
            level + 1.12 * height,
            marker="v" if height > 0 else "^",
            color=colour,
            markeredgecolor="0.2",
            clip_on=False,
        )
