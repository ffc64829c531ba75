"""Tier B: root without namespaces gives each worker a spare user, who can read what everybody can.

A sandbox claims a block of user numbers and a folder for its lifetime; see ``seats`` for the warm parent's
side.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from autograder.errors import SandboxError
from autograder.sandbox import bubblewrap
from autograder.sandbox.claims import Claim, Place
from autograder.sandbox.launch import ParentLauncher, Plan
from autograder.sandbox.tiers import Tier


class UserLauncher(ParentLauncher):
    """Tier B: a warm parent that is root, whose workers become users of their own."""

    tier = Tier.B
    patience_s = 2.0  # the warm parent clears up after its workers

    def __init__(self, plan: Plan) -> None:
        if os.geteuid() != 0:
            raise SandboxError("each submission needs a user of its own, and only root can give it one")
        self._claim: Claim | None = None
        self._place: Place | None = None
        try:
            self._claim, self._place = Claim(), Place()
            packages = _copied(bubblewrap.package_folders(plan.packages), f"{self._place.path}/packages")
            path = os.pathsep.join((packages, *bubblewrap.further_site_folders()))
            settings = {
                "users": self._claim.first, "user": 0, "place": self._place.path,
                "secrets": list(plan.secrets),
                "interpreter": [*bubblewrap.interpreter_folders(), *bubblewrap.further_site_folders()],
                "readable": bubblewrap.readable_paths(plan.read_only, packages),
            }  # fmt: skip
            # What is preloaded, as root, may keep things at home: there they go when the sandbox goes.
            own = {"HOME": self._place.path, "PYTHONPATH": path}
            environment = plan.environment({**bubblewrap.ENVIRONMENT, **own})
            super().__init__(plan, list(bubblewrap.INTERPRETER), environment, settings)
        except BaseException:
            self._put_away()
            raise

    def close(self) -> None:
        """End the warm parent and every worker, and remove what they wrote."""
        super().close()
        self._put_away()

    def _put_away(self) -> None:
        if self._place is not None:
            self._place.remove()
        if self._claim is not None:
            self._claim.give_back()
        self._claim = self._place = None


def _copied(folders: Mapping[str, str], packages: str) -> str:
    """Copy packages to where every user can read them: the course's folder may be closed to others."""
    for place, folder in folders.items():
        aside = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder, f"{packages}/{os.path.basename(place)}", ignore=aside)
    for root, inner, files in os.walk(packages):
        for path in (root, *(os.path.join(root, name) for name in (*inner, *files))):
            os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
    return packages
