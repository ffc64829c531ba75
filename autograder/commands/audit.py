"""``autograder audit``: are the tests right, complete and fair?"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.audit.cases import Part
    from autograder.audit.judge import Audit, Row
    from autograder.course import Course


@click.command(
    short_help="Test the tests: reference, starter, mistakes planted and automatic, right answers."
)
@click.argument("hw", nargs=-1, metavar="[HW]...")
@click.option("--jobs", type=click.IntRange(1), help="Submissions graded at a time. [default: one a core]")
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(1), metavar="N",
              help="Grading seeds under which the reference must earn everything.")  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="PART,...", help="reference, starter, mutants, alternatives, automatic."
)
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), metavar="FILE", help="Write it all as JSON."
)
@click.pass_context
def command(
    ctx: click.Context,
    hw: tuple[str, ...],
    jobs: int | None,
    seeds: int,
    only: tuple[str, ...],
    json_path: Path | None,
) -> None:
    """Test the tests of assignments (by default all of them).

    The reference earns every point under many grading seeds, within its limits; the untouched starter earns
    none; each planted mistake of solutions/HW/mutants loses points in its own question and nowhere else; each
    right answer of solutions/HW/alternatives loses nothing; of all small changes of the reference the tests
    notice 95 in 100, in each question, those aside that solutions/HW/survivors.toml explains; every threshold
    stands beside its evidence.

    \b
    autograder audit hw1_mdp
    autograder audit hw1_mdp --only mutants,alternatives
    autograder audit hw1_mdp --only automatic
    autograder audit --seeds 5 --json build/audit.json

    Exit codes: 0 nothing is wrong, 1 something is (every reason is listed), 2 wrong use.
    """
    from autograder.grading.threads import single_threaded

    single_threaded()
    from autograder.course import Course
    from autograder.grading.table import wide_console

    parts = _parts(only)
    course, console = Course.find(), wide_console()
    audits = [_audit(course, slug, parts, seeds, jobs, console) for slug in hw or course.slugs()]
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps([as_data(a) for a in audits], indent=1) + "\n", encoding="utf-8")
    ctx.exit(0 if all(a.passed for a in audits) else 1)


def as_data(audit: Audit) -> dict[str, Any]:
    """Return an audit as JSON-ready data."""
    rows = [{**asdict(row), "kill_rate": row.kill_rate} for row in audit.rows]
    return {**asdict(audit), "rows": rows, "kill_rate": audit.kill_rate, "passed": audit.passed}


def _parts(only: tuple[str, ...]) -> list[Part]:
    from autograder.audit.cases import PARTS

    names = [name.strip() for text in only for name in text.split(",") if name.strip()]
    known = {part.value: part for part in PARTS}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"--only {unknown[0]}: no such part.\n  Next: give one or more of {', '.join(known)}."
        )
    return [part for part in PARTS if not names or part.value in names]


def _audit(
    course: Course, slug: str, parts: list[Part], seeds: int, jobs: int | None, console: Console
) -> Audit:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from autograder.audit.run import audit

    columns = (
        TextColumn("Auditing " + slug), BarColumn(), MofNCompleteColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.description}"),
    )  # fmt: skip
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
    task = bar.add_task("", total=None)

    def hear(done: int, total: int, name: str) -> None:
        bar.update(task, completed=done, total=total, description=name, refresh=console.is_terminal)

    def tick() -> None:
        if console.is_terminal:
            bar.refresh()

    if console.is_terminal:
        with bar:
            found = audit(course, slug, parts=parts, seeds=seeds, jobs=jobs, hear=hear, tick=tick)
    else:
        found = audit(course, slug, parts=parts, seeds=seeds, jobs=jobs)
    _show(console, found)
    return found


def _show(console: Console, audit: Audit) -> None:
    from rich import box
    from rich.table import Table

    table = Table(
        title=f"Audit of {audit.slug}",
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("question", overflow="fold", max_width=44)
    for name in ("public", "hidden", "reference", "mutants", "alternatives", "automatic", "CPU s", "limit"):
        table.add_column(name, justify="right", no_wrap=True)
    wrong = {problem.question for problem in audit.problems}
    for row in audit.rows:
        table.add_row(
            f"{row.id} {row.title}", str(row.num_public), str(row.num_hidden),
            _of(row.num_full, row.num_seeds), _of(row.num_caught, row.num_mutants),
            _of(row.num_accepted, row.num_alternatives), _killed(row),
            f"{row.cpu_s:.2f}", f"{row.limit_s:g}", style="red" if row.id in wrong else "",
        )  # fmt: skip
    console.print(table)

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
    if audit.kill_rate is not None:
        tally = audit.tally
        explained = f"; of {tally.num_explained} more it is explained why no test can"
        say(
            f"The tests notice {tally.num_killed} of {tally.num_noticeable} automatic mistakes "
            f"({tally.rate:.1%}){explained if tally.num_explained else ''}."
        )
    for survivor in audit.survivors:
        say(f"  survives: {survivor}")
    for problem in audit.problems:
        say(f"  {problem.part}: {problem.what}")
    number = len(audit.problems)
    words = {0: "nothing is wrong", 1: "1 thing is wrong"}.get(number, f"{number} things are wrong")
    say(f"{audit.slug} ({', '.join(audit.parts)}): {words}.")


def _killed(row: Row) -> str:
    """Say how many automatic mistakes were noticed of those that can be, and how many more are explained."""
    if not row.num_automatic:
        return "-"
    explained = f" +{row.num_explained}" if row.num_explained else ""
    return f"{row.num_killed}/{row.tally.num_noticeable}{explained}"


def _of(part: int, whole: int) -> str:
    return f"{part}/{whole}" if whole else "-"
