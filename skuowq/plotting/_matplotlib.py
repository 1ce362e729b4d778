"""The optional import of matplotlib, and what several Displays draw."""


def import_pyplot():
    """Return `matplotlib.pyplot`.

    Raises
    ------
    ImportError
        If matplotlib cannot be imported; the message names the extra to install.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'Plotting needs matplotlib: install it with pip install "skuowq[plots]".'
        ) from error
    return plt


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
