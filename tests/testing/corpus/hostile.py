"""Integers among the inputs, functions that write, change, or are random, odd results."""

from __future__ import annotations

import itertools

import numpy as np

from tests.testing.corpus.case import Category, always, draws

INTEGERS = Category("integer inputs")
WRITERS = Category("functions that write, or keep state")
X = draws(61, 5)
AT = np.array([1, 3, 1])


def put(x, at, c):
    out = np.zeros_like(x)
    np.add.at(out, at, c)
    return out


INTEGERS.both("rows by index", lambda x, at: x[at] ** 2,
              lambda x, at, c: (put(x, at, 2 * x[at] * c), 0.0 * at), X, AT)  # fmt: skip
INTEGERS.wrong("rows by index, repeats lost", lambda x, at: x[at],
               lambda x, at, c: (np.eye(5)[at].max(0) * c[1], 0.0 * at), X, AT,
               why="an index that comes twice counts twice")  # fmt: skip
INTEGERS.both("a mask of booleans", lambda x, m: (x * x * m).sum(),
              lambda x, m: (2 * x * m, 0.0 * m), X, X > 0)  # fmt: skip
INTEGERS.both("an exponent of int", lambda x, n: x**n, lambda x, n, c: (c * n * x ** (n - 1),
              np.float64(0.0)), X, np.int64(3))  # fmt: skip
INTEGERS.both("labels of a cross entropy", lambda x, y: -x[y] + np.log(np.exp(x).sum()),
              lambda x, y: (np.exp(x) / np.exp(x).sum() - np.eye(5)[y], np.float64(0.0)),
              X, np.int64(2))  # fmt: skip
INTEGERS.undecidable("nothing but integers", lambda n: n * n, lambda n: 2 * n, np.int64(3),
                     why="integers have no neighbours close by")  # fmt: skip


def doubled(x):
    x *= 2
    return (x * x).sum()


def doubled_grad(x):
    x *= 8
    return x


WRITERS.right("a function that doubles its input in place", doubled, lambda x: 8 * x, X,
              why="as a function of what it is given")  # fmt: skip
WRITERS.right("a gradient that writes into its input", lambda x: 4 * (x * x).sum(), doubled_grad,
              X, why="as a function of what it is given")  # fmt: skip
WRITERS.wrong("a function that doubles its input, without the 2", doubled, lambda x: 4 * x, X,
              why="it is 8 x")  # fmt: skip


def scaled(x, c):
    c *= np.exp(x)
    return c


WRITERS.right("a gradient that writes into its cotangent", np.exp, scaled, X,
              why="it gives what it should")  # fmt: skip
WRITERS.right("the input itself as result", lambda x: x, lambda x, c: c, X)
WRITERS.wrong("the input itself as result, -1", lambda x: x, lambda x, c: -c, X, why="it is 1")
BUFFER = np.zeros(5)


def buffered(x):
    np.sin(x, out=BUFFER)
    return BUFFER


def buffered_grad(x, c):
    np.multiply(c, np.cos(x), out=BUFFER)
    return BUFFER


WRITERS.both("results in one buffer", buffered, buffered_grad, X)
COUNT = itertools.count()
WRITERS.undecidable("a function that counts its calls", lambda x: (x * x).sum() + next(COUNT),
                    lambda x: 2 * x, X, why="it is no function of its input")  # fmt: skip
RNG = np.random.default_rng(0)
WRITERS.undecidable("dropout that draws anew at each call",
                    lambda x: x * (RNG.random(5) < 0.5) * 2, lambda x, c: c, X,
                    why="it is no function of its input")  # fmt: skip
WRITERS.undecidable("normal noise of 0.1 at each call", lambda x: (x * x).sum() +
                    0.1 * RNG.standard_normal(), lambda x: 2 * x, X,
                    why="it is no function of its input")  # fmt: skip
WRITERS.undecidable("a gradient that is random", lambda x: (x * x).sum(),
                    lambda x: 2 * x * RNG.uniform(0.5, 1.5), X,
                    why="it is no function of its input")  # fmt: skip
WRITERS.right("dropout of one seed", lambda x: x * (np.random.default_rng(3).random(5) < 0.5),
              lambda x, c: c * (np.random.default_rng(3).random(5) < 0.5), X)  # fmt: skip
WRITERS.right("a number of Python as result", lambda x: float((x * x).sum()), lambda x: 2 * x, X)
WRITERS.right("a list as gradient", lambda x: (x * x).sum(), lambda x: (2 * x).tolist(), X)
WRITERS.wrong("None as gradient", lambda x: (x * x).sum(), lambda x: None, X,
              why="a return is missing")  # fmt: skip
WRITERS.wrong("a gradient of another shape", lambda x: (x * x).sum(), lambda x: 2 * x[:4], X,
              why="one is missing")  # fmt: skip
WRITERS.wrong("a gradient that raises", lambda x: (x * x).sum(), lambda x: 2 * x[7], X,
              why="there is none")  # fmt: skip
WRITERS.undecidable("None as result", lambda x: None, lambda x: 2 * x, X,
                    why="a return is missing")  # fmt: skip
WRITERS.undecidable("a function that raises", lambda x: x[9], lambda x: 2 * x, X,
                    why="there is no value")  # fmt: skip
WRITERS.right("empty input", lambda x: x * 2, lambda x, c: 2 * c, np.zeros(0), why="nothing to err")
WRITERS.right("an array that is not contiguous", lambda x: (x**3).sum(), lambda x: 3 * x**2,
              draws(62, 4, 6)[::2, ::3].T)  # fmt: skip
WRITERS.wrong("an array that is not contiguous, in the order of memory", lambda x: (x**3).sum(),
              lambda x: 3 * (x**2).ravel(order="F").reshape(x.shape), draws(62, 4, 6)[::2, ::3].T,
              why="the elements are in another order")  # fmt: skip
WRITERS.wrong("a gradient that never looks", lambda x: (x * x).sum(),
              lambda x: always(0.0)() + 0 * x, X, why="it is not 0")  # fmt: skip
CASES = [*INTEGERS, *WRITERS]
