"""Pictures of graphs: recorded as plain data, then drawn as SVG, DOT, text, PNG or PDF.

    record.py    graph -> Trace, frozen data
    scene.py     Trace -> boxes with their texts, and arrows
    layout.py    where they go; program.py asks Graphviz's `dot` for the same
    svg.py dot.py text.py    the texts of the pictures

Nothing else imports this package; `tinygrad_nn.draw` loads it when first used.
"""

from tinygrad_nn.viz.drawing import Drawing as Drawing
from tinygrad_nn.viz.drawing import DrawingWarning as DrawingWarning
from tinygrad_nn.viz.drawing import draw as draw
from tinygrad_nn.viz.trace.model import Trace as Trace
from tinygrad_nn.viz.trace.recorder import record as record
from tinygrad_nn.viz.tracing import Pass as Pass
