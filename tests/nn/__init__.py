"""Layers, models, losses and initialisation."""
