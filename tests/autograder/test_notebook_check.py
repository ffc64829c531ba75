"""What a student sees when checking, in a notebook and from a shell."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

import autograder
from autograder import notebook
from autograder.cli import cli
from autograder.course import load_assignment
from autograder.errors import UsageError
from autograder.results import Outcome
from autograder.testing.checking import find_folder
from autograder.testing.panel import Panel, Trouble
from autograder.testing.script import find_notebook, read_cells

MANIFEST = """
slug = "hw_demo"
title = "Demo"
version = "1.0.0"

[[questions]]
id = "1.1"
name = "double"
title = "Double a number"
points = 3

[[questions]]
id = "1.2"
name = "halve"
title = "Halve a <number>"
points = 2

[[questions]]
id = "1.3"
name = "secret"
title = "Hidden only"
points = 1

[[questions]]
id = "9.1"
name = "essay"
title = "Say why"
points = 4
kind = "written"
"""
TESTS = '''
from autograder.testing import expect_close, question

@question("1.1 double", points=1)
def test_two(student):
    """Two doubled is four."""
    expect_close(student.double(2), 4, what="double", hint="Times two & no more.")

@question("1.1 double", points=0.5)
def test_zero(student):
    """Zero stays zero."""
    expect_close(student.double(0), 0)

@question("1.2 halve", points=1)
def test_half(student):
    """Four halved is two."""
    expect_close(student.halve(4), 2)
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "hw_demo"
    (folder / "tests").mkdir(parents=True)
    (folder / "assignment.toml").write_text(MANIFEST)
    (folder / "tests" / "test_a.py").write_text(TESTS)
    monkeypatch.setattr(notebook, "_folders", {})
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.chdir(folder)
    return folder


def check(names, *questions, **options):
    """Call check as a notebook with these names does."""
    names["__answer"] = None
    names["__options"] = options
    exec(
        f"from autograder import check\n__answer = check({', '.join(map(repr, questions))}"
        f"{',' if questions else ''} **__options)",
        names,
    )
    return names["__answer"]


def halve(x):
    raise NotImplementedError("1.2 halve is yours to write")


def double_and_one(x):
    return 2 * x + (x > 0)


def test_a_passed_question_says_what_passed_and_what_is_left(folder):
    panel = check({"double": lambda x: 2 * x}, "1.1")
    assert panel.passed
    assert repr(panel) == textwrap.dedent("""\
        1.1 double: passed, 1.5 of 1.5 public points
          passed          Two doubled is four. (1 of 1)
          passed          Zero stays zero. (0.5 of 0.5)
          Hidden checks decide the other 1.5 of 3 points.

        Seen so far: 1.5 of 2.5 public points.""")
    html = panel._repr_html_()
    assert "Two doubled is four." in html and "1.5 of 1.5 public points" in html


def test_a_failed_check_shows_got_expected_and_hint(folder):
    panel = check({"double": double_and_one}, "1.1")
    assert not panel.passed
    assert repr(panel) == textwrap.dedent("""\
        1.1 double: not yet, 0.5 of 1.5 public points
          not yet         Two doubled is four. (0 of 1)
                          double: returned a wrong value.
                            got       5
                            expected  4
                            largest error 1; allowed 1e-08 + 1e-05 × |expected|
                          Hint: Times two & no more.
          passed          Zero stays zero. (0.5 of 0.5)
          Hidden checks decide the other 1.5 of 3 points.

        Seen so far: 0.5 of 2.5 public points.""")
    html = panel._repr_html_()
    assert "got       5\nexpected  4" in html
    assert "Times two &amp; no more." in html
    assert "The check itself" in html and "student.double(2)" in html


def test_an_unwritten_question_is_calm(folder):
    panel = check({"halve": halve}, "1.2")
    assert not panel.passed
    assert repr(panel).splitlines()[:2] == [
        "1.2 halve: not written yet, 0 of 1 public points",
        "  Four halved is two.",
    ]
    html = panel._repr_html_()
    assert "Nothing is wrong" in html and "✗" not in html and "Traceback" not in html


def test_an_exception_shows_the_students_frames_only(folder):
    names = {}
    exec(
        compile(
            "def helper(x):\n    return x['a']\n\ndef halve(x):\n    return helper(x)\n", "cell 7", "exec"
        ),
        names,
    )
    panel = check(names, "1.2")
    error = panel.checks[0].tests[0].student_error
    assert re.findall(r'File "(.*)", line (\d+), in (\w+)', error) == [
        ("cell 7", "5", "halve"),
        ("cell 7", "2", "helper"),
    ]
    assert "Your code raised TypeError: 'int' object is not subscriptable." in repr(panel)
    assert "'int' object is not subscriptable" in panel._repr_html_().replace("&#x27;", "'")


def test_one_traceback_is_shown_once(folder):
    panel = check({"double": lambda x: x["a"]}, "1.1")
    first, second = panel.checks[0].tests
    assert "Traceback" in first.student_error
    assert second.student_error == "The same error as above."


def test_a_renamed_function_is_named(folder):
    text = repr(check({"haalve": lambda x: x / 2}, "1.2"))
    assert (
        "Your notebook has no function `halve`; the nearest name it defines is `haalve`. Was it renamed?"
        in text
    )


def test_points_add_up_over_the_session(folder):
    assert check({"double": double_and_one}, "1.1").seen == (0.5, 2.5)
    assert check({"halve": lambda x: x / 2}, "1.2").seen == (1.5, 2.5)
    assert check({"double": lambda x: 2 * x}, "1.1").seen == (2.5, 2.5)


def test_without_an_id_all_questions_are_checked_and_calm_ones_take_a_line(folder, capsys):
    panel = check({"double": double_and_one, "halve": halve})
    assert [c.outcome for c in panel.checks] == [
        Outcome.FAILED, Outcome.NOT_ATTEMPTED, Outcome.AWAITING_TA, Outcome.AWAITING_TA,
    ]  # fmt: skip
    text = repr(panel)
    assert "\n1.2 halve: not written yet, 0 of 1 public points\n" in text
    assert "1.3 secret: hidden checks only, 1 points when graded" in text
    assert "9.1 essay: read by a person, 4 points when graded" in text
    told = capsys.readouterr().out
    assert "\rchecking 1.2 halve …" in told


def test_labels_and_names_are_taken_as_ids_too(folder):
    assert check({"double": lambda x: 2 * x}, "1.1 double").passed
    assert check({"double": lambda x: 2 * x}, "double").passed


def test_an_unknown_id_is_answered_with_the_known_ones(folder):
    trouble = check({}, "7.7")
    assert isinstance(trouble, Trouble) and not trouble.passed
    assert repr(trouble) == (
        "Nothing was checked: hw_demo has no question '7.7'.\n  Known questions: 1.1, 1.2, 1.3, 9.1."
    )
    assert "Known questions: 1.1, 1.2, 1.3, 9.1." in trouble._repr_html_()


def test_a_script_prints_the_panel_and_a_notebook_shows_it(folder, capsys, monkeypatch):
    check({"double": lambda x: 2 * x}, "1.1")
    assert "1.1 double: passed" in capsys.readouterr().out
    monkeypatch.setattr(notebook, "_shell", object)
    check({"double": lambda x: 2 * x}, "1.1")
    assert capsys.readouterr().out == ""


def test_what_a_student_wrote_cannot_become_markup(folder):
    def halve(x):
        raise ValueError("<script>alert(1)</script>")

    html = check({"halve": halve}, "1.2")._repr_html_()
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "Halve a &lt;number&gt;" in html


def test_the_panel_needs_no_script_no_style_sheet_and_no_page_colour(folder):
    html = check({"double": double_and_one, "halve": halve})._repr_html_()
    assert "<script" not in html and "<style" not in html and "http" not in html
    outer = html.split(">", 1)[0]
    assert "color:inherit" in outer and "background" not in outer


def test_new_tests_are_noticed_in_a_living_notebook(folder):
    names = {"double": lambda x: 2 * x}
    assert check(names, "1.1").passed
    (folder / "tests" / "test_a.py").write_text(
        TESTS.replace("student.double(2), 4", "student.double(2), 4.5")
    )
    panel = check(names, "1.1")
    assert not panel.passed
    assert panel.seen == (0.5, 2.5)


def test_a_damaged_test_file_is_told_without_a_traceback(folder):
    (folder / "tests" / "test_a.py").write_text("def broken(:\n")
    assert "test_a.py:1: not valid Python: invalid syntax" in repr(check({}, "1.1"))


def test_a_folder_without_tests_says_what_to_do(folder):
    (folder / "tests" / "test_a.py").unlink()
    (folder / "tests").rmdir()
    assert "Next: unzip the assignment again; your notebook need not change." in repr(check({}, "1.1"))


def test_the_folder_is_found_above_below_beside_the_notebook_or_by_name(folder, monkeypatch, tmp_path):
    deep = folder / "figures" / "deep"
    deep.mkdir(parents=True)
    assert find_folder(deep) == folder
    assert find_folder(tmp_path) == folder
    elsewhere = tmp_path / "elsewhere" / "far"
    elsewhere.mkdir(parents=True)
    assert find_folder(elsewhere, {"__vsc_ipynb_file__": str(folder / "hw_demo.ipynb")}) == folder
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "hw_demo.ipynb"))
    assert find_folder(elsewhere) == folder
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.chdir(elsewhere)
    assert "no single assignment.toml" in repr(check({}, "1.1"))
    assert check({"double": lambda x: 2 * x}, "1.1", folder=folder).passed


def test_two_folders_below_are_not_guessed_between(folder, tmp_path):
    (tmp_path / "hw_other").mkdir()
    (tmp_path / "hw_other" / "assignment.toml").write_text(MANIFEST)
    with pytest.raises(UsageError, match="several below it \\(hw_demo, hw_other\\)"):
        find_folder(tmp_path)


def test_tracebacks_name_cells_as_the_notebook_does(folder):
    """One whole run in a real kernel: the panel, the cell's number, the plain text."""
    from nbclient import NotebookClient

    sources = [
        "from autograder import check\ndef double(x):\n    return 2 * x\ndef halve(x):\n    return x / '2'",
        'check("1.1")',
        'check("1.2")',
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    passed, failed = (cell.outputs[0]["data"] for cell in book.cells[1:])
    assert "text/html" in passed and passed["text/plain"].startswith("1.1 double: passed")
    assert "Cell In[1], line 5, in halve" in failed["text/plain"]
    assert "ipykernel" not in failed["text/plain"]


# From a shell


def cell(source, kind="", tags=(), cell_type="code"):
    metadata = {"tags": list(tags)} | ({"robolearn": {"kind": kind}} if kind else {})
    return {"cell_type": cell_type, "id": f"c{abs(hash(source))}", "metadata": metadata, "source": source}


def write_notebook(folder: Path, *cells, name="hw_demo.ipynb"):
    data = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / name).write_text(json.dumps(data))


