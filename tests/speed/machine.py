"""What was measured on: the code, processor and versions. No names, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import partial
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

DISTRIBUTIONS = (
    "numpy", "numba", "torch", "jax", "autograd", "micrograd", "scikit-learn",
)  # fmt: skip
PACKAGE = Path(__file__).resolve().parents[2] / "tinygrad_nn"


def machine() -> dict[str, str]:
    """Heading and text of each fact."""
    return {
        "commit": _commit(),
        "sources": sources(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "BLAS of NumPy": _blas(),
        **{name: _version(name) for name in DISTRIBUTIONS},
    }


def sources() -> str:
    """What tells this state of the library's code from any other."""
    digest = sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _commit() -> str:
    git = partial(subprocess.run, cwd=PACKAGE, capture_output=True, text=True, check=True)
    try:
        commit = git(["git", "log", "-1", "--format=%h", "--", "."]).stdout.strip()
        changed = git(["git", "status", "--porcelain", "--", "."]).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts = dict(
        (part.strip() for part in line.split(":", 1)) for line in reversed(lines) if ":" in line
    )
    text = facts.get("model name", platform.processor() or "unknown")
    if "cpu family" in facts:
        text += f" (family {facts['cpu family']}, model {facts.get('model', '?')})"
    return text


def _blas() -> str:
    built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})  # type: ignore[union-attr]
    return f"{built.get('name', 'unknown')} {built.get('version', '')}".strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
