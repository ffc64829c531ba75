"""Words and numbers as the pages show them."""

from __future__ import annotations

import re
import unicodedata

from autograder.results import Outcome, QuestionResult, SubmissionResult

LABELS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "not passed",
    Outcome.NOT_ATTEMPTED: "not attempted",
    Outcome.TIMED_OUT: "timed out",
    Outcome.OUT_OF_MEMORY: "out of memory",
    Outcome.CRASHED: "crashed",
    Outcome.BLOCKED: "blocked",
    Outcome.GRADER_ERROR: "grader error",
    Outcome.AWAITING_TA: "to be read",
}

EXPLANATIONS = {
    Outcome.NOT_ATTEMPTED: "This is still as it was handed out, or it is missing.",
    Outcome.TIMED_OUT: "The code was stopped when its time was over. Look for a loop that cannot end.",
    Outcome.OUT_OF_MEMORY: "The code asked for more memory than a submission may use.",
    Outcome.CRASHED: "The process that ran this code ended before it answered.",
    Outcome.BLOCKED: "The code did something that a submission may not do, and was stopped.",
    Outcome.GRADER_ERROR: "The grader itself failed here. This costs no point: a TA has been told.",
    Outcome.AWAITING_TA: "A person reads this answer.",
}


def label(question: QuestionResult) -> str:
    """Name a question's outcome; what earned something is never called failed."""
    if question.outcome is Outcome.FAILED and question.points > 0:
        return "partly"
    return LABELS[question.outcome]


def points(value: float) -> str:
    """Write points without needless zeros: 3, 2.5, 0.33."""
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def plain(text: str, limit: int = 4000) -> str:
    """Make untrusted text safe to show: no control or direction characters, cut to ``limit``."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    return kept if len(kept) <= limit else kept[:limit] + f"\n... ({len(kept) - limit} more characters)"


def safe_file_name(text: str) -> str:
    """Turn a person's key into a file name that every system takes."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._@-]+", "_", ascii_text).strip("._")[:80] or "submission"


def display_name(result: SubmissionResult) -> str:
    """Return the name a person is shown by."""
    return plain(result.person.name or result.person.id, 80)


def fraction(question: QuestionResult) -> float:
    """Return points earned of points possible, in [0, 1]."""
    return min(1.0, max(0.0, question.points / question.possible)) if question.possible else 0.0
