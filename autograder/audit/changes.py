"""Which assignments a change touches, so that an audit need not look at the others; git says what changed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.course import Course
from autograder.errors import UsageError

FOLDERS = ("assignments", "solutions", "starter_code")  # each holds one folder an assignment
SHARED = (
    "autograder",
    "environments",
    "pyproject.toml",
    "constraints.txt",
)  # every assignment rests on these
MAIN = ("main", "origin/main")


@dataclass(frozen=True)
class Changes:
    """What was touched since a revision."""

    since: str  # for people; empty where git could not tell, and everything counts as touched
    own: tuple[str, ...]  # assignments of whose own folders a file changed
    shared: bool  # something that every assignment rests on changed
    every: tuple[str, ...]  # all assignments

    @property
    def slugs(self) -> tuple[str, ...]:
        """The assignments to audit."""
        return self.every if self.shared else self.own

    @property
    def words(self) -> str:
        """What changed, in a sentence without its full stop."""
        if not self.since:
            return "git does not tell what changed: every assignment counts"
        what = f"changed since {self.since}: {', '.join(self.own) or 'no assignment'}"
        return what + (", and what all of them rest on" if self.shared else "")


def changes(course: Course, revision: str = "") -> Changes:
    """Find the assignments that were touched since a revision, by what is committed and by what is not yet.

    Args:
        course: the course's folders.
        revision: any name that git knows; by default where this branch left main, and on main the commit
            before the last.

    Raises:
        UsageError: git does not know the revision.
    """
    every = tuple(course.slugs())
    since = _commit(course, revision) if revision else _default(course)
    if revision and not since:
        raise UsageError(
            f"--changed {revision}: git knows no such revision in {course.root}.\n"
            "  Next: give one that `git rev-parse` finds, or leave it out; assignments come before --changed."
        )
    files = _names(course, since) if since else None
    if files is None:
        return Changes("", every, True, every)
    parts = [name.split("/") for name in files]
    own = {p[1] for p in parts if p[0] in FOLDERS and len(p) > 2}
    shared = any(p[0] in SHARED for p in parts)
    return Changes(revision or since[:9], tuple(s for s in every if s in own), shared, every)


def _default(course: Course) -> str:
    """Return where this branch left main; on main, or where there is none, the commit before the last."""
    head = _commit(course, "HEAD")
    for name in MAIN:
        base = (_git(course, "merge-base", "HEAD", name) or "").strip()
        if base and base != head:
            return base
    return _commit(course, "HEAD~1")


def _commit(course: Course, revision: str) -> str:
    found = _git(course, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return (found or "").strip()


def _names(course: Course, since: str) -> Iterable[str] | None:
    """Return the files below the course's root that differ from a commit, or are new; None if git fails."""
    changed = _git(course, "diff", "--name-only", "--no-renames", "--relative", "-z", since)
    new = _git(course, "ls-files", "--others", "--exclude-standard", "-z")
    if changed is None or new is None:
        return None
    return [name for name in (changed + new).split("\0") if name]


def _git(course: Course, *arguments: str) -> str | None:
    """Run git in the course's root; None where it is not there, or fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=course.root, capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


__all__ = ["Changes", "changes"]
