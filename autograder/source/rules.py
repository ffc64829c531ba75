"""The section "How will this notebook be graded?", written from the manifest."""

from __future__ import annotations

from autograder.course import Assignment, Kind, Limits, Question

_HOW = {Kind.CODE: "tests", Kind.ARTIFACT: "tests of a file", Kind.WRITTEN: "read by a person"}


def grading_section(assignment: Assignment) -> str:
    """Write the section as markdown: questions, points and limits; what is run and what is not."""
    rows = [_row(q) for q in assignment.questions]
    bonus = sum(q.points for q in assignment.questions if q.bonus)
    extra = f", and {_number(bonus)} bonus points" if bonus else ""
    parts = [
        "## How will this notebook be graded?",
        "\n".join(["| question | | points | how | limits |", "|---|---|---:|---|---|", *rows]),
        f"{_number(assignment.possible)} points{extra}.",
        *_paragraphs(assignment),
    ]
    return "\n\n".join(parts)


def _paragraphs(assignment: Assignment) -> list[str]:
    kinds = {q.kind for q in assignment.questions}
    paragraphs = [
        f'**Tests.** A cell such as `check("{_first(assignment).id}")` runs the public tests of one question '
        "on what you have defined so far; run it as often as you like. When your work is graded, the same "
        "public tests run again, and further tests that you do not see: other inputs, edge cases, larger "
        "sizes, other random seeds. Each question's points are the sum over both, so passing every public "
        "test is a good sign, not yet full marks.",
        "**What is run.** Grading imports your notebook's functions and calls them one question at a time, "
        "each within the limits above; a question that runs too long or crashes costs that question only. "
        "Of cells that you add, grading keeps imports, functions, classes and constants. Cells tagged "
        "`experiment` (training, plots, checks) are yours to run and look at: grading does not run them.",
    ]
    if builds := ", ".join(q.id for q in assignment.questions if q.stand_ins):
        paragraphs.append(
            f"**One mistake costs once.** Questions that build on an earlier one ({builds}) are graded with "
            "a right version of the earlier function in its place."
        )
    if Kind.ARTIFACT in kinds:
        files = ", ".join(f"`{q.artifact}` ({q.id})" for q in assignment.questions if q.artifact)
        how = "an experiment writes it beside the notebook; grading evaluates it"
        paragraphs.append(f"**Files to hand in.** {files}: {how}.")
    if Kind.WRITTEN in kinds:
        where = "go into the cells that say so; a person reads them against a rubric"
        paragraphs.append(f"**Written answers** {where}.")
    paragraphs.append(
        "Keep the names and the arguments of the functions. A `NotImplementedError` says that a question is "
        "still yours to write. To hand in, run `submit()` in a cell here, or `autograder submit` in a shell."
    )
    return paragraphs


def _row(q: Question) -> str:
    points = f"+{_number(q.points)}" if q.bonus else _number(q.points)
    how = _HOW[q.kind] + (f" `{q.artifact}`" if q.artifact else "")
    limits = "" if q.kind is Kind.WRITTEN else _limits(q.limits)
    title = q.title.replace("|", "\\|")
    return f"| {q.id} | {title} | {points} | {how} | {limits} |"


def _limits(limits: Limits) -> str:
    memory = (
        f"{_number(limits.memory_mb / 1024)} GB" if limits.memory_mb % 512 == 0 else f"{limits.memory_mb} MB"
    )
    return f"{_number(limits.cpu_s)} s of CPU, {memory}"


def _number(value: float) -> str:
    return f"{value:g}"


def _first(assignment: Assignment) -> Question:
    return next((q for q in assignment.questions if q.kind is not Kind.WRITTEN), assignment.questions[0])


__all__ = ["grading_section"]
