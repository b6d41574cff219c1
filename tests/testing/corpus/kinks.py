"""Kinks: at the point, and at a distance of 1e-3 down to 1e-13."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, always

AT = Category("kinks at the point")
NEAR = Category("kinks nearby")


def relu(x):
    return np.maximum(x, 0.0)


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


for claim in (0.0, 0.5, 1.0):
    AT.kink(f"relu at 0, {claim:g}", relu, always(claim), 0.0, why="slopes 0 and 1")
for claim in (-1.0, 0.0, 1.0):
    AT.kink(f"abs at 0, {claim:g}", np.abs, always(claim), 0.0, why="slopes -1 and 1")
for claim in (-0.01, 1.01, 2.0):
    AT.wrong(f"relu at 0, {claim:g}", relu, always(claim), 0.0, why="beyond the slopes 0 and 1")
AT.wrong("abs at 0, -1.5", np.abs, always(-1.5), 0.0, why="beyond the slopes -1 and 1")
AT.wrong("abs at 0, nan", np.abs, always(np.nan), 0.0, why="nan is no subgradient")
AT.kink(
    "leaky relu at 0", lambda x: np.where(x > 0, x, 0.01 * x), always(0.01), 0.0,
    why="slopes 0.01 and 1",
)  # fmt: skip
AT.kink("max(x, x^2) at 1", lambda x: np.maximum(x, x * x), always(1.5), 1.0, why="slopes 1 and 2")
AT.wrong(
    "max(x, x^2) at 1, 0.5", lambda x: np.maximum(x, x * x), always(0.5), 1.0,
    why="beyond the slopes 1 and 2",
)  # fmt: skip
AT.kink("sawtooth at 2", lambda x: x - np.floor(x), always(1.0), 2.0, why="the function jumps by 1")
AT.kink("heaviside at 0", lambda x: np.where(x > 0, 1.0, 0.0), always(0.0), 0.0, why="it jumps")
AT.kink("hinge at its margin", lambda x: relu(1 - x), always(-1.0), 1.0, why="slopes -1 and 0")
AT.kink(
    "pinball loss at 0", lambda x: np.maximum(0.9 * x, -0.1 * x), always(0.9), 0.0,
    why="slopes -0.1 and 0.9",
)  # fmt: skip
AT.kink("hardtanh at 1", lambda x: np.clip(x, -1, 1), always(1.0), 1.0, why="slopes 1 and 0")
AT.kink("elu of 0.5 at 0", lambda x: elu(x, 0.5), always(1.0), 0.0, why="slopes 0.5 and 1")
AT.kink(
    "soft threshold at its end",
    lambda x: np.sign(x) * relu(np.abs(x) - 0.3), always(0.0), 0.3, why="slopes 0 and 1",
)  # fmt: skip
AT.kink(
    "abs(x - 1) + abs(x + 1) at 1", lambda x: np.abs(x - 1) + np.abs(x + 1), always(2.0), 1.0,
    why="slopes 0 and 2",
)  # fmt: skip
AT.kink(
    "x/10^6 + abs(x)/10^3 at 0", lambda x: x / 1e6 + np.abs(x) / 1e3, always(1e-6), 0.0,
    why="slopes -0.000999 and 0.001001",
)  # fmt: skip


def middle(a, b, c):
    return np.maximum(a, np.minimum(b, c))


def ties(*shares):
    """Gradients of `middle` where all are equal; elsewhere that of the one it is."""

    def grad(a, b, c):
        if a == b == c:
            return shares
        won = [x == middle(a, b, c) for x in (a, b, c)]
        return tuple(float(w) / sum(won) for w in won)

    return grad


for x in (1.0, 0.0, -3.5):
    AT.kink(
        f"max(a, min(b, c)), all {x:g}", middle, ties(0.5, 0.25, 0.25), x, x, x,
        why="along b or c alone it is flat, nearby its slopes are 0 and 1",
    )  # fmt: skip
    AT.wrong(
        f"max(a, min(b, c)), all {x:g}, 3 and -2", middle, ties(0.0, 3.0, -2.0), x, x, x,
        why="slopes are 0 and 1",
    )  # fmt: skip
AT.wrong(
    "max(a, b) of equal ones, 3 and -2",
    np.maximum,
    lambda a, b: (3.0, -2.0) if a == b else (float(a > b), float(a < b)),
    1.0, 1.0, why="slopes are 0 and 1",
)  # fmt: skip
AT.kink("sqrt of abs at 0", lambda x: np.sqrt(np.abs(x)), always(0.0), 0.0, why="a cusp")
AT.kink("cube root at 0", np.cbrt, always(np.inf), 0.0, why="a vertical tangent")
AT.kink(
    "max of two equal inputs", np.maximum, lambda x, y: (1.0, 0.0), 0.7, 0.7,
    why="each slope is 0 on one side and 1 on the other",
)  # fmt: skip
AT.wrong(
    "max of two equal inputs, 2", np.maximum, lambda x, y: (2.0, 0.0), 0.7, 0.7,
    why="beyond the slopes 0 and 1",
)  # fmt: skip
AT.kink(
    "relu of some zeros", relu, lambda x, c: c * (x > 0), np.array([-1.0, 0.0, 2.0, 0.0]),
    why="two of four elements are at the kink",
)  # fmt: skip
AT.wrong(
    "relu of some zeros, one element negated", relu,
    lambda x, c: c * np.array([0.0, 0.0, -1.0, 0.0]), np.array([-1.0, 0.0, 2.0, 0.0]),
    why="an element away from the kink has the wrong sign",
)  # fmt: skip
AT.kink(
    "relu at 0 in float32", relu, lambda x, c: c * (x > 0), np.zeros(2, np.float32),
    why="slopes 0 and 1",
)  # fmt: skip
AT.undecidable(
    "x sin(1/x) at 0",
    lambda x: x * np.sin(1 / x) if x != 0 else np.float64(0.0), always(0.0), 0.0,
    why="quotients swing between -1 and 1 for ever: there is no derivative",
)  # fmt: skip

# Corners that are none: the slopes of both sides agree.
AT.both("x abs(x) at 0.5", lambda x: x * np.abs(x), lambda x: 2 * np.abs(x), 0.5)
AT.right("x abs(x) at 0", lambda x: x * np.abs(x), always(0.0), 0.0, why="both slopes are 0")
AT.wrong("x abs(x) at 0, 0.01", lambda x: x * np.abs(x), always(0.01), 0.0, why="the slope is 0")
AT.right("abs(x)^1.5 at 0", lambda x: np.abs(x) ** 1.5, always(0.0), 0.0, why="both slopes are 0")
AT.right("relu squared at 0", lambda x: relu(x) ** 2, always(0.0), 0.0, why="both slopes are 0")
AT.both("elu of 1 at 0", lambda x: elu(x, 1.0), always(1.0), 0.0, why="both slopes are 1")
AT.both(
    "huber at its change", lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
    always(1.0), 1.0, why="both slopes are 1",
)  # fmt: skip
AT.right(
    "x^2 sin(1/x) at 0",
    lambda x: x * x * np.sin(1 / x) if x != 0 else np.float64(0.0), always(0.0), 0.0,
    why="squeezed between -x^2 and x^2",
)  # fmt: skip

for exponent in (3, 5, 7, 9, 11, 13):
    d = 10.0**-exponent
    words = f"a kink lies at a distance of 1e-{exponent}, beyond which the slope is another"
    NEAR.right(f"relu at 1e-{exponent}", relu, lambda x: np.float64(x > 0), d, why=words)
    NEAR.wrong(f"relu at 1e-{exponent}, 0", relu, always(0.0), d, why=words)
    NEAR.right(f"relu at -1e-{exponent}", relu, lambda x: np.float64(x > 0), -d, why=words)
    NEAR.right(f"abs(x - 1) at 1 + 1e-{exponent}", lambda x: np.abs(x - 1), np.sign, 1 + d,
               why=words)  # fmt: skip
    NEAR.wrong(f"abs(x - 1) at 1 + 1e-{exponent}, -1", lambda x: np.abs(x - 1), always(-1.0),
               1 + d, why=words)  # fmt: skip
    NEAR.right(f"max(2x, x + 1) at 1 - 1e-{exponent}", lambda x: np.maximum(2 * x, x + 1),
               always(1.0), 1 - d, why=words)  # fmt: skip
    NEAR.wrong(f"max(2x, x + 1) at 1 - 1e-{exponent}, 1.5", lambda x: np.maximum(2 * x, x + 1),
               always(1.5), 1 - d, why=words)  # fmt: skip
NEAR.right(
    "max of inputs 1e-9 apart", np.maximum, lambda x, y: (np.float64(x > y), np.float64(y > x)),
    0.5, 0.5 + 1e-9, why="the second is the larger",
)  # fmt: skip
NEAR.wrong(
    "max of inputs 1e-9 apart, half each", np.maximum, lambda x, y: (0.5, 0.5),
    0.5, 0.5 + 1e-9, why="the second is the larger, and alone counts",
)  # fmt: skip
NEAR.right(
    "median of three, 1e-8 apart", np.median, lambda x: (x == np.median(x)) * 1.0,
    np.array([1.0, 1.0 + 1e-8, 1.0 - 1e-8]), why="the middle one counts",
)  # fmt: skip
NEAR.both(
    "curve with a corner 0.01 away", lambda x: np.exp(x) + np.abs(x - 1e-6),
    lambda x: np.exp(x) - 1.0, 0.5e-6 - 1e-2, why="left of the corner",
)  # fmt: skip
CASES = [*AT, *NEAR]
