"""`make fuzz`: the long runs. Properties with many examples, mutated hand-ins, coverage-guided fuzzing."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from autograder.grading.threads import single_threaded

ROOT = Path(__file__).parents[3]
PARTS = ("properties", "intake", "atheris")
ATHERIS = "atheris==3.0.0"
TOOLS = ROOT / "build" / "fuzz" / "tools"
TARGETS = ("codec", "markers", "notebook")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--assignment", default="hw1_mdp", show_default=True, help="Whose solved notebook is mutated.")
@click.option("--mutants", default=10_000, show_default=True, help="Mutated notebooks and archives.")
@click.option("--graded", default=1000, show_default=True, help="Of those, how many with different code to grade.")
@click.option("--first", default=0, show_default=True, help="The number of the first mutant.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Processes at once.")
@click.option("--effort", default=40, show_default=True, help="Times the examples of the default suite.")
@click.option("--seconds", default=120, show_default=True, help="For each target of Atheris.")
def main(
    parts: tuple[str, ...], assignment: str, mutants: int, graded: int, first: int, jobs: int, effort: int, seconds: int
) -> None:  # fmt: skip
    """Fuzz PARTS (all by default): properties, intake, atheris."""
    single_threaded()
    console = Console(width=None if sys.stdout.isatty() else 140)
    good = True
    for part in parts or PARTS:
        if part == "properties":
            good &= properties(console, effort)
        elif part == "intake":
            good &= intake(console, assignment, range(first, first + mutants), graded, jobs)
        else:
            good &= coverage_guided(console, seconds)
    sys.exit(0 if good else 1)


def properties(console: Console, effort: int) -> bool:
    """Run the property tests of codec, calls, garbage and markers with many fresh examples."""
    console.print(f"[bold]Properties[/], {effort} times the examples of the default suite")
    arguments = ["-m", "pytest", str(Path(__file__).parent), "-q", "-m", "", "-k", "not intake"]
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env={**os.environ, "FUZZ": str(effort)}, check=False)
    console.print(f"{time.perf_counter() - began:.0f} s\n")
    return done.returncode == 0


def intake(console: Console, slug: str, numbers: range, graded: int, jobs: int) -> bool:
    """Mutate hand-ins, read all, grade some; print what came of them."""
    from autograder.course import Course
    from tests.autograder.fuzz import campaign

    console.print(f"[bold]Intake[/], {len(numbers)} mutated notebooks and archives of {slug}, {jobs} processes")
    campaign.lab(Course(ROOT), slug)  # inherited by the processes
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as executor:
        tally = campaign.run(ROOT, slug, numbers, graded, executor, jobs, lambda text: console.print(f"  {text}"))
    _show(console, tally)
    return not tally.problems


def _show(console: Console, tally: Any) -> None:
    reads, marks = tally.reads, tally.marks
    kinds = Counter(r.kind for r in reads)
    table = Table("mutants", "number", title="Intake")
    table.add_row("notebooks, archives", f"{kinds['notebook']}, {kinds['archive']}")
    table.add_row("accepted", str(len(tally.accepted)))
    for reason, number in tally.refused.most_common():
        table.add_row(f"refused: {reason}", str(number))
    table.add_row("slowest, CPU seconds", f"{max((r.cpu_s for r in reads), default=0):.2f}")
    table.add_row("wall seconds", f"{tally.wall_s['intake']:.0f}")
    console.print(table)
    table = Table("questions", "number", title=f"Grading of {tally.graded} mutants with different code")
    for outcome, number in Counter(m.outcome.value for m in marks).most_common():
        table.add_row(outcome, str(number))
    for why, number in tally.full.most_common():
        table.add_row(f"full marks: {why}", str(number))
    table.add_row("wall seconds", f"{tally.wall_s['grading']:.0f}")
    table.add_row("largest process, MB", f"{tally.max_rss_mb:.0f}")
    console.print(table)
    for diff in {mark.diff: mark for mark in marks if mark.diff}.values():
        console.print(f"Changed and full, {diff.question}, mutant {diff.number}:", style="yellow")
        console.print(diff.diff, markup=False, highlight=False)
    for problem in tally.problems:
        console.print(problem, style="red", markup=False)
    words = f"{len(tally.problems)} problems" if tally.problems else "No crash, no stray file, no wrong full mark."
    console.print(f"{words}\n")


def coverage_guided(console: Console, seconds: int) -> bool:
    """Run Atheris on each target for a while, with a corpus that is kept."""
    if not (TOOLS / "atheris").is_dir():
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(TOOLS), ATHERIS]
        if subprocess.run(install, check=False).returncode:
            console.print(f"[bold]Atheris[/] left out: {ATHERIS} cannot be installed for this Python.\n")
            return True
    good = True
    for target in TARGETS:
        folder = ROOT / "build" / "fuzz" / target
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "tests.autograder.fuzz.targets", target, str(folder / "corpus"),
            f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=3000", "-print_final_stats=1",
            f"-artifact_prefix={folder}/",
        ]  # fmt: skip
        path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(TOOLS)]))
        ran = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        units = re.search(r"number_of_executed_units:\s*(\d+)", ran.stderr)
        console.print(f"[bold]Atheris[/] {target}: {units[1] if units else 'no'} runs in {seconds} s, exit {ran.returncode}")
        if ran.returncode:
            console.print(ran.stderr[-3000:], markup=False)
            good = False
    return good


if __name__ == "__main__":
    main()
