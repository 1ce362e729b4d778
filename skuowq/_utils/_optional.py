"""Packages that only a part of skuowq needs, and what to do where one is missing."""

import importlib

# Name in an import statement -> name of the package, and the command that installs it.
_PACKAGES = {
    "cvxpy": ("cvxpy", "pip install cvxpy"),
    "matplotlib": ("matplotlib", 'pip install "skuowq[plots]"'),
    "ot": ("POT", 'pip install "skuowq[transport]"'),
    "pandas": ("pandas", "pip install pandas"),
    "skorch": ("skorch", "pip install torch skorch"),
    "torch": ("torch", "pip install torch skorch"),
}


def import_optional(module, what):
    """Import a module of an optional package where it is used.

    Parameters
    ----------
    module : str
        Such as "ot.batch".
    what : str
        What needs it, as the message begins.

    Returns
    -------
    module : module

    Raises
    ------
    ModuleNotFoundError
        If the package is missing. The message names it and the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        name = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != name:  # Something that the package itself needs.
            raise
        package, command = _PACKAGES[name]
        raise ModuleNotFoundError(
            f"{what} needs {package}, which is not installed: {command}", name=name
        ) from error
