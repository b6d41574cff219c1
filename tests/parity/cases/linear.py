"""Linear layers."""

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw


@modules("Linear")
def linear(draw: Draw, name: str) -> ModuleCase:
    inputs, outputs = draw.integer(1, 4), draw.integer(1, 4)
    batch = draw.choice([(), (1,), (3,), (2, 3)])
    return ModuleCase((inputs, outputs), {"bias": draw.boolean()}, (draw.array(*batch, inputs),))


@functions("linear")
def linear_function(draw: Draw, name: str) -> FunctionCase:
    x, weight = draw.array(2, 3), draw.array(4, 3)
    return FunctionCase((x, weight, draw.array(4)) if draw.boolean() else (x, weight))


@functions("one_hot")
def one_hot(draw: Draw, name: str) -> FunctionCase:
    classes = draw.choice([-1, 4])
    return FunctionCase((draw.integers(2, 3, high=3), classes))


@modules("Bilinear")
def bilinear(draw: Draw, name: str) -> ModuleCase:
    a, b, outputs = (draw.integer(1, 4) for _ in range(3))
    batch = draw.choice([(1,), (3,), (2, 3), (0,)])
    inputs = draw.array(*batch, a), draw.array(*batch, b)
    return ModuleCase((a, b, outputs), {"bias": draw.boolean()}, inputs)


@functions("bilinear")
def bilinear_function(draw: Draw, name: str) -> FunctionCase:
    batch = draw.choice([(1,), (3,), (2, 3)])
    args = (draw.array(*batch, 2), draw.array(*batch, 3), draw.array(4, 2, 3))
    return FunctionCase((*args, draw.array(4)) if draw.boolean() else args)
