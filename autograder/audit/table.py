"""An audit on a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from autograder.audit.cases import Part
from autograder.audit.findings import Audit, Row
from autograder.audit.thresholds import Founded

NUMBERS = (
    "public", "hidden", "reference", "mutants", "alternatives", "automatic", "lines",
    "CPU s", "limit", "share",
)  # fmt: skip


def as_data(audit: Audit) -> dict[str, Any]:
    """Return an audit as JSON-ready data."""
    rows = [{**asdict(row), "kill_rate": row.kill_rate, "cpu_share": row.cpu_share} for row in audit.rows]
    return {**asdict(audit), "rows": rows, "kill_rate": audit.kill_rate, "passed": audit.passed}


def show(console: Console, audit: Audit) -> None:
    """Print an audit: a row a question, a row a threshold, what else is to say, and every problem."""
    console.print(_questions(audit))
    if audit.thresholds:
        console.print(_thresholds(audit.thresholds))

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    for note in audit.notes:
        say(note + ".")
    if audit.num_cases:
        takes = f" The reference takes {audit.cpu_s:.1f} s of CPU, the budget is {audit.budget_s:g} s."
        say(
            f"{audit.num_cases} submissions in {audit.wall_s:.1f} s, sandbox tier {audit.tier}."
            f"{takes if audit.cpu_s else ''}"
        )
    timed = [row for row in audit.rows if row.cpu_share is not None]
    if timed:
        slowest = max(timed, key=lambda row: row.cpu_share or 0.0)
        say(f"The slowest question, {slowest.id}, takes {slowest.cpu_share:.0%} of its CPU limit.")
    if audit.kill_rate is not None:
        tally = audit.tally
        explained = f"; of {tally.num_explained} more it is explained why no test can"
        say(
            f"The tests notice {tally.num_killed} of {tally.num_noticeable} automatic mistakes "
            f"({tally.rate:.1%}){explained if tally.num_explained else ''}."
        )
    leaks = sum(problem.part == Part.LEAKS for problem in audit.problems)
    if Part.LEAKS in audit.parts:
        say(f"In what students get, {leaks or 'nothing'} of solutions/ was found.")
    for survivor in audit.survivors:
        say(f"  survives: {survivor}")
    for problem in audit.problems:
        say(f"  {problem.part}: {problem.what}")
    number = len(audit.problems)
    words = {0: "nothing is wrong", 1: "1 thing is wrong"}.get(number, f"{number} things are wrong")
    say(f"{audit.slug} ({', '.join(audit.parts)}): {words}.")


def _questions(audit: Audit) -> Table:
    table = _empty(f"Audit of {audit.slug}", "question", NUMBERS)
    wrong = {problem.question for problem in audit.problems}
    for row in audit.rows:
        share = "-" if row.cpu_share is None else f"{row.cpu_share:.0%}"
        table.add_row(
            f"{row.id} {row.title}", str(row.num_public), str(row.num_hidden),
            _of(row.num_full, row.num_seeds), _of(row.num_caught, row.num_mutants),
            _of(row.num_accepted, row.num_alternatives), _killed(row), _of(row.num_run, row.num_lines),
            f"{row.cpu_s:.2f}", f"{row.limit_s:g}", share, style="red" if row.id in wrong else "",
        )  # fmt: skip
    return table


def _thresholds(founded: tuple[Founded, ...]) -> Table:
    columns = ("runs", "mean", "spread", "worst", "bound", "false fails ≤", "allowed", "model")
    table = _empty("Thresholds", "threshold", columns)
    for one in founded:
        figures = (f"{x:.4g}" for x in (one.mean, one.spread, one.worst, one.bound))
        table.add_row(
            one.name, str(one.num_runs), *figures, f"{one.false_fail_rate:.2g}", f"{one.most:g}", one.model,
            style="red" if one.false_fail_rate > one.most else "",
        )  # fmt: skip
    return table


def _empty(title: str, first: str, numbers: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold", max_width=44)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _killed(row: Row) -> str:
    """Say how many automatic mistakes were noticed of those that can be, and how many more are explained."""
    if not row.num_automatic:
        return "-"
    explained = f" +{row.num_explained}" if row.num_explained else ""
    return f"{row.num_killed}/{row.tally.num_noticeable}{explained}"


def _of(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "-"
