"""The documentation site: ``make docs`` builds it into build/docs, without a network, from pages that read as well without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "_site"))

import generated

import aufait

project, author, copyright = "aufait", "The aufait maintainers", "The aufait maintainers, Apache-2.0"
version = release = aufait.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_site"]
root_doc = "index"

html_theme = "furo"
html_title = f"aufait {release}"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).parent / "_site" / "scorer.js")  # Sphinx does not look beside this file
html_copy_source = html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
pygments_style, pygments_dark_style = "friendly", "monokai"
highlight_language = "none"  # blocks that name no language are commands and what they print

myst_heading_anchors = 4  # the anchors that GitHub makes
nb_execution_mode = "off"  # notebooks are stored with their outputs; their test runs them
nb_ipywidgets_js: dict[str, Any] = {}  # would be fetched from elsewhere

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # short names of types, such as Report, are in several modules


def lead_to_the_site(_app: Any, name: str, source: list[str]) -> None:
    """Links of a page to files beyond docs/ lead to their pages on the site, or become their paths."""
    path = generated.DOCS / f"{name}.md"
    if path.is_file() and generated.FOLDER not in path.parents:
        source[0] = generated.on_the_site(source[0], f"docs/{name}.md", path.parent)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    generated.write_all()
    app.connect("source-read", lead_to_the_site)
