"""What the examples in docstrings and docs print must not depend on the processor."""

import ast
import doctest
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PAGES = [*_ROOT.glob("skuowq/**/*.py"), *_ROOT.glob("docs/*.md"), _ROOT / "README.md"]
_FILES = [page for page in _PAGES if ">>>" in page.read_text()]


def _docstrings(path):
    text = path.read_text()
    if path.suffix == ".md":
        return [text]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [
        ast.get_docstring(node) or ""
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented)
    ]


def _shows_numbers(output):
    """Whether the printed value is a float, or is an array or a nested list that holds one."""
    try:
        shown = ast.parse(output.strip(), mode="eval")
    except SyntaxError:
        return False
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, float) for node in ast.walk(shown)
    )


def _careless(examples):
    """Examples whose floats are not rounded, or could come out as -0.0."""
    return [
        example.source
        for example in examples
        if _shows_numbers(example.want)
        and not ("round(" in example.source and "+ 0.0" in example.source)
    ]


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_floats_are_printed_rounded_and_without_a_sign_on_zero(path):
    parser = doctest.DocTestParser()
    for text in _docstrings(path):
        assert _careless(parser.get_examples(text)) == []
