"""Converters of activation functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_nn.onnx.elementwise import Terms
from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call
from tinygrad_nn.onnx.registry import CONVERTERS, converter

__all__: list[str] = []

_GELU_SINCE = 20

_FORMULAS: dict[str, Any] = {
    "logsigmoid": lambda t, x: t("Sub", t("Min", x, 0), t.log1p(t.minus_size(x))),
    "silu": lambda t, x: t("Mul", x, t("Sigmoid", x)),
    "mish": lambda t, x: t("Mul", x, t("Tanh", t.softplus(x))),
    "softsign": lambda t, x: t("Div", x, t("Add", t("Abs", x), 1)),
    "tanhshrink": lambda t, x: t("Sub", x, t("Tanh", x)),
}


def _formula(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    return str(_FORMULAS[call.op.key](t, *t.args))


CONVERTERS.update(dict.fromkeys(_FORMULAS, _formula))


@converter("step")
def _step(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    above = t("GreaterOrEqual", t.args[0], call.params["threshold"])
    return t("Where", above, 1, 0)


@converter("leaky_relu")
def _leaky_relu(g: Graph, call: Call) -> str:
    return g.node(
        "LeakyRelu", g.name(call.args[0], call.dtype), alpha=float(call.params["negative_slope"])
    )


@converter("hardtanh")
def _hardtanh(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    return t("Min", t("Max", t.args[0], call.params["min_val"]), call.params["max_val"])


@converter("softshrink")
def _softshrink(g: Graph, call: Call) -> str:
    t, lambd = Terms(g, call), call.params["lambd"]
    return t("Sub", t.args[0], t("Min", t("Max", t.args[0], -lambd), lambd))


@converter("elu", "selu", "celu")
def _elu(g: Graph, call: Call) -> str:
    alpha = call.params.get("alpha", 1.0)
    x = g.name(call.args[0], call.dtype)
    if call.op.key == "selu":
        return g.node("Selu", x)
    if call.op.key == "elu":
        return g.node("Elu", x, alpha=float(alpha))
    t = Terms(g, call)
    below = t("Mul", t.expm1(t("Div", t("Min", x, 0), alpha)), alpha)
    return t("Where", t("Greater", x, 0), x, below)


@converter("softplus")
def _softplus(g: Graph, call: Call) -> str:
    beta, threshold = call.params["beta"], call.params["threshold"]
    t = Terms(g, call)
    x = t.args[0]
    z = x if beta == 1 else t("Mul", x, beta)
    y = t("Div", t.softplus(z), beta) if beta != 1 else g.node("Softplus", z)
    return y if threshold == math.inf else t("Where", t("Greater", z, threshold), x, y)


@converter("gelu")
def _gelu(g: Graph, call: Call) -> str:
    approximate = call.params["approximate"]
    t = Terms(g, call)
    x = t.args[0]
    # ONNX Runtime's is of the precision of float32.
    if g.opset >= _GELU_SINCE and call.dtype != np.float64:
        return g.node("Gelu", x, approximate=approximate)
    if approximate == "none":
        return t("Mul", x, t("Mul", 0.5, t("Add", 1, t("Erf", t("Mul", x, math.sqrt(0.5))))))
    cube = t("Mul", t("Mul", t("Mul", x, x), x), 0.044715)
    inner = t("Tanh", t("Mul", t("Add", x, cube), math.sqrt(2 / math.pi)))
    return t("Mul", t("Mul", x, 0.5), t("Add", inner, 1))
