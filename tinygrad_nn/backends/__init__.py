"""Payload type to array namespace: the one place that knows which library holds the numbers."""

from tinygrad_nn.backends.table import namespace, register

__all__ = ["namespace", "register"]
