"""`autograder report`: write the pages again, from the store."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.commands._stored import of_the_store


@click.command(short_help="Write the pages and grades.csv again, from what was graded.")
@of_the_store
def command(
    assignment: str, out: Path | None, store_url: str | None, written: Path | None, root: Path | None
) -> None:
    """Write feedback pages, the class page and grades.csv again, from what was graded.

    \b
    autograder report hw1_mdp --out graded
    autograder report hw1_mdp --out graded --written written.csv

    Exit codes: 0 the pages are written, 1 they cannot be, 2 wrong use.
    """
    from rich.console import Console
    from rich.progress import Progress

    from autograder.grading.gradebook import write_gradebook
    from autograder.reports.publish import publish
    from autograder.reports.stored import stored_results

    console = Console()
    found = stored_results(assignment, out, store_url, written, root)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Writing pages", total=len(found.results))
        paths = publish(
            found.results,
            found.course,
            found.assignment,
            found.out,
            lambda done, total: progress.update(task, completed=done),
        )
    gradebook = write_gradebook(found.results, found.assignment, found.out)
    console.print(
        f"{len(found.results)} people: [bold]{paths.class_page}[/bold], {gradebook}", soft_wrap=True
    )
