"""The version is written in three places."""

import re
import tomllib
from pathlib import Path

import skuowq

_ROOT = Path(__file__).parents[1]


def test_versions_agree():
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (_ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert project["version"] == skuowq.__version__
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [skuowq.__version__]


def test_types_are_announced():
    assert (Path(skuowq.__file__).parent / "py.typed").is_file()
