"""``autograder audit``: are the tests right, complete and fair?"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.audit.cases import Part
    from autograder.audit.changes import Changes
    from autograder.audit.findings import Audit
    from autograder.course import Course


@click.command(
    short_help="Test the tests: reference, starter, mistakes, right answers, thresholds, leaks, time."
)
@click.argument("hw", nargs=-1, metavar="[HW]...")
@click.option("--jobs", type=click.IntRange(1), help="Submissions graded at a time. [default: one a core]")
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(1), metavar="N",
              help="Grading seeds under which the reference must earn everything.")  # fmt: skip
@click.option(
    "--only",
    multiple=True,
    metavar="PART,...",
    help="reference, starter, mutants, alternatives, automatic, thresholds, leaks, time, coverage.",
)
@click.option(
    "--question",
    "asked",
    multiple=True,
    metavar="ID,...",
    help="Questions of one assignment to look at, such as 5.1; by default all.",
)
@click.option(
    "--changed",
    is_flag=False,
    flag_value="",
    metavar="[REV]",
    help="Only assignments that changed since REV. [default: where this branch left main; on main HEAD~1]",
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
    asked: tuple[str, ...],
    changed: str | None,
    json_path: Path | None,
) -> None:
    """Test the tests of assignments (by default all of them).

    The reference earns every point under many grading seeds; the untouched starter earns none; each planted
    mistake of solutions/HW/mutants loses points in its own question and nowhere else; each right answer of
    solutions/HW/alternatives loses nothing; of all small changes of the reference the tests notice 95 in 100,
    in each question, those aside that solutions/HW/survivors.toml explains. By the reference runs in
    solutions/HW/thresholds.json, a threshold fails at most 1 right answer in 1000, or in 100 where runs are
    dear. Nothing of solutions/ is in what students get. The reference takes at most a third of a question's
    CPU limit. Every line of a hole runs in some test of its question.

    \b
    autograder audit hw1_mdp
    autograder audit hw1_mdp --only mutants,alternatives
    autograder audit hw1_mdp --question 5.1,5.2
    autograder audit --changed
    autograder audit --seeds 5 --json build/audit.json

    --changed asks git: an assignment counts where a file of its own folders differs from REV, committed or
    not, and all count where autograder/ or environments/ does, or where git is not there.

    Exit codes: 0 nothing is wrong, 1 something is (every reason is listed), 2 wrong use.
    """
    from autograder.grading.threads import single_threaded

    single_threaded()
    from autograder.course import Course
    from autograder.grading.table import wide_console

    course, console = Course.find(), wide_console()
    slugs = list(hw or course.slugs())
    questions = _questions(course, slugs, asked)
    parts = _parts(only, bool(questions))
    if changed is not None:
        slugs = _changed(course, slugs, changed, console)
    audits = [_audit(course, slug, parts, questions, seeds, jobs, console) for slug in slugs]
    if json_path:
        from autograder.audit.table import as_data

        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps([as_data(a) for a in audits], indent=1) + "\n", encoding="utf-8")
    ctx.exit(0 if all(a.passed for a in audits) else 1)


def _named(texts: tuple[str, ...]) -> list[str]:
    """Split what an option was given, once or often, with commas or without."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _questions(course: Course, slugs: list[str], asked: tuple[str, ...]) -> list[str]:
    from autograder.course import Kind

    names = _named(asked)
    if names and len(slugs) != 1:
        raise UsageError(
            f"--question {names[0]}: of which assignment?\n  Next: give one, of {', '.join(slugs)}."
        )
    questions = [course.assignment(slugs[0]).question(name) for name in names]
    if written := [q for q in questions if q.kind is Kind.WRITTEN]:
        raise UsageError(
            f"--question {written[0].id}: a written question, which no test scores.\n"
            "  Next: give one that has tests."
        )
    return [q.id for q in questions]


def _changed(course: Course, slugs: list[str], revision: str, console: Console) -> list[str]:
    from autograder.audit.changes import changes

    found: Changes = changes(course, revision)
    for slug in slugs:
        course.assignment(slug)  # an unknown one is wrong use, whatever changed
    chosen = [slug for slug in slugs if slug in found.slugs]
    rest = "" if chosen else "; nothing to audit"
    console.print(f"{found.words[:1].upper()}{found.words[1:]}{rest}.", highlight=False, markup=False)
    return chosen


def _parts(only: tuple[str, ...], some_questions: bool) -> list[Part]:
    from autograder.audit.cases import PARTS
    from autograder.audit.cases import Part as Known

    names, known = _named(only), [part.value for part in PARTS]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"--only {unknown[0]}: no such part.\n  Next: give one or more of {', '.join(known)}."
        )
    whole = {Known.LEAKS} if some_questions else set()  # no question's matter
    return [part for part in PARTS if (part.value in names if names else part not in whole)]


def _audit(
    course: Course,
    slug: str,
    parts: list[Part],
    questions: list[str],
    seeds: int,
    jobs: int | None,
    console: Console,
) -> Audit:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from autograder.audit.run import audit
    from autograder.audit.table import show

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

    run = partial(audit, course, slug, parts=parts, questions=questions, seeds=seeds, jobs=jobs)
    if console.is_terminal:
        with bar:
            found = run(hear=hear, tick=tick)
    else:
        found = run()
    show(console, found)
    return found
