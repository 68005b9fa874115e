"""Draw who imports whom, from the imports themselves: docs/images/architecture.svg.

    python tools/draw_architecture.py            (writes the picture)
    python tools/draw_architecture.py --check    (exit status 1 if it is not the current one)

Rooms are the folders and files of ``src/aufait``; their order is ``LAYERS`` in ``tests/test_layout.py``. A line is left out where
it follows from others: if A imports B and B imports C, then A may import C, and often does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests"))

from test_layout import LAYERS, imports, room  # noqa: E402

PICTURE = REPOSITORY / "docs" / "images" / "architecture.svg"

ROOMS = {
    "__main__": (2.0, "python -m aufait"),
    "cli": (2.0, "the commands"),
    "studio": (3.4, "the local web app"),
    "shortcuts": (1.6, "one call each"),
    "reproduction": (0.7, "the papers' tables"),
    "doctor": (2.5, "what is installed"),
    "self_test": (3.5, "odd files, tried"),
    "bench": (2.2, "speed and memory"),
    "evaluation": (0.7, "scores and reports"),
    "training": (0.7, "recipes, runs"),
    "shipped": (1.9, "how what ships is made"),
    "analysis": (3.8, "after the table"),
    "detection": (2.5, "picture to scores"),
    "twins": (0.1, "rendered data sets"),
    "visualization": (3.4, "all that is drawn"),
    "data": (0.5, "data sets, protocols"),
    "export": (2.9, "ONNX, OpenVINO, torch"),
    "inputs": (1.5, "faces to tensors"),
    "models": (2.4, "the networks"),
    "results": (3.6, "what detection gives"),
    "synthetic": (0.1, "the face engine"),
    "faces": (2.4, "finders, points, tracks"),
    "losses": (1.4, "loss terms"),
    "views": (3.9, "tables, cards"),
    "layers": (2.0, "shared blocks"),
    "media": (3.0, "pictures and videos"),
    "metrics": (4.0, "pure functions"),
    "workers": (0.4, "one process or many"),
    "extras": (4.0, "optional packages"),
    "files": (1.0, "whole files, weights"),
    "machine": (2.0, "devices, threads"),
    "plugins": (3.0, "entry points"),
    "settings": (0.0, "typed settings"),
    "alignment": (1.4, "similarity, warp"),
    "au_centers": (2.6, "where units are"),
    "landmarks": (1.6, "points of a face"),
    "action_units": (2.8, "names, muscles"),
    "errors": (2.0, "what can go wrong"),
}
"""Room -> column in the picture, and what it is."""

WIDTH, HEIGHT, COLUMN, ROW = 172, 44, 190, 86
MARGIN = 16
INK, PAPER, LINE = "#1f2933", "#ffffff", "#9aa8b5"
TINTS = ("#e8f0fa", "#e6f4ef", "#fdf3e1", "#f5ecf7")

Arrow = tuple[str, str]


def arrows() -> set[Arrow]:
    """(importer, imported) of rooms, downwards; imports inside functions count too."""
    height = {name: line for line, names in enumerate(LAYERS) for name in names}
    pairs = {(room(one.importer), room(one.imported)) for one in imports()}
    return {(a, b) for a, b in pairs if a in height and b in height and height[a] < height[b]}


def needed(pairs: Iterable[Arrow]) -> list[Arrow]:
    """Those that do not follow from the others."""
    pairs = set(pairs)
    following: dict[str, set[str]] = {}
    for a, b in pairs:
        following.setdefault(a, set()).add(b)

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for node in following.get(waiting.pop(), set()) - seen:
                seen.add(node)
                waiting.append(node)
        return seen

    reach = {node: reached(node) for node in following}
    return sorted((a, b) for a, b in pairs if not any(b in reach.get(other, set()) for other in following[a] - {b}))


def corner(name: str) -> tuple[float, float]:
    """Left and top edge of a room's box, in pixels."""
    line = next(number for number, names in enumerate(LAYERS) if name in names)
    return MARGIN + ROOMS[name][0] * COLUMN, MARGIN + line * ROW


def ports(pairs: list[Arrow], end: int) -> dict[Arrow, float]:
    """Where along its box an arrow leaves (end 0) or arrives (end 1), so that no two share a place."""
    places: dict[Arrow, float] = {}
    for name in {pair[end] for pair in pairs}:
        mine = sorted((pair for pair in pairs if pair[end] == name), key=lambda pair: corner(pair[1 - end])[0])
        for number, pair in enumerate(mine, start=1):
            places[pair] = WIDTH * (0.12 + 0.76 * number / (len(mine) + 1))
    return places


def curve(pair: Arrow, leaving: float, arriving: float) -> str:
    """One line from the lower edge of the importer to the upper edge of the imported."""
    (x0, y0), (x1, y1) = corner(pair[0]), corner(pair[1])
    x0, y0, x1 = x0 + leaving, y0 + HEIGHT, x1 + arriving
    bend = min(0.5 * (y1 - y0), 70)
    return (
        f'<path d="M{x0:.0f} {y0:.0f}C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1 - 4:.0f}" '
        f'marker-end="url(#head)"><title>{pair[0]} imports {pair[1]}</title></path>'
    )


def box(name: str) -> str:
    """A room with its name and what it is."""
    x, y = corner(name)
    line = next(number for number, names in enumerate(LAYERS) if name in names)
    middle = x + WIDTH / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{TINTS[line * len(TINTS) // len(LAYERS)]}"/>'
        f'<text x="{middle:.0f}" y="{y + 19:.0f}" class="name">{name}</text>'
        f'<text x="{middle:.0f}" y="{y + 35:.0f}">{escape(ROOMS[name][1])}</text>'
    )


def drawing() -> str:
    """The picture as SVG."""
    pairs = needed(arrows())
    leaving, arriving = ports(pairs, 0), ports(pairs, 1)
    width = 2 * MARGIN + WIDTH + COLUMN * max(column for column, _ in ROOMS.values())
    height = 2 * MARGIN + HEIGHT + ROW * (len(LAYERS) - 1)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" '
            'role="img">',
            "<title>Rooms of src/aufait and who imports whom, from the top down</title>",
            f"<style>text{{font:12px sans-serif;fill:{INK};text-anchor:middle}}.name{{font:bold 14px monospace}}"
            f"rect{{stroke:{LINE}}}path{{fill:none;stroke:{LINE};stroke-width:1.3}}</style>",
            f'<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" style="fill:{LINE};stroke:none"/></marker></defs>',
            f'<rect x="0" y="0" width="100%" height="100%" style="fill:{PAPER};stroke:none"/>',
            *(curve(pair, leaving[pair], arriving[pair]) for pair in pairs),
            *(box(name) for names in LAYERS for name in names),
            "</svg>",
            "",
        ]
    )


def main(check: bool) -> int:
    """Write the picture, or say whether it is current."""
    drawn = drawing()
    if not check:
        PICTURE.write_text(drawn, "utf-8")
        return 0
    return int(not PICTURE.is_file() or PICTURE.read_text("utf-8") != drawn)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
