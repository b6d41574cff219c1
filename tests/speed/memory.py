"""Memory of this process, and of a step."""

from __future__ import annotations

import gc
import os
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_STATM = Path("/proc/self/statm")


def resident() -> int:
    """Bytes in memory now; where the system does not tell, the most there have been."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def at_its_height(build: Callable[[], Callable[[], Any]], warm: int = 2) -> float:
    """Bytes that a step needs, at most, beyond inputs and weights.

    What is kept from step to step counts (gradients, moments of an optimiser, buffers of a
    captured step), of that the arrays only: what a compiler's code takes is another matter.
    """
    tracemalloc.start()
    try:
        step = build()
        gc.collect()
        given = _arrays()
        for _ in range(warm):
            step()
        gc.collect()
        kept = _arrays() - given
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return float(kept + tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()


def _arrays() -> int:
    """Bytes of all arrays there are: NumPy reports them to a domain of their own."""
    mine = tracemalloc.DomainFilter(inclusive=True, domain=np.lib.tracemalloc_domain)
    return sum(t.size for t in tracemalloc.take_snapshot().filter_traces([mine]).traces)
