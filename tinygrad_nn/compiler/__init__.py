"""Capture of a step, and its replay without Python between the operations."""

from tinygrad_nn.compiler.jit import Step as Step
from tinygrad_nn.compiler.jit import jit as jit
