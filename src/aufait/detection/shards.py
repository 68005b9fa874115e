"""Which tasks a call is about: one part for each of several machines that need not know of each other; what is not there yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from aufait.detection.plan import OutputOptions, Task
from aufait.errors import InputError


def read_shard(text: str) -> tuple[int, int]:
    """"2/8" -> 2, 8.

    Raises:
        InputError: no such part.
    """
    found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"a shard is I/N with I from 1 to N, such as 2/8 for the second of eight parts; got {text!r}")
    return int(found[1]), int(found[2])


def shard_of(tasks: Sequence[Task], number: int, count: int) -> list[Task]:
    """Part ``number`` of ``count``: every ``count``-th video; and every ``count``-th picture, in a table of their own.

    The parts have nothing in common and are everything together. Names of results do not depend on the part, but for the table
    of the pictures: images_2of8. A part may be empty: there are fewer inputs than parts.
    """
    videos = [task for task in tasks if task.kind != "image"]
    kept = videos[number - 1 :: count]
    for task in tasks:
        if task.kind == "image" and (inputs := task.inputs[number - 1 :: count]):
            kept.append(replace(task, inputs=inputs, names=task.names[number - 1 :: count], stem=f"{task.stem}_{number}of{count}"))
    return kept


def without_existing(tasks: Sequence[Task], options: OutputOptions) -> list[Task]:
    """The tasks whose tables are not all there, whoever made them and however."""
    return [task for task in tasks if not all(task.table(name).exists() for name in options.formats)]
