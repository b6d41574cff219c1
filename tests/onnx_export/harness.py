"""Our module and the exported one, run and compared."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.onnx import export

FLOAT = np.dtype(np.float32)


def runtime() -> Any:
    """ONNX Runtime, or the test is skipped."""
    pytest.importorskip("onnx")
    return pytest.importorskip("onnxruntime")


class Session:
    """An exported model that ONNX Runtime runs."""

    def __init__(self, proto: Any) -> None:
        ort = runtime()
        pytest.importorskip("onnx").checker.check_model(proto, full_check=True)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, *arrays: Any) -> list[np.ndarray]:
        names = [i.name for i in self.session.get_inputs()]
        return self.session.run(None, dict(zip(names, map(np.asarray, arrays), strict=True)))


def tensors(value: Any) -> Iterator[Any]:
    """Tensors of a nested result, in order."""
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from tensors(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v)
    elif isinstance(value, (tg.Tensor, np.ndarray)):
        yield value


def agree(ours: Any, theirs: list[np.ndarray], tolerance: float = 1e-4) -> None:
    expected = [np.asarray(x) for x in tensors(ours)]
    assert len(expected) == len(theirs)
    for a, b in zip(expected, theirs, strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        finite = np.abs(a[np.isfinite(a)]) if a.dtype.kind == "f" else np.zeros(0)
        scale = float(finite.max()) if finite.size else 1.0
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * max(scale, 1e-3))


def compare(model: nn.Module, inputs: Any, *, tolerance: float = 1e-4, **options: Any) -> Any:
    """Export with `inputs`, compare there, and return what compares for other inputs."""
    runtime()
    proto = export(model, inputs, **options)
    session = Session(proto)

    def again(*others: Any) -> None:
        was = [(m, m.training) for m in model.modules()]
        with tg.no_grad():
            ours = model.eval()(*others)
        for module, mode in was:
            module.training = mode
        agree(ours, session(*tensors(others)), tolerance)

    again(*inputs if isinstance(inputs, tuple) else (inputs,))
    again.proto = proto  # type: ignore[attr-defined]
    return again
