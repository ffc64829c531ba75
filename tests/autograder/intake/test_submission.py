from __future__ import annotations

import copy
import errno
import io
import json
import os
import random
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.course import Kind, Question
from autograder.intake import find_submissions, read_submission
from autograder.intake import submission as submission_module
from autograder.intake.notebook import read_notebook

from .conftest import SOLVED, Book


def zipped(path: Path, files: dict[str, bytes], **kwargs) -> Path:
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def read(tmp_path, template, assignment):
    def run(data, name: str = "ada.ipynb", assignment=assignment, **kwargs):
        path = tmp_path / name
        if isinstance(data, dict):
            zipped(path, data)
        else:
            path.write_bytes(data)
        (source,) = find_submissions(path, assignment)
        return read_submission(source, assignment, template, **kwargs)

    return run


def what(submission) -> str:
    return "\n".join(f.what for f in submission.findings)


def test_a_notebook_becomes_code_answers_and_a_digest(read, book):
    submission = read(book.solve().write("written-3-1", "Gradients.").bytes())
    assert submission.error == "" and submission.findings == ()
    assert submission.person.id == "ada" and len(submission.digest) == 64
    assert [c.id for c in submission.code.cells] == ["glue-a", "hole-2-1", "glue-b", "hole-2-2"]
    assert submission.answers == {"3.1": "Gradients.", "3.2": ""}
    assert submission.code.files == {"map.csv": b"1,2\n"}


def test_the_same_content_has_the_same_digest_however_it_is_packed(read, book, tmp_path):
    data = book.solve().bytes()
    noisy = json.dumps(json.loads(data), indent=3).encode()
    alone = read(data)
    packed = [
        read({"x/hw9.ipynb": noisy}, "bob.zip"),
        read({"hw9.ipynb": data, "__MACOSX/._hw9.ipynb": b"x"}, "cy.zip"),
    ]
    assert {alone.digest} == {p.digest for p in packed}
    assert read(book.write("hole-2-1", SOLVED["2.1"] + " + 0").bytes()).digest != alone.digest
    assert read(book.solve().write("written-3-1", "More.").bytes()).digest != alone.digest


def test_nothing_stays_on_disk(read, book, tmp_path, monkeypatch):
    import tempfile

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    read({"hw9.ipynb": book.bytes()}, "ada.zip")
    assert not list((tmp_path / "scratch").iterdir())


NOT_NOTEBOOKS = {
    b"": "the file is empty",
    b"%PDF-1.7 x": "it is a PDF",
    b"<!doctype html><html>": "it is a web page",
    b"PK\x03\x04": "a zip archive with another name",
    b'{"cells": [': "its JSON breaks off or is damaged at line 1",
    b'{"cells": [],\n<<<<<<< HEAD\n}': "line 2 is left from a git merge (<<<<<<<)",
    b"[1, 2]": "its JSON is a list",
    b'{"a": 1}': "it has no list of cells",
    b'{"cells": ' + b"[" * 100_000: "nested too deeply",
}


@pytest.mark.parametrize("data", NOT_NOTEBOOKS, ids=list(NOT_NOTEBOOKS.values()))
def test_what_is_no_notebook_is_an_error_that_says_what_it_is(read, data):
    submission = read(data)
    assert submission.error.startswith("ada.ipynb: not a notebook: ")
    assert NOT_NOTEBOOKS[data] in submission.error and "\n  Next: " in submission.error
    assert submission.code.cells == () and submission.digest


def test_a_broken_zip_is_an_error(read):
    assert "damaged" in read(b"PK nothing", "ada.zip").error


def test_where_everything_was_refused_the_reasons_are_told(read):
    error = read({"../hw9.ipynb": b"x", "mine/inner.zip": b"x"}, "ada.zip").error
    assert error.startswith("no notebook in the submission; found mine/inner.zip, expected hw9.ipynb.\n  Next: ")
    assert "\n  '../hw9.ipynb' was not read: it points outside the archive (..)." in error
    assert "\n  'mine/inner.zip' is an archive inside an archive and was not opened." in error


def test_an_empty_zip_names_what_was_expected(read):
    error = read({"readme.txt": b"x"}, "ada.zip").error
    assert error.startswith("no notebook in the submission; found readme.txt, expected hw9.ipynb.\n  Next: ")


def test_refused_entries_are_told_and_cost_nothing_else(read, book):
    submission = read({"hw9.ipynb": book.bytes(), "../x.py": b"x"}, "ada.zip")
    assert submission.error == "" and "'../x.py' was not read: it points outside" in what(submission)


def test_an_archive_in_an_archive_stays_closed(read, book):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("hw9.ipynb", book.bytes())
    submission = read({"hw9.ipynb": book.bytes(), "again.zip": inner.getvalue()}, "ada.zip")
    assert "'again.zip' is an archive inside an archive and was not opened." in what(submission)


