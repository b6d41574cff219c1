"""The IDX format: what is written is read back, and nothing else is accepted."""

import gzip
import io
import os
import re
import stat
import struct
import tracemalloc
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_nn.data import read_idx, write_idx
from tinygrad_nn.errors import DataError, DTypeError, OptionError

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PEAK = 8 << 20
shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
arrays = st.sampled_from(list(DTYPES.values())).flatmap(lambda dtype: hnp.arrays(dtype, shapes))
names = st.sampled_from(["a.idx", "a.idx.gz"])


def header(code: int, *lengths: int) -> bytes:
    return bytes([0, 0, code, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)


def same(found: np.ndarray, array: np.ndarray) -> bool:
    native = array.astype(array.dtype.newbyteorder("="))
    # By bytes, because NaN differs from itself.
    return (found.dtype, found.shape, found.tobytes()) == (
        native.dtype,
        native.shape,
        native.tobytes(),
    )


def read_or_refuse(path: Path, content: bytes) -> np.ndarray | None:
    path.write_bytes(content)
    try:
        return read_idx(path)
    except DataError as error:
        assert str(path) in str(error)
        assert re.search(r"got .* expected .*; \w+", str(error))
        return None


def peak_of_refusal(path: Path) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_idx(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------------------- round trip
@given(array=arrays, name=names)
def test_round_trip(array: np.ndarray, name: str, scratch: Path):
    write_idx(scratch / name, array)
    found = read_idx(scratch / name)
    assert same(found, array)
    assert found.flags.writeable and found.dtype.isnative


def test_strided_and_transposed_arrays_are_written_by_value(tmp_path: Path):
    array = np.arange(24, dtype=np.int32).reshape(4, 6)[::2, ::-1].T
    write_idx(tmp_path / "a", array)
    assert same(read_idx(tmp_path / "a"), array)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("uint8", "00000802 00000001 00000002 01 fe"),
        ("int8", "00000902 00000001 00000002 01 fe"),
        ("int16", "00000b02 00000001 00000002 0001 fffe"),
        ("int32", "00000c02 00000001 00000002 00000001 fffffffe"),
        ("float32", "00000d02 00000001 00000002 3f800000 c0000000"),
        ("float64", "00000e02 00000001 00000002 3ff0000000000000 c000000000000000"),
    ],
)
def test_the_bytes_are_those_of_the_format(dtype, expected, tmp_path: Path):
    array = np.array([[1, -2]]).astype(dtype)
    write_idx(tmp_path / "a", array)
    assert (tmp_path / "a").read_bytes() == bytes.fromhex(expected)
    assert same(read_idx(tmp_path / "a"), array)


def test_compression_is_told_by_content_and_not_by_name(tmp_path: Path):
    array = np.arange(6, dtype=np.uint8)
    write_idx(tmp_path / "a.gz", array)
    (tmp_path / "a.gz").rename(tmp_path / "plain-by-name")
    assert same(read_idx(tmp_path / "plain-by-name"), array)


# ----------------------------------------------------------------------------------- damage
@given(array=arrays, name=names, data=st.data())
def test_any_truncation_is_refused(array, name, data, scratch: Path):
    write_idx(scratch / name, array)
    content = (scratch / name).read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1))
    assert read_or_refuse(scratch / "cut", content[:kept]) is None


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz"])
def test_a_file_cut_at_any_byte_is_refused(name: str, tmp_path: Path):
    write_idx(tmp_path / name, np.arange(6, dtype=np.int16).reshape(2, 3))
    content = (tmp_path / name).read_bytes()
    for kept in range(len(content)):
        assert read_or_refuse(tmp_path / "cut", content[:kept]) is None


@given(array=arrays, name=names, more=st.binary(min_size=1, max_size=9))
def test_anything_behind_the_payload_is_refused(array, name, more, scratch: Path):
    content = header(0x08, array.size) + bytes(array.size) + more
    packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
    assert read_or_refuse(scratch / "long", packed) is None


@given(array=arrays, more=st.binary(min_size=1, max_size=9).filter(any))
def test_garbage_behind_the_compressed_stream_is_refused(array, more, scratch: Path):
    write_idx(scratch / "a.gz", array)
    assert read_or_refuse(scratch / "long", (scratch / "a.gz").read_bytes() + more) is None


