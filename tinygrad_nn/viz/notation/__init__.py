"""Formulas as data, and how they are written: as text, in LaTeX and in MathML."""
