"""The import contracts of pyproject.toml hold, and each of them can be broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.paths import ROOT

pytest.importorskip(
    "importlinter", reason="import-linter is not installed; it comes with the extra `dev`"
)

RUN = [
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports_command; lint_imports_command()",
    "--no-cache",
]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    # A wide, plain terminal: the report is read by a person in a log.
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "PYTHONPATH": str(folder)}
    return subprocess.run(
        RUN, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_contracts_hold():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


# ------------------------------------------------------------- the checks see a planted fault
@pytest.fixture
def sketch(tmp_path: Path) -> Path:
    """A package of our shape, its modules empty, under the real contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for (
        name
    ) in "backends core ops nn optim data viz train compiler compiler/capture testing".split():
        package = tmp_path / "tinygrad_nn" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    modules = ["errors", "tensor", "core/node", "core/sweep", "nn/linear", *COMPILER, *TESTING]
    for name in ["__init__", *modules]:
        (tmp_path / "tinygrad_nn" / f"{name}.py").touch()
    return tmp_path


COMPILER = ["compiler/program", "compiler/jit", "compiler/capture/traced", "compiler/capture/calls"]
TESTING = ["testing/check", "testing/laws"]

FAULTS = {
    "upward import": ("core/node", "import tinygrad_nn.ops", "Imports point down"),
    "upward import, only typed": (
        "ops/__init__",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tinygrad_nn.tensor",
        "Imports point down",
    ),
    "sideways import": ("viz/__init__", "import tinygrad_nn.train", "Imports point down"),
    "module without a layer": ("utils", "", "Imports point down"),
    "upward within core": ("core/node", "import tinygrad_nn.core.sweep", "Within core"),
    "upward within compiler": (
        "compiler/program",
        "import tinygrad_nn.compiler.jit",
        "Within compiler",
    ),
    "upward within capture": (
        "compiler/capture/traced",
        "import tinygrad_nn.compiler.capture.calls",
        "Within capture",
    ),
    "upward within testing": (
        "testing/laws",
        "import tinygrad_nn.testing.check",
        "Within testing",
    ),
    "numpy in core": ("core/sweep", "import numpy.linalg", "Only the backends"),
    "numpy in nn": ("nn/linear", "def f():\n    from numpy import exp", "Only the backends"),
    "cupy in nn": ("nn/__init__", "import cupy", "Only the backends"),
    "numpy in compiler": ("compiler/__init__", "import numpy as np", "Only the backends"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_planted_import_breaks_its_contract(sketch: Path, fault: str):
    module, source, contract = FAULTS[fault]
    (sketch / "tinygrad_nn" / f"{module}.py").write_text(source, "utf-8")
    result = lint_imports(sketch)
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert result.returncode == 1
    assert len(broken) == 1, result.stdout + result.stderr
    assert broken[0].startswith(contract)


def test_the_sketch_and_its_edge_pass(sketch: Path):
    edge = ["tensor", "backends/__init__", "data/__init__", "viz/__init__", "train/__init__"]
    for module in edge:
        (sketch / "tinygrad_nn" / f"{module}.py").write_text("import numpy as np", "utf-8")
    result = lint_imports(sketch)
    assert result.returncode == 0, result.stdout + result.stderr
