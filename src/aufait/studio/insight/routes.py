"""Paths of the API for what is asked of finished recordings."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from aufait.studio.errors import StudioError
from aufait.studio.insight.asked import face_of, units_of
from aufait.studio.insight.compare import Two, agreement, difference, synchrony
from aufait.studio.insight.plots import plot
from aufait.studio.insight.strip import MOST, strip
from aufait.studio.insight.summary import summary
from aufait.studio.insight.why import Explanations

if TYPE_CHECKING:
    from fastapi import APIRouter

    from aufait.analysis import ScoreTable
    from aufait.studio.live.pool import Pool
    from aufait.studio.studio import Studio


def router(studio: Studio, pool: Pool) -> APIRouter:
    """Strip, why, summary, plots and compare.

    Args:
        pool: whose processes explain.
    """
    from fastapi import APIRouter, Response

    found = APIRouter(prefix="/api", tags=["insight"])
    explanations = Explanations(studio, pool)
    counting = threading.Lock()  # an hour of five faces takes seconds of a core: one after the other

    @found.get("/recordings/{identity}/strip")
    def get_strip(identity: str, unit: int, face: int | None = None, count: int = 8) -> dict[str, Any]:
        """This person's weakest to strongest frames of an action unit."""
        if not 1 <= count <= MOST:
            raise StudioError(422, f"count should be 1 to {MOST}, got {count}.")
        return strip(studio.table(identity), face, unit, count)

    @found.get("/recordings/{identity}/why")
    async def get_why(identity: str, time: float, face: int, unit: int) -> dict[str, Any]:
        """Where a score comes from; takes seconds the first time."""
        return await explanations.why(identity, time, face, unit)

    @found.get("/recordings/{identity}/summary")
    def get_summary(identity: str, start: float | None = None, end: float | None = None) -> dict[str, Any]:
        """How often, how long, how strongly, with intervals."""
        table = studio.table(identity)
        with counting:
            return summary(table, start, end)

    @found.get("/recordings/{identity}/plots/{kind}", response_class=Response)
    def get_plot(
        identity: str, kind: str, units: str | None = None, face: int | None = None, start: float | None = None,
        end: float | None = None,
    ) -> Any:  # fmt: skip
        """A PNG: timeline, heatmap or cooccurrence."""
        faces = () if face is None else (face,)
        with counting:
            picture = plot(studio, identity, kind, action_units=units_of(units), faces=faces, start=start, end=end)
        return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})

    @found.get("/compare")
    def get_compare(
        first: str, second: str, kind: Literal["agreement", "difference", "synchrony"] = "agreement",
        first_face: int | None = None, second_face: int | None = None, units: str | None = None, offset: float = 0.0,
        start: float | None = None, end: float | None = None, points: int = 1200,
    ) -> dict[str, Any]:  # fmt: skip
        """Two recordings, or two faces of one."""
        one, other = _one_face(studio, first, first_face), _one_face(studio, second, second_face)
        if first == second and one.faces == other.faces:
            raise StudioError(422, "This is the same face twice; choose another face or another recording.", "same_face")
        two = Two(one, other, units_of(units), offset, start, end)
        with counting:
            return difference(two, points) if kind == "difference" else {"agreement": agreement, "synchrony": synchrony}[kind](two)

    return found


def _one_face(studio: Studio, identity: str, face: int | None) -> ScoreTable:
    """The rows of one face of a recording."""
    table = studio.table(identity)
    return table.of_face(face_of(table, face))
