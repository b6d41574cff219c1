"""What one pass did, as plain data: recorded from the engine, saved as JSON."""
