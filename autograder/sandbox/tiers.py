"""The tiers of isolation, and what each may claim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """How student code is kept apart; strongest first."""

    A = "A"  # bubblewrap around a warm parent; each worker in namespaces of its own
    A_PRIME = "A'"  # a fresh bubblewrap for each worker
    C = "C"  # a subprocess with limits: stops accidents, not adversaries


CLAIMS = {
    Tier.A: "hidden files unreadable, grades unforgeable, submissions isolated from each other",
    Tier.A_PRIME: "hidden files unreadable, grades unforgeable, submissions isolated from each other",
    Tier.C: "stops accidents, not adversaries",
}


@dataclass(frozen=True)
class TierReport:
    """What probing found.

    Attributes:
        tier: the tier in use.
        refused: stronger tiers that were tried, and why each is not available.
        probes: attack -> how it was stopped.
        landlock: the kernel's Landlock version; 0 for none.
    """

    tier: Tier
    refused: tuple[tuple[Tier, str], ...] = ()
    probes: tuple[tuple[str, str], ...] = ()
    landlock: int = 0

    @property
    def sentence(self) -> str:
        """The tier in a sentence, for reports."""
        return f"tier {self.tier}: {CLAIMS[self.tier]}"
