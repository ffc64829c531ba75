"""``solutions/<hw>/survivors.toml``: changes of the reference that no test can notice, each with the reason.

A record names a change by its question, its operator and the very lines before and after it. So a record that
no longer fits, because the reference was edited or because a test notices the change now, is found and named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.audit.automatic.mutants import OPERATORS, AutomaticMutant
from autograder.source.document import Source
from autograder.source.problems import Problem, refuse
from autograder.source.variants import read_tables

SURVIVORS = "survivors.toml"
_KEYS = ("question", "operator", "old", "new", "why")


@dataclass(frozen=True)
class Record:
    """A change that makes the reference no worse, and why."""

    question: str
    operator: str
    old: str
    new: str
    why: str
    path: Path
    line: int

    def explains(self, mutant: AutomaticMutant) -> bool:
        """Tell whether this is the change that the record speaks of."""
        return (self.question, self.operator, self.old, self.new) == (
            mutant.question, mutant.operator, mutant.old, mutant.new,
        )  # fmt: skip


def read_records(source: Source) -> list[Record]:
    """Read the records of an assignment; none where there is no file.

    Raises:
        AuthoringError: a record is malformed, or names no question or operator; all problems at once.
    """
    path = source.solution / SURVIVORS
    if not path.is_file():
        return []
    problems: list[Problem] = []
    records = [
        Record(**_tidy(table), path=path, line=line)
        for line, table in read_tables(path, "survivor", _KEYS, problems)
    ]
    for record in records:
        if (wrong := _wrong(record, source)) is not None:
            problems.append(Problem(path, record.line, wrong))
    refuse(problems)
    return records


def _tidy(table: dict[str, str]) -> dict[str, str]:
    """Take off the indentation and the line breaks that TOML's long texts bring along."""

    def tidy(text: str) -> str:
        return "\n".join(line.strip() for line in text.strip().split("\n"))

    return {**table, "old": tidy(table["old"]), "new": tidy(table["new"])}


def _wrong(record: Record, source: Source) -> str | None:
    try:
        source.place(record.question)
    except KeyError:
        return f"survivor: {record.question!r} is no code question of the manifest"
    if record.operator not in OPERATORS:
        return f"survivor: no operator {record.operator!r}; there are {', '.join(OPERATORS)}"
    if not record.why.strip():
        return "survivor: `why` is empty; say why no test can notice this change"
    return None


@dataclass(frozen=True)
class Sorted:
    """Survivors with a reason, survivors without one, and records that fit no survivor."""

    explained: tuple[AutomaticMutant, ...]
    unexplained: tuple[AutomaticMutant, ...]
    stale: tuple[Record, ...]


def sort_out(survivors: Iterable[AutomaticMutant], records: Iterable[Record]) -> Sorted:
    """Hold survivors against the records; a record explains one survivor, equal ones need a record each."""
    left = list(records)
    explained, unexplained = [], []
    for mutant in survivors:
        record = next((r for r in left if r.explains(mutant)), None)
        if record is None:
            unexplained.append(mutant)
        else:
            left.remove(record)
            explained.append(mutant)
    return Sorted(tuple(explained), tuple(unexplained), tuple(left))
