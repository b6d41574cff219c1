"""Every demo runs alone and reaches its metric."""
