"""The tiers of isolation, and what each may claim."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from autograder.sandbox.defences import Defence


class Tier(StrEnum):
    """How student code is kept apart; strongest first."""

    A = "A"  # bubblewrap around a warm parent; each worker in namespaces of its own
    A_PRIME = "A'"  # a fresh bubblewrap for each worker
    B = "B"  # root without namespaces: a warm parent, a user for each worker
    C = "C"  # a subprocess with limits: stops accidents, not adversaries


_SECRECY = "hidden files unreadable, grades unforgeable"
_APART = "submissions isolated from each other"
CLAIMS = {
    Tier.A: f"{_SECRECY}, {_APART}, barring bugs of the kernel",
    Tier.A_PRIME: f"{_SECRECY}, {_APART}, barring bugs of the kernel",
    Tier.B: f"{_SECRECY}, {_APART}, by user ids and system call filters of a kernel that is shared",
    Tier.C: "stops accidents, not adversaries",
}
STRONG = (Tier.A, Tier.A_PRIME, Tier.B)  # what may grade officially, strongest first
STRONGER = (
    "for A, install bubblewrap (`apt-get install bubblewrap`) and allow user namespaces "
    "(`sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000`, and on Ubuntu "
    "`kernel.apparmor_restrict_unprivileged_userns=0`); in Docker, run the container with "
    "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN`; "
    "for B, run as root, with `pip install pyseccomp` and libseccomp2"
)


@dataclass(frozen=True)
class TierReport:
    """What probing found.

    Attributes:
        tier: the tier in use.
        refused: stronger tiers that were tried, and why each is not available.
        probes: attack -> how it was stopped.
        landlock: the kernel's Landlock version; 0 for none.
        without: defences that were left out, so that nothing is claimed.
        reservations: what the tier does not stop on this machine, though it may be used.
    """

    tier: Tier
    refused: tuple[tuple[Tier, str], ...] = ()
    probes: tuple[tuple[str, str], ...] = ()
    landlock: int = 0
    without: tuple[Defence, ...] = ()
    reservations: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The tier in a sentence, for reports."""
        return "; ".join((sentence(self.tier, self.without), *self.reservations))


def sentence(tier: Tier | str, without: Collection[Defence] = ()) -> str:
    """Say what a tier may claim; with a defence left out, nothing."""
    claim = f"a trial without {', '.join(sorted(without))}: no claim" if without else CLAIMS[Tier(tier)]
    return f"tier {tier}: {claim}"
