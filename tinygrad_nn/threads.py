"""How many threads are used: by NumPy's products of matrices, and by large parts of captured steps.

Until a number is set, it is the one that NumPy's BLAS has, at each moment: all cores, or what the
user told that library; but no more than the process may use, since that library also counts cores
of which a container has a share only. What is small runs on one thread whatever the number is.
During a captured step that shares its work, BLAS itself is held at one thread: two pools on the
same cores would wait for one another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import cache
from math import ceil, inf
from operator import index
from pathlib import Path, PurePosixPath
from threading import Lock, Thread
from typing import Any

from tinygrad_nn.errors import OptionError

__all__ = ["allowed", "get_num_threads", "num_threads", "set_num_threads", "single", "together"]

Piece = Callable[[], Any]


# ── The number ──────────────────────────────────────────────────────────────────────────


class _Limit:
    """The number of threads, and how far BLAS is held below it.

    Attributes:
        given: What the user set, or None.
        depth: Steps that hold BLAS at one thread now.
        held: What its libraries had before, in order.
    """

    def __init__(self) -> None:
        self.given: int | None = None
        self.depth = 0
        self.held: list[int] = []
        self.lock = Lock()


_LIMIT = _Limit()


@cache
def _control() -> Any:
    """The module that tells BLAS its number of threads, or None."""
    try:
        import threadpoolctl
    except ImportError:
        return None
    return threadpoolctl


@cache
def _libraries() -> list[Any]:
    """Those that multiply matrices in this process; NumPy's is loaded with NumPy."""
    control = _control()
    if control is None:
        return []
    return list(control.ThreadpoolController().select(user_api="blas").lib_controllers)


def allowed() -> int:
    """Number of threads that a captured step may use now."""
    if _LIMIT.given is not None:
        return _LIMIT.given
    counts = _LIMIT.held or [library.num_threads for library in _libraries()]
    return min(max(counts, default=1), _cores())


@cache
def _cores() -> int:
    """How many threads of this process can run at a time."""
    own = getattr(os, "sched_getaffinity", None)
    count = len(own(0)) if own is not None else os.cpu_count() or 1
    return max(1, ceil(min(count, *_shares("/proc/self/cgroup", _GROUPS))))


_GROUPS = "/sys/fs/cgroup"


def _shares(listed: str, groups: str) -> Iterator[float]:
    """Cores' worth of time that Linux gives the process and the groups around it."""
    yield inf
    with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
        lines = Path(listed).read_text(encoding="utf-8").splitlines()
        path = next((line[3:] for line in lines if line.startswith("0::")), "/")
        here = PurePosixPath(path.lstrip("/"))
        for folder in (here, *here.parents):
            yield from _share(f"{groups}/{folder}/cpu.max", "")
        # The older form, of which a container sees its own group.
        yield from _share(f"{groups}/cpu/cpu.cfs_quota_us", f"{groups}/cpu/cpu.cfs_period_us")


