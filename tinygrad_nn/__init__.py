"""The autograd engine you can see through, and the networks built on it."""

from tinygrad_nn.core.node import enable_grad as enable_grad
from tinygrad_nn.core.node import is_grad_enabled as is_grad_enabled
from tinygrad_nn.core.node import no_grad as no_grad
from tinygrad_nn.ops import *
from tinygrad_nn.tensor import Parameter as Parameter
from tinygrad_nn.tensor import Tensor as Tensor
from tinygrad_nn.tensor import default_dtype as default_dtype
from tinygrad_nn.tensor import tensor as tensor
from tinygrad_nn.transforms import grad as grad
from tinygrad_nn.transforms import hessian as hessian
from tinygrad_nn.transforms import hvp as hvp
from tinygrad_nn.transforms import jacobian as jacobian
from tinygrad_nn.transforms import jvp as jvp
from tinygrad_nn.transforms import value_and_grad as value_and_grad
from tinygrad_nn.transforms import vjp as vjp
from tinygrad_nn.value import Value as Value

__version__ = "0.1.0.dev0"
