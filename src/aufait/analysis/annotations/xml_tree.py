"""XML of unknown origin as a tree.

A document type, and with it every entity, is refused: no bomb unfolds, no other file is read.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from aufait.errors import InputError

_MAX_DEPTH = 100


def parse_xml(path: Path, text: str) -> Element:
    """The root of the document.

    Raises:
        InputError: no XML, damaged, with a document type, or nested too deeply.
    """
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise InputError(f"{path} is nested more than {_MAX_DEPTH} deep; no file of annotations is")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> None:
        raise InputError(f"{path} declares a document type or entities; no file of annotations needs them, so it is not read")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(_recoded(text), True)
    except expat.ExpatError as error:
        raise InputError(f"{path} is not whole XML ({error}); save it again") from error
    root: Element = builder.close()
    return root


def _recoded(text: str) -> bytes:
    """As UTF-8 without the declaration, which may name the encoding that the file had."""
    start = text.lstrip("\ufeff \r\n\t")
    return (start.split("?>", 1)[1] if start.startswith("<?xml") and "?>" in start else start).encode("utf-8", "replace")
