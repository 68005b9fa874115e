"""What a batch of recordings shows: how often, how long, how strongly; by segment, condition, person and group.

| question | file |
|---|---|
| which tables, under which names | inputs.py |
| one person in one recording: frames, seconds, scores, events | track.py |
| what can be added up, and resampled | sums.py, part.py |
| the numbers that are told, and their intervals | measures.py |
| baselines of persons | rest.py |
| rows of segments, conditions, recordings, persons, groups | summary.py, row.py |
| all of that for files | batch.py |
| tables, codebook, record and page | tables.py, files.py, page.py, overview.py |
"""

from __future__ import annotations

from aufait.analysis.summary.batch import Batch, summarize
from aufait.analysis.summary.row import Row
from aufait.analysis.summary.summary import Settings, Summary

__all__ = ["Batch", "Row", "Settings", "Summary", "summarize"]
