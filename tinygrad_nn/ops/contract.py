"""Einstein summation: its notation read, and the contraction with its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_nn.core.op import Kind, composed, op
from tinygrad_nn.core.samples import Draw, Sample
from tinygrad_nn.errors import OperandError, ShapeError
from tinygrad_nn.ops.shape import broadcast_to, reshape

__all__ = ["einsum"]

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

_TEXTS = (
    "ij,jk->ik",
    "ij,jk",
    "i,i",
    "i,j->ji",
    "ii->i",
    "ii",
    "iij->ij",
    "ij->",
    "ij->ji",
    "ij,ij->",
    "ij,kj,k->i",
    "bij,bjk->bik",
    "ijk,ki,jj->k",
    ",ij->j",
    "ij,i->",
    "iji,j->ij",
    "ij,ij,ij->i",
    "...ij,...jk->...ik",
    "i...,i...->...",
    "...i->i...",
    "...ii->...i",
    "i...j->j...",
)


def _texts(draw: Draw) -> Sample:
    """A text of the list, and operands that fit it, some with sides of one."""
    text = draw.choice(_TEXTS)
    sides = {c: draw.integer(1, 3) for c in "bijk"}
    sides["j"] = draw.integer(0, 3)
    extra: list[tuple[int, ...]] = [(), (2,), (1,), (3, 2), (1, 2), (3, 1)]
    operands = []
    for term in text.split("->")[0].split(","):
        before, dots, after = term.partition("...")
        middle = draw.choice(extra) if dots else ()
        operands.append(
            draw.array((*(sides[c] for c in before), *middle, *(sides[c] for c in after)))
        )
    return (text, *operands), {}


def _contracts(draw: Draw) -> Sample:
    (text, *operands), _ = _texts(draw)
    terms, output = _explicit(text, [x.ndim for x in operands])
    return tuple(operands), {"subscripts": f"{','.join(terms)}->{output}"}


# ── The contraction ─────────────────────────────────────────────────────────────────────


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(getattr(x, "shape", ()))


def _sides(terms: Sequence[str], operands: Sequence[Any]) -> dict[str, int]:
    """Size of each label; where it is 1 in one operand and more in another, that."""
    sides: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        for label, side in zip(term, _shape(x), strict=True):
            if sides.get(label, 1) == 1:
                sides[label] = side
    return sides


def _gradient(g: Any, i: int, operands: Sequence[Any], terms: Sequence[str], output: str) -> Any:
    """Gradient of operand `i`: the contraction of `g` with all others to its own labels."""
    term, x = terms[i], operands[i]
    others = [*operands[:i], *operands[i + 1 :]]
    other_terms = [*terms[:i], *terms[i + 1 :]]
    sides = _sides(terms, operands)
    own = dict(zip(term, _shape(x), strict=True))
    known = {*output, *"".join(other_terms)}
    # A label that no one else has was summed alone, one of side 1 was repeated: the gradient
    # is the same all along the first, and the sum along the second.
    target = "".join(c for c in own if c in known and own[c] == sides[c])
    h = contract(g, *others, subscripts=f"{','.join([output, *other_terms])}->{target}")
    found = dict(zip(target, _shape(h), strict=True))
    if tuple(found) != tuple(own):
        h = reshape(h, tuple(found.get(c, 1) for c in own))
    if _shape(h) != tuple(own.values()):
        h = broadcast_to(h, tuple(own.values()))
    if len(own) == len(term):
        return h
    return uncontract(h, subscripts=f"{term}->{''.join(own)}", shape=_shape(x))


def _pullback(
    g: Any, y: Any, *operands: Any, needs: tuple[bool, ...], subscripts: str
) -> tuple[Any, ...]:
    left, output = subscripts.split("->")
    terms = left.split(",")
    return tuple(
        _gradient(g, i, operands, terms, output) if need else None for i, need in enumerate(needs)
    )


@op(kernel="contract", pullback=_pullback, kind=Kind.MULTILINEAR, samples=_contracts)
def contract(*operands: Any, subscripts: str) -> Any:
    """`einsum` with the text after its operands, the output written out and no ellipsis.

    The gradient of an operand is the contraction of the gradient that arrives with the other
    operands, to its labels.
    """


def _diagonals(draw: Draw) -> Sample:
    text, shape = draw.choice(
        [
            ("ii->i", (3, 3)),
            ("iij->ij", (2, 2, 3)),
            ("iji->ij", (2, 3, 2)),
            ("jj->j", (0, 0)),
        ]
    )
    sides = dict(zip(text, shape, strict=False))
    return (draw.array(tuple(sides[c] for c in text.split("->")[1])),), {
        "subscripts": text,
        "shape": shape,
    }


@op(
    kernel="uncontract",
    vjp=lambda g, y, x, subscripts, shape: contract(g, subscripts=subscripts),
    kind=Kind.LINEAR,
    samples=_diagonals,
)
def uncontract(x: Any, /, subscripts: str, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, but `x` on a diagonal: transpose of a contraction such as "iij->ij"."""