def _share(quota: str, period: str) -> Iterator[float]:
    """Time by period, of one file or two; nothing where there is no such file, or no limit."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        texts = [Path(name).read_text(encoding="utf-8") for name in (quota, period) if name]
        time, of = map(float, " ".join(texts).split())
        if time > 0:
            yield time / of


def get_num_threads() -> int:
    """Number of threads that may be used: as set, or else what NumPy's BLAS has.

    Not more than there are cores for this process, by its affinity and the limits of a container.

    Without `threadpoolctl`, of the extra `fast`, it is 1 and stays so: captured steps share no
    work, and NumPy's products use the threads that NumPy was started with.

    Example:
        >>> import tinygrad_nn as tg
        >>> tg.get_num_threads() >= 1
        True
    """
    return allowed()


def set_num_threads(n: int) -> None:
    """Let NumPy's products, and large parts of captured steps, use at most `n` threads.

    It holds for the whole process. Small work runs on one thread even if more are allowed, and
    the results are the same: shared are rows that do not need one another.

    Args:
        n: At least 1; more than there are cores is allowed and gains nothing.

    Raises:
        OptionError: `n` is no whole number of 1 or more, or is another number than now and
            `threadpoolctl`, by which NumPy's BLAS is told, is not installed.

    Example:
        >>> import tinygrad_nn as tg
        >>> tg.set_num_threads(tg.get_num_threads())
        >>> with tg.num_threads(1):  # the same, for some statements
        ...     tg.get_num_threads()
        1
    """
    _set(_checked(n, "set_num_threads"))


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """`set_num_threads(n)` for the statements within; the number before is set again after them.

    Args:
        n: At least 1.

    Raises:
        OptionError: As for `set_num_threads`.

    Example:
        >>> import tinygrad_nn as tg
        >>> with tg.num_threads(1):
        ...     tg.get_num_threads()
        1
    """
    count = _checked(n, "num_threads")
    given, counts = _LIMIT.given, [library.num_threads for library in _libraries()]
    if _LIMIT.held:
        counts = list(_LIMIT.held)
    _set(count)
    try:
        yield
    finally:
        _put(given, counts)


def _checked(n: Any, who: str) -> int:
    try:
        count = index(n)
    except TypeError:
        count = 0
    if count < 1 or isinstance(n, bool):
        raise OptionError(
            f"{who}: got {n!r}, expected a whole number of threads, 1 or more; "
            f"{who}(1) keeps everything on one thread"
        )
    if _control() is None and count != allowed():
        raise OptionError(
            f"{who}: got {count}, but threadpoolctl is not installed, expected the extra 'fast', "
            "by which NumPy's products are told how many threads to use: "
            "pip install 'tinygrad_nn[fast]'"
        )
    return count


def _set(count: int) -> None:
    # SciPy, imported since, may have brought a library of its own.
    _libraries.cache_clear()
    _put(count, [count] * len(_libraries()))


def _put(given: int | None, counts: list[int]) -> None:
    with _LIMIT.lock:
        _LIMIT.given = given
        if _LIMIT.depth:
            _LIMIT.held = counts  # takes effect when the last step that holds BLAS is over
        else:
            _tell(counts)


def _tell(counts: list[int]) -> None:
    for library, count in zip(_libraries(), counts, strict=False):
        library.set_num_threads(count)


class _Single:
    """While it is entered, by however many threads, BLAS uses one thread. It takes 2 µs."""

    def __enter__(self) -> None:
        with _LIMIT.lock:
            _LIMIT.depth += 1
            if _LIMIT.depth == 1:
                libraries = _libraries()
                _LIMIT.held = [library.num_threads for library in libraries]
                _tell([1] * len(libraries))

    def __exit__(self, *_: object) -> None:
        with _LIMIT.lock:
            if not _LIMIT.depth:
                return  # a child of a fork within: all was given back there
            _LIMIT.depth -= 1
            if not _LIMIT.depth:
                held, _LIMIT.held = _LIMIT.held, []
                _tell(held)


single = _Single()


# ── The pool ────────────────────────────────────────────────────────────────────────────


class _Worker:
    """A thread that waits for a piece of work, does it, and waits again."""

    def __init__(self) -> None:
        self.go, self.done = Lock(), Lock()
        self.go.acquire()
        self.done.acquire()
        self.busy = False
        self.piece: Piece = int
        self.error: BaseException | None = None
        Thread(target=self._work, name="tinygrad_nn", daemon=True).start()

    def _work(self) -> None:
        while True:
            self.go.acquire()
            try:
                self.piece()
            except BaseException as error:
                self.error = error
            self.piece = int  # keeps no arrays alive
            self.done.release()

    def start(self, piece: Piece) -> None:
        # What NumPy warns of, and the like, is as in the thread that asks.
        context = copy_context()
        self.piece = lambda: context.run(piece)
        self.busy = True
        self.go.release()

    def wait(self) -> BaseException | None:
        """Until the piece is done; gives what it raised."""
        if not self.busy:
            return None
        self.done.acquire()
        self.busy = False
        error, self.error = self.error, None
        return error


class _Pool:
    """Workers, made when they are first needed. One caller has them at a time."""

    def __init__(self) -> None:
        self.free = Lock()
        self.workers: list[_Worker] = []

    def some(self, count: int) -> list[_Worker]:
        """As many workers, or fewer where the system gives no more threads."""
        with suppress(RuntimeError):
            while len(self.workers) < count:
                self.workers.append(_Worker())
        return self.workers[:count]


_POOL = _Pool()


def _after_fork() -> None:
    """The threads of the parent are not there, and nobody will give back what they held."""
    global _POOL  # noqa: PLW0603
    _POOL = _Pool()
    _LIMIT.lock = Lock()
    if _LIMIT.depth:
        _LIMIT.depth = 0
        held, _LIMIT.held = _LIMIT.held, []
        _tell(held)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def together(pieces: Sequence[Piece]) -> None:
    """Call all of them, each in a thread of its own, the first in this one.

    Handing a piece over takes 15 to 25 µs. Where the threads are at work for somebody else, another
    thread of the user or a piece within which this is called, all are called here.

    Raises:
        BaseException: What the first of them that failed raised, when all are over.
    """
    pool = _POOL
    if len(pieces) < 2 or not pool.free.acquire(blocking=False):
        for piece in pieces:
            piece()
        return
    try:
        workers = pool.some(len(pieces) - 1)
        _shared(pieces, workers)
    finally:
        pool.free.release()


def _shared(pieces: Sequence[Piece], workers: Sequence[_Worker]) -> None:
    errors: list[BaseException] = []
    try:
        for worker, piece in zip(workers, pieces[1:], strict=False):
            worker.start(piece)
        pieces[0]()
        for piece in pieces[1 + len(workers) :]:
            piece()
    except BaseException as error:
        errors.append(error)
    for worker in workers:
        while worker.busy:
            # An interrupt waits too: the others still write into the step's arrays.
            try:
                found = worker.wait()
                if found is not None:
                    errors.append(found)
            except BaseException as error:
                errors.append(error)
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # or the error and its frames hold one another
