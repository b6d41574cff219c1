"""The whole state of a model, an optimiser and a loader as bytes, to be compared bit by bit."""

from typing import Any

from tinygrad_nn import nn


def bits(model: nn.Module, *others: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"modes": [m.training for m in model.modules()]}
    found["hooks"] = [m._hooks is None for m in model.modules()]
    for name, p in model.named_parameters():
        g = p.grad
        found[name] = (id(p), p._data.tobytes(), p.dtype, p.requires_grad)
        found[f"{name}.grad"] = None if g is None else g._data.tobytes()
    found.update({name: b._data.tobytes() for name, b in model.named_buffers()})
    found.update({name: repr(rng.bit_generator.state) for name, rng in model.generators()})
    for other in others:
        if hasattr(other, "state_dict"):
            found[type(other).__name__] = repr(other.state_dict())
    return found
