"""Kills a batch at random moments and resumes it, again and again; every table must be the calm run's.

A process of its own: it adopts what a killed run leaves behind, so that nobody survives unnoticed. Prints JSON:
``python -m tests.autograder.faults.kills --kills 100 --out folder``.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from tests.autograder.faults import small

_PR_SET_CHILD_SUBREAPER = 36
# The grader's own digest is held still: a file of it that somebody edits meanwhile would have all graded again.
MAIN = """
from autograder.grading import digests
digests.of_grader = lambda: "still"
from autograder.cli import main
main()
"""
COMMAND = [sys.executable, "-c", MAIN]
GONE_S = 60.0  # a killed run's processes have this long to be gone


@dataclass
class Report:
    """What came of the kills."""

    kills: Counter[str] = field(default_factory=Counter)  # by signal
    during: Counter[str] = field(default_factory=Counter)  # by what the run was doing
    rounds: int = 0  # batches that were graded to the end
    resumed_most: int = 0  # kills of one batch
    regraded: int = 0  # submissions graded a second time
    survivors: int = 0  # processes that outlived their run
    longest_gone_s: float = 0.0  # until the last process of a killed run was gone
    calm_s: float = 0.0
    wall_s: float = 0.0
    problems: list[str] = field(default_factory=list)


class Siege:
    """One class, its calm table, and the kills."""

    def __init__(self, folder: Path, size: int, jobs: int, seed: int) -> None:
        self.folder, self.size, self.jobs = folder, size, jobs
        self.chance = random.Random(seed)
        self.course = small.write_course(folder / "course")
        small.write_class(self.course, folder / "class", size)
        self.report = Report()
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def calm(self) -> None:
        """Grade the class once in peace."""
        began = time.monotonic()
        process = self.start("calm")
        self.first_s = 0.0
        while process.poll() is None:
            if not self.first_s and rows(self.folder / "calm"):
                self.first_s = time.monotonic() - began
            time.sleep(0.05)
        self.report.calm_s = time.monotonic() - began
        assert process.returncode == 1, "one submission cannot be read, and the run says so"
        self.table = (self.folder / "calm" / "grades.csv").read_bytes()
        assert len(rows(self.folder / "calm")) == self.size

    def start(self, out: str) -> subprocess.Popen[bytes]:
        """Start `autograder grade` on the class."""
        arguments = ["grade", small.SLUG, str(self.folder / "class"), "--out", str(self.folder / out)]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                [*COMMAND, *arguments, "--jobs", str(self.jobs)], cwd=self.course.root, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def round(self, left: int, signals: list[signal.Signals]) -> int:
        """Grade one batch under kills until it ends, or ``left`` kills are spent and it ends in peace."""
        out = self.folder / f"round-{self.report.rounds}"
        kills, known = 0, {}
        while True:
            process = self.start(out.name)
            number = self.chance.choice(signals) if kills < left else None
            if number is not None and self.kill(process, number, out):
                kills += 1
                known = self.check(out, known)
                continue
            code = process.wait(300)
            self.reap()
            self.check(out, known)
            self.finish(out, code)
            self.report.rounds += 1
            self.report.resumed_most = max(self.report.resumed_most, kills)
            return kills

    def kill(self, process: subprocess.Popen[bytes], number: signal.Signals, out: Path) -> bool:
        """Send a signal at a random moment; tell whether the run was still there."""
        until = time.monotonic() + self.chance.uniform(0.0, self.first_s + 3.0)
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        if process.poll() is not None:
            return False
        process.send_signal(number)
        process.wait(60)
        if number is signal.SIGINT and process.returncode in (0, 1) and (out / "class.html").exists():
            return False  # it came too late to stop anything
        self.report.kills[number.name] += 1
        began = time.monotonic()
        self.report.survivors += self.reap()
        self.report.longest_gone_s = max(self.report.longest_gone_s, time.monotonic() - began)
        done = len(people(out))
        doing = "starting" if not done else "writing pages" if done == self.size else "grading"
        self.report.during[doing] += 1
        return True

    def reap(self) -> int:
        """Wait until no process of a run is left; kill and count those that stay."""
        until = time.monotonic() + GONE_S
        while adopted():
            while (pid := _reaped()) > 0:
                pass
            if pid < 0:
                return 0
            if time.monotonic() > until:
                left = adopted()
                for survivor in left:
                    self.report.problems.append(f"process {survivor} survived: {_command(survivor)}")
                    os.kill(survivor, signal.SIGKILL)
                return len(left)
            time.sleep(0.01)
        return 0

    def check(self, out: Path, known: dict[int, str]) -> dict[int, str]:
        """See that the store is sound and lost nothing."""
        now = rows(out)
        if lost := {i for i, digest in known.items() if now.get(i) != digest}:
            self.report.problems.append(f"{out.name}: attempts {sorted(lost)} were lost or changed")
        return now

    def finish(self, out: Path, code: int) -> None:
        """See that a batch that ended has the calm run's table, one attempt each, and whole pages."""
        if code != 1 or (out / "grades.csv").read_bytes() != self.table:
            self.report.problems.append(f"{out.name}: another table than the calm run's (exit {code})")
        attempts = people(out)
        self.report.regraded += sum(attempts.values()) - len(attempts)
        if len(attempts) != self.size or max(attempts.values()) > 1:
            self.report.problems.append(f"{out.name}: attempts by person {attempts.most_common(3)}")
        pages = [*out.glob("feedback/*.html"), *out.glob("ta/*.html"), out / "class.html"]
        if len(pages) != 2 * self.size + 1 or not all(p.read_text().rstrip().endswith("</html>") for p in pages):
            self.report.problems.append(f"{out.name}: pages are missing or broken off")


