"""Passes over programs, and which of them each engine runs."""

from tinygrad_nn.compiler.passes.pipeline import ENGINES as ENGINES
from tinygrad_nn.compiler.passes.pipeline import Engine as Engine
from tinygrad_nn.compiler.passes.pipeline import engine_of as engine_of
from tinygrad_nn.compiler.passes.pipeline import optimized as optimized
