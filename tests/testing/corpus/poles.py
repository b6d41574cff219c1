"""Poles and ends of domains, at them and near them."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.testing.corpus.case import Category, always

POLES = Category("poles")
ENDS = Category("domain ends")

for d in (1e-2, 1e-5, 1e-8, 1e-12, 1e-100):
    POLES.both(f"1/x at {d:g}", lambda x: 1 / x, lambda x: -1 / (x * x), d)
for d in (1e-3, 1e-6, 1e-9):
    POLES.both(f"1/(1 - x) at 1 - {d:g}", lambda x: 1 / (1 - x), lambda x: 1 / (1 - x) ** 2, 1 - d)
for x0 in (1.57, 1.570796):
    POLES.both(f"tan at {x0}", np.tan, lambda x: 1 / np.cos(x) ** 2, x0)
POLES.both("1/x^2 at 1e-5", lambda x: x**-2.0, lambda x: -2 * x**-3.0, 1e-5, factor=-1.0)
POLES.both("1/sin at 3.1415", lambda x: 1 / np.sin(x), lambda x: -np.cos(x) / np.sin(x) ** 2,
           3.1415)  # fmt: skip
POLES.both("gamma at 1e-3", special.gamma, lambda x: special.gamma(x) * special.digamma(x), 1e-3)
POLES.both("gamma at -0.999", special.gamma, lambda x: special.gamma(x) * special.digamma(x),
           -0.999)  # fmt: skip
POLES.both("log gamma at 1e-7", special.gammaln, special.digamma, 1e-7)
POLES.both("exp(1/x) at 0.02", lambda x: np.exp(1 / x), lambda x: -np.exp(1 / x) / x**2, 0.02)
POLES.both("coth at 1e-6", lambda x: 1 / np.tanh(x), lambda x: -1 / np.sinh(x) ** 2, 1e-6)
POLES.both("zeta at 1.0001", lambda x: special.zeta(x, 1.0),
           lambda x: -1 / (x - 1) ** 2 + 0.07281584548367672 - 0.009690363192872318 * (x - 1),
           1.0001, why="the first terms of the Laurent series at 1")  # fmt: skip
POLES.wrong("abs(1/x) at -1e-4, sign lost", lambda x: np.abs(1 / x), lambda x: -1 / x**2, -1e-4,
            why="left of the pole it rises")  # fmt: skip

for d in (1e-3, 1e-10, 1e-300):
    ENDS.both(f"log at {d:g}", np.log, lambda x: 1 / x, d)
for d in (1e-8, 1e-20, 1e-200):
    ENDS.both(f"sqrt at {d:g}", np.sqrt, lambda x: 0.5 / np.sqrt(x), d)
for d in (1e-6, 1e-12):
    ENDS.both(f"arcsin at 1 - {d:g}", np.arcsin, lambda x: 1 / np.sqrt((1 - x) * (1 + x)), 1 - d)
    ENDS.both(f"arctanh at 1 - {d:g}", np.arctanh, lambda x: 1 / ((1 - x) * (1 + x)), 1 - d)
    ENDS.both(f"arccosh at 1 + {d:g}", np.arccosh, lambda x: 1 / np.sqrt((x - 1) * (x + 1)), 1 + d)
    ENDS.both(f"log1p at {d:g} - 1", np.log1p, lambda x: 1 / (1 + x), d - 1)
ENDS.both("x log x at 1e-12", lambda x: x * np.log(x), lambda x: np.log(x) + 1, 1e-12)
ENDS.both("x^0.3 at 1e-15", lambda x: x**0.3, lambda x: 0.3 * x**-0.7, 1e-15)
ENDS.both("logit at 1e-9", lambda x: np.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)), 1e-9)
ENDS.both("half circle at 1 - 1e-9", lambda x: np.sqrt((1 - x) * (1 + x)),
          lambda x: -x / np.sqrt((1 - x) * (1 + x)), 1 - 1e-9)  # fmt: skip
ENDS.both(
    "entropy of rare events",
    lambda p: -(p * np.log(p)).sum(),
    lambda p: -np.log(p) - 1,
    np.array([1e-12, 1e-6, 0.3]),
)
ENDS.right("x^1.5 at 0", lambda x: x**1.5, always(0.0), 0.0,
           why="the slope from inside is 0; outside there are no values")  # fmt: skip
ENDS.wrong("x^1.5 at 0, 0.1", lambda x: x**1.5, always(0.1), 0.0,
           why="the slope from inside is 0")  # fmt: skip
ENDS.both("arccos squared at 1", lambda x: np.arccos(x) ** 2, always(-2.0), 1.0,
          why="the slope from inside is -2")  # fmt: skip
ENDS.kink("sqrt at 0", np.sqrt, always(np.inf), 0.0, why="a vertical tangent")
ENDS.kink("arcsin at 1", np.arcsin, always(np.inf), 1.0, why="a vertical tangent")
ENDS.kink("x log x at 0", lambda x: special.xlogy(x, x), always(-np.inf), 0.0,
          why="the slope falls without bound")  # fmt: skip


def guarded(x):
    if x <= 0:
        raise ValueError("expected a positive number")
    return np.log(x) ** 2


ENDS.both("a function that raises below 0, at 1e-7", guarded, lambda x: 2 * np.log(x) / x, 1e-7)
ENDS.both(
    "log det of a nearly singular matrix", lambda a: np.linalg.slogdet(a)[1],
    lambda a: np.linalg.inv(a).T, np.array([[1.0, 1.0], [1.0, 1.0 + 1e-5]]),
)  # fmt: skip


def on_simplex(p):
    if sorted(p) != [0.25, 0.25, 0.5]:
        raise ValueError("expected probabilities")
    return (p * p).sum()


ENDS.undecidable(
    "a function of probabilities that raises elsewhere", on_simplex, lambda p: 2 * p,
    np.array([0.25, 0.25, 0.5]), why="a step along one coordinate leaves the domain",
)  # fmt: skip
ENDS.undecidable("log at 0", np.log, always(np.inf), 0.0, why="f(0) is -inf")
ENDS.undecidable("a function that is nan", lambda x: np.log(x - 2), always(1.0), 1.0,
                 why="there is no value to measure from")  # fmt: skip
CASES = [*POLES, *ENDS]
