"""From frames to findings: events, baselines, summaries, agreement with coders, other tools' tables, two people.

| question | file |
|---|---|
| the scores of a recording, row by row | score_table.py |
| whose table is this: ours, OpenFace's, py-feat's, ... | readers/ |
| what one event, marker or coder's annotation is | event.py, span.py |
| when action units begin and end | event_rule.py, event_runs.py, events.py, event_file.py |
| when several do together, and sets of such combinations | combinations.py, named_sets.py, pain.py |
| how often somebody blinks | blinks.py |
| how much more than the person's quiet face | baseline.py |
"""

from __future__ import annotations

from aufait.analysis.event import Event
from aufait.analysis.readers import read_table
from aufait.analysis.score_table import ScoreTable
from aufait.analysis.span import Span

__all__ = ["Event", "ScoreTable", "Span", "read_table"]
