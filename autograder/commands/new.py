"""``autograder new``: a complete tiny assignment to begin from."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.course import Course


@click.command(short_help="Scaffold a complete tiny assignment.")
@click.argument("slug", metavar="HW")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("."),
    help="The course's folder.  [default: here]",
)
def command(slug: str, root: Path) -> None:
    """Scaffold HW: two code questions with holes, a written one, and everything that belongs to them.

    Public and hidden tests, planted mistakes, other right answers, a rubric, a fresh grading seed, sample
    submissions. It checks, releases and grades as it is; change it piece by piece. Nothing is overwritten.

    \b
    Examples:
      autograder new hw7_demo
      autograder new hw1_intro --root ../my-course
    """
    from autograder.release.scaffold import scaffold

    written = scaffold(Course(root.resolve()), slug)
    for path in written:
        click.echo(f"  {path.relative_to(root.resolve())}")
    click.echo(f"Next: edit solutions/{slug}/{slug}.py, then run `autograder starter {slug}`, ")
    click.echo(f"      `autograder audit {slug}` and `autograder release {slug}`.")
