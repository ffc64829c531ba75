from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.source.document import read_source
from autograder.source.reference import load_reference, reference_source
from autograder.source.variants import (
    Mutant,
    alternatives,
    hole_body,
    mutants,
    solved,
    solved_notebook,
    starter,
    starter_notebook,
    with_alternative,
    with_hole_body,
    with_mutant,
)

SLUG = "hw9_tiny"


def cell(notebook: bytes, cell_id: str) -> str:
    return next("".join(c["source"]) for c in json.loads(notebook)["cells"] if c["id"] == cell_id)


def test_the_reference_is_the_complete_source_without_its_experiments(course: Course) -> None:
    module = load_reference(course, SLUG)
    assert module.double(3) == 6 and module.quadruple(3) == 12 and module.PI == 3
    assert module.Planner().plan(3) == [0, 1, 2]
    assert module.check("1.1") is None
    assert "planner" not in sys.modules and str(course.solution(SLUG)) not in sys.path


def test_the_reference_keeps_the_lines_of_its_file(course: Course, source_path: Path) -> None:
    text = reference_source(course, SLUG).split("\n")
    original = source_path.read_text().split("\n")
    assert len(text) == len(original)
    assert all(a in ("", b) for a, b in zip(text, original))
    assert not any("1 / 0" in line or "submit()" in line or 'check("2")' in line for line in text)
    assert load_reference(course, SLUG).double.__code__.co_firstlineno == original.index("def double(x):") + 1


def test_what_experiments_define_is_there_for_an_author_and_does_not_run(
    course: Course, source_path: Path
) -> None:
    run = "print(double(1), 1 / 0)\n"
    defined = "from functools import cache\n\ndef train(n):\n    return [n] * n\n\n@cache\ndef size():\n    return 4\n\n"
    text = source_path.read_text()
    assert text.count(run) == 1
    source_path.write_text(text.replace(run, run + defined + "RUNS = (1, 2)\nresult = train(1 / 0)\n"))
    module = load_reference(course, SLUG, experiments=True)
    assert module.train(2) == [2, 2] and module.size() == 4 and module.RUNS == (1, 2)
    assert not hasattr(module, "result")
    assert not hasattr(load_reference(course, SLUG), "train")


def test_a_reference_that_raises_is_named_by_its_line(course: Course, source_path: Path) -> None:
    source_path.write_text(source_path.read_text().replace("PI = 3\n\n# %%", "PI = 3 / 0\n\n# %%", 1))
    line = source_path.read_text().split("\n").index("PI = 3 / 0") + 1
    with pytest.raises(
        AuthoringError, match=rf"hw9_tiny\.py:{line}: the reference raises ZeroDivisionError: "
    ):
        load_reference(course, SLUG)


def test_the_reference_finds_its_data_as_a_notebook_does(course: Course, source_path: Path) -> None:
    (course.root / "assignments" / SLUG / "speed.txt").write_text("7")
    source_path.write_text(
        source_path.read_text().replace("PI = 3\n", 'PI = 3\nSPEED = float(open("speed.txt").read())\n', 1)
    )
    before = Path.cwd()
    assert load_reference(course, SLUG).SPEED == 7.0
    assert Path.cwd() == before


def test_a_module_of_the_same_name_as_a_further_file_comes_back_after_loading(course: Course) -> None:
    mine = sys.modules["planner"] = type(sys)("planner")
    try:
        assert load_reference(course, SLUG).Planner
        assert sys.modules["planner"] is mine
    finally:
        del sys.modules["planner"]


def test_solved_and_starter_carry_their_further_files(course: Course) -> None:
    source = read_source(course, SLUG)
    done, blank = solved(source), starter(source)
    assert set(done.files) == {"planner.py", "policy.npz"} and set(blank.files) == {"planner.py"}
    assert b"range(goal)" in done.files["planner.py"] and b"SOLUTION" not in done.files["planner.py"]
    assert b"is yours to write" in blank.files["planner.py"]
    assert done.notebook == solved_notebook(course, SLUG) and blank.notebook == starter_notebook(course, SLUG)


def test_a_mutant_changes_its_hole_and_nothing_else(course: Course) -> None:
    squares, starts = mutants(course, SLUG)
    assert (squares.question, squares.name, squares.why) == (
        "1.1",
        "squares",
        "Multiplies the number with itself.",
    )
    before, after = (
        solved_notebook(course, SLUG).decode(),
        with_mutant(read_source(course, SLUG), squares).notebook.decode(),
    )
    assert after == before.replace("total = x + x", "total = x * x") != before
    made = with_mutant(read_source(course, SLUG), starts)
    assert made.notebook.decode() == before
    assert b"range(1, goal)" in made.files["planner.py"]


