"""Damaged and hostile files give a DataError, quickly, and nothing in them runs."""

import io
import json
import os
import pickle
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.serialize.states import same
from tinygrad_nn.errors import DataError

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
STATE = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "o": {0: {"step": 3, "m": np.zeros((2, 0)), "c": np.array(1j)}},
    "lr": [0.1, (None, float("nan"), 1 << 90)],
}
FLAT = {"0.weight": np.eye(3, dtype=np.float32), "0.bias": np.array([True, False])}
MEGABYTE = 1 << 20


@pytest.fixture(scope="module", params=[STATE, FLAT], ids=["nested", "flat"])
def intact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A state and the bytes of its file."""
    path = tmp_path_factory.mktemp("intact") / "state"
    tg.save(request.param, path)
    return request.param, path.read_bytes()


def refused(path: Path, content: bytes, words: str = "got") -> None:
    """Check that a file is refused in little time and memory."""
    path.write_bytes(content)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(DataError, match=words) as caught:
            tg.load(path)
        assert time.perf_counter() - start < 5
        # An empty list is three bytes in a file, and some seventy in Python, twice.
        assert tracemalloc.get_traced_memory()[1] < 60 * len(content) + MEGABYTE
        assert len(str(caught.value)) < 1000
    finally:
        tracemalloc.stop()


@st.composite
def mutations(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with bits flipped, and stretches left out, doubled or overwritten."""
    mutated = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(mutated) - 1, 0)))
        end = min(place + draw(st.integers(1, 40)), len(mutated))
        match draw(st.sampled_from(["flip", "cut", "double", "bytes", "digits", "end"])):
            case "flip" if mutated:
                mutated[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del mutated[place:end]
            case "double":
                mutated[place:place] = mutated[place:end]
            case "bytes":
                mutated[place:end] = draw(st.binary(max_size=40))
            case "digits":
                mutated[place : place + 1] = str(draw(st.integers(-9, 1 << 80))).encode()
            case "end":
                del mutated[place:]
    return bytes(mutated)


@given(data=st.data())
@quick
def test_a_mutated_file_is_noticed_or_does_no_harm(
    data: st.DataObject, intact: Any, tmp_path: Path
):
    state, content = intact
    mutated = data.draw(mutations(content))
    (tmp_path / "a").write_bytes(mutated)
    try:
        loaded = tg.load(tmp_path / "a")
    except DataError:
        refused(tmp_path / "a", mutated)
        return
    assert same(loaded, state)


def test_every_flipped_bit_is_noticed(intact: Any, tmp_path: Path):
    _, content = intact
    for place in range(len(content)):
        mutated = bytearray(content)
        mutated[place] ^= 1 << place % 8
        (tmp_path / "a").write_bytes(mutated)
        with pytest.raises(DataError):
            tg.load(tmp_path / "a")


def test_every_truncated_file_is_refused(intact: Any, tmp_path: Path):
    _, content = intact
    for length in range(len(content)):
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(DataError):
            tg.load(tmp_path / "a")


@given(content=st.binary(max_size=300))
@quick
def test_any_bytes_are_refused(content: bytes, tmp_path: Path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError):
        tg.load(tmp_path / "a")


# ── By hand ─────────────────────────────────────────────────────────────────────────────


def packed(header: object, numbers: bytes = b"", length: int | None = None) -> bytes:
    """A file with this header, as JSON or as bytes."""
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    announced = len(content) if length is None else length
    return announced.to_bytes(8, "little") + content + numbers


def one(dtype: Any = "U8", shape: Any = (4,), offsets: Any = (0, 4), **more: Any) -> bytes:
    """A file of four bytes with one entry."""
    fields = {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}
    return packed({"a": fields}, b"\0\1\2\3")


def two(*offsets: tuple[int, int]) -> bytes:
    fields = {
        f"{i}": {"dtype": "U8", "shape": [stop - start], "data_offsets": [start, stop]}
        for i, (start, stop) in enumerate(offsets)
    }
    return packed(fields, b"\0\1\2\3")


def signed(tree: object, numbers: bytes = b"", version: int = 2, **more: Any) -> bytes:
    """A file of ours with this tree and one tensor, its checksum right."""
    fields = {"dtype": "U8", "shape": [len(numbers)], "data_offsets": [0, len(numbers)]}
    entry = {"tinygrad_nn": version, "crc32": "0" * 8, "tree": tree, **more}
    text = tree if isinstance(tree, bytes) else json.dumps(entry, separators=(",", ":"))
    if isinstance(text, bytes):
        text = f'{{"tinygrad_nn":2,"crc32":"{"0" * 8}","tree":{text.decode()}}}'
    header = {"__metadata__": {"tinygrad_nn": text}, "a": fields}
    content = packed(json.dumps(header, separators=(",", ":")).encode(), numbers)
    crc = f"{zlib.crc32(content):08x}".encode()
    return content.replace(b"0" * 8, crc, 1)


def test_the_files_made_by_hand_would_be_read(tmp_path: Path):
    """What the refusals below rest on."""
    (tmp_path / "a").write_bytes(one())
    assert tg.load(tmp_path / "a")["a"].tolist() == [0, 1, 2, 3]
    (tmp_path / "a").write_bytes(two((0, 3), (3, 4)))
    assert tg.load(tmp_path / "a")["0"].tolist() == [0, 1, 2]
    (tmp_path / "a").write_bytes(signed({"x": [{"$tensor": "a"}, 5]}, b"\7"))
    assert tg.load(tmp_path / "a")["x"][0].tolist() == [7]


class Bomb:
    def __reduce__(self) -> tuple:
        return (os.mkdir, ("exploded",))


def test_pickles_are_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "a", pickle.dumps(Bomb()))
    stream = io.BytesIO()
    np.savez(stream, a=np.array([Bomb()], dtype=object))
    refused(tmp_path / "a", stream.getvalue(), "zip archive.*numpy.load or torch.load")
    assert not (tmp_path / "exploded").exists()


X = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
HOSTILE = {
    "empty": (b"", "0 bytes"),
    "short": (b"\1\0\0", "3 bytes"),
    "huge header": (packed(b"{}", length=(1 << 64) - 1), "announces a header"),
    "header beyond the end": (packed(b"{}", length=3), "announces a header"),
    "header of nothing": (packed(b""), "brace"),
    "header of spaces": (packed(b"   {}"), "brace"),
    "list": (packed(b"[]"), "brace"),
    "no JSON": (packed(b"{'a': 1}"), "no JSON"),
    "two documents": (packed(b"{}{}"), "no JSON"),
    "not UTF-8": (packed(b'{"\xff": 1}'), "no JSON"),
    "UTF-16": (packed("{}".encode("utf-16")), "brace"),
    "NaN": (packed(b'{"a": NaN}'), "constant NaN"),
    "infinity": (packed(b'{"a": -Infinity}'), "constant -Infinity"),
    "deep lists": (packed(b'{"a":' + b"[" * 200_000), "nested without end|no JSON"),
    "deep dicts": (packed(b'{"a":' * 200_000), "nested without end|no JSON"),
    "wide lists": (packed(b'{"a":[' + b"[]," * 100_000 + b"[]]}"), "without dtype"),
    "wide dicts": (packed(b'{"a":[' + b"{}," * 100_000 + b"{}]}"), "without dtype"),
    "long integer": (packed(b'{"a":' + b"9" * 100_000 + b"}"), "no JSON"),
    "duplicate names": (
        packed(b'{"a":%s,"a":%s}' % ((json.dumps(X).encode(),) * 2)),
        "a key comes twice",
    ),
    "duplicate fields": (one().replace(b'"dtype"', b'"shape"'), "a key comes twice"),
    "metadata of numbers": (packed({"__metadata__": {"a": 1}}), "no dict of texts"),
    "metadata as list": (packed({"__metadata__": ["a"]}), "no dict of texts"),
    "spare bytes": (packed({}, b"x"), "1 bytes of numbers"),
    "entry as list": (packed({"a": []}), "without dtype"),
    "no shape": (packed({"a": {"dtype": "U8", "data_offsets": [0, 0]}}), "without dtype"),
    "another field": (one(code="import os"), "without dtype"),
    "negative side": (one(shape=[-4]), "without dtype"),
    "two negative sides": (one(shape=[-2, -2]), "without dtype"),
    "fraction": (one(shape=[4.0]), "without dtype"),
    "true as side": (one(shape=[True, 4]), "without dtype"),
    "text as side": (one(shape=["4"]), "without dtype"),
    "huge side": (one(shape=[10**30]), "without dtype"),
    "overflow": (one(shape=[1 << 32, 1 << 32, 4]), "absurd shape"),
    "absurd beside zero": (one(shape=[0, 1 << 61], offsets=[0, 0]), "absurd shape"),
    "many axes": (one(shape=[1] * 65), "absurd shape"),
    "more than the file": (one(shape=[1 << 40], offsets=[0, 1 << 40]), "bytes of numbers"),
    "wrong shape": (one(shape=[5]), "5 by its shape"),
    "three offsets": (one(offsets=[0, 2, 4]), "without dtype"),
    "offsets beyond": (one(offsets=[1, 5]), "neither overlap"),
    "offsets backwards": (one(offsets=[4, 0]), "bytes for"),
    "negative offset": (one(offsets=[-4, 0]), "without dtype"),
    "overlap": (two((0, 3), (2, 4)), "neither overlap"),
    "the same bytes twice": (two((0, 4), (0, 4)), "neither overlap"),
    "gap": (two((0, 1), (2, 4)), "neither overlap"),
    "bool of 2": (one("BOOL"), "neither 0 nor 1"),
    "F8_E4M3": (one("F8_E4M3"), "dtype 'F8_E4M3'.*to F32"),
    "F8_E5M2": (one("F8_E5M2"), "dtype 'F8_E5M2'.*to F32"),
    "F4": (one("F4", [8]), "dtype 'F4'"),
    "unknown dtype": (one("object"), "dtype 'object'"),
    "wrong checksum": (signed({"a": {"$tensor": "a"}}, b"x")[:-1] + b"y", "checksum"),
    "newer": (signed({}, version=3), "upgrade"),
    "older": (signed({}, version=1), "changed since"),
    "another word of ours": (signed({}, code="x"), "changed since"),
    "no tree": (signed(5), "does not fit"),
    "list as tree": (signed([{"$tensor": "a"}]), "does not fit"),
    "missing tensor": (signed({"x": {"$tensor": "b"}}), "what save"),
    "tensor twice": (signed([{"$tensor": "a"}, {"$tensor": "a"}]), "what save"),
    "spare tensor": (signed({}, b"x"), "does not fit"),
    "unknown node": (signed({"x": {"$call": "os.mkdir"}}), "what save"),
    "two kinds": (signed({"$tuple": [], "$dict": []}), "what save"),
    "odd key": (signed({"$dict": [[None, 1]]}), "what save"),
    "key twice": (signed({"$dict": [[1, 1], [1, 2]]}), "what save"),
    "key twice in a dict": (signed(b'{"a":1,"a":2}'), "a key comes twice"),
    "no pair": (signed({"$dict": [[1]]}), "what save"),
    "no complex numbers": (signed({"x": {"$complex": "a"}}, b"xy"), "what save"),
    "wild integer": (signed({"x": {"$int": "__import__('os')"}}), "what save"),
    "wild float": (signed({"x": {"$float": "1e5"}}), "what save"),
    "float without end": (signed(b'{"x":1e999}'), "what save"),
    "deep tree": (signed(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "nested"),
    "tree of 51": (signed(b'{"x":' + b"[" * 51 + b"]" * 51 + b"}"), "more than 50 deep"),
    "wide tree": (signed({"x": [[]] * 100_000, "y": {"$": 1}}), "what save"),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_file_is_refused(name: str, tmp_path: Path):
    content, words = HOSTILE[name]
    refused(tmp_path / "a", content, words)
    assert not Path("exploded").exists()


def test_a_renamed_entry_of_ours_is_refused(intact: Any, tmp_path: Path):
    """Without its tree, a nested state would silently become a flat one."""
    _, content = intact
    for old, new in ((b'"tinygrad_nn":"{', b'"tinygrad_nm":"{'), (b"crc32", b"crc33")):
        assert old in content
        refused(tmp_path / "a", content.replace(old, new, 1), "changed since|no JSON")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path):
    with pytest.raises(DataError, match="no file of this name"):
        tg.load(tmp_path / "absent")
    with pytest.raises(DataError, match="a folder of this name"):
        tg.load(tmp_path)
    if hasattr(os, "mkfifo"):
        for name in ("pipe", "pipe.index.json"):
            os.mkfifo(tmp_path / name)
            with pytest.raises(DataError, match="no file of this name"):
                tg.load(tmp_path / name)


def test_a_planted_fault_would_be_noticed():
    """`same` tells a changed weight, dtype or key."""
    for changed in (
        {**STATE, "w": STATE["w"] + np.float32(1e-7) * (np.arange(6) == 0).reshape(2, 3)},
        {**STATE, "w": STATE["w"].astype(np.float64)},
        {**STATE, "o": {"0": STATE["o"][0]}},
        {**STATE, "lr": tuple(STATE["lr"])},
    ):
        assert not same(changed, STATE)
