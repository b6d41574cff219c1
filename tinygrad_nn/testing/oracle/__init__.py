"""Functions of two libraries beside each other: that one is right does not follow from slopes.

Slopes only prove that a gradient is the derivative of its function. Whether it is the function
that was meant, another library or many digits must say.
"""

from tinygrad_nn.testing.oracle.compare import compare as compare
from tinygrad_nn.testing.oracle.comparison import Comparison as Comparison
from tinygrad_nn.testing.oracle.comparison import Difference as Difference
from tinygrad_nn.testing.oracle.registry import operations as operations
