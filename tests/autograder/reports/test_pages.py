"""Pages: what a student and a TA see, what a student must not see, and what cannot act on the reader."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from autograder.reports import write_reports
from autograder.reports.lms import canvas_csv, gradescope_results, moodle_csv
from autograder.reports.notebook_html import UnreadableNotebook, notebook_fragment
from autograder.reports.pages import class_html, feedback_html, feedback_text
from autograder.reports.publish import keep_notebook, kept_notebook
from autograder.reports.wording import plain, points, safe_file_name
from autograder.results import (
    Attachment,
    Finding,
    Outcome,
    Person,
    QuestionResult,
    SubmissionResult,
    TestResult,
    from_dict,
    to_dict,
)

SECRET = "expected 41.7 from test_hidden_name"


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def a_test(outcome: Outcome, earned: float, possible: float, **words: str) -> TestResult:
    return TestResult("test_hidden_name", "The title", True, outcome, earned, possible, **words)


PASSED = QuestionResult(
    "1.1", "f", "First", "code", Outcome.PASSED, 4, 4,
    tests=(a_test(Outcome.PASSED, 4, 4),), attachments=(Attachment("curve", "image/png", png(), "A curve"),),
)  # fmt: skip
FAILED = QuestionResult(
    "1.2", "g", "Second", "code", Outcome.FAILED, 1, 3,
    tests=(a_test(Outcome.FAILED, 1, 3, message="The values differ.", hint="Look at the sign.", detail=SECRET,
                  student_error="ValueError: <script>alert(1)</script>"),),
)  # fmt: skip
WRITTEN = QuestionResult("9.1", "w", "Words", "written", Outcome.AWAITING_TA, 0, 2, answer="<b>mine</b>")


def result(person: str = "ada", *questions: QuestionResult, **fields: object) -> SubmissionResult:
    base = SubmissionResult(
        Person(person, person.title(), f"{person}@example.org"), "hw1", "1.0.0", "a" * 64, "b" * 64, "c" * 64,
        "d" * 64, "A", questions or (PASSED, FAILED, WRITTEN),
    )  # fmt: skip
    return replace(base, **fields)  # type: ignore[arg-type]


def test_results_survive_json() -> None:
    whole = result(findings=(Finding("Cell 3 was doubled.", ("1.1",)),))
    assert from_dict(json.loads(json.dumps(to_dict(whole)))) == whole


def test_bonus_is_earned_but_not_asked_for() -> None:
    with_bonus = result("ada", PASSED, replace(FAILED, bonus=True))
    assert (with_bonus.points, with_bonus.possible) == (5, 4)


def test_the_student_sees_title_message_and_hint_and_nothing_of_the_hidden_test() -> None:
    for page in (feedback_html(result(), "HW"), feedback_text(result(), "HW")):
        assert "The values differ." in page
        assert "Look at the sign." in page
        assert "41.7" not in page
        assert "test_hidden_name" not in page


def test_the_ta_sees_everything() -> None:
    page = feedback_html(result(), "HW", for_ta=True)
    assert SECRET in page
    assert "not for the student" in page


def test_what_a_student_wrote_is_escaped_and_scripts_are_forbidden() -> None:
    public = replace(FAILED, tests=tuple(replace(test, hidden=False) for test in FAILED.tests))
    page = feedback_html(result("ada", public, WRITTEN), "HW")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert "&lt;b&gt;mine&lt;/b&gt;" in page


def test_the_class_page_lists_what_needs_a_person() -> None:
    broken = result("bob", fields_error := replace(PASSED, outcome=Outcome.GRADER_ERROR, points=0))
    unreadable = replace(result("eve"), questions=(), error="not a zip")
    page = class_html(
        [result(), broken, unreadable], "HW", {p: f"ta/{p}.html" for p in ("ada", "bob", "eve")}
    )
    attention = page[page.index("For a person to look at") : page.index("Per question")]
    assert attention.index("1.1 grader error") < attention.index("could not be read")
    assert fields_error.title in page
    assert "ta/eve.html" in attention


def test_a_class_of_none_still_has_a_page() -> None:
    assert "graded" in class_html([], "HW", {})


NOTEBOOK = {
    "nbformat": 4,
    "cells": [
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["Let $\\gamma < 1$.\n", "<script>x()</script>"]},
        {
            "cell_type": "code", "id": "hole-1-2", "metadata": {}, "source": "price = '$5 and $6'",
            "outputs": [
                {"output_type": "display_data", "data": {"text/html": "<script>y()</script>", "text/plain": "shown"}},
                {"output_type": "stream", "name": "stdout", "text": "z" * 100_000},
            ],
        },
    ],
}  # fmt: skip


def test_headings_tables_and_paragraphs_stay_and_handlers_go() -> None:
    source = "# Title\n\nA *word*.\n\n|a|b|\n|-|-|\n|1|2|\n\n<img src=x onerror=alert(1)> <a href='javascript:x()'>y</a>"
    cells = {"cells": [{"cell_type": "markdown", "source": source}]}
    html = notebook_fragment(json.dumps(cells).encode(), {}, {})
    for tag in ("<h1", "<p>", "<em>", "<table", "<td>1</td>"):
        assert tag in html
    assert "onerror" not in html.replace("&lt;", "")
    assert "javascript" not in html
    assert "anchor-link" not in html


@pytest.mark.parametrize("kind", ["code", "markdown", "raw"])
def test_code_reads_as_it_runs(kind: str) -> None:
    cells = [{"cell_type": kind, "source": "allowed = 1 # \u202e \u2066 if admin", "metadata": {}}]
    page = notebook_fragment(json.dumps({"cells": cells}).encode(), {}, {})
    assert "\u202e" not in page and "\u2066" not in page
    assert "[U+202E] [U+2066]" in page


@pytest.mark.parametrize(
    ("markdown", "gone", "stays"),
    [
        (r"$\text{<script>alert(1)</script>}$", "<script", "&lt;script&gt;"),
        (r"$\href{javascript:alert(1)}{x}$", "javascript", "<mi>x</mi>"),
        (r"$\class{a}{x}$ $\color{red}{y}$ $\style{b}{z}$", "class=", "<mi>y</mi>"),
        ('<a href="https://x.org/$x$">y</a>', "<math", 'href="https://x.org/$x$"'),
        ("<a href='https://x.org/>$a$'>y</a>", "<math", "$a$"),
        ("[x](data:text/html;base64,PHM+)", "data:", "<a>x</a>"),
        ("<img src='https://x.org/beacon.png' alt='a curve'>", "x.org", "a curve"),
        ("![p](data:image/png;base64,AAAA)", "<script", 'src="data:image/png;base64,AAAA"'),
        (r"$a < \frac{b}{2}$", "frac{", "<mo>&lt;</mo><mfrac>"),
    ],
)
def test_formulas_links_and_pictures_cannot_act(markdown: str, gone: str, stays: str) -> None:
    cells = [{"cell_type": "markdown", "source": markdown, "metadata": {}}]
    page = notebook_fragment(json.dumps({"cells": cells}).encode(), {}, {}).replace("class='text'", "")
    assert gone not in page
    assert stays in page


def test_the_notebook_has_scores_beside_cells_and_mathematics_without_a_script() -> None:
    html = notebook_fragment(json.dumps(NOTEBOOK).encode(), {"1.2": "<b>BADGE</b>"}, {"hole-1-2": "1.2"})
    assert html.index("<b>BADGE</b>") < html.index("price")
    assert "<math" in html
    assert "<script" not in html
    assert "$5 and $6" in html  # money in code is not mathematics
    assert "shown" in html
    assert len(html) < 40_000  # a flood of output is cut


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"cells": 3}', b"\xff\xff", b"[" * 100_000])
def test_a_damaged_notebook_is_a_clear_error(damage: bytes) -> None:
    with pytest.raises(UnreadableNotebook):
        notebook_fragment(damage, {}, {})


def test_pages_are_written_for_everyone_and_names_never_collide(tmp_path: Path) -> None:
    template = json.dumps(
        {"cells": [{"id": "hole-1-2", "metadata": {"robolearn": {"kind": "hole", "questions": ["1.2"]}}}]}
    )
    notebooks = {"a/b": json.dumps(NOTEBOOK).encode(), "a b": b"damaged"}
    paths = write_reports(
        [result("a/b"), result("a b")], tmp_path, title="HW", template=template.encode(),
        notebook_of=lambda r: notebooks[r.person.id],
    )  # fmt: skip
    assert sorted(p.name for p in paths.feedback.iterdir()) == [
        "a_b.html",
        "a_b.txt",
        "a_b_2.html",
        "a_b_2.txt",
    ]
    assert "price" in (paths.feedback / "a_b.html").read_text()
    assert "as handed in" not in (paths.feedback / "a_b_2.html").read_text()
    assert 'href="ta/a_b_2.html"' in paths.class_page.read_text()


def test_gradescope_gets_one_entry_a_question() -> None:
    data = gradescope_results(result(findings=(Finding("A cell was doubled."),)), "HW")
    assert [t["number"] for t in data["tests"]] == ["1.1", "1.2", "9.1"]
    assert data["score"] == 5
    assert "status" not in data["tests"][2]  # nobody has read it: neither passed nor failed
    assert "Hint: Look at the sign." in data["tests"][1]["output"]
    assert "A cell was doubled." in data["output"]
    assert "41.7" not in json.dumps(data)
    assert gradescope_results(result(error="not a zip"), "HW")["score"] == 0.0


def test_spreadsheets_get_no_formulas() -> None:
    evil = replace(result(), person=Person("1", '=HYPERLINK("x")', "e"))
    assert "'=HYPERLINK" in canvas_csv([evil], "HW")
    assert "'=HYPERLINK" in moodle_csv([evil], "HW")
    assert "Participant 1," in moodle_csv([evil], "HW")


def test_words_and_names() -> None:
    assert [points(x) for x in (3.0, 2.5, 1 / 3, 0.0)] == ["3", "2.5", "0.33", "0"]
    assert plain("a\x1b[31mred\u202e\x00\n") == "ared\n"
    assert plain("x" * 20, 5).startswith("xxxxx\n... (15 more")
    assert safe_file_name("../Zoë Ångström\n") == "Zoe_Angstrom"
    assert safe_file_name("..") == "submission"


def test_the_graded_notebook_is_kept_once_and_found_again(tmp_path: Path) -> None:
    keep_notebook(tmp_path, "d1", lambda: b"first")
    keep_notebook(tmp_path, "d1", lambda: b"second")
    keep_notebook(tmp_path, "d2", lambda: None)
    assert kept_notebook(tmp_path, "d1") == b"first"
    assert kept_notebook(tmp_path, "d2") is None
    assert [p.name for p in (tmp_path / "notebooks").iterdir()] == ["d1.ipynb"]