def test_of_several_notebooks_the_one_with_the_work_is_graded(read, book):
    files = {
        "hw9.ipynb": book.bytes(),
        "hw9-Copy1.ipynb": book.solve().bytes(),
        "other.ipynb": b'{"cells": []}',
    }
    submission = read(files, "ada.zip")
    assert submission.code.cells[1].source == SOLVED["2.1"]
    assert "hw9-Copy1.ipynb was graded; left out: hw9.ipynb, other.ipynb." in what(submission)


def test_of_equal_notebooks_the_one_with_the_right_name_is_graded(read, book):
    submission = read({"old/zz.ipynb": book.bytes(), "hw9.ipynb": book.bytes()}, "ada.zip")
    assert "hw9.ipynb was graded; left out: old/zz.ipynb." in what(submission)


def test_an_unreadable_second_notebook_is_told(read, book):
    assert "not a notebook" in what(read({"hw9.ipynb": book.bytes(), "b.ipynb": b"{"}, "ada.zip"))


def test_a_script_is_graded_where_there_is_no_notebook(read):
    submission = read(f"{SOLVED['2.1']}\n\n{SOLVED['2.2']}\n".encode(), "ada.py")
    assert {"hole-2-1", "hole-2-2"} <= {c.id for c in submission.code.cells}
    assert submission.error == ""


def test_a_notebook_of_another_assignment_is_told(read, book):
    book.metadata["robolearn"]["assignment"] = "hw3"
    assert "The notebook says that it is of hw3, not hw9." in what(read(book.bytes()))


@pytest.fixture
def with_files(assignment):
    artifact = Question("4.1", "policy", "Policy", 3, Kind.ARTIFACT, artifact="policy.npz")
    return replace(assignment, files=("model.py",), questions=(*assignment.questions, artifact))


def test_named_files_and_own_modules_travel_with_the_code(read, book, with_files):
    files = {
        "hw9/hw9.ipynb": book.bytes(), "hw9/model.py": b"A = 1", "hw9/out/policy.npz": b"npz", "hw9/mine.py": b"B = 2",
        "hw9/numpy.py": b"evil", "hw9/random.py": b"evil", "hw9/test_x.py": b"", "hw9/tests/test_y.py": b"", "hw9/big.bin": b"x",
    }  # fmt: skip
    submission = read(files, "ada.zip", assignment=with_files)
    assert submission.code.files == {
        "map.csv": b"1,2\n",
        "model.py": b"A = 1",
        "policy.npz": b"npz",
        "mine.py": b"B = 2",
    }
    assert what(submission) == "Your own module mine.py was taken along."


def test_missing_files_are_told_and_the_starters_stand_in(read, book, with_files):
    submission = read(book.bytes(), assignment=with_files, starter={"model.py": b"A = 0"})
    assert submission.code.files["model.py"] == b"A = 0"
    assert [(f.what, f.questions) for f in submission.findings] == [
        ("model.py was not handed in.", ()), ("policy.npz was not handed in.", ("4.1",)),
    ]  # fmt: skip


def test_a_canvas_students_loose_files_belong_together(tmp_path, template, with_files, book):
    root = tmp_path / "submissions"
    root.mkdir()
    (root / "lovelaceada_11_21_hw9-2.ipynb").write_bytes(book.solve().bytes())
    (root / "lovelaceada_11_22_policy-2.npz").write_bytes(b"npz")
    (root / "hopper_12_23_hw9.ipynb").write_bytes(book.bytes())
    sources = find_submissions(root, with_files)
    submission = read_submission(sources[0], with_files, template)
    assert submission.code.files["policy.npz"] == b"npz"
    assert submission.code.cells[1].source == SOLVED["2.1"]


def test_every_member_of_an_export_in_a_zip_is_read(tmp_path, template, assignment, book):
    inner = zipped(tmp_path / "inner.zip", {"hw9.ipynb": book.solve().bytes()}).read_bytes()
    export = zipped(tmp_path / "export.zip", {
        "Ada L_1_assignsubmission_file_/hw9.zip": inner,
        "Bob B_2_assignsubmission_file_/hw9.ipynb": book.bytes(),
        "Cy C_3_assignsubmission_file_/readme.txt": b"x",
    })  # fmt: skip
    read = [read_submission(s, assignment, template) for s in find_submissions(export, assignment)]
    assert [bool(s.error) for s in read] == [False, False, True]
    assert read[0].digest == read[1].digest


