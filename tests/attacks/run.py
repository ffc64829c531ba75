"""Plays many attacks over processes, and says which are held where, and which are alive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from autograder.errors import SandboxError
from autograder.grading.pool import Done, Pool
from autograder.sandbox import Sandbox, Tier
from autograder.sandbox.defences import Defence
from tests.attacks.attack import Attack, Layer, Own
from tests.attacks.registry import ATTACKS
from tests.attacks.stage import scene
from tests.attacks.trial import Job, Trial, play

ANY = ""  # stands for a tier where none takes part


@dataclass
class Report:
    """What a run found.

    Attributes:
        tiers: the tiers that this machine offers.
        refused: the others, and why.
        held: attack -> tier -> its trial.
        live: attack -> tier -> its trial with its defences off.
    """

    tiers: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)
    held: dict[str, dict[str, Trial]] = field(default_factory=dict)
    live: dict[str, dict[str, Trial]] = field(default_factory=dict)

    @property
    def trials(self) -> list[Trial]:
        """All trials."""
        return [t for found in (self.held, self.live) for row in found.values() for t in row.values()]

    @property
    def bad(self) -> list[Trial]:
        """Those that are not as they should be."""
        return [trial for trial in self.trials if not trial.good]

    def add(self, trial: Trial) -> None:
        """Enter one trial."""
        found = self.live if trial.job.live else self.held
        found.setdefault(trial.job.name, {})[trial.job.tier] = trial


def offered() -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the tiers that this machine offers, strongest first, and why it does not offer the others."""
    found: list[str] = []
    refused: dict[str, str] = {}
    for tier in Tier:
        try:
            Sandbox(tier=tier).close()
            found.append(tier.value)
        except SandboxError as error:
            refused[tier.value] = str(error)
    return tuple(found), refused


def chosen(patterns: Iterable[str]) -> list[str]:
    """Return the attacks of these groups or names; all where none is named.

    Raises:
        KeyError: there is no such group or attack.
    """
    names: list[str] = []
    for pattern in patterns:
        found = [n for n in ATTACKS if n == pattern or n.split("/")[0] == pattern or n.split("/", 1)[1] == pattern]
        if not found:
            raise KeyError(pattern)
        names += found
    return list(dict.fromkeys(names)) or list(ATTACKS)


def layer(name: str) -> Layer:
    """Return a layer by its name, as ``cpu limit``, ``cpu-limit`` or ``CPU_LIMIT``.

    Raises:
        KeyError: there is none of this name.
    """
    key = name.upper().replace(" ", "_").replace("-", "_")
    return Own[key] if key in Own.__members__ else Defence[key]


def holding(names: Iterable[str], tiers: Collection[str]) -> list[Job]:
    """Return the jobs that show attacks to be held; tier C promises to stop accidents only."""
    return [Job(n, t) for t in tiers for n in names if t != Tier.C or ATTACKS[n].accident]


def succeeding(names: Iterable[str], tiers: Sequence[str]) -> list[Job]:
    """Return the jobs that show attacks to succeed without the layers that hold them.

    Layers outside the sandbox are the same in every tier: one trial in the best tier stands for all.
    """
    jobs = []
    for name in names:
        attack = ATTACKS[name]
        inside = any(isinstance(one, Defence) for one in attack.defences)
        where = [t for t in tiers if t != Tier.C and exists(attack, t)] if inside else tiers[:1]
        jobs += [Job(name, ANY if Own.BOUNDARY in attack.defences else t, True, attack.defences) for t in where]
    return jobs


def exists(attack: Attack, tier: str) -> bool:
    """Tell whether the layers that hold an attack are there in a tier."""
    return not (tier != Tier.B and Defence.OWN_USER in attack.defences and len(attack.defences) == 1)


def without(names: Iterable[str], tiers: Sequence[str], layers: Collection[Layer]) -> list[Job]:
    """Return the jobs that show what gets through when some layers are off."""
    tier = ANY if Own.BOUNDARY in layers else tiers[0]
    return [Job(name, tier, False, tuple(layers)) for name in names]


def run(
    jobs: Sequence[Job],
    report: Report,
    processes: int,
    told: Callable[[Trial], None] = lambda trial: None,
    tick: Callable[[], None] = lambda: None,
) -> Report:
    """Play jobs and enter them into a report; ``told`` hears of each."""
    jobs = sorted(jobs, key=lambda job: (job.tier, job.live, sorted(job.without), job.name))
    with scene() as made:
        for number, outcome in Pool(processes).run(partial(play, made), jobs, tick=tick):
            if isinstance(outcome, Done):
                trial = outcome.value
            else:
                trial = Trial(jobs[number], (f"{outcome.why}\n{outcome.detail}",))
            report.add(trial)
            told(trial)
    return report
