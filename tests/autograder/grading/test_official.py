"""What an official run insists on, and that every report names the tier and what it may claim."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course
from autograder.errors import SandboxError
from autograder.grading.attempt import grade
from autograder.grading.grader import Grader
from autograder.intake import find_submissions
from autograder.reports.lms import gradescope_results
from autograder.reports.pages import class_html, feedback_html, feedback_text
from autograder.sandbox import Defence, Tier, bubblewrap
from autograder.sandbox.tiers import CLAIMS, sentence
from tests.autograder.grading.test_grade_command import call, submissions  # noqa: F401 - fixtures


def test_an_official_run_says_what_its_sandbox_may_claim(call: Any, submissions: Path, tmp_path: Path) -> None:  # noqa: F811
    results = tmp_path / "results.json"
    options = ("--official", "--jobs", 1, "--out", tmp_path / "out", "--gradescope-json", results)
    code, said = call("grade", "tiny", submissions / "ada.ipynb", *options)
    assert code == 0, said
    assert re.search(rf"Official: sandbox {sentence('A')}; it stopped (\d+) of \1 attacks\.", said)
    assert "1 submission in " in said and f"\nSandbox {sentence('A')}.\n" in said
    assert f"Graded in sandbox {sentence('A')}." in json.loads(results.read_text())["output"]


def test_an_official_run_refuses_what_cannot_be_had_and_says_how_to_get_it(
    call: Any, submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for asked in ((), ("--tier", "A"), ("--tier", "B")):
        code, said = call("grade", "tiny", submissions, "--out", tmp_path / "out", "--official", *asked)
        assert code == 2 and "--official: student code cannot be kept apart on this machine." in said
        assert "apt-get install bubblewrap" in said and "kernel.unprivileged_userns_clone=1" in said
        assert "--security-opt seccomp=unconfined" in said and "for B, run as root" in said
    assert not list((tmp_path / "out").glob("*.csv"))


def test_a_run_is_held_to_the_tier_that_was_found(tiny_course: Course) -> None:
    with Grader(tiny_course, "tiny") as grader:
        assert grader.certify().tier is Tier.A and grader.asked_tier is Tier.A
    with Grader(tiny_course, "tiny", tier=Tier.C) as grader, pytest.raises(SandboxError, match="stops accidents"):
        grader.certify()


def test_a_trial_says_so_in_its_results_and_is_never_official(tiny_course: Course, submissions: Path) -> None:  # noqa: F811
    with Grader(tiny_course, "tiny", without=[Defence.LANDLOCK]) as trial, Grader(tiny_course, "tiny") as grader:
        words = "This was a trial of the sandbox without landlock, and is nobody's grade."
        with pytest.raises(SandboxError, match="a trial without landlock is nobody's grade"):
            trial.certify()
        (source,) = find_submissions(submissions / "ada.ipynb", trial.assignment)
        submission = trial.read(source)
        result = grade(submission, trial, ["1.1"])
        assert result.findings[0].what == words and result.tier == ""
        assert words.replace("'", "&#39;") in feedback_html(result, "Tiny")
        assert "in sandbox tier none" in feedback_html(result, "Tiny") and "Graded in" not in feedback_text(result, "Tiny")
        assert words in gradescope_results(result, "Tiny")["output"]
        assert trial.keys(submission)["1.1"] != grader.keys(submission)["1.1"]  # never kept for a grade


@pytest.mark.parametrize("tier", ["A", "A'", "B", "C"])
def test_every_report_names_the_tier_and_its_claim(tier: str, graded: Any) -> None:
    result = graded(tier)
    assert sentence(tier) == f"tier {tier}: {CLAIMS[Tier(tier)]}"
    escaped = sentence(tier).replace("'", "&#39;")
    pages = [feedback_html(result, "T"), feedback_html(result, "T", for_ta=True), class_html([result], "T", {"ada": "ada.html"})]
    assert all(f"sandbox {escaped}" in page for page in pages)
    assert f"Graded in sandbox {sentence(tier)}." in feedback_text(result, "T")
    assert f"Graded in sandbox {sentence(tier)}." in gradescope_results(result, "T")["output"]


@pytest.fixture
def graded(tiny_course: Course, submissions: Path) -> Any:  # noqa: F811
    """A result, as if it came from a tier."""
    from dataclasses import replace

    with Grader(tiny_course, "tiny") as grader:
        (source,) = find_submissions(submissions / "ada.ipynb", grader.assignment)
        result = grade(grader.read(source), grader, [])
        yield lambda tier: replace(result, tier=tier)
