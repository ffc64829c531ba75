"""Collect a student's written answers, wherever around their places the student wrote them."""

from __future__ import annotations

from autograder.course import Assignment, Kind
from autograder.intake.pairing import Pairing
from autograder.intake.template import TemplateCell, without_placeholder
from autograder.results import Finding

MAX_ANSWER = 30_000  # characters


def written_answers(pairing: Pairing, assignment: Assignment) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """Return the text of every written question (``""``: not attempted), and what was noticed."""
    places = {q: c for c in pairing.template.cells if c.kind == "written" for q in c.questions}
    answers: dict[str, str] = {}
    findings: list[Finding] = []
    for question in assignment.questions:
        if question.kind is not Kind.WRITTEN:
            continue
        text, remark = _answer(pairing, places[question.id]) if question.id in places else ("", "")
        if remark:
            findings.append(Finding(f"{question.label}: {remark}", (question.id,)))
        if len(text) > MAX_ANSWER:
            findings.append(
                Finding(f"{question.label}: the answer was cut to {MAX_ANSWER} characters.", (question.id,))
            )
        answers[question.id] = text[:MAX_ANSWER]
    return answers, tuple(findings)


def _answer(pairing: Pairing, place: TemplateCell) -> tuple[str, str]:
    claimants = pairing.claimants(place)
    own = [p for p in claimants if _text(pairing, p, place)]
    for position in reversed(own):
        below = _notes(pairing, position + 1, 1)
        text = "\n\n".join([_text(pairing, position, place), *(pairing.facts[p].norm for p in below)])
        cell = pairing.cells[position]
        if len(own) > 1:
            return text, f"several cells hold the answer; {cell.label} counts."
        if pairing.how[position] == "place":
            return text, f"the answer was recognised by its place, {cell.label}."
        if cell.type != "markdown":
            return text, f"{cell.label} is a {cell.type} cell; its text counts as the answer."
        return text, ""
    if not claimants:
        return "", "its cell is not in the notebook."
    beside = _notes(pairing, claimants[-1] + 1, 1) or _notes(pairing, claimants[0] - 1, -1)[::-1]
    if beside:
        labels = " and ".join(pairing.cells[p].label for p in beside)
        return "\n\n".join(
            pairing.facts[p].norm for p in beside
        ), f"the answer was found beside its place, in {labels}."
    return _in_the_question(pairing, claimants[0] - 1)


def _text(pairing: Pairing, position: int, place: TemplateCell) -> str:
    norm = pairing.facts[position].norm
    return "" if norm == place.norm else without_placeholder(norm)


def _notes(pairing: Pairing, position: int, step: int) -> list[int]:
    """Return the student-added text cells next to a position, up to the next cell of another kind."""
    found = []
    while 0 <= position < len(pairing.cells):
        if position in pairing.claims or pairing.cells[position].type == "code":
            break
        if pairing.facts[position].norm and not pairing.is_given_text(position):
            found.append(position)
        position += step
    return found


def _in_the_question(pairing: Pairing, position: int) -> tuple[str, str]:
    """Return what was typed into the text cell above the answer's place."""
    index = pairing.claims.get(position)
    given = pairing.template.cells[index] if index is not None else None
    if given is None or given.kind != "text":
        return "", ""
    known = {line.strip() for line in given.norm.split("\n")}
    lines = [line for line in pairing.facts[position].norm.split("\n") if line.strip() not in known]
    text = "\n".join(lines).strip()
    return (
        text,
        f"the answer was found in the question's own text, {pairing.cells[position].label}." if text else "",
    )
