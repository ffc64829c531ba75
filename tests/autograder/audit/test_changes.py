"""What an audit of what changed looks at: git's word on each folder, and everything where git has none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.audit.changes import Changes, changes
from autograder.cli import cli
from autograder.course import Course
from autograder.errors import UsageError
from autograder.grading import threads


def git(course: Course, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=course.root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def touch(course: Course, path: str, text: str = "new\n") -> None:
    file = course.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def commit(course: Course, path: str, text: str = "new\n") -> str:
    touch(course, path, text)
    git(course, "add", "-A")
    git(course, "commit", "-q", "-m", path)
    return git(course, "rev-parse", "HEAD")


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Three assignments under git, on main, in a folder of the repository."""
    course = Course(tmp_path / "repository" / "course")
    for slug in ("hw1", "hw2", "hw3"):
        touch(course, f"assignments/{slug}/assignment.toml", f'slug = "{slug}"\n')
        touch(course, f"solutions/{slug}/{slug}.py")
    touch(course, ".gitignore", "build/\n")
    (course.root.parent / "unrelated.py").write_text("")
    git(Course(course.root.parent), "init", "-q", "-b", "main")
    commit(course, "README.md")
    return course


def test_on_main_it_is_the_last_commit_and_what_is_not_committed_yet(course: Course) -> None:
    first = commit(course, "solutions/hw3/hw3.py", "old\n")
    commit(course, "assignments/hw1/handout.md")
    assert changes(course) == Changes(first[:9], ("hw1",), False, ("hw1", "hw2", "hw3"))
    touch(course, "starter_code/hw2/hw2.ipynb")
    touch(course, "build/solutions/hw3/x")
    touch(course, "assignments/loose.md")
    assert changes(course).slugs == ("hw1", "hw2")
    git(course, "add", "starter_code")
    assert changes(course).slugs == ("hw1", "hw2")
    assert changes(course).words == f"changed since {first[:9]}: hw1, hw2"


def test_on_a_branch_it_is_all_since_it_left_main(course: Course) -> None:
    left = git(course, "rev-parse", "HEAD")
    git(course, "checkout", "-q", "-b", "work")
    commit(course, "solutions/hw2/tests/test_é x.py")
    commit(course, "docs/page.md")
    git(course, "checkout", "-q", "main")
    commit(course, "solutions/hw3/hw3.py", "main's own\n")
    git(course, "checkout", "-q", "work")
    assert changes(course) == Changes(left[:9], ("hw2",), False, ("hw1", "hw2", "hw3"))


def test_a_file_that_moved_or_is_gone_counts_in_both_places(course: Course) -> None:
    git(course, "mv", "solutions/hw1/hw1.py", "solutions/hw2/other.py")
    assert changes(course, "HEAD").own == ("hw1", "hw2")


@pytest.mark.parametrize("path", ["autograder/x.py", "environments/y.xml", "pyproject.toml", "constraints.txt"])
def test_what_all_rest_on_touches_all(course: Course, path: str) -> None:
    commit(course, path)
    found = changes(course)
    assert (found.own, found.shared, found.slugs) == ((), True, ("hw1", "hw2", "hw3"))
    assert found.words.endswith(": no assignment, and what all of them rest on")
    assert changes(course, "HEAD").slugs == ()


def test_a_revision_may_be_named(course: Course) -> None:
    commit(course, "solutions/hw1/a.py")
    commit(course, "solutions/hw2/b.py")
    assert changes(course, "HEAD~2") == Changes("HEAD~2", ("hw1", "hw2"), False, ("hw1", "hw2", "hw3"))


@pytest.mark.parametrize("revision", ["nope", "--help", "HEAD~9"])
def test_a_revision_that_git_does_not_know_is_wrong_use(course: Course, revision: str) -> None:
    with pytest.raises(UsageError, match=rf"--changed {revision}: git knows no such revision .*\n  Next: give one"):
        changes(course, revision)


def test_where_git_cannot_tell_everything_counts(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = Changes("", ("hw1", "hw2", "hw3"), True, ("hw1", "hw2", "hw3"))
    assert changes(course) == everything  # one commit, so none before it
    commit(course, "docs/x.md")
    assert changes(course).slugs == ()
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert changes(course) == everything
    assert everything.words == "git does not tell what changed: every assignment counts"


def test_outside_a_repository_everything_counts(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tiny_course.root.parent))
    assert changes(tiny_course) == Changes("", ("tiny",), True, ("tiny",))


def test_the_command_audits_what_changed_alone(own_tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    course = own_tiny_course
    git(course, "init", "-q", "-b", "main")
    commit(course, ".gitignore", "__pycache__/\n")
    commit(course, "docs/page.md")
    monkeypatch.chdir(course.root)
    for name in threads.THREADS:
        monkeypatch.setenv(name, "1")

    def call(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(cli, ["audit", *arguments, "--only", "thresholds"])
        return found.exit_code, found.output

    code, said = call("--changed")
    assert code == 0 and "no assignment; nothing to audit." in said and "tiny (" not in said
    touch(course, "solutions/tiny/notes.md")
    code, said = call("tiny", "--changed")
    assert code == 0 and ": tiny.\n" in said and "tiny (thresholds): nothing is wrong." in said
    code, said = call("--changed", "HEAD~1")
    assert code == 0 and "Changed since HEAD~1: tiny." in said
