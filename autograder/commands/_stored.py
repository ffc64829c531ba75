"""The options of verbs that read what grading stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_OPTIONS = (
    click.option("--out", type=click.Path(path_type=Path), help="The folder that grading wrote."),
    click.option("--store", "store_url", help="Where the attempts are, if not in the folder."),
    click.option(
        "--written", type=click.Path(path_type=Path, dir_okay=False),
        help="CSV of points for written answers: person,question,points,comment.",
    ),
    click.option(
        "--root", type=click.Path(path_type=Path, file_okay=False),
        help="The course (default: found from here).",
    ),
)  # fmt: skip


def of_the_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add HW, --out, --store, --written and --root to a verb."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return click.argument("assignment", metavar="HW")(command)
