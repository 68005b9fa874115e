"""What the columns and measures of a summary mean, with their units: for people, and as a file beside the tables."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One name of a summary.

    Attributes:
        name: as in the table.
        unit: of its values, empty for texts and plain numbers.
        meaning: in words.
    """

    name: str
    unit: str
    meaning: str


KEYS = (
    Entry("level", "", "segment: one marker; condition: all markers of one label; recording: the whole recording; person: one "
          "person over several recordings; group: several persons"),
    Entry("recording", "", "name of the table without its ending; empty where several count"),
    Entry("person", "", "as the user named them; empty where no name was given"),
    Entry("faces", "", "numbers of the faces in the table, with semicolons between; empty in groups"),
    Entry("group", "", "column=value of the table of persons, or all; of groups only"),
    Entry("tier", "", "layer of the markers; empty where their file has none"),
    Entry("condition", "", "label of the markers; empty for the whole recording"),
    Entry("segment", "1", "number of the marker within its condition, from 1; of segments only"),
    Entry("start", "s", "begin of the marker or of the recording"),
    Entry("end", "s", "end of the marker or of the recording"),
    Entry("persons", "1", "persons that the row is about; in groups those that have a value"),
)  # fmt: skip
"""Columns that say what a row is about."""

LONG = (
    Entry("action_unit", "", "FACS number; empty for measures of the whole face"),
    Entry("measure", "", "what the value is; see the measures below"),
    Entry("value", "", "the measure; empty where nothing was seen or the tool does not say"),
    Entry("low", "", "lower end of the interval; empty where none can be given"),
    Entry("high", "", "upper end of the interval"),
    Entry("unit", "", "unit of value, low and high"),
)
"""Further columns of the long table."""

FACE = (
    Entry("seconds", "s", "length of the time that the row is about, as far as the recording has it"),
    Entry("valid_seconds", "s", "of these with the face in a quality that counts; what all shares, rates and means refer to"),
    Entry("missing_share", "0-1", "share of the seconds that are not valid"),
    Entry("missing_no_frame_seconds", "s", "no frame: gaps in the recording or its table"),
    Entry("missing_no_face_seconds", "s", "frames without this face"),
    Entry("missing_low_quality_seconds", "s", "the face is there, its quality is below the threshold"),
    Entry("frames", "1", "frames of the recording in that time"),
    Entry("valid_frames", "1", "of these with the face in a quality that counts"),
    Entry("quality_mean", "0-1", "mean quality while the face is there, also below the threshold"),
)
"""Measures of the whole face."""

UNIT = (
    Entry("valid_seconds", "s", "seconds in which it is known whether this action unit is present"),
    Entry("share_present", "0-1", "share of the valid seconds in which the action unit is present"),
    Entry("events", "1", "events that begin in that time"),
    Entry("events_per_minute", "1/min", "these per minute of valid time"),
    Entry("events_cut", "1", "of these, whose begin or end was not seen; their durations are lower bounds"),
    Entry("event_median_duration", "s", "median duration of these events, each from its onset to its offset"),
    Entry("event_seconds", "s", "time of all events inside that time, those that began before too"),
    Entry("KIND_mean", "KIND", "mean over the valid time, absent or not"),
    Entry("KIND_sd", "KIND", "standard deviation over the valid time"),
    Entry("KIND_peak", "KIND", "highest value"),
    Entry("KIND_peak_time", "s", "when it was first reached"),
    Entry("KIND_mean_present", "KIND", "mean while the action unit is present"),
    Entry("KIND_mean_corrected", "KIND", "mean of what is above the person's own baseline; with --baseline only"),
)
"""Measures of an action unit; KIND is intensity or probability, whichever the table gives."""

SCALES = {"intensity": "0-5", "probability": "0-1"}
"""Unit of values of a kind."""


def unit_entries(kind: str) -> tuple[Entry, ...]:
    """Measures of an action unit for tables of one kind; without a kind those that need none."""
    entries = (entry for entry in UNIT if kind or not entry.name.startswith("KIND"))
    scale = SCALES.get(kind, "")
    return tuple(Entry(one.name.replace("KIND", kind), one.unit.replace("KIND", scale), one.meaning) for one in entries)


def rows(kinds: tuple[str, ...], columns: tuple[str, ...]) -> list[tuple[str, str, str, str]]:
    """The codebook: table, name, unit, meaning.

    Args:
        kinds: kinds of strength in the batch.
        columns: names of the wide table that stand for a measure of an action unit, as "AU12_share_present".
    """
    units = {entry.name: entry for kind in kinds or ("",) for entry in unit_entries(kind)}
    found = [("both", *entry) for entry in KEYS]
    found += [("long", *entry) for entry in LONG]
    found += [("long: measure", *entry) for entry in units.values()]
    found += [("long: measure, wide", *entry) for entry in FACE]
    for name in columns:
        unit, _, measure = name.partition("_")
        if measure in units:
            found.append(("wide", name, units[measure].unit, f"AU{int(unit[2:])}: {units[measure].meaning}"))
    return found