GLUE = cell("%matplotlib inline\nfrom autograder import check\nfrom helper import TWO", "glue")
DOUBLE = cell("def double(x):\n    return TWO * x", "hole")
HALVE = cell("def halve(x):\n    return x / 2", "hole")
TRAINING = cell("raise SystemExit('training must not run')", "experiment")
CHECK = cell('check("1.1")', "check")


@pytest.fixture
def shell(folder):
    (folder / "helper.py").write_text("TWO = 2\n")

    def run(*arguments):
        result = CliRunner().invoke(cli, ["check", *arguments], catch_exceptions=True)
        if isinstance(result.exception, UsageError):
            return 2, str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.output

    return run


def test_a_shell_check_that_passes_exits_with_zero(folder, shell):
    write_notebook(folder, cell("# Title", cell_type="markdown"), GLUE, DOUBLE, CHECK, HALVE, TRAINING)
    code, text = shell()
    assert code == 0, text
    assert re.search(r"1\.1 +Double a number +passed +1\.5 of 1\.5", text)
    assert re.search(r"9\.1 +Say why +read by a person +–", text)
    assert "2.5 of 2.5 public points. Grading decides the other 7.5." in text


def test_a_shell_check_that_fails_exits_with_one_and_says_why(folder, shell):
    write_notebook(folder, GLUE, DOUBLE, cell("def halve(x):\n    return x", "hole"))
    code, text = shell("1.2")
    assert code == 1
    assert "got       4" in text and "expected  2" in text
    assert "1.1" not in text


