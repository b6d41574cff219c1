"""Making batches ahead of time in threads, and handing them over in order."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from tinygrad_nn.errors import DataError

Job = TypeVar("Job")


def made_ahead(
    jobs: Iterator[Job],
    make: Callable[[Job], Any],
    *,
    workers: int,
    ahead: int,
    timeout: float = 0.0,
    start: Callable[[int], object] | None = None,
) -> Iterator[tuple[Job, Any]]:
    """Yield `(job, make(job))` in the order of the jobs, made in threads.

    The threads end with the iterator: when it is exhausted, fails, or is left early.

    Args:
        jobs: read in the calling thread.
        make: called in the threads.
        workers: number of threads.
        ahead: how many jobs may be made or wait to be handed over.
        timeout: seconds to wait for one, or 0 for no limit.
        start: called in each thread with its number, before its first job.

    Raises:
        DataError: the time is over.
    """
    numbers = itertools.count()
    pool = ThreadPoolExecutor(
        workers,
        "DataLoader",
        initializer=None if start is None else lambda: start(next(numbers)),
    )
    waiting: deque[tuple[Job | None, Future[Any]]] = deque()
    is_stuck = False
    try:
        for _ in range(ahead):
            _submit(jobs, make, pool, waiting)
        while waiting:
            job, future = waiting.popleft()
            try:
                made = future.result(timeout or None)
            except TimeoutError as error:
                # The function itself may have raised one.
                if future.done():
                    raise
                is_stuck = True
                raise DataError(
                    f"DataLoader: got no batch within timeout={timeout:g} seconds; raise it, or "
                    f"read an example by hand to see where it waits"
                ) from error
            _submit(jobs, make, pool, waiting)
            assert job is not None
            yield job, made
    finally:
        # A thread that hangs cannot be ended, and waiting for it would hang here too.
        pool.shutdown(wait=not is_stuck, cancel_futures=True)


def _submit(
    jobs: Iterator[Job],
    make: Callable[[Job], Any],
    pool: ThreadPoolExecutor,
    waiting: deque[tuple[Job | None, Future[Any]]],
) -> None:
    try:
        job = next(jobs)
    except StopIteration:
        return
    except Exception as error:
        # Raised in its turn, behind the batches that came before it.
        failed: Future[Any] = Future()
        failed.set_exception(error)
        waiting.append((None, failed))
        return
    # Settings such as numpy.errstate belong to the context of the caller.
    waiting.append((job, pool.submit(copy_context().run, make, job)))
