from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from autograder.commands.examples import command
from autograder.course import Course
from autograder.errors import AuthoringError, UsageError
from autograder.intake import find_submissions, read_submission
from autograder.source.examples import write_examples
from autograder.source.variants import starter_notebook

ROOT = Path(__file__).parents[3]
MANIFEST = """\
slug = "hw9"
title = "Homework 9"
version = "1.0.0"

[[questions]]
id = "1.1"
name = "double"
title = "Double it"
points = 1
"""
SOURCE = """\
# %% [markdown]
# # Homework 9

# %%
from autograder import check

# %%
def double(x):
    ### BEGIN SOLUTION 1.1 double
    return 2 * x
    ### END SOLUTION 1.1 double
"""
BUILD = """\
def build(out, solved, starter, alternatives):
    out.mkdir(exist_ok=True)
    (out / "ada.ipynb").write_bytes(solved)
    (out / "bob.ipynb").write_bytes(starter)


def describe():
    yield "ada.ipynb", "Perfect."
    yield "bob.ipynb", "Untouched."
"""


@pytest.fixture
def course(tmp_path):
    for path, text in (("assignments/hw9/assignment.toml", MANIFEST), ("solutions/hw9/hw9.py", SOURCE),
                       ("solutions/hw9/examples/build.py", BUILD)):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Course(tmp_path)


def rebuild(course: Course, text: str) -> None:
    (course.solution("hw9") / "examples/build.py").write_text(text)


def test_the_command_writes_the_class_and_says_who_is_who(course, tmp_path):
    result = CliRunner().invoke(
        command, ["hw9", "--out", str(tmp_path / "class"), "--root", str(course.root)]
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"ada\.ipynb +Perfect\.\nbob\.ipynb +Untouched\.\n", result.output)
    assert "return 2 * x" in (tmp_path / "class/ada.ipynb").read_text()
    assert (tmp_path / "class/bob.ipynb").read_bytes() == starter_notebook(course, "hw9")


@pytest.mark.parametrize(
    ("text", "message"),
    [("x = 1\n", r"build\.py:1: defines no `build"), ("x = 1\ny = 1 / 0\n", r"build\.py:2: cannot be imported: Zero"),
     ("def build(out, *rest):\n    x = 1\n    raise KeyError('3.2')\n", r"build\.py:3: the sample class cannot be built: '3\.2'"),
     ("def build(:\n", r"build\.py:1: cannot be imported: SyntaxError")],
)  # fmt: skip
def test_a_broken_build_is_named_by_line(course, tmp_path, text, message):
    rebuild(course, text)
    with pytest.raises(AuthoringError, match=message):
        write_examples(course, "hw9", tmp_path / "class")


def test_an_assignment_without_a_class_says_what_is_missing(course, tmp_path):
    (course.solution("hw9") / "examples/build.py").unlink()
    with pytest.raises(
        AuthoringError, match=r"build\.py:1: no sample class: no such file; it defines `build\("
    ):
        write_examples(course, "hw9", tmp_path / "class")


def test_an_unknown_assignment_names_the_known_ones(course, tmp_path):
    with pytest.raises(UsageError, match=r"no assignment 'hw8'.*\n  Known: hw9\."):
        write_examples(course, "hw8", tmp_path / "class")


@pytest.fixture(scope="module")
def homework_1(tmp_path_factory):
    if not (ROOT / "solutions/hw1_mdp").is_dir():
        pytest.skip("a student's copy has no solutions")
    course = Course(ROOT)
    out = tmp_path_factory.mktemp("class")
    described = write_examples(course, "hw1_mdp", out)
    assignment = course.assignment("hw1_mdp")
    template = starter_notebook(course, "hw1_mdp")
    read = {s.person.id: read_submission(s, assignment, template) for s in find_submissions(out, assignment)}
    return out, described, read, assignment, template


def test_homework_1_has_twelve_students_made_alike_each_time(homework_1, tmp_path):
    out, described, read, *_ = homework_1
    assert len(described) == len(read) == 12 and all(what for _, what in described)
    assert write_examples(Course(ROOT), "hw1_mdp", tmp_path) == described
    assert all((tmp_path / name).read_bytes() == (out / name).read_bytes() for name, _ in described)
    for path in out.glob("*.ipynb"):
        nbformat.validate(nbformat.read(path, 4))


def test_every_student_of_homework_1_can_be_read(homework_1):
    *_, read, assignment, _ = homework_1
    assert {name: s.error for name, s in read.items() if s.error} == {}
    holes = {q.id for q in assignment.questions if q.kind == "code"}
    for name, submission in read.items():
        assert {q for c in submission.code.cells for q in c.questions} == holes, name


def test_the_same_solution_is_read_whoever_saved_it(homework_1):
    *_, read, _, _ = homework_1
    cells = {n: {c.id: c.source for c in s.code.cells if c.kind != "added"} for n, s in read.items()}
    assert cells["olga_ivanova"] == cells["amara_okafor"]
    assert read["olga_ivanova"].answers == read["amara_okafor"].answers == read["mei_tanaka"].answers
    sofia = cells["sofia_rossi"]
    assert [q for q in sofia if sofia[q] != cells["amara_okafor"][q]] == ["hole-3-3"]
    assert list(sofia) == list(cells["amara_okafor"])


def test_only_the_burglar_and_the_untouched_left_most_of_it(homework_1):
    *_, read, assignment, _ = homework_1
    left = {n: sum("raise NotImplementedError" in c.source for c in s.code.cells) for n, s in read.items()}
    assert left.pop("priya_raman") == sum(q.kind == "code" for q in assignment.questions)
    assert left.pop("erik_johansen") > 4 and left.pop("luis_fernandez") == 4 and left.pop("sofia_rossi") == 1
    assert set(left.values()) == {0}
    assert read["erik_johansen"].code.files == {}


def test_further_files_and_artifacts_are_there_to_be_handed_in(course, tmp_path):
    manifest = tmp_path / "assignments/hw9/assignment.toml"
    manifest.write_text(
        manifest.read_text()
        + '\n[[questions]]\nid = "1.2"\nname = "policy"\ntitle = "Policy"\npoints = 1\n'
        + 'kind = "artifact"\nartifact = "policy.npz"\n'
    )
    (tmp_path / "solutions/hw9/artifacts").mkdir()
    (tmp_path / "solutions/hw9/artifacts/policy.npz").write_bytes(b"weights")
    (tmp_path / "solutions/hw9/examples/build.py").write_text(
        "def build(out, solved, starter, alternatives, files):\n"
        "    out.mkdir()\n"
        "    for name, data in files.items():\n"
        "        (out / name).write_bytes(data)\n"
    )
    assert write_examples(course, "hw9", tmp_path / "class") == [("policy.npz", "")]
    assert (tmp_path / "class/policy.npz").read_bytes() == b"weights"
