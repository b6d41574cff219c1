"""Capture of a step, and its replay without Python between the operations."""

from tinygrad_nn.compile.jit import Step as Step
from tinygrad_nn.compile.jit import jit as jit
