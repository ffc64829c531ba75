"""`autograder export`: results in the formats that learning-management systems read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from autograder.commands._stored import of_the_store
from autograder.errors import UsageError
from autograder.files import write_whole

if TYPE_CHECKING:
    from autograder.results import SubmissionResult

FORMATS = ("canvas", "moodle", "gradescope", "json", "written")


@click.command(short_help="Write results for Canvas, Moodle or Gradescope, or written answers to mark.")
@of_the_store
@click.option("--to", "format_name", type=click.Choice(FORMATS), required=True, help="The format to write.")
def command(
    assignment: str,
    format_name: str,
    out: Path | None,
    store_url: str | None,
    written: Path | None,
    root: Path | None,
) -> None:
    """Write results for Canvas, Moodle or Gradescope, or as JSON; or the written answers for a TA to mark.

    \b
    autograder export hw1_mdp --out graded --to canvas      # graded/canvas.csv
    autograder export hw1_mdp --out graded --to written     # graded/written.csv

    Fill in the points and comments of written.csv, then grade again with --written graded/written.csv; a line
    without points counts as not read yet.

    Exit codes: 0 the file is written, 1 it cannot be, 2 wrong use.
    """
    from autograder.reports.lms import FORMATS as WRITERS
    from autograder.reports.stored import stored_results

    found = stored_results(assignment, out, store_url, written, root)
    name, write = WRITERS[format_name]
    path = found.out / name
    text = write(found.results, found.assignment.title)
    if format_name == "written" and path.exists() and path.read_text(encoding="utf-8-sig") != text:
        raise UsageError(
            f"{path}: is there already, and may hold marks that no grading has read.\n"
            f"  Next: grade with --written {path} and rename it, then export again."
        )
    write_whole(path, text)
    click.echo(f"{len(found.results)} people: {path}")
    if format_name != "written" and (open_for := [r for r in found.results if not final(r)]):
        click.echo(
            f"Not final for {len(open_for)} of them: answers nobody has read, or what the grader failed on.\n"
            "  Next: mark written answers with --to written, grade again, and export then.",
            err=True,
        )


def final(result: SubmissionResult) -> bool:
    """Tell whether nothing of a result is still for a person to decide."""
    from autograder.grading.gradebook import needs_a_person

    return not result.awaiting and not needs_a_person(result)
