"""Sources of kernels: not imported, but compiled from their text, which says float32.

`building.source` puts float64 in its place. Functions get addresses; where an inner loop walks
through several arrays it is a function of its own, marked by `apart`, and tells them apart by
the numbers of `loads` and `stores`: see `numba.runtime`.
"""

from tinygrad_nn.compiler.numba.blas import width as _width

# Before any loop is loaded: LLVM ends the process where it finds no function of that name.
_width()
