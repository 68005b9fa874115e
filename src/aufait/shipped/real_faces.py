"""The real faces that training may use: where each comes from, under which licence, and which are kept out.

The package holds a list (``real_faces.csv``: repository, commit, path, SHA-256), not the pictures. ``read_real_faces`` joins
the list with a folder that has them, either as ready crops (``london/001_neutral.jpg``) or as the source files below the
name of their repository (``debruine/webmorphR.stim/inst/...``), whose SHA-256 must then be the listed one.

No face is coded for action units. What is known is the expression that the studio asked for: ``neutral`` or ``smiling``;
it is ``unknown`` for portraits from the web. Pictures of the same folders that show no person (emblems, a statue, a
landscape) are left out.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aufait.errors import InputError
from aufait.files.hashes import file_sha256

HELD_OUT_SETS = ("london", "canada")
"""Studio sets of which every third person is kept out of training."""

EXPRESSIONS = ("neutral", "smiling", "unknown")

_LIST = Path(__file__).with_name("real_faces.csv")


@dataclass(frozen=True)
class RealFaceSource:
    """Where one set of pictures comes from.

    Attributes:
        repository: owner/name on GitHub.
        commit: the state of the repository that the hashes belong to.
        licence: of the pictures.
        credit: whom to name.
    """

    repository: str
    commit: str
    licence: str
    credit: str


_STUDIO = ("debruine/webmorphR.stim", "fa8b78fda2d659bb74ce62fcd99c4407551d2a77")

SOURCES: Mapping[str, RealFaceSource] = {
    "london": RealFaceSource(*_STUDIO, "CC BY 4.0", "Face Research Lab London Set, L. DeBruine and B. Jones, 2017"),
    "canada": RealFaceSource(*_STUDIO, "CC BY 4.0", "webmorphR.stim, L. DeBruine"),
    "lisa": RealFaceSource(*_STUDIO, "CC0", "webmorphR.stim, L. DeBruine"),
    "zoom": RealFaceSource(*_STUDIO, "CC0", "webmorphR.stim, L. DeBruine"),
    "congress": RealFaceSource(
        "Reform-to/congress-photos",
        "72eb87297405dee66f1856599cd8056406dfd755",
        "public domain",
        "Congressional Pictorial Directory",
    ),
    "pif": RealFaceSource(
        "presidential-innovation-fellows/pif-website",
        "8ae57fae9f46935560b8eaaef4fd936eebdf5cf9",
        "CC0",
        "US government, presidential-innovation-fellows/pif-website",
    ),
    "team18f": RealFaceSource(
        "18F/18f.gsa.gov",
        "0a55c75e6d9bc71c80136a3867dac52356177443",
        "CC0",
        "US government, 18F/18f.gsa.gov",
    ),
}
"""Set -> source."""


@dataclass(frozen=True)
class RealFaceEntry:
    """One line of the list.

    Attributes:
        set_name: one of ``SOURCES``.
        file: name of the ready crop within its set.
        person: distinguishes the people of one set; not to be compared between sets.
        expression: one of ``EXPRESSIONS``.
        source_path: path of the source file in its repository.
        sha256: of the source file.
        held_out: kept out of training and of everything that is chosen by looking at results (see ``held_out_people``).
    """

    set_name: str
    file: str
    person: str
    expression: str
    source_path: str
    sha256: str
    held_out: bool


@dataclass(frozen=True)
class RealFace:
    """A listed face together with the picture of it that a folder has. Attributes as in ``RealFaceEntry``."""

    path: Path
    set_name: str
    person: str
    expression: str
    held_out: bool

    @property
    def source(self) -> RealFaceSource:
        """Repository, licence and credit."""
        return SOURCES[self.set_name]


@lru_cache(maxsize=1)
def listed_real_faces() -> tuple[RealFaceEntry, ...]:
    """The whole list, in the order of the file, whether the pictures are there or not."""
    with _LIST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    held = {name: held_out_people({row["person"] for row in rows if row["set"] == name}) for name in HELD_OUT_SETS}
    return tuple(
        RealFaceEntry(
            row["set"],
            row["file"],
            row["person"],
            row["expression"],
            row["path"],
            row["sha256"],
            row["person"] in held.get(row["set"], ()),
        )
        for row in rows
    )


def held_out_people(people: set[str]) -> set[str]:
    """Every third person in order of name: the third, the sixth, ... All their pictures are kept out."""
    return set(sorted(people)[2::3])


def read_real_faces(folder: str | Path, *, held_out: bool | None = None, sets: tuple[str, ...] | None = None) -> list[RealFace]:
    """The listed faces whose pictures are in a folder, in the order of the list.

    Args:
        folder: holds ``SET/FILE`` (ready crops) or ``OWNER/NAME/PATH`` (clones of the repositories, by name).
        held_out: True for the people kept out alone, False for those that training may see, None for all.
        sets: names out of ``SOURCES``; None for all.

    Raises:
        InputError: an unknown set, none of the asked pictures is there, or a source file is another one than listed.
    """
    root, wanted = Path(folder), tuple(SOURCES) if sets is None else sets
    unknown = [name for name in wanted if name not in SOURCES]
    if unknown:
        raise InputError(f"unknown set of real faces {', '.join(unknown)}; there are {', '.join(SOURCES)}")
    entries = [e for e in listed_real_faces() if e.set_name in wanted and held_out in (None, e.held_out)]
    faces = [
        RealFace(path, e.set_name, e.person, e.expression, e.held_out) for e in entries if (path := _picture(root, e)) is not None
    ]
    if not faces:
        first = entries[0]
        raise InputError(
            f"{root} has none of the {len(entries)} listed real faces; expected files such as {first.set_name}/{first.file}, or "
            f"the repository {SOURCES[first.set_name].repository} with {first.source_path}"
        )
    return faces


def _picture(root: Path, entry: RealFaceEntry) -> Path | None:
    """The ready crop, else the source file if it is the listed one, else None."""
    crop = root / entry.set_name / entry.file
    if crop.is_file():
        return crop
    source = SOURCES[entry.set_name]
    original = root / source.repository / entry.source_path
    if not original.is_file():
        return None
    found = file_sha256(original)
    if found != entry.sha256:
        raise InputError(
            f"{original} has SHA-256 {found}, the list says {entry.sha256}; check out commit {source.commit} of {source.repository}"
        )
    return original
