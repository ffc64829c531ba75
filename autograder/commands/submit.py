"""``autograder submit``: write the zip to hand in."""

from __future__ import annotations

from pathlib import Path

import click

_STYLES = {"title": "bold", "missing": "yellow", "note": "dim", "next": "green"}


@click.command(short_help="Write the zip to hand in, and say what is missing.")
@click.option(
    "--folder", default=".", show_default=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The assignment's folder: assignment.toml and the notebook.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE",
    help="The zip, or a folder for it (default: <assignment>-submission.zip in the folder).",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, folder: Path, out: Path | None) -> None:
    """Write the zip to hand in, and say what is missing.

    \b
    autograder submit                      in the homework's folder
    autograder submit --folder hw1_mdp
    autograder submit --out ~/Desktop

    Save your notebook first: it is read from its file. The zip holds the notebook, the further files that
    the homework asks for, and your own modules beside them. An incomplete homework is packed too. An earlier
    zip is never overwritten: it is kept under a number.

    Exit codes: 0 nothing is missing, 1 something is (the zip is written), 2 wrong use (no zip).
    """
    from rich.console import Console

    from autograder.handin import submit
    from autograder.testing.checking import find_folder

    result = submit(find_folder(folder), out)
    console = Console(highlight=False)
    for style, line in result.lines():
        console.print(line, style=_STYLES.get(style), markup=False, soft_wrap=True)
    ctx.exit(0 if result.complete else 1)
