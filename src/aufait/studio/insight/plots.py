"""Pictures of a whole recording: over time, over hours, and which action units come together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aufait.analysis.event import Event
from aufait.analysis.span import Span
from aufait.studio.events import events_of
from aufait.studio.insight.asked import told

if TYPE_CHECKING:
    from aufait.analysis import ScoreTable
    from aufait.studio.studio import Studio

EVENTS_ARE = "event, with its apex; as corrected"


def plot(studio: Studio, recording: str, kind: str, **choice: Any) -> bytes:
    """A picture as PNG.

    Args:
        kind: "timeline", "heatmap" or "cooccurrence".
        choice: ``action_units``, ``faces``, ``start``, ``end``; see ``aufait.analysis.plots.Choice``.

    Raises:
        StudioError: there is no such recording.
        InputError: there is nothing to draw.
        MissingExtraError: Matplotlib (extra ``plot``) is not installed.
    """
    from aufait.analysis.plots import Choice, check_kind, plot_table

    check_kind(kind)
    table = studio.table(recording)
    more: dict[str, Any] = {"markers": markers_of(studio, recording)} if kind != "cooccurrence" else {}
    if kind == "timeline":
        more |= {"events": kept_events(studio, recording, table), "events_are": EVENTS_ARE}
    with told():  # what is left out is written into the picture
        return plot_table(table, kind, Choice(**choice), **more)


def kept_events(studio: Studio, recording: str, table: ScoreTable) -> list[Event]:
    """The events of both sides of the faces that nobody has rejected, as people corrected them."""
    kind = table.strength()[1]
    found = [one for one in events_of(studio.store, recording) if one["status"] != "rejected" and not one["side"]]
    return [
        Event(
            f"AU{one['unit']}", one["onset"], _apex(one), one["offset"], _known(one["peak"]), _known(one["mean"]),
            one["kind"] or kind, one["face"], table.name,
        )
        for one in found
    ]  # fmt: skip


def _apex(event: dict[str, Any]) -> float:
    """The strongest moment; of an event that a person added or moved away from it, its middle."""
    apex = event["apex"]
    inside = apex is not None and event["onset"] <= apex <= event["offset"]
    return float(apex if inside else (event["onset"] + event["offset"]) / 2)


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def markers_of(studio: Studio, recording: str) -> list[Span]:
    """Markers of a recording."""
    rows = studio.store.rows("SELECT start, end, label FROM markers WHERE recording = ? ORDER BY start", (recording,))
    return [Span(row["start"], row["end"], row["label"]) for row in rows]
