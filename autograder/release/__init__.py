"""Releases: the student's, the grader's and Gradescope's zip, and the refusals that keep them right."""
