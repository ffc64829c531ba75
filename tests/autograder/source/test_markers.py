from __future__ import annotations

from pathlib import Path

import pytest

from autograder.errors import AuthoringError
from autograder.source.markers import find_holes
from autograder.source.percent import read_cells

LABELS = ("1.1 double", "1.2 triple")
PATH = Path("hw.py")
GOOD = '''def double(x):
    """Double."""
    ### BEGIN SOLUTION 1.1 double
    # HINT: Add.
    # HINT:   Twice.
    return x + x
    ### END SOLUTION 1.1 double
'''


def swap(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def refused(text: str) -> str:
    with pytest.raises(AuthoringError) as error:
        find_holes(text, LABELS, PATH)
    return str(error.value)


def test_a_hole_knows_its_lines_hints_and_function() -> None:
    (hole,) = find_holes(GOOD, LABELS, PATH)
    assert (hole.label, hole.id, hole.begin, hole.first, hole.end) == ("1.1 double", "1.1", 3, 6, 7)
    assert (hole.hints, hole.indent, hole.function) == ((" Add.", "   Twice."), "    ", "double")


BEGIN, END = "### BEGIN SOLUTION 1.1 double", "### END SOLUTION 1.1 double"


@pytest.mark.parametrize(
    "begin",
    [
        "###BEGIN SOLUTION 1.1 double",
        "#BEGIN SOLUTION",
        "# BEGIN SOLUTION 1.1 double",
        "## BEGIN SOLUTION 1.1 double",
        "#### BEGIN SOLUTION 1.1 double",
        "###  BEGIN SOLUTION 1.1 double",
        "### BEGIN  SOLUTION 1.1 double",
        "### BEGIN SOLUTION  1.1 double",
        "### BEGIN SOLUTION 1.1 double ",
        "### BEGIN SOLUTION 1.1 double()",
        "### BEGIN SOLUTION 1.1",
        "### BEGIN SOLUTION double",
        "### BEGIN SOLUTION",
        "### begin solution 1.1 double",
        "### Begin Solution 1.1 double",
        "### BEGIN SOLUTIONS 1.1 double",
        "### BEGINSOLUTION 1.1 double",
        "### BEGIN_SOLUTION 1.1 double",
        "### BEGIN-SOLUTION: 1.1 double",
        "### BEGN SOLUTION 1.1 double",
        "### BEGIN SOLUTON 1.1 double",
        "### START SOLUTION 1.1 double",
        "# TODO BEGIN SOLUTION 1.1 double",
        "### BEGIN HIDDEN TESTS",
        "### BEGIN MARK SCHEME",
        "# SOLUTION",
        "# SOLUTION NO PROMPT",
    ],
)
def test_what_looks_like_a_marker_and_is_none_is_refused(begin: str) -> None:
    message = refused(swap(BEGIN, begin))
    assert message.startswith("hw.py:3: looks like a marker and is none: ")
    assert repr(begin) in message
    assert "write `### BEGIN SOLUTION <id> <name>`" in message


@pytest.mark.parametrize(
    "end", ["#END SOLUTION", "### end solution 1.1 double", "### STOP SOLUTION 1.1 double"]
)
def test_a_misspelt_end_is_refused_and_so_is_the_open_hole(end: str) -> None:
    message = refused(swap(END, end))
    assert "hw.py:7: looks like a marker and is none" in message
    assert "hw.py:3: hole '1.1 double' has no END SOLUTION" in message


@pytest.mark.parametrize(
    "comment",
    [
        "# the best solution is short",
        "# this ends; solutions vary",
        "# start with the solution of 1.1",
        "# begin here",
    ],
)
def test_prose_about_solutions_is_no_marker(comment: str) -> None:
    assert len(find_holes(comment + "\n" + GOOD, LABELS, PATH)) == 1


def test_a_marker_inside_a_string_is_no_marker() -> None:
    text = GOOD.replace(
        '"""Double."""', '"""\n    ### BEGIN SOLUTION 9.9 other\n    # BEGIN SOLUTION\n    """'
    )
    assert [h.label for h in find_holes(text, LABELS, PATH)] == ["1.1 double"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (swap(END, "pass"), "hw.py:3: hole '1.1 double' has no END SOLUTION"),
        (
            swap(BEGIN, "pass").replace("    # HINT: Add.\n    # HINT:   Twice.\n", ""),
            "hw.py:5: END SOLUTION 1.1 double without its BEGIN SOLUTION",
        ),
        (
            swap(END, "### END SOLUTION 1.2 triple"),
            "hw.py:7: END SOLUTION 1.2 triple closes hole '1.1 double' (line 3); make the labels equal",
        ),
        (
            swap("return x + x", "### BEGIN SOLUTION 1.2 triple\n    return x + x"),
            "hw.py:6: hole '1.2 triple' begins inside hole '1.1 double' (line 3); holes do not nest",
        ),
        (
            GOOD.replace("1.1 double", "1.3 other"),
            "hw.py:3: hole '1.3 other' is no code question of the manifest; it has 1.1 double, 1.2 triple",
        ),
        (
            GOOD.replace("1.1 double", "1.1 dobule"),
            "hw.py:3: hole '1.1 dobule' is no code question of the manifest; it says '1.1 double'",
        ),
        (GOOD + GOOD, "hw.py:10: hole '1.1 double' is cut twice, first at line 3; one hole per id"),
        (
            swap('"""Double."""\n    ' + BEGIN, f'"""Double."""; y = 1  {BEGIN}'),
            "hw.py:2: a marker stands on a line of its own; code is before this one",
        ),
        (
            swap("    return x + x\n", ""),
            "hw.py:3: hole '1.1 double': empty; nothing stands between its markers",
        ),
        (
            swap("return x + x", "pass"),
            "hw.py:3: hole '1.1 double': empty; it holds no statement that does something",
        ),
        (
            swap("return x + x", "..."),
            "hw.py:3: hole '1.1 double': empty; it holds no statement that does something",
        ),
        (GOOD + "    return 2\n", "hw.py:3: hole '1.1 double': not the tail of a function"),
        (f"{BEGIN}\nx = 1\n{END}\n", "hw.py:1: hole '1.1 double': not the tail of a function"),
        (
            f"{BEGIN}\ndef f():\n    return 1\n{END}\n",
            "hw.py:1: hole '1.1 double': not the tail of a function",
        ),
        (
            f"def f(x):\n    if x:\n        {BEGIN}\n        return 1\n        {END}\n    return 2\n",
            "hw.py:3: hole '1.1 double': not the tail of a function",
        ),
        (
            f"def f(x):\n    return [\n    {BEGIN}\n    x,\n    {END}\n    ]\n",
            "hw.py:3: hole '1.1 double': empty; nothing stands between its markers",
        ),
        (
            f'def f(x):\n    {BEGIN}\n    """Doc."""\n    return x\n    {END}\n',
            "hw.py:2: hole '1.1 double': the docstring stands inside the hole",
        ),
        (
            swap("    " + BEGIN, "  " + BEGIN),
            "hw.py:3: hole '1.1 double': the markers stand at columns 2 and 4, the function's body at 4; align them",
        ),
        (
            swap("# HINT: Add.", "#HINT: Add."),
            "hw.py:4: hole '1.1 double': looks like a hint and is none: '#HINT: Add.'",
        ),
        (swap("# HINT: Add.", "# hint: Add."), "hw.py:4: hole '1.1 double': looks like a hint and is none"),
        (
            swap("return x + x", "return x + x\n    # HINT: late"),
            "hw.py:7: hole '1.1 double': hints say something and follow BEGIN directly",
        ),
        (
            swap("# HINT: Add.", "# HINT:"),
            "hw.py:4: hole '1.1 double': hints say something and follow BEGIN directly",
        ),
        (
            swap("return x + x", "return x + x\n# %%"),
            "hw.py:7: hole '1.1 double': a cell begins inside the hole",
        ),
        ("def f(:\n", "hw.py:1: not valid Python: "),
        ("x = '''\n", "hw.py:1: not valid Python: "),
    ],
)
def test_a_hole_that_is_off_is_refused(text: str, message: str) -> None:
    assert message in refused(text)


