"""Damaged and hostile files give a DataError, quickly, and nothing in them runs."""

import io
import json
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.serialize.states import same
from tinygrad_nn.errors import DataError

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
STATE = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "o": {0: {"step": 3}}, "lr": [0.1]}
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("intact") / "state.npz"
    tg.save(STATE, path)
    return path.read_bytes()


def refused(path: Path, content: bytes, words: str = "got") -> None:
    """Check that a file is refused in little time and memory."""
    path.write_bytes(content)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(DataError, match=words):
            tg.load(path)
        assert time.perf_counter() - start < 5
        assert tracemalloc.get_traced_memory()[1] < 40 * len(content) + MEGABYTE
    finally:
        tracemalloc.stop()


@given(data=st.data())
@quick
def test_a_flipped_bit_is_noticed_or_does_no_harm(
    data: st.DataObject, intact: bytes, tmp_path: Path
):
    content = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "a").write_bytes(content)
    try:
        loaded = tg.load(tmp_path / "a")
    except DataError:
        return
    assert same(loaded, STATE)


def test_every_flipped_byte_is_noticed_or_does_no_harm(intact: bytes, tmp_path: Path):
    noticed = 0
    for place in range(0, len(intact), 3):
        content = bytearray(intact)
        content[place] ^= 0xFF
        (tmp_path / "a").write_bytes(content)
        try:
            assert same(tg.load(tmp_path / "a"), STATE), place
        except DataError:
            noticed += 1
    assert noticed > len(intact) / 3 / 2


def test_every_truncated_file_is_refused(intact: bytes, tmp_path: Path):
    for length in range(0, len(intact), 7):
        (tmp_path / "a").write_bytes(intact[:length])
        with pytest.raises(DataError):
            tg.load(tmp_path / "a")


@given(content=st.binary(max_size=300))
@quick
def test_any_bytes_are_refused(content: bytes, tmp_path: Path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError):
        tg.load(tmp_path / "a")


@given(
    inside=st.binary(max_size=100), name=st.sampled_from(["tree.json", "a.npy", "a", "../a.npy"])
)
@quick
def test_any_bytes_in_an_archive_are_refused(inside: bytes, name: str, tmp_path: Path):
    (tmp_path / "a").write_bytes(archive({name: inside}))
    with pytest.raises(DataError):
        tg.load(tmp_path / "a")


# ── By hand ─────────────────────────────────────────────────────────────────────────────


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return stream.getvalue()


def npy(header: str, content: bytes = b"", magic: bytes = b"\x93NUMPY\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    return magic + struct.pack("<H", len(text)) + text + content


def tree(node: object, **changes: object) -> dict[str, bytes]:
    document = {"format": "tinygrad_nn", "version": 1, "tree": node, **changes}
    return {"tree.json": json.dumps(document).encode()}


class Bomb:
    def __reduce__(self) -> tuple:
        return (os.mkdir, ("exploded",))


def test_pickles_are_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "a", pickle.dumps(Bomb()))
    stream = io.BytesIO()
    np.savez(stream, a=np.array([Bomb()], dtype=object))
    refused(
        tmp_path / "a", stream.getvalue(), "object arrays are refused|cannot be read as numbers"
    )
    assert not (tmp_path / "exploded").exists()


NPY = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}"
HOSTILE = {
    "compressed": (archive({"a.npy": bytes(50 * MEGABYTE)}, zipfile.ZIP_DEFLATED), "compressed"),
    "huge shape": (archive({"a.npy": npy(NPY.format("<f8", (10**15,)))}), "0 bytes"),
    "overflowing shape": (archive({"a.npy": npy(NPY.format("<f8", (2**62, 8)))}), "0 bytes"),
    "absurd beside zero": (archive({"a.npy": npy(NPY.format("<f8", (0, 10**18)))}), "0 bytes"),
    "many axes": (archive({"a.npy": npy(NPY.format("<f8", (1,) * 40), bytes(8))}), "numbers"),
    "code as header": (archive({"a.npy": npy("__import__('os').mkdir('exploded')")}), "header"),
    "deep header": (archive({"a.npy": npy("(" * 9000)}), "header"),
    "structured": (archive({"a.npy": npy(NPY.format("V8", (1,)), bytes(8))}), "numbers"),
    "long double": (archive({"a.npy": npy(NPY.format("<f16", (1,)), bytes(16))}), "numbers"),
    "no array": (archive({"a.txt": b"hello"}), "arrays"),
    "deep tree": (archive({"tree.json": b"[" * 100_000}), "got"),
    "deep dicts": (archive({"tree.json": b'{"list":[' * 100_000}), "got"),
    "long integer": (archive({"tree.json": b"9" * 10_000}), "got"),
    "foreign tree": (archive(tree({}, format="other")), "another program"),
    "newer": (archive(tree({"dict": []}, version=2)), "upgrade"),
    "no dict": (archive(tree(5)), "does not fit"),
    "missing array": (archive(tree({"dict": [["a", {"array": "a"}]]})), "what save"),
    "unknown node": (archive(tree({"dict": [["a", {"call": "os.mkdir"}]]})), "what save"),
    "two kinds": (archive(tree({"dict": [], "list": []})), "what save"),
    "odd key": (archive(tree({"dict": [[None, 1]]})), "what save"),
    "spare array": (
        archive({**tree({"dict": []}), "a.npy": npy(NPY.format("|u1", (1,)), b"x")}),
        "does not fit",
    ),
    "hidden file before": (b"\x93NUMPY" + archive({"a.npy": b""}), "got"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_file_is_refused(name: str, tmp_path: Path):
    content, words = HOSTILE[name]
    refused(tmp_path / "a", content, words)
    assert not Path("exploded").exists()


def test_entries_that_share_bytes_are_refused(tmp_path: Path):
    """The overlapping kind of zip bomb: many names for the same stretch of the file."""
    content = archive({f"{i}.npy": npy(NPY.format("|u1", (9000,)), bytes(9000)) for i in range(1)})
    start = content.rindex(b"PK\x01\x02")
    end = content.rindex(b"PK\x05\x06")
    record = content[start:end]
    copies = b"".join(record.replace(b"0.npy", f"{i}.npy".encode()) for i in range(9))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(copies), start, 0)
    refused(tmp_path / "a", content[:start] + copies + tail, "overlap")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path):
    with pytest.raises(DataError, match="no file of this name"):
        tg.load(tmp_path / "absent")
    with pytest.raises(DataError, match="a folder of this name"):
        tg.load(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="no file of this name"):
            tg.load(tmp_path / "pipe")


def test_a_planted_fault_would_be_noticed(intact: bytes):
    """`same` tells a changed weight, dtype or key."""
    for changed in (
        {**STATE, "w": STATE["w"] + np.float32(1e-7) * (np.arange(6) == 0).reshape(2, 3)},
        {**STATE, "w": STATE["w"].astype(np.float64)},
        {**STATE, "o": {"0": {"step": 3}}},
        {**STATE, "lr": (0.1,)},
    ):
        assert not same(changed, STATE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_a_device_or_pipe_is_not_replaced_by_a_file(tmp_path: Path):
    """As root, saving to /dev/null would have put a file in its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="device or pipe"):
        tg.save(STATE, pipe)
    assert pipe.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path):
    file, link = tmp_path / "file.npz", tmp_path / "latest.npz"
    tg.save({"epoch": 1}, file)
    file.chmod(0o600)
    link.symlink_to(file)
    tg.save({"epoch": 2}, link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o600
    assert tg.load(file) == {"epoch": 2}
