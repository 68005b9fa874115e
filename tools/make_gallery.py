"""Make the pictures of docs/gallery.md by running what is written there, in order.

    python tools/make_gallery.py                                  # all; needs the extras synth, train, plot, and Chromium
    python tools/make_gallery.py --work build/gallery "Heat map"  # sections whose heading contains these words, on what is there

A comment ``<!-- picture: FILE -->`` before a picture names the file it is made from. Of a web page the top is taken, or with
``<!-- picture: FILE SELECTOR -->`` the element that a CSS selector names. No face in these pictures is real.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "gallery.md"
MOST_BYTES = 150_000
LARGEST = (900, 1100)
"""Width and height in pixels; what is higher is cut off below."""

_PARTS = re.compile(
    r"^```(?P<language>\w*)\n(?P<code>.*?)^```$"
    r"|^<!-- picture: (?P<file>\S+)(?: (?P<selector>[^\n]+?))? -->\n!\[[^\]]+\]\((?P<target>[^)]+)\)",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """Code of the page: ``python``, or lines of commands where ``language`` is empty."""

    language: str
    code: str


@dataclass(frozen=True)
class Picture:
    """A picture of the page: the file it is made from, the part of a web page, and its path from docs/."""

    file: str
    selector: str | None
    target: str


def sections(text: str) -> Iterator[tuple[str, list[Block | Picture]]]:
    """Headings of a page in Markdown, and the code and pictures below each, in order."""
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        found: list[Block | Picture] = []
        for match in _PARTS.finditer(part):
            if match["file"]:
                found.append(Picture(match["file"], match["selector"], match["target"]))
            else:
                found.append(Block(match["language"], match["code"]))
        yield part.partition("\n")[0], found


def run(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block in the current folder; Python keeps its names from block to block."""
    if block.language == "python":
        exec(compile(block.code, PAGE.name, "exec"), namespace)
        return
    for line in block.code.splitlines():
        subprocess.run([sys.executable, "-m", *shlex.split(line, comments=True)], check=True)


def picture(source: Path, selector: str | None) -> Image.Image:
    """What a file shows: the picture itself, or a web page as a browser draws it."""
    if source.suffix != ".html":
        return Image.open(source).convert("RGB")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1000, "height": LARGEST[1]})
        page.goto(source.resolve().as_uri())
        shot = page.locator(selector).first.screenshot() if selector else page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(shot)).convert("RGB")


def small(image: Image.Image) -> bytes:
    """A picture as WebP of at most ``MOST_BYTES``: without loss where that suffices."""
    width = min(LARGEST[0], image.width)
    image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    image = image.crop((0, 0, width, min(image.height, LARGEST[1])))
    for settings in ({"lossless": True}, *({"quality": quality} for quality in (92, 85, 75, 60, 45))):
        buffer = io.BytesIO()
        image.save(buffer, "webp", method=6, **settings)
        if buffer.tell() <= MOST_BYTES:
            break
    return buffer.getvalue()


def make(words: list[str], work: Path) -> None:
    """Run the sections whose headings contain one of the words, all without words, and store their pictures."""
    namespace: dict[str, Any] = {"__name__": "gallery"}
    with contextlib.chdir(work):
        for heading, parts in sections(PAGE.read_text("utf-8")):
            if words and not any(word in heading for word in words):
                continue
            for part in parts:
                if isinstance(part, Block):
                    run(part, namespace)
                    continue
                target = DOCS / part.target
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(small(picture(Path(part.file), part.selector)))
                print(f"{target.name}: {target.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="of headings; all sections if left out")
    parser.add_argument("--work", type=Path, help="folder of what the commands write; a temporary one if left out")
    args = parser.parse_args()
    if args.work:
        args.work.mkdir(parents=True, exist_ok=True)
        make(args.words, args.work)
        return
    with tempfile.TemporaryDirectory(prefix="gallery-") as folder:
        make(args.words, Path(folder))


if __name__ == "__main__":
    main()
