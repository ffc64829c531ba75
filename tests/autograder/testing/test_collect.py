"""Tests that score are collected once, without influence of the surroundings; every mistake has its line."""

from __future__ import annotations

import os
import sys

import pytest

from autograder.course import Kind, Question
from autograder.errors import AuthoringError
from autograder.testing import question

GOOD = """
@question("1.1 double", points=1)
def test_{name}(student):
    \"\"\"Doubles {name}.\"\"\"
    expect_close(student.double(2), 4)
"""


def problems(author, hidden=True):
    with pytest.raises(AuthoringError) as caught:
        author.collect(hidden)
    return str(caught.value)


def line_of(path, text):
    return next(i for i, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_a_good_pair_of_folders_is_collected(author):
    author.public(GOOD.format(name="open"))
    author.hidden(GOOD.format(name="secret"))
    suite = author.collect()
    assert suite.question_ids == ("1.1",)
    first, second = suite.tests("1.1")
    assert (first.name, first.title, first.hidden, first.points) == ("test_open", "Doubles open.", False, 1.0)
    assert (second.name, second.hidden) == ("test_secret", True)
    assert second.line == line_of(second.path, "def test_secret")


def test_a_students_copy_has_public_tests_only(author):
    author.public(GOOD.format(name="open"))
    assert len(author.collect(hidden=False).tests("1.1")) == 1


def test_points_that_do_not_sum_name_both_sums(author):
    path = author.public(GOOD.format(name="open"))
    author.hidden(GOOD.format(name="secret") + GOOD.format(name="more"))
    said = problems(author)
    assert said.startswith(f"{path}:{line_of(path, 'def test_open')}: 1.1 double: points of its tests are ")
    assert said.endswith("public 1 + hidden 2 = 3, the manifest says 2")


def test_public_points_above_the_manifest_are_noticed_without_hidden_tests(author):
    author.public("".join(GOOD.format(name=n) for n in "abc"))
    assert "public 3 + hidden 0 = 3, the manifest says 2" in problems(author, hidden=False)


def test_cases_of_a_parametrized_test_share_its_points(author):
    author.public("""
        @question("1.1 double", points=1)
        @pytest.mark.parametrize("n", [1, 2, 3])
        def test_open(student, n):
            \"\"\"Doubles.\"\"\"
            expect_close(student.double(n), 2 * n)
        """)
    author.hidden(GOOD.format(name="secret"))
    tests = author.collect().tests("1.1")
    assert [t.points for t in tests] == [pytest.approx(1 / 3)] * 3 + [1.0]
    assert tests[1].title == "Doubles. (2 of 3)"


@pytest.mark.parametrize(
    ("which", "words"),
    [("public", "1.1 double has no hidden test"), ("hidden", "1.1 double has no public test")],
)
def test_a_question_needs_a_public_and_a_hidden_test(author, which, words):
    getattr(author, which)(GOOD.format(name="open"))
    assert words in problems(author)


def test_a_question_without_any_test_is_shown_in_the_manifest(author):
    author.questions = (*author.questions, Question("1.2", "halve", "Halve", 1.0))
    author.public(GOOD.format(name="open"))
    author.hidden(GOOD.format(name="secret"))
    manifest = author.assignment.path / "assignment.toml"
    manifest.write_text('slug = "x"\n\n[[questions]]\nid = "1.1"\n\n[[questions]]\nid = "1.2"\n')
    assert problems(author).startswith(f"{manifest}:7: 1.2 halve has no public test; write at least one")


def test_a_written_question_needs_no_test_and_may_have_none(author):
    author.questions = (*author.questions, Question("9.1", "essay", "Essay", 4.0, Kind.WRITTEN))
    author.public(GOOD.format(name="open"))
    author.hidden(GOOD.format(name="secret"))
    author.collect()
    author.hidden(GOOD.format(name="essay").replace("1.1 double", "9.1 essay"), name="test_b.py")
    assert "9.1 essay is a written question; a person reads it, no test scores it" in problems(author)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '@question("1.1 double", points=1)\ndef test_x(student):\n    pass\n',
            "test_x: no docstring; its first",
        ),
        ('def test_x(student):\n    """T."""\n', "test_x: no question; add @question(label, points=...)"),
        (
            '@question("1.1 dubble", points=1)\ndef test_x(student):\n    """T."""\n',
            "test_x: the manifest has no question '1.1 dubble'; known: '1.1 double'",
        ),
        (
            '@question("1.1 double", points=1)\n@question("1.1 double", points=1)\ndef test_x(student):\n    """T."""\n',
            "test_x: more than one @question",
        ),
        (
            '@question("1.1 double", points=1)\ndef test_x(student, reference):\n    """T."""\n',
            "test_x: a public test cannot use `reference`",
        ),
        (
            '@question("1.1 double", points=1)\ndef test_x(student, wand):\n    """T."""\n',
            "test_x: unknown fixture wand; there are student, reference, rng,",
        ),
        (
            '@question("1.1 double", points=1)\ndef test_x():\n    """T."""\n',
            "test_x: never asks for `student`",
        ),
        (
            '@question("1.1 double", points=1)\n@pytest.mark.skip\ndef test_x(student):\n    """T."""\n',
            "test_x: a test that scores cannot be marked skip",
        ),
        (
            '@question("1.1 double", points=1)\n@pytest.mark.xfail\ndef test_x(student):\n    """T."""\n',
            "test_x: a test that scores cannot be marked xfail",
        ),
    ],
)
def test_each_mistake_is_named_at_the_tests_line(author, text, words):
    path = author.public(text)
    assert f"{path}:{line_of(path, 'def test_x')}: {words}" in problems(author, hidden=False)


