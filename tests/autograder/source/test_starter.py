from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.commands.starter import command
from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.source.figures import references
from autograder.source.starter import differences, replace_folder, starter_files, write_starter

SLUG = "hw9_tiny"


def run(course: Course, *args: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, [*args, "--root", str(course.root)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_folder_holds_what_a_student_needs_and_no_more(course: Course) -> None:
    files = starter_files(course, SLUG)
    assert list(files) == [
        "assignment.toml", "figures/square.png", "handout.md", "hw9_tiny.ipynb", "planner.py", "tests/test_double.py",
    ]  # fmt: skip
    assert b'raise NotImplementedError("1.10 plan is yours to write")' in files["planner.py"]
    assert b"range(goal)" not in files["planner.py"]
    folder = course.assignment(SLUG).path
    assert files["figures/square.png"] == (folder / "figures/square.png").read_bytes()


def test_a_folder_under_data_travels_whole(course: Course) -> None:
    manifest = course.assignment(SLUG).path / "assignment.toml"
    manifest.write_text(manifest.read_text().replace('"figures/square.png"', '"figures"'))
    assert "figures/square.png" in starter_files(course, SLUG)


def test_the_starter_is_written_then_nothing_differs(course: Course) -> None:
    code, output = run(course)
    assert code == 0 and "starter_code/hw9_tiny: 6 written" in output and "new      hw9_tiny.ipynb" in output
    assert differences(course, SLUG) == []
    assert run(course, "--check") == (0, "starter_code/hw9_tiny: is as generated\n")
    assert sorted(p.name for p in (course.root / "starter_code").iterdir()) == [
        SLUG
    ]  # no scratch folder stays


def test_check_names_what_is_changed_missing_and_extra_and_writes_nothing(course: Course) -> None:
    write_starter(course, SLUG)
    folder = course.starter(SLUG)
    (folder / "planner.py").write_text("x = 1\n")
    (folder / "handout.md").unlink()
    (folder / "notes.txt").write_text("mine")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "planner.pyc").write_bytes(b"")
    code, output = run(course, SLUG, "--check")
    assert code == 1
    assert "  missing  handout.md\n  extra    notes.txt\n  changed  planner.py\n" in output
    assert "    -x = 1" in output and "Next: run `autograder starter`" in output
    assert (folder / "planner.py").read_text() == "x = 1\n"
    code, output = run(course, SLUG)
    assert code == 0 and "  new      handout.md\n  removed  notes.txt\n  changed  planner.py\n" in output
    assert differences(course, SLUG) == []


def test_a_long_difference_is_cut(course: Course) -> None:
    write_starter(course, SLUG)
    (course.starter(SLUG) / "hw9_tiny.ipynb").write_text("{}\n")
    _, output = run(course, "--check")
    assert " more lines" in output and len(output.splitlines()) < 30


def test_nothing_is_written_where_any_source_is_off(course: Course, source_path: Path) -> None:
    write_starter(course, SLUG)
    before = {p: p.read_bytes() for p in course.starter(SLUG).rglob("*") if p.is_file()}
    source_path.write_text(source_path.read_text().replace("### END SOLUTION 1.1", "#END SOLUTION 1.1"))
    with pytest.raises(AuthoringError, match="looks like a marker and is none"):
        run(course)
    assert {p: p.read_bytes() for p in course.starter(SLUG).rglob("*") if p.is_file()} == before


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "starter"
    replace_folder(folder, {"a.txt": b"old"})
    real = os.replace

    def fail(source: Path, target: Path) -> None:
        if source.name == "new":
            raise OSError("disk full")
        real(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        replace_folder(folder, {"a.txt": b"new"})
    assert (folder / "a.txt").read_bytes() == b"old" and list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"handout.md"', '"handin.md"', "assignment.toml:5: data: 'handin.md' is not in assignments/hw9_tiny/; put it there"),
        (
            '"handout.md"',
            '"handout.md", "assignment.toml"',
            "data: 'assignment.toml' is generated; take it off the list",
        ),
        (
            ', "figures/square.png"',
            "",
            "hw9_tiny.py:1: the text refers to 'figures/square.png', which is not in the student's folder; "
            "list it under `data` in hw9_tiny/assignment.toml",
        ),
    ],
)
def test_a_file_that_the_student_would_miss_is_named(
    course: Course, old: str, new: str, message: str
) -> None:
    manifest = course.assignment(SLUG).path / "assignment.toml"
    text = manifest.read_text()
    assert text.count(old) == 1
    manifest.write_text(text.replace(old, new))
    with pytest.raises(AuthoringError) as error:
        starter_files(course, SLUG)
    assert message in str(error.value)
    if not new:
        assert "handout.md:1: the text refers to 'figures/square.png'" in str(error.value)


def test_references_are_relative_paths_outside_of_code_and_mathematics() -> None:
    text = """![a](figures/a.png "title") [b](b.md#part) <img alt='x' src="c.svg"> [w](https://x.org) [s](#sec)
    `[no](no.png)` $$V[s](x)$$ ![e](attachment:e.png)
```
![no](no.png)
```
[d e](<d.txt>) ![f](with%20space.png)
"""
    assert references(text) == ["figures/a.png", "b.md", "c.svg", "d.txt", "with space.png"]
