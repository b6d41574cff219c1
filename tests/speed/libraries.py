"""What networks are made of, in the words of libraries of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Jax:
    """jax's words for what networks are made of."""

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        self.jax, self.np = jax, jnp
        self.relu, self.sigmoid = jax.nn.relu, jax.nn.sigmoid
        self.softmax, self.gelu = jax.nn.softmax, jax.nn.gelu

    def cross_entropy(self, z: Any, labels: Any) -> Any:
        chances = self.jax.nn.log_softmax(z)
        return -self.np.take_along_axis(chances, labels[:, None], 1).mean()

    def fold(self, cell: Callable[[Any, Any], Any], state: Any, xs: Any) -> Any:
        """State after all of `xs`."""
        return self.jax.lax.scan(lambda s, x: (cell(s, x), None), state, xs)[0]

    def conv(self, x: Any, w: Any, padding: int) -> Any:
        pads = ((padding, padding),) * 2
        return self.jax.lax.conv_general_dilated(x, w, (1, 1), pads)

    def pool(self, x: Any) -> Any:
        lax, window = self.jax.lax, (1, 1, 2, 2)
        return lax.reduce_window(x, -np.inf, lax.max, window, window, "VALID")


class Hips:
    """The same for HIPS autograd, which is NumPy's functions."""

    def __init__(self) -> None:
        import autograd.numpy as anp
        from autograd.scipy.signal import convolve

        self.np, self.convolve = anp, convolve

    def relu(self, x: Any) -> Any:
        return self.np.maximum(x, 0)

    def sigmoid(self, x: Any) -> Any:
        return 0.5 * self.np.tanh(0.5 * x) + 0.5

    def softmax(self, z: Any) -> Any:
        e = self.np.exp(z - np.max(getattr(z, "_value", z), -1, keepdims=True))
        return e / self.np.sum(e, -1, keepdims=True)

    def gelu(self, x: Any) -> Any:
        return 0.5 * x * (1 + self.np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)))

    def cross_entropy(self, z: Any, labels: Any) -> Any:
        # The largest is a constant to the derivative, as it may be: it cancels.
        z = z - np.max(getattr(z, "_value", z), 1, keepdims=True)
        logs = self.np.log(self.np.sum(self.np.exp(z), 1))
        return self.np.mean(logs - z[np.arange(len(labels)), labels])

    def fold(self, cell: Callable[[Any, Any], Any], state: Any, xs: Any) -> Any:
        for x in xs:
            state = cell(state, x)
        return state

    def conv(self, x: Any, w: Any, padding: int) -> Any:
        x = self.np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
        # Its convolution turns the window around, and has the channels of the input first.
        w = self.np.swapaxes(w[:, :, ::-1, ::-1], 0, 1)
        axes = {"axes": ([2, 3], [2, 3]), "dot_axes": ([1], [0])}
        return self.convolve(x, w, mode="valid", **axes)

    def pool(self, x: Any) -> Any:
        n, c, h, w = x.shape
        return self.np.max(self.np.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=(3, 5))
