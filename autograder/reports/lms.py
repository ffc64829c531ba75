"""Results in the formats that learning-management systems read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from autograder.grading.written import written_csv
from autograder.reports import wording
from autograder.reports.pages import feedback_text
from autograder.reports.views import for_student
from autograder.results import Outcome, QuestionResult, SubmissionResult, to_dict
from autograder.sandbox.tiers import sentence

DECIMALS = 2  # of points, in every format that students see


def gradescope_results(result: SubmissionResult, title: str) -> dict[str, Any]:
    """Return the content of Gradescope's ``results.json`` for one submission: one entry a question."""
    if result.error:
        output = wording.plain(result.error)
        return {"score": 0.0, "output": output, "stdout_visibility": "hidden", "tests": []}
    result = for_student(result)
    notes = [f"- {wording.plain(f.what, 600)}" for f in result.findings]
    output = f"{title}." + (f" Graded in sandbox {sentence(result.tier)}." if result.tier else "")
    if result.awaiting:
        output += f" {wording.points(result.awaiting)} more points are with a reader."
    return {
        "score": round(result.points, DECIMALS),
        "output": "\n".join([output, *notes]),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_gradescope_test(q) for q in result.questions],
    }


def _gradescope_test(question: QuestionResult) -> dict[str, Any]:
    lines = [wording.EXPLANATIONS[question.outcome]] if question.outcome in wording.EXPLANATIONS else []
    for test in question.tests:
        mark = {Outcome.PASSED: "[ok]", Outcome.NOT_ATTEMPTED: "[--]"}.get(test.outcome, "[no]")
        earned = f"({wording.points(test.points)} of {wording.points(test.possible)})"
        lines.append(f"{mark} {test.title} {earned}")
        if test.outcome not in (Outcome.PASSED, Outcome.NOT_ATTEMPTED):
            extra = (
                test.message,
                test.measured and f"measured: {test.measured}",
                test.hint and f"Hint: {test.hint}",
            )
            lines += ["     " + wording.plain(text, 1500).replace("\n", "\n     ") for text in extra if text]
    status = "passed" if question.points >= question.possible else "failed"
    return {
        "name": question.title,
        "number": question.id,
        "score": round(question.points, DECIMALS),
        "max_score": 0.0 if question.bonus else question.possible,
        **({} if question.outcome is Outcome.AWAITING_TA else {"status": status}),
        "output": "\n".join(lines),
        "output_format": "text",
        "visibility": "visible",
    }


def canvas_csv(results: Sequence[SubmissionResult], title: str) -> str:
    """Return a gradebook that Canvas imports; rows are matched by the LMS's ids."""
    rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]]
    rows.append(
        ["    Points Possible", "", "", "", "", wording.points(results[0].possible if results else 0.0)]
    )
    rows += [
        [
            _cell(r.person.name or r.person.id),
            _cell(r.person.id),
            "",
            _cell(r.person.email),
            "",
            wording.points(r.points),
        ]
        for r in results
    ]
    return _csv(rows)


def moodle_csv(results: Sequence[SubmissionResult], title: str) -> str:
    """Return Moodle's grading worksheet, with the feedback as text."""
    rows = [["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback comments"]]
    for r in results:
        digits = "".join(c for c in r.person.id if c.isdigit())
        identifier = f"Participant {digits}" if digits and digits == r.person.id else _cell(r.person.id)
        rows.append(
            [
                identifier,
                _cell(r.person.name),
                _cell(r.person.email),
                wording.points(r.points),
                wording.points(r.possible),
                _cell(feedback_text(r, title)),
            ]
        )
    return _csv(rows)


def gradescope_json(results: Sequence[SubmissionResult], title: str) -> str:
    """Return ``results.json`` of each person under the person's id."""
    entries = {r.person.id: gradescope_results(r, title) for r in results}
    return json.dumps(entries, indent=1, sort_keys=True) + "\n"


def results_json(results: Sequence[SubmissionResult], title: str) -> str:
    """Return every result whole, as the result schema describes it."""
    return json.dumps([to_dict(r) for r in results], indent=1, sort_keys=True) + "\n"


FORMATS: dict[str, tuple[str, Callable[[Sequence[SubmissionResult], str], str]]] = {
    "canvas": ("canvas.csv", canvas_csv),
    "moodle": ("moodle.csv", moodle_csv),
    "gradescope": ("gradescope.json", gradescope_json),
    "json": ("results.json", results_json),
    "written": ("written.csv", written_csv),
}


def _cell(text: str) -> str:
    """Return untrusted text for a spreadsheet; what would start a formula is quoted."""
    text = wording.plain(text, 30_000)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t") else text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
