"""The licences of everything that an installation with all extras brings: docs/licences.md.

    python tools/licences.py                 (writes the table of the page, from the packages of this environment)
    python tools/licences.py --pins FILE     (writes name==version of each, from constraints.txt: what `nox -s sbom` reads)

Licences are those that the packages state themselves, as SPDX expressions. What they state nowhere a machine can read, and what
this environment lacks, is ``STATED`` here. tests/test_licences.py demands that every one is known and compatible.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
PAGE = REPOSITORY / "docs" / "licences.md"
BEGIN, END = "<!-- licences -->", "<!-- end of licences -->"
FOR_DEVELOPERS = {"all", "dev", "lint", "docs"}
"""Extras that say nothing new, or that bring tools for work on aufait itself."""

COMPATIBLE = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT",
    "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
"""Licences that let a program under Apache-2.0 use the package, also commercially. MPL-2.0 binds changes of its own files only."""

FOR_CUDA = ("nvidia-", "cuda-", "triton")
"""What torch with CUDA brings: the page says so in words, as the versions for processors have none of it."""

STATED = {
    "pympi-ling": "MIT",                # its file LICENSE
    "timm": "Apache-2.0",               # the extra is not part of `all`
    "torchvision": "BSD-3-Clause",      # comes with timm
    "huggingface-hub": "Apache-2.0",    # comes with timm, and brings the next four
    "hf-xet": "Apache-2.0",
    "httpx2": "BSD-3-Clause",
    "httpcore2": "BSD-3-Clause",
    "truststore": "MIT",
    "pylsl": "MIT",
    "ray": "Apache-2.0",
    "s3fs": "BSD-3-Clause",
}  # fmt: skip

_SPOKEN = (
    (r"^apache|apache software", "Apache-2.0"), (r"^isc", "ISC"), (r"mozilla", "MPL-2.0"),
    (r"python software foundation", "PSF-2.0"), (r"^3-clause bsd|^bsd", "BSD-3-Clause"), (r"^mit\b", "MIT"),
)  # fmt: skip


class Part(NamedTuple):
    """One package: its name on the index, its licence ("" where none is known), and the extras that bring it ("" is the base)."""

    name: str
    licence: str
    extras: tuple[str, ...]


def declared() -> dict[str, list[str]]:
    """Extra -> its requirements, extras of extras resolved; "" is the base."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    optional = project["optional-dependencies"]

    def flat(lines: list[str]) -> Iterator[str]:
        for line in lines:
            own = re.match(r"aufait\[(.*)\]", line)
            if own:
                for extra in own[1].split(","):
                    yield from flat(optional[extra])
            else:
                yield line

    found = {"": list(project["dependencies"])}
    return found | {extra: list(flat(lines)) for extra, lines in optional.items() if extra not in FOR_DEVELOPERS}


def licence_of(name: str) -> str | None:
    """SPDX expression of an installed package; None where it is not installed, "" where it states none."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return STATED.get(name)
    stated = about.get("License-Expression") or STATED.get(name)
    if stated:
        return stated
    free = (about.get("License") or "").strip()
    if re.fullmatch(r"[\w.-]+( (AND|OR) [\w.-]+)*", free) and set(re.split(" AND | OR ", free)) <= COMPATIBLE:
        return free
    classified = [line.split("::")[-1].strip() for line in about.get_all("Classifier") or [] if line.startswith("License")]
    for said in (*classified, free.split("\n")[0]):
        for pattern, licence in _SPOKEN:
            if re.search(pattern, said.lower()):
                return licence
    return ""


def needed(requirements: list[str]) -> set[str]:
    """The packages, and what they need in turn as far as it is installed here."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in requirements]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if (name, frozenset(one.extras)) in seen:
            continue
        seen.add((name, frozenset(one.extras)))
        found.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        wanted = one.extras | {""}
        waiting += [r for r in map(Requirement, lines) if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in wanted)]
    return found


def parts() -> list[Part]:
    """All packages in the order of their names, also those that the environment lacks; libraries for CUDA are left out."""
    by_extra = {extra: needed(lines) for extra, lines in declared().items()}
    by_extra["timm"] |= {"torchvision", "huggingface-hub", "hf-xet", "httpx2", "httpcore2", "truststore"}
    names = sorted(name for name in set().union(*by_extra.values()) if not name.startswith(FOR_CUDA))
    result = []
    for name in names:
        extras = tuple(extra for extra, members in by_extra.items() if name in members)
        result.append(Part(name, licence_of(name) or "", ("",) if "" in extras else extras))
    return result


def compatible(licence: str) -> bool:
    """Whether all parts of "A AND B", or one of "A OR B", are in ``COMPATIBLE``."""
    if " OR " in licence:
        return any(compatible(one.strip("() ")) for one in licence.split(" OR "))
    return all(one.strip("() ") in COMPATIBLE for one in licence.split(" AND "))


def table(found: list[Part]) -> str:
    """The table of the page."""
    head = ["| package | licence | comes with |", "|---|---|---|"]
    by = ["the base" if part.extras == ("",) else ", ".join(f"`{extra}`" for extra in part.extras) for part in found]
    return "\n".join([*head, *(f"| {part.name} | {part.licence} | {brought} |" for part, brought in zip(found, by, strict=True))])


def rows(text: str) -> list[Part]:
    """What the page's table says."""
    inside = text.partition(BEGIN)[2].partition(END)[0]
    found = re.findall(r"^\| ([\w.-]+) \| ([^|]*) \| ([^|]+) \|$", inside, re.MULTILINE)
    return [
        Part(name, licence, ("",) if by == "the base" else tuple(re.findall(r"`([^`]+)`", by)))
        for name, licence, by in found
        if name != "package" and not name.startswith("--")
    ]


def pins() -> str:
    """``name==version`` for each package of the page that constraints.txt pins."""
    lines = (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {canonicalize_name(line.split("==")[0]): line for line in lines if "==" in line}
    named = [part.name for part in rows(PAGE.read_text("utf-8"))]
    return "".join(f"{pinned[name]}\n" if name in pinned else f"# {name}: not pinned\n" for name in named)


def main() -> None:
    """Write the page's table, or the pins."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pins", type=Path, metavar="FILE", help="write the pinned versions there instead")
    target = parser.parse_args().pins
    if target is not None:
        target.write_text(pins(), "utf-8")
        return
    head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    PAGE.write_text(f"{head}{BEGIN}\n{table(parts())}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main()
