"""Characters and bytes as numbers, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_nn.data.arguments import flag, shown
from tinygrad_nn.errors import DataError, DTypeError, OptionError

__all__ = ["ByteVocabulary", "CharacterVocabulary"]

_BYTES: Final = 256


@dataclass(frozen=True)
class CharacterVocabulary:
    """The characters that a model knows, each with its number.

    Args:
        characters: each once, in the order of their numbers. `from_text` finds them.
        boundary: the number 0 stands for the start and the end of a line, not for a character;
            the characters are numbered from 1.

    Example:
        >>> letters = CharacterVocabulary.from_text("hello")
        >>> letters.characters, letters.encode("hole").tolist()
        ('ehlo', [1, 3, 2, 0])
        >>> letters.decode([1, 0, 2, 2, 3])
        'hello'
    """

    characters: str
    boundary: bool = False
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        flag("boundary", self.boundary)
        characters: object = self.characters
        if not isinstance(characters, str) or not characters:
            raise OptionError(
                f"characters: got {shown(self.characters)}, expected a text of at least one "
                f"character; use CharacterVocabulary.from_text(text)"
            )
        first = int(self.boundary)
        numbers = {letter: place for place, letter in enumerate(self.characters, first)}
        if len(numbers) != len(self.characters):
            raise OptionError(
                f"characters: got {shown(self.characters)}, expected each character once; use "
                f"CharacterVocabulary.from_text(text)"
            )
        object.__setattr__(self, "_numbers", numbers)

    @classmethod
    def from_text(cls, text: str | Iterable[str], *, boundary: bool = False) -> CharacterVocabulary:
        """Return the vocabulary of the characters in a text or in lines, sorted."""
        known: set[str] = set()
        for part in [text] if isinstance(text, str) else text:
            known.update(part)
        if not known:
            raise DataError("from_text: got no characters, expected a text with at least one")
        return cls("".join(sorted(known)), boundary)

    def __len__(self) -> int:
        """Return how many numbers there are, the boundary included."""
        return len(self.characters) + int(self.boundary)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the numbers of the characters, shape (len(text),).

        Raises:
            DataError: a character is unknown; the message says which and where.
        """
        if not isinstance(text, str):
            raise OptionError(f"encode: got {shown(text)}, expected a text")
        try:
            return np.array([self._numbers[letter] for letter in text], np.int64)
        except KeyError as error:
            unknown = error.args[0]
            raise DataError(
                f"encode: got the character {unknown!r} at place {text.index(unknown)}, which is "
                f"none of the {len(self.characters)} known ones; make the vocabulary from all "
                f"texts, or leave the character out"
            ) from error

    def decode(self, numbers: ArrayLike) -> str:
        """Return the text of numbers; a boundary ends it, but for one at the very start.

        Raises:
            DataError: a number is out of range.
        """
        values = _numbers(numbers, len(self))
        if self.boundary:
            if values[:1] == [0]:
                values = values[1:]
            values = values[: values.index(0)] if 0 in values else values
        return "".join(self.characters[value - int(self.boundary)] for value in values)


class ByteVocabulary:
    """Every text as its UTF-8 bytes: 256 numbers, none unknown.

    Example:
        >>> ByteVocabulary().encode("né").tolist(), ByteVocabulary().decode([110, 195, 169])
        ([110, 195, 169], 'né')
    """

    boundary = False

    def __len__(self) -> int:
        """Return 256."""
        return _BYTES

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the bytes of a text."""
        if not isinstance(text, str):
            raise OptionError(f"encode: got {shown(text)}, expected a text")
        return np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64)

    def decode(self, numbers: ArrayLike) -> str:
        """Return the text of bytes; what is no UTF-8 becomes the replacement character."""
        return bytes(_numbers(numbers, _BYTES)).decode("utf-8", errors="replace")

    def __eq__(self, other: object) -> bool:
        """Tell whether the other is one, too."""
        return isinstance(other, ByteVocabulary)

    def __hash__(self) -> int:
        """Return the same number for each."""
        return _BYTES

    def __repr__(self) -> str:
        """Return the call."""
        return "ByteVocabulary()"


def _numbers(numbers: Any, count: int) -> list[int]:
    values = np.asarray(numbers)
    if values.ndim != 1 or (len(values) and values.dtype.kind not in "ui"):
        raise DTypeError(
            f"decode: got {shown(numbers)}, expected one row of whole numbers; take the largest "
            f"output of each step first, as in outputs.argmax(axis=-1)"
        )
    if len(values) and not 0 <= values.min() <= values.max() < count:
        raise DataError(
            f"decode: got numbers from {values.min()} to {values.max()}, expected 0 to {count - 1}"
        )
    return [int(value) for value in values]
