"""What may stand in a request, checked: numbers are finite and of a sensible size."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

LATEST = 10_000_000.0
"""Seconds that a request may name at most."""

Seconds = Annotated[float, Field(ge=-LATEST, le=LATEST, allow_inf_nan=False)]
Face = Annotated[int, Field(ge=-1, le=10_000_000)]
Unit = Annotated[int, Field(ge=1, le=999)]
Identity = Annotated[str, Path(description="of the recording, 12 signs", max_length=64)]
TimeQuery = Annotated[float, Query(ge=-LATEST, le=LATEST, allow_inf_nan=False, description="seconds")]
FaceQuery = Annotated[int, Query(ge=-1, le=10_000_000, description="number of the face")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewName(_Strict):
    """Another name for a recording."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class NewRecording(_Strict):
    """A file of this machine, below a folder that the command line allowed, and how to analyse it."""

    path: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None
    finder: Annotated[str, Field(max_length=200)] | None = None
    base_rate: Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)] | None = None
    min_confidence: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] | None = None


class NewEvent(_Strict):
    """An event that a person saw."""

    face: Face
    unit: Unit
    side: Literal["left", "right"] | None = None
    onset: Seconds
    offset: Seconds
    level: Annotated[int, Field(ge=1, le=5)] | None = None
    note: Annotated[str, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _in_order(self) -> NewEvent:
        if not self.onset < self.offset:
            raise ValueError("an event must end after it begins")
        return self


class Correction(_Strict):
    """What a person says of an event; what is left out stays."""

    status: Literal["found", "accepted", "rejected"] | None = None
    onset: Seconds | None = None
    offset: Seconds | None = None
    unit: Unit | None = None
    side: Literal["left", "right"] | None = None
    level: Annotated[int, Field(ge=1, le=5)] | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None


class Marker(_Strict):
    """A named stretch of time."""

    start: Seconds
    end: Seconds
    label: Annotated[str, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _in_order(self) -> Marker:
        if self.start > self.end:
            raise ValueError("a marker must not end before it begins")
        return self


class Markers(_Strict):
    """All markers of a recording."""

    markers: Annotated[list[Marker], Field(max_length=10_000)]
