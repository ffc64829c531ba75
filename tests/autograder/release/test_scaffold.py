from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.commands.new import command
from autograder.course import Course
from autograder.errors import UsageError
from autograder.grading.api import grade_path
from autograder.grading.grader import Grader
from autograder.release.build import release
from autograder.release.gate import inspect
from autograder.release.scaffold import scaffold
from autograder.release.wheel import build_wheel
from autograder.source.examples import write_examples
from autograder.source.starter import differences
from autograder.source.variants import alternatives, mutants

SLUG = "hw7_demo"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = Course(tmp_path_factory.mktemp("course"))
    scaffold(course, SLUG, seed=314159265)
    return course


@pytest.fixture(scope="module")
def grader(course: Course) -> Iterator[Grader]:
    with Grader(course, SLUG) as grader:
        yield grader


def test_an_empty_folder_becomes_a_course_with_one_assignment(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [SLUG, "--root", str(tmp_path)])
    assert result.exit_code == 0, result.output
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert [
        line.strip() for line in sorted(result.output.splitlines()) if line.startswith("  ") and "/" in line
    ][: len(written)] == written
    assert {f"solutions/{SLUG}/{name}" for name in (
        f"{SLUG}.py", "grading.toml", "rubric.toml", "survivors.toml", "examples/build.py", "examples/expected.csv",
    )} <= set(written)  # fmt: skip
    assert f"`autograder release {SLUG}`" in result.output
    assert Course.find(tmp_path).assignment(SLUG).title == "Homework 7: Demo"


def test_each_assignment_gets_a_seed_of_its_own(tmp_path: Path) -> None:
    seeds = set()
    for slug in ("hw1_a", "hw2_b", "intro"):
        scaffold(Course(tmp_path), slug)
        seeds.add(tomllib.loads((tmp_path / "solutions" / slug / "grading.toml").read_text())["seed"])
    assert len(seeds) == 3 and min(seeds) >= 10**8
    assert Course(tmp_path).assignment("intro").title == "Intro: a new assignment"


@pytest.mark.parametrize("folder", ["assignments", "solutions", "starter_code"])
def test_nothing_is_overwritten(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder / SLUG).mkdir(parents=True)
    with pytest.raises(UsageError, match=rf"{folder}/{SLUG} exists already; nothing was written\.\n  Next: "):
        scaffold(Course(tmp_path), SLUG)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("slug", ["Hw7", "7hw", "hw-7", "../x", "", "hw 7"])
def test_a_name_that_is_no_slug_is_refused(tmp_path: Path, slug: str) -> None:
    with pytest.raises(UsageError, match="is no name for an assignment; expected lower-case letters"):
        scaffold(Course(tmp_path), slug)


def test_it_is_generated_planted_and_answered(course: Course) -> None:
    assert differences(course, SLUG) == []
    per_question = [m.question for m in mutants(course, SLUG)]
    assert per_question.count("1.1") >= 4 and per_question.count("1.2") >= 4
    assert {a.question for a in alternatives(course, SLUG)} == {"1.1", "1.2"}


def test_the_real_grader_finds_no_reason_against_it(course: Course) -> None:
    assert inspect(course, SLUG).reasons == ()


def test_it_releases_without_a_leak_though_its_templates_travel_in_the_wheel(
    course: Course, tmp_path: Path
) -> None:
    from tests.autograder.release.conftest import fake_grader

    assert len(release(course, SLUG, tmp_path, grade=fake_grader(), wheel=build_wheel())) == 3


def test_its_sample_class_earns_what_it_says(course: Course, grader: Grader, tmp_path: Path) -> None:
    written = dict(write_examples(course, SLUG, tmp_path))
    with (course.solution(SLUG) / "examples" / "expected.csv").open(newline="") as file:
        expected = {row["id"]: row for row in csv.DictReader(file)}
    assert set(written) == {f"{name}.ipynb" for name in expected} and all(written.values())
    for name, row in expected.items():
        result = grade_path(course, SLUG, tmp_path / f"{name}.ipynb", grader=grader)
        got = {"id": name, "points": f"{result.points:g}"}
        got |= {q.id: f"{q.points:g}" for q in result.questions}
        got |= {f"{q.id} outcome": q.outcome.value for q in result.questions}
        assert got == row
