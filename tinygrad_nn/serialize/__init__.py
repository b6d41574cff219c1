"""`save` and `load`: nested dicts of arrays in one file that can hold no code.

The file is an uncompressed `.npz`, so `numpy.load` opens it too: a zip archive with one `.npy`
for each array. Beside them `tree.json` says how the arrays hang together:

    {"format": "tinygrad_nn", "version": 1, "tree": node}

where a node is a number, text, true, false or null; or `{"array": entry}`, `{"dict": [[key,
node], ...]}`, `{"list": [node, ...]}`, `{"tuple": [node, ...]}`, `{"float": "nan"}`. An archive
without it, as `numpy.savez` writes, is a flat dict.

A reader of files from strangers believes nothing. Compressed entries are refused, so that what
is unpacked is no larger than the file; headers are matched by a regular expression, not
evaluated; and every entry has a checksum.
"""

from tinygrad_nn.serialize.reading import load as load
from tinygrad_nn.serialize.writing import save as save
