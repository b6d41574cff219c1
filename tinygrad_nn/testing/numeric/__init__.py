"""Slopes of functions by finite differences, and judgements on them: numbers, no text."""
