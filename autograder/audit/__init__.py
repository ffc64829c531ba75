"""Tests the tests: the reference earns all, the starter nothing, a planted mistake costs its own question."""
