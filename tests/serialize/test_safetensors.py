"""The safetensors library reads what `save` writes, and `load` what the library writes."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_nn as tg
from tests.serialize.states import STATES, as_loaded, same
from tinygrad_nn import nn
from tinygrad_nn.errors import DataError
from tinygrad_nn.serialize.form import DTYPES

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
NATIVE = st.sampled_from(sorted(DTYPES.values())).map(np.dtype)
NAMES = st.text(st.characters(codec="utf-8"), max_size=12).filter(lambda n: n != "__metadata__")


def arrays(dtypes: st.SearchStrategy[np.dtype[Any]]) -> st.SearchStrategy[Any]:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    return dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("safetensors.numpy")


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def torch_library(torch: Any) -> Any:
    return pytest.importorskip("safetensors.torch")


@quick
@given(state=st.dictionaries(NAMES, arrays(NATIVE), max_size=4))
def test_the_library_reads_a_flat_dict(state: dict, tmp_path: Path, library: Any):
    tg.save(state, tmp_path / "a")
    found = library.load_file(tmp_path / "a")
    assert same({name: found[name] for name in state}, state) and len(found) == len(state)


@quick
@given(state=st.dictionaries(NAMES, arrays(NATIVE), max_size=4))
def test_a_flat_dict_of_the_library_is_read(state: dict, tmp_path: Path, library: Any):
    library.save_file(state, tmp_path / "a", metadata={"made by": "another"})
    found = tg.load(tmp_path / "a")
    assert same({name: found[name] for name in state}, state) and len(found) == len(state)


@quick
@given(state=STATES)
def test_the_library_opens_every_state(state: dict, tmp_path: Path, library: Any):
    tg.save(state, tmp_path / "a")
    found = library.load_file(tmp_path / "a")
    numbers: list[np.ndarray] = []

    def collect(value: Any) -> None:
        if isinstance(value, np.ndarray):
            numbers.append(value)
        elif isinstance(value, (list, tuple, dict)):
            for part in value.values() if isinstance(value, dict) else value:
                collect(part)

    collect(as_loaded(state))
    assert sum(a.nbytes for a in found.values()) == sum(a.nbytes for a in numbers)


def test_pytorch_reads_a_model_under_its_names(tmp_path: Path, torch: Any, torch_library: Any):
    def made(library: Any, **options: Any) -> Any:
        linear, tanh = library.Linear, library.Tanh
        return library.Sequential(linear(3, 2, **options), tanh(), linear(2, 1, **options))

    ours = made(nn, rng=0)
    theirs = made(torch.nn)
    tg.save(ours.state_dict(), tmp_path / "model.safetensors")
    found = torch_library.load_file(tmp_path / "model.safetensors")
    assert set(found) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    theirs.load_state_dict(found)
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    expected = theirs(torch.tensor(x)).detach().numpy()
    assert np.allclose(ours(x).numpy(), expected, atol=1e-6)

    again = made(nn, rng=5)
    torch_library.save_model(theirs, str(tmp_path / "back.safetensors"))
    again.load_state_dict(tg.load(tmp_path / "back.safetensors"))
    assert same(again.state_dict(), ours.state_dict())


def test_bfloat16_is_widened_without_loss(tmp_path: Path, torch: Any, torch_library: Any):
    every = torch.arange(-(1 << 15), 1 << 15, dtype=torch.int32).to(torch.int16)
    numbers = every.view(torch.bfloat16)
    tensors = {"all": numbers, "0-d": numbers[5].clone(), "none": numbers[:0].clone()}
    tensors["f2"] = numbers[:3].half()
    torch_library.save_file(tensors, tmp_path / "a")
    found = tg.load(tmp_path / "a")
    bits = numbers.float().numpy().view(np.uint32)
    assert found["all"].dtype == np.float32 and (found["all"].view(np.uint32) == bits).all()
    assert found["0-d"].shape == () and found["none"].shape == (0,)
    assert found["f2"].dtype == np.float16


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_eight_bit_floats_are_refused(name: str, tmp_path: Path, torch: Any, torch_library: Any):
    torch_library.save_file({"w": torch.ones(2).to(getattr(torch, name))}, tmp_path / "a")
    with pytest.raises(DataError, match=r"'w' of dtype 'F8_E.*NumPy has no such numbers.*to F32"):
        tg.load(tmp_path / "a")


def test_every_array_begins_at_a_multiple_of_its_width(tmp_path: Path):
    state = {f"{i}": np.ones(3, code) for i, code in enumerate(["?", "f8", "f2", "i1", "c8", "f4"])}
    tg.save(state, tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    for name, array in state.items():
        assert header[name]["data_offsets"][0] % array.itemsize == 0


# ── Models in several files ─────────────────────────────────────────────────────────────

INDEX = "model.safetensors.index.json"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


@pytest.fixture
def model(tmp_path: Path) -> dict[str, Any]:
    """A model in two files, as Hugging Face keeps it."""
    parts = [{"a.weight": np.eye(2), "a.bias": np.zeros(2)}, {"b.weight": np.ones((1, 2))}]
    for name, part in zip(SHARDS, parts, strict=True):
        tg.save(part, tmp_path / name)
    names = {key: name for name, part in zip(SHARDS, parts, strict=True) for key in part}
    index(tmp_path, names)
    return parts[0] | parts[1]


def index(folder: Path, names: object) -> None:
    document = {"metadata": {"total_size": 64}, "weight_map": names}
    (folder / INDEX).write_text(json.dumps(document))


def test_shards_are_one_dict(model: dict, tmp_path: Path):
    assert same(tg.load(tmp_path / INDEX), model)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "/etc/secret.safetensors",
        "..\\secret.safetensors",
        "C:secret.safetensors",
        "C:\\secret.safetensors",
        "a/../../secret.safetensors",
        "sub/part.safetensors",
        "..safetensors",
        "model.safetensors\0",
        "model.safetensors\n",
        "secret.bin",
        "",
        5,
        None,
        [],
    ],
)
def test_names_that_leave_the_folder_are_refused(name: object, tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    tg.save({"a": np.eye(2)}, tmp_path / "secret.safetensors")
    index(folder, {"a": name})
    with pytest.raises(DataError, match="plain names"):
        tg.load(folder / INDEX)


def test_an_index_that_does_not_fit_its_files_is_refused(model: dict, tmp_path: Path):
    index(tmp_path, {"a.weight": SHARDS[1]})
    with pytest.raises(DataError, match=r"'a\.weight' in 'model-00002-of"):
        tg.load(tmp_path / INDEX)
    os.remove(tmp_path / SHARDS[1])
    with pytest.raises(DataError, match="no file of this name"):
        tg.load(tmp_path / INDEX)
    for content in ("", "[]", "{}", '{"weight_map": []}', '{"weight_map": NaN}', "[" * 100_000):
        (tmp_path / INDEX).write_text(content)
        with pytest.raises(DataError):
            tg.load(tmp_path / INDEX)
    doubled = f'{{"weight_map": {{"a.bias": "{SHARDS[0]}", "a.bias": "{SHARDS[0]}"}}}}'
    (tmp_path / INDEX).write_text(doubled)
    with pytest.raises(DataError, match="a key comes twice"):
        tg.load(tmp_path / INDEX)
