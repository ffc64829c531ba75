"""What the fixtures of a scoring test give, and what they refuse."""

from __future__ import annotations

import contextlib
import types

import numpy as np
import pytest

from autograder.results import Outcome
from autograder.testing import Mismatch
from autograder.testing.mismatch import Problem
from autograder.testing.reference import NotPlain, Reference, digest
from autograder.testing.render import curated, for_ta, full

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def run(suite, student, reference=None):
    results, attachments = suite.run("1.1", student, seed=3, reference=reference)
    return results[-1], attachments


def test_partial_credit_is_a_share_with_what_was_measured(author):
    suite = author.one('credit(0.25, measured="return -250")', "student, credit")
    result, _ = run(suite, {})
    assert (result.outcome, result.points, result.measured) == (Outcome.FAILED, 0.5, "return -250")
    assert result.message == "25% of this check's points."


def test_full_credit_is_a_pass_and_keeps_what_was_measured(author):
    result, _ = run(author.one('credit(1, measured="return -150")', "student, credit"), {})
    assert (result.outcome, result.points, result.measured, result.message) == (
        Outcome.PASSED, 2.0, "return -150", "",
    )  # fmt: skip


def test_a_failure_after_credit_earns_nothing(author):
    result, _ = run(author.one("credit(0.9, 'so far')\nexpect(False, 'No.')", "student, credit"), {})
    assert (result.outcome, result.points, result.measured) == (Outcome.FAILED, 0.0, "so far")


@pytest.mark.parametrize("share", ["1.5", "-0.1", "float('nan')", "'much'"])
def test_credit_outside_zero_and_one_is_the_graders_error(author, share):
    suite = author.one(f"credit({share})", "student, credit", hidden=True)
    result, _ = run(suite, {"double": 1}, reference=types.SimpleNamespace(double=1))
    assert result.outcome is Outcome.GRADER_ERROR


def test_attachments_travel_with_failed_tests_too(author):
    body = f"""
    attach("curve", {PNG!r}, caption="Return over episodes")
    attach("table", "a,b", media_type="text/plain")
    expect(False, "No.")
    """
    result, (curve, table) = run(author.one(body, "student, attach"), {})
    assert result.outcome is Outcome.FAILED
    assert (curve.name, curve.media_type, curve.data, curve.caption) == (
        "curve", "image/png", PNG, "Return over episodes",
    )  # fmt: skip
    assert table.data == b"a,b"


def test_an_attachment_over_the_limit_becomes_a_note(author):
    result, (note,) = run(author.one(f"attach('big', {PNG!r} + bytes(3 << 20))", "student, attach"), {})
    assert result.outcome is Outcome.PASSED
    assert (note.media_type, note.data) == ("text/plain", b"Left out: 3.0 MB, the limit is 2 MB.")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("attach('x', b'GIF89a')", "attach x: the bytes are not a PNG file"),
        ("attach('x', object())", "figure.savefig(buffer, format='png')"),
        (
            "attach('x', b'<svg/>', media_type='image/svg+xml')",
            "media type 'image/svg+xml', expected one of image/png",
        ),
        ("[attach(str(i), 'x', 'text/plain') for i in range(9)]", "more than 8 attachments in one test"),
    ],
)
def test_an_attachment_that_a_page_cannot_show_is_the_graders_error(author, call, words):
    suite = author.one(call, "student, attach", hidden=True)
    result, _ = run(suite, {"double": 1}, reference=types.SimpleNamespace(double=1))
    assert result.outcome is Outcome.GRADER_ERROR
    assert words in result.detail


COUNTER = """
class Counter:
    def __init__(self):
        self.total = 0

    def step(self, n):
        self.total += n
        return self.total
"""


@pytest.mark.parametrize("arguments", ["student, trusted", "student"])
def test_a_trusted_object_counts_and_keeps_its_budget(author, arguments):
    body = (
        COUNTER + 'counter = Counter()\nstudent.play(trusted(counter, methods=["step"], budget={"step": 3}))'
    )
    suite = author.one(body + "\nassert counter.total == 3", arguments)
    result, _ = run(suite, {"play": lambda c: [c.step(1) for _ in range(3)]})
    assert result.outcome is Outcome.PASSED, result.detail
    result, _ = run(suite, {"play": lambda c: [c.step(1) for _ in range(4)]})
    assert (result.outcome, result.message) == (
        Outcome.FAILED, "Counter.step was called 3 times, all that this test allows.",
    )  # fmt: skip


def test_a_budget_overspent_in_silence_still_fails(author):
    body = (
        COUNTER + 'counter = Counter()\nstudent.play(trusted(counter, methods=["step"], budget={"step": 3}))'
    )

    def play(counter):
        for _ in range(9):
            with contextlib.suppress(Exception):
                counter.step(1)

    result, _ = run(author.one(body, "student, trusted"), {"play": play})
    assert (result.outcome, result.points) == (Outcome.FAILED, 0.0)
    assert (
        result.message
        == "Your code called Counter.step more than 3 times, which is all that this check allows."
    )


