"""Ways to damage a file: at random places of its bytes, and at the fields of the formats that it is made of.

Every function takes the bytes and a random generator and gives other bytes; the same generator gives the same ones.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

NUMBERS = (0, 1, -1, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1)
WORDS = (
    "", "NaN", "nan", "inf", "-inf", "1e999", "1e20", "-1", "0", "3.5", "9" * 400, "null", "true", "[", "{", "}", "]", '"', "'",
    "\0", "=1+1", "@x", "[/x]", "[bold]", "../../x", "/dev/zero", "\x1b[31m", "\u202e", "\ud800", "a" * 5000, ",", ";", "\t",
    "\n", "\r\n", "2020-99-99", "1:30", "&a", "*a", "!!float x", "? ", "- - - -", "%s", "\ufeff", "é", "AU01", "AU99", "subject",
    "<script>",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2.5, 1e308, float("nan"), float("inf"), 2**31, 2**53, 2**64, 10**30, "", "x", "NaN", [], {}, [1],
    [[]], [-1], [2**40], [2**31, 2**31], {"a": 1}, "a" * 3000, [None] * 50, {"": {}}, "../x", 112, 64, 3,
)  # fmt: skip


def pick(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    """One of some choices; a list or an object as a copy, which may be changed."""
    chosen = choices[int(rng.integers(len(choices)))]
    return copy.deepcopy(chosen) if choices is VALUES else chosen


# --- bytes -----------------------------------------------------------------------------------------------------------


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bits."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if changed else 0):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing, or the beginning."""
    place = int(rng.integers(len(data) + 1))
    return data[:place] if rng.random() < 0.8 else data[place:]


def remove(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes are missing."""
    start = int(rng.integers(len(data) + 1))
    return data[:start] + data[start + int(rng.integers(1, 64)) :]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes too many."""
    start = int(rng.integers(len(data) + 1))
    return data[:start] + rng.bytes(int(rng.integers(1, 64))) + data[start:]


def repeat(data: bytes, rng: np.random.Generator) -> bytes:
    """A part comes again, somewhere."""
    start, place = (int(rng.integers(len(data) + 1)) for _ in range(2))
    return data[:place] + data[start : start + int(rng.integers(1, 512))] + data[place:]


def blank(data: bytes, rng: np.random.Generator) -> bytes:
    """A part is zeros, or ones, as bad sectors of a disc leave them."""
    start, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 600))
    part = data[start : start + length]
    return data[:start] + bytes([int(pick(rng, (0, 255)))]) * len(part) + data[start + len(part) :]


def number(data: bytes, rng: np.random.Generator) -> bytes:
    """A length field, or whatever is there, becomes another number."""
    size = int(pick(rng, (1, 2, 4, 8)))
    place = int(rng.integers(min(len(data), 4096) if rng.random() < 0.5 else len(data))) if data else 0
    value = int(pick(rng, NUMBERS)) % 2 ** (8 * size)
    return data[:place] + value.to_bytes(size, pick(rng, ("little", "big"))) + data[place + size :]


BYTES: tuple[Mutation, ...] = (flip, flip, cut, remove, insert, repeat, blank, number, number)


def splice(first: bytes, second: bytes, rng: np.random.Generator) -> bytes:
    """The beginning of one file and the end of another."""
    return first[: int(rng.integers(len(first) + 1))] + second[int(rng.integers(len(second) + 1)) :]


# --- text ------------------------------------------------------------------------------------------------------------


def word(data: bytes, rng: np.random.Generator) -> bytes:
    """A word of a text is another one."""
    text = data.decode("utf-8", "surrogateescape")
    start = int(rng.integers(len(text) + 1))
    end = start + int(rng.integers(0, 12))
    return (text[:start] + pick(rng, WORDS) + text[end:]).encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")


