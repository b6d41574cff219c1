"""Networks with an energy: Hopfield's memory and its modern form, the Boltzmann machine."""

from __future__ import annotations

from typing import Any, Self, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.activation import softplus
from tinygrad_nn.ops.elementwise import sigmoid
from tinygrad_nn.ops.neural import linear
from tinygrad_nn.ops.noise import noise
from tinygrad_nn.ops.products import matmul
from tinygrad_nn.ops.reduce import mean
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import less
from tinygrad_nn.ops.softmax import softmax
from tinygrad_nn.tensor import Tensor

__all__ = ["RBM", "Hopfield", "ModernHopfield"]


class Hopfield(Module):
    """Associative memory of patterns of −1 and 1 (Hopfield 1982).

    `store` adds Hebb's outer products, W = Σ ξ ξᵀ / units without the diagonal. `forward` sets
    units to the sign of W s until nothing changes; each change lowers the energy
    E = −½ sᵀ W s. About 0.138 · units random patterns can be recalled (Amit, Gutfreund and
    Sompolinsky 1985).

    Args:
        units: Neurons.
        rng: Seed or generator of the order in which units are set.
        dtype: Of the weights.

    Attributes:
        weight: Buffer (units, units), symmetric.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> memory = nn.Hopfield(4, rng=0).store([[1, 1, -1, -1]])
        >>> memory(tg.tensor([1.0, -1.0, -1.0, -1.0])).tolist()
        [1.0, 1.0, -1.0, -1.0]
    """

    weight: Tensor

    def __init__(self, units: int, **factory: Unpack[Factory]) -> None:
        super().__init__()
        self.units = whole("Hopfield", "units", units, 1)
        first = Start("Hopfield", factory)
        self.rng = first.rng
        self.register_buffer("weight", first.buffer((units, units), 0.0))

    def store(self, patterns: Any) -> Self:
        """Remember patterns `(n, units)` or `(units,)` of −1 and 1, besides those before.

        Raises:
            ShapeError: The last axis is not that of the units.
            OptionError: A number is neither −1 nor 1.
        """
        x = self._checked(patterns).reshape(-1, self.units)
        if not ((x == 1) | (x == -1)).all():
            raise OptionError(
                "Hopfield.store: got numbers other than -1 and 1; of 0 and 1 make them by 2 * x - 1"
            )
        weight = self.weight.synced()
        weight = weight + (x.T @ x / self.units).astype(weight.dtype)
        namespace(weight).fill_diagonal(weight, 0.0)
        self.weight.data = weight
        return self

    def _checked(self, states: Any) -> Any:
        x = raw(states)
        if not x.ndim or x.shape[-1] != self.units:
            raise ShapeError(f"Hopfield: got {tuple(x.shape)}, expected (..., {self.units})")
        return x

    def energy(self, states: Any) -> Any:
        """−½ sᵀ W s: `(..., units) -> (...)`."""
        self._checked(states)
        s = operand(type(self).__name__, states)
        return -0.5 * total(matmul(s, self.weight) * s, -1)

    def forward(self, states: Any, sweeps: int = 100) -> Any:
        """States at rest: `(..., units) -> (..., units)` of −1 and 1.

        Units are set one after the other, in a random order in each sweep; a unit whose sum is 0
        stays as it is.

        Args:
            states: Where to start; the signs count.
            sweeps: At most so many times over all units.
        """
        given = self._checked(states)
        weight = self.weight.synced()
        xp = namespace(given)
        s = xp.where(given < 0, -1.0, 1.0).astype(weight.dtype).reshape(-1, self.units)
        for _ in range(sweeps):
            before = s.copy()
            for unit in self.rng.permutation(self.units):
                field = s @ weight[unit]
                s[:, unit] = xp.where(field == 0, s[:, unit], xp.sign(field))
            if (s == before).all():
                break
        return Tensor.wrap(s.reshape(given.shape))

    def extra_repr(self) -> str:
        """Units."""
        return str(self.units)


class ModernHopfield(Module):
    """Memory of real patterns, differentiable: ξ ← Xᵀ softmax(β X ξ).

    From Ramsauer and others, "Hopfield networks is all you need" (2021), equation 3: one step of
    it is attention to the stored patterns, and it holds exponentially many.

    Args:
        patterns: `(n, features)`, stored as a trainable parameter.
        beta: β; a large one recalls a single pattern, a small one a mixture.
        steps: How often it is applied.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        patterns: Parameter (n, features).

    Raises:
        ShapeError: The patterns have not two axes.
    """

    def __init__(
        self, patterns: Any, beta: float = 8.0, steps: int = 1, **factory: Unpack[Factory]
    ) -> None:
        super().__init__()
        numbers = raw(patterns)
        if numbers.ndim != 2:
            raise ShapeError(
                f"ModernHopfield: got patterns {tuple(numbers.shape)}, expected (n, features)"
            )
        self.beta, self.steps = beta, whole("ModernHopfield", "steps", steps, 1)
        first = Start("ModernHopfield", factory).constant(numbers.shape, 0.0)
        first.data = numbers.astype(first.dtype)
        self.patterns = first

    def forward(self, states: Any) -> Any:
        """Recalled patterns: `(..., features) -> (..., features)`."""
        for _ in range(self.steps):
            states = matmul(
                softmax(self.beta * matmul(states, self.patterns.mT), -1), self.patterns
            )
        return states

    def extra_repr(self) -> str:
        """Options."""
        return f"{self.patterns.shape[0]} patterns, beta={self.beta}, steps={self.steps}"