def test_one_broken_cell_costs_that_cell_and_is_shown(folder, shell):
    write_notebook(folder, GLUE, DOUBLE, cell("def halve(x:\n", "hole"))
    code, text = shell()
    assert code == 1
    assert "cell 3 did not load" in text and "SyntaxError" in text
    assert re.search(r"1\.1 +Double a number +passed", text)
    assert "has no function `halve`" in text


def test_cells_the_student_added_keep_definitions_only(folder, shell):
    added = cell("import math\nHALF = 0.5\nprint(undefined_name)\ndef my_half(x):\n    return x * HALF")
    write_notebook(folder, GLUE, DOUBLE, added, cell("def halve(x):\n    return my_half(x)", "hole"))
    code, text = shell()
    assert code == 0, text


def test_experiments_are_known_by_tag_where_metadata_is_lost(folder, shell):
    write_notebook(
        folder,
        cell("TWO = 1 + 1"),
        cell("def double(x):\n    return TWO * x"),
        cell("1 / 0", tags=["experiment"]),
    )
    assert shell("1.1")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("7.7",), "Known questions: 1.1, 1.2, 1.3, 9.1."),
        (("--folder", "tests/.."), "no hw_demo.ipynb in"),
    ],
)
def test_wrong_use_exits_with_two(folder, shell, arguments, words):
    code, text = shell(*arguments)
    assert code == 2
    assert words in text


