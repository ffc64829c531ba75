"""``autograder check``: run the public checks of a notebook from a shell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.sandbox.code import CellError
    from autograder.testing.checking import QuestionCheck

_STYLES = {
    "passed": "green",
    "not written yet": "dim",
    "read by a person": "blue",
    "hidden checks only": "blue",
    "check broken": "yellow",
}


@click.command(name="check")
@click.argument("questions", nargs=-1, metavar="[QUESTION]...")
@click.option(
    "--folder", default=".", show_default=True, type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The assignment's folder: assignment.toml, the notebook and tests/.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, questions: tuple[str, ...], folder: Path) -> None:
    """Run the public checks on your notebook.

    \b
    autograder check                 all questions
    autograder check 1.3 2.1         two of them
    autograder check --folder ~/hw1_mdp

    The notebook is read from its file, so save it first. Cells tagged "experiment" are left out, as in
    grading. Hidden checks decide the rest of the points.

    Exit codes: 0 every check passed, 1 something is left to do, 2 wrong use.
    """
    from rich.console import Console

    from autograder.testing.checking import PublicChecks, find_folder
    from autograder.testing.panel import Panel
    from autograder.testing.script import find_notebook, load_notebook, working_in

    console = Console(highlight=False)
    found = find_folder(folder)
    checks = PublicChecks(found)
    wanted = checks.questions(questions)
    path = find_notebook(found, checks.assignment)
    with console.status("Loading your notebook") as status, working_in(found):
        loaded = load_notebook(
            found, checks.assignment, path, lambda label: status.update(f"Loading {path.name}, {label}")
        )
        results = checks.run(wanted, loaded.names, lambda label: status.update(f"Checking {label}"))
    _print_cells(console, loaded.errors)
    _print_table(console, checks.assignment.title, results)
    _print_details(console, results)
    panel = Panel(results, checks.seen)
    _print_summary(console, panel)
    ctx.exit(0 if panel.passed and not loaded.errors else 1)


def _print_cells(console: Console, errors: Sequence[CellError]) -> None:
    from rich.panel import Panel as Box
    from rich.text import Text

    for error in errors:
        text = Text((error.traceback_text or f"{error.type_name}: {error.message}").strip())
        title = Text(f"{error.label} did not load")
        console.print(Box(text, title=title, title_align="left", border_style="red"))


def _print_table(console: Console, title: str, results: Sequence[QuestionCheck]) -> None:
    from rich.table import Table
    from rich.text import Text

    from autograder.testing.panel import number, word

    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("Question", "", "Public checks"):
        table.add_column(name, no_wrap=name != "")
    table.add_column("Points", justify="right", no_wrap=True)
    for check in results:
        points = f"{number(check.points)} of {number(check.possible)}" if check.tests else "–"
        said = word(check)
        style = _STYLES.get(said, "red")
        table.add_row(check.question.id, Text(check.question.title), Text(said, style=style), points)
    console.print(table)


def _print_details(console: Console, results: Sequence[QuestionCheck]) -> None:
    from rich.panel import Panel as Box
    from rich.table import Table
    from rich.text import Text

    from autograder.testing.panel import WORDS, is_calm, number, reasons, remark

    for check in results:
        if is_calm(check):
            continue
        grid = Table.grid(padding=(0, 2, 0, 0))
        for test in check.tests:
            said = WORDS[test.outcome]
            points = f"{number(test.points)} of {number(test.possible)}"
            grid.add_row(Text(said, style=_STYLES.get(said, "red")), Text(test.title, style="bold"), points)
            for line in reasons(test):
                grid.add_row("", Text(line))
        grid.add_row("", Text(remark(check), style="dim"))
        title = Text(check.question.label, style="bold")
        console.print(Box(grid, title=title, title_align="left", border_style="red"))


def _print_summary(console: Console, panel: object) -> None:
    from autograder.testing.panel import Panel, number

    assert isinstance(panel, Panel)
    earned = sum(check.points for check in panel.checks)
    possible = sum(check.possible for check in panel.checks)
    hidden = sum(check.hidden for check in panel.checks)
    console.print(f"{number(earned)} of {number(possible)} public points.", style="bold", end=" ")
    console.print(f"Grading decides the other {number(hidden)}." if hidden else "", style="dim")
