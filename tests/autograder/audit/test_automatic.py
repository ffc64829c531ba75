"""Automatic mistakes: each operator makes what it says, survivors are named, explained or stale."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from autograder.audit import cases
from autograder.audit.automatic.kills import Tally, Trial, count
from autograder.audit.automatic.mutants import OPERATORS, AutomaticMutant, automatic_mutants, hole_mutants
from autograder.audit.automatic.survivors import Record, read_records, sort_out
from autograder.audit.automatic.trial import cpu_limits, impatient
from autograder.audit.cases import Part
from autograder.audit.findings import Audit, Row
from autograder.audit.judge import kills, problems_of
from autograder.audit.run import audit
from autograder.audit.table import as_data, show
from autograder.audit.workshop import Workshop
from autograder.cli import cli
from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.grading import threads
from autograder.grading.api import grade_notebook
from autograder.grading.grader import Grader
from autograder.results import Outcome, Person, QuestionResult, SubmissionResult, TestResult
from autograder.source.document import SourceFile, read_source
from autograder.source.markers import find_holes
from autograder.source.variants import hole_body, solved, with_hole_body

HEAD = "import numpy as np\nimport torch\n"
DOCSTRING = '''    """Do it.

    Args:
        a: (T, N) float, one.
        b: (T, N) float, another; not like c.
        c: (T + 1, N) float.
        terminated: (T, N) bool, the end.
        truncated: (T, N) bool, the clock.
        n: int.
    """
'''


def mutants(body: str, head: str = HEAD) -> list[AutomaticMutant]:
    """Return the automatic mistakes of a hole with these lines."""
    lines = "\n".join("    " + line for line in body.split("\n"))
    text = (
        f"{head}def f(a, b, c, terminated, truncated, n):\n{DOCSTRING}"
        f"    ### BEGIN SOLUTION 1.1 f\n    # HINT: Do.\n{lines}\n    ### END SOLUTION 1.1 f\n"
    )
    path = Path("demo.py")
    (hole,) = find_holes(text, ["1.1 f"], path)
    return hole_mutants("1.1", SourceFile(path, text, (hole,)), hole)


def made(body: str, operator: str, head: str = HEAD) -> list[str]:
    return [m.new for m in mutants(body, head) if m.operator == operator]


@pytest.mark.parametrize(
    ("operator", "body", "expected"),
    [
        ("arithmetic", "return a + b", ["return a - b"]),
        ("arithmetic", "return (a + b) @ c", ["return (a + b) * c", "return (a - b) @ c"]),
        ("arithmetic", "return a ** b * c", ["return a ** b / c", "return a * b * c"]),
        ("arithmetic", "return a / b", ["return a * b", "return a // b"]),
        ("arithmetic", "n -= a\nreturn n", ["n += a", "n = a"]),
        ("term", "return a + n * b", ["return a", "return n * b", "return a + n", "return a + b"]),
        ("term", "return a / b", ["return a"]),
        ("sign", "return -a.T", ["return a.T", "return -a"]),
        ("compare", "return a < b", ["return a <= b", "return a >= b"]),
        ("compare", "return n is not None", ["return n is None"]),
        ("boolean", "return n and a", ["return n or a", "return a", "return n"]),
        ("boolean", "return not n", ["return n"]),
        ("boolean", "return a if n else b", ["return a", "return b", "return b if n else a"]),
        ("constant", "return n * 3", ["return n * 4", "return n * 2"]),
        ("constant", "return n + 1", ["return n + 2"]),  # n + 0 is what `term` makes
        ("constant", "return 0.5", ["return 1.0", "return 0.0"]),
        ("constant", "return [True, 0.0]", ["return [False, 0.0]", "return [True, 1.0]"]),
        ("constant", "return a[0]", ["return a[1]", "return a[-1]"]),
        ("constant", "return np.meshgrid(a, indexing='ij')", ["return np.meshgrid(a, indexing='xy')"]),
        ("constant", "return a.reshape(-1)", []),
        ("index", "return a[n]", ["return a[n + 1]", "return a[n - 1]"]),
        ("index", "a[n] = b\nreturn a", ["a[n + 1] = b", "a[n - 1] = b"]),
        ("index", "return a[:, n]", ["return a[n, :]"]),
        ("index", "return a[:, None]", ["return a[None, :]", "return a[:]"]),
        ("index", "return a[1:n]", ["return a[:n]", "return a[1:]", "return a[1:n + 1]", "return a[1:n - 1]"]),
        ("index", "return a[::-1]", ["return a[:]"]),
        ("range", "return range(n)", ["return range(n - 1)", "return range(n + 1)", "return range(1, n)"]),
        ("range", "return range(2, n)", ["return range(2, n - 1)", "return range(2, n + 1)", "return range(2 + 1, n)"]),
        ("order", "return a - b", ["return b - a"]),
        ("order", "return np.abs(a - b)", []),  # a sign that abs does not see
        ("order", "return a @ (b + c)", ["return (b + c) @ a"]),
        ("order", "return np.where(a, b, c)", ["return np.where(b, a, c)", "return np.where(a, c, b)"]),
        ("order", "return max(a, b)", []),
        ("order", "return np.einsum('i,i->', a, b)", ["return np.einsum(a, 'i,i->', b)"]),
        ("order", "x, y = a\nreturn x, y", ["y, x = a", "return y, x"]),
        ("keyword", "return a.max(axis=1)", ["return a.max()"]),
        ("twin", "return a.argmax()", ["return a.argmin()"]),
        ("twin", "return np.any(a)", ["return np.all(a)"]),
        ("twin", "return a + max(b)", ["return a + min(b)"]),
        ("unwrap", "return np.abs(a) + n", ["return a + n"]),
        ("unwrap", "return a.detach()", ["return a"]),
        ("unwrap", "return np.where(a, b, c)", ["return b", "return c"]),
        ("unwrap", "return np.maximum(a, b)", ["return a", "return b"]),
        ("unwrap", "return float(a)", []),
        ("name", "return terminated", ["return truncated"]),
        ("name", "return a * c", ["return b * c"]),
        ("einsum", "return np.einsum('sa,sat->st', a, b)", [
            "return np.einsum('as,sat->st', a, b)", "return np.einsum('sa,sta->st', a, b)",
            "return np.einsum('sa,sat->ts', a, b)", "return np.einsum('sa,sat->sa', a, b)",
        ]),
        ("detach", "x = a * b\nreturn f(x)", ["x = (a * b).detach()", "return f(x).detach()"]),
        ("detach", "with torch.no_grad():\n    x = a\nreturn x", ["if True:"]),
        ("statement", "a[0] = 0\nreturn a", ["pass", "pass"]),
        ("statement", "x = a\nreturn x", ["pass"]),  # without `x = a` nothing could run
        ("statement", "for x in a:\n    if x:\n        break\n    n += x\nreturn b", [
            "pass", "pass", "pass", "continue", "pass", "pass",
        ]),
        ("branch", "if a < b:\n    return a\nreturn b", ["if True:"]),  # if False: compiles to nothing
        ("branch", "if n:\n    a = b\nreturn a", ["if True:", "if not n:"]),
        ("branch", "if n:\n    a = b\nelse:\n    a = c\nreturn a", ["if True:", "if False:", "if not n:"]),
        ("branch", "while n > 0:\n    n -= 1\nreturn n", ["n -= 1\nbreak"]),
        ("branch", "for x in a:\n    n += x\nreturn n", ["for x in ():", "n += x\nbreak"]),
        ("in place", "a = a + b\nreturn a", ["a += b"]),
        ("in place", "a = b\nreturn a", ["a[...] = b"]),
        ("in place", "a += b\nreturn a", ["a = a + b"]),
        ("in place", "n += 1\nreturn n", []),  # a counter is no array
        ("returned", "return a, b, c", ["return b, c", "return a, c", "return a, b"]),
    ],
)  # fmt: skip
def test_an_operator_makes_what_it_says(operator: str, body: str, expected: list[str]) -> None:
    assert made(body, operator) == expected


def test_every_operator_is_tried_above() -> None:
    (mark,) = [m for m in test_an_operator_makes_what_it_says.pytestmark if m.name == "parametrize"]
    assert {case[0] for case in mark.args[1]} == set(OPERATORS)


def test_without_torch_no_gradient_is_cut() -> None:
    assert made("return f(a)", "detach", head="import numpy as np\n") == []


def test_a_name_tells_the_line_in_the_hole_the_operator_and_what_it_did() -> None:
    found = mutants("x = a\nreturn x < b  # not equal")
    assert [m.name for m in found] == [
        "1.1 L1 name a to b", "1.1 L2 statement without return x < b", "1.1 L2 compare < to <=",
        "1.1 L2 compare < to >=", "1.1 L2 name b to a",
    ]  # fmt: skip
    boundary = found[2]
    assert (boundary.old, boundary.new) == ("return x < b  # not equal", "return x <= b  # not equal")
    assert boundary.body == "    x = a\n    return x <= b  # not equal"
    assert boundary.line == 17  # of the file: two imports, the head, ten lines of docstring, two of the hole


def test_equal_code_is_tried_once_and_equal_names_are_told_apart() -> None:
    found = mutants("return a[b, c] + a[b, c]")
    assert len({m.new for m in found}) == len(found)
    assert made("return a[b, c]", "index") + made("return a[b, c]", "order") == ["return a[c, b]"]
    assert [m.name for m in found if m.operator == "index"] == [
        "1.1 L1 index a[b, c] to a[c, b]", "1.1 L1 index a[b, c] to a[c, b] (2)",
    ]  # fmt: skip
    assert made("return -0.0", "constant") == ["return -1.0"]
    assert "return 0.0" in made("return -0.0", "sign")  # -0.0 and 0.0 are different code


def test_the_mistakes_are_the_same_ones_in_the_same_order_each_time() -> None:
    body = "x = np.abs(a - b)\nfor i in range(n):\n    x[i] += c[i + 1] * 0.5\nreturn x, terminated"
    assert mutants(body) == mutants(body)
    assert len(mutants(body)) > 30


def test_only_the_hole_changes_whatever_stands_around_it() -> None:
    text = (
        "import numpy as np\n\n\nclass Agent:\n"
        "    def act(self, x):\n"
        "        y = x + 1\n"
        "        ### BEGIN SOLUTION 1.1 act\n"
        "        # HINT: Do.\n"
        "        z = np.maximum(\n"
        "            x,  # élan\n"
        "            y + 2,\n"
        "        )\n"
        '        return f"{x + y}", z\n'
        "        ### END SOLUTION 1.1 act\n"
    )
    path = Path("agent.py")
    (hole,) = find_holes(text, ["1.1 act"], path)
    found = hole_mutants("1.1", SourceFile(path, text, (hole,)), hole)
    assert not any("{x - y}" in m.body for m in found)  # the inside of an f-string has no place of its own
    plus = next(m for m in found if m.operator == "arithmetic")
    assert plus.body.split("\n") == [
        "        z = np.maximum(", "            x,  # élan", "            y - 2,", "        )",
        '        return f"{x + y}", z',
    ]  # fmt: skip
    assert (plus.old, plus.new) == ("y + 2,", "y - 2,")
    whole = next(m for m in found if m.operator == "unwrap")
    assert whole.old.split("\n") == ["z = np.maximum(", "x,  # élan", "y + 2,", ")"]
    assert whole.new == "z = x"
    for mutant in found:
        ast.parse(text.replace(hole_text(text, hole.first, hole.end), mutant.body))


def test_a_hole_in_an_inner_function_is_changed_too() -> None:
    text = (
        "def outer(x):\n"
        "    total = 0\n"
        "    def inner(y):\n"
        "        nonlocal total\n"
        "        ### BEGIN SOLUTION 1.1 inner\n"
        "        # HINT: Do.\n"
        "        total = total + y\n"
        "        ### END SOLUTION 1.1 inner\n"
        "    inner(x)\n"
        "    return total\n"
    )
    path = Path("inner.py")
    (hole,) = find_holes(text, ["1.1 inner"], path)
    found = hole_mutants("1.1", SourceFile(path, text, (hole,)), hole)
    assert "        total = total - y" in [m.body for m in found]
    assert all(m.line == 7 for m in found)


def hole_text(text: str, first: int, end: int) -> str:
    return "\n".join(text.split("\n")[first - 1 : end - 1])


def test_a_built_mistake_is_the_one_that_the_source_would_give(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    workshop = Workshop(source)
    found = cases.automatic_cases(source, 1, {"1.1": 1.0, "2.1": 2.0})
    assert {(c.question, c.questions, c.cpu_s) for c in found} == {
        ("1.1", ("1.1",), 1.0), ("2.1", ("2.1",), 2.0),
    }  # fmt: skip
    for case in found:
        assert isinstance(case.change, AutomaticMutant)
        cells = json.loads(workshop.build(case).notebook)["cells"]
        whole = json.loads(solved(source).notebook)["cells"]
        [(new, old)] = [(new, old) for new, old in zip(cells, whole, strict=True) if new != old]
        lines = hole_body(source, case.question)
        assert "".join(new["source"]) == "".join(old["source"]).replace(lines, case.change.body)


def test_a_hole_in_a_further_file_may_lose_all_that_it_does(own_tiny_course: Course) -> None:
    edit(own_tiny_course, "assignments/tiny/assignment.toml", "preload", 'files = ["more.py"]\npreload')
    edit(
        own_tiny_course, "assignments/tiny/assignment.toml", '[[questions]]\nid = "2.1"',
        '[[questions]]\nid = "1.3"\nname = "triple"\ntitle = "Triple"\npoints = 1\n\n[[questions]]\nid = "2.1"',
    )  # fmt: skip
    more = "def triple(x):\n    ### BEGIN SOLUTION 1.3 triple\n    return 3 * x\n    ### END SOLUTION 1.3 triple\n"
    (own_tiny_course.solution("tiny") / "more.py").write_text(more)
    source = read_source(own_tiny_course, "tiny")
    workshop = Workshop(source)
    built = [workshop.build(c) for c in cases.automatic_cases(source, 1, {"1.3": 1.0})]
    assert [b.files["more.py"].decode() for b in built][:2] == [
        "def triple(x):\n    pass\n", "def triple(x):\n    return 3 / x\n",
    ]  # fmt: skip
    assert {b.notebook for b in built} == {solved(source).notebook}


# Trials


def edit(course: Course, path: str, old: str, new: str) -> None:
    file = course.root / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def tried(course: Course) -> Audit:
    return audit(course, "tiny", parts=[Part.AUTOMATIC], jobs=2)


def loosen(course: Course) -> None:
    """Let the tests of 1.1 accept whatever is large enough."""
    edit(
        course, "assignments/tiny/tests/test_tiny.py", "student.double(3), 6", "student.double(3) >= 6, True"
    )
    edit(
        course, "solutions/tiny/tests/test_tiny_hidden.py",
        "student.double(x), reference.double(x)", "student.double(x) >= reference.double(x), True",
    )  # fmt: skip
    edit(course, "solutions/tiny/tiny.py", "return x + x", "return 2 * x")


RECORD = """
[[survivor]]
question = "1.1"
operator = "constant"
old = "return 2 * x"
new = "return 3 * x"
why = "Larger is accepted too."
"""


def explain(course: Course, text: str = RECORD) -> None:
    (course.solution("tiny") / "survivors.toml").write_text(text)


def test_the_tests_of_a_sound_assignment_notice_every_mistake(tiny_course: Course) -> None:
    found = tried(tiny_course)
    assert (found.passed, found.kill_rate, found.survivors) == (True, 1.0, ())
    assert [(row.num_automatic, row.num_killed, row.kill_rate) for row in found.rows] == [
        (3, 3, 1.0), (1, 1, 1.0), (7, 7, 1.0),
    ]  # fmt: skip
    assert found.parts == ("automatic",)


def test_a_survivor_of_weak_tests_is_named(own_tiny_course: Course) -> None:
    loosen(own_tiny_course)
    found = tried(own_tiny_course)
    assert found.survivors == ("tiny.py:11: 1.1 L1 constant 2 to 3: return 2 * x -> return 3 * x",)
    row = found.rows[0]
    assert (row.num_automatic, row.num_killed, row.num_explained) == (6, 5, 0)
    assert found.kill_rate == 13 / 14
    advice = (
        "expected at least 95%; add a test that notices a survivor, or say in survivors.toml why none can"
    )
    assert [(p.part, p.question, p.what) for p in found.problems] == [
        ("automatic", "1.1", f"1.1: the tests notice 5 of 6 automatic mistakes (83.3%), {advice}"),
        ("automatic", "", f"in all, the tests notice 13 of 14 automatic mistakes (92.9%), {advice}"),
    ]


def test_an_explained_survivor_passes_and_the_command_tells_of_it(
    own_tiny_course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loosen(own_tiny_course)
    explain(own_tiny_course)
    monkeypatch.chdir(own_tiny_course.root)
    for name in threads.THREADS:
        monkeypatch.setenv(name, "1")
    path = tmp_path / "audit.json"
    said = CliRunner().invoke(cli, ["audit", "tiny", "--only", "automatic", "--json", str(path)])
    assert said.exit_code == 0, said.output
    assert "5/5 +1" in said.output and "7/7" in said.output
    assert (
        "The tests notice 13 of 13 automatic mistakes (100.0%); of 1 more it is explained why no test can."
        in said.output
    )
    [data] = json.loads(path.read_text())
    assert (data["passed"], data["kill_rate"], data["survivors"]) == (True, 1.0, [])
    row = data["rows"][0]
    assert (row["num_automatic"], row["num_killed"], row["num_explained"], row["kill_rate"]) == (6, 5, 1, 1.0)


def test_the_command_lists_survivors_and_rates(capsys: pytest.CaptureFixture[str]) -> None:
    row = Row("1.1", "Double", 1, 1, num_automatic=20, num_killed=19)
    found = Audit(
        "tiny",
        (row, Row("1.2", "Quadruple", 1, 1)),
        (),
        0.0,
        1.0,
        ("automatic",),
        survivors=("tiny.py:1: x",),
    )
    show(Console(width=200), found)
    said = capsys.readouterr().out
    assert "19/20" in said
    assert "The tests notice 19 of 20 automatic mistakes (95.0%).\n  survives: tiny.py:1: x\n" in said
    assert [r["kill_rate"] for r in as_data(found)["rows"]] == [0.95, None]


def test_an_explanation_of_a_line_that_was_edited_is_stale(own_tiny_course: Course) -> None:
    loosen(own_tiny_course)
    explain(own_tiny_course)
    edit(own_tiny_course, "solutions/tiny/tiny.py", "return 2 * x", "return x * 2")
    found = tried(own_tiny_course)
    assert (found.problems[0].part, found.problems[0].question) == ("automatic", "1.1")
    assert found.problems[0].what == (
        "survivors.toml:2: constant of 1.1 to 'return 3 * x': the reference has no such line now; correct the "
        "record, or delete it"
    )
    assert found.survivors[0].endswith("return x * 2 -> return x * 3")


def test_a_reference_that_loses_points_itself_is_named(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course, "assignments/tiny/tests/test_tiny.py", "student.double(3), 6", "student.double(3), 7"
    )
    found = tried(own_tiny_course)
    assert [p.what for p in found.problems] == [
        "1.1: the reference itself loses points, so that its automatic mistakes say nothing"
    ]
    assert [row.num_automatic for row in found.rows] == [0, 1, 7]


def test_a_mistake_that_never_ends_costs_little_and_is_noticed(own_tiny_course: Course) -> None:
    edit(
        own_tiny_course, "solutions/tiny/tiny.py", "total = np.sum(samples)",
        "total = i = 0\n    while i < len(samples):\n        total, i = total + samples[i], i + 1",
    )  # fmt: skip
    edit(
        own_tiny_course,
        "assignments/tiny/assignment.toml",
        "cpu_s = 1.0\nwall_s = 30.0",
        "cpu_s = 20.0\nwall_s = 60.0",
    )
    source = read_source(own_tiny_course, "tiny")
    endless = next(m for m in automatic_mutants(source) if m.name.endswith("term i + 1 to i"))
    variant = with_hole_body(source, "2.1", endless.body)
    with Grader(own_tiny_course, "tiny") as grader:
        result = grade_notebook(
            own_tiny_course, "tiny", variant.notebook, questions=["2.1"], grader=impatient(grader, 1.0)
        )
    [question] = result.questions
    assert (question.outcome, question.cpu_s < 5.0) == (Outcome.TIMED_OUT, True)
    assert Trial(endless, question).killed and Trial(endless, question).raised


def test_a_trial_ends_at_the_first_lost_point_and_begins_with_the_sharpest_test(tiny_course: Course) -> None:
    source = read_source(tiny_course, "tiny")
    assert hole_body(source, "2.1").endswith("return total / len(samples)")
    wrong = with_hole_body(source, "2.1", "    return 2.0")  # right for the public test's two numbers only
    with Grader(tiny_course, "tiny") as grader:
        ran = []
        for _ in range(2):
            hurried = impatient(grader, 1.0)
            result = grade_notebook(tiny_course, "tiny", wrong.notebook, questions=["2.1"], grader=hurried)
            ran.append([test.name for test in result.questions[0].tests])
    assert ran == [["test_mean_of_two", "test_error_is_small"], ["test_error_is_small"]]


def result_of(cpu_s: float, points: float = 2, **others: object) -> SubmissionResult:
    question = QuestionResult("1.1", "double", "D", "code", Outcome.PASSED, points, 2, cpu_s=cpu_s)
    person = Person("x")
    whole = SubmissionResult(person, "tiny", "1", "d", "t", "g", "s", "A", (replace(question, **others),))  # type: ignore[arg-type]
    return whole


def test_the_limit_is_a_multiple_of_the_references_time() -> None:
    assert cpu_limits(result_of(0.4)) == {"1.1": 2.0}
    assert cpu_limits(result_of(0.01)) == {"1.1": 1.0}  # the kernel counts whole seconds
    assert cpu_limits(result_of(0.4, points=1)) == {}  # a reference that loses points tells nothing


# Counting


def mutant(new: str, question: str = "1.1") -> AutomaticMutant:
    return AutomaticMutant(question, f"{question} L1 x", "constant", "return 1", new, new, Path("a.py"), 3)


def trial(new: str, points: float, outcome: Outcome = Outcome.FAILED, error: str = "") -> Trial:
    test = TestResult("test_x", "X", True, outcome, points, 2, student_error=error)
    return Trial(mutant(new), QuestionResult("1.1", "double", "D", "code", outcome, points, 2, tests=(test,)))


def test_mistakes_are_counted() -> None:
    trials = [trial("a", 0), trial("b", 1), trial("c", 0, error="ValueError"), trial("d", 2, Outcome.PASSED)]
    found = count(trials, [])
    assert found.questions == {"1.1": Tally(num_tried=4, num_killed=3, num_raised=1)}
    assert [m.new for m in found.survivors] == ["d"]
    assert found.total.rate == 0.75


def test_a_mistake_on_which_the_grader_broke_is_a_problem_and_is_not_counted() -> None:
    broken = result_of(0.1, points=0, outcome=Outcome.GRADER_ERROR)
    case = cases.Case(Part.AUTOMATIC, "automatic 1.1 L1 x", 1, ("1.1",), mutant("a"), 1.0)
    [problem] = problems_of(case, broken)
    assert problem.what == "automatic 1.1 L1 x: 1.1 ended in GRADER_ERROR: GRADER_ERROR"
    assert kills([(case, broken)], []).questions == {}
    assert problems_of(case, result_of(0.1, points=0)) == []


def record(new: str, line: int = 1) -> Record:
    return Record("1.1", "constant", "return 1", new, "Why.", Path("survivors.toml"), line)


def test_records_explain_one_survivor_each_and_no_mistake_that_is_noticed() -> None:
    same = [mutant("return 2"), mutant("return 2")]
    found = sort_out(same, [record("return 2")])
    assert (len(found.explained), len(found.unexplained), found.stale) == (1, 1, ())
    assert len(sort_out(same, [record("return 2"), record("return 2", 9)]).explained) == 2
    noticed = count([trial("return 2", 0)], [record("return 2")])
    assert noticed.problems[0] == (
        "1.1", "survivors.toml:1: constant of 1.1 to 'return 2': test_x notices it now; delete the record",
    )  # fmt: skip
    twice = count([trial("return 2", 2, Outcome.PASSED)], [record("return 2"), record("return 2", 9)])
    assert [what for _, what in twice.problems] == [
        "survivors.toml:9: constant of 1.1 to 'return 2': explained more often than it survives; delete this record"
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"1.1"', '"7.7"', "survivors.toml:2: survivor: '7.7' is no code question of the manifest"),
        (
            '"constant"',
            '"sing"',
            "survivors.toml:2: survivor: no operator 'sing'; there are arithmetic, term",
        ),
        (
            '"Larger is accepted too."',
            '" "',
            "survivors.toml:2: survivor: `why` is empty; say why no test",
        ),
        (
            "why =",
            "reason =",
            "survivors.toml:2: a survivor has the keys question, operator, old, new, why, got",
        ),
        (
            "[[survivor]]",
            "[[mutant]]",
            "survivors.toml:1: a file of survivors holds [[survivor]] tables and nothing",
        ),
        ('why = "', "why = ", "survivors.toml:7: not valid TOML"),
    ],
)
def test_a_record_that_is_wrong_is_refused(own_tiny_course: Course, old: str, new: str, words: str) -> None:
    explain(own_tiny_course, RECORD.replace(old, new))
    with pytest.raises(AuthoringError) as refused:
        read_records(read_source(own_tiny_course, "tiny"))
    assert words in str(refused.value)
