"""A recording as one JSON file: what it is, its scores by column, events and markers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aufait.analysis.score_table import PER_UNIT
from aufait.files.atomic import whole_file
from aufait.studio.events import events_of
from aufait.studio.markers import markers_of
from aufait.studio.number_text import number_list, score_list

if TYPE_CHECKING:
    from aufait.studio.arrays import Arrays
    from aufait.studio.studio import Studio


def write_json(studio: Studio, identity: str, path: Path) -> Path:
    """Write the file, column by column; what is not known is null."""
    recording = studio.recording(identity)
    shown = ("name", "kind", "duration", "width", "height", "fps", "settings", "warnings", "faces")
    facts = {name: recording[name] for name in shown}
    head = {"recording": facts, "events": events_of(studio.store, identity), "markers": markers_of(studio.store, identity)}
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "columns": {')
        for number, (name, text) in enumerate(_columns(studio.arrays(identity))):
            file.write(f'{", " if number else ""}{json.dumps(name)}: {text}')
        file.write("}}\n")
    return path


def _columns(arrays: Arrays) -> Iterator[tuple[str, str]]:
    order = np.asarray(arrays.order)
    yield "frame", json.dumps(arrays.frame[order].tolist())
    yield "time", number_list(arrays.time[order], 6)
    yield "face", json.dumps([None if face < 0 else face for face in arrays.face_id[order].tolist()])
    yield "quality", score_list(arrays.quality[order])
    for name in PER_UNIT:
        if name in arrays.scores:
            for place, unit in enumerate(arrays.action_units):
                values = np.asarray(arrays.scores[name][place])[order]
                if np.isfinite(values).any():
                    yield f"AU{unit:02d}_{name}", score_list(values)
