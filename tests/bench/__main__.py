"""`make bench`: this grader, these environments, each beside what else there is, in one run."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console

from tests.bench import algorithms, ant_speed, environments, learners, navigation, ours, peers, quadruped
from tests.bench.questions import FLAVOURS
from tests.bench.sheet import Goal, Sheet

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv-bench"
WIDTH = 140  # columns, where the output is no terminal


@dataclass(frozen=True)
class Settings:
    """Sizes of the classes, and where scratch files go."""

    submissions: int
    peer_submissions: int
    otter_submissions: int
    assignment: str
    out: Path


def _peers(sheet: Sheet, settings: Settings) -> None:
    bin_dir = peers.environment(PEERS, peers.GRADERS)
    rows, ratios, complete = [], [], True
    for flavour in FLAVOURS:
        first, each = ours.small(settings.out / f"ours-{flavour}", flavour, settings.submissions)
        _, bare = ours.small(settings.out / f"ours-{flavour}", flavour, settings.submissions, "--tier", "C")
        costs = {
            "ours": each,
            "ours, the first": first,
            "ours, in a bare subprocess": bare,
            "nbgrader autograde": peers.nbgrader(
                bin_dir, settings.out / f"nbgrader-{flavour}", flavour, settings.peer_submissions
            ),
            "otter api.grade_submission": peers.otter(
                bin_dir, settings.out / f"otter-{flavour}", flavour, settings.otter_submissions
            ),
        }
        complete &= each.complete
        for name, cost in costs.items():
            rows.append({
                "questions": flavour, "grader": name, "wall s a submission": cost.wall_s,
                "CPU s a submission": cost.cpu_s, "CPU, times ours": cost.cpu_s / each.cpu_s,
            })  # fmt: skip
        ratios += [costs[name].cpu_s / each.cpu_s for name in costs if not name.startswith("ours")]
    found = f"between {min(ratios):.1f} and {max(ratios):.1f} times ours"
    if not complete:
        found += "; run as root, or CPU of killed processes is missing in ours"
    compares = "three small questions, graded by ours (each after the first), nbgrader and Otter"
    sheet.show("peers", Goal(compares, "both cost more CPU than ours", found, min(ratios) > 1), rows)


def _sandbox(sheet: Sheet, settings: Settings) -> None:
    rows = []
    for preload in (("numpy",), ("numpy", "torch"), ("numpy", "torch", "mujoco", "gymnasium")):
        calls = ours.sandbox(preload)
        rows.append({
            "preload": " ".join(preload), "tier": calls.tier, "cold start ms": calls.cold_start_ms,
            "worker ms": calls.worker_ms, "worker CPU ms": calls.worker_cpu_ms, "call ms": calls.call_ms,
            "1 MB both ways ms": calls.megabyte_ms, "load here ms": calls.load_here_ms,
            "call here ms": calls.call_here_ms, "1 MB here ms": calls.megabyte_here_ms,
        })  # fmt: skip
    worker, call = (max(float(row[name]) for row in rows) for name in ("worker ms", "call ms"))
    goal = Goal(
        "one sandbox by what its warm parent has imported, beside the same in this process; medians",
        "a worker in at most 150 ms and a call in at most 0.2 ms",
        f"at most {worker:.0f} ms and {call:.2f} ms",
        worker <= 150 and call <= 0.2,
    )
    sheet.show("sandbox", goal, rows)


def _class(sheet: Sheet, settings: Settings) -> None:
    found = ours.sample_class(settings.out / "class", settings.assignment, settings.submissions)
    beyond = found["median_wall_s_beyond_tests"]
    goal = Goal(
        f"the sample class of {settings.assignment}, repeated; what grading costs beyond the tests themselves",
        "a median of at most 1 s of wall time a submission beyond the tests",
        f"{beyond:.2f} s",
        beyond <= 1,
    )
    sheet.show("class", goal, [{"what": name, "value": value} for name, value in found.items()])


def _environments(sheet: Sheet, settings: Settings) -> None:
    for name in environments.IDS:
        speeds = environments.measure(name)
        rows = [
            {
                "driver": speed.name, "control steps/s": speed.control_steps_s,
                "physics steps/s": speed.physics_steps_s, "of C": speed.of_c, "of single": speed.of_single,
            }
            for speed in speeds
        ]  # fmt: skip
        sheet.show(name, environments.goal(speeds), rows)
    _quadruped(sheet)
    _navigation(sheet)


def _quadruped(sheet: Sheet) -> None:
    rows = [quadruped.single_row(), *quadruped.rows()]
    ratios = [row.ratio for row in rows if row.driver == "pd" and row.num_envs == max(quadruped.SIZES)]
    goal = Goal(
        "the quadruped by actuator; ratio: to MuJoCo's C loop of as many robots on as many threads",
        f"{max(quadruped.SIZES)} robots with ideal servos at no less than 0.85 of C",
        ", ".join(f"{ratio:.2f}" for ratio in ratios),
        min(ratios) >= 0.85,
    )
    sheet.show("quadruped", goal, [asdict(row) for row in rows])
    microseconds = quadruped.policy_microseconds()
    sheet.console.print(f"One observation through a 60-256-128-12 policy in numpy: {microseconds:.1f} µs")
    sheet.report["policy_microseconds"] = microseconds


def _navigation(sheet: Sheet) -> None:
    rows = navigation.rows()
    sheet.show("navigation", navigation.goal(rows), rows)


def _ant(sheet: Sheet, settings: Settings) -> None:
    found = peers.run_module(PEERS, peers.ENVIRONMENTS, "tests.bench.ant_speed", settings.out / "ant.json")
    sheet.show("ant", ant_speed.goal(found), found)


def _learners(sheet: Sheet, settings: Settings) -> None:
    found = peers.run_module(PEERS, peers.LEARNERS, "tests.bench.learners", settings.out / "learners.json")
    picture = settings.out / "learners.png"
    learners.draw(found, picture)
    sheet.show("learners", learners.goal(found), [learners.shown(run) for run in found])
    sheet.console.print(f"Learning curves: {picture}")


def _algorithms(sheet: Sheet, settings: Settings) -> None:
    found = algorithms.reference_runs()
    found += peers.run_module(
        PEERS, peers.LEARNERS, "tests.bench.algorithms", settings.out / "algorithms.json"
    )
    shown = algorithms.rows(found)
    sheet.show("algorithms", algorithms.goal(shown), shown)


PARTS: dict[str, Callable[[Sheet, Settings], None]] = {
    "sandbox": _sandbox,
    "peers": _peers,
    "class": _class,
    "environments": _environments,
    "ant": _ant,
    "learners": _learners,
    "algorithms": _algorithms,
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
@click.option(
    "--submissions", default=60, show_default=True, help="Size of the classes that this grader grades."
)
@click.option("--peer-submissions", default=12, show_default=True, help="Size of nbgrader's class.")
@click.option("--otter-submissions", default=4, show_default=True, help="Size of Otter's class; it is slow.")
@click.option("--assignment", default="hw1_mdp", show_default=True, help="Whose sample class to grade.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=ROOT / "build" / "bench", help="Scratch folder."
)
def main(parts: tuple[str, ...], **settings: object) -> None:
    """Measure PARTS (all by default): sandbox, peers, class, environments, ant, learners, algorithms."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    sheet, given = Sheet(console), Settings(**settings)  # type: ignore[arg-type]
    given.out.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        if name in (parts or PARTS):
            part(sheet, given)
    machine = f"{platform.system()} {platform.release()} {platform.machine()}"
    path = given.out / "bench.json"
    path.write_text(json.dumps({"machine": machine, **sheet.report}, indent=1) + "\n")
    sheet.console.print(f"Written: {path}")


if __name__ == "__main__":
    main()
