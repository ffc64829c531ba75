"""``make attacks``: every hostile submission in every tier of this machine, held, and alive without its defence."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from autograder.grading.threads import single_threaded
from autograder.sandbox.defences import Defence
from tests.attacks.attack import Own
from tests.attacks.registry import ATTACKS, GROUPS
from tests.attacks.run import Report, chosen, holding, layer, offered, run, succeeding, without
from tests.attacks.trial import Trial

ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--tier", "tiers", multiple=True, metavar="TIER", help="These tiers alone. [default: all there are]")
@click.option("--only", multiple=True, metavar="GROUP|NAME", help="These groups or attacks alone.")
@click.option("--without-defence", "off", multiple=True, metavar="NAME",
              help="Switch a layer off, and show what gets through.")  # fmt: skip
@click.option("--live/--no-live", default=True, help="Also show that each succeeds with its own defences off.")
@click.option("--jobs", default=2, show_default=True, help="Attacks at a time.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=ROOT / "build/attacks.json",
              show_default="build/attacks.json", help="Where everything is written.")  # fmt: skip
def main(
    tiers: tuple[str, ...], only: tuple[str, ...], off: tuple[str, ...], live: bool, jobs: int, path: Path
) -> None:
    """Attack the grader.

    Exit codes: 0 every attack is held and alive; 1 one is not; 2 wrong use.
    """
    single_threaded()
    start = time.perf_counter()
    console = Console(width=None if sys.stdout.isatty() else 200)
    names = _known(chosen, only, f"groups: {', '.join(GROUPS)}; or the name of an attack")
    layers = [_known(layer, name, f"{', '.join(one.name for one in (*Defence, *Own))}") for name in off]
    here, refused = offered()
    for tier in tiers:
        if tier not in here:
            raise click.UsageError(f"--tier {tier}: {refused.get(tier, 'no such tier')}")
    report = Report(tuple(tiers) or here, refused)
    if off:
        todo = without(names, report.tiers, layers)
    else:
        todo = holding(names, report.tiers) + (succeeding(names, report.tiers) if live else [])
    _played(todo, report, jobs, console)
    console.print(_through(report) if off else _table(report, names))
    for trial in report.bad if not off else ():
        console.print(f"{_what(trial)}: {' | '.join(trial.reasons)[:900]}", highlight=False, markup=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_as_json(report, time.perf_counter() - start), indent=1) + "\n")
    console.print(_summary(report, names, time.perf_counter() - start, off), highlight=False)
    sys.exit(1 if report.bad and not off else 0)


def _known(find: Any, what: Any, known: str) -> Any:
    try:
        return find(what)
    except KeyError as error:
        raise click.UsageError(f"{error.args[0]}: not known here.\n  Known: {known}.") from None


def _played(todo: list[Any], report: Report, jobs: int, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Attacking", total=len(todo))

        def told(trial: Trial) -> None:
            progress.advance(task)
            if not trial.good:
                progress.console.print(f"[red]{_what(trial)}[/]", highlight=False)

        run(todo, report, jobs, told, progress.refresh)


def _what(trial: Trial) -> str:
    job = trial.job
    if job.live:
        return f"DEAD {job.name} in {job.tier or 'a grader without a boundary'}, without {', '.join(job.without)}"
    return f"NOT HELD {job.name} in {job.tier}" + (f", without {', '.join(job.without)}" if job.without else "")


def _table(report: Report, names: list[str]) -> Table:
    table = Table("attack", "tries", *report.tiers, "succeeds without", box=None, pad_edge=False)
    for group in dict.fromkeys(name.split("/")[0] for name in names):
        table.add_section()
        table.add_row(f"[bold]{group}[/]")
        for name in (n for n in names if n.split("/")[0] == group):
            held = [_mark(report.held.get(name, {}).get(tier), "held", "NOT HELD") for tier in report.tiers]
            live = report.live.get(name, {})
            alive = " ".join(_mark(trial, tier or "yes", f"DEAD {tier}") for tier, trial in live.items())
            layers = ", ".join(ATTACKS[name].defences)
            table.add_row(f"  {name.split('/', 1)[1]}", ATTACKS[name].tries, *held, f"{layers}: {alive or '-'}")
    return table


def _through(report: Report) -> Table:
    """Return what got through, which is what one layer or more held alone."""
    table = Table("attack", "tries", "what got through", box=None, pad_edge=False)
    for name, row in report.held.items():
        for trial in row.values():
            if not trial.good:
                table.add_row(name, ATTACKS[name].tries, trial.reasons[0].split("\n")[0][:120])
    return table


def _mark(trial: Trial | None, good: str, bad: str) -> str:
    if trial is None:
        return "-"
    return f"[green]{good}[/]" if trial.good else f"[bold red]{bad}[/]"


def _as_json(report: Report, seconds: float) -> dict[str, Any]:
    def row(found: dict[str, Trial]) -> dict[str, Any]:
        return {
            tier or "any": {"good": t.good, "outcomes": t.outcomes, "seconds": round(t.seconds, 2), "reasons": t.reasons}
            for tier, t in found.items()
        }

    return {
        "tiers": report.tiers, "refused": report.refused, "seconds": round(seconds, 1),
        "attacks": {
            name: {
                "tries": attack.tries, "defences": list(attack.defences),
                "held": row(report.held.get(name, {})), "live": row(report.live.get(name, {})),
            }
            for name, attack in ATTACKS.items()
        },
    }  # fmt: skip


def _summary(report: Report, names: list[str], seconds: float, off: tuple[str, ...]) -> str:
    if off:
        through = sum(not t.good for t in report.trials)
        return f"Without {', '.join(off)}, {through} of {len(names)} attacks get through. {seconds:.0f} s."
    held = [t for row in report.held.values() for t in row.values()]
    live = [t for row in report.live.values() for t in row.values()]
    words = f"{len(names)} attacks in tiers {', '.join(report.tiers)}: {sum(t.good for t in held)} of {len(held)} held"
    words += f", {sum(t.good for t in live)} of {len(live)} succeed without their defence" if live else ""
    return f"{words}. {seconds:.0f} s."


if __name__ == "__main__":
    main()

