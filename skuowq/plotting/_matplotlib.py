"""The optional import of matplotlib, and helpers of several displays."""

from skuowq._utils._optional import import_optional


def import_pyplot():
    """Return `matplotlib.pyplot`.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is missing; the message names the extra to install.
    """
    return import_optional("matplotlib.pyplot", "A plot")


def check_names(names, n, what):
    """Refuse names whose number differs from what is drawn."""
    if len(names) != n:
        raise ValueError(f"names has {len(names)} entries, and {what} has {n}: pass one for each")


def as_text(name):
    """A name in a form that matplotlib writes unchanged.

    It would read text between dollar signs as mathematics, and legends leave out names that are
    empty or begin with an underscore.
    """
    name = str(name).replace("$", r"\$")
    return name if name and not name.startswith("_") else f" {name}"


def name_level(ax, level, name, *, above=True):
    """Write a name at the right end of a horizontal line, above it or below."""
    ax.annotate(
        name,
        (1, level),
        xycoords=ax.get_yaxis_transform(),
        xytext=(-4, 2 if above else -3),
        textcoords="offset points",
        ha="right",
        va="bottom" if above else "top",
        fontsize="small",
        color="0.3",
    )
