"""float32 and float16, and gradients whose dtype slipped."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, draws

COARSE = Category("float32 and float16")
SLIPS = Category("dtype slips")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def single(*values):
    return np.array(values, np.float32)


def half(*values):
    return np.array(values, np.float16)


def layer_norm(x):
    y = x - x.mean()
    return y / np.sqrt((y * y).mean() + x.dtype.type(1e-5))


def layer_norm_grad(x, c):
    y = x - x.mean()
    s = np.sqrt((y * y).mean() + x.dtype.type(1e-5))
    z = y / s
    return (c - c.mean() - z * (c * z).mean()) / s


X = single(-1.3, 0.2, 0.9, 2.4)
COARSE.both("sin in float32", np.sin, lambda x, c: c * np.cos(x), X)
COARSE.both("exp in float32", np.exp, lambda x, c: c * np.exp(x), X)
COARSE.both("tanh in float32", np.tanh, lambda x, c: c * (1 - np.tanh(x) ** 2), X)
COARSE.both("sigmoid in float32", sigmoid, lambda x, c: c * sigmoid(x) * sigmoid(-x), X)
COARSE.both("layer norm in float32", layer_norm, layer_norm_grad, X)
COARSE.both("sum of squares in float32", lambda x: (x * x).sum(), lambda x: 2 * x, X)
COARSE.both("log in float32 at 0.0001", np.log, lambda x: 1 / x, np.float32(1e-4))
COARSE.both("1/x in float32 at 0.001", lambda x: 1 / x, lambda x: -1 / (x * x), np.float32(1e-3))
COARSE.both("sqrt in float32 at 1e6", np.sqrt, lambda x: np.float32(0.5) / np.sqrt(x),
            np.float32(1e6))  # fmt: skip
W = draws(6, 3, 4).astype(np.float32)
COARSE.both("product of matrices in float32", lambda x, w: w @ x,
            lambda x, w, c: (w.T @ c, np.outer(c, x)), X, W)  # fmt: skip
COARSE.wrong("product of matrices in float32, one element", lambda x, w: w @ x,
             lambda x, w, c: ((w.T @ c) * single(1, 1, 1.02, 1), np.outer(c, x)), X, W,
             why="one element is 2 % off")  # fmt: skip
COARSE.right("mean of 1000 in float32", lambda x: x.mean(),
             lambda x: np.full(x.shape, 1 / 1000, np.float32),
             draws(7, 1000).astype(np.float32))  # fmt: skip
COARSE.both("square in float16", lambda x: x * x, lambda x, c: c * 2 * x, half(0.5, 1.25, -2.0),
            factor=1.5)  # fmt: skip
COARSE.both("exp in float16", np.exp, lambda x, c: c * np.exp(x), half(0.3, -1.1), factor=1.5)
COARSE.both("tanh in float16", np.tanh, lambda x, c: c * (1 - np.tanh(x) ** 2), half(0.3, -0.8),
            factor=-1.0)  # fmt: skip
COARSE.both("sum in float16", lambda x: x.sum(), np.ones_like,
            half(1.0, 2.5, -0.75, 3.0), factor=1.25)  # fmt: skip
COARSE.both("float32 and float64 together", lambda x, y: (np.float64(x) * y).sum(),
            lambda x, y: (y, np.float64(x)), X, draws(9, 4))  # fmt: skip

D = np.array([0.3, 1.7, -2.2])
SLIPS.right("gradient worked out in float32", np.sin,
            lambda x, c: np.float64(np.float32(c * np.cos(x))), D,
            why="3e-8 of itself is float32's rounding")  # fmt: skip
SLIPS.wrong("gradient rounded to float16", np.sin, lambda x, c: np.float16(c * np.cos(x)), D,
            why="1e-4 of itself is lost")  # fmt: skip
SLIPS.wrong("gradient truncated to integers", lambda x: (x**3).sum(),
            lambda x: (3 * x * x).astype(int), D, why="its digits are cut off")  # fmt: skip
SLIPS.wrong("floor division", lambda x: (x * x).sum() / 3, lambda x: 2 * x // 3, D,
            why="// was meant to be /")  # fmt: skip
SLIPS.wrong("cotangent truncated to integers", np.exp, lambda x, c: c.astype(int) * np.exp(x), D,
            why="right for cotangents of 0 and 1 only")  # fmt: skip
SLIPS.wrong("cotangent rounded to float16", np.exp,
            lambda x, c: c.astype(np.float16).astype(float) * np.exp(x), D,
            why="right for cotangents of few digits only")  # fmt: skip
SLIPS.wrong("a mask of small unsigned integers", lambda x: (x * np.array([1, 0, 1])).sum(),
            lambda x: -np.array([1, 0, 1], np.uint8), D, why="-1 is 255 in uint8")  # fmt: skip
SLIPS.wrong("cancellation in float32", lambda x: x.var(),
            lambda x: np.float64(2 * (np.float32(x) - np.float32(x).mean()) / np.float32(x.size)),
            1e4 + D, why="a mean of 1e4 leaves 1e-3 of rounding in float32")  # fmt: skip
SLIPS.wrong("constants of float16", lambda x: np.pi * x, lambda x, c: np.float64(np.float16(np.pi))
            * c, D, why="pi was stored in float16")  # fmt: skip
SLIPS.right("integers that are exact", lambda x: x.sum(), lambda x: np.ones(3, int), D,
            why="ones are ones in any dtype")  # fmt: skip
SLIPS.right("a mask as gradient", lambda x: np.maximum(x, 0).sum(), lambda x: x > 0, D,
            why="True counts as 1")  # fmt: skip
SLIPS.both("result in float32 of float64", lambda x: np.sin(x).astype(np.float32),
           lambda x, c: c * np.cos(x), D)  # fmt: skip
CASES = [*COARSE, *SLIPS]
