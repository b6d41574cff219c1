"""Tests of the engine: graph, sweep, operations in general."""
