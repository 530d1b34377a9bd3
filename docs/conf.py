"""The configuration of the documentation.

``python -m sphinx -W --keep-going -b html docs docs/_build/html`` builds the
pages, runs the tutorials, and needs no network.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import api_pages  # noqa: E402  (lies beside this file)

import odyssey  # noqa: E402

os.environ["COLUMNS"] = "90"  # of the help texts, whatever terminal this runs in
api_pages.write_pages(HERE / "api" / "generated")

project = "odyssey"
author = "the odyssey developers"
copyright = f"{author}; BSD-3-Clause"
version = release = odyssey.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]

exclude_patterns = ["_build", "tutorials/*.ipynb", "tutorials/*.py", "tutorials/*.json"]
templates_path = ["_templates"]
default_role = None
nitpicky = False
suppress_warnings = [
    # A paper at the foot of a page need not be cited in the text above it.
    "ref.citation",
]

# -- pages from docstrings -----------------------------------------------------------------

autosummary_generate = True
# Two names that differ in case alone must not become one file where the file system ignores it.
autosummary_filename_map = {
    "odyssey.tensor": "odyssey.tensor-function",
}
autodoc_typehints = "none"  # types stand in the docstrings, in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def skip_attached_methods(app, what, name, obj, skip, options):
    """Leave methods that core attached to Tensor to core's pages."""
    function = getattr(obj, "fget", obj)  # of a property
    home = getattr(function, "__module__", None) or ""
    return True if what == "class" and home.startswith("odyssey.core") else None


def setup(app):
    """Connect the hooks above."""
    app.connect("autodoc-skip-member", skip_attached_methods)


# -- tutorials -----------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../tutorials",
    "gallery_dirs": "tutorials",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "show_memory": False,
    "remove_config_comments": True,
    "plot_gallery": True,
}

# -- Markdown ------------------------------------------------------------------------------

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# -- how it looks --------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"odyssey {release}"
html_static_path = ["_static"]
html_css_files = ["odyssey.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}
