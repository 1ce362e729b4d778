"""Estimators stay easy to read: short methods, and each attribute set in one place."""

import ast
import inspect
from collections import Counter

import pytest
from sklearn.base import BaseEstimator

import skuowq

# The estimators of the package, which its users see.
FACES = [
    member
    for name in skuowq.__all__
    if inspect.isclass(member := getattr(skuowq, name)) and issubclass(member, BaseEstimator)
]
MOST_LINES = 15


def _methods(face):
    """Every method that our own code gives the class, with its syntax tree."""
    for owner in face.__mro__:
        if not owner.__module__.startswith("skuowq"):
            continue
        (tree,) = ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner))).body
        yield from ((owner, method) for method in tree.body if isinstance(method, ast.FunctionDef))


def _statements(method):
    documented = ast.get_docstring(method) is not None
    return method.body[1:] if documented else method.body


def test_every_estimator_is_looked_at():
    assert len(FACES) == 7


@pytest.mark.parametrize("face", FACES)
def test_no_method_is_long(face):
    for owner, method in _methods(face):
        body = _statements(method)
        n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert n_lines <= MOST_LINES, f"{owner.__name__}.{method.name} has {n_lines} lines"


@pytest.mark.parametrize("face", FACES)
def test_each_attribute_is_set_in_one_place(face):
    places = Counter()
    for _, method in _methods(face):
        targets = {
            node.attr
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and getattr(node.value, "id", None) == "self"
        }
        places.update(targets)
    assert not [name for name, count in places.items() if count > 1]


@pytest.mark.parametrize("face", FACES)
def test_no_helper_receives_the_estimator(face):
    may_see_it = {"check_is_fitted", "is_classifier", "process_routing", "validate_data"}
    may_see_it |= {"copy", "delattr", "getattr", "hasattr", "setattr", "super", "type"}
    for owner, method in _methods(face):
        for call in (node for node in ast.walk(method) if isinstance(node, ast.Call)):
            passed = [a for a in call.args if isinstance(a, ast.Name) and a.id == "self"]
            called = ast.unparse(call.func)
            assert not passed or called in may_see_it, f"{owner.__name__}.{method.name}: {called}"
