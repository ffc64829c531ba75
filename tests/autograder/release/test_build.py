from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from autograder.commands.release import command
from autograder.course import Course
from autograder.errors import ReleaseError
from autograder.release import build, gate
from autograder.release.archives import write_bytes, zip_bytes
from autograder.release.build import release
from autograder.release.packages import render
from autograder.release.wheel import Wheel, build_wheel, pins
from autograder.source.variants import solved_notebook
from tests.autograder.release.conftest import SLUG, fake_grader, tiny_wheel

NAMES = [f"{SLUG}-1.0.3-{kind}.zip" for kind in ("student", "grader", "gradescope")]


def release_into(course: Course, out: Path, **options: Any) -> tuple[build.Archive, ...]:
    options.setdefault("wheel", tiny_wheel(course.root / "packages" / "worlds"))
    return release(course, SLUG, out, grade=fake_grader(), **options)


def inside(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def real_wheel() -> Wheel:
    return build_wheel()


def test_a_release_is_three_zips_with_the_same_bytes_each_time(course: Course, tmp_path: Path) -> None:
    first = release_into(course, tmp_path / "a")
    for path in course.root.rglob("*"):
        os.utime(path, (10**9, 10**9))
    old = os.umask(0o077)
    try:
        second = release_into(course, tmp_path / "b")
    finally:
        os.umask(old)
    assert [a.path.name for a in first] == NAMES
    for one, other in zip(first, second, strict=True):
        assert one.path.read_bytes() == other.path.read_bytes() == one.data
        assert one.path.parent == tmp_path / "a" / SLUG
    assert sorted(p.name for p in (tmp_path / "a" / SLUG).iterdir()) == sorted(NAMES)


def test_the_wheel_has_the_same_bytes_each_time_and_nothing_secret(real_wheel: Wheel) -> None:
    assert build_wheel().data == real_wheel.data
    names = list(inside(real_wheel.data))
    assert "autograder/cli.py" in names and "autograder/release/templates/student/README.md.j2" in names
    assert {n.split("/")[0] for n in names} == {
        "autograder",
        "environments",
        real_wheel.name[:15] + ".dist-info",
    }
    assert [p.name for p in real_wheel.packages] == ["autograder", "environments"]


def test_a_wheel_is_built_from_a_checkout_alone(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"no pyproject\.toml in .*\n  Next: clone the repository"):
        build_wheel(tmp_path)


def test_a_wheel_that_cannot_be_built_says_why(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.hatch.build.targets.wheel]\npackages = ["x"]\n')
    with pytest.raises(ReleaseError, match=r"the wheel cannot be built: .*\n  Next: pip install"):
        build_wheel(tmp_path)


def test_the_student_zip_is_the_starter_with_readme_requirements_and_wheel(
    course: Course, tmp_path: Path
) -> None:
    files = inside(release_into(course, tmp_path)[0].data)
    starter = {
        p.relative_to(course.starter(SLUG)).as_posix() for p in course.starter(SLUG).rglob("*") if p.is_file()
    }
    extra = {"README.md", "requirements.txt", "tiny-1.0-py3-none-any.whl"}
    assert set(files) == {f"{SLUG}/{name}" for name in starter | extra}
    for name in starter:
        assert files[f"{SLUG}/{name}"] == (course.starter(SLUG) / name).read_bytes()


def test_the_readme_has_the_two_commands_and_the_way_to_hand_in(course: Course, tmp_path: Path) -> None:
    text = inside(release_into(course, tmp_path)[0].data)[f"{SLUG}/README.md"].decode()
    assert text.startswith("# Homework 8: Keep it\n\nVersion 1.0.3, 7 points.")
    assert "python3 -m venv .venv && .venv/bin/python -m pip install -r requirements.txt" in text
    assert "py -m venv .venv; .venv\\Scripts\\python -m pip install -r requirements.txt" in text
    assert "\n.venv/bin/autograder check " in text and "\n.venv/bin/autograder submit " in text
    assert 'check("1.1")' in text and "`planner.py`: a file that you complete, too" in text
    assert re.search(r"pip install torch==[\d.]+ --index-url https://download\.pytorch\.org/whl/cpu", text)
    assert text.endswith("environments and checks\n") and "\n\n\n" not in text


def test_requirements_are_exact_and_the_wheel_lies_beside_them(course: Course, tmp_path: Path) -> None:
    archives = release_into(course, tmp_path)
    text = inside(archives[0].data)[f"{SLUG}/requirements.txt"].decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines[-1] == "./tiny-1.0-py3-none-any.whl"
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", line) for line in lines[:-1])
    names = {line.split("==")[0] for line in lines}
    assert {
        "numpy",
        "torch",
        "mujoco",
        "gymnasium",
        "pytest",
        "nbformat",
    } <= names and "SQLAlchemy" not in names
    grade = inside(archives[1].data)[f"{SLUG}-grader/requirements-grade.txt"].decode()
    assert "SQLAlchemy==" in grade and grade.endswith("./tiny-1.0-py3-none-any.whl[grade]\n")


def test_pins_fall_back_on_what_is_installed(tmp_path: Path) -> None:
    installed = pins(project=tmp_path)
    assert any(re.fullmatch(r"torch==\d+\.\d+\.\d+", p) for p in installed)  # without +cpu
    assert not any(p.startswith("robolearn") for p in installed)


def test_the_grader_zip_holds_all_that_a_ta_needs(course: Course, tmp_path: Path) -> None:
    files = inside(release_into(course, tmp_path)[1].data)
    top = f"{SLUG}-grader"
    assert {n.split("/")[1] for n in files} == {
        "README.md", "requirements-grade.txt", "tiny-1.0-py3-none-any.whl", "assignments", "solutions", "starter_code",
    }  # fmt: skip
    assert f"{top}/solutions/{SLUG}/tests/test_secret_corners.py" in files
    text = files[f"{top}/README.md"].decode()
    assert f"autograder grade {SLUG} submissions/" in text and "SECRET" in text


def test_the_gradescope_zip_unpacks_to_what_gradescope_runs(course: Course, tmp_path: Path) -> None:
    data = release_into(course, tmp_path)[2].data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        modes = {i.filename: i.external_attr >> 16 & 0o777 for i in archive.infolist()}
        times = {i.date_time for i in archive.infolist()}
        archive.extractall(tmp_path / "source")
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755 and modes["README.md"] == 0o644
    assert times == {(2020, 1, 1, 0, 0, 0)}
    for script in ("setup.sh", "run_autograder"):
        subprocess.run(["bash", "-n", tmp_path / "source" / script], check=True)
    run = (tmp_path / "source" / "run_autograder").read_text()
    assert '--gradescope-json "$ROOT/results/results.json" --metadata "$METADATA"' in run


def gradescope(
    tmp_path: Path, course: Course, autograder: str, probe: str = "echo A"
) -> subprocess.CompletedProcess[str]:
    """Lay Gradescope's folders out and run its script with an autograder and a Python of ours."""
    root = tmp_path / "autograder"
    (root / "source").mkdir(parents=True)
    (root / "submission").mkdir()
    (root / "venv" / "bin").mkdir(parents=True)
    (root / "submission_metadata.json").write_text("{}")
    for name, text in (("autograder", autograder), ("python", probe)):
        tool = root / "venv" / "bin" / name
        tool.write_text(f"#!/usr/bin/env bash\n{text}\n")
        tool.chmod(0o755)
    data = release_into(course, tmp_path / "dist")[2].data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(root / "source")
    (root / "submission" / f"{SLUG}.ipynb").write_bytes(solved_notebook(course, SLUG))
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    return subprocess.run(
        ["bash", root / "source" / "run_autograder"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


WRITES = 'pwd; echo "$@"; echo "{}" > "$AUTOGRADER_ROOT/results/results.json"'


@pytest.mark.parametrize(("probe", "tier"), [('echo "A\'"', "A'"), ("echo none here >&2; exit 1", "C")])
def test_gradescope_grades_in_the_strongest_tier_that_there_is(
    course: Course, tmp_path: Path, probe: str, tier: str
) -> None:
    done = gradescope(tmp_path, course, WRITES, probe)
    assert done.returncode == 0, done.stderr
    assert f"--tier {tier} --out" in done.stdout


def test_gradescope_calls_grade_on_the_submission_inside_the_course(course: Course, tmp_path: Path) -> None:
    done = gradescope(tmp_path, course, WRITES)
    assert done.returncode == 0, done.stderr
    root = tmp_path / "autograder"
    where, call = done.stdout.splitlines()
    assert where == str(root / "source")
    assert call.startswith(f"grade {SLUG} {root}/submission --tier A --out ")
    assert call.endswith(
        f"--gradescope-json {root}/results/results.json --metadata {root}/submission_metadata.json"
    )


def test_gradescope_hears_of_a_grader_that_wrote_nothing(course: Course, tmp_path: Path) -> None:
    done = gradescope(tmp_path, course, "exit 3")
    assert done.returncode == 1 and "the autograder wrote no results (exit code 3)" in done.stderr


def test_reasons_and_leaks_are_told_together_and_nothing_is_written(course: Course, tmp_path: Path) -> None:
    handout = course.root / "assignments" / SLUG / "handout.md"
    handout.write_text(handout.read_text() + "\nA discount below one bounds it.\n")
    (course.solution(SLUG) / "rubric.toml").unlink()
    with pytest.raises(ReleaseError) as error:
        release_into(course, tmp_path / "dist")
    told = str(error.value).splitlines()
    assert told[0] == f"{SLUG} is not released, for 3 reasons:"
    assert "handout.md is changed, expected as generated" in told[1]
    assert told[2].startswith("  - 2.1 words has no rubric")
    assert told[3].startswith(f"  - leak: {NAMES[0]}/{SLUG}/handout.md:5 holds a sentence of answer 2.1 (")
    assert not (tmp_path / "dist").exists()


def test_a_source_that_cannot_be_read_is_the_reason(course: Course, tmp_path: Path) -> None:
    path = course.solution(SLUG) / f"{SLUG}.py"
    path.write_text(path.read_text().replace("### END SOLUTION 1.1", "### END SOLUTION 1.9"))
    with pytest.raises(
        ReleaseError, match=r"for 1 reason:\n.*END SOLUTION 1\.9 backup closes hole '1\.1 backup'"
    ):
        release_into(course, tmp_path / "dist")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("notes.json", "{", "notes.json:1: cannot be searched for secrets: "),
        ("grading.toml", "seed = ", "grading.toml:1: cannot be searched for secrets: "),
        ("reproduce.py", "def f(:", "reproduce.py:1: not valid Python: "),
    ],
)
def test_a_secret_file_that_cannot_be_searched_is_a_reason(
    course: Course, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (course.solution(SLUG) / name).write_text(text)
    with pytest.raises(ReleaseError, match="for 1 reason:") as error:
        release_into(course, tmp_path / "dist")
    assert message in str(error.value)


def test_a_dry_run_writes_nothing(course: Course, tmp_path: Path) -> None:
    archives = release_into(course, tmp_path / "dist", dry_run=True)
    assert len(archives) == 3 and not (tmp_path / "dist").exists()


def test_the_command_names_the_zips_and_what_to_do_with_them(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "_real_grader", fake_grader)
    monkeypatch.setattr(build, "build_wheel", lambda: tiny_wheel(course.root / "packages" / "worlds"))
    result = CliRunner().invoke(command, [SLUG, "--root", str(course.root), "--dry-run"])
    assert result.exit_code == 0 and "could be released; nothing was written" in result.output
    result = CliRunner().invoke(command, [SLUG, "--root", str(course.root)])
    assert result.exit_code == 0, result.output
    assert f"Next: hand {NAMES[0]} to students" in result.output
    assert sorted(p.name for p in (course.root / "dist" / SLUG).iterdir()) == sorted(NAMES)


def test_no_release_can_leave_the_grading_out() -> None:
    assert {o for p in command.params for o in p.opts if o.startswith("-")} == {
        "--out",
        "--dry-run",
        "--root",
    }


def test_a_grader_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autograder.grading.api", None)
    with pytest.raises(ReleaseError, match=r"grading is not installed .*\n  Next: pip install"):
        gate._real_grader()


def test_a_template_that_asks_for_an_unknown_name_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        render("student/README.md.j2", {"title": "x"})


def test_a_zip_is_written_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a" / "b.zip"
    write_bytes(path, zip_bytes({"x": b"1"}))
    assert inside(path.read_bytes()) == {"x": b"1"} and path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]