@given(array=arrays, place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_changed_header_byte_is_refused_or_obeyed_to_the_letter(
    array, place, flip, scratch: Path
):
    write_idx(scratch / "a", array)
    content = bytearray((scratch / "a").read_bytes())
    content[place % (4 + 4 * array.ndim)] ^= flip
    found = read_or_refuse(scratch / "changed", bytes(content))
    if found is not None:
        axes = content[3]
        shape = struct.unpack_from(f">{axes}I", content, 4)
        assert content[:2] == b"\0\0" and found.shape == shape
        raw = found.astype(DTYPES[content[2]]).tobytes()
        assert raw == content[4 + 4 * axes :]


@given(array=arrays, place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_changed_byte_of_a_compressed_file_is_refused_or_harmless(
    array, place, flip, scratch: Path
):
    write_idx(scratch / "a.gz", array)
    content = bytearray((scratch / "a.gz").read_bytes())
    content[place % len(content)] ^= flip
    found = read_or_refuse(scratch / "changed", bytes(content))
    assert found is None or same(found, array)


@given(content=st.binary(max_size=64))
def test_arbitrary_bytes_give_an_array_or_a_refusal(content: bytes, scratch: Path):
    read_or_refuse(scratch / "noise", content)
    read_or_refuse(scratch / "noise", header(0x08)[:3] + content)
    read_or_refuse(scratch / "noise", gzip.compress(content, mtime=0))


# -------------------------------------------------------------------------------- hostility
@pytest.mark.parametrize("promised", [0, 10, 1 << 30], ids=["nothing", "little", "much"])
def test_a_compression_bomb_takes_no_more_memory_than_promised(promised: int, tmp_path: Path):
    content = 48 << 20 if promised < 1 << 20 else 1 << 10
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        stream.write(header(0x08, promised) + bytes(content))
    (tmp_path / "bomb.gz").write_bytes(packed.getvalue())
    assert peak_of_refusal(tmp_path / "bomb.gz") < PEAK


@pytest.mark.parametrize(
    "lengths",
    [
        (1 << 31,),
        (2**32 - 1,) * 4,
        (0, 2**32 - 1, 2**32 - 1),
        (2**32 - 1,) * 32,
        (1,) * 33,
        (1,) * 255,
        (),
    ],
)
def test_absurd_headers_are_refused_without_reading_on(lengths, tmp_path: Path):
    # As much behind it as it promises, where that can be written at all.
    promised = 8 * prod(lengths)
    (tmp_path / "a").write_bytes(header(0x0E, *lengths) + bytes(min(promised, 64)))
    assert peak_of_refusal(tmp_path / "a") < PEAK


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", "starts with nothing"),
        (b"<!DOCTYPE html><html>", "3c 21 44 4f"),
        (b"\x93NUMPY\x01\x00 pickled", "93 4e 55 4d"),
        (b"PK\x03\x04", "50 4b 03 04"),
        (bytes([0, 0, 0x0A, 1, 0, 0, 0, 0]), "00 00 0a 01"),
        (b"\x1f\x8bnot gzip at all", "damaged compressed data"),
    ],
)
def test_other_files_are_refused_by_what_they_start_with(content, shown, tmp_path: Path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=shown):
        read_idx(tmp_path / "a")


def test_a_pickled_npy_is_refused_unread(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.array([Path], object), allow_pickle=True)
    with pytest.raises(DataError, match="IDX header"):
        read_idx(tmp_path / "a.npy")


def test_max_bytes_is_the_first_size_still_read(tmp_path: Path):
    write_idx(tmp_path / "a", np.zeros((3, 4), np.int16))
    assert read_idx(tmp_path / "a", max_bytes=24).shape == (3, 4)
    with pytest.raises(DataError, match="at most 23 bytes; pass max_bytes="):
        read_idx(tmp_path / "a", max_bytes=23)


def test_a_missing_file_is_the_error_of_the_system(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


# ---------------------------------------------------------------------------------- writing
@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.zeros(3, np.int64), DTypeError),
        (np.zeros(3, bool), DTypeError),
        (np.array([None]), DTypeError),
        (np.zeros(3, np.float16), DTypeError),
        (np.float32(1), OptionError),
        (np.zeros((), np.uint8), OptionError),
        (np.zeros((1,) * 33, np.uint8), OptionError),
        ([1, 2], OptionError),
    ],
)
def test_unwritable_arrays_are_refused_and_leave_no_file(array, error, tmp_path: Path):
    with pytest.raises(error, match=r"write_idx: got .* expected"):
        write_idx(tmp_path / "a", array)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(call, tmp_path: Path, monkeypatch):
    write_idx(tmp_path / "a", np.arange(3, dtype=np.uint8))

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    owner = Path if call == "replace" else os
    monkeypatch.setattr(owner, call, fail)
    with pytest.raises(KeyboardInterrupt):
        write_idx(tmp_path / "a", np.zeros(1000, np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert read_idx(tmp_path / "a").tolist() == [0, 1, 2]


def test_equal_arrays_give_equal_files_with_usual_permissions(tmp_path: Path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(99, dtype=np.uint8))
    (tmp_path / "usual").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert len(modes) == 1
    # The time of writing, bytes 4 to 7 of a gzip header, is left out.
    assert (tmp_path / "a.gz").read_bytes()[4:8] == bytes(4)
