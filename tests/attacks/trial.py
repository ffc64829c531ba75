"""Plays one attack: hands it in, grades it, writes its pages, and asks whether it was held or succeeded."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import traceback
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

from autograder.course import Limits
from autograder.grading.attempt import grade, undecided
from autograder.grading.gradebook import gradebook
from autograder.grading.grader import Grader
from autograder.grading.pool import at_exit
from autograder.intake import Submission, choice, find_submissions
from autograder.reports.lms import canvas_csv, gradescope_json, moodle_csv
from autograder.reports.publish import keep_notebook, publish
from autograder.results import SubmissionResult
from autograder.sandbox import Cell, Tier, WorkerCode
from autograder.sandbox.defences import Defence
from tests.attacks.attack import Attack, Layer, Own, handed_in, written
from tests.attacks.boundary import grade_without_boundary
from tests.attacks.evidence import Evidence, faults, succeeded
from tests.attacks.registry import ATTACKS
from tests.attacks.stage import Bait, Scene
from tests.attacks.switches import switched_off

MAX_GRADERS = 2  # of one process at a time; each has a warm parent
_BESIDE = Limits(cpu_s=5, wall_s=20, memory_mb=256, threads=8, output_kb=8)


@dataclass(frozen=True)
class Job:
    """One attack in one tier.

    Attributes:
        name: the attack's, ``group/name``.
        tier: the tier; empty where none takes part.
        live: play it to see it succeed, not to see it held.
        without: the layers that are off.
    """

    name: str
    tier: str
    live: bool = False
    without: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What a job came to; ``reasons`` say why it is not held, or why it did not succeed."""

    job: Job
    reasons: tuple[str, ...]
    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Held, or live."""
        return not self.reasons


@dataclass
class Player:
    """Plays attacks in one process; graders are kept while jobs of one kind follow each other."""

    scene: Scene
    bait: Bait
    graders: OrderedDict[tuple[str, str, frozenset[Defence]], Grader] = field(default_factory=OrderedDict)

    def play(self, job: Job) -> Trial:
        """Play one job; what goes wrong in the harness itself is a reason too."""
        start = time.perf_counter()
        try:
            seen = self.see(ATTACKS[job.name], job)
        except Exception:
            return Trial(job, (traceback.format_exc(limit=-6),), seconds=time.perf_counter() - start)
        reasons = (succeeded if job.live else faults)(ATTACKS[job.name], seen)
        return Trial(job, tuple(reasons), dict(seen.outcomes), time.perf_counter() - start)

    def see(self, attack: Attack, job: Job) -> Evidence:
        """Grade one attack and return what is to be seen of it."""
        if Own.BOUNDARY in job.without:
            return self._without_boundary(attack)
        own = [layer for layer in job.without if isinstance(layer, Own)]
        off = frozenset(layer for layer in job.without if isinstance(layer, Defence))
        grader = self._grader(attack.course, job.tier, off)
        self.bait.heard.clear()
        with self._neighbour(grader, attack), switched_off(own), tempfile.TemporaryDirectory() as scratch:
            if attack.before is not None:
                self._graded(replace(attack.before, course=attack.course), grader, Path(scratch) / "before")
            return self._graded(attack, grader, Path(scratch) / "attack", name=job.name.replace("/", " "))

    def _without_boundary(self, attack: Attack) -> Evidence:
        notebook = self._told(written(self.scene.solved[attack.course], attack), Path("/nowhere"))
        files = {**self.scene.artifacts[attack.course], **attack.files}
        seen = grade_without_boundary(self.scene.course, attack.course, notebook, files)
        return Evidence(seen.outcomes, output=seen.output)

    def _graded(self, attack: Attack, grader: Grader, scratch: Path, name: str = "before") -> Evidence:
        course = attack.course
        deep = scratch / "a/b/c/d/e"
        deep.mkdir(parents=True)
        outside = scratch / "outside"
        notebook = self._told(written(self.scene.solved[course], attack), outside)
        handed = handed_in(attack, notebook, {**self.scene.artifacts[course], **attack.files}, outside)
        folder = scratch / "class"
        folder.mkdir()
        (folder / f"{attack.name or name}{handed.suffix}").write_bytes(handed.data)
        start = time.perf_counter()
        with patch.object(tempfile, "tempdir", str(deep)), _listed() as unpacked:
            (source,) = find_submissions(folder, grader.assignment)
            try:
                submission = grader.read(source)
                result = grade(submission, grader)
            except Exception as error:  # as a class is graded: a person must look
                submission = Submission(source.person, source.path, "")
                result = undecided(source, grader, f"{type(error).__name__}", traceback.format_exc(limit=-3))
        seconds = time.perf_counter() - start
        escaped = [p for top in (scratch / "a", outside) for p in top.rglob("*") if not p.is_dir()]
        out = scratch / "out"
        keep_notebook(out, submission.digest, lambda: submission.notebook)
        return Evidence(
            {q.id: q.outcome.value for q in result.questions}, {q.id: q.points for q in result.questions},
            result, self._pages(result, grader, out), dict(unpacked),
            tuple(str(p.relative_to(scratch)) for p in escaped), len(submission.notebook or b""),
            bytes(self.bait.heard), seconds,
        )  # fmt: skip

    def _pages(self, result: SubmissionResult, grader: Grader, out: Path) -> dict[str, str]:
        """Write every page and table; what cannot be written stands under ``error``."""
        try:
            return self._written(result, grader, out)
        except Exception:
            return {"error": traceback.format_exc(limit=-3)}

    def _written(self, result: SubmissionResult, grader: Grader, out: Path) -> dict[str, str]:
        assignment, everybody = grader.assignment, [result]
        paths = publish(everybody, self.scene.course, assignment, out)
        pages = {"class.html": paths.class_page.read_text()}
        for folder in (paths.feedback, paths.ta):
            pages.update({f"{folder.name}{page.suffix}": page.read_text() for page in folder.iterdir()})
        pages["canvas.csv"] = canvas_csv(everybody, assignment.title)
        pages["moodle.csv"] = moodle_csv(everybody, assignment.title)
        pages["grades.csv"] = gradebook(everybody, assignment)
        entries = json.loads(gradescope_json(everybody, assignment.title))
        pages["gradescope.json"] = json.dumps(entries, ensure_ascii=False)
        return pages

    @contextlib.contextmanager
    def _neighbour(self, grader: Grader, attack: Attack) -> Iterator[None]:
        if not attack.beside:
            yield
            return
        code = WorkerCode((Cell("beside", self._told(attack.beside.encode(), Path("/nowhere")).decode()),))
        with grader.sandbox.worker(code, _BESIDE) as worker:
            if worker.load.errors and grader.without:  # with every layer there, it may be refused
                print(f"beside: {worker.load.errors}", flush=True)
            yield

    def _grader(self, slug: str, tier: str, off: frozenset[Defence]) -> Grader:
        key = (slug, tier, off)
        if key not in self.graders:
            while len(self.graders) >= MAX_GRADERS:
                self.graders.popitem(last=False)[1].close()
            self.graders[key] = Grader(self.scene.course, slug, tier=Tier(tier), without=off)
        self.graders.move_to_end(key)
        return self.graders[key]

    def _told(self, code: bytes, outside: Path) -> bytes:
        """Tell student code what it would otherwise have to search for."""
        known = {
            "@ROOT@": self.scene.root, "@PORT@": self.bait.port, "@PID@": self.bait.pid, "@GRADER@": os.getpid(),
            "@OUTSIDE@": outside,
        }  # fmt: skip
        for mark, value in known.items():
            code = code.replace(mark.encode(), str(value).encode())
        return code

    def close(self) -> None:
        """Put everything away."""
        for grader in self.graders.values():
            grader.close()
        self.bait.close()


@contextlib.contextmanager
def _listed() -> Iterator[dict[str, int | str]]:
    """Note what intake unpacks, before it is read and removed."""
    unpacked: dict[str, int | str] = {}
    gather = choice.gather

    def gather_and_list(source: object, workdir: Path) -> object:
        gathered = gather(source, workdir)  # type: ignore[arg-type]
        for path in workdir.rglob("*"):
            name = str(path.relative_to(workdir))
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                unpacked[name] = "link" if path.is_symlink() else "special"
            elif path.is_file():
                unpacked[name] = path.stat().st_size
        return gathered

    from autograder.intake import submission

    with patch.object(submission, "gather", gather_and_list):
        yield unpacked


_players: dict[Path, Player] = {}


def play(scene: Scene, job: Job) -> Trial:
    """Play a job in this process of a pool; what it needs is kept for the next one."""
    player = _players.get(scene.root)
    if player is None:
        player = _players[scene.root] = Player(scene, Bait.laid(scene))
        at_exit(player.close)
    return player.play(job)
