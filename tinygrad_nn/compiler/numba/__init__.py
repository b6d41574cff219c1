"""Groups of instructions as machine code, by numba: the extra `fast`."""

from tinygrad_nn.compiler.numba.cache import installed as installed
from tinygrad_nn.compiler.numba.cache import module as module
from tinygrad_nn.compiler.numba.cache import require as require
from tinygrad_nn.compiler.numba.grouping import with_numba as with_numba
