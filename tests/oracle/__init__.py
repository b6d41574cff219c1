"""Other libraries as judges of values and derivatives."""
