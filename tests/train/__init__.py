"""Training, metrics, pictures and runs."""
