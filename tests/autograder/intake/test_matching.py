from __future__ import annotations

import random
import time

import pytest

from autograder.intake.answers import written_answers
from autograder.intake.matching import match
from autograder.intake.notebook import read_notebook, read_script
from autograder.intake.template import read_template
from autograder.sandbox.code import Cell

from .conftest import GAE, HELPER, SETUP, SOLVED, TRAIN, Book


@pytest.fixture
def matched(template, assignment):
    def run(book: Book):
        return match(read_notebook(book.bytes(), "hw9.ipynb").cells, read_template(template), assignment)

    return run


def kinds(cells) -> list[tuple[str, str]]:
    return [(c.id, c.kind) for c in cells]


def by_id(result, id: str) -> Cell:
    return next(c for c in result.cells if c.id == id)


def told(result) -> str:
    return "\n".join(f.what for f in result.findings)


WHOLE = [("glue-a", "glue"), ("hole-2-1", "hole"), ("glue-b", "glue"), ("hole-2-2", "hole")]


def test_an_untouched_notebook_is_its_own_template(matched, book):
    result = matched(book)
    assert kinds(result.cells) == WHOLE
    assert by_id(result, "hole-2-1").questions == ("2.1",)
    assert by_id(result, "hole-2-2").label == "cell 7"
    assert result.findings == ()


def test_a_solved_notebook_keeps_the_students_holes_and_no_experiment(matched, book):
    result = matched(book.solve())
    assert kinds(result.cells) == WHOLE
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert "trained" not in "".join(c.source for c in result.cells)
    assert result.findings == ()


def test_without_ids_and_metadata_the_text_tells_every_cell(matched, book):
    result = matched(book.solve().strip_ids())
    assert kinds(result.cells) == WHOLE
    assert by_id(result, "hole-2-2").source == SOLVED["2.2"]
    assert result.findings == ()


def test_an_experiment_without_its_tag_is_still_not_run(matched, book):
    book.solve().write("experiment-a", TRAIN.replace("10**9", "10**7")).strip_ids()
    result = matched(book)
    assert kinds(result.cells) == WHOLE


def test_definitions_that_a_student_added_to_an_experiment_are_kept(matched, book):
    book.solve().write("experiment-a", TRAIN + "\ndef mine(x):\n    return x\n\nmine(3)")
    result = matched(book)
    extra = by_id(result, "experiment-a~9")
    assert extra.kind == "added" and extra.source == "def mine(x):\n    return x"


def test_deleted_given_cells_are_put_back(matched, book):
    result = matched(book.solve().drop("glue-a", "glue-b"))
    assert kinds(result.cells)[0] == ("glue-a", "restored")
    assert by_id(result, "glue-b").source == HELPER
    assert (
        "Given cells were missing and were put back: the one that begins `import numpy as np` and 1 more."
        in told(result)
    )


def test_a_deleted_hole_counts_as_not_attempted_and_says_so(matched, book):
    result = matched(book.solve().drop("hole-2-1"))
    assert by_id(result, "hole-2-1").kind == "restored"
    assert by_id(result, "hole-2-1").source == GAE
    (finding,) = result.findings
    assert finding.what == "2.1 gae: its cell is not in the notebook; it counts as not attempted."
    assert finding.questions == ("2.1",)


def test_an_emptied_hole_counts_as_not_attempted(matched, book):
    result = matched(book.solve().write("hole-2-1", "\n"))
    assert by_id(result, "hole-2-1").kind == "restored"
    assert "2.1 gae: its cell is empty" in told(result)


def test_reordered_cells_run_in_the_given_order(matched, book):
    book.solve()
    random.Random(3).shuffle(book.cells)
    result = matched(book)
    assert kinds(result.cells) == WHOLE
    assert "another order than given" in told(result)


def test_added_cells_follow_the_cell_that_they_followed(matched, book):
    book.solve().add("import math", after="text-a").add("def helper():\n    return 1", after="hole-2-1")
    result = matched(book)
    ids = [c.id for c in result.cells]
    assert ids == ["added-2", "glue-a", "hole-2-1", "added-6", "glue-b", "hole-2-2"]
    assert {c.kind for c in result.cells if c.id.startswith("added")} == {"added"}


def test_added_cells_move_with_the_cell_that_they_followed(matched, book):
    book.solve().add("def helper():\n    return 1", after="hole-2-2")
    book.cells = book.cells[6:9] + book.cells[:6] + book.cells[9:]
    assert [c.id for c in matched(book).cells] == ["glue-a", "hole-2-1", "glue-b", "hole-2-2", "added-2"]


