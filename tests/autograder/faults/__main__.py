"""`make faults`: a batch killed a hundred times, and a class graded again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[3]
PARTS = ("kills", "regrade", "tests")
COMMAND = [sys.executable, "-c", "from autograder.cli import main; main()"]


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--kills", default=100, show_default=True, help="SIGKILLs of a batch.")
@click.option("--stops", default=10, show_default=True, help="SIGTERM and SIGINT besides.")
@click.option("--size", default=60, show_default=True, help="Submissions of that batch.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--assignment", default="hw1_mdp", show_default=True, help="Whose sample class is regraded.")
@click.option("--times", default=20, show_default=True, help="How often, half on one job and half on two.")
def main(
    parts: tuple[str, ...], kills: int, stops: int, size: int, seed: int, assignment: str, times: int
) -> None:
    """Try PARTS (all by default): kills, regrade, tests."""
    console = Console(width=None if sys.stdout.isatty() else 140)
    good = True
    for part in parts or PARTS:
        if part == "kills":
            good &= _kills(console, kills, stops, size, seed)
        elif part == "regrade":
            good &= _regrade(console, assignment, times)
        else:
            arguments = [sys.executable, "-m", "pytest", str(Path(__file__).parent), "-q", "-m", "", "-k", "not hundred"]
            good &= subprocess.run(arguments, cwd=ROOT, check=False).returncode == 0
    sys.exit(0 if good else 1)


def _kills(console: Console, kills: int, stops: int, size: int, seed: int) -> bool:
    """Kill a batch at random moments and resume it; print what came of it."""
    console.print(f"[bold]Kills[/]: a batch of {size}, killed {kills} times at random moments, stopped {stops} times")
    with tempfile.TemporaryDirectory(prefix="robolearn-faults-") as folder:
        options = ["--kills", kills, "--stops", stops, "--size", size, "--seed", seed, "--out", folder]
        module = [sys.executable, "-m", "tests.autograder.faults.kills", *map(str, options)]
        done = subprocess.run(module, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False)
    report = json.loads(done.stdout)
    table = Table("kills", "", title="A batch under siege")
    for name in ("kills", "during"):
        table.add_row(name, ", ".join(f"{number} {what}" for what, number in report[name].items()))
    for name in ("rounds", "resumed_most", "regraded", "survivors", "longest_gone_s", "calm_s", "wall_s"):
        value = report[name]
        table.add_row(name.replace("_s", ", seconds").replace("_", " "), f"{value:.1f}" if isinstance(value, float) else str(value))
    console.print(table)
    for problem in report["problems"]:
        console.print(problem, style="red", markup=False)
    console.print("Every table is the calm run's.\n" if done.returncode == 0 else "Something was lost.\n")
    return done.returncode == 0


def _regrade(console: Console, slug: str, times: int) -> bool:
    """Grade a sample class afresh many times, on one and on two jobs, and compare the tables."""
    console.print(f"[bold]Regrading[/] the sample class of {slug} {times} times, on 1 and 2 jobs by turns")
    tables: dict[bytes, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="robolearn-faults-") as folder:
        scratch = Path(folder)
        subprocess.run([*COMMAND, "examples", slug, "--out", str(scratch / "class")], cwd=ROOT, check=True, capture_output=True)
        for number in range(times):
            jobs, began = 1 + number % 2, time.perf_counter()
            out = scratch / f"run-{number}"
            arguments = ["grade", slug, str(scratch / "class"), "--out", str(out), "--jobs", str(jobs), "--no-pages"]
            subprocess.run([*COMMAND, *arguments], cwd=ROOT, check=False, capture_output=True)
            tables.setdefault((out / "grades.csv").read_bytes(), []).append(f"{number + 1}")
            console.print(f"  {number + 1} of {times}, {jobs} job{'s' * (jobs > 1)}: {time.perf_counter() - began:.0f} s")
    if len(tables) == 1:
        console.print("All scores are identical.\n")
        return True
    console.print(f"Runs that differ: {' | '.join(', '.join(runs) for runs in tables.values())}\n", style="red")
    return False


if __name__ == "__main__":
    main()
