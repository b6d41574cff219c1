"""Every exception that the package raises on purpose.

All derive from `TinygradError`, and each also from the built-in exception that a
NumPy or PyTorch user would already catch:

    TinygradError
    ├── GraphError(RuntimeError)          the graph cannot be swept as asked
    │   ├── FreedGraphError               its record was freed by an earlier backward
    │   └── MutationError                 an input was written after it was used
    ├── GradientError(RuntimeError)       no gradient exists for what was asked
    ├── AnomalyError(FloatingPointError)  a non-finite number under `detect_anomaly`
    ├── ShapeError(ValueError)            shapes do not fit together
    ├── DTypeError(TypeError)             a dtype or a kind of number that is refused
    ├── OperandError(TypeError)           an operand that no operation accepts
    ├── OptionError(ValueError)           an argument outside its range
    ├── PositionError(IndexError)         an index that is out of range or no index
    ├── RegistrationError(ValueError)     an operation that contradicts its own record
    ├── DrawingError(RuntimeError)        a picture that cannot be made here
    ├── StateError(KeyError)              a state dict that does not match
    ├── DataError(ValueError)             a file or data set that is missing or damaged
    ├── ExportError(RuntimeError)         a model that ONNX cannot express
    ├── CaptureError(RuntimeError)        a step that `jit` cannot capture
    └── CheckError(ValueError)            a function that `gradcheck` cannot check

Every message says what was got, what was expected and the next step.
"""

from __future__ import annotations

__all__ = [
    "AnomalyError",
    "CaptureError",
    "CheckError",
    "DTypeError",
    "DataError",
    "DrawingError",
    "ExportError",
    "FreedGraphError",
    "GradientError",
    "GraphError",
    "MutationError",
    "OperandError",
    "OptionError",
    "PositionError",
    "RegistrationError",
    "ShapeError",
    "StateError",
    "TinygradError",
]


class TinygradError(Exception):
    """Root of all errors that this package raises on purpose."""


class GraphError(TinygradError, RuntimeError):
    """The graph cannot be swept as asked."""


class FreedGraphError(GraphError):
    """The graph was freed by an earlier backward pass."""


class MutationError(GraphError):
    """An input was written between its use and the backward pass."""


class GradientError(TinygradError, RuntimeError):
    """No gradient exists for what was asked."""


class AnomalyError(TinygradError, FloatingPointError):
    """A value or gradient became NaN or infinite while anomaly detection was on."""


class ShapeError(TinygradError, ValueError):
    """Shapes do not fit together."""


class DTypeError(TinygradError, TypeError):
    """A dtype, or a kind of number, that the operation refuses."""


class OperandError(TinygradError, TypeError):
    """An operand that no operation accepts."""


class OptionError(TinygradError, ValueError):
    """An argument outside its range."""


class PositionError(TinygradError, IndexError):
    """An index that is out of range, or that is no index."""


class RegistrationError(TinygradError, ValueError):
    """An operation whose record contradicts itself."""


class DrawingError(TinygradError, RuntimeError):
    """A picture that cannot be made here: a program is missing, fails or takes too long."""


class StateError(TinygradError, KeyError):
    """A state dict whose names or shapes do not match."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would escape the line breaks.
        return str(self.args[0]) if self.args else ""


class DataError(TinygradError, ValueError):
    """A file or data set that is missing, damaged or of the wrong form."""


class ExportError(TinygradError, RuntimeError):
    """A model, or something that it does, that ONNX cannot express."""


class CaptureError(TinygradError, RuntimeError):
    """A step that does something that `jit` cannot replay."""


class CheckError(TinygradError, ValueError):
    """A function whose gradient cannot be checked, as it is given."""
