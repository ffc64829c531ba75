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

from autograder.course import Course
from autograder.grading.store import Store

Make = Callable[[], Any]
SLOW = "def double(x):\n    import time\n    time.sleep(0.4)\n    return x + x"


def autograder(course: Course, *args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args), cwd=course.root, capture_output=True, text=True, timeout=60, check=False, **options
    )


def command(*args: object) -> list[str]:
    return [sys.executable, "-c", "from autograder.cli import main; main()", *map(str, args)]


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
    tiny_course: Course, submissions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = autograder(tiny_course, "grade", "tiny", submissions, "--out", out, "--jobs", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1/2] ada  7/11" in done.stdout
    assert f"Class report: {out}/class.html" in done.stdout
    assert (out / "class.html").is_file()
    assert {name: row["points"] for name, row in rows(out).items()} == {"ada": "7", "bob": "0"}
    (submissions / "cleo.zip").write_text("no zip")
    again = autograder(tiny_course, "grade", "tiny", submissions, "--out", out, "--no-pages", "--jobs", 1)
    assert again.returncode == 1, "a submission that cannot be read needs a person"
    assert "2 of them kept from before" in again.stdout
    assert "1 need a person: cleo" in again.stdout


def test_one_submission_for_gradescope(tiny_course: Course, submissions: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "submission", tmp_path / "out"
    folder.mkdir()
    (submissions / "ada.ipynb").rename(folder / "renamed.ipynb")
    metadata = tmp_path / "metadata.json"
    user = {"id": 4, "email": "ada@x.org", "name": "Ada"}
    metadata.write_text(json.dumps({"users": [user], "created_at": "2030-01-01T00:00:00Z"}))
    results = tmp_path / "results" / "results.json"
    options = ("--out", out, "--gradescope-json", results, "--metadata", metadata, "--jobs", 1)
    done = autograder(tiny_course, "grade", "tiny", folder, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(results.read_text())["score"] == 7.0
    assert rows(out)["ada@x.org"]["name"] == "Ada"
    metadata.write_text("[]")
    assert autograder(tiny_course, "grade", "tiny", folder, *options).returncode == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nope", "."], "no assignment 'nope'"),
        (["tiny", "no/such/folder"], "no such file or folder"),
        (["tiny", "SUBS", "--tier", "Z"], "--tier Z: no such tier"),
        (["tiny", "SUBS", "--tier", "C", "--official"], "--official refuses tier C"),
        (["tiny", "SUBS", "--only", "zoltan"], "nobody among 2 submissions"),
        (["tiny", "SUBS", "--questions", "7.7"], "tiny has no question '7.7'"),
        (["tiny", "SUBS", "--metadata", "x"], "--metadata goes with --gradescope-json"),
        (["tiny", "SUBS", "--jobs", "0"], "Invalid value for '--jobs'"),
    ],
)
def test_wrong_use_is_told_and_exits_2(
    tiny_course: Course, submissions: Path, tmp_path: Path, args: list[str], words: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from autograder import cli

    monkeypatch.chdir(tiny_course.root)
    given = [str(submissions) if arg == "SUBS" else arg for arg in args]
    monkeypatch.setattr(sys, "argv", ["autograder", "grade", *given, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_and_comes_to_the_same_table(
    tiny_course: Course, submissions: Path, tmp_path: Path, tiny_solved: Make, number: signal.Signals
) -> None:
    for i in range(4):
        (submissions / f"slow{i}.ipynb").write_bytes(tiny_solved().replace("hole-1-1", SLOW).bytes())
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    args = ("grade", "tiny", submissions, "--no-pages", "--jobs", 1, "--out")
    assert autograder(tiny_course, *args, whole).returncode == 0
    run = subprocess.Popen(
        command(*args, out), cwd=tiny_course.root, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert run.stdout is not None
    while "[3/6]" not in run.stdout.readline():
        pass
    os.killpg(run.pid, number) if number == signal.SIGINT else run.kill()
    rest = run.stdout.read()
    assert run.wait(timeout=20) == (1 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert "submissions are graded and stored in" in rest
        assert "run the same command again" in rest
    until = time.monotonic() + 10
    while _alive(run.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _alive(run.pid), "a process of the stopped run lives on"
    with Store(out) as store:
        assert 3 <= len(store.attempts("tiny")) < 6
    resumed = autograder(tiny_course, *args, out)
    assert resumed.returncode == 0
    assert " of them kept from before" in resumed.stdout
    assert (out / "grades.csv").read_bytes() == (whole / "grades.csv").read_bytes()


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
