"""Wrong gradients planted into the operations, to see whether a test suite finds them."""

from tinygrad_nn.testing.mutation.kills import Kills as Kills
from tinygrad_nn.testing.mutation.kills import Outcome as Outcome
from tinygrad_nn.testing.mutation.mutants import MUTANTS as MUTANTS
from tinygrad_nn.testing.mutation.mutants import Mutant as Mutant
from tinygrad_nn.testing.mutation.own import check_operation as check_operation
from tinygrad_nn.testing.mutation.planting import Planted as Planted
from tinygrad_nn.testing.mutation.planting import differentiable as differentiable
from tinygrad_nn.testing.mutation.planting import mutated as mutated
from tinygrad_nn.testing.mutation.rate import kill_rate as kill_rate
