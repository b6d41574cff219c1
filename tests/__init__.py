"""The tests, a package so that `tests.…` can never mean somebody else's installed `tests`."""
