"""What the README shows is what a reader gets, and the links of the pages lead somewhere."""

import pytest

pytest.importorskip("torch")

import contextlib
import io
import re
import warnings
from pathlib import Path
from types import ModuleType

import skuowq
from skuowq import networks

_ROOT = Path(__file__).parents[1]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")
_PAGES = [*_ROOT.glob("*.md"), *_ROOT.glob("docs/*.md"), *_ROOT.glob("docs/api/*.md")]
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


def _words(text):
    return _NUMBER.sub("#", text).split()


def test_the_snippet_of_the_readme_prints_what_is_shown():
    code, shown = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", _README, re.DOTALL).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(code, {})  # as it would be pasted
    assert _words(printed.getvalue()) == _words(shown)
    # The last digits depend on the processor.
    found, expected = (
        [float(number) for number in _NUMBER.findall(text)] for text in (printed.getvalue(), shown)
    )
    assert found == pytest.approx(expected, rel=0.1, abs=0.02)


def test_the_readme_is_short():
    assert len(_README.splitlines()) <= 82
    assert max(map(len, _README.splitlines())) <= 165  # Else a line would hold what two held.


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_relative_links_lead_to_files(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    files = [link.partition("#")[0] for link in links if "://" not in link]
    assert [file for file in files if file and not _leads(page.parent, file)] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_what_pages_tell_to_run_is_there(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    told = re.findall(r"(?:`|^ *)make ([a-z-]+)", text, re.MULTILINE)
    assert sorted(set(told) - set(targets)) == []
    files = re.findall(r"\b(?:benchmarks|examples|tests)/[\w/.-]+\.(?:py|md|txt)\b", text)
    assert [file for file in files if not (_ROOT / file).exists()] == []
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    anchors = re.findall(r"\]\(([^)\s:#]*)#([^)\s]+)\)", text)
    assert [link for link in anchors if link[1] not in _anchors(page.parent / link[0], page)] == []


def _anchors(path, page):
    """What links to a page's headings end with."""
    text = (page if path.is_dir() else path).read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def _leads(folder, file):
    """Whether there is such a file, or an example from which the site makes such a page."""
    page = re.fullmatch(r"auto_examples/(\w+)", file)
    example = page and page[1] != "index" and _ROOT / "examples" / f"{page[1]}.py"
    return example.exists() if example else bool(page) or (folder / file).exists()


def test_the_reference_names_what_is_public():
    pages = (_ROOT / "docs" / "api").glob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    listed = set(re.findall(r"^   (\w+)$", text, re.MULTILINE)) | {"RULES", "ALIGNMENTS"}
    modules = [value for value in vars(skuowq).values() if isinstance(value, ModuleType)]
    public = {
        name
        for module in [skuowq, *modules, networks]
        for name in getattr(module, "__all__", ())
        if not isinstance(getattr(module, name), ModuleType)
    }
    assert sorted(public - listed) == []
