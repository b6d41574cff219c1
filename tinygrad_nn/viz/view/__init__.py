"""What of a trace is shown: groups, levels and folding."""

from tinygrad_nn.viz.view.groups import groups as groups
from tinygrad_nn.viz.view.levels import drawn as drawn
from tinygrad_nn.viz.view.levels import view as view
