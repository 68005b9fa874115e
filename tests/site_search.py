"""The search of the built site, asked in a browser: what a reader types, and the pages that come first."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote_plus


def hits(page: Any, site: Path, words: str, most: int = 5) -> list[str]:
    """Paths of the first pages that the search of a site on this disc shows for some words, each once.

    Args:
        page: of Playwright.
        site: folder of the built site.
        words: what is typed.
        most: so many pages.
    """
    page.goto(f"{(site / 'search.html').resolve().as_uri()}?q={quote_plus(words)}")
    page.wait_for_function("/found|did not match/.test(document.querySelector('#search-results .search-summary')?.textContent)")
    links = page.eval_on_selector_all("#search-results ul.search li a", "all => all.map(one => one.getAttribute('href'))")
    return list(dict.fromkeys(link.partition("?")[0].partition("#")[0] for link in links))[:most]
