"""The errors a person can act on, in one small family.

Every message has one shape: what, where, got against expected, next step.
"""

from __future__ import annotations

from pathlib import Path


class AutograderError(Exception):
    """Something that the person at the keyboard can mend; shown without a traceback."""


class UsageError(AutograderError):
    """A flag, a path or a name on the command line is wrong (exit code 2)."""


class AuthoringError(AutograderError):
    """An assignment's files are wrong; the message begins with ``path:line:``."""

    def __init__(self, message: str, path: Path | str, line: int = 1) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = Path(path)
        self.line = line


class IntakeError(AutograderError):
    """A submission cannot be read; the rest of the class goes on."""


class SandboxError(AutograderError):
    """The sandbox cannot be built on this machine as asked."""


class ReleaseError(AutograderError):
    """A release was refused; the message lists every reason."""