def test_a_copy_with_the_work_counts_more_than_the_untouched_original(matched, book):
    book.add(SOLVED["2.1"], after="text-a", robolearn={"kind": "hole", "questions": ["2.1"]})
    result = matched(book.solve("2.2"))
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert kinds(result.cells) == WHOLE
    assert "cell 5 and cell 2 both hold it; cell 2 counts" in told(result)


def test_of_two_attempts_the_last_counts_and_the_first_keeps_its_helpers(matched, book):
    first = "def own():\n    return 2\n\n\ndef gae(rewards, gamma):\n    return own()"
    book.solve().write("hole-2-1", first)
    book.add(SOLVED["2.1"], after="check-2-1", robolearn={"kind": "hole", "questions": ["2.1"]})
    result = matched(book)
    ids = [c.id for c in result.cells]
    assert ids.index("added-4~old") < ids.index("hole-2-1")
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert "cell 6 counts" in told(result)


def test_a_second_cell_with_the_same_id_is_read_like_a_copy(matched, book):
    book.solve("2.2").add(SOLVED["2.1"])
    book.cells[-1]["id"] = "hole-2-1"
    assert by_id(matched(book), "hole-2-1").source == SOLVED["2.1"]


def test_work_in_a_new_cell_is_found_by_its_function(matched, book):
    result = matched(book.solve("2.2").drop("hole-2-1").add(SOLVED["2.1"]))
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert by_id(result, "hole-2-1").kind == "hole"


def test_an_untouched_hole_gives_way_to_a_new_cell_with_its_function(matched, book):
    result = matched(book.solve("2.2").add(SOLVED["2.1"]))
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert [c.id for c in result.cells].count("hole-2-1") == 1
    assert told(result) == "2.1 gae: cell 4 and cell 14 both hold it; cell 14 counts."


def test_a_cell_found_by_its_function_that_also_trains_keeps_only_definitions(matched, book):
    result = matched(book.drop("hole-2-1").add(SOLVED["2.1"] + "\n\nfor _ in range(10**9):\n    gae(1, 1)"))
    assert by_id(result, "hole-2-1").kind == "added"
    assert by_id(result, "hole-2-1").questions == ("2.1",)


def test_a_later_definition_of_a_solved_hole_is_told(matched, book):
    result = matched(book.solve().add("def gae(rewards, gamma):\n    return 0"))
    assert [c.id for c in result.cells][-1] == "added-14"
    assert by_id(result, "added-14").questions == ("2.1",)
    assert "2.1 gae is defined in cell 4 and cell 14; the one in cell 14 counts." in told(result)


def test_two_holes_merged_into_one_cell_are_both_found(matched, book):
    book.write("hole-2-1", SOLVED["2.1"] + "\n\n\n" + SOLVED["2.2"]).drop("hole-2-2")
    result = matched(book)
    assert by_id(result, "hole-2-1").questions == ("2.1", "2.2")
    assert [c.id for c in result.cells] == ["glue-a", "hole-2-1", "glue-b"]
    assert "2.2 loss was read from cell 4; its own cell is gone." in told(result)


def test_a_hole_solved_inside_an_experiment_is_found(matched, book):
    book.solve("2.2").write("experiment-a", TRAIN + "\n" + SOLVED["2.1"])
    result = matched(book)
    assert "hole-2-1" not in [c.id for c in result.cells]
    assert by_id(result, "experiment-a~9").questions == ("2.1",)
    assert "2.1 gae was read from cell 9; its own cell is untouched." in told(result)


def test_a_renamed_function_is_told_with_the_name_expected(matched, book):
    result = matched(book.solve().write("hole-2-1", "def gae_v2(rewards, gamma):\n    return rewards"))
    assert told(result) == "2.1 gae: cell 4 defines `gae_v2`, expected `gae`. Keep the function's name."
    assert result.findings[0].questions == ("2.1",)


def test_a_function_bound_by_assignment_is_not_called_renamed(matched, book):
    result = matched(book.solve().write("hole-2-1", "def fast(r, g):\n    return r\n\n\ngae = fast"))
    assert result.findings == ()


def test_given_helpers_lost_from_a_holes_cell_run_before_it(matched, book):
    result = matched(book.solve("2.1").write("hole-2-2", "def loss(x):\n    return scaled(x) ** 2"))
    ids = [c.id for c in result.cells]
    assert ids[-2:] == ["hole-2-2~given", "hole-2-2"]
    assert by_id(result, "hole-2-2~given").kind == "restored"


def test_a_changed_given_cell_runs_after_the_original(matched, book):
    result = matched(book.solve().write("glue-a", SETUP + "\nimport math"))
    assert kinds(result.cells)[:2] == [("glue-a", "restored"), ("glue-a~2", "glue")]
    assert "cell 2 was given and is changed" in told(result)


