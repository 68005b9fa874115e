"""What runs in a worker process: it waits for items, does them, and sends what they give."""

from __future__ import annotations

import contextlib
import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from aufait.errors import AufaitError
from aufait.machine import end_with_parent
from aufait.workers.contract import Work, close

MESSAGE, VALUE, ERROR = "message", "value", "error"
"""First part of what a worker sends; the second is the content."""

NO_MEMORY = 12
"""Exit status of a worker whose memory ran out."""

_interrupted = False


def serve(pipe: Connection, work: Work[Any, Any]) -> None:
    """Do items until there are no more.

    An interrupt from the terminal goes to all processes at once and is the parent's to handle. It says so with the signal that
    ends processes, which here is an interrupt, once: what is being written is then completed or taken away.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupt)
    end_with_parent()
    tools = None
    try:
        tools = work.begin()
        while not _interrupted and (item := pipe.recv()) is not None:
            _send(pipe, VALUE, work.do(tools, item.value, lambda message: _send(pipe, MESSAGE, message)))
    except KeyboardInterrupt:
        pass
    except EOFError:  # the parent has gone
        pass
    except MemoryError:  # as if the system had ended it: the parent gives the item to another
        sys.exit(NO_MEMORY)
    except BaseException as error:
        _send(pipe, ERROR, error)
    finally:
        with contextlib.suppress(Exception):
            close(tools)


class Sent:
    """An item on its way to a worker, so that None can be one."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _interrupt(*_: Any) -> None:
    global _interrupted
    if not _interrupted:
        _interrupted = True
        raise KeyboardInterrupt


def _send(pipe: Connection, kind: str, content: Any) -> None:
    with contextlib.suppress(OSError):  # the parent has gone, or does not listen any more
        pipe.send_bytes(_packed(kind, content))


def _packed(kind: str, content: Any) -> bytes:
    """Bytes that the parent can read; errors that cannot be made again there, and values that cannot be sent, are told in words."""
    try:
        if kind == ERROR and not isinstance(content, AufaitError):
            content.add_note("in a worker process:\n" + "".join(traceback.format_exception(content)))
        data = pickle.dumps((kind, content))
        pickle.loads(data)
    except Exception as error:
        what = content if kind == ERROR else error
        told = f"{type(what).__name__}: {what}" + ("" if kind == ERROR else f", while sending a {kind}")
        return pickle.dumps((ERROR, RuntimeError(told[:2000])))
    return data
