"""Jobs of the face engine on several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import cv2

from aufait.machine import end_with_parent

Job = TypeVar("Job")


def run_jobs(draw: Callable[[Job], int], jobs: Sequence[Job], workers: int) -> Iterator[int]:
    """Carry out jobs and yield what each returns, in the order in which they end; what has not begun is dropped on an error.

    Args:
        draw: does one job; a function of a module, as worker processes import it.
        jobs: what ``draw`` is called with.
        workers: processes; 1 stays in this one.
    """
    if workers == 1:
        yield from map(draw, jobs)
        return
    # Forked processes would inherit the threads of numerical libraries in whatever state they are.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        futures = [pool.submit(draw, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException as error:
            workers_now = list((pool._processes or {}).values())  # the pool forgets them when it is shut down
            pool.shutdown(wait=False, cancel_futures=True)
            if not isinstance(error, Exception):  # somebody wants an end now, not after the jobs that are begun
                for worker in workers_now:
                    worker.terminate()
            raise


def _start() -> None:
    """First thing in every process of the pool."""
    end_with_parent()
    cv2.setNumThreads(1)
