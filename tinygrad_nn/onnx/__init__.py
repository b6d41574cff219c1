"""Models as ONNX files, which other programs run: `export`.

The model is run on example inputs, each operation that it calls is looked up in a table, one
converter for each operation, and what several runs with inputs of other sizes have in common
becomes the graph. `recording` notes a run, `program` compares the runs, `registry` has the table,
`graph` collects the nodes, and `modelproto` writes them; it alone needs the package `onnx`, from
the extra `tinygrad-nn[onnx]`. An operation without a converter stands in `missing`, with a reason;
one of your own gets its converter by `converter`.
"""

from tinygrad_nn.onnx.exporting import export as export
from tinygrad_nn.onnx.registry import converter as converter

__all__ = ["converter", "export"]