def line(data: bytes, rng: np.random.Generator) -> bytes:
    """A line is missing, comes twice, or has changed places with another."""
    lines = data.split(b"\n")
    first, second = (int(rng.integers(len(lines))) for _ in range(2))
    kind = int(rng.integers(3))
    if kind == 0:
        del lines[first]
    elif kind == 1:
        lines.insert(second, lines[first])
    else:
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def cell(data: bytes, rng: np.random.Generator) -> bytes:
    """A cell of a table, or the value of a key, becomes something else."""
    lines = data.decode("utf-8", "replace").split("\n")
    place = int(rng.integers(len(lines)))
    mark = "," if "," in lines[place] else ": " if ": " in lines[place] else " "
    cells = lines[place].split(mark)
    cells[int(rng.integers(len(cells)))] = pick(rng, WORDS)
    lines[place] = mark.join(cells)
    return "\n".join(lines).encode("utf-8", "replace")


def nest(data: bytes, rng: np.random.Generator) -> bytes:
    """Brackets or blanks without end."""
    place = int(rng.integers(len(data) + 1))
    return data[:place] + pick(rng, (b"[", b"{a: ", b"- ", b"  ", b"(", b"'")) * int(rng.integers(1, 4000)) + data[place:]


TEXT: tuple[Mutation, ...] = (word, word, line, cell, cell, nest, flip, cut, insert, repeat)


# --- JSON ------------------------------------------------------------------------------------------------------------


def changed_value(value: Any, rng: np.random.Generator) -> Any:
    """A JSON value with one field changed, left out, renamed or new."""
    ways = list(_ways(value))
    if not ways:
        return pick(rng, VALUES)
    owner, key = pick(rng, ways)
    kind = rng.random()
    if kind < 0.65:
        owner[key] = pick(rng, VALUES) if rng.random() < 0.7 else _near(owner[key], rng)
    elif kind < 0.85:
        del owner[key]
    elif isinstance(owner, dict):
        owner[pick(rng, WORDS)] = pick(rng, VALUES) if rng.random() < 0.5 else owner.pop(key)
    else:
        owner.insert(key, pick(rng, VALUES))
    return value


def _ways(value: Any) -> Any:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _ways(inner)


def _near(value: Any, rng: np.random.Generator) -> Any:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + int(pick(rng, (-1, 1, 7, 1000, 10**6, 10**9)))
    if isinstance(value, float):
        return value * pick(rng, (-1.0, 0.0, 1e10, 1e-10, 1e300))
    return value + pick(rng, WORDS) if isinstance(value, str) else pick(rng, VALUES)


