"""Packages that single tests need, and that the environment of `make test-light` lacks.

A module that is about such a package starts with ``pytest.importorskip``. A module of which only a
few tests need it has it from here, and so keeps the others.
"""

import importlib
from importlib.util import find_spec

import pytest


class _Missing:
    """In place of a package: the test that uses it is skipped."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        if attribute.startswith("__"):  # Asked for by pytest's collection, not by a test.
            raise AttributeError(attribute)
        pytest.skip(f"needs {self._name}", allow_module_level=True)


def installed(name):
    """Whether there is such a package."""
    return find_spec(name) is not None


def optional(name):
    """The package, or something in its place that skips the test that uses it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return _Missing(name)
