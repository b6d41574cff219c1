"""A file is written whole or not at all, and stays what it was in every other respect."""

import errno
import os
import stat
from pathlib import Path

import pytest

from tinygrad_nn.atomic import remove_parts, write_atomic


def test_pieces_follow_one_another(tmp_path: Path):
    write_atomic(tmp_path / "a", [b"one", memoryview(b"two")])
    write_atomic(tmp_path / "b", b"three")
    assert (tmp_path / "a").read_bytes() + (tmp_path / "b").read_bytes() == b"onetwothree"


def test_file_then_name_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The contents are flushed before the rename, the folder after it."""
    done = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        done.append((kind, os.fstat(descriptor).st_size if kind == "file" else 0))
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        done.append(("rename", 0))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    write_atomic(tmp_path / "a", b"12345")
    last = [("folder", 0)] if os.name == "posix" else []
    assert done == [("file", 5), ("rename", 0), *last]


@pytest.mark.parametrize("moment", ["fsync", "replace", "write"])
def test_a_failed_write_leaves_the_old_file(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_atomic(tmp_path / "a", b"old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def pieces():
        yield b"n"
        if moment == "write":
            full()
        yield b"ew"

    if moment != "write":
        monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[moment], full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / "a", pieces())
    assert (tmp_path / "a").read_bytes() == b"old" and os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_a_device_is_not_replaced(tmp_path: Path):
    """As root, saving to /dev/null would have put a file in its place."""
    with pytest.raises(OSError, match="device or pipe"):
        write_atomic(Path("/dev/full"), b"x")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="device or pipe"):
        write_atomic(tmp_path / "pipe", b"x")
    assert (tmp_path / "pipe").is_fifo() and os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path):
    file, link = tmp_path / "file", tmp_path / "latest"
    write_atomic(file, b"1")
    file.chmod(0o600)
    link.symlink_to(file)
    write_atomic(link, b"2")
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == b"2"


def test_what_a_killed_process_left_is_removed(tmp_path: Path):
    for name in (".a.0123.part", "a", "b.part", ".c"):
        (tmp_path / name).touch()
    remove_parts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".c", "a", "b.part"]
