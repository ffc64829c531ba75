from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course
from autograder.errors import UsageError
from autograder.grading import batch, digests
from autograder.grading.batch import Graded, Job, Recipe, grade_class, grade_job, select
from autograder.grading.gradebook import gradebook
from autograder.grading.grader import Grader
from autograder.grading.progress import Silent
from autograder.grading.store import Store, without_times
from autograder.grading.written import Mark
from autograder.intake import SubmissionSource, find_submissions
from autograder.results import Outcome, Person, SubmissionResult

Make = Callable[[], Any]


@pytest.fixture(scope="module")
def grader(tiny_course: Course) -> Grader:
    return Grader(tiny_course, "tiny")  # its processes make sandboxes; it never does


@pytest.fixture
def sources(tmp_path: Path, grader: Grader, tiny_solved: Make, tiny_starter: Make) -> list[SubmissionSource]:
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "ada.ipynb").write_bytes(tiny_solved().bytes())
    wrong = "def estimate(samples):\n    return sum(samples) / (len(samples) - 1)"
    (folder / "bob.ipynb").write_bytes(tiny_solved().replace("hole-2-1", wrong).bytes())
    (folder / "cleo.ipynb").write_bytes(tiny_starter().bytes())
    (folder / "dan.ipynb").write_text("{ not json")
    return find_submissions(folder, grader.assignment)


def people(results: list[SubmissionResult]) -> dict[str, float]:
    return {result.person.id: result.points for result in results}


def test_a_class_is_graded_the_same_by_one_process_and_by_two(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource]
) -> None:
    with Store(tmp_path / "one.sqlite") as one, Store(tmp_path / "two.sqlite") as two:
        first = grade_class(sources, grader, one, jobs=1)
        second = grade_class(sources, grader, two, jobs=2)
        assert [without_times(r) for r in first] == [without_times(r) for r in second]
        assert gradebook(first, grader.assignment) == gradebook(second, grader.assignment)
        assert [r.person.id for r in first] == ["ada", "bob", "cleo", "dan"]
        assert [r.points for r in first][::2] == [7.0, 0.0]
        assert one.latest("tiny") == first


def test_what_was_graded_is_kept_and_only_what_changed_is_graded_again(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource], tiny_solved: Make
) -> None:
    with Store(tmp_path) as store:
        first = grade_class(sources, grader, store, jobs=2)
        again = grade_class(sources, grader, store, jobs=2)
        assert again == first
        assert len(store.attempts("tiny")) == 4
        assert grade_class(sources, grader, store, jobs=2, fresh=True) != first, "graded at another time"
        assert len(store.attempts("tiny")) == 4 + 4
        sources[2].path.write_bytes(tiny_solved().bytes())
        third = grade_class(sources, grader, store, jobs=2)
        assert len(store.attempts("tiny")) == 4 + 4 + 1
        assert third[2].points == 7.0


