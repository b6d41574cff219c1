"""Cases of the parity suite: how one module or function is called on both sides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.parity.draws import Draw

MODULES: dict[str, Callable[[Draw], "ModuleCase"]] = {}
FUNCTIONS: dict[str, Callable[[Draw], "FunctionCase"]] = {}


@dataclass
class ModuleCase:
    """A module and its inputs.

    Attributes:
        args, options: Of the constructor.
        inputs: Of `forward`: NumPy arrays, nested in tuples, lists and dicts, and anything
            else, which is passed on. Float arrays get gradients.
        call: Keyword inputs of `forward`.
        build: Instead of args and options, for modules that take modules: called with
            `torch.nn` and with `tinygrad_nn.nn`.
        modes: Of the calls, one after the other on the same module. A module that draws
            random numbers is compared by "eval" alone.
        grad: Whether gradients are compared.
        tolerance: Relative.
        text: Whether the texts are PyTorch's; losses here show their options.
    """

    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Any, ...] = ()
    call: dict[str, Any] = field(default_factory=dict)
    build: Callable[[Any], Any] | None = None
    modes: tuple[str, ...] = ("train", "train", "eval")
    grad: bool = True
    tolerance: float = 1e-9
    text: bool = True


@dataclass
class FunctionCase:
    """A call of a function: args and options as for `ModuleCase.inputs`."""

    args: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    grad: bool = True
    tolerance: float = 1e-9


def modules(*names: str) -> Callable[[Any], Any]:
    """Register `case(draw, name) -> ModuleCase` for the modules of these names."""
    return _register(MODULES, names)


def functions(*names: str) -> Callable[[Any], Any]:
    """Register `case(draw, name) -> FunctionCase` for the functions of these names."""
    return _register(FUNCTIONS, names)


def _register(registry: dict[str, Any], names: tuple[str, ...]) -> Callable[[Any], Any]:
    def register(case: Any) -> Any:
        for name in names:
            assert name not in registry, f"{name} has two cases"
            registry[name] = lambda draw, name=name: case(draw, name)
        return case

    return register
