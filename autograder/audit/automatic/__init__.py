"""Automatic mistakes: many small changes of the reference, each of which some test should notice."""
