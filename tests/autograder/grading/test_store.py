from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.errors import AutograderError, UsageError
from autograder.grading.store import SCHEMA, Store, without_times
from autograder.results import (
    Attachment,
    Finding,
    Outcome,
    Person,
    QuestionResult,
    SubmissionResult,
    TestResult,
)


def result(person: str = "ada", points: float = 1.0, slug: str = "hw1") -> SubmissionResult:
    test = TestResult("test_x", "It works", True, Outcome.PASSED, points, 2.0, wall_s=0.25)
    attachment = Attachment("curve", "image/png", b"\x89PNG\x00\xff")
    question = QuestionResult(
        "1.1",
        "x",
        "X",
        "code",
        Outcome.FAILED,
        points,
        2.0,
        tests=(test,),
        attachments=(attachment,),
        cpu_s=0.5,
    )
    return SubmissionResult(
        Person(person, "Ada Ł", "a@b.c"),
        slug,
        "1.0.0",
        "s",
        "t",
        "g",
        "seed",
        "A",
        (question,),
        findings=(Finding("A cell moved.", ("1.1",)),),
        graded_at="2030-01-01T00:00:00+00:00",
        wall_s=3.0,
        environments_digest="e",
    )


def test_a_result_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    with Store(tmp_path / "grades.sqlite") as store:
        store.append(result(), {"1.1": "k"})
    with Store(tmp_path / "grades.sqlite") as store:
        [attempt] = store.attempts("hw1")
    assert attempt.result == result()
    assert attempt.keys == {"1.1": "k"}


def test_attempts_are_appended_and_the_latest_of_each_person_is_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for person, points in (("ada", 0.0), ("bob", 1.0), ("ada", 2.0)):
            store.append(result(person, points))
        store.append(result("ada", 0.5, slug="hw2"))
        assert [(r.person.id, r.points) for r in store.latest("hw1")] == [("ada", 2.0), ("bob", 1.0)]
        assert [a.result.points for a in store.attempts("hw1", "ada")] == [0.0, 2.0]
        last = store.latest_of("hw1", "ada")
        assert last is not None and last.result.points == 2.0
        assert store.latest_of("hw1", "nobody") is None
        assert store.latest("hw3") == []


def test_a_question_is_kept_while_its_key_is_the_same(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.append(result(), {"1.1": "k"})
        [attempt] = store.attempts("hw1")
    assert list(attempt.kept({"1.1": "k", "1.2": "x"})) == ["1.1"]
    assert attempt.kept({"1.1": "changed"}) == {}


def test_two_writers_wait_for_each_other(tmp_path: Path) -> None:
    def write(person: str) -> None:
        with Store(tmp_path) as store:
            for i in range(10):
                store.append(result(person, float(i)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, ["a", "b", "c", "d"]))
    with Store(tmp_path) as store:
        assert len(store.attempts("hw1")) == 40


WRITER = """
    import sys
    from dataclasses import replace
    from tests_store import result
    from autograder.grading.store import Store
    store = Store(sys.argv[1])
    one = result()
    question = replace(one.questions[0], stdout="x" * 20_000)
    one = replace(one, questions=tuple(replace(question, id=f"1.{i}") for i in range(40)))
    for i in range(10_000):
        print(store.append(one), flush=True)
"""


def test_a_killed_run_leaves_whole_attempts_and_all_that_it_reported(tmp_path: Path) -> None:
    (tmp_path / "tests_store.py").write_text(Path(__file__).read_text())
    (tmp_path / "writer.py").write_text(textwrap.dedent(WRITER))
    for delay in (0.02, 0.06, 0.13):
        writer = subprocess.Popen(
            [sys.executable, str(tmp_path / "writer.py"), str(tmp_path / "grades.sqlite")],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        assert writer.stdout is not None
        reported = [int(writer.stdout.readline())]
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
        reported += [int(line) for line in writer.stdout.read().split("\n") if line]
        writer.wait()
        with Store(tmp_path / "grades.sqlite") as store:
            stored = {attempt.id: attempt.result for attempt in store.attempts("hw1")}
        assert set(reported) <= set(stored)
        assert all(len(r.questions) == 40 for r in stored.values())
    with sqlite3.connect(tmp_path / "grades.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_store_of_another_schema_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "grades.sqlite") as connection:
        connection.execute("UPDATE robolearn_meta SET value = '99'")
    with pytest.raises(AutograderError, match=rf"has schema 99, this autograder writes schema {SCHEMA}"):
        Store(tmp_path)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "grades.sqlite").write_text("not a database at all, " * 100)
    with pytest.raises(
        AutograderError, match=r"grades\.sqlite: cannot use this store: file is not a database"
    ):
        Store(tmp_path)


@pytest.mark.parametrize(
    ("url", "words"), [("://", "not a database URL"), ("nodb://host/x", "no driver for this database")]
)
def test_a_wrong_url_is_wrong_use(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Store(url)


def test_without_times_keeps_every_decision() -> None:
    one = result()
    other = replace(
        one,
        wall_s=9.0,
        graded_at="later",
        path="elsewhere",
        questions=(
            replace(
                one.questions[0],
                cpu_s=7.0,
                max_rss_mb=3.0,
                tests=(replace(one.questions[0].tests[0], wall_s=8.0),),
            ),
        ),
    )
    assert one != other
    assert without_times(one) == without_times(other)
    assert without_times(one) != without_times(result(points=0.5))
