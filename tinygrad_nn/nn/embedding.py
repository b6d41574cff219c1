"""Tables of vectors, one for each word, token or class: `Embedding`, and bags of them."""

from __future__ import annotations

from typing import Any, Self, Unpack

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.bag import check_mode
from tinygrad_nn.nn.functional.embedding import padding_row
from tinygrad_nn.nn.functional.operands import floats, overwrite
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class Embedding(Module):
    """Row of a table for each number: `(...) -> (..., embedding_dim)`.

    Args:
        num_embeddings: Rows; the numbers go from 0 to num_embeddings - 1.
        embedding_dim: Numbers in a row.
        padding_idx: Row that starts at 0 and gets no gradient; negative counts from the end.
        max_norm: Rows that are looked up and longer are first shortened to it, in the table.
        norm_type: p of the p-norm that `max_norm` limits.
        scale_grad_by_freq: Divide the gradient of a row by how often it is looked up.
        sparse: Accepted as in PyTorch; the gradient is an ordinary array all the same.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_embeddings, embedding_dim); starts normal, with variance 1.

    Raises:
        OptionError: A size is no integer of at least 0, or `padding_idx` is outside the table.

    Example:
        >>> from tinygrad_nn import nn
        >>> words = nn.Embedding(10, 3, padding_idx=0, rng=0)
        >>> words([[1, 2, 0], [4, 0, 0]]).shape
        (2, 3, 3)
        >>> words([0]).tolist()
        [[0.0, 0.0, 0.0]]
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.num_embeddings = whole("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = whole("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = padding_row("Embedding", padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight = Start("Embedding", factory).normal((num_embeddings, embedding_dim))
        if self.padding_idx is not None:
            _blank(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """Layer around a table that exists already; it is copied.

        Args:
            embeddings: Floats (num_embeddings, embedding_dim).
            freeze: Whether training leaves it as it is.
            padding_idx: As for the class; the row is not set to 0.
            max_norm: As for the class.
            norm_type: As for the class.
            scale_grad_by_freq: As for the class.
            sparse: As for the class.

        Raises:
            ShapeError: The table has not two axes.
        """
        table = pretrained(cls.__name__, embeddings)
        layer = cls(
            table.shape[0],
            table.shape[1],
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            dtype=table.dtype,
        )
        layer.weight = Parameter(table, requires_grad=not freeze)
        return layer

    def forward(self, index: Any) -> Any:
        """Rows at `index`."""
        return functional.embedding(
            index,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Sizes, and options that are not the usual ones."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text + (", sparse=True" if self.sparse else "")


class EmbeddingBag(Module):
    """Sum, mean or greatest of the rows of a table in each bag; an empty bag gives 0.

    `(bags, length)`, or `(numbers,)` with offsets `(bags,)`, give `(bags, embedding_dim)`.

    Args:
        num_embeddings: Rows; the numbers go from 0 to num_embeddings - 1.
        embedding_dim: Numbers in a row.
        max_norm: Rows that are looked up and longer are first shortened to it, in the table.
        norm_type: p of the p-norm that `max_norm` limits.
        scale_grad_by_freq: Divide the gradient of a row by how often it is looked up.
        mode: "sum", "mean" or "max".
        sparse: Accepted as in PyTorch; the gradient is an ordinary array all the same.
        include_last_offset: Whether offsets end with the number of numbers.
        padding_idx: Number that is left out of the bags; its row starts at 0.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_embeddings, embedding_dim); starts normal, with variance 1.

    Raises:
        OptionError: A size is no integer of at least 0, or another argument is out of range.

    Example:
        >>> from tinygrad_nn import nn
        >>> bags = nn.EmbeddingBag(10, 3, rng=0)
        >>> bags([1, 2, 4, 5], offsets=[0, 3]).shape
        (2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        self.num_embeddings = whole("EmbeddingBag", "num_embeddings", num_embeddings)
        self.embedding_dim = whole("EmbeddingBag", "embedding_dim", embedding_dim)
        check_mode("EmbeddingBag", mode, scale_grad_by_freq)
        self.padding_idx = padding_row("EmbeddingBag", padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.mode, self.include_last_offset = mode, include_last_offset
        self.weight = Start("EmbeddingBag", factory).normal((num_embeddings, embedding_dim))
        if self.padding_idx is not None:
            _blank(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Layer around a table that exists already; it is copied.

        Args:
            embeddings: Floats (num_embeddings, embedding_dim).
            freeze: Whether training leaves it as it is.
            max_norm: As for the class.
            norm_type: As for the class.
            scale_grad_by_freq: As for the class.
            mode: As for the class.
            sparse: As for the class.
            include_last_offset: As for the class.
            padding_idx: As for the class; the row is not set to 0.

        Raises:
            ShapeError: The table has not two axes.
        """
        table = pretrained(cls.__name__, embeddings)
        layer = cls(
            table.shape[0],
            table.shape[1],
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            include_last_offset,
            padding_idx,
            dtype=table.dtype,
        )
        layer.weight = Parameter(table, requires_grad=not freeze)
        return layer

    def forward(self, index: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        """What each bag comes to."""
        return functional.embedding_bag(
            index,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Sizes, and options that are not the usual ones."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text + (f", padding_idx={self.padding_idx}" if self.padding_idx is not None else "")


def pretrained(name: str, embeddings: Any) -> Any:
    """Array of a table given by the user.

    Raises:
        ShapeError: It has not two axes.
    """
    table = floats(name, embeddings, "a table")
    if table.ndim != 2:
        raise ShapeError(
            f"{name}.from_pretrained: got {table.shape}, expected (num_embeddings, embedding_dim)"
        )
    return table.synced()


def _blank(weight: Parameter, row: int) -> None:
    table = weight.synced().copy()
    table[row] = 0
    overwrite(weight, table)
