"""The feedback page of one submission and the page of a class, rendered from results alone."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import mean, median
from typing import Any

from autograder.reports import wording
from autograder.reports.views import for_student
from autograder.results import Outcome, QuestionResult, SubmissionResult
from autograder.sandbox.tiers import sentence

BINS = 10


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    env = Environment(
        loader=PackageLoader("autograder.reports", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(
        points=wording.points,
        plain=wording.plain,
        tier=lambda tier: sentence(tier) if tier else "tier none",
        percent=lambda x: f"{100 * x:.0f}%",
        base64=lambda data: b64encode(data).decode(),
        file_name=wording.safe_file_name,
    )
    env.globals.update(
        label=wording.label,
        labels=wording.LABELS,
        explanations=wording.EXPLANATIONS,
        display_name=wording.display_name,
        fraction=wording.fraction,
    )
    return env


def badge(question: QuestionResult) -> str:
    """Return the score that stands beside a question's cell."""
    html: str = _environment().get_template("badge.html").render(q=question)
    return html


def feedback_html(result: SubmissionResult, title: str, notebook: str = "", *, for_ta: bool = False) -> str:
    """Render one submission's page.

    Args:
        result: what grading found.
        title: the assignment's title.
        notebook: the student's notebook as an HTML fragment, already sanitised; may be empty.
        for_ta: also show test names, measured values against hidden inputs, and the grader's tracebacks.
    """
    shown = result if for_ta else for_student(result)
    html: str = (
        _environment()
        .get_template("feedback.html")
        .render(r=shown, title=title, notebook=notebook, for_ta=for_ta)
    )
    return html


def feedback_text(result: SubmissionResult, title: str) -> str:
    """Render one submission's feedback as plain text, for e-mail and Gradescope."""
    text: str = _environment().get_template("feedback.txt").render(r=for_student(result), title=title)
    return text


def class_html(results: Sequence[SubmissionResult], title: str, links: Mapping[str, str]) -> str:
    """Render the page of a class.

    Args:
        results: the latest result of each person.
        title: the assignment's title.
        links: person id to the relative address of that person's page.
    """
    readable = [r for r in results if not r.error]
    html: str = (
        _environment()
        .get_template("class.html")
        .render(
            title=title,
            results=sorted(results, key=lambda r: (r.person.name or r.person.id).casefold()),
            links=links,
            histogram=_histogram(readable),
            questions=_question_rows(readable),
            summary=_summary(readable),
            attention=_attention(results),
            slowest=_slowest(readable),
            tiers=sorted({r.tier for r in readable if r.tier}),
        )
    )
    return html


def _summary(results: Sequence[SubmissionResult]) -> dict[str, float]:
    scores = [r.points for r in results] or [0.0]
    possible = max((r.possible for r in results), default=0.0)
    return {
        "count": len(results),
        "possible": possible,
        "mean": mean(scores),
        "median": median(scores),
        "cpu_s": sum(r.cpu_s for r in results),
        "awaiting": sum(r.awaiting > 0 for r in results),
    }


def _histogram(results: Sequence[SubmissionResult]) -> list[dict[str, Any]]:
    possible = max((r.possible for r in results), default=1.0) or 1.0
    counts = Counter(min(BINS - 1, int(BINS * max(0.0, r.points) / possible)) for r in results)
    tallest = max(counts.values(), default=1)
    return [
        {
            "low": possible * i / BINS,
            "high": possible * (i + 1) / BINS,
            "count": counts[i],
            "height": counts[i] / tallest,
        }
        for i in range(BINS)
    ]


def _question_rows(results: Sequence[SubmissionResult]) -> list[dict[str, Any]]:
    rows = []
    for i, question in enumerate(results[0].questions if results else ()):
        column = [r.questions[i] for r in results if i < len(r.questions)]
        counts = Counter(q.outcome for q in column)
        rows.append(
            {
                "id": question.id,
                "title": question.title,
                "possible": question.possible,
                "bonus": question.bonus,
                "success": _success(column),
                "outcomes": [(o, counts[o]) for o in Outcome if counts[o]],
                "num": len(column),
                "cpu_s": max(q.cpu_s for q in column),
            }
        )
    return rows


def _success(column: Sequence[QuestionResult]) -> float | None:
    """Return the mean fraction of points over the answers that were judged; None where none was."""
    judged = [wording.fraction(q) for q in column if q.outcome is not Outcome.AWAITING_TA]
    return mean(judged) if len(judged) == len(column) else None


def _attention(results: Sequence[SubmissionResult]) -> list[dict[str, Any]]:
    """List what a person should look at: unreadable submissions, grader errors, blocked code."""
    rows = []
    for r in results:
        if r.error:
            rows.append({"r": r, "what": "could not be read", "text": r.error})
        for q in r.questions:
            if q.outcome in (Outcome.GRADER_ERROR, Outcome.BLOCKED, Outcome.CRASHED):
                why = next((t.message for t in q.tests if t.outcome is q.outcome and t.message), "")
                rows.append({"r": r, "what": f"{q.id} {wording.LABELS[q.outcome]}", "text": why})
    return sorted(rows, key=lambda row: "grader error" not in row["what"])


def _slowest(results: Sequence[SubmissionResult]) -> list[tuple[SubmissionResult, QuestionResult]]:
    pairs = [(r, q) for r in results for q in r.questions if q.cpu_s > 0]
    return sorted(pairs, key=lambda pair: -pair[1].cpu_s)[:8]
