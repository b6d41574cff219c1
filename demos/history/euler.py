"""Euler's e^x: its series, built as a graph, is its own derivative, of every order.

Talk: neural networks that can learn, history ("Leonhard Euler's work on Introductio in analysin
infinitorum"). The book (1748) has e^x = 1 + x + x^2/2! + x^3/3! + ..., which is also the limit of
(1 + x/n)^n. The derivative of each term is the term before, so that of the series is the series:
the one function that is its own slope. This is why the derivatives of the sigmoid and of the
softmax are made of these functions themselves. Here nobody tells the graph so: it has products
and sums of x only, and the chain rule through them gives e^x back.

Expect 1e-12 in double precision. The limit (1 + x/n)^n is true but slow: with n ten times as large
the error becomes ten times smaller, where each further term of the series divides it by more and
more.
"""

import math
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.demo import Demo, run


def series(x: Any, terms: int = 40) -> Any:
    """1 + x (1 + x/2 (1 + x/3 (...))): the sum of x^k / k!, from the inside out."""
    total = 1 + 0 * x
    for k in range(terms - 1, 0, -1):
        total = 1 + x / k * total
    return total


def main(demo: Demo) -> None:
    short = tg.Value(1.0, name="x")
    few = series(short, 5)
    few.backward()
    tg.draw(few).save(demo.folder / "five-terms.svg")
    print(f"5 terms at x = 1: sum {few.data:.5f}, derivative {short.grad:.5f} (the sum of 4 terms)")

    worst = {"value": 0.0, "derivative": 0.0, "third derivative": 0.0}
    third = tg.grad(tg.grad(tg.grad(series)))
    for at in np.linspace(-2, 4, 7 if demo.quick else 25):
        x = tg.Value(float(at))
        y = series(x)
        y.backward()
        found = {"value": y.data, "derivative": x.grad, "third derivative": third(float(at))}
        for name, number in found.items():
            worst[name] = max(worst[name], abs(number / math.exp(at) - 1))
    for number in (-1.0, 0.0, 1.0, 2.0):
        slope = tg.grad(series)(number)
        print(f"x = {number:4}: slope of the series {slope:.12f}, e^x {math.exp(number):.12f}")

    for name, error in worst.items():
        demo.expect(f"relative error of the {name}", error, at_most=1e-12)
    slope = tg.grad(lambda x: (1 + x / 1e6) ** 1e6)(1.0)
    demo.expect("error of the slope of (1 + x/n)^n at n = 1e6", abs(slope - math.e), at_most=1e-5)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
        counts = range(1, 31)
        sums = [abs(series(tg.Value(1.0), n).data - math.e) + 1e-17 for n in counts]
        slopes = [abs(tg.grad(lambda x, n=n: series(x, n))(1.0) - math.e) + 1e-17 for n in counts]
        limits = [abs((1 + 1 / n) ** n - math.e) for n in counts]
        axes.semilogy(counts, limits, "s-", label="(1 + x/n)^n")
        axes.semilogy(counts, slopes, "o-", label="slope of the series of n terms, by the graph")
        axes.semilogy(counts, sums, "o-", label="series of n terms")
        axes.set(xlabel="n", ylabel="distance from e (at x = 1)", ylim=(1e-17, 10))
        axes.set_title("The slope of the series is the series, one term behind")
        axes.legend(loc=(0.4, 0.55))
        figure.savefig(demo.folder / "series.png", dpi=120)


if __name__ == "__main__":
    run(main)
