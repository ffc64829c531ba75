"""Grades submissions: one at a time, or a class over this machine's cores."""
