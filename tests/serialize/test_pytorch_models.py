"""Models of PyTorch come in as they are: real networks, tied weights, halves, prefixes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import StateError


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("safetensors.torch")


def lenet(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 10),
    )  # fmt: skip


def residual(nn: Any) -> Any:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(8)
            self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(8)
            self.relu = nn.ReLU()
            self.downsample = nn.Sequential(nn.Conv2d(3, 8, 1, stride=2), nn.BatchNorm2d(8))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(y + self.downsample(x))

    return Block()


def language(nn: Any) -> Any:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Embedding(11, 6)
            self.rnn = nn.LSTM(6, 6, num_layers=2)
            self.decoder = nn.Linear(6, 11)
            self.decoder.weight = self.encoder.weight

        def forward(self, x: Any) -> Any:
            return self.decoder(self.rnn(self.encoder(x))[0])

    return Model()


def encoder(nn: Any) -> Any:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


INPUTS = {
    lenet: lambda rng: rng.standard_normal((2, 1, 28, 28)).astype("float32"),
    residual: lambda rng: rng.standard_normal((2, 3, 8, 8)).astype("float32"),
    language: lambda rng: rng.integers(0, 11, (5, 3)),
    encoder: lambda rng: rng.standard_normal((2, 5, 8)).astype("float32"),
}


def trained(torch: Any, make: Any) -> Any:
    """PyTorch's model, its running numbers moved on."""
    torch.manual_seed(0)
    theirs = make(torch.nn)
    with torch.no_grad():
        for _ in range(3):
            theirs(torch.tensor(INPUTS[make](np.random.default_rng(1))))
    return theirs.eval()


def same_outputs(torch: Any, ours: Any, theirs: Any, make: Any, tolerance: float = 1e-5) -> None:
    x = INPUTS[make](np.random.default_rng(2))
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    got = np.asarray(ours.eval()(tg.tensor(x)).detach())
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", INPUTS)
def test_outputs_of_a_saved_model(make: Any, tmp_path: Path, torch: Any, library: Any):
    theirs = trained(torch, make)
    file = tmp_path / "model.safetensors"
    # Of tied weights `save_model` keeps one; `save_file` refuses them.
    library.save_model(theirs, file)
    ours = make(nn)
    ours.load_state_dict(tg.load(file))
    same_outputs(torch, ours, theirs, make)


def test_tied_weights_stay_tied(tmp_path: Path, torch: Any, library: Any):
    library.save_model(trained(torch, language), tmp_path / "a")
    state = tg.load(tmp_path / "a")
    assert ("encoder.weight" in state) != ("decoder.weight" in state)
    ours = language(nn)
    assert ours.load_state_dict(state).missing_keys == []
    assert ours.decoder.weight is ours.encoder.weight


def test_a_part_that_is_missing_is_missed_though_others_are_shared(torch: Any):
    ours = language(nn)
    state = ours.state_dict()
    for name in ("encoder.weight", "decoder.weight"):
        del state[name]
    with pytest.raises(StateError, match=r"missing: 'encoder\.weight'"):
        ours.load_state_dict(state)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_go_into_a_model_of_float32(name: str, tmp_path: Path, torch: Any, library: Any):
    theirs = trained(torch, lenet)
    half = {k: v.to(getattr(torch, name)) for k, v in theirs.state_dict().items()}
    library.save_file(half, tmp_path / "a")
    theirs.load_state_dict(half)
    ours = lenet(nn)
    ours.load_state_dict(tg.load(tmp_path / "a"))
    assert all(p.dtype == np.float32 for p in ours.parameters())
    same_outputs(torch, ours, theirs, lenet)


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "net.encoder."])
def test_a_prefix_is_named_and_taken_off(prefix: str, tmp_path: Path, torch: Any, library: Any):
    theirs = trained(torch, residual)
    state = {prefix + k: v for k, v in theirs.state_dict().items()}
    library.save_file(state, tmp_path / "a")
    ours = residual(nn)
    found = tg.load(tmp_path / "a")
    with pytest.raises(StateError, match=rf"prefix='{prefix}'"):
        ours.load_state_dict(found)
    assert ours.load_state_dict(found, prefix=prefix) == ([], [])
    same_outputs(torch, ours, theirs, residual)


def test_old_files_without_the_counter_of_batches(torch: Any):
    theirs = trained(torch, residual)
    state = {k: v for k, v in theirs.state_dict().items() if "num_batches" not in k}
    ours = residual(nn)
    assert ours.load_state_dict(state).missing_keys == []
    same_outputs(torch, ours, theirs, residual)


def test_a_model_in_several_files(tmp_path: Path, torch: Any, library: Any):
    theirs = trained(torch, encoder)
    state = theirs.state_dict()
    names = list(state)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, some in parts.items():
        library.save_file({k: state[k].contiguous() for k in some}, tmp_path / file)
    index = {"metadata": {}, "weight_map": {k: file for file, some in parts.items() for k in some}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    ours = encoder(nn)
    ours.load_state_dict(tg.load(tmp_path / "model.safetensors.index.json"))
    same_outputs(torch, ours, theirs, encoder)
