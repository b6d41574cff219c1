"""`Neuron`, `Layer`, `MLP`: a network in the words of the lecture, of numbers or of tensors.

The names, arguments and attributes are those of micrograd, so that its notebooks run after
a change of the import. With `tensor=True` the same three build a network of tensors.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_nn.core.bind_numbers import numbers_of, of_weighted
from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.activation import named_activation
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.linear import Linear
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.neural import ACTIVATIONS, LINEAR, neuron
from tinygrad_nn.payload import default_float
from tinygrad_nn.tensor import Parameter, Tensor
from tinygrad_nn.value import Value

__all__ = ["MLP", "Layer", "Neuron"]

_neuron = of_weighted(neuron, Value)
_WITHIN = {
    name: (f and f.op.kernels[float][0], {"activation": name}) for name, f in ACTIVATIONS.items()
}


class Neuron(Module):
    """One neuron: f(b + w₁x₁ + … + wₙxₙ).

    Of numbers (the default) the weights are a list of `Value`, drawn uniformly from (-1, 1),
    and the bias is a `Value` of 0. Without `rng` they come from Python's own `random`: that is
    what notebooks written for micrograd seed with `random.seed(1337)`.

    Args:
        nin: Number of inputs.
        nonlin: False leaves the activation away.
        activation: Name of the activation, or a function of one node.
        fused: One node for the neuron, with its activation if that is relu, sigmoid or tanh;
            False spells it out, one node for each product and each sum, for drawings that show
            them.
        rng: Seed or generator of the first weights.
        tensor: Make `w` a Parameter (nin,) and `b` a Parameter (): the neuron maps
            `(..., nin)` to `(...)`.

    Attributes:
        w: Weights.
        b: Bias.

    Example:
        >>> from tinygrad_nn.nn import Neuron
        >>> n = Neuron(2, rng=0)
        >>> y = n([1.0, -2.0])
        >>> y.backward()
        >>> n, len(n.parameters())
        (ReLUNeuron(2), 3)
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: str | Callable[[Any], Any] = "relu",
        fused: bool = True,
        rng: Any = None,
        tensor: bool = False,
    ) -> None:
        super().__init__()
        self.nin = whole("Neuron", "nin", nin)
        self.nonlin, self.fused = nonlin, fused
        self.activation = activation if nonlin else LINEAR
        self._name, self._function = named_activation(self.activation)
        own = [name for name, function in ACTIVATIONS.items() if function is self._function]
        self._within = own[0] if own else LINEAR
        self.w: Any
        self.b: Any
        if tensor:
            dtype = default_float()
            self.w = Parameter(generator(rng).uniform(-1, 1, (nin,)), dtype=dtype)
            self.b = Parameter(0.0, dtype=dtype)
        else:
            uniform = random.uniform if rng is None else generator(rng).uniform
            self.w = [Value(uniform(-1, 1)) for _ in range(nin)]
            self.b = Value(0.0)

    def __call__(self, x: Any) -> Any:
        """Output for the inputs `x`: a sequence of numbers and Values, or a tensor."""
        if self._hooks is not None:
            return super().__call__(x)
        return self.forward(x)

    def forward(self, x: Any) -> Any:
        """f(b + Σ wᵢxᵢ)."""
        w = self.w
        if isinstance(w, Tensor):
            act = (w * x).sum(axis=-1) + self.b
        else:
            if isinstance(x, Tensor):
                raise _mixed("Neuron")
            if len(x) != len(w):
                raise ShapeError(f"Neuron: got {len(x)} inputs, expected {len(w)}")
            if self.fused:
                return self._fired(x, numbers_of(x, Value))
            act = sum((wi * xi for wi, xi in zip(w, x, strict=True)), self.b)
        return act if self._function is None else self._function(act)

    def _fired(self, x: Any, numbers: list[float] | None) -> Any:
        """Output as one node, for inputs whose floats are `numbers` if these are known."""
        within = _WITHIN[self._within]
        act = _neuron(self.w, x, numbers, self.b, *within)
        return act if within[0] or self._function is None else self._function(act)

    def parameters(self, recurse: bool = True) -> list[Any]:  # type: ignore[override]  # a list, as in micrograd
        """Weights and bias."""
        return [self.w, self.b] if isinstance(self.w, Tensor) else [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{self._name}Neuron({self.nin})"


class Layer(Module):
    """Neurons that see the same inputs.

    Args:
        nin: Number of inputs.
        nout: Number of neurons.
        tensor: Hold one `Linear`, as `linear`, in place of the list of neurons; it maps
            `(..., nin)` to `(..., nout)` and starts as `Linear` does.
        options: As for `Neuron`.

    Attributes:
        neurons: The neurons; empty in a layer of tensors.
    """

    one_row = True

    def __init__(self, nin: int, nout: int, *, tensor: bool = False, **options: Any) -> None:
        super().__init__()
        whole("Layer", "nout", nout)
        self.neurons: list[Neuron] = []
        self.linear: Linear | None = None
        if tensor:
            chosen = options.get("activation", "relu") if options.get("nonlin", True) else LINEAR
            self._name, self._function = named_activation(chosen)
            self.linear = Linear(nin, nout, rng=options.get("rng"))
        else:
            rng = options.pop("rng", None)
            draws = None if rng is None else generator(rng)
            self.neurons = [Neuron(nin, rng=draws, **options) for _ in range(nout)]

    def forward(self, x: Any) -> Any:
        """List of the neurons' outputs (the output itself if there is one), or a tensor."""
        if self.linear is not None:
            act = self.linear(x)
            return act if self._function is None else self._function(act)
        # Read once for all neurons: 0.3 µs less for each of 16 inputs.
        numbers = numbers_of(x, Value) if type(x) is list else None
        out = []
        for n in self.neurons:
            # What `n(x)` comes to if nothing about `n` is special.
            plain = numbers is not None and type(n) is Neuron and n.fused and n._hooks is None
            if plain and type(n.w) is list and len(n.w) == len(x):
                out.append(n._fired(x, numbers))
            else:
                out.append(n(x))
        return out[0] if len(out) == 1 else out

    def parameters(self, recurse: bool = True) -> list[Any]:  # type: ignore[override]
        """Parameters of all neurons."""
        if self.linear is not None:
            return list(self.linear.parameters())
        return [p for n in self.neurons for p in n.parameters()]

    def __repr__(self) -> str:
        if self.linear is not None:
            return f"{self._name}Layer({self.linear.in_features}, {self.linear.out_features})"
        return f"Layer of [{', '.join(str(n) for n in self.neurons)}]"


class MLP(Module):
    """Multi-layer perceptron: layers one after the other, the last one without activation.

    Args:
        nin: Number of inputs.
        nouts: Number of neurons of each layer.
        activation: Of the hidden layers: a name, or a function of one node.
        output: Activation of the last layer.
        fused: One node for each neuron's weighted sum.
        rng: Seed or generator of the first weights.
        tensor: Build it of tensors: `(..., nin) -> (..., nouts[-1])`.

    Attributes:
        layers: The layers.

    Example:
        >>> from tinygrad_nn.nn import MLP
        >>> MLP(2, [2, 1], rng=0)
        MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]
        >>> len(MLP(784, [16, 16, 10], activation="sigmoid", tensor=True).parameters())
        6
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: str | Callable[[Any], Any] = "relu",
        output: str | Callable[[Any], Any] = LINEAR,
        fused: bool = True,
        rng: Any = None,
        tensor: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(nouts, (list, tuple)) or not nouts:
            raise OptionError(
                f"MLP: got nouts={nouts!r}, expected a list with the size of each layer, such as "
                "[16, 16, 1]"
            )
        sizes = [nin, *nouts]
        options: dict[str, Any] = {"tensor": tensor}
        if not tensor:
            options["fused"] = fused
        if rng is not None:
            options["rng"] = generator(rng)
        last = len(nouts) - 1
        self.layers = [
            Layer(
                sizes[i],
                sizes[i + 1],
                **options,
                **_activation(output if i == last else activation),
            )
            for i in range(len(nouts))
        ]

    def forward(self, x: Any) -> Any:
        """Output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self, recurse: bool = True) -> list[Any]:  # type: ignore[override]
        """Parameters of all layers."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"


def _activation(chosen: str | Callable[[Any], Any]) -> dict[str, Any]:
    return {"nonlin": False} if chosen == LINEAR else {"activation": chosen}


def _mixed(owner: str) -> OperandError:
    return OperandError(
        f"{owner}: got a Tensor, but its weights are Values; build it with tensor=True, or give it "
        "a list of numbers"
    )
