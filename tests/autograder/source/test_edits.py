from __future__ import annotations

import json

import nbformat
import pytest

from autograder.errors import UsageError
from autograder.source import edits

HOLE = '''FACTOR = 2.0


def gae(rewards, gamma):
    """Estimate advantages."""
    scaled = rewards * FACTOR
    # TODO(2.1 gae): Walk backwards.
    #   About 3 lines.
    raise NotImplementedError("2.1 gae is yours to write")
'''
SOLVED = '''FACTOR = 2.0


def gae(rewards, gamma):
    """Estimate advantages."""
    scaled = rewards * FACTOR
    total = [gamma * x for x in scaled]  # keep gamma
    return total
'''


def book(hole: str) -> edits.Notebook:
    def cell(kind, source, id, questions=(), **more):
        metadata = {"robolearn": {"kind": kind, "questions": list(questions)}, **more}
        if kind in ("text", "written"):
            return {"cell_type": "markdown", "id": id, "metadata": metadata, "source": source}
        empty = {"outputs": [], "execution_count": None}
        return {"cell_type": "code", "id": id, "metadata": metadata, "source": source, **empty}

    cells = [
        cell("text", "# Homework\n\nWords.", "text-a"),
        cell("glue", "import numpy as np", "glue-a"),
        cell("hole", hole, "hole-2-1", ["2.1"]),
        cell("check", 'check("2.1")', "check-2-1", ["2.1"], tags=["experiment"]),
        cell("written", "*Your answer to 3.1 here.*", "written-3-1", ["3.1"]),
    ]
    return edits.load(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    )


@pytest.fixture
def starter():
    return book(HOLE)


@pytest.fixture
def solved():
    return book(SOLVED)


def ids(notebook) -> list[str]:
    return [c["id"] for c in notebook["cells"]]


def test_a_notebook_is_written_as_it_was_read(solved):
    data = edits.dump(solved)
    assert edits.dump(edits.load(data)) == data
    nbformat.validate(nbformat.reads(data.decode(), 4))


def test_sources_given_as_lines_become_text(solved):
    raw = json.loads(edits.dump(solved))
    raw["cells"][0]["source"] = ["# Homework\n", "Words."]
    assert edits.load(json.dumps(raw).encode())["cells"][0]["source"] == "# Homework\nWords."


def test_a_hole_is_filled_and_what_is_given_stays(solved, starter):
    edits.fill(solved, starter, "2.1", "\nif gamma:\n    return scaled\n\nreturn 0\n")
    expected = (
        HOLE.split("    # TODO", maxsplit=1)[0] + "    if gamma:\n        return scaled\n\n    return 0\n"
    )
    assert edits.of_question(solved, "2.1")["source"] == expected


def test_a_cell_without_a_hole_cannot_be_filled(solved):
    with pytest.raises(UsageError, match=r"the starter's cell of 2\.1 has no hole\.\n  Next: "):
        edits.fill(solved, solved, "2.1", "return 0")


def test_holes_and_answers_are_left_as_given_out(solved, starter):
    edits.answer(solved, "3.1", "Because.")
    assert edits.of_question(solved, "3.1", "written")["source"] == "Because."
    edits.reset(solved, starter, "2.1", "3.1")
    assert solved == starter


def test_text_is_replaced_only_where_it_is_plain_which(solved):
    edits.replace(solved, "2.1", "return total", "return None")
    assert "return None" in edits.of_question(solved, "2.1")["source"]
    with pytest.raises(UsageError, match=r"holds 'gamma' 3 times, expected once\.\n  Next: give more"):
        edits.replace(solved, "2.1", "gamma", "lam")


def test_an_unknown_question_names_the_known_ones(solved):
    with pytest.raises(UsageError, match=r"no hole cell of '9\.9'.*\n  Known questions: 2\.1\."):
        edits.of_question(solved, "9.9")


def test_an_unknown_cell_is_named(solved):
    with pytest.raises(UsageError, match="no cell 'x' in the notebook"):
        edits.delete(solved, "x")


