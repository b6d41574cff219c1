"""Layers whose units stand for places in the space of inputs: radial basis, self-organising map."""

from __future__ import annotations

from math import exp as e_to
from math import log as ln
from typing import Any, Self, Unpack

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import DataError, OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.operands import raw
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.elementwise import exp
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import expand_dims
from tinygrad_nn.tensor import Tensor

__all__ = ["RBF", "SelfOrganizingMap"]


class RBF(Module):
    """Radial basis functions φₖ(x) = exp(−‖x − cₖ‖² / 2σₖ²): `(..., in) -> (..., centers)`.

    With a linear layer behind it, the network of Broomhead and Lowe, "Multivariable functional
    interpolation and adaptive networks" (1988).

    Args:
        in_features: Numbers in a sample.
        centers: Units.
        width: First value of every σ.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        centers: Parameter (centers, in_features), normal at first; see `place`.
        log_width: Parameter (centers,): ln σ, so that σ stays positive.

    Raises:
        OptionError: A size is no whole number, or `width` is not positive.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.RBF(2, 3, rng=0)
        >>> layer(layer.centers).shape
        (3, 3)
    """

    def __init__(
        self, in_features: int, centers: int, width: float = 1.0, **factory: Unpack[Factory]
    ) -> None:
        super().__init__()
        self.in_features = whole("RBF", "in_features", in_features, 1)
        count = whole("RBF", "centers", centers, 1)
        if not width > 0:
            raise OptionError(f"RBF: got width={width!r}, expected a positive number")
        first = Start("RBF", factory)
        self.centers = first.normal((count, in_features))
        self.log_width = first.constant((count,), ln(width))

    def forward(self, input: Any) -> Any:
        """φₖ of each sample.

        Raises:
            ShapeError: The last axis is not in_features.
        """
        if not input.ndim or input.shape[-1] != self.in_features:
            raise ShapeError(f"RBF: got x {tuple(input.shape)}, expected (..., {self.in_features})")
        apart = expand_dims(input, -2) - self.centers
        return exp(-0.5 * total(apart * apart, -1) * exp(-2.0 * self.log_width))

    def place(self, inputs: Any, steps: int = 20, rng: Any = None) -> Self:
        """Move the centres to where the inputs are, by k-means, and set σ by their distance.

        σ is that of Haykin, "Neural networks" (1999), section 5.13: the largest distance of two
        centres over √(2 · centres).

        Args:
            inputs: Samples `(n, in_features)`, at least as many as centres.
            steps: Rounds of Lloyd's algorithm.
            rng: Seed or generator of the first choice.

        Raises:
            DataError: There are fewer samples than centres.
        """
        x = raw(inputs)
        xp = namespace(x)
        count = self.centers.shape[0]
        if len(x) < count:
            raise DataError(f"RBF.place: got {len(x)} samples for {count} centers, expected more")
        centers = x[generator(rng).permutation(len(x))[:count]].astype(self.centers.dtype)
        for _ in range(steps):
            nearest = _distances(x, centers).argmin(1)
            for k in range(count):
                if (nearest == k).any():
                    centers[k] = x[nearest == k].mean(0)
        self.centers.data = centers
        spread = float(_distances(centers, centers).max()) ** 0.5 / (2 * count) ** 0.5
        self.log_width.data = xp.full((count,), ln(spread or 1.0), dtype=self.log_width.dtype)
        return self

    def extra_repr(self) -> str:
        """Sizes."""
        return f"in_features={self.in_features}, centers={self.centers.shape[0]}"


def _distances(x: Any, units: Any) -> Any:
    """Squared distances `(n, units)`."""
    squares = (x * x).sum(1)[:, None] - 2 * x @ units.T + (units * units).sum(1)
    return namespace(x).maximum(squares, 0.0)