def test_a_given_cell_with_training_added_keeps_only_definitions(matched, book):
    result = matched(book.solve().write("glue-b", HELPER + "\nfor _ in range(10**9):\n    pass"))
    assert by_id(result, "glue-b~6").kind == "added"


def test_a_doubled_given_cell_runs_once(matched, book):
    assert kinds(matched(book.solve().add(SETUP, after="glue-a")).cells) == WHOLE


@pytest.mark.parametrize("type_", ["markdown", "raw"])
def test_a_hole_in_a_cell_of_another_type_is_graded_and_told(matched, book, type_):
    book.solve()
    book["hole-2-1"]["cell_type"] = type_
    result = matched(book)
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert f"2.1 gae: cell 4 is a {type_} cell, so your notebook never ran it" in told(result)


def test_a_syntax_error_keeps_its_cell_and_its_function(matched, book):
    broken = "def gae(rewards, gamma):\n    x = (1\n    return x"
    result = matched(book.solve().write("hole-2-1", broken).strip_ids())
    assert by_id(result, "hole-2-1").source == broken
    assert kinds(result.cells) == WHOLE


def test_magics_never_reach_the_worker(matched, book):
    result = matched(book.solve().write("hole-2-1", "%%time\n!pip install x\n" + SOLVED["2.1"]))
    assert by_id(result, "hole-2-1").source == "\npass\n" + SOLVED["2.1"]


@pytest.fixture
def answers(template, assignment):
    def run(book: Book):
        result = match(read_notebook(book.bytes(), "hw9.ipynb").cells, read_template(template), assignment)
        return written_answers(result.pairing, assignment)

    return run


def test_untouched_answers_are_empty(answers, book):
    assert answers(book) == ({"3.1": "", "3.2": ""}, ())


def test_answers_are_read_from_their_cells_without_the_placeholder(answers, book):
    book.write("written-3-1", "*Your answer to 3.1 here.*\n\nGradients.").write("written-3-2", "Noise.")
    assert answers(book) == ({"3.1": "Gradients.", "3.2": "Noise."}, ())


def test_an_answer_goes_on_in_the_cells_below(answers, book):
    book.write("written-3-1", "One.").add("Two.", after="written-3-1", type="markdown")
    assert answers(book)[0]["3.1"] == "One.\n\nTwo."


def test_a_question_that_was_put_otherwise_in_another_version_is_no_answer(answers, book):
    question = book["text-c"]
    question["source"] += "\nGive a reason."
    question["id"] = "text-of-1-0"  # ids of texts come from what they say
    assert answers(book) == ({"3.1": "", "3.2": ""}, ())
    question["source"] = "Gradients vanish where the clip holds."
    assert answers(book)[0]["3.1"] == "Gradients vanish where the clip holds."


@pytest.mark.parametrize("after", ["written-3-1", "text-c"])
def test_an_answer_beside_its_untouched_place_is_found(answers, book, after):
    text, findings = answers(book.add("Gradients.", after=after, type="markdown"))
    assert text == {"3.1": "Gradients.", "3.2": ""}
    assert "found beside its place" in findings[0].what and findings[0].questions == ("3.1",)


def test_an_answer_typed_into_the_question_is_found(answers, book):
    text, findings = answers(book.write("text-c", "Why does it learn?\n\nGradients."))
    assert text["3.1"] == "Gradients."
    assert "in the question's own text, cell 10" in findings[0].what


def test_without_ids_answers_are_found_between_their_neighbours(answers, book):
    text, findings = answers(
        book.write("written-3-1", "Gradients.").write("written-3-2", "Noise.").strip_ids()
    )
    assert text == {"3.1": "Gradients.", "3.2": "Noise."}
    assert "recognised by its place, cell 11" in findings[0].what


def test_an_answer_in_a_code_cell_is_read(answers, book):
    book.write("written-3-1", "Gradients.")["written-3-1"]["cell_type"] = "code"
    text, findings = answers(book)
    assert text["3.1"] == "Gradients." and "is a code cell" in findings[0].what


def test_a_deleted_answer_is_told(answers, book):
    text, findings = answers(book.drop("written-3-2"))
    assert text["3.2"] == "" and findings[0].what == "3.2 breaks: its cell is not in the notebook."


SCRIPT = f"""import numpy as np
import math

{SOLVED["2.1"]}


def helper(x):
    return x

{SOLVED["2.2"]}

if __name__ == "__main__":
    print(gae(np.ones(3), 0.9))
"""