def test_all_problems_are_named_at_once_in_the_order_of_their_lines() -> None:
    message = refused(GOOD.replace("BEGIN", "Begin") + GOOD.replace("1.1 double", "4.4 four"))
    assert [line.split(":")[1] for line in message.splitlines()] == ["3", "7", "10"]


def test_a_hole_may_be_the_tail_of_a_method_or_of_an_inner_function() -> None:
    text = f"class A:\n    def f(self):\n        {BEGIN}\n        return 1\n        {END}\n\n    def g(self):\n        return 2\n"
    assert find_holes(text, LABELS, PATH)[0].function == "f"
    text = f"def outer():\n    def inner(x):\n        {BEGIN}\n        return x\n        {END}\n\n    return inner\n"
    assert find_holes(text, LABELS, PATH)[0].function == "inner"


def cells_refused(text: str) -> str:
    with pytest.raises(AuthoringError) as error:
        find_holes(text, LABELS, PATH)
        read_cells(text, PATH)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# %% [markdown]\n# ### BEGIN SOLUTION 1.1 double\n", "hw.py:2: looks like a marker and is none"),
        (
            '# %% [markdown]\n"""\n### BEGIN SOLUTION 1.1 double\n"""\n',
            "hw.py:1: a marker, or what looks like one, in a markdown cell",
        ),
        ("#%%\nx = 1\n", "hw.py:1: a cell's header is written `# %%`, got '#%%'"),
        ("# %%%\nx = 1\n", "hw.py:1: a cell's header is written `# %%`, got '# %%%'"),
        ("x = 1\n# %%\ny = 1\n", "hw.py:1: text before the first cell"),
        (
            '# %% [markdown] writen="9.1"\n# Answer\n',
            "hw.py:1: unknown key writen in the cell's header; known are tags and written",
        ),
        (
            '# %% [markdown] written = "9.1\n# Answer\n',
            "hw.py:1: cannot read 'written = \"9.1' in the cell's header",
        ),
        (
            "# %% [markdown] written=9.1\n# Answer\n",
            'hw.py:1: write the question\'s id in quotes: written="9.1"',
        ),
        ('# %% written="9.1"\nx = 1\n', "hw.py:1: a written answer is a markdown cell"),
        (
            "# %% the title\nx = 1\n",
            "hw.py:1: cannot read 'the title' in the cell's header; write `# %% tags=",
        ),
        ('# %% tags=["experimnt"]\nx = 1\n', "hw.py:1: unknown tag experimnt; known are setup, experiment"),
        ('# %% tags="experiment"\nx = 1\n', 'hw.py:1: tags is a list, `tags=["experiment"]`; got'),
        ("# %% [raw]\n# x\n", "hw.py:1: a cell of type 'raw'; cells are code or [markdown]"),
    ],
)
def test_a_cell_whose_header_is_off_is_refused(text: str, message: str) -> None:
    assert message in cells_refused(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# %%\nx = 'a\\\n# %% b'\n",
            "hw.py:1: 1 cell headers, but 2 cells were read; is a header inside a string?",
        ),
        (
            "# %%\nx = [\n# %%\n]\n",
            "hw.py:1: the cell is not valid Python on its own; does it begin inside a",
        ),
    ],
)
def test_a_header_inside_a_statement_is_refused(text: str, message: str) -> None:
    assert message in cells_refused(text)


def test_a_markdown_cell_may_be_a_string() -> None:
    (cell,) = read_cells('# %% [markdown]\n"""\n# Title\ntext\n"""\n', PATH)
    assert cell.markdown and cell.source == "# Title\ntext"


def test_a_header_inside_a_string_begins_no_cell() -> None:
    cells = read_cells('# %%\ntext = """\n# %%\n"""\n# %% tags=["experiment"]\n\nx = 1\n\n', PATH)
    assert [(c.line, c.last, c.source, c.tags) for c in cells] == [
        (1, 4, 'text = """\n# %%\n"""', ()),
        (5, 9, "x = 1", ("experiment",)),
    ]


def test_a_comment_that_could_be_a_magic_stays_a_comment() -> None:
    (cell,) = read_cells("# %%\n# ls -la\n# %matplotlib inline\nx = 1\n", PATH)
    assert cell.source == "# ls -la\n# %matplotlib inline\nx = 1"
