"""ELAN's ``.eaf``: one tier per action unit and face, FACS levels as a controlled vocabulary, the video linked.

Written from the published schema (EAF 3.0). Times are whole milliseconds of the recording's own clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as xml

from aufait.analysis.writers.media import address, kind_of, relative_to
from aufait.analysis.writers.names import LEVEL_MEANINGS, level
from aufait.analysis.writers.recording import Choices, Recording
from aufait.analysis.writers.tiers import Tier, tiers_of
from aufait.files.atomic import write_bytes

SUFFIX = ".eaf"
JOINT = False
WANTS = "events"
MEANING = "ELAN: a tier per action unit and face, levels A to E, video linked"

VOCABULARY = "FACS intensity"
_TYPE = "FACS events"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_CONSTRAINTS = {
    "Time_Subdivision": "parts of the parent annotation's time, without gaps",
    "Symbolic_Subdivision": "an ordered list of parts of the parent annotation, without times",
    "Symbolic_Association": "one annotation for each of the parent's",
    "Included_In": "annotations within the parent annotation's time, with gaps",
}
"""The four that every such file declares."""


def write(recording: Recording, target: Path, choices: Choices) -> list[Path]:
    """Write one recording."""
    document = _document()
    tiers = tiers_of(recording)
    count = sum(len(tier.intervals) for tier in tiers)
    _header(document, recording, target, count)
    slots = _time_order(document, tiers)
    number = 0
    for tier in tiers:
        number = _tier(document, tier, slots, number)
    _vocabulary(document)
    xml.indent(document, " ")
    text = xml.tostring(document, encoding="UTF-8", xml_declaration=True)
    return [write_bytes(target, text, overwrite=choices.overwrite)]


def _document() -> xml.Element:
    return xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "aufait",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _XSI,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )


def _header(document: xml.Element, recording: Recording, target: Path, annotations: int) -> None:
    header = xml.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if recording.media is not None:
        media = {"MEDIA_URL": address(recording.media), "MIME_TYPE": kind_of(recording.media)}
        relative = relative_to(recording.media, target.parent)
        xml.SubElement(header, "MEDIA_DESCRIPTOR", media | ({"RELATIVE_MEDIA_URL": relative} if relative else {}))
    xml.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"}).text = str(annotations)


def _time_order(document: xml.Element, tiers: list[Tier]) -> dict[tuple[int, int], tuple[str, str]]:
    """Two time slots for each interval, in the order of time; (tier, interval) -> their names."""
    ends = [
        (moment, not is_end, place, number)
        for place, tier in enumerate(tiers)
        for number, interval in enumerate(tier.intervals)
        for moment, is_end in ((interval.start, False), (interval.end, True))
    ]
    order = xml.SubElement(document, "TIME_ORDER")
    names: dict[tuple[int, int, bool], str] = {}
    for count, (moment, is_start, place, number) in enumerate(sorted(ends), 1):
        names[place, number, is_start] = f"ts{count}"
        xml.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{count}", "TIME_VALUE": str(moment)})
    return {key[:2]: (names[*key[:2], True], names[*key[:2], False]) for key in names}


def _tier(document: xml.Element, tier: Tier, slots: dict[tuple[int, int], tuple[str, str]], number: int) -> int:
    """Adds a tier; returns the number of annotations so far."""
    place = len(document.findall("TIER"))
    about = {"PARTICIPANT": tier.face} if tier.face else {}
    element = xml.SubElement(
        document, "TIER", {"LINGUISTIC_TYPE_REF": _TYPE, "TIER_ID": tier.name, "ANNOTATOR": "aufait"} | about
    )
    for at, interval in enumerate(tier.intervals):
        number += 1
        start, end = slots[place, at]
        value = level(interval.event)
        annotation = xml.SubElement(
            xml.SubElement(element, "ANNOTATION"),
            "ALIGNABLE_ANNOTATION",
            {"ANNOTATION_ID": f"a{number}", "CVE_REF": f"cve_{value}", "TIME_SLOT_REF1": start, "TIME_SLOT_REF2": end},
        )
        xml.SubElement(annotation, "ANNOTATION_VALUE").text = value
    return number


def _vocabulary(document: xml.Element) -> None:
    about = {"LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    xml.SubElement(document, "LINGUISTIC_TYPE", about | {"CONTROLLED_VOCABULARY_REF": VOCABULARY})
    xml.SubElement(document, "LANGUAGE", {"LANG_ID": "und", "LANG_LABEL": "undetermined (und)"})
    for name, description in _CONSTRAINTS.items():
        xml.SubElement(document, "CONSTRAINT", {"STEREOTYPE": name, "DESCRIPTION": description})
    vocabulary = xml.SubElement(document, "CONTROLLED_VOCABULARY", {"CV_ID": VOCABULARY})
    xml.SubElement(vocabulary, "DESCRIPTION", {"LANG_REF": "und"}).text = "FACS levels of an event's peak"
    for value, description in LEVEL_MEANINGS.items():
        entry = xml.SubElement(vocabulary, "CV_ENTRY_ML", {"CVE_ID": f"cve_{value}"})
        xml.SubElement(entry, "CVE_VALUE", {"DESCRIPTION": description, "LANG_REF": "und"}).text = value
