"""Converters of operations that work on one element at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_nn.onnx.graph import Graph
from tinygrad_nn.onnx.program import Call
from tinygrad_nn.onnx.registry import CONVERTERS, common_dtype, converter

__all__: list[str] = []

_BOOL = np.dtype(bool)

# Computed in the dtype of the result.
_PLAIN = {
    "abs": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin",
    "arcsinh": "Asinh", "arctan": "Atan", "arctanh": "Atanh", "ceil": "Ceil", "cos": "Cos",
    "cosh": "Cosh", "divide": "Div", "erf": "Erf", "exp": "Exp", "floor": "Floor", "log": "Log",
    "maximum": "Max", "minimum": "Min", "multiply": "Mul", "negative": "Neg", "pow": "Pow",
    "reciprocal": "Reciprocal", "relu": "Relu", "rint": "Round", "sigmoid": "Sigmoid",
    "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt", "subtract": "Sub", "tan": "Tan",
    "tanh": "Tanh",
    "alias": "Identity", "conj": "Identity", "copy": "Identity", "positive": "Identity",
    "real": "Identity", "_widened": "Identity", "_astype": "Identity", "_to_whole": "Identity",
}  # fmt: skip
# Computed in the common dtype of the arguments; the result is a bool.
_COMPARISONS = {
    "equal": "Equal", "greater": "Greater", "greater_equal": "GreaterOrEqual",
    "isinf": "IsInf", "isnan": "IsNaN", "less": "Less", "less_equal": "LessOrEqual",
}  # fmt: skip
# Of bools.
_LOGIC = {"logical_and": "And", "logical_not": "Not", "logical_or": "Or", "logical_xor": "Xor"}
_BITS = {
    "bitwise_and": ("And", "BitwiseAnd"),
    "bitwise_or": ("Or", "BitwiseOr"),
    "bitwise_xor": ("Xor", "BitwiseXor"),
    "invert": ("Not", "BitwiseNot"),
}


def given(g: Graph, call: Call, dtype: Any = None) -> list[str]:
    """Names of the arguments, in `dtype` or that of the result."""
    return [g.name(a, dtype or call.dtype) for a in call.args]


def _plain(g: Graph, call: Call) -> str:
    if len(call.args) == 2 and call.dtype == _BOOL:
        return g.node({"Add": "Or", "Mul": "And"}[_PLAIN[call.op.key]], *given(g, call))
    return g.node(_PLAIN[call.op.key], *given(g, call))


def _comparison(g: Graph, call: Call) -> str:
    dtype = common_dtype(call)
    if call.op.key in ("isnan", "isinf") and dtype.kind != "f":
        dtype = np.dtype(np.float32)
    if dtype == _BOOL and call.op.key != "equal":
        dtype = np.dtype(np.int32)
    return g.node(_COMPARISONS[call.op.key], *given(g, call, dtype))


def _logic(g: Graph, call: Call) -> str:
    return g.node(_LOGIC[call.op.key], *given(g, call, _BOOL))


def _bits(g: Graph, call: Call) -> str:
    of_bools, of_integers = _BITS[call.op.key]
    return g.node(of_bools if call.dtype == _BOOL else of_integers, *given(g, call))


for _keys, _convert in ((_PLAIN, _plain), (_COMPARISONS, _comparison), (_LOGIC, _logic),
                        (_BITS, _bits)):  # fmt: skip
    CONVERTERS.update(dict.fromkeys(_keys, _convert))


class Terms:
    """Formulas written short: `t("Mul", x, 2.0)` with numbers in the dtype of the result."""

    def __init__(self, g: Graph, call: Call, dtype: Any = None) -> None:
        self.g, self.dtype = g, dtype or call.dtype
        self.args = given(g, call, self.dtype)

    def __call__(self, kind: str, *parts: Any, **attributes: Any) -> str:
        names = [p if isinstance(p, str) else self.number(p) for p in parts]
        return self.g.node(kind, *names, **attributes)

    def number(self, value: float | int) -> str:
        """Name of a constant."""
        return self.g.constant(value, self.dtype)

    def log1p(self, x: str) -> str:
        """ln(1 + x), right for small x too: ln(u) x / (u - 1) with u = 1 + x (Kahan)."""
        u = self("Add", x, 1)
        less = self("Sub", u, 1)
        lost = self("Equal", less, 0)
        ratio = self("Div", self("Mul", self("Log", u), x), self("Where", lost, 1, less))
        ratio = self("Where", self("IsInf", u), u, ratio)
        return self("Where", lost, x, ratio)

    def expm1(self, x: str) -> str:
        """e^x - 1, right for small x too: 2 t / (1 - t) with t = tanh(x/2)."""
        t = self("Tanh", self("Mul", self("Min", self("Max", x, -1.0), 1.0), 0.5))
        near = self("Div", self("Mul", t, 2.0), self("Sub", 1.0, t))
        far = self("Sub", self("Exp", x), 1.0)
        return self("Where", self("Less", self("Abs", x), 0.5), near, far)

    def trunc(self, x: str) -> str:
        """Without what stands behind the point."""
        return self("Mul", self("Sign", x), self("Floor", self("Abs", x)))

    def softplus(self, x: str) -> str:
        """ln(1 + e^x) without overflow."""
        return self("Add", self("Max", x, 0.0), self.log1p(self.minus_size(x)))

    def minus_size(self, x: str) -> str:
        """e^-|x|."""
        return self("Exp", self("Neg", self("Abs", x)))


_FORMULAS: dict[str, Any] = {
    "square": lambda t, x: t("Mul", x, x),
    "exp2": lambda t, x: t("Pow", 2, x),
    "expm1": lambda t, x: t.expm1(x),
    "log1p": lambda t, x: t.log1p(x),
    "log2": lambda t, x: t("Div", t("Log", x), math.log(2)),
    "log10": lambda t, x: t("Div", t("Log", x), math.log(10)),
    "cbrt": lambda t, x: t("Mul", t("Sign", x), t("Pow", t("Abs", x), 1 / 3)),
    "trunc": lambda t, x: t.trunc(x),
    "deg2rad": lambda t, x: t("Mul", x, math.pi / 180),
    "rad2deg": lambda t, x: t("Mul", x, 180 / math.pi),
    "hypot": lambda t, a, b: t("Sqrt", t("Add", t("Mul", a, a), t("Mul", b, b))),
    "erfc": lambda t, x: t("Sub", 1, t("Erf", x)),
    "ndtr": lambda t, x: t("Mul", 0.5, t("Add", 1, t("Erf", t("Mul", x, math.sqrt(0.5))))),
    "logit": lambda t, p: t("Log", t("Div", p, t("Sub", 1, p))),
    "no_gradient": lambda t, x: t("Mul", x, 0),
    "ldexp": lambda t, x, i: t("Mul", x, t("Pow", 2, i)),
    "_clamp": lambda t, x, low, high: t("Min", t("Max", x, low), high),
    "heaviside": lambda t, x, h: t(
        "Where", t("Equal", x, 0), h, t("Where", t("Greater", x, 0), 1, 0)
    ),
}


def _formula(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    return str(_FORMULAS[call.op.key](t, *t.args))


CONVERTERS.update(dict.fromkeys(_FORMULAS, _formula))


@converter("floor_divide", "remainder", "fmod")
def _division(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    a, b = t.args
    if call.op.key == "fmod":
        return g.node("Mod", a, b, fmod=1)
    if call.dtype.kind != "f":
        rest = g.node("Mod", a, b, fmod=0)  # of integers it has the sign of b
        return rest if call.op.key == "remainder" else t("Div", t("Sub", a, rest), b)
    quotient = t("Floor", t("Div", a, b))
    return quotient if call.op.key == "floor_divide" else t("Sub", a, t("Mul", quotient, b))


@converter("round")
def _round(g: Graph, call: Call) -> str:
    t, scale = Terms(g, call), 10.0 ** call.params["decimals"]
    return t("Div", t("Round", t("Mul", t.args[0], scale)), scale)


@converter("not_equal")
def _not_equal(g: Graph, call: Call) -> str:
    return g.node("Not", g.node("Equal", *given(g, call, common_dtype(call))))


@converter("isfinite", "isposinf", "isneginf")
def _finite(g: Graph, call: Call) -> str:
    x = g.name(call.args[0], call.args[0].dtype if call.args[0].dtype.kind == "f" else "float32")
    if call.op.key != "isfinite":
        up = call.op.key == "isposinf"
        return g.node("IsInf", x, detect_negative=int(not up), detect_positive=int(up))
    return g.node("Not", g.node("Or", g.node("IsNaN", x), g.node("IsInf", x)))


@converter("isclose")
def _isclose(g: Graph, call: Call) -> str:
    t = Terms(g, call, np.result_type(common_dtype(call), np.float32))
    a, b = t.args
    room = t("Add", t("Mul", t("Abs", b), call.params["rtol"]), call.params["atol"])
    near = t("LessOrEqual", t("Abs", t("Sub", a, b)), room)
    close = g.node("Or", g.node("Equal", a, b), g.node("And", near, g.node("Not", t("IsInf", b))))
    if not call.params["equal_nan"]:
        return close
    return g.node("Or", close, g.node("And", t("IsNaN", a), t("IsNaN", b)))


@converter("masked")
def _masked(g: Graph, call: Call) -> str:
    x, mask = call.args
    return g.node("Where", g.name(mask, _BOOL), g.name(x, call.dtype), g.like(0, call))


@converter("thin")
def _thin(g: Graph, call: Call) -> str:
    scaled = g.node("Mul", g.name(call.args[0], call.dtype), g.like(call.params["scale"], call))
    return g.node("Where", g.name(call.args[1], _BOOL), scaled, g.like(0, call))


@converter("where")
def _where(g: Graph, call: Call) -> str:
    condition, a, b = call.args
    return g.node("Where", g.name(condition, _BOOL), g.name(a, call.dtype), g.name(b, call.dtype))


@converter("fmax", "fmin")
def _without_nan(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    a, b = t.args
    best = t("Max" if call.op.key == "fmax" else "Min", a, b)
    return t("Where", t("IsNaN", a), b, t("Where", t("IsNaN", b), a, best))


@converter("nan_to_num")
def _nan_to_num(g: Graph, call: Call) -> str:
    t, p, info = Terms(g, call), call.params, np.finfo(call.dtype)
    top = float(info.max) if p["posinf"] is None else p["posinf"]
    bottom = float(info.min) if p["neginf"] is None else p["neginf"]
    x = t.args[0]
    found = t("Where", t("IsNaN", x), p["nan"], x)
    found = t("Where", t("IsInf", x, detect_negative=0), top, found)
    return t("Where", t("IsInf", x, detect_positive=0), bottom, found)


@converter("logaddexp", "logaddexp2")
def _logaddexp(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    unit = math.log(2) if call.op.key == "logaddexp2" else 1.0
    a, b = (t("Mul", x, unit) for x in t.args)
    total = t("Add", t("Max", a, b), t.log1p(t.minus_size(t("Sub", a, b))))
    return t("Div", total, unit)


@converter("arctan2")
def _arctan2(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    y, x = t.args
    upright = t("Equal", x, 0)
    angle = t("Atan", t("Div", y, t("Where", upright, 1, x)))
    half = t("Where", t("Less", y, 0), -math.pi, math.pi)
    turned = t("Where", t("Less", x, 0), t("Add", angle, half), angle)
    return t("Where", upright, t("Mul", t("Sign", y), math.pi / 2), turned)


@converter("sinc")
def _sinc(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    zero = t("Equal", t.args[0], 0)
    angle = t("Where", zero, 1, t("Mul", t.args[0], math.pi))
    return t("Where", zero, 1, t("Div", t("Sin", angle), angle))


@converter("xlogy", "xlog1py", "entr")
def _xlogy(g: Graph, call: Call) -> str:
    t = Terms(g, call)
    x, y = t.args[0], t.args[-1]
    zero = t("Equal", x, 0)
    safe = t("Where", zero, 1, y)
    log = t.log1p(safe) if call.op.key == "xlog1py" else t("Log", safe)
    found = t("Where", zero, 0, t("Mul", x, log))
    return t("Neg", found) if call.op.key == "entr" else found


@converter("nearest_cell")
def _nearest_cell(g: Graph, call: Call) -> str:
    t = Terms(g, call, call.args[0].dtype)
    low, high = call.params["low"], call.params["high"]
    x = t("Where", t("IsNaN", t.args[0]), float(low), t.args[0])
    return g.cast(t("Min", t("Max", x, float(low)), float(high)), t.dtype, call.dtype)


_WITHIN = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


@converter("neuron")
def _neuron(g: Graph, call: Call) -> str:
    names = given(g, call)
    count = len(names) // 2
    total = names[-1]
    for w, x in zip(names[:count], names[count:-1], strict=True):
        total = g.node("Add", total, g.node("Mul", w, x))
    within = call.params["activation"]
    return total if within == "linear" else g.node(_WITHIN[within], total)
