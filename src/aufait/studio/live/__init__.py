"""Live scores over WebSocket: the browser's camera, and cameras and streams of this machine.

| question | file |
|---|---|
| what goes over the socket | message.py |
| who gets which frame where there are too many | newest.py |
| one client that sends frames | session.py |
| one camera or address of this machine, its clients | sources.py, watching.py |
| what is told of a frame | follower.py |
| processes that analyse, two frames at a time | worker.py, line.py, pool.py |
| paths of the API | routes.py |
"""

from __future__ import annotations

from aufait.studio.live.routes import router

__all__ = ["router"]
