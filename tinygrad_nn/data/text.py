"""Text for models that continue it: windows with the next character as target, and lines."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import is_whole, shown, whole_number
from tinygrad_nn.data.arrays import owned
from tinygrad_nn.data.dataset import Rows, checked_rows
from tinygrad_nn.data.shuffling import Rng, own_generator
from tinygrad_nn.data.unpacking import DAMAGE, open_unpacked
from tinygrad_nn.data.vocabulary import ByteVocabulary, CharacterVocabulary
from tinygrad_nn.errors import DataError, OptionError, PositionError

__all__ = ["LineDataset", "TextDataset", "read_names"]

Vocabulary = CharacterVocabulary | ByteVocabulary
IGNORED: Final = -100
"""The target that losses leave out: `ignore_index` of `CrossEntropyLoss`."""
_MAX_BYTES: Final = 1 << 30


class TextDataset:
    """The windows of a text: `context` characters, and for each the one that follows it.

    Example i is `(x, y)`, both int64 of shape (context,): y is x one character on.

    Args:
        text: the whole text.
        context: characters in a window.
        vocabulary: None makes a `CharacterVocabulary` of the text; `ByteVocabulary()` takes
            its bytes.
        stride: characters between the starts of windows: 1 for all windows, `context` for
            windows that do not overlap.

    Attributes:
        numbers: the encoded text, int64.
        vocabulary: encodes and decodes.

    Raises:
        DataError: the text is too short for one window, or has an unknown character.

    Example:
        >>> windows = TextDataset("abcabc", context=3)
        >>> len(windows), [part.tolist() for part in windows[1]]
        (3, [[1, 2, 0], [2, 0, 1]])
    """

    def __init__(
        self,
        text: str,
        context: int,
        *,
        vocabulary: Vocabulary | None = None,
        stride: int = 1,
    ) -> None:
        if not isinstance(text, str):
            raise OptionError(
                f"text: got {shown(text)}, expected a text; pass Path(...).read_text('utf-8')"
            )
        self.context: Final = whole_number("context", context, 1)
        self.stride: Final = whole_number("stride", stride, 1)
        if vocabulary is None and text:
            vocabulary = CharacterVocabulary.from_text(text)
        self.vocabulary: Final = ByteVocabulary() if vocabulary is None else vocabulary
        self.numbers: Final = owned(self.vocabulary.encode(text))
        if len(self.numbers) <= context:
            raise DataError(
                f"text: got {len(self.numbers)} characters, expected at least {context + 1} for a "
                f"window of {context} and the character behind it; lower context="
            )

    def __len__(self) -> int:
        """Return the number of windows."""
        return (len(self.numbers) - self.context - 1) // self.stride + 1

    def __getitem__(self, key: int | Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return one window, or several as (k, context)."""
        if is_whole(key):
            rows = np.arange(len(self))[_position(key, len(self))]
        else:
            rows = np.arange(len(self))[checked_rows(key, len(self))]
        return self._windows(rows * self.stride)

    def sample(self, count: int, rng: Rng) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return random windows that start anywhere, both of shape (count, context).

        Args:
            count: how many; one may come twice.
            rng: a generator, which is advanced, or a seed.
        """
        generator = rng if isinstance(rng, np.random.Generator) else own_generator(rng)
        places = len(self.numbers) - self.context
        return self._windows(generator.integers(0, places, whole_number("count", count, 1)))

    def _windows(self, starts: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        places = np.asarray(starts)[..., None] + np.arange(self.context)
        return self.numbers[places], self.numbers[places + 1]

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"TextDataset({len(self.numbers)} characters, context={self.context}, "
            f"stride={self.stride}, vocabulary={len(self.vocabulary)})"
        )


class LineDataset:
    """Lines of characters, such as names, for a model that writes new ones.

    A line of k characters gives k + 1 steps: the inputs are the boundary 0 and the characters,
    the targets the characters and the boundary, which thus both starts and ends a line. Behind
    it the inputs are 0, the targets -100, which `CrossEntropyLoss` leaves out, and the mask False.

    Example i is `(inputs, targets, mask)`, each of shape (length,): int64, int64 and bool.

    Args:
        lines: texts without line breaks, at least one of them not empty.
        vocabulary: with a boundary; None makes it of the lines.
        length: steps of a row; None takes those of the longest line.

    Attributes:
        lines: as a tuple.
        inputs, targets, mask: all rows, shape (n, length), read-only.

    Raises:
        DataError: no lines, a line with too many characters for `length`, or an unknown character.

    Example:
        >>> names = LineDataset(["ada", "al"])
        >>> [part.tolist() for part in names[1]]
        [[0, 1, 3, 0], [1, 3, 0, -100], [True, True, True, False]]
        >>> names.vocabulary.decode(names.inputs[0])
        'ada'
    """

    def __init__(
        self,
        lines: Sequence[str],
        *,
        vocabulary: CharacterVocabulary | None = None,
        length: int | None = None,
    ) -> None:
        if isinstance(lines, str):
            raise OptionError("lines: got one text, expected a list; pass text.splitlines()")
        self.lines: Final = tuple(lines)
        if not self.lines:
            raise DataError("lines: got none, expected at least one; check the file")
        if vocabulary is None:
            vocabulary = CharacterVocabulary.from_text(self.lines, boundary=True)
        if not vocabulary.boundary:
            raise OptionError(
                "vocabulary: got one without a boundary, expected one whose number 0 starts and "
                "ends a line; make it with CharacterVocabulary.from_text(lines, boundary=True)"
            )
        self.vocabulary: Final = vocabulary
        longest = max(map(len, self.lines)) + 1
        self.length: Final = longest if length is None else whole_number("length", length, 1)
        if longest > self.length:
            worst = max(self.lines, key=len)
            raise DataError(
                f"length: got {self.length} for the line {shown(worst)}, expected at least "
                f"{longest}, its characters and the boundary; raise it or leave out long lines"
            )
        inputs = np.zeros((len(self.lines), self.length), np.int64)
        targets = np.full_like(inputs, IGNORED)
        for row, line in enumerate(self.lines):
            numbers = vocabulary.encode(line)
            inputs[row, 1 : len(numbers) + 1] = numbers
            targets[row, : len(numbers)] = numbers
            targets[row, len(numbers)] = 0
        self.inputs: Final = owned(inputs)
        self.targets: Final = owned(targets)
        self.mask: Final = owned(targets != IGNORED)

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.lines)

    def __getitem__(self, key: int | Rows) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return `(inputs, targets, mask)` of one line or of several."""
        rows = _position(key, len(self)) if is_whole(key) else checked_rows(key, len(self))
        return self.inputs[rows], self.targets[rows], self.mask[rows]

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"LineDataset({len(self)} lines, length={self.length}, "
            f"vocabulary={len(self.vocabulary)})"
        )


