"""The optional import of matplotlib."""


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