def test_links_in_a_students_folder_are_refused(tmp_path, template, assignment, book):
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "hw9.ipynb").write_bytes(book.bytes())
    (folder / "mine.py").symlink_to("/etc/passwd")
    (source,) = find_submissions(folder, assignment)
    submission = read_submission(source, assignment, template)
    assert (
        "'mine.py' was not read: it is a link" in what(submission) and "mine.py" not in submission.code.files
    )


def test_a_notebook_saved_by_colab_is_read(read, book):
    raw = book.solve().dict()
    raw["nbformat_minor"], raw["metadata"] = (
        0,
        {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}},
    )
    for number, cell in enumerate(raw["cells"]):
        cell["metadata"] = {
            "id": f"x9Kd{number}",
            "colab": {"base_uri": "https://localhost:8080/"},
            "outputId": "1",
        }
        cell["source"] = cell["source"].splitlines(keepends=True)
        del cell["id"]
    submission = read(json.dumps(raw).encode())
    assert [c.id for c in submission.code.cells] == ["glue-a", "hole-2-1", "glue-b", "hole-2-2"]
    assert submission.findings == ()


def test_nbformat_3_and_byte_order_marks_and_carriage_returns_are_read(read, book):
    cells = [
        {
            "cell_type": c["cell_type"],
            "metadata": {},
            ("input" if c["cell_type"] == "code" else "source"): c["source"],
        }
        for c in book.solve().cells
    ]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}
    submission = read(b"\xef\xbb\xbf" + json.dumps(old).replace("\\n", "\\r\\n").encode())
    assert submission.code.cells[1].source == SOLVED["2.1"] and submission.findings == ()
    assert read(json.dumps(old).encode("utf-16")).code.cells[1].source == SOLVED["2.1"]


def test_outputs_of_fifty_megabytes_are_left_out_quickly(read, book):
    book.solve()
    book["experiment-a"]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ['loss [1, 2] "q"\n'] * 2_000_000}
    ]
    book["hole-2-1"]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "small"}]
    data = book.bytes()
    assert len(data) > 45_000_000
    start = time.process_time()
    submission = read(data)
    assert time.process_time() - start < 8  # about 1 s on an idle machine
    assert "The outputs of 1 cells were too large to keep" in what(submission)
    assert (
        len(submission.code.cells) == 4
        and len(submission.notebook) < 20_000
        and b"small" in submission.notebook
    )


def test_an_avalanche_of_lists_is_refused_in_bounded_memory(read, book):
    data = book.bytes()[:-1] + b', "x": [' + b"[]," * 500_000 + b"0]}"
    assert "lists and objects besides its outputs" in read(data).error


def test_too_many_cells_and_giant_cells_are_told(read, book):
    book.solve().add("x = 1\n" * 300_000)
    book.cells += [{"cell_type": "code", "source": "pass"}] * 3000
    submission = read(book.bytes().replace(b'"new-13"', b'"n"'))
    assert "the first 3000 were read" in what(submission) and "cell 14 has 1800000 characters" in what(
        submission
    )


def test_the_notebook_for_people_is_valid_and_carries_the_starters_ids(read, book):
    book.solve().strip_ids().add("mine = 1")
    book.cells[3]["outputs"] = [
        {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}, "execution_count": 3},
        {"output_type": "execute_result", "data": {"text/plain": "2"}},  # it lacks what nbformat asks for
        {"output_type": "stream", "name": 3, "text": {"bad": 1}}, {"output_type": "nonsense"}, 7,
    ]  # fmt: skip
    notebook = nbformat.reads(read(book.bytes()).notebook.decode(), as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[3]["id"] == "hole-2-1" and notebook.cells[3].metadata.robolearn.questions == ["2.1"]
    assert notebook.cells[3].source == SOLVED["2.1"] and len(notebook.cells[3].outputs) == 3
    assert notebook.cells[-1]["id"] == "student-14"


def test_a_failure_of_the_reader_itself_is_no_property_of_the_submission(read, book, monkeypatch):
    monkeypatch.setattr("autograder.intake.submission.match", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read(book.bytes())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EACCES, errno.EIO])
