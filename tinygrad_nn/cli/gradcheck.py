"""`tinygrad-nn gradcheck`: check the gradient of a function by its name."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from dataclasses import replace
from types import ModuleType
from typing import Any

from tinygrad_nn.cli.arguments import real, whole
from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.inputs import DOMAINS, inputs_for, shape_of
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.target import found_at
from tinygrad_nn.cli.traces import say
from tinygrad_nn.errors import OptionError, TinygradError
from tinygrad_nn.testing.adapters import ENGINES
from tinygrad_nn.testing.check import gradcheck
from tinygrad_nn.testing.libraries import LIBRARIES
from tinygrad_nn.testing.reports.report import Report

__all__ = ["GRADCHECK"]

_WRONG = 1


def _gradcheck(found: argparse.Namespace, interruption: Interruption) -> int:
    f = found_at(found.target, "FUNCTION")
    gradient = None if found.grad is None else found_at(_beside(found), "--grad")
    engine = found.engine or ("numpy" if gradient is not None else _engine_of(f))
    given = inputs_for(f, found)
    report = _report(found, f, given, gradient, engine)
    if found.json:
        say(json.dumps(report.to_dict(), allow_nan=False))
    else:
        say(str(report))
    return 0 if report.ok else _WRONG


def _beside(found: argparse.Namespace) -> str:
    """The gradient's name in full: of a plain one the module is that of the function."""
    module = found.target.rpartition(":")[0]
    return found.grad if ":" in found.grad or not module else f"{module}:{found.grad}"


def _report(
    found: argparse.Namespace, f: Any, given: list[Any], gradient: Any, engine: str
) -> Report:
    options = {
        name: value
        for name in ("order", "tolerance", "cap", "dense", "exact", "seed", "timeout")
        if (value := getattr(found, name)) is not None
    }
    try:
        report = gradcheck(f, *given, grad=gradient, engine=engine, **options)
    except TinygradError:
        raise
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        shapes = ", ".join(f"{x.dtype}{list(x.shape)}" for x in given) or "no inputs"
        raise OptionError(
            f"{found.target}: it raised {type(error).__name__}: {error} ({at.filename}:{at.lineno})"
            f", given {shapes}; give it inputs that it takes: --shape, --domain, --dtype, --inputs"
        ) from error
    # The line that called it is of this command.
    return replace(report, call=report.call and replace(report.call, where=""))


def _engine_of(f: Any) -> str:
    """The engine whose modules the function's own module has imported, if it is one."""
    module = sys.modules.get(getattr(f, "__module__", None) or "")
    held = [m for m in vars(module).values() if isinstance(m, ModuleType)] if module else []
    roots = {m.__name__.partition(".")[0] for m in held} & set(LIBRARIES)
    return roots.pop() if len(roots) == 1 else "auto"


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="FUNCTION",
        help="package.module:function, searched for in the current folder too; or file.py:function",
    )  # fmt: skip
    group = parser.add_argument_group("function")
    group.add_argument(
        "--grad", metavar="FUNCTION",
        help="gradient of a NumPy function: grad(*inputs), or grad(*inputs, cotangent) where "
        "the function gives an array; of the same module its name alone will do",
    )  # fmt: skip
    group.add_argument(
        "--engine", choices=ENGINES,
        help="what differentiates it (default: the one that its module imports)",
    )  # fmt: skip
    group = parser.add_argument_group("inputs")
    group.add_argument(
        "--shape", type=shape_of, action="append", metavar="N,N",
        help="of one input, such as 3,4, or () for a number; once for each input, or once for all",
    )  # fmt: skip
    group.add_argument(
        "--domain", action="append", metavar="NAME",
        help=f"what the numbers are like: {', '.join(DOMAINS)}; or an interval such as 0.5:2 "
        "(default: real)",
    )  # fmt: skip
    group.add_argument("--dtype", choices=("float32", "float64"), default="float64",
                       help="of the inputs (default: float64)")  # fmt: skip
    group.add_argument("--inputs", metavar="FILE", help="an .npz or .npy file with the inputs")
    group.add_argument("--seed", type=whole, metavar="N", help="of the inputs and the check")
    group = parser.add_argument_group("check")
    group.add_argument("--order", type=whole, metavar="N", help="2: the second derivative too")
    group.add_argument("--tolerance", type=real, metavar="X", help="relative (default: 1e-6)")
    group.add_argument("--cap", type=real, metavar="X",
                       help="part that may be inconclusive (default: 0.03)")  # fmt: skip
    group.add_argument("--dense", action=argparse.BooleanOptionalAction, default=None,
                       help="look at every element, or along directions")  # fmt: skip
    group.add_argument("--exact", choices=("auto", "mpmath"),
                       help="mpmath: slopes of the function computed in 50 digits")  # fmt: skip
    group.add_argument("--timeout", type=real, metavar="S", help="seconds (default: 60)")
    group.add_argument("--json", action="store_true", help="the whole report as JSON")


GRADCHECK = Command(
    name="gradcheck",
    help="check the gradient of a function of yours against its slopes",
    about="Check the gradient of a function: of PyTorch, JAX, HIPS autograd, NumPy with its\n"
    "gradient, or of ours.",
    declare=_declare,
    run=_gradcheck,
    examples="examples:\n"
    "  tinygrad-nn gradcheck mymodel.losses:focal --shape 8,10 --domain probability\n"
    "  tinygrad-nn gradcheck springs.py:energy --grad forces --shape 20,3 --shape 20,1\n"
    "  tinygrad-nn gradcheck mymodel.losses:focal --inputs failing.npz --json\n\n"
    "Exit codes: 0 the gradient is right, 1 it is wrong or too much is inconclusive, 2 it could\n"
    "not be checked (one line says why).",
)
