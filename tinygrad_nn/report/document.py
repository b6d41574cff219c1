"""What a report is about, gathered into plain data; the page is made of nothing else."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

import tinygrad_nn
from tinygrad_nn.data import Dataset
from tinygrad_nn.data.arguments import shown
from tinygrad_nn.errors import AnomalyError, OperandError, StateError
from tinygrad_nn.report.figures import plain
from tinygrad_nn.report.graph import traced
from tinygrad_nn.report.recorder import Recorder
from tinygrad_nn.report.result import judged
from tinygrad_nn.report.revision import revision
from tinygrad_nn.report.schema import FORMAT, VERSION, checked, empty_record
from tinygrad_nn.report.verdict import verdict
from tinygrad_nn.train import Context, History
from tinygrad_nn.train.probing import kind_of_loss
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["document_of", "finished", "versions"]

_TEXT: Final = 2000
_OPTIONS: Final = 12


def document_of(
    source: Any,
    *,
    test: Any = None,
    title: str = "",
    config: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
    image_shape: tuple[int, ...] | None = None,
    command: str = "",
    script: str = "",
) -> dict[str, Any]:
    """The document of a training.

    Raises:
        OperandError: `source` is neither a recorder nor a history, or `classes` no list, or
            `config` no mapping.
        StateError: The recorder has seen no training.
    """
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise OperandError(f"report: got classes={shown(classes)}, expected a list of names")
    if config is not None and not isinstance(config, Mapping):
        raise OperandError(
            f"report: got config={shown(config)}, expected names and values, such as {{'seed': 0}}"
        )
    history, context, record = _seen(source)
    settings = {} if context is None else _settings(context)
    data = {} if context is None else _data(context)
    result = None
    if test is not None:
        if context is None:
            raise OperandError(
                "report: got test data with a History, which knows no model; pass a Recorder"
            )
        # Who diverged answers with infinities: the report tells of it, not NumPy's warnings.
        with np.errstate(all="ignore"):
            model, loss = context.model, context.loss_function
            result, count = judged(model, loss, test, list(classes), image_shape)
        data["tested on"] = f"{count:,} examples"
        if isinstance(test, Dataset):
            data = {"name": clean(test.name), **data}
    return finished(
        {
            "title": title or _title(context, data),
            "status": _status(context, history),
            "stopped": history.stopped,
            "started": "",
            "planned": None if context is None else context.epochs,
            "lr": None if context is None else context.lr,
            "config": _texts({**settings, **(config or {})}),
            "data": dict(_texts(data)),
            "history": {
                "epochs": history.state_dict()["epochs"],
                "steps": history.steps,
                "batches": history.batches,
            },
            "record": record,
            "result": result,
            "trace": None if context is None else traced(context),
            "command": command,
            "script": script,
        }
    )


def _seen(source: Any) -> tuple[History, Context | None, dict[str, Any]]:
    """History, context and record of a training; of a history alone nothing else is known."""
    if isinstance(source, History):
        return source, None, empty_record()
    if not isinstance(source, Recorder):
        raise OperandError(
            f"report: got {shown(source)}, expected a Recorder or a History; of a run folder or a "
            "file use report.load(path)"
        )
    if source.context is None:
        raise StateError(
            "report: got a Recorder that saw no training, expected one that did; pass it to "
            "fit(callbacks=[recorder]) first"
        )
    return source.context.history, source.context, source.state_dict()


def finished(entries: Mapping[str, Any], name: str = "report") -> dict[str, Any]:
    """A whole, checked document of entries; those left away are empty, the verdict is given."""
    document = {
        "started": "",
        "planned": None,
        "lr": None,
        "record": empty_record(),
        "result": None,
        "trace": None,
        "backward": "",
        "command": "",
        "script": "",
        "versions": versions(),
        "revision": revision(),
        **entries,
        "format": FORMAT,
        "v": VERSION,
        "verdict": [],
    }
    document["title"] = shorten(clean(str(document["title"])), 200)
    document["stopped"] = shorten(clean(document["stopped"]), _TEXT)
    whole = checked(plain(document), name)
    whole["verdict"] = verdict(whole)
    return whole


def versions() -> dict[str, str]:
    """Of what took part."""
    return {
        "tinygrad_nn": tinygrad_nn.__version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "system": platform.system(),
    }


def _status(context: Context | None, history: History) -> str:
    if context is not None and isinstance(context.error, KeyboardInterrupt):
        return "interrupted"
    if context is not None and context.error is not None:
        return "finished" if isinstance(context.error, AnomalyError) else "failed"
    if history.stopped.startswith(("interrupted", "KeyboardInterrupt")):
        return "interrupted"
    return "stopped" if history.stopped else "finished"


def _settings(context: Context) -> dict[str, Any]:
    optimizer, loss = context.optimizer, context.loss_function
    group = optimizer.param_groups[0]
    options = {
        name: value
        for name, value in group.items()
        if name != "params" and isinstance(value, (int, float, str, tuple)) and value
    }
    known: dict[str, Any] = {
        "model": f"{type(context.model).__name__}, "
        f"{sum(int(getattr(p, 'size', 1)) for p in context.model.parameters()):,} parameters",
        "loss": _name_of(loss, context),
        "optimizer": type(optimizer).__name__,
        **{str(name): value for name, value in list(options.items())[:_OPTIONS]},
        "epochs": context.epochs,
    }
    if isinstance(size := getattr(context.loader, "batch_size", None), int):
        known["batch size"] = size
    return known


def _name_of(loss: Any, context: Context) -> str:
    name = getattr(loss, "__name__", type(loss).__name__)
    if name == "<lambda>" and context.outputs is not None:
        return kind_of_loss(loss, context.outputs, context.targets) or "a function"
    return str(name)


def _data(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {}
    dataset = getattr(context.loader, "dataset", None)
    if isinstance(dataset, Dataset):
        found["name"] = dataset.name
    if dataset is not None and hasattr(dataset, "__len__"):
        found["learned from"] = f"{len(dataset):,} examples"
    validation = getattr(context.validation, "dataset", None)
    if validation is not None and hasattr(validation, "__len__"):
        found["validated on"] = f"{len(validation):,} examples"
    shape = getattr(context.inputs, "shape", None)
    if shape is not None:
        found["each example"] = " × ".join(map(str, shape[1:])) or "one number"
    if context.batches:
        found["batches in an epoch"] = f"{context.batches:,}"
    return found


def _title(context: Context | None, data: Mapping[str, Any]) -> str:
    if context is None:
        return "Training report"
    name = data.get("name")
    return f"{type(context.model).__name__} on {name}" if name else type(context.model).__name__


def _texts(entries: Mapping[str, Any]) -> list[list[str]]:
    """Name and value of each as one line each."""
    return [[_line(name, 80), _line(value, 400)] for name, value in entries.items()]


def _line(x: Any, width: int) -> str:
    if isinstance(x, (list, tuple)):
        x = ", ".join(map(str, x))
    return shorten(clean(f"{x:g}" if isinstance(x, float) else str(x)), width)
