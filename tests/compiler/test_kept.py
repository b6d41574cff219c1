"""Machine code on disk: what damages it, and where there is no place for it; in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba")

from tinygrad_nn.compiler.numba import cache

STEP = """
import numpy as np
import tinygrad_nn as tg

step = tg.jit(lambda x: (tg.tanh(x * 2.0) + tg.exp(-x)).sum(), engine="numba")
x = np.linspace(-1.0, 1.0, 11)
assert np.allclose(step(x), (np.tanh(x * 2.0) + np.exp(-x)).sum(), rtol=1e-14)
assert np.allclose(step(-x), (np.tanh(-x * 2.0) + np.exp(x)).sum(), rtol=1e-14)
import sys
print(sum(len(f.overloads) and not f.stats.cache_hits for name, m in sys.modules.items()
          if name.startswith("tinygrad_nn_compiled_")
          for f in [getattr(m, "segment", None)] if f is not None))
"""
"""Says how many functions it had to compile itself."""


def started(**environment: str | None) -> subprocess.Popen[str]:
    """A process with such an environment; None takes a variable away."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        env.pop(name, None)
    for key, value in environment.items():
        env.pop(key, None)
        env.update({key: value} if value is not None else {})
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", STEP], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def compiled(**environment: str | None) -> int:
    """Functions that a process compiled, after results that were right."""
    return said(started(**environment))


def said(process: subprocess.Popen[str]) -> int:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return int(out)


def files(base: Path) -> list[Path]:
    return sorted((base / "tinygrad_nn" / "numba").iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", id="empty", marks=pytest.mark.slow),
        pytest.param(
            lambda content: content[: len(content) // 2], id="half", marks=pytest.mark.slow
        ),
        pytest.param(
            lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:], id="a bit"
        ),
    ],
)
def test_damaged_files_are_compiled_again_once(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    assert compiled(NUMBA_CACHE_DIR=str(tmp_path)) == 1
    whole = {path: path.read_bytes() for path in files(tmp_path)}
    assert any(".segment." in path.name for path in whole)
    for path, content in whole.items():
        path.write_bytes(damage(content))
    assert compiled(NUMBA_CACHE_DIR=str(tmp_path)) == 1
    assert compiled(NUMBA_CACHE_DIR=str(tmp_path)) == 0
    assert files(tmp_path) == list(whole)


@pytest.mark.slow
def test_processes_at_the_same_time(tmp_path: Path) -> None:
    both = [started(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert [said(process) for process in both] >= [0, 0]
    assert compiled(NUMBA_CACHE_DIR=str(tmp_path)) == 0


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_broken(tmp_path: Path) -> None:
    process = started(NUMBA_CACHE_DIR=str(tmp_path))
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and process.poll() is None:
        if (tmp_path / "tinygrad_nn" / "numba").is_dir() and files(tmp_path):
            break
        time.sleep(0.002)
    process.kill()
    process.communicate()
    compiled(NUMBA_CACHE_DIR=str(tmp_path))
    assert compiled(NUMBA_CACHE_DIR=str(tmp_path)) == 0


def test_without_a_home_code_lies_among_temporary_files(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "file" / "home")  # of a file, so that not even root can make it
    (tmp_path / "file").write_text("")
    for _ in range(2):
        there = list(tmp_path.glob("tinygrad_nn-*"))
        assert compiled(HOME=nowhere, TMPDIR=str(tmp_path)) == (not there)
    (found,) = tmp_path.glob("tinygrad_nn-*")
    assert found.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
def test_without_any_folder_each_process_compiles(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    (tmp_path / f"tinygrad_nn-{user}").symlink_to(tmp_path)  # a link is not trusted
    for _ in range(2):
        assert compiled(HOME=str(tmp_path / "file"), TMPDIR=str(tmp_path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", f"tinygrad_nn-{user}"]


def test_a_full_disk_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tinygrad_nn.compiler.numba import kept

    def full(path: Path, content: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "write_atomic", full)
    monkeypatch.setattr(kept, "folder", lambda: tmp_path)
    source = "from tinygrad_nn.compiler.numba.kept import outer\nfrom numba import float64\n"
    source += "@outer(float64(float64))\ndef twice(x):\n    return x + x\n"
    assert cache.module(source).twice(1.5) == 3.0
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs rights of files")
def test_folders_that_others_may_write_to_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    found = cache.folder.__wrapped__()
    assert found == tmp_path / "tinygrad_nn" / "numba"
    found.chmod(0o777)
    assert cache.folder.__wrapped__() == tmp_path / "temporary" / f"tinygrad_nn-{os.getuid()}"


def test_old_files_go_and_those_of_others_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    within = cache.folder.__wrapped__()
    assert within is not None
    names = {f"{cache.PREFIX}a.code": 61, f"{cache.PREFIX}b.code": 1, "mine.txt": 99,
             f".{cache.PREFIX}c.code.12.part": 1}  # fmt: skip
    for name, days in names.items():
        (within / name).write_text("")
        then = time.time() - days * 24 * 3600
        os.utime(within / name, (then, then))
    cache.folder.__wrapped__()
    assert {path.name for path in within.iterdir()} == {f"{cache.PREFIX}b.code", "mine.txt"}


def test_one_form_is_compiled_once_whatever_its_sizes() -> None:
    """Sizes are arguments: numba would make a function for each value."""
    import numpy as np

    import tinygrad_nn as tg

    step = tg.jit(lambda *xs: [tg.tanh(x) * 2.0 - x for x in xs], engine="numba")
    step(*[np.ones(n) for n in (7, 11, 13)])
    kernels = [
        module.kernel for name, module in sys.modules.items()
        if name.startswith(cache.PREFIX) and hasattr(module, "kernel")
    ]  # fmt: skip
    assert kernels
    assert all(len(kernel.overloads) <= 2 for kernel in kernels)  # of either float
