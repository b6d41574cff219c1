"""Seven activation functions: their identities, slopes and lowest points, derived and measured.

Talk: neural networks that can learn, "Activation functions": the list is the talk's.

    sigmoid 1 / (1 + e^-z)             in (0, 1); slope s (1 - s); s(-z) = 1 - s(z) (Verhulst 1845)
    tanh    (e^z - e^-z) / (e^z + e^-z)   = 2 sigmoid(2 z) - 1; slope 1 - t^2
    ReLU    max(0, z)                  slope at 0: 0, by choice              (Nair and Hinton 2010)
    ELU     z if z > 0 else e^z - 1    the slope does not jump at 0  (Clevert and others 2015)
    softmax e^z_i / sum_j e^z_j        sums to 1; same for z + c; J = diag(p) - p p^T (Bridle 1990)
    Swish   z sigmoid(z)               lowest at -1.278: -0.278  (Ramachandran and others 2017)
    Mish    z tanh(ln(1 + e^z))        lowest at -1.192: -0.309  (Misra 2019)

The lowest points are where the derived slope is 0; Newton's method finds them by the slope's slope.
Every slope here is derived by the engine. Expect agreement to rounding, and no overflow at 10,000.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn.demo import Demo, run

CURVES: dict[str, Any] = {
    "sigmoid": tg.sigmoid,
    "tanh": tg.tanh,
    "ReLU": tg.relu,
    "ELU": tg.elu,
    "Swish": tg.silu,
    "Mish": tg.mish,
}


def slope(f: Any) -> Any:
    """The derivative of f at each number of an array."""
    return tg.grad(lambda z: f(z).sum())


def lowest(f: Any, z: float) -> float:
    """Where f has slope 0, by Newton's method from z."""
    for _ in range(20):
        z -= tg.grad(f)(z) / tg.grad(tg.grad(f))(z)
    return z


def main(demo: Demo) -> None:
    z = np.random.default_rng(demo.seed).normal(scale=4, size=100 if demo.quick else 10_000)
    show = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    print("z            " + "".join(f"{x:8.0f}" for x in show))
    for name, f in CURVES.items():
        print(f"{name:7} value" + "".join(f"{y:8.3f}" for y in np.asarray(f(show))))
        print("        slope" + "".join(f"{y:8.3f}" for y in slope(f)(show)))

    s, t, p = (np.asarray(y) for y in (tg.sigmoid(z), tg.tanh(z), tg.softmax(z[:10])))
    demo.expect("sigmoid: least distance to 0 and 1", min(s.min(), 1 - s.max()), at_least=1e-12)
    ends = np.array([-1e4, 1e4])
    for identity, left, right in (
        ("sigmoid(-z) = 1 - sigmoid(z)", tg.sigmoid(-z), 1 - s),
        ("sigmoid' = s (1 - s)", slope(tg.sigmoid)(z), s * (1 - s)),
        ("sigmoid(-10,000) = 0, sigmoid(10,000) = 1", tg.sigmoid(ends), [0, 1]),
        ("tanh(z) = 2 sigmoid(2 z) - 1", t, 2 * tg.sigmoid(2 * z) - 1),
        ("tanh' = 1 - t^2", slope(tg.tanh)(z), 1 - t * t),
        ("ReLU'(0) = 0", slope(tg.relu)(np.zeros(1)), [0]),
        ("softmax sums to 1", p.sum(), 1),
        ("softmax(z + 1000) = softmax(z)", tg.softmax(z[:10] + 1000), p),
        ("J = diag(p) - p p^T", tg.jacobian(tg.softmax)(z[:10]), np.diag(p) - np.outer(p, p)),
    ):
        gap = np.abs(np.asarray(left) - np.asarray(right)).max()
        demo.expect(f"gap in {identity}", gap, at_most=1e-10 if "softmax(z" in identity else 1e-12)
    below, above = slope(tg.elu)(np.array([-1e-9, 1e-9]))
    demo.expect("jump of ELU' within 1e-9 of 0", abs(above - below), at_most=1e-8)

    bottoms = {name: lowest(CURVES[name], -1.0) for name in ("Swish", "Mish")}
    for name, place, value in (("Swish", -1.278, -0.278), ("Mish", -1.192, -0.309)):
        found, height = bottoms[name], CURVES[name](bottoms[name])
        demo.expect(f"{name}: lowest at z", found, at_least=place - 1e-3, at_most=place + 1e-3)
        demo.expect(f"{name}: value there", height, at_least=value - 1e-3, at_most=value + 1e-3)

    if plt := demo.pyplot():
        figure, axes = plt.subplots(2, 3, figsize=(11, 6), sharex=True, layout="constrained")
        z = np.linspace(-4, 4, 801)
        for axis, (name, f) in zip(axes.flat, CURVES.items(), strict=True):
            axis.plot(z, f(z), label="value")
            axis.plot(z, slope(f)(z), "--", label="slope, derived")
            axis.set(title=name, xlabel="z", ylim=(-1.2, 2.2))
            if name in bottoms:
                axis.plot(
                    bottoms[name], f(bottoms[name]), "ko", label=f"lowest, z = {bottoms[name]:.3f}"
                )
            axis.legend(loc="upper left", fontsize="small")
        figure.suptitle(
            "Far out, sigmoid and tanh have no slope to learn by; the others keep 1 on the right"
        )
        figure.savefig(demo.folder / "activations.png", dpi=120)


if __name__ == "__main__":
    run(main)
