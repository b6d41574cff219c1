"""Where each result of a program lies, and how it gets there."""
