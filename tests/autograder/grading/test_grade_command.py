from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder import cli
from autograder.course import Course
from autograder.grading import digests
from autograder.grading.batch import grade_class
from autograder.grading.gradebook import write_gradebook
from autograder.grading.grader import Grader
from autograder.grading.store import Store
from autograder.grading.threads import THREADS
from autograder.intake import find_submissions

Make = Callable[[], Any]
SLOW = "def double(x):\n    import time\n    time.sleep(0.2)\n    return x + x"


Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(tiny_course: Course, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line in this process and returns its exit code and what it said."""
    monkeypatch.chdir(tiny_course.root)
    monkeypatch.setattr(digests, "of_grader", lambda: "still")
    for name in THREADS:
        monkeypatch.setenv(name, "1")

    def call(*args: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["autograder", *map(str, args)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        return code, said.out + said.err

    return call


@pytest.fixture
def submissions(tmp_path: Path, tiny_solved: Make, tiny_starter: Make) -> Path:
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "ada.ipynb").write_bytes(tiny_solved().bytes())
    (folder / "bob.ipynb").write_bytes(tiny_starter().bytes())
    return folder


def rows(out: Path) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in csv.DictReader((out / "grades.csv").open())}


def test_a_folder_becomes_a_table_a_gradebook_and_pages(
    call: Call, submissions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, said = call("grade", "tiny", submissions, "--out", out, "--jobs", 1)
    assert code == 0, said
    assert "[1/2] ada  7/11" in said
    assert f"Class report: {out}/class.html" in said
    assert (out / "class.html").is_file()
    assert "Return twice x." in (out / "feedback" / "ada.html").read_text(), (
        "the page shows the student's notebook"
    )
    assert {name: row["points"] for name, row in rows(out).items()} == {"ada": "7", "bob": "0"}
    (submissions / "cleo.zip").write_text("no zip")
    code, said = call("grade", "tiny", submissions, "--out", out, "--no-pages", "--jobs", 1)
    assert code == 1, "a submission that cannot be read needs a person"
    assert "2 of them kept from before" in said
    assert "a person must look at 1: cleo" in said


def test_one_submission_for_gradescope(call: Call, submissions: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "submission", tmp_path / "out"
    folder.mkdir()
    (submissions / "ada.ipynb").rename(folder / "renamed.ipynb")
    metadata = tmp_path / "metadata.json"
    user = {"id": 4, "email": "ada@x.org", "name": "Ada"}
    metadata.write_text(json.dumps({"users": [user], "created_at": "2030-01-01T00:00:00Z"}))
    results = tmp_path / "results" / "results.json"
    options = ("--out", out, "--gradescope-json", results, "--metadata", metadata, "--jobs", 1)
    code, said = call("grade", "tiny", folder, *options)
    assert code == 0, said
    assert json.loads(results.read_text())["score"] == 7.0
    assert rows(out)["ada@x.org"]["name"] == "Ada"
    metadata.write_text("[]")
    assert call("grade", "tiny", folder, *options)[0] == 2


def test_a_failure_of_the_grader_is_no_mark_on_gradescope(
    call: Call, own_tiny_course: Course, submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(own_tiny_course.root)
    hidden = own_tiny_course.root / "solutions/tiny/tests/test_tiny_hidden.py"
    hidden.write_text(
        hidden.read_text().replace("expect_equal(student.quadruple(x), 4 * x)", "raise OSError('no such data')")
    )
    results = tmp_path / "results.json"
    options = ("--out", tmp_path / "out", "--gradescope-json", results, "--jobs", 1)
    code, said = call("grade", "tiny", submissions / "ada.ipynb", *options)
    assert code == 1 and not results.exists()
    assert "nothing written, the grader failed on 1.2; grade it where the grader runs" in said


def test_marks_of_a_file_are_merged_and_a_wrong_line_is_named(
    call: Call, submissions: Path, tmp_path: Path
) -> None:
    out, written = tmp_path / "out", tmp_path / "written.csv"
    written.write_text("person,question,points,comment\nada,9.1,2.5,Good.\nada,9.2,1,\n")
    options = ("--out", out, "--no-pages", "--jobs", 1, "--written", written)
    code, said = call("grade", "tiny", submissions, *options)
    assert code == 1
    assert f"{written}:3: '9.2' is no written question of tiny; known: 9.1" in said
    written.write_text("person,question,points,comment\nada,9.1,2.5,Good.\n")
    assert call("grade", "tiny", submissions, *options)[0] == 0
    assert rows(out)["ada"]["points"] == "9.5"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nope", "."], "no assignment 'nope'"),
        (["tiny", "no/such/folder"], "no such file or folder"),
        (["tiny", "SUBS", "--tier", "Z"], "--tier Z: no such tier"),
        (["tiny", "SUBS", "--tier", "C", "--official"], "--official: tier C stops accidents, not adversaries."),
        (["tiny", "SUBS", "--only", "zoltan"], "nobody among 2 submissions"),
        (["tiny", "SUBS", "--questions", "7.7"], "tiny has no question '7.7'"),
        (["tiny", "SUBS", "--metadata", "x"], "--metadata goes with --gradescope-json"),
        (["tiny", "SUBS", "--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_wrong_use_is_told_and_exits_2(
    call: Call, submissions: Path, tmp_path: Path, args: list[str], words: str
) -> None:
    given = [submissions if arg == "SUBS" else arg for arg in args]
    code, said = call("grade", *given, "--out", tmp_path / "out")
    assert code == 2
    assert words in said


# The grader's own digest is held still: somebody may be editing it while these tests run.
# Ctrl-C is heard, also where these tests were started in the background, which has it ignored.
MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from autograder.grading import digests
digests.of_grader = lambda: "still"
from autograder.cli import main
main()
"""


@pytest.fixture(scope="module")
def slow_class(
    tmp_path_factory: pytest.TempPathFactory, tiny_course: Course, tiny_solved: Make
) -> tuple[Path, bytes]:
    """A folder of five submissions, and the gradebook that they come to."""
    folder, out = tmp_path_factory.mktemp("slow"), tmp_path_factory.mktemp("whole")
    for i in range(5):
        (folder / f"slow{i}.ipynb").write_bytes(tiny_solved().replace("hole-1-1", SLOW).bytes())
    with Grader(tiny_course, "tiny") as grader, Store(out) as store:
        results = grade_class(find_submissions(folder, grader.assignment), grader, store, jobs=2)
        return folder, write_gradebook(results, grader.assignment, out).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_and_comes_to_the_same_table(
    call: Call, tiny_course: Course, slow_class: tuple[Path, bytes], tmp_path: Path, number: signal.Signals
) -> None:
    (submissions, expected), out = slow_class, tmp_path / "stopped"
    args = ("grade", "tiny", submissions, "--no-pages", "--jobs", 1, "--out")
    command = [sys.executable, "-c", MAIN, *map(str, args), str(out)]
    run = subprocess.Popen(
        command, cwd=tiny_course.root, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stdout is not None
    while "[2/5]" not in run.stdout.readline():
        assert run.poll() is None
    os.killpg(run.pid, number) if number == signal.SIGINT else run.kill()
    rest = run.stdout.read()
    assert run.wait(timeout=300) == (1 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert "submissions are graded and stored in" in rest
        assert "run the same command again" in rest
    until = time.monotonic() + 60
    while _alive(run.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(run.pid), "a process of the stopped run lives on"
    with Store(out) as store:
        assert 2 <= len(store.attempts("tiny")) < 5
    code, said = call(*args, out)
    assert code == 0
    assert " of them kept from before" in said
    assert (out / "grades.csv").read_bytes() == expected


def _alive(session: int) -> bool:
    """Tell whether any process of a session that was started for a run lives."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return True
    return False


def test_numerical_libraries_are_told_before_they_are_imported() -> None:
    program = """
import sys
from autograder.grading.threads import single_threaded
assert "numpy" not in sys.modules
single_threaded()
import os
assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
