"""Options that several commands share, read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aufait.errors import InputError

if TYPE_CHECKING:
    from aufait.data.preparation import FaceCache

SizeOption = Annotated[int, typer.Option(min=32, max=2048, help="Side of the pictures in pixels.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Same seed, same pictures; other seeds show other people.")]
SupersampleOption = Annotated[
    float, typer.Option(min=1.0, max=4.0, help="Render at this many times the size, then shrink.")
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Processes to use; one per core if left out.", show_default=False)
]
SpreadOption = Annotated[
    str, typer.Option("--workers", metavar="N", help="Processes that share the work; ray or ray://HOST:PORT for a Ray cluster.")
]
EachThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Processor threads of each worker.", show_default=False)
]
JsonProgressOption = Annotated[
    bool, typer.Option("--json-progress", help="Print progress as JSON lines on standard error, for other programs.")
]
AssetsOption = Annotated[Path | None, typer.Option(help="File or folder of the face geometry.", show_default=False)]
FetchOption = Annotated[
    bool, typer.Option("--fetch-assets", help="Get the face geometry once: download ICT-FaceKit and convert it.")
]
AssetsSourceOption = Annotated[
    Path | None,
    typer.Option("--assets-source", help="Convert this copy of ICT-FaceKit (clone or zip) instead.", show_default=False),
]
ErrorsOnlyOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def open_caches(texts: Sequence[str]) -> dict[str, FaceCache]:
    """``["/faces", "disfa=/other"]`` -> name of the data set -> cache.

    Raises:
        InputError: none, two of one name, another name than the cache has, or a folder that is not a cache.
    """
    from aufait.data.preparation import FaceCache

    if not texts:
        raise InputError("give the prepared faces: --cache FOLDER (made by aufait prepare)")
    found: dict[str, FaceCache] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        whole = not equals or Path(text).is_dir()
        cache = FaceCache.open(text if whole else folder)
        if not whole and name.strip() != cache.name:
            raise InputError(f"{folder} holds faces of {cache.name}, not of {name.strip()}; write --cache {cache.name}={folder}")
        if cache.name in found:
            raise InputError(f"two caches of {cache.name}; give each data set once")
        found[cache.name] = cache
    return found
