"""Tests of the data sets, of the files they come in and of the loader."""
