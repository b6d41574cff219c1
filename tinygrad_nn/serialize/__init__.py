"""`save` and `load`: nested dicts of arrays in one safetensors file, which can hold no code.

A safetensors file is 8 bytes that say how long its header is, the header in JSON (for each
tensor its dtype, shape and place), and the numbers. Tools for PyTorch, JAX and others read it.
What is more than a flat dict of tensors stands as text under `__metadata__`:

    {"tinygrad_nn": 2, "crc32": "0123abcd", "tree": node}

`tree.py` says what a node is. A flat dict needs no tree: its file holds the same tensors under
the same names for every reader. The checksum is over the whole file with eight zeros in its own
place, so that a flipped bit is noticed; files of other programs have none.

A reader of files from strangers believes nothing: `header.py` checks every number against the size
of the file before memory is taken for it. `shards.py` reads a model that was split into files.
"""

from tinygrad_nn.serialize.generators import generator_state as generator_state
from tinygrad_nn.serialize.generators import set_generator_state as set_generator_state
from tinygrad_nn.serialize.reading import load as load
from tinygrad_nn.serialize.writing import save as save
