"""What students hand in, read safely: archives, LMS exports, notebooks. Nothing here executes their code."""

from __future__ import annotations

from autograder.intake.sources import Part, SubmissionSource, find_submissions
from autograder.intake.submission import Submission, read_submission

__all__ = ["Part", "Submission", "SubmissionSource", "find_submissions", "read_submission"]