def test_a_notebook_of_another_name_is_taken_when_it_is_the_only_one(folder):
    assignment = load_assignment(folder)
    write_notebook(folder, DOUBLE, name="hw_demo (1).ipynb")
    assert find_notebook(folder, assignment).name == "hw_demo (1).ipynb"
    write_notebook(folder, DOUBLE, name="copy.ipynb")
    with pytest.raises(UsageError, match=r"notebooks there: copy.ipynb, hw_demo \(1\).ipynb"):
        find_notebook(folder, assignment)


@pytest.mark.parametrize(
    "text", ["", "<html>", "[]", '{"cells": [1]}', '{"cells": [{"cell_type": "code"}]}', "{}"]
)
def test_a_file_that_is_no_notebook_is_refused_in_words(folder, text):
    path = folder / "hw_demo.ipynb"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"not a readable notebook .*\n  Next: open it in Jupyter"):
        read_cells(path)


def test_a_shell_check_leaves_the_place_as_it_was(folder, shell, tmp_path, monkeypatch):
    write_notebook(folder, GLUE, DOUBLE, HALVE)
    monkeypatch.chdir(tmp_path)
    before, own_check = list(sys.path), autograder.check
    assert shell("1.1", "--folder", "hw_demo")[0] == 0
    assert Path.cwd() == tmp_path
    assert sys.path == before
    assert autograder.check is own_check


def test_panels_without_questions_pass(folder):
    assert Panel(()).passed


def test_a_file_to_hand_in_that_is_not_written_yet_is_not_attempted(folder):
    manifest = folder / "assignment.toml"
    manifest.write_text(
        manifest.read_text()
        + '\n[[questions]]\nid = "8.1"\nname = "policy"\ntitle = "Policy"\npoints = 2\n'
        + 'kind = "artifact"\nartifact = "policy.npz"\n'
    )
    (folder / "tests" / "test_policy.py").write_text(
        "from autograder.testing import expect_equal, question\n\n\n"
        '@question("8.1 policy", points=1)\n'
        "def test_policy(student):\n"
        '    """It has two weights."""\n'
        '    expect_equal(student.load("policy.npz"), [1, 2])\n'
    )
    names = {"load": lambda path: [1, 2]}
    panel = check(names, "8.1")
    assert not panel.passed
    assert "not written yet" in str(panel)
    assert "policy.npz is not in the folder yet; its experiment writes it." in str(panel)
    (folder / "policy.npz").write_bytes(b"weights")
    assert check(names, "8.1").passed


def test_where_nbgrader_runs_the_notebook_a_check_that_fails_raises(folder, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="not all public checks passed"):
        check({"double": lambda x: x}, "1.1")
    assert check({"double": lambda x: 2 * x}, "1.1") is None  # a value would be read as partial credit
    assert "1.1" in capsys.readouterr().out
