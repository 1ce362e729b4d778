"""Which examples in docstrings a light install can run; see `make test-light`."""

from importlib.util import find_spec
from pathlib import Path

_ROOT = Path(__file__).parent
# Rooms whose examples need a package that a light install lacks. Tests ask for it themselves.
_NEEDS = {
    "skuowq/_transport_estimators/jtln.py": "torch",
    "skuowq/fisher/_projected_fisher.py": "torch",
    "skuowq/networks": "torch",
    "skuowq/plotting": "matplotlib",
    "skuowq/transport": "ot",
    "tests/check_docstrings.py": "numpydoc",
}


def pytest_ignore_collect(collection_path):
    """Leave out what cannot be run; None leaves the decision to others."""
    for part, package in _NEEDS.items():
        if collection_path.is_relative_to(_ROOT / part) and find_spec(package) is None:
            return True
    return None
