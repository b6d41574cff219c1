"""Large Jacobians: 1e3 to 1e6 elements, or 1e6 inputs, with one of them wrong."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, draws

C = Category("large Jacobians")


def spoilt(shape, at, factor):
    """Ones, but for one place."""
    out = np.ones(shape)
    out[at] = factor
    return out


def linear(rows, columns, seed):
    a = draws(seed, rows, columns)
    x = draws(seed + 1, columns)
    return a, x


for rows, columns, seed in ((30, 40, 21), (128, 128, 23), (300, 200, 25), (1000, 1000, 27)):
    a, x = linear(rows, columns, seed)
    at = (rows // 3, columns // 2)
    off = a * spoilt(a.shape, at, 1.01)
    name = f"tanh of a linear map, {rows} x {columns}"
    C.right(name, lambda x, a=a: np.tanh(a @ x / 10),
            lambda x, c, a=a: a.T @ (c * (1 - np.tanh(a @ x / 10) ** 2)) / 10, x)  # fmt: skip
    C.wrong(f"{name}, 1 % in one element", lambda x, a=a: np.tanh(a @ x / 10),
            lambda x, c, a=a, off=off: off.T @ (c * (1 - np.tanh(a @ x / 10) ** 2)) / 10, x,
            why="one element of the Jacobian is 1 % off")  # fmt: skip

A, X = linear(200, 150, 31)
ROW = A.copy()
ROW[77] *= 1.01
SWAPPED = A.copy()
SWAPPED[[5, 6]] = A[[6, 5]]
SEVERAL = A.copy()
SEVERAL[[3, 90, 150], [7, 70, 149]] *= 0.97
SLIGHT = A * spoilt(A.shape, np.unravel_index(np.abs(A).argmax(), A.shape), 1.0001)
for name, off in (
    ("one row 1 % off", ROW), ("two rows swapped", SWAPPED), ("three elements 3 % off", SEVERAL),
    ("the largest element 1e-4 off", SLIGHT), ("all 1e-4 off", A * 1.0001),
):  # fmt: skip
    C.wrong(f"linear map, 200 x 150, {name}", lambda x: A @ x, lambda x, c, off=off: off.T @ c, X,
            why=name)  # fmt: skip
C.right("linear map, 200 x 150", lambda x: A @ x, lambda x, c: A.T @ c, X)

MANY = 1.5 + draws(33, 1_000_000).clip(-1, 1)
C.right("sum of squares of 1e6 numbers", lambda x: (x * x).sum(), lambda x: 2 * x, MANY)
C.wrong("sum of squares of 1e6 numbers, 1 % in one", lambda x: (x * x).sum(),
        lambda x: 2 * x * spoilt(x.shape, 654_321, 1.01), MANY,
        why="one element is 1 % off")  # fmt: skip
C.wrong("sum of squares of 1e6 numbers, one 0", lambda x: (x * x).sum(),
        lambda x: 2 * x * spoilt(x.shape, 0, 0.0), MANY, why="the first is 0")  # fmt: skip
C.right("exp of 1e5 numbers, each", np.exp, lambda x, c: c * np.exp(x), draws(34, 100_000))
C.wrong("exp of 1e5 numbers, each, 1 % in one", np.exp,
        lambda x, c: c * np.exp(x) * spoilt(x.shape, 31_415, 1.01), draws(34, 100_000),
        why="one element is 1 % off")  # fmt: skip
RELUS = np.where(np.arange(400) % 2, draws(35, 400), 0.0)
C.kink("relu of 400, half of them 0", lambda x: np.maximum(x, 0), lambda x, c: c * (x > 0), RELUS,
       why="200 elements are at the kink")  # fmt: skip
C.wrong("relu of 400, half of them 0, one sign", lambda x: np.maximum(x, 0),
        lambda x, c: c * (x > 0) * spoilt(x.shape, int(RELUS.argmax()), -1.0), RELUS,
        why="an element away from the kink has the wrong sign")  # fmt: skip


def pooled(x):
    return x.reshape(-1, 4).max(1)


def pooled_grad(x, c):
    whole = x.reshape(-1, 4)
    return (np.eye(4)[whole.argmax(1)] * c[:, None]).ravel()


C.both("max pooling of 600", pooled, pooled_grad, draws(36, 600))
TIED = np.repeat(draws(37, 300), 2)
C.kink("max pooling of 600 in equal pairs", pooled, pooled_grad, TIED,
       why="each maximum is taken by two")  # fmt: skip


def attention(q, k, v):
    s = np.exp(q @ k.T / 4)
    return s / s.sum(1, keepdims=True) @ v


def attention_grad(q, k, v, c):
    s = np.exp(q @ k.T / 4)
    p = s / s.sum(1, keepdims=True)
    dp = c @ v.T
    ds = p * (dp - (dp * p).sum(1, keepdims=True)) / 4
    return ds @ k, ds.T @ q, p.T @ c


QKV = [draws(38 + n, 16, 16) for n in range(3)]
C.right("attention of 16 x 16", attention, attention_grad, *QKV)
C.wrong("attention of 16 x 16, keys of the wrong side", attention,
        lambda q, k, v, c: (attention_grad(q, k, v, c)[0], attention_grad(q, k, v, c)[1].T,
                            attention_grad(q, k, v, c)[2]), *QKV, why="transposed")  # fmt: skip
SCALES = 10.0 ** np.linspace(-6, 6, 500)
C.right("500 numbers from 1e-6 to 1e6, logs", np.log, lambda x, c: c / x, SCALES)
C.wrong("500 numbers from 1e-6 to 1e6, logs, one 1 % off", np.log,
        lambda x, c: c / x * spoilt(x.shape, 444, 1.01), SCALES,
        why="a small slope of a large number is 1 % off")  # fmt: skip
C.both("convolution of 300 by 30", lambda x: np.convolve(np.sin(x), A[0, :30], "valid"),
       lambda x, c: np.cos(x) * np.convolve(c, A[0, :30][::-1], "full"),
       draws(42, 300))  # fmt: skip
CASES = C