def test_a_plain_script_is_matched_by_its_functions(template, assignment):
    cells = read_script(SCRIPT.encode(), "hw9.py").cells
    result = match(cells, read_template(template), assignment, script=True)
    found = {c.id: c for c in result.cells}
    assert found["hole-2-1"].source == SOLVED["2.1"]
    assert "def loss" in found["hole-2-2"].source and "__main__" not in found["hole-2-2"].source
    assert any(c.kind == "added" and "def helper" in c.source for c in result.cells)
    assert found["glue-b"].kind == "restored"


def test_a_percent_script_keeps_tags_and_text(template, assignment):
    script = f'# %% [markdown]\n# # Homework 9\n# %%\n{SETUP}\n# %%\n{SOLVED["2.1"]}\n# %% tags=["experiment"]\n{TRAIN}\n'
    cells = read_script(script.encode(), "hw9.py").cells
    assert cells[0].type == "markdown" and cells[0].source == "# Homework 9"
    result = match(cells, read_template(template), assignment, script=True)
    assert kinds(result.cells) == [
        ("glue-a", "glue"),
        ("hole-2-1", "hole"),
        ("glue-b", "restored"),
        ("hole-2-2", "restored"),
    ]


def test_an_nbconvert_script_keeps_its_text_cells(template, assignment):
    script = (
        f"#!/usr/bin/env python\n# coding: utf-8\n\n# # Homework 9\n\n# In[1]:\n\n\n{SETUP}\n\n\n# ## 2. Learn\n\n# In[ ]:\n\n\n"
        f"{SOLVED['2.1']}\n\n\n# Why does it learn?\n\n# Gradients.\n# \n# And luck.\n\n# What would break it?\n"
    )
    cells = read_script(script.encode(), "hw9.py").cells
    assert [c.type for c in cells] == ["markdown"] * 2 + ["code", "markdown", "code"] + ["markdown"] * 3
    result = match(cells, read_template(template), assignment, script=True)
    assert kinds(result.cells)[:2] == [("glue-a", "glue"), ("hole-2-1", "hole")]
    assert written_answers(result.pairing, assignment)[0]["3.1"] == "Gradients.\n\nAnd luck."


def test_thousands_of_hostile_cells_are_matched_in_seconds(matched, book):
    shuffled = sorted(SETUP) * 3
    for number in range(1500):
        random.Random(number).shuffle(shuffled)
        book.add("def gae(r, g):\n    return 1" if number % 2 else "".join(shuffled))
    start = time.process_time()
    result = matched(book.solve("2.2"))
    assert time.process_time() - start < 10  # about 0.5 s on an idle machine
    assert told(result) == "2.1 gae: cell 4 and 749 more cells and cell 1513 both hold it; cell 1513 counts."


@pytest.mark.parametrize(
    "line", ["# %%" + "a" * 200_000, "-" * 200_000, "# %% x=" + "[" * 100_000, "#" + " " * 200_000]
)
def test_hostile_lines_of_a_script_cost_little(line):
    start = time.process_time()
    read_script((line + "\n" + line).encode(), "hw9.py")
    assert time.process_time() - start < 3


def test_an_experiment_of_the_students_own_changes_no_constants(matched, book):
    result = matched(book.solve().add("SCALE = 9.0\n\n\ndef mine():\n    return 1", tags=["experiment"]))
    assert by_id(result, "added-14").source == "def mine():\n    return 1"


@pytest.mark.parametrize("seed", range(12))
def test_ids_that_a_tool_mixed_up_cost_nothing(matched, book, assignment, seed):
    book.solve().write("written-3-1", "Because it must.").write("written-3-2", "A wall.")
    cells = [cell for cell in book.cells if not cell["id"].startswith("written")]  # answers tell nothing
    marks = [(cell["id"], cell["metadata"]) for cell in cells]
    random.Random(seed).shuffle(marks)
    for cell, (id, metadata) in zip(cells, marks):
        cell["id"], cell["metadata"] = id, metadata
    result = matched(book)
    for question, id in (("2.1", "hole-2-1"), ("2.2", "hole-2-2")):
        assert (by_id(result, id).source, by_id(result, id).kind) == (SOLVED[question], "hole")
    assert [by_id(result, id).source for id in ("glue-a", "glue-b")] == [SETUP, HELPER]
    assert "trained" not in "".join(c.source for c in result.cells)
    assert written_answers(result.pairing, assignment)[0] == {"3.1": "Because it must.", "3.2": "A wall."}


def test_text_under_a_holes_id_is_no_attempt_at_it(matched, book):
    book.solve()
    book["text-c"]["id"], book["hole-2-1"]["id"] = "hole-2-1", "text-c"
    book["check-2-1"]["metadata"] = {}
    result = matched(book)
    assert by_id(result, "hole-2-1").source == SOLVED["2.1"]
    assert result.findings == ()
