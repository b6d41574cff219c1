"""The finished graph as `onnx.ModelProto`: the only module that needs the package `onnx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.errors import ExportError
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Operand
from tinygrad_nn.onnx.sizes import Size

__all__ = ["NEWEST", "OLDEST", "onnx_package", "proto"]

OLDEST, NEWEST = 18, 23
"""Versions of ONNX's operators that can be written."""
_IR = 10  # of 2024: ONNX Runtime 1.18 and later read it


def onnx_package() -> Any:
    """The package `onnx`.

    Raises:
        ExportError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise ExportError(
            "export: the package onnx is not installed; pip install 'tinygrad-nn[onnx]'"
        ) from error
    return onnx


def proto(
    graph: Graph,
    outputs: Sequence[tuple[str, Operand]],
    name: str,
    metadata: Mapping[str, str],
) -> Any:
    """The model, checked.

    Args:
        graph: The nodes.
        outputs: Names of the outputs, and what they are.
        name: Of the graph.
        metadata: Texts.
    """
    onnx = onnx_package()
    helper = onnx.helper
    nodes = [
        helper.make_node(
            n.kind,
            n.inputs,
            n.outputs,
            **{k: _attribute(helper, v) for k, v in n.attributes.items()},
        )
        for n in graph.nodes
    ]
    inputs = zip(graph.input_names, graph.program.inputs, strict=True)
    made = helper.make_graph(
        nodes,
        name,
        [_info(helper, graph, n, operand) for n, operand in inputs],
        [_info(helper, graph, n, operand) for n, operand in outputs],
        [
            onnx.numpy_helper.from_array(np.asarray(array, order="C"), key)
            for key, array in graph.initializers.items()
        ],
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", graph.opset)],
        ir_version=_IR,
        producer_name="tinygrad_nn",
    )
    helper.set_model_props(model, {str(k): str(v) for k, v in metadata.items()})
    return model


def _attribute(helper: Any, value: Any) -> Any:
    return helper.np_dtype_to_tensor_dtype(value) if isinstance(value, np.dtype) else value


def _info(helper: Any, graph: Graph, name: str, operand: Operand) -> Any:
    symbols = graph.program.symbols
    shape = []
    for n in operand.shape:
        if not isinstance(n, Size):
            shape.append(n)
            continue
        terms = symbols.terms(n.values) or {}
        alone = next(iter(terms.items())) if len(terms) == 1 else ((), 0)
        shape.append(symbols.names[alone[0][0]] if alone[1] == 1 and len(alone[0]) == 1 else None)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(operand.dtype))
    return helper.make_tensor_value_info(name, kind, shape)
