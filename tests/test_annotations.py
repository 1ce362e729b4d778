"""The public functions of the rooms say which types they take and return."""

import importlib
import inspect
from types import ModuleType

import pytest

_ROOMS = (
    "weights",
    "fisher",
    "theory",
    "transport",
    "metrics",
    "datasets",
    "plotting",
    "rules",
    "pipeline",
)


def _callables(owner):
    """Functions that a module exports, and the public methods of its classes.

    What another room has written and this one only hands on is left out.
    """
    for name in owner.__all__:
        value = getattr(owner, name)
        if not getattr(value, "__module__", "").startswith(owner.__name__.removesuffix(".checked")):
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            yield from ((f"{name}.{method}", f) for method, f in _methods(value))


def _methods(cls):
    for name, value in vars(cls).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if inspect.isfunction(function) and (name == "__init__" or not name.startswith("_")):
            yield name, inspect.unwrap(function)


def _missing(function):
    signature = inspect.signature(function)
    names = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is inspect.Parameter.empty and name not in ("self", "cls")
    ]
    return names + ["return"] * (signature.return_annotation is inspect.Signature.empty)


@pytest.mark.parametrize("room", _ROOMS)
def test_public_functions_are_annotated(room):
    module = importlib.import_module(f"skuowq.{room}")
    found = {name: _missing(function) for name, function in _callables(module)}
    assert found
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize("room", ["weights", "fisher", "transport"])
def test_entry_points_for_checked_arguments_are_annotated(room):
    module = importlib.import_module(f"skuowq.{room}.checked")
    found = {name: _missing(function) for name, function in _callables(module)}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_missing_annotation_is_seen():
    def half(x: float, y):
        return x

    class Half:
        def method(self, z) -> None:
            return None

    owner = ModuleType(__name__)
    owner.half, owner.Half, owner.__all__ = half, Half, ["half", "Half"]
    found = {name: _missing(function) for name, function in _callables(owner)}
    assert found == {"half": ["y", "return"], "Half.method": ["z"]}