def json_text(data: bytes, rng: np.random.Generator) -> bytes:
    """A JSON file with a field changed."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return word(data, rng)
    for _ in range(int(rng.integers(1, 3))):
        value = changed_value(value, rng)
    return json.dumps(value).encode()


# --- containers ------------------------------------------------------------------------------------------------------


def safetensors(data: bytes, rng: np.random.Generator) -> bytes:
    """A safetensors file with a field of its header, of the text in it, or the numbers of a tensor changed."""
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        body = bytearray(data[8 + size :])
        kind = rng.random()
        if kind < 0.2:
            header = changed_value(header, rng)
        elif kind < 0.65 and "__metadata__" in header:
            texts = header["__metadata__"]
            name = pick(rng, list(texts))
            texts[name] = json_text(texts[name].encode(), rng).decode("utf-8", "replace")
        else:
            _spoil(body, header, rng)
        text = json.dumps(header).encode()
    except (ValueError, LookupError, TypeError, RecursionError, AttributeError):  # what an earlier change left is no such file
        return flip(data, rng)
    return len(text).to_bytes(8, "little") + text + bytes(body)


def _spoil(body: bytearray, header: dict[str, Any], rng: np.random.Generator) -> None:
    """Numbers of a tensor become NaN, infinite, or far too large."""
    name = pick(rng, [one for one in header if one != "__metadata__"])
    start, end = header[name]["data_offsets"]
    kind = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BF16": "<u2", "I8": "<i1"}.get(header[name]["dtype"])
    if kind is None or end <= start:
        return
    values = np.frombuffer(bytes(body[start:end]), kind).copy()
    places = rng.integers(0, len(values), int(rng.integers(1, 4)))
    with np.errstate(over="ignore", invalid="ignore"):
        values[places] = np.array(pick(rng, (np.nan, np.inf, -np.inf, 3e38, -3e38, 65504.0, 0.0, -1.0))).astype(kind)
    body[start:end] = values.tobytes()


def zip_member(data: bytes, rng: np.random.Generator) -> bytes:
    """A member of a zip archive damaged, left out or renamed; the archive itself is whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {one.filename: archive.read(one) for one in archive.infolist()}
            packed = {one.filename: one.compress_type for one in archive.infolist()}
    except Exception:  # a damaged archive: anything may go wrong
        return flip(data, rng)
    name = pick(rng, list(members))
    content, kind = members[name], rng.random()
    if kind < 0.1:
        del members[name]
    elif kind < 0.2:
        members[pick(rng, ("x.npy", "header.npy", "../x", ""))] = members.pop(name)
    elif kind < 0.6 and content[:6] == b"\x93NUMPY":
        members[name] = array_header(content, rng)
    else:
        members[name] = pick(rng, BYTES)(content, rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for one, text in members.items():
            with contextlib.suppress(ValueError, IndexError, struct.error):  # a name that no archive takes
                archive.writestr(one, text, packed.get(one, zipfile.ZIP_STORED))
    return stream.getvalue()


def array_header(data: bytes, rng: np.random.Generator) -> bytes:
    """A .npy file whose header claims something else."""
    size = int.from_bytes(data[8:10], "little")
    header, body = data[10 : 10 + size].decode("latin-1"), data[10 + size :]
    shapes = ("()", "(0,)", "(-1,)", "(1099511627776,)", "(1048576, 1048576)", "(3,)", "(2, 3)", "('a',)", "[1]", "(1.5,)")
    kinds = ("'<f8'", "'|O'", "'<U9'", "'<M8[s]'", "'>i2'", "'|b1'", "[('a', '<f4')]", "'x'", "None", "'<c8'", "'|V5'", "'<f2'")
    if rng.random() < 0.6:
        start, end = header.find("(", header.find("'shape'")), header.find(")", header.find("'shape'")) + 1
        header = header[:start] + pick(rng, shapes) + header[end:]
    else:
        start = header.find("'", header.find("'descr'") + 7)
        header = header[:start] + pick(rng, kinds) + header[header.find("'", start + 1) + 1 :]
    text = header.rstrip().encode("latin-1") + b"\n"
    return data[:8] + len(text).to_bytes(2, "little") + text + body


def png_chunk(data: bytes, rng: np.random.Generator) -> bytes:
    """A PNG with the content of a chunk changed and its checksum made right again, a chunk twice, or one left out."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size
    if not chunks:
        return flip(data, rng)
    chosen, kind = int(rng.integers(len(chunks))), rng.random()
    name, content = chunks[chosen]
    if kind < 0.15:
        del chunks[chosen]
    elif kind < 0.3:
        chunks.insert(int(rng.integers(len(chunks) + 1)), chunks[chosen])
    else:
        chunks[chosen] = name, pick(rng, BYTES)(content, rng)[: 1 << 20]
    parts = [
        len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big") for name, content in chunks
    ]
    return data[:8] + b"".join(parts)


def box(data: bytes, rng: np.random.Generator) -> bytes:
    """An MP4, MOV or AVIF with one box left out, twice, of another length or with other content."""
    boxes = list(_boxes(data, 0, len(data), 0))
    if not boxes:
        return flip(data, rng)
    start, end = pick(rng, boxes)
    kind = rng.random()
    if kind < 0.2:
        return data[:start] + data[end:]
    if kind < 0.35:
        return data[:end] + data[start:end] + data[end:]
    if kind < 0.6:
        return data[:start] + struct.pack(">I", int(pick(rng, NUMBERS)) % 2**32) + data[start + 4 :]
    return data[: start + 8] + pick(rng, (flip, number, blank))(data[start + 8 : end], rng) + data[end:]


def _boxes(data: bytes, start: int, end: int, depth: int) -> Any:
    while start + 8 <= end:
        size, name = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        if size < 8 or start + size > end or not name.isalnum():
            return
        yield start, start + size
        if depth < 7 and name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"mvex", b"moof", b"traf"):
            yield from _boxes(data, start + 8, start + size, depth + 1)
        start += size
