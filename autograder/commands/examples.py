"""``autograder examples``: write an assignment's sample class, to try the grader on."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Write an assignment's sample class of submissions.")
@click.argument("hw", metavar="HW")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to write them."
)  # fmt: skip
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False), help="The course (default: found from here)."
)  # fmt: skip
def command(hw: str, out: Path, root: Path | None) -> None:
    """Write the sample class of HW: students who are perfect, wrong, careless, or hostile.

    The submissions are made anew from solutions/HW each time, by solutions/HW/examples/build.py. Some of them
    are right answers: keep them as secret as solutions/.

    \b
    autograder examples hw1_mdp --out class
    autograder grade hw1_mdp class

    Exit codes: 0 written, 1 the assignment has no sample class or it fails, 2 wrong use.
    """
    from autograder.course import Course
    from autograder.source.examples import write_examples

    for name, what in write_examples(Course.find(root), hw, out):
        click.echo(f"{name:<24} {what}")
