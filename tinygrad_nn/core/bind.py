"""What is called when an operation is: apply the kernel, make the node, record the inputs.

One caller for each common form, since a general one costs some 3 µs more on every call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from tinygrad_nn.core.capturing import CAPTURING, Traced
from tinygrad_nn.core.node import CAPTURE, CLOCK, MODE, RECORD, WATCH, Node
from tinygrad_nn.core.watch import WATCHERS
from tinygrad_nn.errors import OperandError, ShapeError, TinygradError

if TYPE_CHECKING:
    from tinygrad_nn.core.record import Op

__all__ = ["FREED", "VARIADIC", "caller_of", "describe", "heaviest"]

VARIADIC = -1
"""Arity of an operation whose inputs are kept as one tuple."""
FREED = -2
"""Arity of the record that a freed node points to."""

_PLAIN = (float, int, bool)


def heaviest(args: Sequence[Any]) -> type:
    """Type of the argument whose library computes: the first that is no plain number.

    While a step is captured that is the first traced one.
    """
    # By type, since NumPy's float64 is a Python float too, and its library computes.
    found = [kind for x in args if (kind := type(x)) not in _PLAIN]
    if not found:
        return float
    return _leading(found) if MODE.get() & CAPTURE else found[0]


def _leading(kinds: Sequence[type]) -> type:
    """The first traced type, that of an array or a `Value` before that of a known number."""
    return max(
        kinds, key=lambda kind: kind.__array_priority__ if issubclass(kind, Traced) else -inf
    )


def caller_of(record: Op) -> Callable[..., Any]:
    """What takes the place of the decorated function."""
    if record.arity == 1:
        return _bind_unary_static(record) if record.static else _bind_unary(record)
    if record.arity == 2 and not record.static and None not in record.rules:
        return _bind_binary(record)
    return _bind_nodes(record)


_new = object.__new__


def _bind_unary(op: Op) -> Callable[..., Any]:
    """Caller of one input: 0.4 µs around a kernel, against 4 for the general one."""
    kernels, mode, differentiable = op.kernels, MODE.get, op.differentiable

    def call(x: Any, /) -> Any:
        if not isinstance(x, Node):
            return kernels[type(x)][0](x)
        now = mode()
        if now > RECORD:
            (x,) = _lift(now, (x,))
        value = x._data if x.extra is None else x.synced()
        try:
            kernel, cls = kernels[type(value)]
            out = kernel(value)
        except Exception as error:
            raise _explained(op, error, (x,)) from error
        if type(out) is not type(value):
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.b = node.params = node._grad = node.extra = None
        if x.op is not None and differentiable and now & RECORD:
            node.op, node.a = op, x
        else:
            node.op = node.a = None
        if now > RECORD:
            _tell(now, op, node, (x,), None)
        return node

    return call


def _bind_unary_static(op: Op) -> Callable[..., Any]:
    """Caller of one input with static arguments."""
    kernels, mode, differentiable = op.kernels, MODE.get, op.differentiable
    defaults = op.defaults if len(op.static) == len(op.defaults or ()) else None

    def call(x: Any, /, *args: Any, **given: Any) -> Any:
        if not isinstance(x, Node):
            # Rules come here with payloads: a kernel takes the same arguments as its operation.
            return kernels[type(x)][0](x, *args, **given)
        now = mode()
        if now > RECORD:
            (x,) = _lift(now, (x,))
        value = x._data if x.extra is None else x.synced()
        params = defaults
        try:
            kernel, cls = kernels[type(value)]
            if args or given or defaults is None:
                params = op.complete(args, given)
                out = kernel(value, **params)
            else:
                out = kernel(value)
        except Exception as error:
            raise _explained(op, error, (x,), params) from error
        if type(out) is not type(value):
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.b = node._grad = node.extra = None
        if x.op is not None and differentiable and now & RECORD:
            node.op, node.a, node.params = op, x, params
        else:
            node.op = node.a = node.params = None
        if now > RECORD:
            _tell(now, op, node, (x,), params)
        return node

    return call


def _bind_binary(op: Op) -> Callable[..., Any]:
    """Caller of two inputs."""
    kernels, mode, differentiable = op.kernels, MODE.get, op.differentiable

    def call(a: Any, b: Any, /) -> Any:  # noqa: PLR0912  (hot: one branch for each kind of operand)
        now = mode()
        if now > RECORD:
            a, b = _lift(now, (a, b))
        if isinstance(a, Node):
            x = a._data if a.extra is None else a.synced()
            payload = type(x)
            if isinstance(b, Node):
                y = b._data if b.extra is None else b.synced()
                if type(y) is not payload:
                    payload = _common(op, (a, b), (x, y))
            else:
                y = b if type(b) is float else a.operand(b, op)
        elif isinstance(b, Node):
            y = b._data if b.extra is None else b.synced()
            x = a if type(a) is float else b.operand(a, op)
            payload = type(y)
        else:
            return kernels[heaviest((a, b))][0](a, b)
        try:
            kernel, cls = kernels[payload]
            out = kernel(x, y)
        except Exception as error:
            raise _explained(op, error, (a, b)) from error
        if type(out) is not payload:
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.params = node._grad = node.extra = None
        recording = differentiable and now & RECORD
        if recording and isinstance(a, Node) and a.op is not None:
            node.op, node.a = op, a
            if isinstance(b, Node):
                node.b = b if b.op is not None else y
            else:
                node.b = y if type(y) is float else cls.constant(y)
        elif recording and isinstance(b, Node) and b.op is not None:
            node.op, node.b = op, b
            node.a = x if isinstance(a, Node) or type(x) is float else cls.constant(x)
        else:
            node.op = node.a = node.b = None
        if now > RECORD:
            _tell(now, op, node, (a, b), None)
        return node

    return call


def _bind_general(op: Op) -> Callable[..., Any]:
    """Caller of any number of inputs, with static arguments."""
    count = None if op.variadic else len(op.data)
    complete = len(op.static) == len(op.defaults or ())
    flows = _flows(op)

    def call(*args: Any, **given: Any) -> Any:  # noqa: PLR0912  (plain loops are quicker)
        data = args[:count]
        params = op.defaults
        if given or not complete or len(data) != len(args):
            params = op.complete(args[len(data) :], given)
        lead = next((x for x in data if isinstance(x, Node)), None)
        if lead is None:
            return op.compute(*data, **params) if params else op.compute(*data)
        now = MODE.get()
        if now > RECORD:
            data = _lift(now, data)
        payload = type(lead._data)
        # Plain loops, since a generator costs more than what it loops over here.
        values: list[Any] = []
        tracked = False
        for x in data:
            if isinstance(x, Node):
                value = x._data if x.extra is None else x.synced()
                if type(value) is not payload:
                    payload = _common(op, (lead, x), (lead._data, value), payload)
                if x.op is not None and (flows is None or flows[len(values)]):
                    tracked = True
            else:
                value = lead.operand(x, op)
            values.append(value)
        try:
            kernel, cls = op.kernels[payload]
            out = kernel(*values, **params) if params else kernel(*values)
        except Exception as error:
            raise _explained(op, error, data, params) from error
        if type(out) is not payload:
            out = cls.coerce(out)
        node = cls.wrap(out)
        if tracked and now & RECORD and op.differentiable:
            kept = _kept(cls, data, values, flows)
            node.op, node.params = op, params
            if op.arity == VARIADIC:
                node.a = kept
            else:
                node.a, node.b = kept[0], kept[1] if op.arity == 2 else None
        if now > RECORD:
            _tell(now, op, node, data, params)
        return node

    return call


def _kept(
    cls: type[Node], data: Sequence[Any], values: Sequence[Any], flows: list[bool] | None
) -> tuple[Any, ...]:
    """What the graph holds of each argument: the node, or a payload where no gradient flows."""
    kept = []
    for i, (x, value) in enumerate(zip(data, values, strict=True)):
        if not isinstance(x, Node):
            kept.append(cls.constant(value))
        else:
            kept.append(x if x.op is not None and (flows is None or flows[i]) else value)
    return tuple(kept)


def _bind_nodes(op: Op) -> Callable[..., Any]:
    """Caller of any number of nodes: 1.5 µs around a kernel for 3 tensors, the general one 4."""
    general, kernels, mode = _bind_general(op), op.kernels, MODE.get
    count = None if op.variadic else len(op.data)
    defaults = op.defaults if len(op.static) == len(op.defaults or ()) else None
    differentiable, variadic = op.differentiable, op.arity == VARIADIC
    flows = _flows(op)

    def call(*args: Any, **given: Any) -> Any:  # noqa: PLR0912  (plain loops are quicker)
        now = mode()
        data = args[:count]
        if not data or now > RECORD:
            return general(*args, **given)
        values: list[Any] = []
        payload: Any = None
        moving = 0
        for x in data:
            if not isinstance(x, Node):
                return general(*args, **given)
            value = x._data if x.extra is None else x.synced()
            if type(value) is not payload:
                if payload is not None:
                    return general(*args, **given)
                payload = type(value)
            values.append(value)
            if x.op is not None:
                moving += 1
        params = defaults
        try:
            kernel, cls = kernels[payload]
            if given or len(data) != len(args) or (defaults is None and op.static):
                params = op.complete(args[len(data) :], given)
                out = kernel(*values, **params)
            else:
                out = kernel(*values)
        except Exception as error:
            raise _explained(op, error, data, params) from error
        if type(out) is not payload:
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.op = node.a = node.b = node.params = node._grad = node.extra = None
        if not moving or not now or not differentiable:
            return node
        if moving < len(data) or flows is not None:
            tracked = [x.op is not None for x in data]
            if flows is not None:
                tracked = [a and b for a, b in zip(tracked, flows, strict=True)]
                if not any(tracked):
                    return node
            data = tuple([x if t else v for x, v, t in zip(data, values, tracked, strict=True)])
        node.op, node.params = op, params
        if variadic:
            node.a = data
        else:
            node.a, node.b = data
        return node

    return call


def _flows(op: Op) -> list[bool] | None:
    """For each input whether it has a rule; None if all have.

    No gradient flows to an argument without a rule: it is kept as a payload, like a constant.
    """
    if op.variadic or not op.rules or all(op.rules):
        return None
    return [rule is not None for rule in op.rules]


def _lift(now: int, args: Any) -> Any:
    """Arguments for a step that is captured, which puts payloads of its own into leaves."""
    # The bit says that there is a capture.
    return CAPTURING.get().lift(args) if now & CAPTURE else args


def _tell(
    now: int, op: Op, node: Node, args: tuple[Any, ...], params: dict[str, Any] | None
) -> None:
    if now & WATCH:
        for watcher in WATCHERS.get():
            watcher(op, node, args, params)


def _common(
    op: Op, nodes: tuple[Node, Node], values: tuple[Any, Any], payload: type | None = None
) -> type:
    """Type of payload that computes with both: the traced one of two for the same nodes."""
    kinds = [type(value) for value in values]
    if op.kernels[kinds[0]][1] is not op.kernels[kinds[1]][1]:
        raise _mixed(op, *nodes)
    return _leading(kinds if payload is None else [payload, *kinds])


def _mixed(op: Op, a: Node, b: Node) -> OperandError:
    return OperandError(
        f"{op.name}: got a {type(a).__name__} and a {type(b).__name__}, which are graphs of "
        "different kinds; convert one: tensor(value.data), or Value(t.item()) for one number"
    )


def describe(x: Any) -> str:
    """Short text of an operand for messages: shape and dtype of an array, else its value."""
    value = x._data if isinstance(x, Node) else x
    if hasattr(value, "shape"):
        return f"{tuple(value.shape)} {value.dtype}"
    return f"{type(value).__name__} {value!r:.60}"


def _explained(
    op: Op, error: Exception, args: Sequence[Any], params: dict[str, Any] | None = None
) -> Exception:
    """The error of a kernel, with the operation and its operands in its text."""
    if isinstance(error, TinygradError):
        return error
    got = ", ".join(describe(x) for x in args)
    static = "".join(f", {k}={v!r:.60}" for k, v in (params or {}).items())
    text = f"{op.name}: got {got}{static}: {error}"
    if isinstance(error, ValueError) and type(error).__name__ != "LinAlgError":
        return ShapeError(text)
    if isinstance(error, TypeError):
        return OperandError(text)
    if isinstance(error, IndexError):
        return IndexError(text)
    error.add_note(text)
    return error