def test_a_full_disk_is_not_a_damaged_submission(read, book, monkeypatch, number):
    opens = os.open

    def refuse(path, flags, *args, **kwargs):
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return opens(path, flags, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr("autograder.intake.archive.os.open", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            read({"hw9.ipynb": book.bytes()}, "ada.zip")
    assert read({"hw9.ipynb": book.bytes()}, "ada.zip").error == ""


def test_a_file_that_vanished_or_may_not_be_read_is_not_the_students_fault(tmp_path, assignment, template, book):
    for name, data in (("ada.ipynb", book.bytes()), ("bob.zip", b"PK")):
        path = tmp_path / name
        path.write_bytes(data)
        [source] = find_submissions(path, assignment)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            read_submission(source, assignment, template)


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path, assignment, template, book, monkeypatch):
    path = tmp_path / "ada.ipynb"
    path.write_bytes(book.solve().bytes()[:500])  # still being copied
    [source] = find_submissions(path, assignment)
    whole, times = submission_module._read, []

    def arrives(*args):
        times.append(1)
        if len(times) == 1:
            path.write_bytes(book.bytes())
        return whole(*args)

    monkeypatch.setattr(submission_module, "_read", arrives)
    submission = read_submission(source, assignment, template)
    assert (len(times), submission.error) == (2, "")

    def never_still(*args):
        path.write_bytes(path.read_bytes() + b" ")
        return whole(*args)

    monkeypatch.setattr(submission_module, "_read", never_still)
    with pytest.raises(OSError, match=r"ada\.ipynb was written to while it was read, 3 times"):
        read_submission(source, assignment, template)


def _damage(raw: dict, draw) -> None:
    """Change one thing somewhere in a notebook."""
    cells = raw["cells"]
    cell = draw(st.sampled_from(cells)) if cells else {}
    kind = draw(st.integers(0, 7))
    junk = draw(
        st.sampled_from(
            [None, 3, [], {}, "x", ["a", 3], "\ud800", {"robolearn": 3}, {"robolearn": {"questions": [3]}}]
        )
    )
    if kind == 0 and cell:
        cell[draw(st.sampled_from(["id", "source", "metadata", "cell_type", "outputs"]))] = junk
    elif kind == 1 and cells:
        cells.remove(cell)
    elif kind == 2 and cells:
        cells.append(copy.deepcopy(cell))
    elif kind == 3:
        random.Random(draw(st.integers(0, 99))).shuffle(cells)
    elif kind == 4 and cell and isinstance(cell.get("source"), str):
        at = draw(st.integers(0, len(cell["source"])))
        cell["source"] = (
            cell["source"][:at] + draw(st.text(max_size=8)) + cell["source"][at + draw(st.integers(0, 20)) :]
        )
    elif kind == 5:
        cells.insert(0, junk)
    elif kind == 6 and cell:
        cell.pop(draw(st.sampled_from(sorted(cell, key=str))))
    elif kind == 7 and cell:
        cell["metadata"] = {}


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(data=st.data())
def test_a_mutated_notebook_is_always_read(tmp_path, template, assignment, data):
    raw = Book().solve().dict()
    for _ in range(data.draw(st.integers(1, 6))):
        raw["cells"] = (
            [c for c in raw["cells"] if isinstance(c, dict)] if data.draw(st.booleans()) else raw["cells"]
        )
        if all(isinstance(c, dict) for c in raw["cells"]):
            _damage(raw, data.draw)
    path = tmp_path / "ada.ipynb"
    path.write_bytes(json.dumps(raw).encode())
    submission = read_submission(find_submissions(path, assignment)[0], assignment, template)
    assert submission.error == ""
    ids = [c.id for c in submission.code.cells]
    assert len(ids) == len(set(ids))
    assert {"3.1", "3.2"} == set(submission.answers)
    shown = nbformat.reads(submission.notebook.decode(), as_version=4)
    nbformat.validate(shown)
    assert len({c["id"] for c in json.loads(submission.notebook)["cells"]}) == len(shown.cells)
    for question in ("2.1", "2.2"):
        assert any(question in c.questions for c in submission.code.cells)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(cut=st.floats(0, 1), new=st.binary(max_size=12), keep=st.floats(0.3, 1))
def test_mutated_bytes_give_a_submission_or_a_reason(tmp_path, template, assignment, cut, new, keep):
    data = bytearray(Book().solve().bytes())
    at = int(cut * len(data))
    data[at : at + len(new)] = new
    path = tmp_path / "ada.ipynb"
    path.write_bytes(data[: int(keep * len(data))])
    submission = read_submission(find_submissions(path, assignment)[0], assignment, template)
    assert submission.code.cells or submission.error.startswith("ada.ipynb: not a notebook")


def test_read_notebook_keeps_numbers_of_the_students_cells(book):
    assert [c.number for c in read_notebook(book.bytes(), "x").cells] == list(range(1, 14))


def test_a_doubled_experiment_is_shown_twice_with_ids_of_their_own(read, book):
    book.solve().add(book["experiment-a"]["source"], after="experiment-a")
    ids = [c["id"] for c in json.loads(read(book.bytes()).notebook)["cells"]]
    assert ids[8:10] == ["experiment-a", "student-10"]


def test_what_was_found_is_part_of_the_digest(read, book):
    plain = read({"hw9.ipynb": book.bytes()}, "ada.zip")
    told = read({"hw9.ipynb": book.bytes(), "../x": b""}, "bob.zip")
    assert plain.code == told.code and plain.digest != told.digest
