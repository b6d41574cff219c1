"""Every registered operation can be drawn: nothing here names one."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.ops.case import Case, active
from tests.ops.draws import SeededDraw
from tests.viz.pictures import read
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.op import OPS, Op
from tinygrad_nn.viz import draw

SEEDS = range(1)


@pytest.mark.parametrize("record", list(OPS.values()), ids=lambda r: r.key)
def test_every_operation_can_be_drawn(record: Op):
    for seed in SEEDS:
        case = Case(record, record.sample(SeededDraw(seed)))
        for y in case.call(active(case.floats)):
            if not isinstance(y, Node) or y.op is None or y._data.dtype.kind != "f":
                continue
            with np.errstate(all="ignore"):
                loss = tg.sum(y * y)
            drawing = draw(loss, backward=True, engine="own")
            p = read(drawing.svg)
            assert sum(p.nodes.values()) == len(drawing.trace.records)
            assert len(p.boxes) <= 2 * 300
            assert all(
                r.gradient is None or r.gradient.shape == r.value.shape
                for r in drawing.trace.records
            )
            assert drawing.text
            assert drawing.dot
