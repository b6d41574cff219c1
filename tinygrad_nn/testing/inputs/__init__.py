"""Inputs for checks: domains, shapes, expressions and networks, drawn from any source."""
