"""The optional import of matplotlib, and the one style of all displays.

Different things have different colours, which differ as greys too, and lines differ in their dashes
as well. Every mark has its name in the legend.
"""

from typing import Any

import numpy as np

from skuowq._utils._optional import import_optional

# Dark blue first: what stands alone. Their lightness differs, so they differ as greys.
COLORS = ("#1f4e79", "#d1662a", "#3a9178", "#8c5fa8", "#c9a227", "0.45")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 4)))
MARKERS = "osD^v<>PX*"
HATCHES = ("", "////", "....", "xxxx", "||||", "----")
# Names of lines for which a legend finds room within the axes.
_MOST_INSIDE = 4
LEVEL: dict[str, Any] = {"color": "0.4", "linewidth": 1, "zorder": 1}


def import_pyplot():
    """Return `matplotlib.pyplot`.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is missing; the message names the extra to install.
    """
    return import_optional("matplotlib.pyplot", "A plot")


def line_style(k):
    """Colour, dashes and marker of the k-th line; colour and dashes repeat after 36 lines."""
    shift = k // len(COLORS)
    return {
        "color": COLORS[k % len(COLORS)],
        "linestyle": DASHES[(k + shift) % len(DASHES)],
        "marker": MARKERS[k % len(MARKERS)],
    }


def mark_weight_1(ax):
    """The line of a target row, with which the weights of source rows compare."""
    ax.axhline(1, label="a target row", **LEVEL)


def side_by_side(argument, results, ax, size):
    """Axes for several results, with their names as titles.

    Parameters
    ----------
    argument : str
        What the caller calls the results.
    results : dict of str to object
    ax : list of Axes or None
        None makes a new figure.
    size : tuple of float
        Width and height of one of the new axes, in inches.
    """
    n = len(not_empty(argument, results))
    if ax is None:
        size = (n * size[0], size[1])
        _, ax = import_pyplot().subplots(1, n, figsize=size, layout="constrained", squeeze=False)
    axes = np.ravel(ax)
    if len(axes) != n:
        raise ValueError(f"ax has {len(axes)} axes, and {argument} has {n}: pass one for each")
    for one, name in zip(axes, results, strict=True):
        one.set_title(as_text(name), loc="left")
    return list(axes)


def name_lines(ax, *, own_figure):
    """A legend of the lines; many names stand beside the axes, where they hide none of them."""
    many = own_figure and len(ax.get_legend_handles_labels()[1]) > _MOST_INSIDE
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if many else {}
    ax.legend(framealpha=0.9, edgecolor="none", **place)


def mark_minimum(ax, x, y):
    """A triangle that points at the minimum from above, where no other mark hides it."""
    from matplotlib.transforms import ScaledTranslation

    above = ScaledTranslation(0, 8 / 72, ax.figure.dpi_scale_trans)
    named = any(line.get_gid() == "minimum" for line in ax.lines)
    ax.plot(
        x,
        y,
        "v",
        color="black",  # As the legend shows it, whatever the curve's own colour.
        markersize=7,
        zorder=5,
        transform=ax.transData + above,
        clip_on=False,
        gid="minimum",
        label=None if named else "least of the curve",
    )


def check_names(names, n, what):
    """Refuse names whose number differs from what is drawn."""
    if len(names) != n:
        raise ValueError(f"names has {len(names)} entries, and {what} has {n}: pass one for each")


def not_empty(argument, results):
    """Several results by their names, one at least."""
    if not results:
        raise ValueError(f"{argument} is empty: pass at least one under its name")
    return results


def names_in_fits(sources):
    """A name for each source of each fit: the source's own where the fit has no name.

    Parameters
    ----------
    sources : dict of str to list of str
        Names of each fit's sources, by the name of the fit.
    """
    return [f"{fit}: {name}" if fit else name for fit, names in sources.items() for name in names]


def as_text(name):
    """A name in a form that matplotlib writes unchanged.

    It would read text between dollar signs as mathematics, and legends leave out names that are
    empty or begin with an underscore.
    """
    name = str(name).replace("$", r"\$")
    return name if name and not name.startswith("_") else f" {name}"