# ── The notation ────────────────────────────────────────────────────────────────────────


@composed(samples=_texts, numpy="einsum")
def einsum(*operands: Any, optimize: Any = None) -> Any:
    """Sum of products over labelled axes, in Einstein's notation.

    `einsum("ij,jk->ik", a, b)`: each term names the axes of one operand; axes of one name run
    together, and what the output does not name is summed. Without `->` the output has, in
    alphabetical order, the labels that occur once. "..." stands for the axes not named, which
    broadcast. A label twice in one term takes a diagonal. Also
    `einsum(a, [0, 1], b, [1, 2], [0, 2])`, with numbers for labels.

    Args:
        *operands: The text, then the arrays; or arrays and lists of labels in turn.
        optimize: Ignored, as the order of products is always chosen.

    Raises:
        ShapeError: A term does not fit its operand, or sizes of one label differ.
        OperandError: The text cannot be read.
    """
    text, arrays = _read(operands)
    terms, output = _explicit(text, [len(_shape(x)) for x in arrays])
    _check_sides(text, terms, arrays)
    return contract(*arrays, subscripts=f"{','.join(terms)}->{output}")


def _read(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """Text and arrays, from either form of the call."""
    if not operands:
        raise OperandError("einsum: got nothing, expected a text such as 'ij,jk->ik' and arrays")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    count = len(operands) // 2
    terms = [_letters(labels) for labels in operands[1 : 2 * count : 2]]
    output = f"->{_letters(operands[-1])}" if len(operands) % 2 else ""
    return ",".join(terms) + output, list(operands[: 2 * count : 2])


def _letters(labels: Sequence[Any]) -> str:
    return "".join("..." if n is Ellipsis else _LETTERS[n] for n in labels)


def _explicit(text: str, dims: Sequence[int]) -> tuple[list[str], str]:
    """Terms and output with letters for each ellipsis, and the output written out."""
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(dims):
        raise OperandError(
            f"einsum: got {len(dims)} arrays for {text!r}, expected {len(terms)}, one for each term"
        )
    letters = {*left} - {*".,"}
    if not all(c.isascii() and c.isalpha() for c in letters | {*output} - {"."}):
        raise OperandError(f"einsum: got {text!r}, expected letters, commas, '...' and '->'")
    if not arrow:
        names = left.replace(",", "")
        output = "..." * ("..." in left) + "".join(
            sorted(c for c in letters if names.count(c) == 1)
        )
    widths = [n - len(term.replace("...", "")) for term, n in zip(terms, dims, strict=True)]
    for term, n, width in zip(terms, dims, widths, strict=True):
        if width < 0 or (width and "..." not in term):
            raise ShapeError(
                f"einsum: got {n} axes for the term {term!r} of {text!r}, expected "
                f"{len(term.replace('...', ''))}"
            )
    if {*output} - letters - {"."} or len({*output} - {"."}) != len(output.replace("...", "")):
        raise OperandError(
            f"einsum: got the output {output!r} in {text!r}, expected labels of the terms, once"
        )
    widest = max((w for w, term in zip(widths, terms, strict=True) if "..." in term), default=0)
    spare = [c for c in _LETTERS if c not in letters][:widest]
    names = "".join(spare)
    if widest and arrow and "..." not in output:
        # NumPy refuses to sum over an ellipsis in silence.
        raise OperandError(
            f"einsum: got {text!r}, expected '...' in the output too, since it stands for axes"
        )
    terms = [
        term.replace("...", names[widest - w :]) for term, w in zip(terms, widths, strict=True)
    ]
    return terms, output.replace("...", names)


def _check_sides(text: str, terms: Sequence[str], arrays: Sequence[Any]) -> None:
    sides = _sides(terms, arrays)
    for term, x in zip(terms, arrays, strict=True):
        for label, side in zip(term, _shape(x), strict=True):
            if side not in (1, sides[label]):
                raise ShapeError(
                    f"einsum: got shapes {[_shape(a) for a in arrays]} for {text!r}: sizes "
                    f"{sides[label]} and {side} for one label, expected equal ones"
                )
