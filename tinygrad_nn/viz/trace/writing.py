"""`Trace` to JSON; see `file` for what it looks like."""

from __future__ import annotations

import base64
from typing import Any

from tinygrad_nn.core.op import OPS
from tinygrad_nn.viz.strict import strict
from tinygrad_nn.viz.trace.model import Edge, Failure, Record, Role, Summary, Trace

__all__ = ["FORMAT", "ROLES", "VERSION", "to_json"]

FORMAT = "tinygrad_nn trace"
VERSION = 1

ROLES = {
    Role.INPUT: "input",
    Role.PARAMETER: "parameter",
    Role.CONSTANT: "constant",
    Role.VALUE: "value",
    Role.RESULT: "result",
}


def to_json(trace: Trace) -> dict[str, Any]:
    """The trace as plain dicts, lists, texts and numbers; absent entries are null, 0 or empty."""
    lines, rules, ops = _Table(), _Table(), _Table()
    inputs: dict[int, list[list[int]]] = {}
    for edge in trace.edges:
        inputs.setdefault(edge.target, []).append([edge.source, edge.slot])
    nodes = [_node(r, inputs.get(r.key, []), lines, ops) for r in trace.records]
    steps = [_step(edge, rules) for edge in trace.steps]
    unstepped = [_edge(edge, rules) for edge in trace.edges if edge.step is None and _told(edge)]
    found: dict[str, Any] = {
        "format": FORMAT,
        "v": VERSION,
        "root": trace.root.key,
        "total": trace.total,
        "observed": trace.observed,
        "failure": None if trace.failure is None else _failure(trace.failure),
        "lines": lines.held,
        "rules": rules.held,
        "ops": [_op(name, arguments) for name, arguments in ops.held],
        "scopes": [
            {
                "path": s.path, "kind": s.kind, "about": s.about, "parent": s.parent,
                "call": s.call, "parameters": s.parameters,
            }
            for s in trace.scopes
        ],
        "nodes": nodes,
        "steps": steps,
        "jacobians": [
            {"from": j.target, "slot": j.slot,
             "entries": [[row, column, strict(d)] for row, column, d in j.entries]}
            for j in trace.jacobians
        ],
    }  # fmt: skip
    if unstepped:
        found["uses"] = unstepped
    if trace.unused:
        found["unused"] = list(trace.unused)
    return found


class _Table:
    """Things that repeat, each with a number."""

    def __init__(self) -> None:
        self.held: list[Any] = []
        self._places: dict[Any, int] = {}

    def place(self, thing: Any) -> int:
        found = self._places.get(thing)
        if found is None:
            found = self._places[thing] = len(self.held)
            self.held.append(thing)
        return found


def _node(r: Record, inputs: list[list[int]], lines: _Table, ops: _Table) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if r.name:
        found["name"] = r.name
    if r.named:
        found["named"] = True
    found["role"] = ROLES[r.role]
    if r.op is not None:
        found["op"] = ops.place((r.op, r.arguments))
    if r.params:
        found["params"] = [list(pair) for pair in r.params]
    if inputs:
        found["inputs"] = inputs
    if r.scope is not None:
        found["scope"] = r.scope
    if r.line:
        found["line"] = lines.place(r.line)
    found["value"] = _figure(r.value)
    if r.gradient is not None:
        found["gradient"] = _figure(r.gradient)
    if r.missing:
        found["missing"] = r.missing
    if r.left_out:
        found["left_out"] = r.left_out
    if r.changed:
        found["changed"] = True
    return found


def _step(edge: Edge, rules: _Table) -> dict[str, Any]:
    found = _edge(edge, rules)
    found["sum"] = _figure(edge.sum)
    return found


def _edge(edge: Edge, rules: _Table) -> dict[str, Any]:
    found: dict[str, Any] = {"from": edge.target, "to": edge.source, "slot": edge.slot}
    if edge.local is not None:
        found["local"] = strict(edge.local)
    if edge.contribution is not None:
        found["adds"] = _figure(edge.contribution)
    if edge.rule:
        found["rule"] = rules.place(edge.rule)
    return found


def _told(edge: Edge) -> bool:
    return edge.local is not None or edge.contribution is not None or bool(edge.rule)


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "phase": failure.phase, "message": failure.message, "op": failure.op,
        "line": failure.line, "at": failure.at,
        **({"operands": list(failure.operands)} if failure.operands else {}),
    }  # fmt: skip


def _op(name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    record = OPS.get(name) or OPS.get(f"_{name}")
    doc = "" if record is None else record.doc.partition("\n\n")[0]
    return {"name": name, "arguments": list(arguments), "doc": doc}


def _figure(x: float | Summary | None) -> Any:
    """A bare number for one Python float, else every figure by its name."""
    if x is None or not isinstance(x, Summary):
        return None if x is None else strict(x)
    if x.dtype == "float" and x.elements is not None:
        return strict(x.elements[0])
    found: dict[str, Any] = {
        "shape": list(x.shape), "dtype": x.dtype, "mean": strict(x.mean),
        "deviation": strict(x.deviation), "low": strict(x.low), "high": strict(x.high),
        "norm": strict(x.norm), "nans": x.nans, "infs": x.infs, "zeros": x.zeros,
    }  # fmt: skip
    if x.elements is not None:
        found["elements"] = [strict(e) for e in x.elements]
    if x.picture is not None:
        found["picture"] = {
            "rows": x.picture.rows, "columns": x.picture.columns,
            "limit": strict(x.picture.limit),
            "cells": base64.b64encode(x.picture.cells).decode("ascii"),
        }  # fmt: skip
    return found
