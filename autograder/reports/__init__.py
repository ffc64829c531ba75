"""Pages and files that people read after grading: feedback, the class page, and the LMS's formats."""

from __future__ import annotations

from autograder.reports.write import ReportPaths, write_reports

__all__ = ["ReportPaths", "write_reports"]
