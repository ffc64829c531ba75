"""Each sample class earns what its `expected.csv` says; homework 1's, however its grading went."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.course import Course
from autograder.grading.batch import grade_class
from autograder.grading.grader import Grader
from autograder.grading.store import Store
from autograder.intake import find_submissions
from autograder.results import SubmissionResult
from autograder.source.examples import write_examples

ROOT = Path(__file__).parents[2]
SLUG = "hw1_mdp"
TABLES = sorted((ROOT / "solutions").glob("*/examples/expected.csv"))
SLOWEST = {"noah_williams", "ivan_petrov"}  # their loops run to a limit of CPU time: graded first
COMMAND = [sys.executable, "-c", "from autograder.cli import main; main()"]


@pytest.fixture(scope="module")
def sample_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    write_examples(Course(ROOT), SLUG, folder)
    return folder


def earned(results: list[SubmissionResult]) -> list[dict[str, str]]:
    """Return the results in the columns of expected.csv."""
    return [
        {
            "id": result.person.id, "points": f"{result.points:g}",
            **{q.id: f"{q.points:g}" for q in result.questions},
            **{f"{q.id} outcome": q.outcome.value for q in result.questions},
        }
        for result in sorted(results, key=lambda r: r.person.id)
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.parents[1].name)
def test_everybody_earns_what_is_expected(table: Path, tmp_path: Path) -> None:
    """Two at a time."""
    course = Course(ROOT)
    grader = Grader(course, table.parents[1].name)
    write_examples(course, grader.assignment.slug, tmp_path / "class")
    sources = find_submissions(tmp_path / "class", grader.assignment)
    sources.sort(key=lambda source: source.person.id not in SLOWEST)
    with Store(tmp_path / "grades.sqlite") as store:
        results = grade_class(sources, grader, store, jobs=2)
    with table.open(newline="", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    assert len(expected) >= 6
    for got, row in zip(earned(results), expected, strict=True):
        assert got == row, f"{row['id']}: {[(k, got.get(k), v) for k, v in row.items() if got.get(k) != v]}"


def start(sample_class: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    arguments = [*COMMAND, "grade", SLUG, str(sample_class), "--out", str(out), "--no-pages", *options]
    with (out.parent / "log").open("wb") as log:
        return subprocess.Popen(arguments, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def gradebook(sample_class: Path, out: Path, *options: str) -> str:
    process = start(sample_class, out, *options)
    assert process.wait(600) in (0, 1), (out.parent / "log").read_text()
    return (out / "grades.csv").read_text()


@pytest.mark.slow
def test_the_gradebook_is_the_same_whatever_the_jobs_and_however_often_it_was_killed(
    sample_class: Path, tmp_path: Path
) -> None:
    one = gradebook(sample_class, tmp_path / "one", "--jobs", "1")
    assert gradebook(sample_class, tmp_path / "two", "--jobs", "2") == one
    assert gradebook(sample_class, tmp_path / "two", "--jobs", "2", "--fresh") == one
    moments = random.Random(20260)
    for _ in range(4):
        process = start(sample_class, tmp_path / "killed", "--jobs", "2")
        time.sleep(moments.uniform(3.0, 12.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    with Store(tmp_path / "killed" / "grades.sqlite") as store:
        survived = len(store.attempts(SLUG))
        assert 0 < survived < 12
    assert gradebook(sample_class, tmp_path / "killed", "--jobs", "2") == one
    with Store(tmp_path / "killed" / "grades.sqlite") as store:
        assert len(store.attempts(SLUG)) == 12, "what survived is not graded again"
