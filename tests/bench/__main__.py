"""`make bench`: this grader against nbgrader and Otter, and the environments against MuJoCo, in one run."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.bench import environments, navigation, ours, peers, quadruped
from tests.bench.questions import FLAVOURS

ROOT = Path(__file__).parents[2]
PARTS = ("peers", "sandbox", "class", "environments")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option(
    "--submissions", default=60, show_default=True, help="Size of the classes that this grader grades."
)
@click.option("--peer-submissions", default=12, show_default=True, help="Size of nbgrader's class.")
@click.option("--otter-submissions", default=4, show_default=True, help="Size of Otter's class; it is slow.")
@click.option("--assignment", default="hw1_mdp", show_default=True, help="Whose sample class to grade.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=ROOT / "build" / "bench", help="Scratch folder."
)
def main(
    parts: tuple[str, ...],
    submissions: int,
    peer_submissions: int,
    otter_submissions: int,
    assignment: str,
    out: Path,
) -> None:
    """Measure PARTS (all by default): peers, sandbox, class, environments."""
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, object] = {"machine": f"{platform.system()} {platform.release()} {platform.machine()}"}
    parts = parts or PARTS
    if "sandbox" in parts:
        report["sandbox"] = _sandbox(console)
    if "peers" in parts:
        report["peers"] = _peers(console, out, submissions, peer_submissions, otter_submissions)
    if "class" in parts:
        console.print(f"Grading {submissions} submissions of {assignment}")
        report["class"] = found = ours.sample_class(out / "class", assignment, submissions)
        table = Table("sample class", "value", title=f"{assignment}, its sample class repeated")
        for name, value in found.items():
            table.add_row(name, f"{value:.3g}" if isinstance(value, float) else str(value))
        console.print(table)
    if "environments" in parts:
        report["environments"] = _environments(console)
    path = out / "bench.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    console.print(f"Written: {path}")


def _sandbox(console: Console) -> dict[str, object]:
    table = Table(
        "preload", "tier", "cold start ms", "worker ms", "worker CPU ms", "call ms", "1 MB both ways ms"
    )
    report: dict[str, object] = {}
    for preload in (("numpy",), ("numpy", "torch"), ("numpy", "torch", "mujoco", "gymnasium")):
        calls = ours.sandbox(preload)
        report[" ".join(preload)] = asdict(calls)
        numbers = (
            calls.cold_start_ms,
            calls.worker_ms,
            calls.worker_cpu_ms,
            calls.call_ms,
            calls.megabyte_ms,
        )
        table.add_row(" ".join(preload), calls.tier, *(f"{n:.3g}" for n in numbers))
    console.print(table)
    return report


def _environments(console: Console) -> dict[str, object]:
    report: dict[str, object] = {}
    for name, speeds in environments.all_ids().items():
        table = Table("driver", "control steps/s", "physics steps/s", "of C", "of single", title=name)
        for speed in speeds:
            numbers = (f"{speed.control_steps_s:,.0f}", f"{speed.physics_steps_s:,.0f}")
            table.add_row(speed.name, *numbers, f"{speed.of_c:.2f}", f"{speed.of_single:.2f}")
        console.print(table)
        report[name] = [asdict(speed) for speed in speeds]
    families = {
        "quadruped": [asdict(row) for row in (quadruped.single_row(), *quadruped.rows())],
        "navigation": [dict(row) for row in navigation.rows()],
    }
    for name, rows in families.items():
        table = Table(*rows[0], title=name)
        for row in rows:
            table.add_row(*(f"{v:,.3g}" if isinstance(v, float) else str(v) for v in row.values()))
        console.print(table)
    report |= families
    report["policy_microseconds"] = microseconds = quadruped.policy_microseconds()
    console.print(f"One observation through a 60-256-128-12 policy in numpy: {microseconds:.1f} µs")
    return report


def _peers(
    console: Console, out: Path, submissions: int, num_nbgrader: int, num_otter: int
) -> dict[str, object]:
    bin_dir = peers.environment(ROOT / ".venv-bench")
    table = Table(
        "questions", "grader", "wall s a submission", "CPU s a submission", "CPU, times ours",
        title="Three small questions; ours: each submission after the first",
    )  # fmt: skip
    report: dict[str, object] = {}
    for flavour in FLAVOURS:
        first, each = ours.small(out / f"ours-{flavour}", flavour, submissions)
        rows = {
            "ours": each,
            "ours, the first": first,
            "nbgrader autograde": peers.nbgrader(bin_dir, out / f"nbgrader-{flavour}", flavour, num_nbgrader),
            "otter api.grade_submission": peers.otter(bin_dir, out / f"otter-{flavour}", flavour, num_otter),
        }
        for name, cost in rows.items():
            table.add_row(
                flavour, name, f"{cost.wall_s:.3f}", f"{cost.cpu_s:.3f}", f"{cost.cpu_s / each.cpu_s:.1f}"
            )
        report[flavour] = {name: asdict(cost) for name, cost in rows.items()}
    console.print(table)
    if not each.complete:
        console.print(
            "CPU of killed processes is missing here: run as root, where control groups can be made."
        )
    return report


if __name__ == "__main__":
    main()
