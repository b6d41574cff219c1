"""Tables of vectors."""

from typing import Any

import numpy as np

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw


def _options(draw: Draw, rows: int) -> dict[str, Any]:
    return {
        "padding_idx": draw.choice([None, 0, rows - 1, -1, -rows]),
        "max_norm": draw.choice([None, None, 0.5, 3.0]),
        "norm_type": draw.choice([2.0, 1.0, 3.0]),
        "scale_grad_by_freq": draw.boolean(),
    }


@modules("Embedding")
def embedding(draw: Draw, name: str) -> ModuleCase:
    rows, width = draw.integer(1, 6), draw.integer(1, 4)
    shape = draw.choice([(), (3,), (2, 3), (2, 1, 3), (0,)])
    index = draw.integers(*shape, high=rows - 1)
    return ModuleCase((rows, width), _options(draw, rows), (index,))


@functions("embedding")
def embedding_function(draw: Draw, name: str) -> FunctionCase:
    rows = draw.integer(1, 6)
    options = _options(draw, rows)
    return FunctionCase((draw.integers(2, 3, high=rows - 1), draw.array(rows, 3)), options)


def _bags(draw: Draw, rows: int) -> tuple[tuple[Any, ...], bool]:
    """Numbers, offsets or None; whether the offsets end with the number of numbers."""
    if draw.boolean():
        return (draw.integers(draw.integer(1, 3), draw.integer(1, 4), high=rows - 1), None), False
    count, last = draw.integer(1, 6), draw.boolean()
    inner = np.sort(draw.integers(draw.integer(0, 3), high=count))
    offsets = np.concatenate([[0], inner, [count] if last else []]).astype(np.int64)
    return (draw.integers(count, high=rows - 1), offsets), last


def _bag_case(draw: Draw, rows: int) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    inputs, last = _bags(draw, rows)
    mode = draw.choice(["mean", "sum", "max"])
    # PyTorch's CPU kernel divides by the counts of other numbers: tests/nn/test_embedding.py.
    options = {**_options(draw, rows), "scale_grad_by_freq": False}
    weights = draw.array(*inputs[0].shape) if mode == "sum" and draw.boolean() else None
    return inputs, {**options, "mode": mode, "include_last_offset": last}, weights


@modules("EmbeddingBag")
def embedding_bag(draw: Draw, name: str) -> ModuleCase:
    rows, width = draw.integer(1, 6), draw.integer(1, 4)
    inputs, options, weights = _bag_case(draw, rows)
    return ModuleCase((rows, width), options, (*inputs, weights))


@functions("embedding_bag")
def embedding_bag_function(draw: Draw, name: str) -> FunctionCase:
    rows = draw.integer(1, 6)
    (index, offsets), options, weights = _bag_case(draw, rows)
    options["per_sample_weights"] = weights
    return FunctionCase((index, draw.array(rows, 3), offsets), options)
