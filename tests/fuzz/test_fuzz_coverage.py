"""Every public name has a test that draws its inputs, and the judge of errors can judge."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fuzz_harness import FUZZED, allowed, outcome

import skuowq
from skuowq.weights import solve_source_weights

ROOMS = (
    "weights",
    "rules",
    "fisher",
    "theory",
    "transport",
    "metrics",
    "datasets",
    "plotting",
    "networks",
)


def public_names():
    names = [n for n in skuowq.__all__ if not isinstance(getattr(skuowq, n), ModuleType)]
    for room in ROOMS:
        module = importlib.import_module(f"skuowq.{room}")
        names += [f"{room}.{name}" for name in module.__all__]
    return set(names)


def test_every_public_name_is_fuzzed():
    for file in Path(__file__).parent.glob("test_fuzz_*.py"):
        importlib.import_module(file.stem)
    assert public_names() - set(FUZZED) == set()
    assert set(FUZZED) - public_names() == set()


def test_rooms_are_all_there():
    modules = [n for n in skuowq.__all__ if isinstance(getattr(skuowq, n), ModuleType)]
    assert set(modules) | {"networks"} == set(ROOMS)


def _raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return caught.value


@pytest.mark.parametrize(
    "call",
    [
        lambda: np.linalg.cholesky(-np.eye(2)),
        lambda: [][0],
        lambda: {}["a"],
        lambda: 1 / 0,
        lambda: skuowq.UOWQClassifier.fit(),
        lambda: np.zeros(2) + np.zeros(3),
        lambda: float("many"),
    ],
)
def test_errors_from_inside_are_not_allowed(call):
    error = _raised(call)
    assert not allowed(error, ["X", "y", "a"])
    with pytest.raises(type(error)):
        outcome(call, ["X", "y"])


def test_errors_that_name_an_argument_are_allowed():
    error = _raised(lambda: solve_source_weights([0], [1.0]))
    assert allowed(error, ["n_samples"])
    assert not allowed(error, ["max_weight"])


def test_warnings_from_inside_are_not_allowed(monkeypatch):
    monkeypatch.setattr("skuowq.weights._program.check_sizes", lambda n, name: np.log([0.0]) * n)
    with pytest.raises(AssertionError, match="RuntimeWarning: divide by zero"):
        outcome(lambda: solve_source_weights([1], [1.0]), ["discrepancy"])
