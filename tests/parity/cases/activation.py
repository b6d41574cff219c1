"""Activations."""

from math import inf

import numpy as np

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw

PLAIN = ("Hardsigmoid", "Hardswish", "Mish", "ReLU", "ReLU6", "SELU", "SiLU")
BARE = ("LogSigmoid", "Sigmoid", "Softsign", "Tanh", "Tanhshrink")
# PyTorch multiplies by 1/6 as a float32.
PRECISION = {"Hardsigmoid": 1e-7, "hardsigmoid": 1e-7}
ALONG = ("LogSoftmax", "Softmax", "Softmin")


def some(draw: Draw, *, scale: float = 3.0):
    """Numbers on either side of every bend, and far from it."""
    shape = draw.choice([(), (5,), (2, 3), (2, 3, 4)])
    return np.asarray(scale * draw.array(*shape))


@modules(*BARE)
def bare(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase(inputs=(some(draw),))


@modules(*PLAIN)
def plain(draw: Draw, name: str) -> ModuleCase:
    inplace = draw.boolean()
    # PyTorch refuses to write into a leaf that requires a gradient: then the texts are compared.
    modes = () if inplace else ("train", "eval")
    return ModuleCase(
        options={"inplace": inplace},
        inputs=(some(draw),),
        modes=modes,
        tolerance=PRECISION.get(name, 1e-9),
    )


@modules("ELU", "CELU")
def exponential(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice([1.0, 0.5, 2.0]),), inputs=(some(draw),))


@modules("GELU")
def gelu(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice(["none", "tanh"]),), inputs=(some(draw),))


@modules("GLU")
def glu(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice([-1, 1, 2]),), inputs=(draw.array(3, 4, 2),))


@modules("Hardshrink", "Softshrink")
def shrink(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice([0.5, 0.0, 1.5]),), inputs=(some(draw),))


@modules("Hardtanh")
def hardtanh(draw: Draw, name: str) -> ModuleCase:
    bounds = draw.choice([(-1.0, 1.0), (-2.0, 0.5)])
    return ModuleCase(bounds, inputs=(some(draw),))


@modules("LeakyReLU")
def leaky(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice([0.01, 0.2, 0.0, 1.5, -0.5]),), inputs=(some(draw),))


@modules("PReLU")
def prelu(draw: Draw, name: str) -> ModuleCase:
    several = draw.boolean()
    shape = draw.choice([(2, 3), (2, 3, 4), (1, 3, 2, 2)])
    return ModuleCase((3 if several else 1,), inputs=(draw.array(*shape),))


@modules("RReLU")
def rrelu(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase(draw.choice([(), (0.1, 0.9)]), inputs=(some(draw),), modes=("eval",))


@modules(*ALONG)
def along(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice([-1, 0, 1]),), inputs=(3 * draw.array(2, 3, 4),))


@modules("Softmax2d")
def softmax2d(draw: Draw, name: str) -> ModuleCase:
    shape = draw.choice([(2, 3, 4, 2), (3, 4, 2)])
    return ModuleCase(inputs=(draw.array(*shape),))


@modules("Softplus")
def softplus(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase(draw.choice([(), (2.0,), (0.5, 2.0)]), inputs=(some(draw, scale=10.0),))


@modules("Threshold")
def threshold(draw: Draw, name: str) -> ModuleCase:
    return ModuleCase((draw.choice([0.0, 0.5]), draw.choice([0.0, -2.0])), inputs=(some(draw),))


@functions(
    "sigmoid",
    "tanh",
    "tanhshrink",
    "softsign",
    "logsigmoid",
    "relu",
    "relu6",
    "hardsigmoid",
    "hardswish",
    "selu",
    "silu",
    "mish",
)
def unary(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((some(draw),), tolerance=PRECISION.get(name, 1e-9))


@functions("celu", "elu", "leaky_relu", "hardshrink", "softshrink", "softplus")
def with_number(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((some(draw), draw.choice([0.5, 1.0, 2.0])))


@functions("gelu")
def gelu_function(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((some(draw),), {"approximate": draw.choice(["none", "tanh"])})


@functions("glu", "softmax", "softmin", "log_softmax")
def with_axis(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((draw.array(2, 4, 2),), {"dim": draw.choice([-1, 0, 1])})


@functions("hardtanh")
def hardtanh_function(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((some(draw), *draw.choice([(), (-2.0, 0.5), (-inf, 1.0)])))


@functions("threshold")
def threshold_function(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((some(draw), draw.choice([0.0, 0.5]), -1.5))


@functions("prelu")
def prelu_function(draw: Draw, name: str) -> FunctionCase:
    shape = draw.choice([(2, 3), (2, 3, 4)])
    return FunctionCase((draw.array(*shape), draw.array(draw.choice([1, 3]))))


@functions("rrelu")
def rrelu_function(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((some(draw),), {"training": False})
