"""The engine: nodes, operations, the sweep. Pure Python; it never sees an array library."""
