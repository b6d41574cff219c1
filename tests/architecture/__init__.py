"""Tests of the repository itself: its imports, its public names, its files and its documents."""