class RBM(Module):
    """Restricted Boltzmann machine of binary units: E(v, h) = −a·v − b·h − hᵀ W v.

    Between layers alone there are connections (Smolensky 1986), so that the hidden units are
    independent given the visible ones: P(h = 1 | v) = sigmoid(W v + b). `forward` gives these:
    a stack in a `Sequential` is a deep belief net, trained layer by layer (Hinton, Osindero and
    Teh 2006).

    Args:
        visible: Visible units.
        hidden: Hidden units.
        factory: rng (of weights and of samples), dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (hidden, visible), normal with deviation 0.01 at first.
        visible_bias: Parameter a, (visible,).
        hidden_bias: Parameter b, (hidden,).

    Example:
        >>> from tinygrad_nn import nn, optim
        >>> from tinygrad_nn.data import load_digits
        >>> v = load_digits().flatten().inputs[:100]
        >>> rbm = nn.RBM(64, 16, rng=0)
        >>> optimizer = optim.SGD(rbm.parameters(), lr=0.1)
        >>> for _ in range(20):
        ...     optimizer.zero_grad()
        ...     rbm.contrastive_divergence(v).backward()
        ...     optimizer.step()
        >>> float(((rbm.reconstruct(v) - v) ** 2).mean()) < 0.12
        True
    """

    def __init__(self, visible: int, hidden: int, **factory: Unpack[Factory]) -> None:
        super().__init__()
        whole("RBM", "visible", visible, 1)
        whole("RBM", "hidden", hidden, 1)
        first = Start("RBM", factory)
        self.rng = first.rng
        self.weight = first.normal((hidden, visible), 0.01)
        self.visible_bias = first.constant((visible,), 0.0)
        self.hidden_bias = first.constant((hidden,), 0.0)

    def forward(self, visible: Any) -> Any:
        """P(h = 1 | v): `(..., visible) -> (..., hidden)`."""
        return sigmoid(linear(operand(type(self).__name__, visible), self.weight, self.hidden_bias))

    def visible_given(self, hidden: Any) -> Any:
        """P(v = 1 | h): `(..., hidden) -> (..., visible)`."""
        return sigmoid(
            linear(operand(type(self).__name__, hidden), self.weight.mT, self.visible_bias)
        )

    def reconstruct(self, visible: Any) -> Any:
        """P(v = 1 | P(h = 1 | v)): there and back without chance."""
        return self.visible_given(self.forward(visible))

    def free_energy(self, visible: Any) -> Any:
        """F(v) = −a·v − Σ ln(1 + e^(W v + b)), −ln P(v) but for a constant: `(..., V) -> (...)`."""
        v = operand(type(self).__name__, visible)
        fields = linear(v, self.weight, self.hidden_bias)
        return -matmul(v, self.visible_bias) - total(softplus(fields, 1.0, float("inf")), -1)

    def sample(self, visible: Any, steps: int = 1, rng: Any = None) -> Any:
        """Visible units after `steps` of Gibbs sampling from `visible`; the last are probabilities.

        Args:
            visible: Where the chain starts, `(..., visible)`.
            steps: Times down and up.
            rng: Seed or generator; None for that of the module.
        """
        draws = self.rng if rng is None else generator(rng)
        v = operand(type(self).__name__, visible)
        for _ in range(steps):
            p = self.forward(v).detach()
            fired = less(noise(p, "uniform", draws), p)
            v = self.visible_given(fired.astype(p.dtype)).detach()
        return v

    def contrastive_divergence(self, visible: Any, steps: int = 1, rng: Any = None) -> Any:
        """Loss whose gradient is that of contrastive divergence: mean of F(v) − F(v after `steps`).

        From Hinton, "Training products of experts by minimizing contrastive divergence" (2002);
        the sample counts as a constant.
        """
        far = self.sample(visible, steps, rng)
        return mean(self.free_energy(visible)) - mean(self.free_energy(far))

    def extra_repr(self) -> str:
        """Sizes."""
        hidden, visible = self.weight.shape
        return f"visible={visible}, hidden={hidden}"