def test_a_mutant_may_span_lines(course: Course) -> None:
    mutant = Mutant(
        "1.1", "x", "why", "total = x + x  # twice\n    return total", "return x", Path("m.toml"), 1
    )
    assert cell(with_mutant(read_source(course, SLUG), mutant).notebook, "hole-1-1").endswith(
        'is text."""\n    return x'
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'old = "x + x"',
            'old = "x - x"',
            "double.toml:1: mutant 'squares' of 1.1: `old` is found 0 times in the hole",
        ),
        ('old = "x + x"', 'old = "total"', "`old` is found 2 times in the hole, expected once: 'total'"),
        ('old = "x + x"', 'old = "Which operator"', "`old` is found 0 times"),  # hints are not the answer
        ('new = "x * x"', 'new = "x + x"', "`new` equals `old`"),
        ('new = "x * x"', 'new = "x *"', "the mutated hole is not valid Python: invalid syntax"),
        ('question = "1.1"\n', 'question = "3.1"\n', "'3.1' is no code question of the manifest"),
        ('name = "squares"', 'name = "a b"', "double.toml:1: a mutant's name is an identifier, got 'a b'"),
        (
            'name = "squares"\n',
            "",
            "a mutant has the keys question, name, why, old, new, got question, why, old, new",
        ),
        ('new = "x * x"', "new = 3", "every value of a mutant is text"),
        ('new = "x * x"', "new = ", "double.toml:6: not valid TOML"),
        (
            '[[mutant]]\nquestion = "1.10"',
            '[[mutnat]]\nquestion = "1.10"',
            "holds [[mutant]] tables and nothing else",
        ),
        (
            'question = "1.10"\nname = "starts_at_one"',
            'question = "1.1"\nname = "squares"',
            "double.toml:8: mutant 'squares' of 1.1 exists already at double.toml:1",
        ),
    ],
)
def test_a_mutant_that_is_off_is_named_by_its_line(course: Course, old: str, new: str, message: str) -> None:
    path = course.solution(SLUG) / "mutants" / "double.toml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(AuthoringError) as error:
        mutants(course, SLUG)
    assert message in str(error.value)


def test_an_alternative_is_added_at_the_end_as_a_student_would(course: Course) -> None:
    (times,) = alternatives(course, SLUG)
    assert (times.question, times.name, times.why) == ("1.1", "times", "Multiplies by two, in one line.")
    cells = json.loads(with_alternative(read_source(course, SLUG), times).notebook)["cells"]
    assert cells[-1]["id"] == "alternative-1-1-times" and cells[-1]["metadata"] == {}
    assert "".join(cells[-1]["source"]) == times.source
    assert cells[:-1] == json.loads(solved_notebook(course, SLUG))["cells"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "alternative 1.1 times",
            "alternative times",
            "a cell's header is `# %% alternative <id> <name>`, got 'alternative times'",
        ),
        ("# %% alternative 1.1 times", "# %%", "got 'no title'"),
        ("1.1 times", "3.1 times", "double.py:4: '3.1' is no code question of the manifest"),
        ("def double(x)", "def twice(x)", "it does not define `double`, the function of 1.1"),
        (
            "# Multiplies by two,\n# in one line.\n",
            "",
            "begin the cell with a comment that says what is different",
        ),
        (
            "    return 2 * x\n",
            "    return 2 * x\n\n# %% alternative 1.1 times\n# Same.\ndef double(x):\n    return x\n",
            "double.py:10: alternative 'times' of 1.1 exists already",
        ),
    ],
)
def test_an_alternative_that_is_off_is_named_by_its_line(
    course: Course, old: str, new: str, message: str
) -> None:
    path = course.solution(SLUG) / "alternatives" / "double.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(AuthoringError) as error:
        alternatives(course, SLUG)
    assert message in str(error.value)


def test_any_other_body_can_be_put_into_a_hole(course: Course) -> None:
    source = read_source(course, SLUG)
    assert hole_body(source, "1.1") == "    total = x + x  # twice\n    return total"
    made = with_hole_body(source, "1.1", "    return 7")
    assert cell(made.notebook, "hole-1-1").endswith("\n    return 7")


def test_loading_the_reference_leaves_check_as_it_was(course: Course) -> None:
    import autograder

    before = autograder.check
    load_reference(course, SLUG)
    assert autograder.check is before
