"""Plateaus: where functions hardly change, or not at all."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.testing.corpus.case import Category, always

C = Category("plateaus")


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def bell(x):
    """Slope of erf."""
    return 2 / np.sqrt(np.pi) * np.exp(-x * x)


C.both("exp(-1/x^2) at 0.05", lambda x: np.exp(-1 / x**2), lambda x: 2 / x**3 * np.exp(-1 / x**2),
       0.05)  # fmt: skip
C.right("1 + exp(-1/x^2) at 0.05", lambda x: 1 + np.exp(-1 / x**2), always(0.0), 0.05,
        why="the slope of 1e-169 is nothing beside 1")  # fmt: skip
C.wrong("1 + exp(-1/x^2) at 0.05, 0.001", lambda x: 1 + np.exp(-1 / x**2), always(1e-3), 0.05,
        why="the slope is 1e-169")  # fmt: skip
C.right("tanh at 20", np.tanh, lambda x: 1 / np.cosh(x) ** 2, 20.0)
C.wrong("tanh at 20, 0.01", np.tanh, always(0.01), 20.0, why="the slope is 2e-17")
C.both("tanh at 3", np.tanh, lambda x: 1 / np.cosh(x) ** 2, 3.0)
C.right("sigmoid at 40", sigmoid, lambda x: sigmoid(x) * sigmoid(-x), 40.0)
C.both("sigmoid at -40", sigmoid, lambda x: sigmoid(x) * sigmoid(-x), -40.0)
C.wrong("sigmoid at -40, 0", sigmoid, always(0.0), -40.0,
        why="the slope of 4e-18 is as large as the function")  # fmt: skip
C.right("erf at 6", special.erf, bell, 6.0)
C.both("erfc at 10", special.erfc, lambda x: -bell(x), 10.0)
C.both("log of the normal tail at -20", special.log_ndtr, lambda x: np.exp(
    -x * x / 2 - special.log_ndtr(x)) / np.sqrt(2 * np.pi), -20.0)  # fmt: skip
C.both("softplus at -30", lambda x: np.logaddexp(0, x), sigmoid, -30.0)
C.right("floor at 0.5", np.floor, always(0.0), 0.5, why="flat between jumps")
C.wrong("floor at 0.5, straight through", np.floor, always(1.0), 0.5, why="flat between jumps")
C.wrong("steps of 1/4 at 0.6, straight through", lambda x: np.floor(4 * x) / 4, always(1.0), 0.6,
        why="flat between jumps")  # fmt: skip
C.right("sign at 0.3", np.sign, always(0.0), 0.3, why="flat away from 0")
C.wrong("sign at 0.3, straight through", np.sign, always(1.0), 0.3, why="flat away from 0")
C.right("sign at 1e-9", np.sign, always(0.0), 1e-9, why="flat away from 0")
C.right("constant", lambda x: np.float64(3.0), always(0.0), 1.0, why="a constant")
C.wrong("constant, 0.001", lambda x: np.float64(3.0), always(1e-3), 1.0, why="a constant")
C.wrong("constant, nan", lambda x: np.float64(3.0), always(np.nan), 1.0, why="the slope is 0")
C.right("clip beyond its end", lambda x: np.clip(x, -1, 1), always(0.0), 1.5, why="flat there")
C.wrong("clip beyond its end, passed on", lambda x: np.clip(x, -1, 1), always(1.0), 1.5,
        why="flat there")  # fmt: skip
C.right("x^10 at 0", lambda x: x**10, always(0.0), 0.0)
C.wrong("x^10 at 0, 0.001", lambda x: x**10, always(1e-3), 0.0, why="the slope is 0")
C.right("cos at 0", np.cos, always(0.0), 0.0)
C.wrong("cos at 0, 1e-4", np.cos, always(1e-4), 0.0, why="the slope is 0")
C.right("x^3 at 0", lambda x: x**3, always(0.0), 0.0)
C.wrong("x^3 at 0, 1e-5", lambda x: x**3, always(1e-5), 0.0, why="the slope is 0")
C.right("minimum of a parabola", lambda x: (x - 3) ** 2, lambda x: 2 * (x - 3), 3.0)
C.wrong("minimum of a parabola, 1e-6", lambda x: (x - 3) ** 2, always(1e-6), 3.0,
        why="the slope is 0")  # fmt: skip
C.both("gaussian at 8", lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x), 8.0)
C.wrong("gaussian at 8, 0", lambda x: np.exp(-x * x), always(0.0), 8.0,
        why="the slope of -3e-27 is 16 times the function")  # fmt: skip


def saturated(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def saturated_grad(x, c):
    p = saturated(x)
    return p * (c - (p * c).sum())


C.both("softmax of 30, 0, -30", saturated, saturated_grad, np.array([30.0, 0.0, -30.0]))
C.right("a dead layer", lambda x: np.maximum(x - 5, 0).sum(), lambda x: (x > 5) * 1.0,
        np.array([0.1, 2.0, -3.0]), why="all units are off")  # fmt: skip
C.wrong("a dead layer, one element", lambda x: np.maximum(x - 5, 0).sum(),
        lambda x: np.array([0.0, 1e-3, 0.0]), np.array([0.1, 2.0, -3.0]),
        why="all units are off")  # fmt: skip
C.both("a slope of 1e-9", lambda x: 1e-9 * np.sin(x), lambda x: 1e-9 * np.cos(x), 0.4)
C.wrong("a slope of 1e-9, 0", lambda x: 1e-9 * np.sin(x), always(0.0), 0.4,
        why="small as it is, the function has no other scale")  # fmt: skip
CASES = C
