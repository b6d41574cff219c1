"""Every operation, by family."""

from types import ModuleType as _Module

# Registered here; used by `tinygrad_nn.random` and `nn.functional` alone.
from tinygrad_nn.ops import attention as _attention  # noqa: F401
from tinygrad_nn.ops import columns as _columns  # noqa: F401
from tinygrad_nn.ops import convolution as _convolution  # noqa: F401
from tinygrad_nn.ops import dropout as _dropout  # noqa: F401
from tinygrad_nn.ops import embedding as _embedding  # noqa: F401
from tinygrad_nn.ops import grid as _grid  # noqa: F401
from tinygrad_nn.ops import lstm as _lstm  # noqa: F401
from tinygrad_nn.ops import noise as _noise  # noqa: F401
from tinygrad_nn.ops import normalization as _normalization  # noqa: F401
from tinygrad_nn.ops import pooling as _pooling  # noqa: F401
from tinygrad_nn.ops import recurrent as _recurrent  # noqa: F401
from tinygrad_nn.ops import resample as _resample  # noqa: F401
from tinygrad_nn.ops.activation import *
from tinygrad_nn.ops.align import *
from tinygrad_nn.ops.arithmetic import *
from tinygrad_nn.ops.assign import *
from tinygrad_nn.ops.chain import *
from tinygrad_nn.ops.contract import *
from tinygrad_nn.ops.cut import *
from tinygrad_nn.ops.decomposition import *
from tinygrad_nn.ops.diagonal import *
from tinygrad_nn.ops.difference import *
from tinygrad_nn.ops.edit import *
from tinygrad_nn.ops.elementwise import *
from tinygrad_nn.ops.extrema import *
from tinygrad_nn.ops.find import *
from tinygrad_nn.ops.gather import *
from tinygrad_nn.ops.index import *
from tinygrad_nn.ops.inverse import *
from tinygrad_nn.ops.join import *
from tinygrad_nn.ops.least_squares import *
from tinygrad_nn.ops.mask import *
from tinygrad_nn.ops.nanorder import *
from tinygrad_nn.ops.nanreduce import *
from tinygrad_nn.ops.neural import *
from tinygrad_nn.ops.norms import *
from tinygrad_nn.ops.order import *
from tinygrad_nn.ops.polynomial import *
from tinygrad_nn.ops.products import *
from tinygrad_nn.ops.rearrange import *
from tinygrad_nn.ops.reduce import *
from tinygrad_nn.ops.repeat import *
from tinygrad_nn.ops.rounding import *
from tinygrad_nn.ops.scan import *
from tinygrad_nn.ops.select import *
from tinygrad_nn.ops.sequence import *
from tinygrad_nn.ops.shape import *
from tinygrad_nn.ops.softmax import *
from tinygrad_nn.ops.special import *
from tinygrad_nn.ops.statistics import *
from tinygrad_nn.ops.trigonometric import *

# A star import would otherwise bring the families too, and `tinygrad_nn.shape` be a module.
__all__ = [
    name
    for name, found in list(globals().items())
    if name[0] != "_" and not isinstance(found, _Module)
]
