"""From stored results to pages: what `grade` and `report` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from autograder.course import Assignment, Course
from autograder.files import write_whole
from autograder.reports.write import ReportPaths, write_reports
from autograder.results import SubmissionResult

NOTEBOOKS = "notebooks"  # below the output folder: each graded notebook under its submission's digest


def keep_notebook(out: Path, digest: str, read: Callable[[], bytes | None]) -> None:
    """Keep the notebook that was graded, so that its page can be made again at any time."""
    path = out / NOTEBOOKS / f"{digest}.ipynb"
    if path.exists():
        return
    notebook = read()
    if notebook is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, notebook)


def kept_notebook(out: Path, digest: str) -> bytes | None:
    """Return the notebook that was graded under a digest, if it was kept."""
    path = out / NOTEBOOKS / f"{digest}.ipynb"
    return path.read_bytes() if path.is_file() else None


def publish(
    results: Sequence[SubmissionResult],
    course: Course,
    assignment: Assignment,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReportPaths:
    """Write all pages of a class into its output folder."""
    return write_reports(
        results,
        out,
        title=assignment.title,
        template=(course.starter(assignment.slug) / assignment.notebook).read_bytes(),
        notebook_of=lambda result: kept_notebook(out, result.submission_digest),
        progress=progress,
    )
