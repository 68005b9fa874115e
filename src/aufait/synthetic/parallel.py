"""Jobs of the face engine on several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from aufait.errors import AufaitError
from aufait.synthetic.opengl.context import close_painter
from aufait.workers.executor import executor_for

Job = TypeVar("Job")


def run_jobs(draw: Callable[[Job], int], jobs: Sequence[Job], workers: int) -> Iterator[int]:
    """Carry out jobs and yield what each returns, in the order in which they end; what has not begun is dropped on an error.

    Args:
        draw: does one job; a function of a module, as worker processes import it.
        jobs: what ``draw`` is called with.
        workers: processes; 1 stays in this one.

    Raises:
        AufaitError: processes died over a job.
    """
    with closing(executor_for(workers).map(_Drawing(draw, one_thread=workers > 1), jobs)) as results:
        for done in results:
            if done.died:
                raise AufaitError(f"{done.died}; run again with fewer workers, it resumes where it stopped")
            yield cast(int, done.value)


@dataclass(frozen=True)
class _Drawing:
    """Jobs as work."""

    draw: Callable[[Any], int]
    one_thread: bool

    def begin(self) -> ExitStack:
        """OpenCV keeps to one thread, so that N processes fill N cores; the graphics card is given back at the end."""
        if self.one_thread:
            import cv2

            cv2.setNumThreads(1)
        tools = ExitStack()
        tools.callback(close_painter)
        return tools

    def do(self, tools: ExitStack, item: Any, tell: Callable[[Any], None]) -> int:
        """One job."""
        return self.draw(item)
