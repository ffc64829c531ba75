"""Grades a submission as other graders do, with no boundary between it and the hidden tests.

It runs in a child process of its own, inside bubblewrap (no network, no other process, a folder of its own)
and with limits, so that an attack that succeeds succeeds there.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import autograder
from autograder.course import Course
from autograder.intake.statements import without_magics
from autograder.sandbox import bubblewrap
from tests.attacks.attack import LOST, PASSED

WALL_S = 12.0
CPU_S = 12
MEMORY_MB = 3072
PLUGIN = Path(__file__).with_name("naive_plugin.py")
GRADE, PLUGINS = "/tmp/grade", "/tmp/plugins"
ROOT = Path(autograder.__file__).parents[1]
# They may lie where the folders for passing files are covered.
_OURS = sorted({str(ROOT), sys.prefix, sys.base_prefix}, key=len)


@dataclass(frozen=True)
class Naive:
    """What such a grader believes."""

    outcomes: Mapping[str, str]
    output: str


def grade_without_boundary(course: Course, slug: str, notebook: bytes, files: Mapping[str, bytes]) -> Naive:
    """Grade a notebook beside the hidden tests and the reference."""
    questions = [q.id for q in course.assignment(slug).questions]
    with tempfile.TemporaryDirectory(prefix="naive-") as scratch:
        folder = Path(scratch) / "grade"
        shutil.copytree(course.root / f"assignments/{slug}/tests", folder / "tests")
        for test in (course.root / f"solutions/{slug}/tests").iterdir():
            shutil.copy(test, folder / "tests")
        shutil.copy(course.root / f"solutions/{slug}/{slug}.py", folder / "solution.py")
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        (folder / "submission.py").write_text(_as_module(notebook), encoding="utf-8")
        shutil.copy(PLUGIN, scratch)
        try:
            done = subprocess.run(
                _command(Path(scratch)), capture_output=True, timeout=WALL_S, check=False, preexec_fn=_limit
            )
        except subprocess.TimeoutExpired:
            return Naive(dict.fromkeys(questions, LOST), "timed out")
        output = (done.stdout + done.stderr)[-4000:].decode("utf-8", "replace")
        return Naive(_believed(folder, done, questions), output)


def _believed(folder: Path, done: subprocess.CompletedProcess[bytes], questions: list[str]) -> dict[str, str]:
    """Read a verdict from wherever graders do: a file of results, the last line printed, the exit code."""
    try:
        told = json.loads((folder / "results.json").read_bytes())
        return {q: str(told.get(q, PASSED)) for q in questions}
    except (OSError, ValueError, AttributeError):
        pass
    for line in reversed(done.stdout.decode("utf-8", "replace").splitlines()):
        if line.startswith("GRADES "):
            told = json.loads(line.removeprefix("GRADES "))
            return {q: str(told.get(q, PASSED)) for q in questions}
    return dict.fromkeys(questions, PASSED if done.returncode == 0 else LOST)


def _as_module(notebook: bytes) -> str:
    """Turn a notebook's code cells into a module, as nbconvert does."""
    cells = json.loads(notebook)["cells"]
    sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    return "\n\n".join(without_magics(source) for source in sources if not source.startswith("check("))


def _command(scratch: Path) -> list[str]:
    options = [
        bubblewrap.find_bubblewrap(), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
        "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp",
        *(word for path in _OURS for word in ("--ro-bind", path, path)), "--bind", str(scratch / "grade"), GRADE, "--ro-bind", str(scratch / PLUGIN.name),
        f"{PLUGINS}/{PLUGIN.name}", "--chdir", GRADE,
    ]  # fmt: skip
    path = f"{GRADE}:{PLUGINS}:{ROOT}"
    own = {"HOME": GRADE, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment = {**bubblewrap.ENVIRONMENT, **own}
    for name, value in environment.items():
        options += ["--setenv", name, value]
    call = ["-m", "pytest", "-qs", "-p", "naive_plugin", "-p", "no:cacheprovider", "--tb=line", "--rootdir", GRADE, "tests"]
    return [*options, sys.executable, *call]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, 256 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
