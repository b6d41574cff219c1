"""`trace` and `tracing`: one pass, forward and backward, recorded as plain data.

Without them nothing is watched: an operation looks at one bit, as it does anyway, a module
without hooks is called straight away, and a backward pass without observers is the plain one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import numpy as np

from tinygrad_nn import ops
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import OperandError
from tinygrad_nn.viz.choices import checked_choice
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.trace.graph import Sources, model_names
from tinygrad_nn.viz.trace.model import Failure, Trace
from tinygrad_nn.viz.trace.nodes import write
from tinygrad_nn.viz.trace.recorder import record_pass
from tinygrad_nn.viz.trace.watching import Watch

__all__ = ["Tracing", "trace", "tracing"]

_ON_ERROR = ("raise", "record")


def trace(x: Any, /, *args: Any, model: Any = None, on_error: str = "raise", **options: Any) -> Any:
    """Record one pass: every number, every use, and every step of the backward pass.

    Of a loss the graph below it is recorded, and a backward pass is run for the recording: no
    `grad` changes, and the graph is kept. A function is called with the arguments, under watch,
    so that the trace knows the user's lines and the calls of modules too.

    Given a matrix, or an array of more axes, without `model`, it is NumPy's function of this
    name: the sum of the diagonal, with its arguments `offset`, `axis1` and `axis2`.

    Where there can be no backward pass, since the result is no single number, requires no
    gradient, or was freed by an earlier pass, the forward computation is recorded, and the
    trace says why. If a function or a rule raises, so does this, unless `on_error` is "record".

    Recording takes time: some 35 µs for each operation on numbers, 3.5 s for 100,000 of them, and
    some ten readings of each array. Traces of more than 2,000 nodes have no pictures of their
    arrays. Who records nothing pays nothing: no line of the engine is there for this.

    Args:
        x: Value or Tensor, usually a loss; or a function or module that gives one.
        args: What to call the function with.
        model: Module, or a list of several: parameters bear its paths as names, and of a
            function each call of a module is recorded. A module that is traced is its own.
        on_error: "raise", or "record" to get the trace of what ran; its `failure` says where
            it broke and why.
        options: More of what to call the function with.

    Returns:
        A `Pass`.

    Raises:
        OperandError: There is nothing to trace in what was given.
        OptionError: `on_error` is none of its choices.

    Example:
        >>> import tinygrad_nn as tg
        >>> a, b = tg.Value(3.0, name="a"), tg.Value(4.0, name="b")
        >>> found = tg.trace(a * b + a)
        >>> found
        <Pass of 'add_1': 4 nodes, 4 backward steps>
        >>> [(step.contribution, step.sum) for step in found.steps]
        [(1.0, 1.0), (1.0, 1.0), (4.0, 5.0), (3.0, 3.0)]
        >>> found.records[0].gradient.elements
        (5.0,)
    """
    checked_choice("trace", "on_error", on_error, _ON_ERROR)
    if isinstance(x, Node) and (model is not None or np.ndim(x._data) < 2):
        if args or options:
            raise OperandError(
                f"trace: got arguments beside a {type(x).__name__}, expected them for a function "
                "only"
            )
        return Pass.of(_recorded(x, Sources(names=model_names(model)), on_error))
    if callable(x) and not isinstance(x, Node):
        return _called(x, args, options, model, on_error)
    if getattr(x, "ndim", 0) > 1:
        return ops.trace(x, *args, **options)
    raise OperandError(
        f"trace: got {type(x).__name__}, expected a Value or Tensor, such as a loss, or a "
        "function that gives one"
    )


@contextmanager
def tracing(model: Any = None) -> Iterator[Tracing]:
    """Watch the body, in this thread: operations, calls of modules, and backward passes.

    Every result is kept until the object is dropped, so let the body hold one pass or a few.
    The body runs slower: an operation on numbers takes some 7 µs more, and in a backward pass
    some 9 µs.

    Args:
        model: Module, or a list of several, whose calls are recorded and whose parameters
            bear their paths as names.

    Raises:
        OperandError: `model` is no module.

    Example:
        >>> import tinygrad_nn as tg
        >>> a = tg.Value(-1.0, name="a")
        >>> with tg.tracing() as t:
        ...     (a * a).log().backward()
        >>> [r.name for r in t.trace().records]
        ['a', 'multiply_1', 'log_1']
    """
    found = Tracing(model)
    with found.watch():
        yield found


class Tracing:
    """What was seen in the body of `tracing`; see there."""

    def __init__(self, model: Any = None) -> None:
        self.watch = Watch(model)

    @property
    def failure(self) -> Failure | None:
        """How the body ended before its time, or None."""
        return self.watch.failure

    def trace(self, root: Any = None) -> Pass:
        """Trace of one pass.

        Args:
            root: Value or Tensor, usually a loss: the graph below it. If no backward pass ran
                from it last, one is run for the recording, as by `tinygrad_nn.trace`. Without
                it: the last backward pass of the body; if there was none, the last result;
                and if the body ended by an exception, what ran before it.

        Raises:
            OperandError: `root` is no Value or Tensor, or nothing ran in the body.
        """
        if root is not None and not isinstance(root, Node):
            raise OperandError(
                f"trace: got {type(root).__name__}, expected a Value or Tensor, or nothing for "
                "the last pass"
            )
        return Pass.of(self._trace(root, "record"))

    def _trace(self, root: Node | None, on_error: str) -> Trace:
        watch = self.watch
        steps, sources = watch.steps, watch.sources()
        if root is None and watch.failure is not None and steps.failure is None:
            return self._broken(sources)
        if root is None and steps.root is None:
            root = next(reversed(watch.facts), None)
        if root is None and steps.root is None:
            raise OperandError(
                "trace: nothing ran in the body; compute there what is to be traced, or pass it: "
                "t.trace(loss)"
            )
        if root is None or root is steps.root:
            assert steps.root is not None
            sources.steps = steps
            sources.tell_failure(steps)
            return write([steps.root], sources)
        with watch.muted():
            return _recorded(root, sources, on_error)

    def _broken(self, sources: Sources) -> Trace:
        """What ran since the last pass, the operands of what raised included."""
        watch = self.watch
        sources.failure = watch.failure
        if watch.is_passed:
            assert watch.steps.root is not None
            sources.steps, sources.broken = watch.steps, watch.steps.root
            return write([watch.steps.root], sources)
        roots = [*(x for x in watch.operands if x not in watch.facts), *watch.ran()]
        if not roots:
            raise OperandError(
                f"trace: the body ended before anything ran in it: {_words(watch.failure)}"
            )
        sources.broken, sources.operands = roots[-1], watch.operands
        sources.why = "the computation broke before it"
        return write(roots, sources)


def _called(x: Any, args: Any, options: Any, model: Any, on_error: str) -> Pass:
    if model is None and hasattr(x, "named_modules"):
        model = x
    found = Tracing(model)
    result = None
    try:
        with found.watch():
            result = x(*args, **options)
    except Exception as error:
        if not args and not options and _is_short(x, error):
            name = getattr(x, "__name__", type(x).__name__)
            raise OperandError(
                f"trace: {name} cannot be called without arguments: {error}; pass them behind it: "
                "tinygrad_nn.trace(net, x)"
            ) from error
        if on_error == "raise":
            _advise(error)
            raise
        return found.trace()
    root = _root(result)
    if root is None and found.watch.steps.root is None:
        raw = any(isinstance(a, (np.ndarray, float)) for a in (*args, *options.values()))
        advice = "; it was called with plain numbers: pass tensors, such as " * raw
        raise OperandError(
            f"trace: the function returned {type(result).__name__}, expected a Value or Tensor, "
            f"such as a loss{advice}{'tinygrad_nn.tensor(A, requires_grad=True)' * raw}"
        )
    return Pass.of(found._trace(root, on_error))


def _is_short(x: Any, error: Exception) -> bool:
    """Whether a function or module broke since it needs arguments that it was not given."""
    if not isinstance(error, TypeError) or " missing " not in str(error):
        return False
    if hasattr(x, "named_modules"):  # which hands what it is given to its parts
        return True
    try:
        signature(x).bind()
    except TypeError:
        return True
    except ValueError:  # it tells no signature
        return False
    return False


def _root(result: Any) -> Node | None:
    """The only single number in a nest of results, or the only result."""
    nodes = list(dict.fromkeys(x for x in flatten(result)[0] if isinstance(x, Node)))
    single = [node for node in nodes if np.size(node._data) == 1]
    if len(single or nodes) > 1:
        what = "single numbers" if single else "tensors"
        raise OperandError(
            f"trace: the function returned {len(single or nodes)} {what}, expected one, such as "
            "a loss, that a pass begins at; return that one, or their sum"
        )
    return next(iter(single or nodes), None)


def _recorded(root: Node, sources: Sources, on_error: str) -> Trace:
    try:
        return record_pass(root, sources, raises=on_error == "raise")
    except Exception as error:
        _advise(error)
        raise


def _advise(error: Exception) -> None:
    error.add_note("tinygrad_nn.trace(..., on_error='record') gives a trace of what ran before")


def _words(failure: Failure | None) -> str:
    return "" if failure is None else failure.message
