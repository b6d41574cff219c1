"""The command as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

# Nothing of the machine's: no data folder, no terminal, an output that knows all letters.
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith(("TINYGRAD_NN", "COLUMNS"))},
    "PYTHONIOENCODING": "utf-8",
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
COMMAND = [sys.executable, "-m", "tinygrad_nn"]
# Small and quick, with several batches an epoch.
SMALL = ["--layers", "4", "--batch", "128"]


def run(*arguments: str, folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**ENVIRONMENT, **changes},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def run_script(
    path: Path, *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script in its own folder, or in another."""
    return subprocess.run(
        [sys.executable, str(path), *arguments],
        cwd=folder or path.parent,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def leftovers(folder: Path) -> list[str]:
    """Half-written files."""
    return [str(path) for path in folder.rglob("*.part")]
