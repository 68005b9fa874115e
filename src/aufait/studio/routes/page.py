"""The page, as ``make web`` built it, and a list of the API without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from aufait.studio.errors import StudioError

PAGES = Path(__file__).resolve().parents[1] / "pages" / "studio"
_TYPES = {
    ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".html": "text/html; charset=utf-8", ".json": "application/json", ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
_NOT_BUILT = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>aufait studio</title><body style='font-family: sans-serif; "
    "max-width: 40em; margin: 3em auto'><h1>aufait studio</h1><p>The pages are not built. Run <code>make web</code> in the folder "
    "of the source (it needs Node.js), then load this again. The <a href='/api/docs'>API</a> works without them.</p></body></html>"
)


def router(studio: object = None, pages: Path = PAGES) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def index() -> Response:
        if not (pages / "index.html").is_file():
            return HTMLResponse(_NOT_BUILT)
        return FileResponse(pages / "index.html", media_type=_TYPES[".html"], headers={"cache-control": "no-cache"})

    @routes.get("/{place:path}")
    def asset(place: str) -> Response:
        if place.startswith("api/"):
            raise StudioError(404, "There is nothing at this address; /api/docs lists what there is.")
        path = _inside(pages, place)
        if path is None:
            raise StudioError(404, "There is nothing at this address.")
        headers = {"cache-control": "private, max-age=31536000, immutable" if place.startswith("assets/") else "no-cache"}
        return FileResponse(path, media_type=_TYPES.get(path.suffix, "application/octet-stream"), headers=headers)

    return routes


def _inside(pages: Path, place: str) -> Path | None:
    """The file of the pages that a path names; None for anything else."""
    try:
        path = (pages / place).resolve()
        return path if path.is_relative_to(pages.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None
