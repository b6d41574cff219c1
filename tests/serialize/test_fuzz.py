"""A short run of the fuzzer; a long one is started by hand."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_fuzzer_finds_nothing(tmp_path: Path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed")
    fuzzer = [sys.executable, "-m", "tests.serialize.fuzz", "20", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        # Through a shell that forks: Linux hands the peak memory of this process, which has
        # PyTorch and JAX in it, on to what it executes, and the fuzzer would take it for its own.
        ["sh", "-c", '"$@"; exit $?', "sh", *fuzzer],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