def test_a_file_of_the_graders_that_changes_during_a_run_has_no_part_in_its_results(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run rests on is named before its processes start, which would each see the files of their moment."""
    looks = itertools.count()
    monkeypatch.setattr(digests, "of_folder", lambda *paths, **rules: f"{os.getpid()} {next(looks)}")
    digests.of_grader.cache_clear()
    for name in ("environments_digest", "tests_digest", "_basis"):
        grader.__dict__.pop(name, None)
    try:
        with Store(tmp_path) as store:
            first = grade_class(sources[:2], grader, store, jobs=2)
            assert len({(r.grader_digest, r.environments_digest, r.tests_digest) for r in first}) == 1
            assert grade_class(sources[:2], grader, store, jobs=2) == first
            assert len(store.attempts("tiny")) == 2, "nothing is graded twice"
    finally:
        digests.of_grader.cache_clear()
        for name in ("environments_digest", "tests_digest", "_basis"):
            grader.__dict__.pop(name, None)


def test_the_questions_asked_for_are_graded_again_and_the_others_kept(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource]
) -> None:
    with Store(tmp_path) as store:
        [before] = grade_class(sources[:1], grader, store, jobs=1)
        [after] = grade_class(sources[:1], grader, store, jobs=1, questions=["1.1"])
        assert after.question("2.1") == before.question("2.1")
        assert after.question("1.1").wall_s != before.question("1.1").wall_s
        assert without_times(after) == without_times(before)
        with pytest.raises(UsageError, match=r"tiny has no question '7\.7'"):
            grade_class(sources, grader, store, questions=["7.7"])


def test_marks_stay_with_the_answers_they_were_given_for(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource], tiny_solved: Make
) -> None:
    one = sources[:1]
    with Store(tmp_path) as store:
        [marked] = grade_class(one, grader, store, jobs=1, marks={("ada", "9.1"): Mark(3.0, "Good.")})
        assert (marked.points, marked.awaiting) == (10.0, 0.0)
        [fresh] = grade_class(one, grader, store, jobs=1, fresh=True)
        assert (fresh.points, fresh.question("9.1").comment) == (10.0, "Good.")
        one[0].path.write_bytes(tiny_solved().replace("written-9-1", "Something else.").bytes())
        [rewritten] = grade_class(one, grader, store, jobs=1)
        assert (rewritten.points, rewritten.awaiting) == (7.0, 4.0)
        [again] = grade_class(one, grader, store, jobs=1, marks={("ada", "9.1"): Mark(1.0)})
        assert again.question("9.1").outcome is Outcome.FAILED


def dies_of_bob(recipe: Recipe, job: Job) -> Graded:
    if job.source.person.id == "bob":
        os.kill(os.getpid(), signal.SIGKILL)
    return grade_job(recipe, job)


def test_a_submission_that_kills_its_grading_process_is_flagged_and_graded_again_next_time(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(batch, "grade_job", dies_of_bob)
            results = grade_class(sources[:3], grader, store, jobs=2)
        assert {q.outcome for q in results[1].questions} == {Outcome.GRADER_ERROR}
        assert "died twice" in results[1].findings[-1].what
        assert (results[0].points, results[2].points) == (7.0, 0.0)
        after = grade_class(sources[:3], grader, store, jobs=2)
        assert after[1].question("1.1").outcome is Outcome.PASSED
        assert [a.result.person.id for a in store.attempts("tiny")].count("ada") == 1


class Interrupting(Silent):
    """A progress that presses Ctrl-C after the first result."""

    def __init__(self) -> None:
        self.people: list[str] = []

    def ended(self, result: SubmissionResult, kept: bool) -> None:
        self.people.append(f"{result.person.id} {'kept' if kept else 'graded'}")
        if len(self.people) == 1:
            raise KeyboardInterrupt


def test_what_was_graded_before_an_interruption_is_kept(
    tmp_path: Path, grader: Grader, sources: list[SubmissionSource]
) -> None:
    with Store(tmp_path) as store:
        heard = Interrupting()
        with pytest.raises(KeyboardInterrupt):
            grade_class(sources, grader, store, jobs=1, progress=heard)
        grade_class(sources, grader, store, jobs=1, progress=heard)
        assert heard.people == ["ada graded", "ada kept", "bob graded", "cleo graded", "dan graded"]


def test_people_are_chosen_by_any_of_their_names() -> None:
    sources = [
        SubmissionSource(Person("17", "Ada Lovelace", "ada@x.org"), Path("in/ada_17.zip"), ()),
        SubmissionSource(Person("18", "Bob", "bob@x.org"), Path("in/bob_18.zip"), ()),
    ]
    for name in ("17", "ada lovelace", "ADA@x.org", "ada_17.zip", "ada_17"):
        assert select(sources, [name]) == sources[:1]
    assert select(sources, ["bob", "17"]) == sources
    with pytest.raises(
        UsageError, match=r"--only 1: nobody among 2 submissions goes by this name.\n  Did you mean 1"
    ):
        select(sources, ["1"])
    with pytest.raises(UsageError, match="Next: give an id, a name or a file name"):
        select(sources, ["zoltan"])
