"""Instructions that threads share."""
