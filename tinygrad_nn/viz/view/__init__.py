"""What of a trace is shown: groups, levels and folding."""