def rows(out: Path) -> dict[int, str]:
    """Return the attempts in a store by number, each as a digest; none where there is no store yet."""
    path = out / "grades.sqlite"
    if not path.exists():
        return {}
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        there = connection.execute("SELECT name FROM sqlite_master WHERE name = 'attempts'").fetchone()
        found = connection.execute("SELECT id, result, question_keys FROM attempts").fetchall() if there else []
    connection.close()
    return {i: hashlib.sha256(f"{result} {keys}".encode()).hexdigest() for i, result, keys in found}


def people(out: Path) -> Counter[str]:
    """Return how many attempts each person has."""
    if not rows(out):
        return Counter()
    with sqlite3.connect(out / "grades.sqlite") as connection:
        found = Counter(person for (person,) in connection.execute("SELECT person_id FROM attempts"))
    connection.close()
    return found


def adopted() -> list[int]:
    """Return the children of this process, those that were orphaned among them."""
    me = os.getpid()
    return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]


def _reaped() -> int:
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return -1


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:200]
    except OSError:
        return "gone"


def besiege(siege: Siege, kills: int, stops: int) -> Report:
    """Kill ``kills`` times with SIGKILL, then stop ``stops`` times with SIGTERM or SIGINT."""
    began = time.monotonic()
    siege.calm()
    for wanted, signals in ((kills, [signal.SIGKILL]), (stops, [signal.SIGTERM, signal.SIGINT])):
        done = 0
        while done < wanted:
            done += siege.round(wanted - done, signals)
            print(f"{done} of {wanted}, {siege.report.rounds} batches", file=sys.stderr, flush=True)
    siege.report.wall_s = time.monotonic() - began
    return siege.report


@click.command()
@click.option("--kills", default=100, show_default=True)
@click.option("--stops", default=10, show_default=True, help="SIGTERM and SIGINT besides.")
@click.option("--size", default=60, show_default=True, help="Submissions of the class.")
@click.option("--jobs", default=2, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="An empty folder.")
def main(kills: int, stops: int, size: int, jobs: int, seed: int, out: Path) -> None:
    """Kill and resume a batch; print a report as JSON."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts this in the background has it ignored
    out.mkdir(parents=True, exist_ok=True)
    report = besiege(Siege(out.absolute(), size, jobs, seed), kills, stops)
    print(json.dumps(vars(report), indent=1))
    sys.exit(1 if report.problems or report.survivors else 0)


if __name__ == "__main__":
    main()
