"""Rules as they are written wrong: each beside the one that is right."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, draws

C = Category("usual mistakes")
X, Y, W = draws(1, 3, 4), draws(2, 3, 4), draws(3, 4, 4)
V, B = draws(4, 5), draws(5, 4)


def pair(name, f, right, mistakes, *inputs):
    """The right rule, and each wrong one with what is wrong about it."""
    C.right(name, f, right, *inputs)
    for why, rule in mistakes.items():
        C.wrong(f"{name}: {why}", f, rule, *inputs, why=why)


pair(
    "matrix product", lambda a, b: a @ b, lambda a, b, c: (c @ b.T, a.T @ c),
    {
        "transposed": lambda a, b, c: (c @ b, a.T @ c),
        "both transposed": lambda a, b, c: ((b @ c.T), (c.T @ a)),
        "one sign": lambda a, b, c: (c @ b.T, -(a.T @ c)),
        "second term lost": lambda a, b, c: (c @ b.T, np.zeros_like(b)),
        "1e-4 off": lambda a, b, c: (c @ b.T, 1.0001 * (a.T @ c)),
    }, draws(6, 4, 4), W,
)  # fmt: skip
pair(
    "sum of a row and a matrix", lambda x, b: np.tanh(x + b),
    lambda x, b, c: (c * (1 - np.tanh(x + b) ** 2), (c * (1 - np.tanh(x + b) ** 2)).sum(0)),
    {
        "mean for sum": lambda x, b, c: (
            c * (1 - np.tanh(x + b) ** 2), (c * (1 - np.tanh(x + b) ** 2)).mean(0)),
        "not summed over the broadcast axis": lambda x, b, c: (
            c * (1 - np.tanh(x + b) ** 2), (c * (1 - np.tanh(x + b) ** 2))[0]),
        "of the wrong shape": lambda x, b, c: (
            c * (1 - np.tanh(x + b) ** 2), c * (1 - np.tanh(x + b) ** 2)),
    }, X, B,
)  # fmt: skip
pair(
    "quotient", lambda x, y: x / y, lambda x, y, c: (c / y, -c * x / y**2),
    {
        "sign": lambda x, y, c: (c / y, c * x / y**2),
        "power": lambda x, y, c: (c / y, -c * x / y),
        "inputs swapped": lambda x, y, c: (-c * x / y**2, c / y),
    }, X, 2 + np.abs(Y),
)  # fmt: skip
pair(
    "product rule", lambda x: x * np.exp(x), lambda x, c: c * (1 + x) * np.exp(x),
    {
        "second term lost": lambda x, c: c * np.exp(x),
        "inner derivative lost": lambda x, c: c * (1 + x),
        "1 % in one element": lambda x, c: c * (1 + x) * np.exp(x) * [1, 1, 1.01, 1, 1],
        "1e-4 in one element": lambda x, c: c * (1 + x) * np.exp(x) * [1, 1, 1, 1, 1.0001],
    }, V,
)  # fmt: skip


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_grad(x, c):
    p = softmax(x)
    return p * (c - (p * c).sum(-1, keepdims=True))


def wrong_axis(x, c):
    p = softmax(x)
    return p * (c - (p * c).sum(0, keepdims=True))


pair(
    "softmax", softmax, softmax_grad,
    {
        "only the diagonal": lambda x, c: softmax(x) * (1 - softmax(x)) * c,
        "without the sum": lambda x, c: softmax(x) * c,
        "sum along the wrong axis": wrong_axis,
    }, X,
)  # fmt: skip


def norm(x):
    y = x - x.mean()
    return y / np.sqrt((y * y).mean())


def norm_grad(x, c, mean=1.0, scale=1.0):
    y = x - x.mean()
    s = np.sqrt((y * y).mean())
    z = y / s
    return (c - mean * c.mean() - scale * z * (c * z).mean()) / s


pair(
    "normalisation", norm, norm_grad,
    {
        "mean taken as constant": lambda x, c: norm_grad(x, c, mean=0.0),
        "variance taken as constant": lambda x, c: norm_grad(x, c, scale=0.0),
        "n - 1 for n": lambda x, c: norm_grad(x, c, scale=1.25),
    }, V,
)  # fmt: skip
pair(
    "cumulative sum", np.cumsum, lambda x, c: np.cumsum(c[::-1])[::-1],
    {"not reversed": lambda x, c: np.cumsum(c)}, V,
)  # fmt: skip
ORDER = np.array([2, 0, 4, 1, 3])
pair(
    "permutation", lambda x: x[ORDER] ** 2, lambda x, c: 2 * x * c[np.argsort(ORDER)],
    {"not inverted": lambda x, c: 2 * x * c[ORDER]}, V,
)  # fmt: skip
REPEATED = np.array([0, 2, 2, 1, 2])


def scattered(x, c):
    out = np.zeros_like(x)
    np.add.at(out, REPEATED, c)
    return out


def overwritten(x, c):
    out = np.zeros_like(x)
    out[REPEATED] += c
    return out


pair("indexing with repeats", lambda x: x[REPEATED], scattered,
     {"the last one wins": overwritten}, V)  # fmt: skip
pair(
    "roll", lambda x: np.roll(x, 1) ** 3, lambda x, c: np.roll(c, -1) * 3 * x**2,
    {"the wrong way": lambda x, c: np.roll(c, 1) * 3 * x**2}, V,
)  # fmt: skip
KERNEL = np.array([1.0, -2.0, 0.5])
pair(
    "convolution", lambda x: np.convolve(x, KERNEL, "valid"),
    lambda x, c: np.convolve(c, KERNEL[::-1], "full"),
    {"kernel not flipped": lambda x, c: np.convolve(c, KERNEL, "full")}, V,
)  # fmt: skip
pair(
    "outer product", np.outer, lambda a, b, c: (c @ b, c.T @ a),
    {"1 % in the second": lambda a, b, c: (c @ b, 1.01 * c.T @ a)}, V, B,
)  # fmt: skip
pair(
    "power", lambda x, y: x**y, lambda x, y, c: (c * y * x ** (y - 1), c * x**y * np.log(x)),
    {
        "exponent not lowered": lambda x, y, c: (c * y * x**y, c * x**y * np.log(x)),
        "log lost": lambda x, y, c: (c * y * x ** (y - 1), c * x**y),
    }, 0.5 + np.abs(V), draws(9, 5),
)  # fmt: skip
pair(
    "standard deviation", lambda x: x.std(ddof=1), lambda x: (x - x.mean()) / x.std(ddof=1) / 4,
    {
        "n for n - 1": lambda x: (x - x.mean()) / x.std(ddof=1) / 5,
        "of the biased one": lambda x: (x - x.mean()) / x.std() / 4,
        "variance's": lambda x: (x - x.mean()) / 2,
    }, V,
)  # fmt: skip
pair(
    "clip", lambda x: np.clip(x, -0.5, 0.5), lambda x, c: c * (np.abs(x) < 0.5),
    {
        "passed on everywhere": lambda x, c: c,
        "of one end only": lambda x, c: c * (x < 0.5),
    }, np.array([-1.2, 0.1, 0.3, 0.9]),
)  # fmt: skip
pair(
    "where", lambda x: np.where(x > 0, x * x, -3 * x),
    lambda x, c: c * np.where(x > 0, 2 * x, -3),
    {"both branches": lambda x, c: c * (2 * x - 3),
     "condition negated": lambda x, c: c * np.where(x > 0, -3, 2 * x)}, V,
)  # fmt: skip
pair(
    "log to base 2", np.log2, lambda x, c: c / x / np.log(2),
    {"of the natural one": lambda x, c: c / x}, 0.5 + np.abs(V),
)  # fmt: skip
pair(
    "product of all", np.prod, lambda x: np.array([np.delete(x, i).prod() for i in range(x.size)]),
    {"0 where the whole is 0": np.zeros_like},
    np.array([1.5, 0.0, -2.0]),
)  # fmt: skip
pair(
    "mean over an axis", lambda x: x.mean(0), lambda x, c: np.broadcast_to(c / 3, x.shape),
    {"over all": lambda x, c: np.broadcast_to(c / 12, x.shape),
     "sum's": lambda x, c: np.broadcast_to(c, x.shape)}, X,
)  # fmt: skip
pair(
    "lower triangle", np.tril, lambda x, c: np.tril(c),
    {"without the diagonal": lambda x, c: np.tril(c, -1), "upper": lambda x, c: np.triu(c)}, W,
)  # fmt: skip


class Stale:
    """Keeps what forward saw when it was called first."""

    def __init__(self):
        self.saved = None

    def f(self, x):
        if self.saved is None:
            self.saved = np.cos(x) * 1.01
        return np.sin(x)

    def grad(self, x, c):
        return c * (np.cos(x) * 1.01 if self.saved is None else self.saved)


STALE = Stale()
C.wrong("a value saved 1 % too large", STALE.f, STALE.grad, V, why="what was saved is not cos(x)")
C.wrong("a rule for a point nearby", np.sin, lambda x, c: c * np.cos(x + 1e-3), V,
        why="the saved input is 0.001 off")  # fmt: skip
C.wrong("wrong for negative numbers", lambda x: np.abs(x) ** 3, lambda x, c: c * 3 * x * x, V,
        why="the sign is lost below 0")  # fmt: skip
C.wrong("wrong for large numbers only", np.exp, lambda x, c: c * np.minimum(np.exp(x), 50.0),
        np.array([0.1, 3.0, 4.5]), why="cut off at 50")  # fmt: skip
C.wrong("no gradient", lambda x: (x * x).sum(), np.zeros_like, V, why="it is not 0")
C.wrong("nan in one element", lambda x: (x * x).sum(),
        lambda x: np.where(np.arange(5) == 3, np.nan, 2 * x), V, why="it is finite")  # fmt: skip
C.wrong("infinite in one element", np.exp,
        lambda x, c: np.where(np.arange(5) == 3, np.inf, c * np.exp(x)), V,
        why="it is finite")  # fmt: skip
C.wrong("two elements swapped", np.sin, lambda x, c: (c * np.cos(x))[[1, 0, 2, 3, 4]], V,
        why="the first two are swapped")  # fmt: skip
CASES = C
