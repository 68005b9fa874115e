"""Pages of the site that are made from other files: the API reference from docstrings, and the pages at the repository's root."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from types import ModuleType

from public_face import PAGES, Page, documented

DOCS = Path(__file__).resolve().parent.parent
REPOSITORY = DOCS.parent
FOLDER = DOCS / "generated"
ROOT_PAGES = {"CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing", "SECURITY.md": "security"}
"""Page at the root of the repository -> its name on the site."""

_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def write_all() -> None:
    """Write what differs from what is there, so that an unchanged page is not built again."""
    pages = {f"api/{page.name}.md": api_page(page) for page in PAGES}
    pages |= {f"{name}.md": on_the_site((REPOSITORY / file).read_text("utf-8"), file, FOLDER) for file, name in ROOT_PAGES.items()}
    pages["citation.md"] = citation()
    for name, text in pages.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, encoding="utf-8")


def on_the_site(text: str, source: str, folder: Path) -> str:
    """A page's text with links that lead to the same places on the site.

    Args:
        text: in Markdown.
        source: the page's path in the repository, from which its links are read.
        folder: where the text will lie.
    """

    def moved(match: re.Match[str]) -> str:
        title, target, anchor = match[1], match[2], match[3] or ""
        place = (REPOSITORY / source).parent / target
        if "://" in target or not place.exists():
            return match[0]
        inside = site_place(place.resolve())
        if inside is None:
            return match[0] if match.string[match.start() - 1 : match.start()] == "!" else as_code(title, place)
        return f"[{title}]({relative(inside, folder)}{anchor})"

    return _LINK.sub(moved, text)


def site_place(path: Path) -> Path | None:
    """Where a file of the repository is on the site, or None."""
    if path.is_relative_to(DOCS):
        return path
    if path == REPOSITORY / "README.md":
        return DOCS / "index.md"
    if path == REPOSITORY / "CITATION.cff":
        return FOLDER / "citation.md"
    return FOLDER / f"{ROOT_PAGES[path.name]}.md" if path.name in ROOT_PAGES and path.parent == REPOSITORY else None


def relative(path: Path, folder: Path) -> str:
    """``path`` as seen from ``folder``."""
    return Path(os.path.relpath(path, folder)).as_posix()


def as_code(title: str, place: Path) -> str:
    """What stands for a link to a file that is in the repository and not on the site."""
    path = place.resolve().relative_to(REPOSITORY).as_posix()
    return title if title.strip("`") == path else f"{title} (`{path}`)"


def citation() -> str:
    """The citation file as a page."""
    text = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    return f"# Citation\n\nFrom `CITATION.cff`, which reference managers and GitHub read:\n\n```yaml\n{text}```\n"


def api_page(page: Page) -> str:
    """A page of the reference in Markdown, with directives that read the docstrings."""
    parts = [f"# {page.title}\n"]
    for own, module, names in documented():
        if own is page and names:
            parts += [module_head(module, alone=len(page.modules) == 1), *(directive(module, name) for name in names)]
    return "\n".join(parts)


def module_head(module: ModuleType, *, alone: bool) -> str:
    """First paragraph of a module's docstring, under its name where the page has several modules."""
    first = inspect.cleandoc(module.__doc__ or "").partition("\n\n")[0]
    return f"{first}\n" if alone else f"## {module.__name__}\n\n{first}\n"


def directive(module: ModuleType, name: str) -> str:
    """What has Sphinx read a docstring; of a class with its members, and its bases where it has any."""
    value = getattr(module, name)
    kind, options = "autofunction", ""
    if inspect.isclass(value):
        kind, options = "autoclass", "   :members:\n" + "   :show-inheritance:\n" * (value.__bases__ != (object,))
    return f"```{{eval-rst}}\n.. {kind}:: {module.__name__}.{name}\n{options}```\n"
