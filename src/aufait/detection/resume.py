"""What is there of a result already: whole and made the same way, so that it is kept; begun, so that it is finished; or other.

All files of a result become final together. First they are complete under their partial names; then the record of them, which
lists their sizes and hashes, is complete under its own; then the files are renamed, the record last. A record under its final
name thus vouches for all of them, and a run that was killed between two renames left the list by which the next run ends them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aufait.detection.provenance import as_json
from aufait.errors import OutputError
from aufait.files.atomic import output_errors, partial_path, sync_to_disc
from aufait.files.hashes import file_sha256
from aufait.files.safe_text import valid_text
from aufait.files.versions import installed_version

if TYPE_CHECKING:
    from aufait.detection.plan import OutputOptions, Task

_NO_MATTER = ("device", "outputs.overwrite")  # settings that do not decide what is made
_PROBLEM = {"message", "exit_code", "no_face"}
_TOLD = 2  # differences that a refusal names


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left of a result.

    Attributes:
        record: of a result that is whole and was made from the same input in the same way, else None.
        refusal: why what is there can neither be kept nor replaced unasked; empty where it can.
        ours: files under final names were left by one of our own runs and may be replaced.
    """

    record: dict[str, Any] | None = None
    refusal: str = ""
    ours: bool = False


def recorded_settings(task: Task, options: OutputOptions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that decides what a task makes, as its record holds it."""
    asked: dict[str, Any] = {"kind": task.kind, "stream": task.stream}
    if task.sequence is not None:
        asked |= {"sequence": task.sequence.name, "frame_rate": task.frame_rate}
    if task.piece_rule is not None:
        asked |= {"pieces": asdict(task.piece_rule)}
    plain: dict[str, Any] = json.loads(as_json({**settings, "outputs": asdict(options), "input": asked}))
    return plain


def manner_digest(task: Task, options: OutputOptions, settings: Mapping[str, Any]) -> str:
    """A name for the settings and this version of aufait."""
    decisive = dict(_flat(recorded_settings(task, options, settings)))
    return _digest([decisive, installed_version("aufait")])


def work_digest(task: Task, options: OutputOptions, settings: Mapping[str, Any]) -> str:
    """A name for inputs and settings together: equal for two processes that make the same."""
    places = [str(place.absolute()) for place in task.inputs]
    return _digest([places, task.camera, manner_digest(task, options, settings)])


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def file_state(path: Path) -> str:
    """What changes whenever a file does, without reading it: its number on the disc, size and times."""
    stat = path.stat()
    return f"{stat.st_ino}-{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}"


def look(task: Task, options: OutputOptions, settings: Mapping[str, Any]) -> Earlier:
    """What exists of a task's result, by the record next to it. Reads inputs only where their times have changed."""
    record = read_record(task.provenance)
    begun = record is None and not task.provenance.exists()
    if begun:
        record = _half_renamed(task)
    there = [path for path in task.outputs(options) if path.exists()]
    if record is None and there:
        return Earlier(refusal=f"{there[0]} exists, and no record says how it was made")
    listed = {task.folder / name: facts for name, facts in (record or {"files": {}})["files"].items()}
    present = [path for path in listed if path.exists()]
    if record is None or (begun and not present):
        return Earlier()
    foreign = [path for path in there if path not in listed and path != task.provenance]
    if foreign:
        return Earlier(refusal=f"{foreign[0]} exists, and is not part of the result next to it")
    if task.live:
        return Earlier(refusal=f"{task.provenance} exists; what a camera shows does not come again")
    if difference := _difference(record, task, options, settings):
        return Earlier(refusal=f"{task.table(options.formats[0])}: {difference}")
    changed = [path for path in present if not _is_file(path, listed[path])]
    if changed:
        return Earlier(refusal=f"{changed[0]} was changed after it was made")
    whole = not begun and len(present) == len(listed)
    return Earlier(record=record) if whole else Earlier(ours=True)


def refusal(found: Sequence[Earlier]) -> OutputError | None:
    """The error that says which results are in the way, or None."""
    reasons = [one.refusal for one in found if one.refusal]
    if not reasons:
        return None
    others = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return OutputError(f"{reasons[0]}{others}; give --overwrite to replace what is there, or choose another folder with -o")


def read_record(path: Path) -> dict[str, Any] | None:
    """A record that says its run came to its end, and which files belong to it; None where there is none of that kind."""
    with suppress(OSError, ValueError, RecursionError):
        record = json.loads(path.read_bytes())
        if isinstance(record, dict) and record.get("completed") is True and _is_sound(record):
            return record
    return None


def _is_sound(record: dict[str, Any]) -> bool:
    """Whether the parts of a record that are asked for have the form in which they are written."""
    parts = [record.get(name) for name in ("files", "settings", "software", "outcome", "counts")]
    if not all(isinstance(part, dict) for part in parts):
        return False
    files, problems = record["files"], record["outcome"].get("problems")
    names = all(Path(name).name == name and isinstance(facts, dict) for name, facts in files.items())
    told = isinstance(problems, list) and all(isinstance(one, dict) and set(one) == _PROBLEM for one in problems)
    return names and told and all(isinstance(count, int) for count in record["counts"].values())


def file_facts(path: Path, *, hashed: bool = True) -> dict[str, Any]:
    """Size, hash and time of a file, by which it is known again."""
    stat = path.stat()
    return {"bytes": stat.st_size, "sha256": file_sha256(path) if hashed else None, "modified_ns": stat.st_mtime_ns}


def make_final(record: Path, names: Sequence[str], *, replace: bool) -> None:
    """Gives the files of a result their final names, that of the record last. They are complete under their partial names.

    Args:
        record: final path of the record, which lists the files.
        names: of the files next to it; those that already have their names are not changed.
        replace: whether other files of these names may be replaced.

    Raises:
        OutputError: a file of that name has appeared, or the folder cannot be written.
    """
    waiting = [path for name in names if partial_path(path := record.with_name(name)).exists()]
    taken = [path for path in [*waiting, record] if path.exists() and not replace]
    if taken:
        raise OutputError(f"{taken[0]} appeared while the result was made; it is kept, and the result has names with .partial")
    with output_errors(record):
        sync_to_disc(partial_path(record))
        record.unlink(missing_ok=True)  # it vouches for what is now replaced
        for path in waiting:
            partial_path(path).replace(path)
        partial_path(record).replace(record)
        sync_to_disc(record.parent)


def finish_renames(task: Task) -> None:
    """Ends what a run began that was killed while its files got their final names."""
    record = None if task.provenance.exists() else _half_renamed(task)
    if record is None or not record["files"]:
        return
    listed = {task.folder / name: facts for name, facts in record["files"].items()}
    if all(_is_file(path, facts) or _is_file(partial_path(path), facts) for path, facts in listed.items()):
        for path, facts in listed.items():
            if _is_file(path, facts):
                partial_path(path).unlink(missing_ok=True)
        make_final(task.provenance, list(record["files"]), replace=True)


def has_leftovers(task: Task) -> bool:
    """Whether a run that was killed left something next to a result that is whole, or is still at it."""
    return any(path.exists() for path in (task.claim, task.finished_pictures, task.pieces_folder, partial_path(task.provenance)))


def clear_unfinished(task: Task, options: OutputOptions, *, keep_pictures: bool = False) -> None:
    """Removes what runs that were stopped or killed left under partial names.

    Args:
        task: whose files.
        options: everything that a run may have been asked to write.
        keep_pictures: leave annotated pictures, which are whole.
    """
    pictures = {task.annotated(number) for number in range(len(task.names))} if task.kind == "image" else set()
    for path in task.outputs(options):
        partial = partial_path(path)
        partial_path(partial).unlink(missing_ok=True)
        if not (keep_pictures and path in pictures):
            partial.unlink(missing_ok=True)


def _half_renamed(task: Task) -> dict[str, Any] | None:
    """The record of a run that had come to its end, but was killed before all its files had their names."""
    return read_record(partial_path(task.provenance))


def _is_file(path: Path, facts: Any) -> bool:
    """Whether a file is the one that was listed."""
    try:
        stat = path.stat()
        if stat.st_size != facts["bytes"]:
            return False
        if stat.st_mtime_ns == facts["modified_ns"] or facts["sha256"] is None:
            return True
        return file_sha256(path) == facts["sha256"]
    except (OSError, KeyError, TypeError):
        return False


def _difference(record: Mapping[str, Any], task: Task, options: OutputOptions, settings: Mapping[str, Any]) -> str:
    """How a record differs from what is wanted, as text; empty if it does not."""
    then, now = dict(_flat(record["settings"])), dict(_flat(recorded_settings(task, options, settings)))
    version = installed_version("aufait"), record["software"].get("aufait")
    named = [(key, then.get(key), now.get(key)) for key in {**now, **then} if then.get(key) != now.get(key)]
    if version[0] is not None and version[0] != version[1]:
        named.append(("version of aufait", version[1], version[0]))
    if named:
        told = [f"{key.rpartition('.')[2].replace('_', ' ')} was {_words(old)}, now {_words(new)}" for key, old, new in named]
        return f"it was made with other settings ({'; '.join(told[:_TOLD])})"
    return _other_inputs(record.get("inputs"), task)


def _other_inputs(then: Any, task: Task) -> str:
    if not isinstance(then, list) or not all(isinstance(one, dict) for one in then):
        return "its record does not say what it was made from"
    names = [one.get("name") for one in then]
    wanted = [valid_text(place.name if isinstance(place, Path) else str(place)) for place in task.inputs]
    if names != wanted:
        new = next((name for name in wanted if name not in names), None)
        gone = next((name for name in names if name not in wanted), None)
        detail = f", without {new}" if new else f", with {gone}" if gone else ", in another order"
        return f"it was made from other inputs ({len(names)} then, {len(wanted)} now{detail})"
    for place, one in zip(task.inputs, then, strict=True):
        if isinstance(place, Path) and not _is_input(place, one):
            return f"{place.name} has changed since, or is another file of that name"
    return ""


def _is_input(path: Path, facts: Mapping[str, Any]) -> bool:
    """Whether an input is the file that was read then. Its hash is asked for only where its number or times differ."""
    try:
        if facts.get("state") == file_state(path):
            return True
        return path.stat().st_size == facts.get("bytes") and file_sha256(path) == facts.get("sha256")
    except OSError:
        return False


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of all settings that decide what is made."""
    for key, value in settings.items():
        if f"{before}{key}" in _NO_MATTER:
            continue
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else f"{value[:12]}..." if isinstance(value, str) and len(value) == 64 else str(value)
