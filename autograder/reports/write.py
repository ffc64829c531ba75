"""Writes every page of a graded class into one folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.files import write_whole
from autograder.reports import wording
from autograder.reports.notebook_html import UnreadableNotebook, notebook_fragment
from autograder.reports.pages import badge, class_html, feedback_html, feedback_text
from autograder.results import SubmissionResult


@dataclass(frozen=True)
class ReportPaths:
    """Where the pages lie."""

    class_page: Path
    feedback: Path  # folder: one page and one text a person, to hand out
    ta: Path  # folder: one page a person, with everything a TA may see


def write_reports(
    results: Sequence[SubmissionResult],
    out: Path,
    *,
    title: str,
    template: bytes,
    notebook_of: Callable[[SubmissionResult], bytes | None],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReportPaths:
    """Write the class page, and for each person a page to hand out, its text, and the TA's page.

    Args:
        results: the latest result of each person.
        out: folder to write into; pages of an earlier run are replaced.
        title: the assignment's title.
        template: the starter notebook, whose cells name the questions.
        notebook_of: returns a submission's notebook, or None where there is none to show.
        progress: called with (done, total) after each person.
    """
    paths = ReportPaths(out / "class.html", out / "feedback", out / "ta")
    for folder in (paths.feedback, paths.ta):
        folder.mkdir(parents=True, exist_ok=True)
    hole_cells = _hole_cells(template)
    names = _file_names(results)
    for i, result in enumerate(results):
        fragment = _fragment(result, notebook_of(result), hole_cells)
        stem = names[result.person.id]
        write_whole(paths.feedback / f"{stem}.html", feedback_html(result, title, fragment))
        write_whole(paths.feedback / f"{stem}.txt", feedback_text(result, title))
        write_whole(paths.ta / f"{stem}.html", feedback_html(result, title, fragment, for_ta=True))
        progress(i + 1, len(results))
    links = {person: f"ta/{stem}.html" for person, stem in names.items()}
    write_whole(paths.class_page, class_html(results, title, links))
    return paths


def _fragment(result: SubmissionResult, notebook: bytes | None, hole_cells: Mapping[str, str]) -> str:
    if notebook is None:
        return ""
    try:
        return notebook_fragment(notebook, {q.id: badge(q) for q in result.questions}, hole_cells)
    except UnreadableNotebook:
        return ""


def _hole_cells(template: bytes) -> dict[str, str]:
    cells = json.loads(template)["cells"]
    owned = ((c["id"], c["metadata"].get("robolearn", {})) for c in cells)
    return {
        cell_id: own["questions"][0]
        for cell_id, own in owned
        if own.get("kind") in ("hole", "written") and own.get("questions")
    }


def _file_names(results: Sequence[SubmissionResult]) -> dict[str, str]:
    names: dict[str, str] = {}
    taken: set[str] = set()
    for result in results:
        stem = base = wording.safe_file_name(result.person.id)
        number = 2
        while stem.casefold() in taken:
            stem, number = f"{base}_{number}", number + 1
        taken.add(stem.casefold())
        names[result.person.id] = stem
    return names
