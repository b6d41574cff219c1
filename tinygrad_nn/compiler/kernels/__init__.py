"""Kernels written by hand for what costs most in a step: the engine `numba` alone uses them."""

from tinygrad_nn.compiler.kernels.table import KERNELS as KERNELS
from tinygrad_nn.compiler.kernels.table import Kernel as Kernel
from tinygrad_nn.compiler.kernels.table import with_kernels as with_kernels
