"""``autograder release``: the student's, the grader's and Gradescope's zip, or the reasons why not."""

from __future__ import annotations

from pathlib import Path

import click

from autograder.course import Course


@click.command(short_help="Write the zips for students, graders and Gradescope, or say why not.")
@click.argument("slug", metavar="HW")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of releases.  [default: dist]"
)
@click.option("--dry-run", is_flag=True, help="Run every check and write nothing.")
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False), help="The course (default: found from here)."
)
def command(slug: str, out: Path | None, dry_run: bool, root: Path | None) -> None:
    """Release HW: dist/HW/HW-VERSION-student.zip, -grader.zip and -gradescope.zip.

    Everything is checked first, and every reason not to release is listed: starter_code/ differs from its
    source, a question lacks a public or a hidden test or a rubric, the reference does not earn everything,
    the untouched starter earns something, or anything of solutions/ is found in the student's zip, also
    inside the wheel and the notebook's metadata. The same source gives the same bytes.

    \b
    Examples:
      autograder release hw1_mdp
      autograder release hw1_mdp --dry-run     only the checks

    Exit codes: 0 released, 1 there are reasons not to, 2 wrong use.
    """
    from autograder.release.build import release

    course = Course.find(root)
    folder = out or course.root / "dist"
    click.echo(f"Checking {slug}: source, tests, reference, starter, leaks ...")
    archives = release(course, slug, folder, dry_run=dry_run)
    if dry_run:
        click.echo(f"{slug} could be released; nothing was written.")
        return
    for archive in archives:
        click.echo(f"{archive.path}  {len(archive.data):,} bytes  sha256 {archive.digest[:16]}")
    click.echo(f"Next: hand {archives[0].path.name} to students; the other two hold the solutions.")
