"""Tests of the operations: those that every operation passes by itself, and named examples."""
