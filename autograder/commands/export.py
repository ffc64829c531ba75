"""`autograder export`: results in the formats that learning-management systems read."""

from __future__ import annotations

from pathlib import Path

import click

FORMATS = ("canvas", "moodle", "gradescope", "json")


@click.command()
@click.argument("assignment")
@click.option("--to", "format_name", type=click.Choice(FORMATS), required=True, help="The format to write.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="The folder that grading wrote.")
@click.option("--store", "store_url", default=None, help="Where the attempts are, if not in the folder.")
@click.option(
    "--written",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of points for written answers: person,question,points,comment.",
)
@click.option(
    "--course", "root", type=click.Path(path_type=Path, file_okay=False), help="The course's folder."
)
def command(
    assignment: str,
    format_name: str,
    out: Path | None,
    store_url: str | None,
    written: Path | None,
    root: Path | None,
) -> None:
    """Write the results for Canvas, Moodle or Gradescope, or as JSON.

    \b
    autograder export hw1_mdp --out graded --to canvas      # graded/canvas.csv
    """
    from autograder.reports.lms import FORMATS as WRITERS
    from autograder.reports.stored import stored_results

    found = stored_results(assignment, out, store_url, written, root)
    name, write = WRITERS[format_name]
    path = found.out / name
    path.write_text(write(found.results, found.assignment.title), encoding="utf-8")
    click.echo(f"{len(found.results)} people: {path}")
