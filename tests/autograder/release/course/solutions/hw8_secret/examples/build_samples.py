"""Writes the sample class of this homework."""

STUDENTS = ("perfect-in-three-styles", "endless-loop", "memory-hog")
