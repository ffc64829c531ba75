"""``autograder new``: a complete tiny assignment to begin from."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.course import Course
from autograder.errors import UsageError


@click.command(short_help="Scaffold a complete tiny assignment.")
@click.argument("slug", metavar="HW")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="The course's folder (default: found from here, else a new course begins here).",
)
def command(slug: str, root: Path | None) -> None:
    """Scaffold HW: two code questions with holes, a written one, and everything that belongs to them.

    Public and hidden tests, planted mistakes, other right answers, a rubric, a fresh grading seed, sample
    submissions. It checks, releases and grades as it is; change it piece by piece. Nothing is overwritten.

    \b
    Examples:
      autograder new hw7_demo
      autograder new hw1_intro --root ../my-course

    Exit codes: 0 written, 2 wrong use.
    """
    from autograder.release.scaffold import scaffold

    course = _course(root)
    for path in scaffold(course, slug):
        click.echo(f"  {path.relative_to(course.root)}")
    click.echo(f"Next: edit solutions/{slug}/{slug}.py, then run `autograder starter {slug}`, ")
    click.echo(f"      `autograder audit {slug}` and `autograder release {slug}`.")


def _course(root: Path | None) -> Course:
    if root is not None:
        return Course(root.resolve())
    try:
        return Course.find()
    except UsageError:  # an empty folder becomes a course
        return Course(Path.cwd())
