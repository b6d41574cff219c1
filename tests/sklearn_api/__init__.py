"""Tests of the estimators for scikit-learn; the folder skips where that is not installed."""