def test_all_mistakes_come_at_once(author):
    author.public('def test_x(student):\n    """T."""\n\ndef test_y():\n    pass\n')
    said = problems(author, hidden=False).splitlines()
    assert len(said) == 3 and all(str(author.public_folder) in line for line in said)


def test_a_function_that_scores_but_is_no_test_is_noticed(author):
    path = author.public(GOOD.format(name="open").replace("def test_open", "def tset_open"))
    line = line_of(path, '@question("1.1 double"')
    words = f"{path}:{line}: tset_open scores a question but is no test; call it test_tset_open"
    assert words in problems(author, hidden=False)


def test_a_name_used_twice_in_a_file_is_noticed(author):
    path = author.public(GOOD.format(name="open") + GOOD.format(name="open"))
    first = line_of(path, "def test_open")
    assert f"{path}:{first + 5}: test_open is defined again (first in line {first})" in problems(
        author, hidden=False
    )


def test_a_name_used_twice_in_a_question_is_noticed(author):
    author.public(GOOD.format(name="open"))
    path = author.hidden(GOOD.format(name="open"))
    assert (
        f"{path}:{line_of(path, 'def test_open')}: test_open: 1.1 has a test of this name already (tests/test_a.py:"
        in problems(author)
    )


def test_a_file_that_does_not_parse_is_named_with_its_line(author):
    path = author.public("def broken(:\n    pass\n")
    assert problems(author, hidden=False) == f"{path}:4: not valid Python: invalid syntax"


def test_a_file_that_does_not_load_is_named_with_its_line(author):
    path = author.public("X = 1\nY = X / 0\n")
    words = f"{path}:5: the tests cannot be loaded: ZeroDivisionError: division by zero"
    assert problems(author, hidden=False) == words


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        (("2.3",), {"points": 1}, 'expected "<id> <name>" such as'),
        (("2.3-gae",), {"points": 1}, 'expected "<id> <name>" such as'),
        ((23,), {"points": 1}, "expected text such as"),
        (("2.3 gae",), {"points": 0}, "expected a positive number"),
        (("2.3 gae",), {"points": float("nan")}, "expected a positive number"),
        (("2.3 gae",), {"points": "1"}, "expected a number"),
        (("2.3 gae",), {"points": True}, "expected a number"),
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(args, kwargs, words):
    with pytest.raises((TypeError, ValueError), match=words):
        question(*args, **kwargs)


def test_a_missing_folder_is_named(author):
    author.hidden_folder.rmdir()
    author.public(GOOD.format(name="open"))
    assert f"{author.hidden_folder}:1: no such folder of tests" in problems(author)


def test_two_folders_may_use_one_file_name_and_share_helpers_of_their_own(author):
    (author.public_folder / "cases.py").write_text("N = 1\n")
    (author.hidden_folder / "cases.py").write_text("N = 2\n")
    for folder, name in ((author.public, "open"), (author.hidden, "secret")):
        folder("from .cases import N\n" + GOOD.format(name=name).replace("2), 4", "N), 2 * N"))
    suite = author.collect()
    results, _ = suite.run("1.1", {"double": lambda n: 2 if n == 1 else 5}, seed=0)
    assert [r.points for r in results] == [1.0, 0.0]


def test_conftest_ini_and_options_of_the_surroundings_have_no_influence(author, monkeypatch):
    author.public(GOOD.format(name="open"))
    (author.public_folder / "conftest.py").write_text("raise RuntimeError('loaded')\n")
    (author.public_folder / "pytest.ini").write_text(
        "[pytest]\naddopts = --nonsense\npython_functions = x_*\n"
    )
    (author.root / "assignment" / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\naddopts = '--nonsense'\n"
    )
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    monkeypatch.chdir(author.public_folder)
    before = (list(sys.path), list(sys.meta_path))
    suite = author.collect(hidden=False)
    assert len(suite.tests("1.1")) == 1
    assert os.environ["PYTEST_ADDOPTS"] == "--nonsense"
    assert (sys.path, sys.meta_path) == before
    assert not list(author.public_folder.glob("**/__pycache__"))


def test_a_folder_name_with_brackets_and_colons_is_no_hindrance(author, tmp_path):
    author.root = tmp_path / "hw [1]::copy"
    author.public(GOOD.format(name="open"))
    assert len(author.collect(hidden=False).tests("1.1")) == 1


def test_a_changed_file_is_collected_anew(author):
    author.public(GOOD.format(name="open"))
    author.collect(hidden=False)
    author.public(GOOD.format(name="later"))
    assert author.collect(hidden=False).tests("1.1")[0].name == "test_later"
