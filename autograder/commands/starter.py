"""``autograder starter``: generate the student's folders from the one source."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from autograder.course import Course

_DIFF_LINES = 20


@click.command(short_help="Generate starter_code/ from solutions/ and assignments/.")
@click.argument("slugs", metavar="[HW]...", nargs=-1)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 if a file differs, is missing or is extra."
)
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False), help="The course (default: found from here)."
)
def command(slugs: tuple[str, ...], check: bool, root: Path | None) -> None:
    """Generate starter_code/HW/ for the assignments named, or for all.

    Holes are cut out of solutions/HW/HW.py and the further files of the manifest; the manifest, the public
    tests and the listed data are copied. A marker that is wrong stops everything, and nothing is written.

    \b
    Examples:
      autograder starter hw1_mdp       generate one
      autograder starter --check       hold all of starter_code/ against its source

    Exit codes: 0 as generated, 1 the source is wrong or --check found a difference, 2 wrong use.
    """
    from autograder.source.starter import differences, starter_files, write_starter

    course = Course.find(root)
    chosen = slugs or tuple(s for s in course.slugs() if course.solution(s).is_dir())
    for slug in chosen:  # every source is read before anything is written
        starter_files(course, slug)
    stale = 0
    for slug in chosen:
        found = differences(course, slug) if check else write_starter(course, slug)
        stale += len(found)
        state = "is as generated" if not found else f"{len(found)} {'differ' if check else 'written'}"
        click.echo(f"starter_code/{slug}: {state}")
        for difference in found:
            what = (
                difference.what
                if check
                else {"missing": "new", "extra": "removed"}.get(difference.what, "changed")
            )
            click.echo(f"  {what:8} {difference.name}")
            if check and difference.diff:
                lines = difference.diff.splitlines()
                click.echo("\n".join("    " + line for line in lines[:_DIFF_LINES]))
                if len(lines) > _DIFF_LINES:
                    click.echo(f"    ... {len(lines) - _DIFF_LINES} more lines")
    if check and stale:
        click.echo("Next: run `autograder starter` and commit what it writes.", err=True)
        sys.exit(1)
