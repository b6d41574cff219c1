"""Distances and angles as functions; their modules are in cases/vision.py."""

from tests.parity.case import FunctionCase, functions
from tests.parity.draws import Draw


@functions("cosine_similarity")
def cosine(draw: Draw, name: str) -> FunctionCase:
    first, second = draw.choice([((3, 4), (3, 4)), ((2, 3, 4), (1, 3, 4)), ((4,), (2, 4))])
    dim = draw.choice([-1, *([1] if len(first) > 1 and len(second) > 1 else [])])
    return FunctionCase((draw.array(*first), draw.array(*second)), {"dim": dim})


@functions("pairwise_distance")
def pairwise(draw: Draw, name: str) -> FunctionCase:
    first, second = draw.choice([((3, 4), (3, 4)), ((2, 3, 4), (3, 4)), ((4,), (4,))])
    options = {"p": draw.choice([1.0, 2.0, 3.5]), "keepdim": draw.boolean()}
    return FunctionCase((draw.array(*first), draw.array(*second)), options)


@functions("pdist")
def pdist(draw: Draw, name: str) -> FunctionCase:
    return FunctionCase((draw.array(draw.integer(2, 5), 3), draw.choice([1.0, 2.0, 3.0])))
