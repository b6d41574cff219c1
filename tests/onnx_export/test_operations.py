"""Converters against the registry of operations, and each against its operation."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.onnx_export.harness import Session, runtime
from tinygrad_nn import nn
from tinygrad_nn.core.op import OPS, Kind
from tinygrad_nn.draws import RandomDraw
from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx import export
from tinygrad_nn.onnx.missing import WITHOUT
from tinygrad_nn.onnx.registry import CONVERTERS

SINGLE = sorted(key for key, record in OPS.items() if record.kind is not Kind.COMPOSED)
# Before a test or document adds one of its own.
KNOWN = frozenset(CONVERTERS)
# Of float64: what ONNX Runtime computes in float32 alone is left to the tests of modules.
NOT_TRIED = {
    "_lstm": "the cells at every step",
    "pool_winner": "is half of an operation: pool_index",
    "pool_index": "needs what pool_winner was given",
    "det": "of matrices of order 0",
}


@pytest.mark.parametrize("key", SINGLE)
def test_every_operation_has_a_converter_or_a_reason(key):
    assert (key in CONVERTERS) != (key in WITHOUT), (
        f"{key}: give it a converter in tinygrad_nn/onnx, or a reason in missing.py, not both"
    )


def test_no_converter_and_no_reason_for_what_is_no_operation():
    assert set(SINGLE) >= KNOWN
    assert set(WITHOUT) <= set(SINGLE)


class Applied(nn.Module):
    def __init__(self, key, given, static):
        super().__init__()
        self.key, self.given, self.static = key, given, static

    def forward(self, x):
        given = [x if a is None else a for a in self.given]
        return OPS[self.key].call(*given, **self.static)


def unsupported(error):
    text = str(error)
    return any(s in text for s in ("NOT_IMPLEMENTED", "Could not find", "support double"))


@pytest.mark.parametrize("key", sorted(set(SINGLE) & KNOWN - set(NOT_TRIED)))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_converter(key, dtype):
    """In float64 to the last digits, where ONNX Runtime knows it; in float32 besides."""
    runtime()
    compared = 0
    for seed in range(12):
        args, static = OPS[key].sample(RandomDraw(seed))
        arrays = [np.asarray(a) for a in args]
        place = next((i for i, a in enumerate(arrays) if a.dtype.kind == "f" and a.size), None)
        if place is None:
            place = next((i for i, a in enumerate(arrays) if a.size), None)
        if place is None or not all(a.size for a in arrays):
            continue
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        given = [None if i == place else tg.tensor(a) for i, a in enumerate(arrays)]
        model = Applied(key, given, static)
        with np.errstate(all="ignore"):
            expected = np.asarray(model(tg.tensor(arrays[place])))
        if not expected.size:
            continue
        if len(set(static.get("sizes", ()))) > 1:
            continue  # packed sequences of different lengths
        proto = export(model, tg.tensor(arrays[place]), dynamic_axes={})
        try:
            got = Session(proto)(arrays[place])[0]
        except Exception as error:
            if unsupported(error):
                continue
            raise
        compared += 1
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
        tolerance = 1e-9 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)
    if not compared:
        pytest.skip("ONNX Runtime has no kernel for this dtype")


@pytest.mark.parametrize("key", ["erfinv", "inv", "cumprod"])
def test_an_operation_without_converter_is_named_with_the_line_and_a_way_out(key):
    runtime()

    class Odd(nn.Module):
        def forward(self, x):
            return getattr(tg, key)(x) if key != "cumprod" else tg.cumprod(x, axis=0)

    with pytest.raises(ExportError, match=rf"{key} at .*test_operations\.py:\d+ cannot .*ONNX"):
        export(Odd(), np.eye(3, dtype="float32") * 0.5, dynamic_axes={})
