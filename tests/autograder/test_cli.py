from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from autograder import cli
from autograder.commands import starter
from autograder.errors import AuthoringError, AutograderError, UsageError

VERBS = sorted(p.stem for p in cli.COMMANDS.glob("*.py") if not p.stem.startswith("_"))
STUDENT = ("check", "submit")
MANIFEST = 'slug = "hw1"\ntitle = "Homework"\nversion = "1.0.0"\n'
Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the console script in this process; return its exit code and what it said."""

    def call(*args: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["autograder", *map(str, args)])
        code: int | str | None = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        text = code if isinstance(code, str) else ""
        return (1 if text else int(code or 0)), said.out + said.err + text

    return call


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "course" / "assignments" / "hw1"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(MANIFEST)  # without questions
    monkeypatch.chdir(tmp_path / "course")
    return tmp_path / "course"


def test_the_verbs_are_these() -> None:
    expected = ["audit", "check", "examples", "export", "grade", "new", "release", "report", "starter", "submit"]
    assert expected == VERBS


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_has_a_door_for_each_of_the_three_and_lists_the_verbs(call: Call, flag: str) -> None:
    code, said = call(flag)
    assert code == 0
    assert all(word in said for word in ("Students:", "TAs:", "Instructors:", "Exit codes: 0 fine, 1 ", *VERBS))
    assert "..." not in said.split("Commands:")[1]  # no line is cut


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_teaches_by_examples_and_exit_codes(call: Call, verb: str) -> None:
    code, said = call(verb, "--help")
    assert code == 0
    assert said.startswith(f"Usage: autograder {verb}")
    assert said.count(f"autograder {verb}") >= 2, "no example"
    assert "Exit codes: 0 " in said and "2 wrong" in " ".join(said.split())


@pytest.mark.parametrize("verb", VERBS)
def test_a_flag_that_no_verb_has_is_wrong_use(call: Call, verb: str) -> None:
    code, said = call(verb, "--frobnicate")
    assert code == 2
    assert "--frobnicate" in said and f"autograder {verb} --help" in said


def test_an_unknown_verb_is_wrong_use(call: Call) -> None:
    code, said = call("frobnicate")
    assert code == 2 and "No such command 'frobnicate'" in said


def test_no_verb_at_all_shows_the_help(call: Call) -> None:
    code, said = call()
    assert code == 2 and "Instructors:" in said


def test_the_version_is_told(call: Call) -> None:
    code, said = call("--version")
    assert code == 0 and said.startswith("autograder, version ")


@pytest.mark.parametrize(
    "args",
    [
        ("audit", "hw9"), ("examples", "hw9", "--out", "x"), ("export", "hw9", "--to", "json"),
        ("grade", "hw9", "."), ("release", "hw9"), ("report", "hw9"), ("starter", "hw9"),
    ],
)  # fmt: skip
def test_an_unknown_assignment_is_wrong_use_and_names_the_known(
    call: Call, course: Path, args: tuple[str, ...]
) -> None:
    code, said = call(*args)
    assert code == 2
    assert "no assignment 'hw9'" in said and "Known: hw1." in said and "Traceback" not in said


@pytest.mark.parametrize("verb", [v for v in VERBS if v not in (*STUDENT, "new")])
def test_outside_a_course_the_next_step_is_told(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {"grade": ("hw1", "."), "export": ("hw1", "--to", "json"), "examples": ("hw1", "--out", "x")}
    code, said = call(verb, *arguments.get(verb, ("hw1",)))
    assert code == 2
    assert "no course found at" in said and "Next: run this inside a folder that has assignments/" in said


@pytest.mark.parametrize("verb", STUDENT)
def test_outside_an_assignments_folder_the_next_step_is_told(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = call(verb)
    assert code == 2 and "Next: open the notebook in its own unzipped folder" in said


def test_a_mistake_of_an_author_is_told_by_path_and_line(call: Call, course: Path) -> None:
    code, said = call("starter", "hw1")
    assert code == 1
    path = course / "assignments/hw1/assignment.toml"
    assert said.startswith(f"Error: {path}:1: ") and "Traceback" not in said


def test_new_writes_into_the_course_that_it_is_called_in(
    call: Call, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(course / "assignments")
    code, said = call("new", "hw7_demo")
    assert code == 0, said
    assert (course / "solutions/hw7_demo/hw7_demo.py").is_file()
    assert not (course / "assignments/assignments").exists()
    code, said = call("new", "hw7_demo")
    assert code == 2 and "nothing was written" in said


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (AutograderError("cannot"), 1, "Error: cannot\n"),
        (AuthoringError("wrong", "a.py", 3), 1, "Error: a.py:3: wrong\n"),
        (UsageError("no such thing"), 2, "Error: no such thing\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "/x: Permission denied.\n  Next: make room"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "the disk: No space left on device."),
        (click.Abort(), 1, "Stopped."),
        (KeyboardInterrupt(), 1, "Stopped."),
    ],
)
def test_errors_are_told_without_a_traceback(
    call: Call, course: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, words: str
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(starter.command, "callback", fail)
    got, said = call("starter")
    assert got == code and words in said and "Traceback" not in said


def test_a_fault_of_our_own_keeps_its_traceback(
    call: Call, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter.command, "callback", lambda **options: {}["missing"])
    with pytest.raises(KeyError):
        call("starter")
