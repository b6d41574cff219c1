"""Laws that every gradient obeys, whatever its function: no differences are taken for them."""

from tinygrad_nn.testing.laws.obeyed import laws_of as laws_of