def test_other_definitions_stand_below_a_cell_that_gives_more(solved):
    edits.rewrite(solved, "2.1", "def gae(rewards, gamma):\n    return 0")
    assert ids(solved)[2:5] == ["hole-2-1", "check-2-1", "own-1"]
    edits.rewrite(solved, "2.1", "FACTOR = 3\n\n\ndef gae(rewards, gamma):\n    return 0")
    assert edits.of_question(solved, "2.1")["source"].startswith("FACTOR = 3") and len(ids(solved)) == 6


def test_cells_are_added_deleted_and_put_in_another_order(solved):
    first = edits.insert(solved, "import math")
    second = edits.insert(solved, "A note.", after="glue-a", markdown=True)
    assert ids(solved) == [first, "text-a", "glue-a", second, "hole-2-1", "check-2-1", "written-3-1"]
    edits.delete(solved, first, "text-a")
    before = ids(solved)
    edits.shuffle(solved, 3)
    assert ids(solved) != before and sorted(ids(solved)) == sorted(before)


def test_locals_are_renamed_and_the_code_does_the_same():
    source = "G = 2\n\n\ndef f(x, *, y=1):\n    # why\n    global G\n    z, G = x + y, 3\n    def g(x, w=1):\n        z = w\n        return z\n    return [z * i for i in range(g(2, 2))]\n"
    renamed = edits.rename_locals(source, "_mine")
    assert "z_mine" in renamed and "i_mine" in renamed and "# why" not in renamed
    assert "x_mine" not in renamed and "G_mine" not in renamed
    one, other = {}, {}
    exec(source, one)
    exec(renamed, other)
    assert one["f"](4, y=2) == other["f"](4, y=2) == [0, 6]


def test_colab_takes_ids_and_metadata_and_keeps_outputs(solved):
    edits.with_output(edits.cell(solved, "glue-a"), "one\ntwo\n", 4)
    edits.saved_by_colab(solved, "hw.ipynb")
    assert all("id" not in c and set(c["metadata"]) <= {"id", "colab", "outputId"} for c in solved["cells"])
    assert solved["cells"][1]["outputs"][0]["text"] == ["one\n", "two\n"] and "colab" in solved["metadata"]
    nbformat.validate(nbformat.reads(edits.dump(solved).decode(), 4))


def test_a_script_keeps_text_code_and_tags(solved):
    from autograder.intake.notebook import read_script

    cells = read_script(edits.as_script(solved).encode(), "hw.py").cells
    assert [c.source for c in cells] == [c["source"].strip("\n") for c in solved["cells"]]
    assert cells[3].tags == ("experiment",) and cells[0].type == "markdown"


def test_one_alternative_of_each_question_is_chosen():
    others = {"2.1 loops": "a", "2.1 fast": "b", "3.1 other": "c"}
    assert edits.firsts(others) == {"2.1": "a", "3.1": "c"}
    assert edits.firsts(others, 1) == {"2.1": "b", "3.1": "c"}


def test_questions_and_kinds_are_listed(solved):
    assert edits.questions(solved) == ["2.1", "3.1"]
    assert [c["id"] for c in edits.of_kind(solved, "check")] == ["check-2-1"]
    assert edits.zipped({"a": b"1"}) == edits.zipped({"a": b"1"})


def test_the_first_planted_mistake_of_a_question_is_found(tmp_path):
    (tmp_path / "2_late.toml").write_text('[[mutant]]\nquestion = "1.1"\nold = "c"\nnew = "d"\n')
    (tmp_path / "1_early.toml").write_text(
        '[[mutant]]\nquestion = "1.2"\nold = "x"\nnew = "y"\n[[mutant]]\nquestion = "1.1"\nold = "a"\nnew = "b"\n'
    )
    assert edits.common_mistake(tmp_path, "1.1") == ("a", "b")
    with pytest.raises(UsageError, match=r"no mutant of 2\.1 in .*; plant one"):
        edits.common_mistake(tmp_path, "2.1")
