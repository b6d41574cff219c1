"""Functions of functions: gradients, Jacobians, Hessians, and their products with vectors.

What goes in comes out in kind: for an ndarray the gradient is an ndarray, for a Python
number a float, for a Tensor or Value a Tensor or Value; for nested lists, tuples and
dicts the same nest. Inside another transform, and where an argument requires a gradient,
the results are part of the graph, so that transforms nest at will.
"""

from tinygrad_nn.transforms.checkpoint import checkpoint
from tinygrad_nn.transforms.matrices import hessian, hvp, jacobian
from tinygrad_nn.transforms.products import grad, jvp, value_and_grad, vjp

__all__ = ["checkpoint", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]