def test_arguments_and_results_are_copies_as_in_grading(author):
    body = """
    given = np.ones(3)
    got = student.spoil(given)
    expect_close(given, np.ones(3), what="the argument afterwards")
    expect_equal(got, [0, 0, 0])
    """

    def spoil(x):
        x[:] = 0
        return x

    result, _ = run(author.one(body), {"spoil": spoil})
    assert result.outcome is Outcome.PASSED, result.detail


def test_the_reference_computes_each_result_once(author):
    calls = []

    def double(x, scale=1.0):
        calls.append(x)
        x *= 2
        return {"y": x * scale}

    body = 'x = rng.normal(size=3)\nexpect_equal(student.double(x), reference.double(x), what="y")'
    suite = author.one(body, "student, reference, rng", hidden=True)
    solution = types.SimpleNamespace(double=double)
    for _ in range(3):
        result, _ = run(suite, {"double": lambda x: {"y": 2 * x}}, reference=solution)
        assert result.outcome is Outcome.PASSED, result.detail
    assert len(calls) == 1


def test_the_references_results_and_constants_cannot_be_spoilt():
    reference = Reference(types.SimpleNamespace(f=lambda: np.ones(2), TABLE=[1, 2]))
    reference.f()[:] = 5
    reference.TABLE.append(3)
    assert reference.f().tolist() == [1, 1]
    assert reference.TABLE == [1, 2]
    with pytest.raises(AttributeError, match="the reference has no 'g'"):
        reference.g()


def test_calls_with_or_about_objects_go_straight_through():
    reference = Reference({"make": object, "echo": lambda x: x})
    assert reference.make() is not reference.make()
    thing = object()
    assert reference.echo(thing) is thing


def test_a_generator_handed_to_the_reference_is_copied_as_for_a_student():
    calls = []

    def draw(rng):
        calls.append(1)
        return rng.normal()

    reference = Reference({"draw": draw})
    rng = np.random.default_rng(1)
    assert reference.draw(rng) == reference.draw(rng) == np.random.default_rng(1).normal()
    assert len(calls) == 1
    rng.normal()
    assert reference.draw(rng) != reference.draw(np.random.default_rng(1))


def test_what_is_remembered_has_a_limit(monkeypatch):
    monkeypatch.setattr("autograder.testing.reference.MEMO_BYTES", 10_000)
    reference = Reference({"f": lambda n: np.zeros(500) + n})
    for n in range(20):
        assert reference.f(n)[0] == n
    assert len(reference._memo) <= 3


def test_digests_tell_apart_what_differs():
    values = [
        1, 1.0, True, "1", b"1", None, [1], (1,), {"a": 1}, {"b": 1}, [[1], 2], [[1, 2]], np.ones(2), np.ones((2, 1)),
        np.ones(2, dtype=np.float32), np.float64(1), float("nan"), [1, 2], ["1", 2], ["12"], ["1", "2"],
    ]  # fmt: skip
    assert len({digest(v) for v in values}) == len(values)
    assert digest({"a": np.arange(3)}) == digest({"a": np.arange(3)})
    with pytest.raises(NotPlain):
        digest([object()])


def test_one_renderer_serves_student_hidden_test_and_ta():
    mismatch = Mismatch(
        Problem.SHAPE,
        what="advantages",
        hint="Keep the environment axis.",
        axes="(T, N)",
        expected=(64, 8),
        actual=(64,),
    )
    assert full(mismatch, "2.3 gae") == (
        "2.3 gae: advantages: returned shape (64,), expected (64, 8) = (T, N).\n  Hint: Keep the environment axis."
    )
    assert curated(mismatch) == "advantages: returned the wrong shape, expected axes (T, N)."
    assert for_ta(mismatch, "2.3 gae").endswith("Whole result: (64,)\n  Whole expectation: (64, 8)")


def test_large_arrays_are_shown_by_their_first_difference():
    mismatch = Mismatch(Problem.CONDITION, what="x")
    with pytest.raises(Mismatch) as caught:
        from autograder.testing import expect_close

        expect_close(np.zeros(10_000), np.r_[np.zeros(9_999), 1.0], what="values")
    assert str(caught.value).splitlines() == [
        "values: returned a wrong value at [9999].",
        "  got       0.0",
        "  expected  1.0",
        "  1 of 10000 values differ; largest error 1; allowed 1e-08 + 1e-05 × |expected|",
    ]
    assert len(for_ta(caught.value, "2.3 gae")) < 1000
    assert str(mismatch) == "x"
