"""Every module of the parity suite, exported and run by ONNX Runtime."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.parity.cases  # noqa: F401  (registers the cases)
import tinygrad_nn as tg
from tests.extents import some, twofold
from tests.onnx_export.harness import compare, runtime
from tests.parity.case import MODULES, ModuleCase
from tests.parity.draws import Draw, Fixed
from tinygrad_nn import nn
from tinygrad_nn.errors import ExportError

# A loss is for training; a model that is run has none.
LOSSES = {name for name in MODULES if name.endswith("Loss")} | {"AdaptiveLogSoftmaxWithLoss"}
PARTLY: dict[str, str] = {
    "Embedding": "max_norm writes the table",
    "EmbeddingBag": "padding, offsets and mode='max' choose rows by numbers",
    **dict.fromkeys(
        ("Transformer", "TransformerDecoder", "TransformerEncoder"),
        "tell a causal mask among their inputs by its numbers",
    ),
}
"""Modules of which ONNX has not every form: an error says so, and what is exported is right."""


class Called(nn.Module):
    """A module with the inputs of a case: positional ones, and those by keyword."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Any, options: Any) -> Any:
        return self.inner(*inputs, **options)


def single(value: Any) -> Any:
    """`value` with tensors for its arrays, floats in float32."""
    if isinstance(value, Fixed):
        return single(value.array)
    if isinstance(value, np.ndarray):
        return tg.tensor(value.astype(np.float32) if value.dtype.kind == "f" else value)
    if isinstance(value, (tuple, list)):
        return type(value)(single(v) for v in value)
    if isinstance(value, dict):
        return {k: single(v) for k, v in value.items()}
    return value


def built(name: str, case: ModuleCase) -> nn.Module:
    make = case.build or (lambda library: getattr(library, name)(*case.args, **case.options))
    return make(nn).float()


def check(name: str, case: ModuleCase, **options: Any) -> None:
    model = Called(built(name, case))
    rng = np.random.default_rng(0)
    for p in model.parameters():
        p.data = p.data + 0.1 * rng.standard_normal(p.shape).astype(np.float32)
    compare(model, (single(tuple(case.inputs)), single(case.call)), **options)


@pytest.mark.parametrize("name", sorted(set(MODULES) - LOSSES))
@twofold
@settings(max_examples=some(4, 10))
@given(data=st.data())
def test_module(name, data):
    runtime()
    case = MODULES[name](Draw(data))
    try:
        check(name, case, dynamic_axes={})
    except ExportError:
        if name not in PARTLY:
            raise
