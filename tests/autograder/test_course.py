"""The manifest: what it says is kept, and what is wrong in it is named by path and line."""

from pathlib import Path

import pytest

from autograder.course import Course, Kind, load_assignment
from autograder.errors import AuthoringError, UsageError

GOOD = """slug = "hw1"
title = "Homework"
version = "1.0.0"

[limits]
cpu_s = 5

[[questions]]
id = "1.1"
name = "observe"
title = "Observe"
points = 3

[[questions]]
id = "1.2"
name = "essay"
title = "Write"
points = 2
kind = "written"
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "assignment.toml").write_text(text)
    return folder


def problem(folder: Path, text: str) -> str:
    with pytest.raises(AuthoringError) as caught:
        load_assignment(write(folder, text))
    return str(caught.value).replace(str(folder), "")


def test_a_good_manifest_is_kept(tmp_path: Path) -> None:
    assignment = load_assignment(write(tmp_path, GOOD))
    assert [q.label for q in assignment.questions] == ["1.1 observe", "1.2 essay"]
    assert assignment.questions[0].limits.cpu_s == 5
    assert assignment.questions[1].kind is Kind.WRITTEN
    assert assignment.possible == 5
    assert assignment.notebook == "hw1.ipynb"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("points = 3", "points = -3", 12, "question 1.1: points: Input should be greater than 0 (got -3)"),
        ("points = 2", "points = 2\ncolour = 1", 19, "question 1.2: colour: unknown key"),
        ('id = "1.2"', 'id = "1.1"', 8, "two questions have the id '1.1'"),
        ('name = "essay"', 'name = "an essay"', 16, "question 1.2: name"),
        ('version = "1.0.0"', 'version = "one"', 3, "version"),
        ('title = "Homework"\n', "", 1, "title: missing; add it"),
        ("cpu_s = 5", "cpu_s = 0", 6, "limits.cpu_s"),
        ('kind = "written"', 'kind = "essay"', 19, "question 1.2: kind"),
        ('kind = "written"', 'kind = "artifact"', 14, "names the file in `artifact`"),
        ('title = "Homework"', 'title = "Homework', 2, "not valid TOML"),
        (
            'title = "Homework"',
            'title = "Homework"\ndata = ["../secret"]',
            3,
            "must be a relative path inside",
        ),
    ],
)
def test_a_mistake_is_named_by_path_and_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    assert old in GOOD
    message = problem(tmp_path, GOOD.replace(old, new, 1))
    assert message.startswith(f"/assignment.toml:{line}: "), message
    assert words in message


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    message = problem(tmp_path, GOOD.replace("points = 3", "points = 0").replace("points = 2", "points = 0"))
    assert "/assignment.toml:12:" in message
    assert "/assignment.toml:18:" in message


def test_a_missing_manifest_and_bytes_that_are_not_text(tmp_path: Path) -> None:
    with pytest.raises(AuthoringError, match="no manifest here; `autograder new` writes one"):
        load_assignment(tmp_path)
    (tmp_path / "assignment.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(AuthoringError, match="not UTF-8"):
        load_assignment(tmp_path)


def test_a_question_is_found_by_id_name_or_label_and_a_wrong_one_names_the_known(tmp_path: Path) -> None:
    assignment = load_assignment(write(tmp_path, GOOD))
    assert assignment.question("1.1") is assignment.question("observe") is assignment.question("1.1 observe")
    with pytest.raises(UsageError, match=r"no question '7'.\n  Known questions: 1.1, 1.2"):
        assignment.question("7")


def test_a_course_is_found_from_below_and_names_its_assignments(tmp_path: Path) -> None:
    write(tmp_path / "assignments" / "hw1", GOOD)
    course = Course.find(tmp_path / "assignments" / "hw1")
    assert course.root == tmp_path
    assert course.slugs() == ["hw1"]
    with pytest.raises(UsageError, match=r"no assignment .hw9..*\n  Known: hw1"):
        course.assignment("hw9")
    lonely = tmp_path.parent / f"{tmp_path.name}-lonely"
    lonely.mkdir()
    with pytest.raises(UsageError, match="no course found"):
        Course.find(lonely)
