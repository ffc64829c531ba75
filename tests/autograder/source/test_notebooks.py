from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.course import Course
from autograder.errors import AuthoringError
from autograder.source.document import read_source
from autograder.source.notebooks import placeholder, solved_notebook_of, starter_notebook_of

SLUG = "hw9_tiny"
GOLDEN = Path(__file__).parent / "golden"


def cells_of(data: bytes) -> dict[str, dict[str, Any]]:
    cells = json.loads(data)["cells"]
    assert len({c["id"] for c in cells}) == len(cells)
    return {c["id"]: c for c in cells}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, text.count(old)
    path.write_text(text.replace(old, new))


def refused(course: Course) -> str:
    with pytest.raises(AuthoringError) as error:
        starter_notebook_of(read_source(course, SLUG))
    return str(error.value)


@pytest.mark.parametrize(("name", "make"), [("starter", starter_notebook_of), ("solved", solved_notebook_of)])
def test_notebooks_are_these_very_bytes(course: Course, name: str, make: Any) -> None:
    made = make(read_source(course, SLUG))
    assert made.decode() == (GOLDEN / f"{name}.ipynb").read_text()
    assert made == make(read_source(course, SLUG))


@pytest.mark.parametrize("make", [starter_notebook_of, solved_notebook_of])
def test_notebooks_are_valid_and_carry_no_trace_of_their_making(course: Course, make: Any) -> None:
    made = make(read_source(course, SLUG)).decode()
    notebook = nbformat.reads(made, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "jupytext" not in made and "lines_to_next_cell" not in made
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert all(c.outputs == [] and c.execution_count is None for c in code)
    assert "BEGIN SOLUTION 1.1" not in made and "HINT:" not in made


def test_cells_have_their_kind_and_their_questions(course: Course) -> None:
    notebook = json.loads(starter_notebook_of(read_source(course, SLUG)))
    kinds = [
        (c["metadata"]["robolearn"]["kind"], *c["metadata"]["robolearn"]["questions"])
        for c in notebook["cells"]
    ]
    assert kinds == [
        ("text",), ("text",), ("glue",), ("hole", "1.1"), ("check", "1.1"), ("text",), ("hole", "1.2"),
        ("check", "1.2"), ("experiment",), ("check", "2"), ("experiment",), ("glue",), ("glue",), ("text",),
        ("written", "3.1"), ("check", "1.10"),
    ]  # fmt: skip


def test_ids_come_from_labels_and_text_and_repeats_are_counted(course: Course) -> None:
    source = read_source(course, SLUG)
    ids = list(cells_of(starter_notebook_of(source)))
    assert {"hole-1-1", "hole-1-2", "check-1-1", "check-1-10", "check-2", "written-3-1"} <= set(ids)
    repeated = [i for i in ids if i.endswith("-2") and i.startswith("glue-")]
    assert len(repeated) == 1 and repeated[0].removesuffix("-2") in ids
    assert list(cells_of(solved_notebook_of(source))) == ids


def test_an_earlier_cell_that_changes_leaves_the_other_ids_alone(course: Course, source_path: Path) -> None:
    before = set(cells_of(starter_notebook_of(read_source(course, SLUG))))
    edit(source_path, "# ## Again", "# ## Once more")
    after = set(cells_of(starter_notebook_of(read_source(course, SLUG))))
    assert len(before - after) == len(after - before) == 1


def test_the_model_answer_is_in_the_solved_notebook_alone(course: Course) -> None:
    source = read_source(course, SLUG)
    answer = "Because two is the number of its halves."
    assert cells_of(solved_notebook_of(source))["written-3-1"]["source"] == [answer]
    starter = starter_notebook_of(source)
    assert (
        cells_of(starter)["written-3-1"]["source"] == [placeholder("3.1")] == ["*Your answer to 3.1 here.*"]
    )
    assert answer not in starter.decode()


def test_nbgrader_metadata_is_of_schema_3_with_unique_ids(course: Course) -> None:
    cells = cells_of(starter_notebook_of(read_source(course, SLUG)))
    found = {c["metadata"]["nbgrader"]["grade_id"]: c for c in cells.values() if "nbgrader" in c["metadata"]}
    ids = ["hole-1-1", "check-1-1", "hole-1-2", "check-1-2", "check-2", "written-3-1", "check-1-10"]
    assert list(found) == ids
    for grade_id, cell in found.items():
        metadata = cell["metadata"]["nbgrader"]
        kind = grade_id.split("-")[0]
        assert set(metadata) - {"points"} == {
            "cell_type", "grade", "grade_id", "locked", "schema_version", "solution", "task",
        }  # fmt: skip
        assert metadata["cell_type"] == cell["cell_type"] and metadata["schema_version"] == 3
        assert metadata["solution"] == (kind in ("hole", "written")) == (not metadata["locked"])
        assert metadata["grade"] == (kind in ("check", "written")) == ("points" in metadata)
    assert found["check-1-2"]["metadata"]["nbgrader"]["points"] == 3.0
    assert found["written-3-1"]["metadata"]["nbgrader"]["points"] == 1.5


def test_the_grading_section_follows_the_title_and_says_what_the_manifest_says(course: Course) -> None:
    section = "".join(json.loads(starter_notebook_of(read_source(course, SLUG)))["cells"][1]["source"])
    assert section.startswith("## How will this notebook be graded?\n")
    assert "| 1.1 | Double a number | 2 | tests | 2.5 s of CPU, 700 MB |" in section
    assert "| 1.2 | Quadruple a number \\| twice | 3 | tests |" in section
    assert "| 1.10 | Plan in a further file | +4 | tests |" in section
    assert "| 2 | Hand in a policy | 1 | tests of a file `policy.npz` |" in section
    assert "| 3.1 | Why twice | 1.5 | read by a person |  |" in section
    assert "7.5 points, and 4 bonus points." in section
    assert "Questions that build on an earlier one (1.2)" in section
    assert "`policy.npz` (2): an experiment writes it" in section
    assert 'A cell such as `check("1.1")`' in section


def test_an_attachment_travels_inside_the_notebook(course: Course) -> None:
    title = json.loads(starter_notebook_of(read_source(course, SLUG)))["cells"][0]
    assert title["attachments"]["square.png"]["image/png"].startswith("iVBORw0KGgo")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "attachment:square.png",
            "attachment:lost.png",
            ":1: attachment:lost.png is neither in hw9_tiny/ nor in",
        ),
        ("# # Homework 9: Tiny", "# Homework 9: Tiny", ":1: the first cell is the title"),
        ('check("2")', 'check("3.1")', "check('3.1'): no code or artifact question of the manifest"),
        ('check("2")', 'check("7")', "check('7'): no code or artifact question of the manifest"),
        ('written="3.1"', 'written="3.2"', "written='3.2' is no written question of the manifest (3.1)"),
        ('written="3.1"', 'written="1.1"', "written='1.1' is no written question of the manifest (3.1)"),
        ('[markdown] written="3.1"', "[markdown]", "written question '3.1 why' has no answer"),
        ("# Because two is the number of its halves.", "", "the model answer to '3.1' is empty"),
        (
            "# ## Words",
            '# x\n\n# %% [markdown] written="3.1"\n# y',
            "two answers to '3.1', the first at line 72; keep one",
        ),
        ("# %%\ndef double", '# %% tags=["experiment"]\ndef double', "hole 1.1 double in an experiment cell"),
    ],
)
def test_a_source_that_is_off_makes_no_notebook(
    course: Course, source_path: Path, old: str, new: str, message: str
) -> None:
    edit(source_path, old, new)
    assert message in refused(course)


