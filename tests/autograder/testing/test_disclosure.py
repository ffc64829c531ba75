from __future__ import annotations

from pathlib import Path

import pytest

from autograder.testing.disclosure import disclosures


def found(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "test_hidden.py"
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    path.write_text(f"def test_x(student, reference, rng):\n{indented}")
    return [f"{problem.line}: {problem.message}" for problem in disclosures(path)]


@pytest.mark.parametrize(
    ("body", "line", "names"),
    [
        ('x = rng.normal()\nexpect(student.f(x) > 0, f"f({x}) is negative")', 3, "x"),
        ('expect(student.f(1) == 2, "wrong", f"expected {reference.f(1)}")', 2, "reference"),
        ('y = reference.f(1)\nz = y + 1\nexpect_close(student.f(1), z, hint=f"it is {z}")', 4, "z"),
        ('expect_close(student.f(1), 2, what="f of " + str(rng.integers(9)))', 2, "rng"),
        ('assert student.f(1) == 2, f"not {reference.f(1)}"', 2, "reference"),
        ('credit(0.5, f"of {reference.f(1)}")', 2, "reference"),
        ('if (y := reference.f(1)) > 0:\n    expect(student.f(1) == y, message=f"{y}")', 3, "y"),
    ],
)
def test_a_message_made_from_what_is_hidden_is_named(
    tmp_path: Path, body: str, line: int, names: str
) -> None:
    expected = (
        f"{line}: test_x: students read this message, and it is made from {names}; "
        "say what is wrong without inputs and expected values"
    )
    assert found(tmp_path, body) == [expected]


@pytest.mark.parametrize(
    ("body", "line", "names"),
    [
        ('got = student.f(rng.normal())\nexpect(got > 0, f"f returned {got}")', 3, "got"),
        ('got = student.f(1)\nlast = got[-1]\nassert last, f"it ends in {last:.3g}"', 4, "last"),
        ('expect_close(student.f(1), 2, what=student.NAME)', 2, "student"),
        ('got = student.f(rng.normal())\ncredit(0.5, measured=f"return {got}")', 3, "got"),
        ('credit(0.5, measured=str(student.f(1)))', 2, "student"),
    ],
)
def test_a_message_made_from_what_student_code_returned_is_named(
    tmp_path: Path, body: str, line: int, names: str
) -> None:
    assert found(tmp_path, body) == [
        f"{line}: test_x: students read this message, and it is made from {names}; student code returned it "
        "and could tell inputs by it; leave it out, or, where it is measured, format it as a number such as {x:.3g}"
    ]


@pytest.mark.parametrize(
    "body",
    [
        'expect_close(student.f(1), reference.f(1), what="the values", hint="Sum over actions.")',
        'got = student.f(rng.normal())\ncredit(0.5, measured=f"return {got:.3g} of {9:d}")',
        'got = student.f(rng.normal())\nexpect(got > 0, "f is negative")\nassert got < 9, "f is large"',
        'for name, value in {"a wall": rng.normal()}.items():\n    expect(student.f(value), f"not at {name}")',
        "expect(",
    ],
)
def test_other_messages_pass(tmp_path: Path, body: str) -> None:
    assert found(tmp_path, body) == []
