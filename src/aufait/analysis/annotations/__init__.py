"""Files of human coders and of markers as one list of ``Span``: ELAN, BORIS, Praat, plain CSV and our own file of events.

| format | file |
|---|---|
| ELAN ``.eaf`` | elan.py, xml_tree.py |
| BORIS project ``.boris`` and exported tables of events | boris_project.py, boris_table.py, pairs.py |
| Praat ``.TextGrid``, long and short | praat.py |
| CSV with start, end and label; our file of events; BIDS ``_events.tsv`` | plain.py |
| what a label such as AU12C means | codes.py |
"""

from __future__ import annotations

from pathlib import Path

from aufait.analysis.annotations import boris_project, boris_table, elan, plain, praat
from aufait.analysis.annotations.checks import report_oddities
from aufait.analysis.annotations.codes import Code, code_of, parse_code
from aufait.analysis.annotations.text import read_text, table_rows
from aufait.analysis.span import Span
from aufait.errors import InputError

__all__ = ["KINDS", "Code", "code_of", "parse_code", "read_annotations"]

KINDS = ("elan", "boris", "praat", "csv")
"""What ``kind`` can be."""


def read_annotations(path: str | Path, kind: str | None = None) -> list[Span]:
    """Read the annotations of a file, in the order of time.

    Overlapping annotations and unknown action units are kept and reported with an ``InputWarning``.

    Args:
        path: ``.eaf``, ``.boris``, ``.TextGrid``, ``.csv`` or ``.tsv``.
        kind: one of ``KINDS``; None: told by the beginning of the file.

    Raises:
        InputError: no such file, of no known kind, damaged, hostile or too large; an annotation without an end or that ends
            before it begins; times in a unit that is not known.
    """
    path = Path(path).expanduser()
    if kind is not None and kind not in KINDS:
        raise InputError(f"no reader for annotations of the kind {kind!r}; known: {', '.join(KINDS)}")
    text = read_text(path)
    kind = kind or _kind_of(path, text)
    if kind == "elan":
        spans, layers = elan.spans(path, text), True
    elif kind == "praat":
        spans, layers = praat.spans(path, text), True
    elif kind == "boris" and text.lstrip()[:1] == "{":
        spans, layers = boris_project.spans(path, text), True
    else:
        rows = table_rows(path, text)
        is_boris = kind == "boris" or boris_table.recognises(rows)
        spans, layers = (boris_table.spans(path, rows), True) if is_boris else plain.spans(path, rows)
    spans.sort()
    report_oddities(path, spans, layers)
    return spans


def _kind_of(path: Path, text: str) -> str:
    beginning = text.lstrip()[:1000]
    if beginning.startswith("<"):
        return "elan"
    if beginning.startswith("{"):
        return "boris"
    if "ooTextFile" in beginning or "TextGrid" in beginning.split("\n", 1)[0]:
        return "praat"
    by_name = {".eaf": "elan", ".boris": "boris", ".textgrid": "praat"}
    return by_name.get(path.suffix.lower(), "csv")
