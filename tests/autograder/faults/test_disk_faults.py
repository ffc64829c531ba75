"""The disk fills while results, notebooks, pages or submissions are written: told in words, nothing spoilt."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course import Course
from autograder.errors import AutograderError
from autograder.grading.batch import grade_class
from autograder.grading.grader import Grader
from autograder.grading.store import Store
from autograder.intake import find_submissions
from autograder.results import Outcome
from tests.autograder.faults import small

COMMAND = [sys.executable, "-c", "from autograder.cli import main; main()"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB; only root can mount one."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = tmp_path / "disk"
    folder.mkdir()
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, b"size=300k") != 0:
        pytest.skip(f"no file system can be mounted here: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(str(folder).encode(), 2)


def fill(folder: Path, leave: int) -> Path:
    """Write zeros until only so many bytes are free."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize
    path = folder / "zeros"
    path.write_bytes(bytes(max(0, free - leave)))
    return path


def grade(course: Course, folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "grade", small.SLUG, str(folder), "--out", str(out), "--jobs", "1"], cwd=course.root, text=True,
        capture_output=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("leave", [40_000, 90_000, 130_000])
def test_a_full_disk_is_told_and_the_next_run_goes_on(
    small_course: Course, hand_ins: Path, tiny_disk: Path, tmp_path: Path, leave: int
) -> None:
    """Wherever it fills: in the store, between notebooks, in the pages."""
    calm = grade(small_course, hand_ins, tmp_path / "calm")
    assert calm.returncode == 0, calm.stderr
    out = tiny_disk / "graded"
    zeros = fill(tiny_disk, leave)
    stopped = grade(small_course, hand_ins, out)
    assert stopped.returncode == 1
    assert "Traceback" not in stopped.stderr
    assert "Error: " in stopped.stderr and "\n  Next: make room" in stopped.stderr, stopped.stderr
    before = attempts(out)
    zeros.unlink()
    again = grade(small_course, hand_ins, out)
    assert again.returncode == 0, again.stderr
    after = attempts(out)
    assert after[: len(before)] == before, "what was stored is kept as it was"
    assert [person for person, _ in after] == ["ada", "bob", "cleo"], "and nobody is graded twice"
    assert (out / "grades.csv").read_bytes() == (tmp_path / "calm" / "grades.csv").read_bytes()
    pages = [*out.glob("feedback/*.html"), *out.glob("ta/*.html"), out / "class.html"]
    assert len(pages) == 7 and all(page.read_text().rstrip().endswith("</html>") for page in pages)
    assert list(out.rglob("*.part")) == []


def attempts(out: Path) -> list[tuple[str, str]]:
    path = out / "grades.sqlite"
    if not path.exists():
        return []
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        try:
            return list(connection.execute("SELECT person_id, result FROM attempts ORDER BY id"))
        except sqlite3.OperationalError:  # it filled before there was a table
            return []


def test_a_full_store_is_told_and_keeps_what_it_has(
    tmp_path: Path, tiny_disk: Path, grader: Grader, hand_ins: Path
) -> None:
    sources = find_submissions(hand_ins, grader.assignment)
    with Store(tmp_path / "other.sqlite") as other:
        results = grade_class(sources, grader, other, jobs=1)
    stored = 0
    with Store(tiny_disk / "grades.sqlite") as store:
        with pytest.raises(
            AutograderError, match=r"cannot use this store: database or disk is full\.\n  Next: make room, and run the same"
        ):
            for _ in range(500):
                store.append(results[0])
                stored += 1
        assert stored > 3
        assert len(store.attempts(small.SLUG)) == stored
    with sqlite3.connect(tiny_disk / "grades.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_no_room_to_unpack_is_the_graders_failure_and_is_tried_again(
    tmp_path: Path, tiny_disk: Path, grader: Grader, hand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip that cannot be unpacked for want of room is no damaged zip; the others are graded."""
    sources = find_submissions(hand_ins, grader.assignment)
    with Store(tmp_path / "store") as store:
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(tiny_disk))
            zeros = fill(tiny_disk, 0)
            results = grade_class(sources, grader, store, jobs=1)
        assert {r.person.id: {q.outcome for q in r.questions} for r in results}["cleo"] == {Outcome.GRADER_ERROR}
        assert "No space left on device" in results[2].findings[-1].what
        assert results[2].error == ""
        zeros.unlink()
        again = grade_class(sources, grader, store, jobs=1)
        assert [r.points for r in again] == [5.0] * 3


FILES_OF_A_SIZE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from autograder.cli import main
main()
"""


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_told_too(small_course: Course, hand_ins: Path, tmp_path: Path) -> None:
    arguments = ["20000", "grade", small.SLUG, str(hand_ins), "--out", str(tmp_path / "out"), "--jobs", "1"]
    stopped = subprocess.run(
        [sys.executable, "-c", FILES_OF_A_SIZE, *arguments], cwd=small_course.root, text=True, capture_output=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert stopped.returncode == 1
    assert "Traceback" not in stopped.stderr and "\n  Next: " in stopped.stderr, stopped.stderr
