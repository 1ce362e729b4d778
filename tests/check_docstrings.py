"""Check the docstring of every public name with numpydoc; part of `make lint`.

The settings are in pyproject.toml, under ``[tool.numpydoc_validation]``: which checks are left out
and why, and which names. numpydoc's own command reads files, where it cannot tell a public function
from a helper. So this script goes by ``__all__``.
"""

import importlib
import inspect
import re
import sys
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

_PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
_MODULES = (
    "skuowq",
    "skuowq.datasets",
    "skuowq.fisher",
    "skuowq.fisher.checked",
    "skuowq.metrics",
    "skuowq.networks",
    "skuowq.pipeline",
    "skuowq.plotting",
    "skuowq.theory",
    "skuowq.transport",
    "skuowq.transport.checked",
    "skuowq.weights",
    "skuowq.weights.checked",
)


def public_names():
    """Paths of all functions, classes and methods that the package writes and exports, once."""
    seen, names = set(), []
    for module_name in _MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if id(value) in seen or not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            seen.add(id(value))
            names.append(f"{module_name}.{name}")
            if inspect.isclass(value):
                names += [f"{module_name}.{name}.{method}" for method in _methods(value, seen)]
    return names


def _methods(cls, seen):
    """Methods and properties written in this package, inherited ones for the first class only."""
    for name in dir(cls):
        value = inspect.getattr_static(cls, name)
        if isinstance(value, property):
            value = value.fget
        function = inspect.unwrap(getattr(value, "func", getattr(value, "__func__", value)))
        ours = inspect.isfunction(function) and function.__module__.startswith("skuowq")
        if ours and not name.startswith("_") and id(function) not in seen:
            seen.add(id(function))
            yield name


def errors_of(path, left_out):
    """Pairs of a code and a message for one public name."""
    value = _resolve(path)
    found = [tuple(error) for error in validate(path)["errors"]]
    if not value.__doc__ and inspect.getdoc(value):
        return []  # It has the docstring of the method that it overrides.
    if is_dataclass(value):
        # The attributes of a record are the parameters of its constructor.
        found = [(code, message) for code, message in found if code != "PR01"]
        found += [("PR01", f"Attribute {name!r} not documented") for name in _undocumented(value)]
    return [(code, message) for code, message in found if code not in left_out]


def _resolve(path):
    value, parts = None, path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for name in parts[end:]:
            value = inspect.getattr_static(value, name)
        return value
    raise ImportError(path)


def _undocumented(cls):
    doc = ClassDoc(cls)
    entries = [*doc["Parameters"], *doc["Attributes"]]
    named = {name.strip() for entry in entries for name in entry.name.split(",")}
    return [field.name for field in fields(cls) if field.name not in named]


def main():
    """Print what is wrong; the exit status is 1 if anything is."""
    settings = tomllib.loads(_PYPROJECT.read_text(encoding="utf-8"))["tool"]["numpydoc_validation"]
    left_out = set(settings["checks"]) - {"all"}
    excluded = re.compile("|".join(settings["exclude"]) or r"(?!)")
    wrong = 0
    for module in _MODULES:
        if not importlib.import_module(module).__doc__:
            print(f"{module}: GL08 The module does not have a docstring")
            wrong += 1
    for path in public_names():
        if excluded.search(path):
            continue
        for code, message in errors_of(path, left_out):
            print(f"{path}: {code} {message}")
            wrong += 1
    print(f"{wrong} faults in the docstrings of the public names")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
