"""Thresholds: the figures that follow from stored runs, and each reason to refuse a bound."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.audit import tails
from autograder.audit.cases import Part
from autograder.audit.run import audit
from autograder.audit.thresholds import Threshold, read_thresholds
from autograder.course import Course

# Tails, against published tables


@pytest.mark.parametrize(
    ("size", "factor", "share"),
    # one-sided tolerance factors for 95 % confidence: ISO 16269-6, table C.2; Hahn and Meeker, table A.12
    [(5, 3.407, 0.10), (5, 5.741, 0.01), (10, 2.911, 0.05), (10, 3.981, 0.01), (20, 3.295, 0.01), (40, 2.941, 0.01)],
)
def test_the_bound_of_a_normal_tail_inverts_the_tabled_tolerance_factor(size: int, factor: float, share: float) -> None:
    assert tails.most_beyond_normal(factor, size) == pytest.approx(share, rel=2e-3)


@pytest.mark.parametrize(("freedom", "value"), [(3, 2.353), (5, 2.015), (10, 1.812), (30, 1.697)])
def test_students_t_is_as_tabled(freedom: int, value: float) -> None:
    assert tails.noncentral_t(value, freedom, 0.0) == pytest.approx(0.95, abs=1e-4)


@pytest.mark.parametrize(
    ("failures", "tries", "bound"),
    # zero: 1 - 0.05 ** (1 / n); others: Clopper and Pearson's one-sided 95 % bounds
    [(0, 1600, 1 - 0.05 ** (1 / 1600)), (0, 5, 0.4507), (1, 10, 0.3942), (3, 20, 0.3437), (7, 7, 1.0)],
)
def test_the_bound_of_a_share_is_clopper_and_pearsons(failures: int, tries: int, bound: float) -> None:
    assert tails.most_of_binomial(failures, tries) == pytest.approx(bound, abs=5e-5)


def test_the_binomial_tail_counts_more_than_what_is_allowed() -> None:
    assert tails.binomial_tail(1, 3, 0.5) == pytest.approx(4 / 8)  # two or three heads of three
    assert tails.binomial_tail(3, 3, 0.5) == tails.binomial_tail(0, 3, 0.0) == 0.0
    assert tails.binomial_tail(0, 3, 1.0) == 1.0
    assert tails.binomial_tail(4, 40, 1e-3) == pytest.approx(math.comb(40, 5) * 1e-15, rel=0.05)  # not rounded off


@pytest.mark.parametrize(("size", "critical"), [(5, 1.749), (10, 2.410), (20, 2.884)])  # Grubbs 1969, 1 %, one side
def test_an_outlier_is_told_at_the_tabled_distance(size: int, critical: float) -> None:
    assert tails.worst_is_outlier(critical + 0.003, size, 0.01)
    assert not tails.worst_is_outlier(critical - 0.003, size, 0.01)


def test_the_bound_covers_the_true_rate_as_often_as_it_says() -> None:
    true = 0.5 * math.erfc(3.0 / math.sqrt(2.0))  # the bound is three deviations from the mean
    low, high = 4.0, 9.0
    for _ in range(14):  # the margin at which the upper bound is the true rate
        middle = 0.5 * (low + high)
        low, high = (middle, high) if tails.most_beyond_normal(middle, 8) > true else (low, middle)
    samples = np.random.default_rng(0).normal(size=(20_000, 8))
    margins = (samples.mean(axis=1) + 3.0) / samples.std(axis=1, ddof=1)
    assert np.mean(margins <= high) == pytest.approx(0.95, abs=0.006)  # four standard errors


# What follows from the runs


def threshold(**changes: Any) -> Threshold:
    base = {
        "measures": "share of starts that stay up", "model": "episodes", "cost": "cheap", "runs": {"1.0": 40},
        "episodes_per_seed": 40, "zero": 0.5, "bound": 0.9,
    }  # fmt: skip
    return Threshold.model_validate({k: v for k, v in {**base, **changes}.items() if v is not ...})


def test_forty_runs_of_forty_good_episodes_found_a_bound() -> None:
    found = threshold()
    assert (found.mean, found.spread, found.worst, found.problems) == (1.0, 0.0, 1.0, [])
    # one episode fails in at most 0.19 %, and a test falls short with five failures of forty
    assert found.false_fail_rate == pytest.approx(1.43e-8, rel=0.01)


def test_less_is_better_is_the_mirror_image() -> None:
    mirrored = threshold(runs={"0.0": 40}, bound=0.1, zero=0.5, higher_is_better=False)
    assert mirrored.false_fail_rate == pytest.approx(threshold().false_fail_rate, rel=1e-6)
    assert mirrored.problems == []
    up = threshold(model="normal", runs=[4.0, 5.0, 6.0, 5.0, 5.0], bound=0.0, zero=...)
    down = threshold(model="normal", runs=[-4.0, -5.0, -6.0, -5.0, -5.0], bound=0.0, zero=..., higher_is_better=False)
    assert (up.worst, down.worst) == (4.0, -4.0)
    assert up.false_fail_rate == down.false_fail_rate


def test_runs_may_be_listed_or_counted() -> None:
    listed = threshold(runs=[1.0, 0.975, 1.0, 1.0, 0.975])
    assert threshold(runs={"1.0": 3, "0.975": 2}).false_fail_rate == listed.false_fail_rate


def test_five_returns_bound_a_dear_rate() -> None:
    found = threshold(model="normal", cost="dear", runs=[480, 490, 495, 470, 485.0], bound=400, zero=100)
    assert found.margin == pytest.approx((484 - 400) / 9.6177, rel=1e-3)
    assert found.false_fail_rate < 0.001 and found.problems == []


def test_no_normal_rate_is_told_below_one_in_a_million() -> None:
    assert threshold(model="normal", runs=[9.0, 9.1, 9.2, 9.0, 9.1], bound=1.0, zero=...).false_fail_rate == 1e-6


def test_a_mean_beyond_the_bound_fails_most() -> None:
    found = threshold(model="normal", cost="dear", runs=[4.0, 5.0, 6.0, 5.0, 5.0], bound=7.0, zero=...)
    assert found.margin < 0 and found.false_fail_rate > 0.99
    assert found.problems[0].startswith("`runs`: number 1 of the reference, 4, falls short of the bound 7 itself")


def test_an_outlier_counts_as_one_spread() -> None:
    steady = [480.0, 490.0, 495.0, 470.0, 485.0, 481.0, 482.0, 484.0, 486.0]
    found = threshold(model="normal", cost="dear", runs=[*steady, 410.0], bound=300.0, zero=...)
    assert found.margin == pytest.approx((476.3 - 300.0) / (476.3 - 410.0))
    assert found.problems[0].endswith("; the bound is 2.7 spreads from the mean; move it away, or measure more runs")
    assert threshold(model="normal", cost="dear", runs=[*steady, 410.0], bound=200.0, zero=...).problems == []
    ceiling = threshold(model="normal", cost="dear", runs=[500.0, 500.0, 500.0, 500.0, 488.0], bound=400.0, zero=...)
    assert ceiling.problems == []


def test_equal_runs_need_a_step() -> None:
    runs = {"1.0": 5}
    assert threshold(model="normal", cost="dear", runs=runs, step=0.025).problems == []
    assert threshold(model="normal", cost="dear", runs=runs).problems == [
        "`runs`: all are 1, which says nothing of a normal spread; measure what varies, such as a return, say in "
        "`step` how coarse a value is, or use another model"
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # just too few, and just enough, by the rule of Clopper and Pearson
        (
            {"model": "runs", "runs": {"1.0": 2994}},
            "fails up to 0.001 of right answers (95% confidence, model runs), expected at most 0.001 where runs are "
            "cheap; measure at least 2995 runs, or use another model",
        ),
        ({"model": "runs", "runs": {"1.0": 2995}}, ""),
        ({"model": "runs", "runs": {"1.0": 298}, "cost": "dear"}, "fails up to 0.01 of right answers"),
        ({"model": "runs", "runs": {"1.0": 299}, "cost": "dear"}, ""),
        ({"model": "runs", "runs": {"1.0": 4743, "0.4": 1}}, ""),  # one that falls short is counted
        ({"model": "runs", "runs": {"1.0": 4000, "0.4": 1}}, "fails up to 0.0012 of right answers"),
        # 6 runs of 20 episodes that lose one each: two may fail, and three are likely
        (
            {"runs": {"0.95": 6}, "episodes_per_seed": 20},
            "fails up to 0.3 of right answers (95% confidence, model episodes), expected at most 0.001 where runs are "
            "cheap; 2 of 20 episodes may fail; give more room in `bound`, more episodes, or more runs",
        ),
        (
            {"runs": {"1.0": 39, "0.9": 1}},
            "`model`: 4 episodes fail, 4 of them in one run: more crowded than independent episodes would be, so that "
            "something else differs between runs; use model `runs`, or `normal` on a mean such as a return",
        ),
        ({"runs": {"1.0": 36, "0.975": 4}}, ""),
        ({"runs": {"1.0": 39, "0.9667": 1}, "episodes_per_seed": 30}, ""),  # 29 of 30, rounded
        (
            {"runs": {"1.0": 39, "0.85": 1}},
            "`runs`: number 40 of the reference, 0.85, falls short of the bound 0.9 itself; choose another bound, or "
            "measure something steadier",
        ),
        (
            {"model": "normal", "cost": "dear", "runs": [4.0, 5.0, 6.0, 5.0, 5.0], "bound": 2.0, "zero": 0.0},
            "fails up to 0.048 of right answers (95% confidence, model normal), expected at most 0.01 where runs are "
            "dear; the bound is 4.2 spreads from the mean; move it away, or measure more runs",
        ),
        # the same runs and bound are refused where they are cheap, and accepted where they are dear
        ({"model": "normal", "cost": "dear", "runs": [4.0, 5.0, 6.0, 5.0, 5.0], "bound": 0.9, "zero": 0.0}, ""),
        ({"model": "normal", "runs": [4.0, 5.0, 6.0, 5.0, 5.0], "bound": 0.9, "zero": 0.0}, "fails up to 0.0094 of"),
    ],
)  # fmt: skip
def test_a_bound_that_fails_right_answers_is_refused(changes: dict[str, Any], words: str) -> None:
    problems = threshold(**changes).problems
    assert [p[: len(words)] for p in problems] == ([words] if words else [])


# The file


def write(folder: Path, **entries: Any) -> None:
    (folder / "thresholds.json").write_text(json.dumps(entries, indent=2))


GOOD: dict[str, Any] = {
    "measures": "share that stays up", "model": "episodes", "cost": "cheap", "runs": {"1.0": 40},
    "episodes_per_seed": 40, "bound": 0.9,
}  # fmt: skip


@pytest.fixture
def own_course(own_tiny_course: Course) -> Course:
    """A course whose hidden test of 2.1 reads a threshold."""
    path = own_tiny_course.solution("tiny") / "tests" / "test_estimate_hidden.py"
    head = 'import json\nfrom pathlib import Path\nB = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())'
    path.write_text(f'{head}["2.1 estimate"]["bound"]\n{path.read_text()}')
    write(own_tiny_course.solution("tiny"), **{"2.1 estimate": GOOD})
    return own_tiny_course


def problems(course: Course) -> list[str]:
    return [what for _, what in read_thresholds(course.solution("tiny"), course.assignment("tiny")).problems]


def test_a_sound_file_is_in_order(own_course: Course) -> None:
    found = read_thresholds(own_course.solution("tiny"), own_course.assignment("tiny"))
    assert found.problems == ()
    [one] = found.founded
    assert (one.name, one.question, one.num_runs, one.most) == ("2.1 estimate", "2.1", 40, 0.001)
    assert one.false_fail_rate == pytest.approx(1.43e-8, rel=0.01)


def test_without_thresholds_nothing_is_asked_for(tiny_course: Course) -> None:
    found = read_thresholds(tiny_course.solution("tiny"), tiny_course.assignment("tiny"))
    assert (found.founded, found.problems) == ((), ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "test_estimate_hidden.py: speaks of thresholds, and there is no thresholds.json; measure and write it"),
        ("{", "thresholds.json: not valid JSON: Expecting property name"),
        ("[]", "thresholds.json: expected an object of thresholds by name; assignments/README.md shows one"),
        ("{}", "thresholds.json: expected an object of thresholds by name; assignments/README.md shows one"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(own_course: Course, text: str | None, words: str) -> None:
    path = own_course.solution("tiny") / "thresholds.json"
    path.unlink()
    if text is not None:
        path.write_text(text)
    [problem] = problems(own_course)
    assert problem.startswith(words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"false_fail_rate": 1e-6}, "`false_fail_rate`: unknown key; the audit works out what follows from `runs`: delete it"),
        ({"bound": ...}, "`bound`: missing; add it"),
        ({"model": "guess"}, "`model`: Input should be 'episodes', 'runs' or 'normal' (got 'guess')"),
        ({"cost": "free"}, "`cost`: Input should be 'cheap' or 'dear' (got 'free')"),
        ({"runs": [1.0] * 3}, "`runs`: 3 of the reference, expected at least 5; measure more seeds"),
        ({"runs": {"1.0": 0}}, '`runs`: an object of runs holds values, each with how often it came: {"1.0": 40} (got'),
        ({"runs": {"one": 9}}, "`runs`: the values are numbers, got one (got {'one': 9})"),
        ({"runs": {"1.01": 9}}, "a run of 1.01 is no share of 40 episodes; correct `episodes_per_seed`, or choose"),
        ({"runs": {"0.95": 8, "1.0": 9}, "episodes_per_seed": 30}, "a run of 0.95 is no share of 30 episodes; correct"),
        ({"runs": {"0.99": 9}}, "a run of 0.99 is no share of 40 episodes; correct `episodes_per_seed`, or choose"),
        ({"episodes_per_seed": ...}, "model `episodes` needs `episodes_per_seed`; add how many a run has"),
        ({"zero": 0.95}, "`zero` is 0.95, expected below `bound`, which is 0.9"),
        ({"zero": 0.9}, "`zero` is 0.9, expected below `bound`, which is 0.9"),
        ({"runs": {"0.85": 9}, "episodes_per_seed": 20}, "`runs`: number 1 of the reference, 0.85, falls short"),
    ],
)  # fmt: skip
def test_a_threshold_that_is_wrong_is_named_with_its_line(
    own_course: Course, changes: dict[str, Any], words: str
) -> None:
    entry = {k: v for k, v in {**GOOD, **changes}.items() if v is not ...}
    write(own_course.solution("tiny"), **{"2.1 estimate": entry})
    [problem] = problems(own_course)
    assert problem.startswith(f"thresholds.json:2: 2.1 estimate: {words}")


def test_a_threshold_of_no_question_or_of_no_test_is_named(own_course: Course) -> None:
    write(own_course.solution("tiny"), **{"2.1 estimate": GOOD, "9.1 why": GOOD, "1.1 double": GOOD})
    assert problems(own_course) == [
        "thresholds.json:12: 9.1 why: is of no question that tests score; begin it with one of 1.1, 1.2, 2.1",
        "thresholds.json:22: 1.1 double: no hidden test reads it by this name; use it, or delete it",
    ]


def test_an_audit_refuses_a_threshold_and_tells_of_the_others(own_course: Course) -> None:
    write(own_course.solution("tiny"), **{"2.1 estimate": {**GOOD, "runs": {"1.0": 5}, "bound": 1.0}})
    found = audit(own_course, "tiny", parts=[Part.THRESHOLDS])
    [problem] = found.problems
    assert (problem.part, problem.question, found.passed) == ("thresholds", "2.1", False)
    assert problem.what.startswith("thresholds.json:2: 2.1 estimate: fails up to 0.45 of right answers")
    assert [t.name for t in found.thresholds] == ["2.1 estimate"]
    elsewhere = audit(own_course, "tiny", parts=[Part.THRESHOLDS], questions=["1.1"])
    assert (elsewhere.thresholds, elsewhere.problems) == ((), ())