def test_a_question_without_a_hole_is_named_unless_the_source_is_still_being_written(
    course: Course, source_path: Path
) -> None:
    text = source_path.read_text()
    start = text.index("        ### BEGIN SOLUTION 1.2")
    end = text.index("        ### END SOLUTION 1.2 quadruple\n")
    source_path.write_text(text[:start] + text[end:].replace("        ### END SOLUTION 1.2 quadruple\n", ""))
    assert "code question '1.2 quadruple' has no hole; write `### BEGIN SOLUTION 1.2 quadruple`" in refused(
        course
    )
    read_source(course, SLUG, complete=False)


def test_a_hole_cut_in_two_files_is_refused(course: Course) -> None:
    planner = course.solution(SLUG) / "planner.py"
    planner.write_text(planner.read_text().replace("1.10 plan", "1.1 double"))
    assert "planner.py:8: hole '1.1 double' is cut in hw9_tiny.py too; one hole per id" in refused(course)


def test_a_further_file_that_is_not_there_is_named(course: Course) -> None:
    (course.solution(SLUG) / "planner.py").unlink()
    assert "planner.py:1: no such file; the manifest asks for it" in refused(course)


def test_a_source_that_is_no_utf8_is_refused(course: Course, source_path: Path) -> None:
    source_path.write_bytes(source_path.read_bytes() + b"\xff")
    assert "hw9_tiny.py:1: not UTF-8 text" in refused(course)


def test_windows_line_ends_make_the_same_notebook(course: Course, source_path: Path) -> None:
    before = starter_notebook_of(read_source(course, SLUG))
    source_path.write_bytes(source_path.read_bytes().replace(b"\n", b"\r\n"))
    assert starter_notebook_of(read_source(course, SLUG)) == before
