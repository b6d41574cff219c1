"""Jacobians that are too large to look at every element."""
