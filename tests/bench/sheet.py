"""What a bench says: a line on what is compared, the goal and whether it was met, then the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the environment of the peers has no rich
    from rich.console import Console

Row = Mapping[str, object]


@dataclass(frozen=True)
class Goal:
    """What a comparison was for.

    Attributes:
        compares: one sentence, what is beside what.
        goal: what ours should reach; empty where numbers are only to be read.
        found: the numbers that decide.
        met: whether they reach it.
    """

    compares: str
    goal: str = ""
    found: str = ""
    met: bool = False


class Sheet:
    """Prints a bench and keeps what it said.

    Args:
        console: where it is printed.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.report: dict[str, object] = {}

    def show(self, name: str, goal: Goal, rows: Sequence[Row]) -> None:
        """Print the lines and the table of a comparison; rows of other columns begin another table."""
        from rich.table import Table

        self.console.print(f"\n[bold]{name}[/]: {goal.compares}")
        if goal.goal:
            verdict = "[green]Met[/]" if goal.met else "[red]NOT met[/]"
            self.console.print(f"Goal: {goal.goal}. {verdict}: {goal.found}.")
        for columns, group in groupby(rows, key=tuple):
            table = Table(*columns)
            for row in group:
                table.add_row(*(_text(value) for value in row.values()))
            self.console.print(table)
        self.report[name] = {**asdict(goal), "rows": [dict(row) for row in rows]}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "" if value is None else str(value)
