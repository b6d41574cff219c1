"""W7: what `import` costs, in a fresh process each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from tests.speed.workload import COLUMNS, OURS, Contender, Goal, Workload

PROBE = """
import sys, time
from tests.speed.memory import resident
start = time.process_time()
__import__(sys.argv[1])
spent = time.process_time() - start
import json
found = {"time": spent, "rss": resident()}
extras = [name for name in sys.argv[2:] if name in sys.modules]
print(json.dumps({**found, "extras": len(extras)} if sys.argv[2:] else found))
"""


class Import:
    """Runner that imports a module; its first import, which compiles, is not counted.

    Of the other modules that are named it counts those that are imported by the way.

    The compiled files of all modules are kept in a folder of this runner, so that it makes no
    difference whether a library was installed compiled, or this user may write beside it.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        compiled = mkdtemp()
        finalize(self, rmtree, compiled, ignore_errors=True)
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._probe()

    def answer(self) -> list[float]:
        return []

    def round(self, seconds: float) -> dict[str, float]:
        return self._probe()

    def once(self) -> dict[str, float]:
        return {}

    def _probe(self) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-c", PROBE, *self._modules],
            stdout=subprocess.PIPE,
            env=self._environment,
            check=True,
            timeout=120,
        )
        return dict(json.loads(done.stdout))


def standard() -> list[float]:
    """There is no mathematics here."""
    return []


CASE = "fresh process"
EXTRAS = ("numba", "llvmlite", "scipy", "sklearn", "PIL", "onnx", "rich", "cupy")

IMPORTS = Workload(
    key="W7",
    title="Import in a fresh process",
    cases={CASE: {}},
    contenders=(
        Contender(OURS, partial(Import, "tinygrad_nn", *EXTRAS)),
        Contender("numpy", partial(Import, "numpy")),
        Contender("PyTorch", partial(Import, "torch"), "torch"),
        Contender("jax", partial(Import, "jax"), "jax"),
        Contender("HIPS autograd", partial(Import, "autograd"), "autograd"),
    ),
    standard=standard,
    reference="numpy",
    goals=(
        Goal(CASE, "excess", 0.030, "numpy"),
        Goal(CASE, "excess", 6e6, "numpy", measure="rss"),
        Goal(CASE, "value", 0, measure="extras", column=COLUMNS[1]),
    ),
    units={"time": ("ms", 1e3), "rss": ("MB", 1e-6), "extras": ("modules", 1)},
    note="`import tinygrad_nn` contains `import numpy`. `rss` is the whole process; `extras`: how "
    "many modules of the optional dependencies are imported though nobody asked for them.",
)