class SelfOrganizingMap(Module):
    """Kohonen's map: units on a grid, neighbours on which answer to neighbouring inputs.

    For each input the nearest unit c is found, and all move towards it:
    wᵢ ← wᵢ + α e^(−‖rᵢ − r_c‖² / 2s²) (x − wᵢ), with places r on the grid, the rate α and the
    radius s falling (Kohonen, "Self-organized formation of topologically correct feature maps",
    1982). There is no gradient in it: `fit` and `step` move the units.

    Args:
        rows: Of the grid.
        columns: Of the grid.
        in_features: Numbers in a sample.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Buffer (rows, columns, in_features): what each unit stands for.

    Example:
        >>> from tinygrad_nn import nn
        >>> from tinygrad_nn.data import load_digits
        >>> digits = load_digits().flatten()
        >>> som = nn.SelfOrganizingMap(6, 6, 64, rng=0)
        >>> before = som.quantization_error(digits.inputs)
        >>> som.fit(digits.inputs, steps=2000, rng=0).quantization_error(digits.inputs) < before
        True
    """

    weight: Tensor

    def __init__(
        self, rows: int, columns: int, in_features: int, **factory: Unpack[Factory]
    ) -> None:
        super().__init__()
        name = "SelfOrganizingMap"
        self.rows, self.columns = whole(name, "rows", rows, 1), whole(name, "columns", columns, 1)
        self.in_features = whole(name, "in_features", in_features, 1)
        first = Start(name, factory).uniform((rows, columns, in_features), 0.5)
        self.register_buffer("weight", (first + 0.5).detach())

    def forward(self, input: Any) -> Any:
        """Row and column of each sample's nearest unit: `(n, in_features) -> (n, 2)` integers."""
        nearest = self._squares(input).argmin(1)
        xp = namespace(nearest)
        return Tensor.wrap(xp.stack(xp.divmod(nearest, self.columns), axis=1))

    def _squares(self, input: Any) -> Any:
        x = raw(input)
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ShapeError(
                f"SelfOrganizingMap: got inputs {tuple(x.shape)}, expected (n, {self.in_features})"
            )
        if not len(x):
            raise DataError("SelfOrganizingMap: got no samples, expected at least one")
        return _distances(x, self.weight.synced().reshape(-1, self.in_features))

    def step(self, sample: Any, rate: float, radius: float) -> None:
        """Move the units towards one sample `(in_features,)`."""
        x = raw(sample)
        row, column = self.forward(x[None]).tolist()[0]
        weight = self.weight.synced()
        xp = namespace(weight)
        rows, columns = xp.arange(self.rows)[:, None] - row, xp.arange(self.columns) - column
        near = xp.exp(-(rows**2 + columns**2) / (2 * max(radius, 1e-6) ** 2))
        pull = (rate * near[..., None]).astype(weight.dtype)
        self.weight.data = weight + pull * (x - weight)

    def fit(
        self,
        inputs: Any,
        steps: int,
        rate: float = 0.5,
        radius: float | None = None,
        rng: Any = None,
    ) -> Self:
        """Take `steps` steps at random samples.

        Rate and radius fall exponentially, to a hundredth of `rate` and to half a unit.

        Args:
            inputs: Samples `(n, in_features)`.
            steps: Number of steps.
            rate: α of the first step, in (0, 1].
            radius: s of the first step; None for half the longer side.
            rng: Seed or generator of the choice of samples.

        Raises:
            OptionError: `rate` is outside (0, 1].
        """
        if not 0 < rate <= 1:
            raise OptionError(f"SelfOrganizingMap.fit: got rate={rate!r}, expected one in (0, 1]")
        x = raw(inputs)
        self._squares(x[:1])
        first = max(self.rows, self.columns) / 2 if radius is None else radius
        for step, row in enumerate(generator(rng).integers(0, len(x), steps)):
            done = step / steps
            self.step(x[row], rate * 0.01**done, first * e_to(-done * ln(first / 0.5)))
        return self

    def quantization_error(self, inputs: Any) -> float:
        """Mean distance of the samples from their nearest units."""
        nearest = self._squares(inputs).min(1)
        return float(namespace(nearest).sqrt(nearest).mean())

    def topographic_error(self, inputs: Any) -> float:
        """Share of the samples whose two nearest units are no neighbours, diagonals included.

        From Kiviluoto, "Topology preservation in self-organizing maps" (1996).
        """
        squares = self._squares(inputs)
        xp = namespace(squares)
        best = xp.argsort(squares, axis=1)[:, :2]
        rows, columns = xp.divmod(best, self.columns)
        apart = xp.maximum(abs(rows[:, 0] - rows[:, -1]), abs(columns[:, 0] - columns[:, -1]))
        return float((apart > 1).mean())

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.rows}, {self.columns}, in_features={self.in_features}"
