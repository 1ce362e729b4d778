"""ClassDistancesDisplay: distances between the classes of two data sets, as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from skuowq._data.labels import distinct_labels, label_names
from skuowq._data.sources import Sources

from ._matplotlib import as_text, import_pyplot, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skuowq._data.types import SourcesLike


_MAX_WRITTEN = 15  # classes on the longer side up to which the numbers are written


class ClassDistancesDisplay:
    """A heat map of the distances between source classes (rows) and target classes (columns).

    Small distances are dark. The nearest source class of each target class has a frame.

    Parameters
    ----------
    distances : array-like of shape (n_source_classes, n_target_classes)
    source_classes, target_classes : list, default=None
        Names of the classes. None takes numbers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes, after `plot`.
    figure_ : matplotlib Figure
        The figure of these axes, after `plot`.

    Examples
    --------
    >>> from skuowq.plotting import ClassDistancesDisplay
    >>> display = ClassDistancesDisplay(distances=[[0.1, 2.0], [1.5, 0.3]]).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['0.1', '2', '1.5', '0.3']
    """

    def __init__(
        self,
        *,
        distances: ArrayLike,
        source_classes: Sequence | None = None,
        target_classes: Sequence | None = None,
    ) -> None:
        self.distances = distances
        self.source_classes = source_classes
        self.target_classes = target_classes

    @classmethod
    def from_data(
        cls,
        X_target: ArrayLike,
        y_target: ArrayLike,
        X_source: ArrayLike,
        y_source: ArrayLike,
        *,
        method: str = "gaussian",
        ax: Axes | None = None,
    ) -> Self:
        """Compute the distances and draw them.

        Parameters
        ----------
        X_target, y_target, X_source, y_source, method
            As in :func:`skuowq.transport.class_distances`.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.

        Returns
        -------
        display : ClassDistancesDisplay
            The display, already drawn.
        """
        return cls._of_pair(X_target, y_target, X_source, y_source, method).plot(ax=ax)

    @classmethod
    def from_sources(
        cls,
        X_target: ArrayLike,
        y_target: ArrayLike,
        sources: SourcesLike,
        *,
        method: str = "gaussian",
        ax: Sequence[Axes] | None = None,
    ) -> Self:
        """Compute the distances of several sources, and draw them side by side.

        Parameters
        ----------
        X_target, y_target
            As in :func:`skuowq.transport.class_distances`.
        sources : list or dict of (X, y), or Sources
            The heat map of each source has its name, and all have the same colours.
        method : str, default="gaussian"
            As in :func:`skuowq.transport.class_distances`.
        ax : list of matplotlib Axes or None, default=None
            The axes to draw on, one for each source. None makes a new figure.

        Returns
        -------
        display : ClassDistancesDisplay
            The display of the last source, already drawn.
        """
        sources = Sources(sources)
        rows = zip(sources.names, sources._triples, strict=True)
        displays = {
            name: cls._of_pair(X_target, y_target, X_i, y_i, method) for name, (X_i, y_i, _) in rows
        }
        every = [display.distances for display in displays.values()]
        scale = (min(map(np.min, every)), max(map(np.max, every)))
        n_rows, n_columns = np.max([distances.shape for distances in every], axis=0)
        axes = side_by_side("sources", displays, ax, _size(n_rows, n_columns))
        for display, its_ax in zip(displays.values(), axes, strict=True):
            display.plot(ax=its_ax, scale=scale)
        return display

    @classmethod
    def _of_pair(cls, X_target, y_target, X_source, y_source, method):
        from skuowq.transport import class_distances

        return cls(
            distances=class_distances(X_target, y_target, X_source, y_source, method),
            source_classes=label_names(distinct_labels(y_source, "y_source")[0]),
            target_classes=label_names(distinct_labels(y_target, "y_target")[0]),
        )

    def plot(self, ax: Axes | None = None, *, scale: tuple[float, float] | None = None) -> Self:
        """Draw the data on axes of matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None makes a new figure.
        scale : tuple of float or None, default=None
            The distances of the darkest and of the lightest colour. None takes the least and the
            largest distance. Pass the same to several displays that shall be compared.

        Returns
        -------
        display : ClassDistancesDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If the number of names differs from that of the classes.
        ImportError
            If matplotlib is missing.
        """
        distances = np.asarray(self.distances, dtype=float)
        names = []
        for given, n, what in zip(
            (self.source_classes, self.target_classes),
            distances.shape,
            ("source", "target"),
            strict=True,
        ):
            given = list(range(n)) if given is None else list(given)
            if len(given) != n:
                raise ValueError(
                    f"{what}_classes has {len(given)} names, and distances has {n} {what} classes"
                )
            names.append([as_text(name) for name in given])
        if ax is None:
            size = _size(*distances.shape)
            _, ax = import_pyplot().subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        low, high = scale or (distances.min(), distances.max())
        image = ax.imshow(distances, cmap="viridis", aspect="auto", vmin=low, vmax=high)
        self.figure_.colorbar(image, ax=ax, label="distance")
        ax.set_xticks(range(len(names[1])), names[1])
        ax.set_yticks(range(len(names[0])), names[0])
        ax.set_xlabel("target class (frame: its nearest source class)")
        ax.set_ylabel("source class")
        for column, row in enumerate(distances.argmin(axis=0)):
            frame = import_pyplot().Rectangle(
                (column - 0.48, row - 0.48), 0.96, 0.96, fill=False, edgecolor="white", linewidth=2
            )
            ax.add_patch(frame)
        if max(distances.shape) <= _MAX_WRITTEN:
            self._write(distances, (low + high) / 2)
        return self

    def _write(self, distances, middle):
        for (row, column), value in np.ndenumerate(distances):
            colour = "black" if value > middle else "white"
            style = {"ha": "center", "va": "center", "fontsize": "small", "color": colour}
            self.ax_.text(column, row, f"{value:.2g}", **style)


def _size(n_rows, n_columns):
    """Width and height of a heat map, in inches."""
    return 2.5 + 0.5 * min(n_columns, 30), 1.5 + 0.4 * min(n_rows, 30)
