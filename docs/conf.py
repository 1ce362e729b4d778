"""Settings of the site; `make docs` builds it. No page needs a network to be built."""

import re
import zlib
from pathlib import Path

from docutils import nodes
from sphinx.util.inventory import InventoryFile

import skuowq

_HERE = Path(__file__).parent

project = "skuowq"
author = "The skuowq developers"
copyright = author
version = release = skuowq.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "inventories", "auto_examples/*.md5"]
templates_path = ["_templates"]
# In docstrings `name` is a link where it names something, and code elsewhere.
default_role = "autolink"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

nitpicky = True

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc has them, in words.
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # words that are neither below nor numpydoc's own
numpydoc_xref_aliases = {
    "Alignment": "skuowq.networks.Alignment",
    "Bunch": "sklearn.utils.Bunch",
    "DiscriminatorGateClassifier": "skuowq.DiscriminatorGateClassifier",
    "ErrorCurve": "skuowq.theory.ErrorCurve",
    "LogisticRegression": "sklearn.linear_model.LogisticRegression",
    "NegativeTransferGap": "skuowq.metrics.NegativeTransferGap",
    "NeuralNetClassifier": "skorch.NeuralNetClassifier",
    "NeuralNetRegressor": "skorch.NeuralNetRegressor",
    "NotFittedError": "sklearn.exceptions.NotFittedError",
    "Path": "pathlib.Path",
    "Pipeline": "sklearn.pipeline.Pipeline",
    "RandomState": "numpy.random.RandomState",
    "Rule": "skuowq.rules.Rule",
    "Sizes": "skuowq.rules.Sizes",
    "SourceRanking": "skuowq.transport.SourceRanking",
    "SourceRecord": "skuowq.fisher.SourceRecord",
    "SourceWeights": "skuowq.weights.SourceWeights",
    "Sources": "skuowq.Sources",
    "TransferPipeline": "skuowq.TransferPipeline",
    "ValidationResult": "skuowq.theory.ValidationResult",
    "WeightCurve": "skuowq.theory.WeightCurve",
}

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skuowq",),
    "reference_url": {"skuowq": None},
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"draw\.py",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib",),
    "capture_repr": ("_repr_html_",),
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "only_warn_on_example_error": False,
    "matplotlib_animations": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skuowq"
html_static_path = ["_static"]
html_css_files = ["skuowq.css"]
html_show_sourcelink = False
# Pages without pages below them.
_ALONE = "index install tutorial theory benchmarks exercises glossary coming_from changelog citing"
html_sidebars = {page: [] for page in _ALONE.split()}
html_theme_options = {
    "logo": {"text": "skuowq"},
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
}


def _inventories():
    """The part of other projects' inventories that we refer to, as intersphinx reads it.

    A file inventories/NAME.txt has the project's address in its first line, and below it lines of
    an inventory: name, role, priority, place, title.
    """
    folder = _HERE / "_build" / "inventories"
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for listed in sorted((_HERE / "inventories").glob("*.txt")):
        address, *entries = listed.read_text(encoding="utf-8").splitlines()
        head = f"# Sphinx inventory version 2\n# Project: {listed.stem}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        written = folder / f"{listed.stem}.inv"
        body = "\n".join(entries) + "\n"
        written.write_bytes(head.encode() + zlib.compress(body.encode()))
        InventoryFile.loads(written.read_bytes(), uri=address)  # fails on a line that is wrong
        mapping[listed.stem] = (address, str(written))
    return mapping


intersphinx_mapping = _inventories()

nitpick_ignore_regex = [
    # Parameters and attributes, which are emphasised in docstrings and have no page.
    ("py:obj", r"[a-z_]+"),
    # Projects whose inventories we do not keep.
    ("py:.*", r"(joblib|matplotlib|pandas|torch)\..*"),
]


def _show_formulas(app, what, name, obj, options, lines):
    """Make indented formulas of docstrings blocks of code; they would be quotations."""
    kept = []
    # The file that a docstring names is a page here.
    lines[:] = [re.sub(r"``docs/(\w+)\.md``", r":doc:`/\1`", line) for line in lines]
    for k, line in enumerate(lines):
        kept.append(line)
        follows = lines[k + 2] if k + 2 < len(lines) and not lines[k + 1].strip() else ""
        indent = len(line) - len(line.lstrip())
        if (
            line.strip()
            and follows.startswith(" " * (indent + 4))
            and not follows[indent + 4 :].startswith((" ", ">>>"))
            and not line.endswith("::")
            and not line.lstrip().startswith((".. ", "- ", ":"))
        ):
            kept += ["", " " * indent + ".. code-block:: text"]
    lines[:] = kept


def _trim_code(app, doctree):
    """Without the empty line that ends a doctest in Markdown."""
    for node in doctree.findall(nodes.literal_block):
        if node.rawsource == node.astext():
            node.rawsource = node.rawsource.rstrip("\n")
            node.children = [nodes.Text(node.rawsource)]


def setup(app):
    app.connect("doctree-read", _trim_code)
    app.connect("autodoc-process-docstring", _show_formulas, priority=400)  # before numpydoc
