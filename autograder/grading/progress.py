"""What a person sees while a class is graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from autograder.results import Outcome, SubmissionResult

STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "yellow",
    Outcome.NOT_ATTEMPTED: "dim",
    Outcome.AWAITING_TA: "cyan",
    Outcome.TIMED_OUT: "magenta",
    Outcome.OUT_OF_MEMORY: "magenta",
    Outcome.CRASHED: "magenta",
    Outcome.BLOCKED: "red",
    Outcome.GRADER_ERROR: "bold red",
}


class Progress(Protocol):
    """Hears how a run goes on."""

    def of(self, total: int) -> AbstractContextManager[None]:
        """Stand around a run of ``total`` submissions."""

    def ended(self, result: SubmissionResult, kept: bool) -> None:
        """Hear of one result; ``kept`` where nothing had to be graded."""

    def tick(self) -> None:
        """Be called several times a second."""

    def waits(self, why: str) -> None:
        """Hear why nothing begins yet."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def of(self, total: int) -> Iterator[None]:
        """Do nothing."""
        yield

    def ended(self, result: SubmissionResult, kept: bool) -> None:
        """Do nothing."""

    def tick(self) -> None:
        """Do nothing."""

    def waits(self, why: str) -> None:
        """Do nothing."""


class Shown:
    """A bar with counts, rate and time left on a terminal; a line a submission elsewhere.

    It draws when told to and has no thread of its own: processes are forked while it stands.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._outcomes: Counter[Outcome] = Counter()
        self.kept = self.done = self._total = 0
        self._bar = Bar(
            TextColumn("Grading"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            TextColumn("{task.fields[outcomes]}"),
            console=console, auto_refresh=False, transient=True,
            speed_estimate_period=120.0,
        )  # fmt: skip

    @contextmanager
    def of(self, total: int) -> Iterator[None]:
        """Show a run of ``total`` submissions."""
        self._total = total
        if not self._console.is_terminal:
            yield
            return
        self._task = self._bar.add_task("grading", total=total, rate="", outcomes="")
        with self._bar:
            yield

    def ended(self, result: SubmissionResult, kept: bool) -> None:
        """Count one result, and show it."""
        self.done += 1
        self.kept += kept
        self._outcomes.update(question.outcome for question in result.questions)
        if not self._console.is_terminal:
            print(line_of(result, kept, self.done, self._total), file=self._console.file, flush=True)
            return
        speed = self._bar.tasks[0].speed
        rate = f"{60 * speed:.0f} a minute" if speed else ""
        self._bar.update(self._task, advance=1, rate=rate, outcomes=self.words(), refresh=True)

    def tick(self) -> None:
        """Draw the clock anew."""
        if self._console.is_terminal:
            self._bar.refresh()

    def waits(self, why: str) -> None:
        """Say why nothing begins yet."""
        self._console.print(why, highlight=False, soft_wrap=True, markup=False)

    def words(self) -> str:
        """Return how many questions came to each outcome so far."""
        parts = [f"[{STYLES[o]}]{o.value.lower()} {n}[/]" for o in STYLES if (n := self._outcomes[o])]
        if self.kept:
            parts.append(f"{self.kept} kept")
        return "  ".join(parts)


def line_of(result: SubmissionResult, kept: bool, done: int, total: int) -> str:
    """Return one submission's line for a log."""
    notes = [f"{q.id} {q.outcome.value}" for q in result.questions if q.outcome in _NOTED]
    words = "; ".join(([f"cannot be read: {result.error.splitlines()[0]}"] if result.error else []) + notes)
    took = "kept" if kept else f"{result.wall_s:.1f} s"
    score = f"{result.points:g}/{result.possible:g}"
    name = "".join(c if c.isprintable() else "?" for c in result.person.id)
    return f"[{done:>{len(str(total))}}/{total}] {name}  {score}  ({took})" + (f"  {words}" if words else "")


_NOTED = frozenset(
    {Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY, Outcome.CRASHED, Outcome.BLOCKED, Outcome.GRADER_ERROR}
)
