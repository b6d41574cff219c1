"""`save` and `load`."""
