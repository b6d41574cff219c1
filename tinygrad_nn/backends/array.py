"""NumPy's namespace, and the few names it lacks or that are slow there.

Every name that is not defined here is NumPy's own (`__getattr__` at the end).
Times are for a float32 array of eight numbers on one Zen 4 core.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_nn.backends import linalg as linalg

# What operations need of NumPy, but quicker or wider than its own functions of these names.
from tinygrad_nn.backends.attention import *  # noqa: F403
from tinygrad_nn.backends.axes import *  # noqa: F403
from tinygrad_nn.backends.convolution import *  # noqa: F403
from tinygrad_nn.backends.gamma import *  # noqa: F403
from tinygrad_nn.backends.gelu import *  # noqa: F403
from tinygrad_nn.backends.keep import keep_mask as keep_mask
from tinygrad_nn.backends.masks import *  # noqa: F403
from tinygrad_nn.backends.noise import noise as noise
from tinygrad_nn.backends.normalization import *  # noqa: F403
from tinygrad_nn.backends.pooling import *  # noqa: F403
from tinygrad_nn.backends.product import *  # noqa: F403
from tinygrad_nn.backends.recurrence import *  # noqa: F403
from tinygrad_nn.backends.reduction import *  # noqa: F403
from tinygrad_nn.backends.resample import *  # noqa: F403
from tinygrad_nn.backends.scatter import add_at as add_at
from tinygrad_nn.backends.scatter import add_rows as add_rows
from tinygrad_nn.backends.scatter import last_writers as last_writers
from tinygrad_nn.backends.scatter import segment_argmax as segment_argmax
from tinygrad_nn.backends.slopes import *  # noqa: F403
from tinygrad_nn.backends.special import *  # noqa: F403

PAYLOADS = (np.ndarray, np.generic)


abs = np.absolute


def astype(x: Any, dtype: Any) -> Any:
    """Copy of `x` with another dtype."""
    return x.astype(dtype)


def __getattr__(name: str) -> Any:
    # Kept, so that the next look at the name costs 0.03 µs and not 0.4.
    found = globals()[name] = getattr(np, name)
    return found


def _keep_freed_memory() -> None:
    """Let glibc keep the pages of freed arrays below 32 MB for the next array.

    It gives them back at once otherwise, and asks for zeroed ones: two thirds of the time of an
    operation on a megabyte. Freeing one large block tells it not to; no page of that is touched,
    and other allocators take no notice. (1024, 1024): 8.1 ms a pass before, 2.6 after. See
    docs/decisions/0009-freed-memory-is-kept-for-the-next-array.md.
    """
    np.empty(2**25 - 2**13, np.uint8)


_keep_freed_memory()
