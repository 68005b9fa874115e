"""What is asked of finished recordings: summaries, why a score came about, comparisons.

| question | file |
|---|---|
| this person's weakest to strongest frames of an action unit | strip.py |
| where a score comes from | why.py |
| how often, how long, how strongly | summary.py |
| pictures of the whole recording | plots.py |
| two recordings, faces or models | compare.py |
| what several of them need | asked.py |
| paths of the API | routes.py |
"""

from __future__ import annotations

from aufait.studio.insight.routes import router

__all__ = ["router"]
