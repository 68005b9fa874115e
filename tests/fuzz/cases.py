"""One case: a kind of file and a number decide which file is damaged, and how; the same case is the same file for ever."""

from __future__ import annotations

import os
import shutil
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutations
import numpy as np
from targets import TARGETS, Target

from aufait.errors import AufaitError

CORPUS = Path(__file__).resolve().parent / "corpus"
"""Inputs that once did harm: KIND/NAME, replayed by a test. Names of kinds have hyphens there."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "read", "refused", or a fault ("traceback", "not finite"), and which."""

    result: str
    detail: str = ""

    @property
    def right(self) -> bool:
        """Whether it is an outcome that a user can live with."""
        return self.result in ("read", "refused")


def make_seeds(folder: Path) -> None:
    """The whole files of every kind, one folder each, made once."""
    import torch

    for kind, target in TARGETS.items():
        home = folder / kind
        if not home.exists():
            partial = folder / f"{kind}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            torch.manual_seed(0)
            target.make(partial)
            partial.replace(home)


def whole_files(seeds: Path) -> list[tuple[str, Path]]:
    """All seeds, each with its kind."""
    return [(kind, path) for kind in TARGETS for path in sorted((seeds / kind).iterdir())]


def kind_of(number: int) -> str:
    """The kind of a case, by the shares."""
    shares = np.array([target.share for target in TARGETS.values()])
    place = np.random.default_rng([7, number]).random() * shares.sum()
    return list(TARGETS)[int(np.searchsorted(shares.cumsum(), place))]


def damage(kind: str, number: int, seeds: Path, folder: Path) -> tuple[Path, Path]:
    """Write the file of a case.

    Returns:
        What is given to the reader (a file or a folder), and the file that was damaged.
    """
    target, rng = TARGETS[kind], np.random.default_rng([zlib.crc32(kind.encode()), number])
    choices = sorted((seeds / kind).iterdir())
    seed = choices[int(rng.integers(len(choices)))]
    place = folder / seed.name
    if seed.is_dir():
        shutil.copytree(seed, place)
        pattern = target.parts[int(rng.integers(len(target.parts)))]
        files = sorted(one for one in place.glob(pattern) if one.is_file())
        changed = files[int(rng.integers(len(files)))]
    else:
        changed = place
    content = (seed if changed == place else changed).read_bytes()
    changed.write_bytes(_damaged(target, content, choices, rng))
    return place, changed


def _damaged(target: Target, content: bytes, choices: list[Path], rng: np.random.Generator) -> bytes:
    for _ in range(int(rng.integers(1, target.changes + 1))):
        if rng.random() < 0.05:
            other = choices[int(rng.integers(len(choices)))]
            content = mutations.splice(content, other.read_bytes() if other.is_file() else content, rng)
        else:
            content = target.ways[int(rng.integers(len(target.ways)))](content, rng)
    return content


def run(kind: str, path: Path) -> Outcome:
    """Give a file to its reader."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for value in TARGETS[kind].read(path):
                if not _finite(value):
                    return Outcome("not finite", _brief(value))
    except AufaitError as error:
        return Outcome("refused", type(error).__name__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome("traceback", f"{type(error).__name__} at {_place(error.__traceback__)}: {str(error)[:150]}")
    return Outcome("read")


def _finite(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    if isinstance(value, np.ndarray | float) and np.asarray(value).dtype.kind in "fc":
        return bool(np.isfinite(value).all())
    return True


def _brief(value: Any) -> str:
    return str(np.shape(value)) if isinstance(value, np.ndarray) else str(value)[:80]


def _place(trace: Any) -> str:
    """The last line of the package that the error passed, by which faults are told apart."""
    found = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if f"{os.sep}aufait{os.sep}" in file:
            found = f"{file.rpartition(f'{os.sep}aufait{os.sep}')[2]}:{trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return found or "the test itself"
