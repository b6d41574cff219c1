"""A time limit for functions that may never end."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from math import isfinite
from time import monotonic
from typing import Any, TypeVar

from tinygrad_nn.errors import CheckError

__all__ = ["Clock", "TimeUp", "limited"]

_T = TypeVar("_T")
_AGAIN = 0.2
"""Seconds after which a function that caught the interruption is interrupted once more."""


class TimeUp(BaseException):
    """The time is up. No `Exception`, which the function under check may catch."""


@dataclass
class Clock:
    """What is known of a check when its time is up.

    Attributes:
        doing: Name of the function that was called last.
    """

    doing: str = "gradcheck"


def limited(work: Callable[[], _T], seconds: float | None) -> _T:
    """The result of `work()`, if it is there in time.

    On the main thread, where there are interval timers, a signal interrupts it: a timer and a
    handler that were set before are set again afterwards. Anywhere else it runs in a thread
    that is watched, and that is told to stop when its time is up.

    Args:
        work: Function without arguments.
        seconds: Time limit; None for none.

    Raises:
        TimeUp: It is not there.
        CheckError: `seconds` is no positive number.

    Example:
        >>> from tinygrad_nn.testing.problem.limit import limited
        >>> limited(lambda: 6 * 7, 1.0)
        42
    """
    if seconds is None:
        return work()
    if not _positive(seconds):
        raise CheckError(
            f"gradcheck: got timeout={seconds!r}, expected a positive number of seconds, or None "
            "for no limit"
        )
    if not isfinite(seconds) or seconds > threading.TIMEOUT_MAX:
        return work()
    on_main = threading.current_thread() is threading.main_thread()
    if on_main and hasattr(signal, "setitimer"):
        with _alarm(seconds):
            return work()
    return _watched(work, seconds)


def _positive(seconds: Any) -> bool:
    return isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise `TimeUp` in the block when its time is up."""
    start = monotonic()
    armed = True
    former = signal.getsignal(signal.SIGALRM) or signal.SIG_DFL  # None: it is not Python's
    delay, interval = signal.getitimer(signal.ITIMER_REAL)
    theirs = start + delay if delay else None

    def ring(number: int, frame: Any) -> None:
        nonlocal theirs
        now = monotonic()
        if theirs is not None and now >= theirs:
            theirs = now + interval if interval else None
            if callable(former):
                former(number, frame)
        if armed and now >= start + seconds:
            raise TimeUp

    signal.signal(signal.SIGALRM, ring)
    # A timer that was set before rings first if it is due first.
    signal.setitimer(signal.ITIMER_REAL, min(seconds, delay or seconds), _AGAIN)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if theirs is not None:
            signal.setitimer(signal.ITIMER_REAL, max(theirs - monotonic(), 1e-6), interval)


def _watched(work: Callable[[], _T], seconds: float) -> _T:
    """`work()` in a thread of its own, with the caller's context."""
    results: list[_T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # all of them are the caller's
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
    thread.start()
    try:
        in_time = done.wait(seconds)
    except BaseException:  # an interruption of the caller ends the work too
        _stop(thread)
        raise
    if not in_time:
        _stop(thread)
        raise TimeUp
    if errors:
        raise errors[0]
    return results[0]


def _stop(thread: threading.Thread) -> None:
    """Raise `TimeUp` in a thread, as soon as it runs Python again."""
    raise_in = getattr(getattr(ctypes, "pythonapi", None), "PyThreadState_SetAsyncExc", None)
    for _ in range(5):  # a loop may catch what is raised in it
        if raise_in is None or not thread.is_alive():
            return
        raise_in(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeUp))
        thread.join(_AGAIN)
