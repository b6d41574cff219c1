"""What was measured on: processor and versions. No names, no paths."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

DISTRIBUTIONS = ("numpy", "torch", "jax", "autograd", "micrograd")


def machine() -> dict[str, str]:
    """Heading and text of each fact."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "BLAS of NumPy": _blas(),
        **{name: _version(name) for name in DISTRIBUTIONS},
    }


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
