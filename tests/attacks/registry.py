"""All attacks under one name each: ``group/name``."""

from __future__ import annotations

from importlib import import_module

from tests.attacks.attack import Attack

GROUPS = ("reading", "tampering", "forging", "values", "resources", "interface", "network", "crossing", "archives", "feedback", "notebooks", "checkpoints")
ATTACKS: dict[str, Attack] = {
    f"{group}/{name}": attack
    for group in GROUPS
    for name, attack in import_module(f"tests.attacks.groups.{group}").ATTACKS.items()
}