def read_names(
    path: str | PathLike[str], *, encoding: str = "utf-8-sig", length: int | None = None
) -> LineDataset:
    r"""Return the lines of a text file, such as a list of names, as a `LineDataset`.

    Blanks around a line are dropped, and so are empty lines.

    Args:
        path: the file, plain or gzip-compressed.
        encoding: of the text.
        length: steps of a row; None takes those of the longest line.

    Raises:
        DataError: no lines, text in another encoding, a file above 1 GiB, or see `LineDataset`.
        OSError: the file does not exist or cannot be read.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "names.txt"
        ...     _ = path.write_text("emma\nolivia\n\nava\n")
        ...     read_names(path)
        LineDataset(3 lines, length=7, vocabulary=8)
    """
    with open_unpacked(path) as stream:
        try:
            content = stream.read(_MAX_BYTES + 1)
        except DAMAGE as error:
            raise DataError(f"{path}: got damaged compressed data ({error})") from error
    if len(content) > _MAX_BYTES:
        raise DataError(f"{path}: got more than {_MAX_BYTES:,} bytes, expected a list of names")
    try:
        text = content.decode(encoding)
    except UnicodeError as error:
        raise DataError(
            f"{path}: got bytes that are not {encoding} ({error}), expected text; pass "
            f"encoding='latin-1' or 'utf-16', whichever the file was saved in"
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    if not any(lines):
        raise DataError(f"{path}: got no lines with text, expected at least one")
    return LineDataset([line for line in lines if line], length=length)


def _position(key: Any, count: int) -> int:
    if -count <= key < count:
        return int(key)
    raise PositionError(f"example {key} of {count}; expected {-count} to {count - 1}")
