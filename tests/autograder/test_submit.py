from __future__ import annotations

import copy
import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.course import load_assignment
from autograder.errors import AutograderError, IntakeError, UsageError
from autograder.handin import NothingWritten, submit
from autograder.intake import find_submissions, read_submission

NOW = 1_790_000_000.0
MANIFEST = """\
slug = "hw9"
title = "Homework 9: Learn"
version = "1.2.0"
{extra}
[[questions]]
id = "2.1"
name = "gae"
title = "Advantages"
points = 2

[[questions]]
id = "3.1"
name = "why"
title = "Why it learns"
points = 1
kind = "written"
"""
HOLE = 'def gae(r):\n    # TODO(2.1 gae): Sum.\n    raise NotImplementedError("2.1 gae is yours to write")'


def cell(kind: str, source: str, id: str, questions=(), **metadata):
    code = kind not in ("text", "written")
    made = {"cell_type": "code" if code else "markdown", "id": id, "source": source}
    made["metadata"] = {"robolearn": {"kind": kind, "questions": list(questions)}, **metadata}
    return {**made, "outputs": [], "execution_count": None} if code else made


CELLS = [
    cell("glue", "import numpy as np", "glue-a"),
    cell("hole", HOLE, "hole-2-1", ["2.1"]),
    cell("check", 'check("2.1")', "check-2-1", ["2.1"]),
    cell("experiment", "train(", "experiment-a", tags=["experiment"]),
    cell("written", "*Your answer to 3.1 here.*", "written-3-1", ["3.1"]),
]


class Folder:
    """A student's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells = copy.deepcopy(CELLS)
        path.mkdir()
        self.manifest()

    def manifest(self, extra: str = "", questions: str = "") -> None:
        (self.path / "assignment.toml").write_text(MANIFEST.format(extra=extra) + questions)

    def save(self, name: str = "hw9.ipynb", age: float = 0.0, **changes: str) -> Path:
        for one in self.cells:
            one["source"] = changes.get(one["id"].replace("-", "_"), one["source"])
        notebook = {"cells": self.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return self.write(name, json.dumps(notebook), age)

    def write(self, name: str, text: str, age: float = 0.0) -> Path:
        (self.path / name).write_text(text)
        os.utime(self.path / name, (NOW - age, NOW - age))
        return self.path / name


SOLVED = {"hole_2_1": "def gae(r):\n    return r", "written_3_1": "Gradients."}


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "hw9")


def packed(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_renamed_function_is_noticed(folder):
    folder.save(**{**SOLVED, "hole_2_1": "def gea(r):\n    return r"})
    (line,) = submit(folder.path, now=NOW).missing
    assert line == "2.1 gae: nothing is called `gae`. Was it renamed? Keep the names."


@pytest.mark.parametrize(
    "source",
    ["class A:\n    def gae(self):\n        return 1", "gae = lambda r: r", "async def gae(r): 1", "class Gae:\n    x = 1"],
)
def test_a_method_a_class_or_a_variable_of_the_name_is_no_renamed_function(folder, source):
    folder.save(**{**SOLVED, "hole_2_1": source})
    assert submit(folder.path, now=NOW).complete


def test_a_syntax_error_shows_the_cells_own_line(folder, monkeypatch):
    # The notebook's file lies in the working directory: its lines are not the cell's.
    folder.save(**{**SOLVED, "hole_2_1": "def gae(r):\n    return ((r)\n    x = = 1\n"})
    monkeypatch.chdir(folder.path)
    (line,) = submit(Path(), now=NOW).missing
    assert line.startswith("hw9.ipynb, cell 2, line ")
    assert "return ((r)" in line or "x = = 1" in line


def test_a_notebook_as_it_was_unpacked_is_noticed(folder):
    folder.save(age=NOW - 1_577_836_800)  # 2020-01-01, the date of all files in a release's zip
    assert submit(folder.path, now=NOW).notes == (
        "hw9.ipynb was not saved since it was unpacked. Save it and submit again.",
    )


def test_a_complete_homework_is_packed_and_the_next_step_named(folder):
    notebook = folder.save(**SOLVED)
    result = submit(folder.path, now=NOW)
    assert result.complete and result.notes == ()
    files = packed(folder.path / "hw9-submission.zip")
    assert files["hw9.ipynb"] == notebook.read_bytes()
    note = json.loads(files["submission.json"])
    assert note == {
        "assignment": "hw9", "version": "1.2.0", "created": "2026-09-21T14:13:20+00:00",
        "files": {"hw9.ipynb": hashlib.sha256(notebook.read_bytes()).hexdigest()},
    }  # fmt: skip
    text = repr(result)
    assert text.startswith("Homework 9: Learn (hw9 1.2.0)\n  hw9.ipynb")
    assert text.endswith("Next: upload hw9-submission.zip to your course's page.")


def test_what_is_missing_is_listed_and_packed_anyway(folder):
    folder.save()
    result = submit(folder.path, now=NOW)
    assert result.missing == ("2.1 gae is not written yet.", "3.1 why has no answer yet.")
    assert not result.complete and "  ! 2.1 gae is not written yet." in repr(result)
    assert result.zip.is_file()


def test_deleted_cells_are_told(folder):
    folder.cells = [folder.cells[0], cell("hole", "def f(): pass", "x", ["7.7"])]
    folder.save()
    assert submit(folder.path, now=NOW).missing == (
        "2.1 gae: its cell is not in the notebook.", "3.1 why: the cell of your answer is not in the notebook.",
    )  # fmt: skip


def test_a_syntax_error_is_told_by_cell_but_not_in_an_experiment(folder):
    folder.save(**{**SOLVED, "hole_2_1": "%matplotlib inline\ndef gae(r)\n    return r"})
    (line,) = submit(folder.path, now=NOW).missing
    assert line == "hw9.ipynb, cell 2, line 2: expected ':' (`def gae(r)`)."


@pytest.mark.parametrize("source", ["x = '\0'", "(" * 5000])
def test_text_that_is_hard_to_compile_is_told_not_raised(folder, source):
    folder.save(**{**SOLVED, "hole_2_1": source})
    assert any("hw9.ipynb, cell 2" in line for line in submit(folder.path, now=NOW).missing)


ARTIFACT = '\n[[questions]]\nid = "4.1"\nname = "policy"\ntitle = "Policy"\npoints = 1\nkind = "artifact"\nartifact = "out/policy.npz"\n'


def test_further_files_artifacts_and_own_modules_go_along(folder):
    folder.manifest('files = ["model.py"]', ARTIFACT)
    folder.save(**SOLVED)
    folder.write("model.py", "A = 1")
    (folder.path / "out").mkdir()
    folder.write("out/policy.npz", "npz")
    for name in ("mine.py", "numpy.py", "test_mine.py", "notes.txt"):
        folder.write(name, "")
    result = submit(folder.path, now=NOW)
    assert result.complete
    assert [name for name, _ in result.files] == ["hw9.ipynb", "mine.py", "model.py", "out/policy.npz"]
    assert result.notes == ("mine.py, a module of your own, goes along.",)


def test_missing_files_and_artifacts_are_told(folder):
    folder.manifest('files = ["model.py"]', ARTIFACT)
    folder.save(**SOLVED)
    assert submit(folder.path, now=NOW).missing == (
        "model.py is not in the folder; the questions in it earn nothing.",
        "4.1 policy: out/policy.npz is not in the folder; its experiment writes it.",
    )


def test_an_untouched_hole_in_a_further_file_is_told(folder):
    folder.manifest('files = ["model.py"]')
    folder.save(**SOLVED)
    folder.write("model.py", HOLE + "\n)")
    missing = submit(folder.path, now=NOW).missing
    assert missing == ("2.1 gae is not written yet.", "model.py, line 4: unmatched ')' (`)`).")


def test_a_notebook_saved_long_ago_is_told(folder):
    folder.save(age=3 * 3600, **SOLVED)
    assert submit(folder.path, now=NOW).notes == (
        "hw9.ipynb was last saved 3 hours ago. If you changed it since, save it and submit again.",
    )


def test_the_same_work_packs_to_the_same_bytes(folder, tmp_path):
    folder.save(**SOLVED)
    first = submit(folder.path, now=NOW).zip.read_bytes()
    again = submit(folder.path, now=NOW + 5)
    assert again.kept is None and again.zip.read_bytes() == first
    assert submit(folder.path, tmp_path / "else.zip", now=NOW).zip.read_bytes() == first


def test_an_earlier_zip_is_kept_under_a_number(folder):
    zips = []
    for number in range(3):
        folder.save(**{**SOLVED, "written_3_1": f"Answer {number}."})
        result = submit(folder.path, now=NOW)
        zips.append(result.zip.read_bytes())
    assert result.kept == folder.path / "hw9-submission-2.zip"
    assert (folder.path / "hw9-submission-1.zip").read_bytes() == zips[0]
    assert result.kept.read_bytes() == zips[1]
    assert "Your earlier hw9-submission.zip is kept as hw9-submission-2.zip." in repr(result)


def test_large_outputs_stay_at_home_and_the_students_file_is_untouched(folder):
    folder.cells[1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 9_000_000}]
    notebook = folder.save(**SOLVED)
    before = notebook.read_bytes()
    result = submit(folder.path, now=NOW)
    assert result.notes == ("hw9.ipynb has 8.6 MB; its outputs were left out, your file keeps them.",)
    inside = json.loads(packed(result.zip)["hw9.ipynb"])
    assert inside["cells"][1]["outputs"] == [] and inside["cells"][1]["source"] == SOLVED["hole_2_1"]
    assert notebook.read_bytes() == before


def test_a_notebook_of_another_name_goes_in_under_its_own(folder):
    folder.save("mine.ipynb", **SOLVED)
    result = submit(folder.path, now=NOW)
    assert "hw9.ipynb" in packed(result.zip) and result.notes == ("mine.ipynb goes in as hw9.ipynb.",)


def test_other_notebooks_are_named(folder):
    folder.save(**SOLVED)
    folder.save("hw9-Copy1.ipynb")
    assert submit(folder.path, now=NOW).notes == ("hw9.ipynb goes in; left out: hw9-Copy1.ipynb.",)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"no assignment\.toml in .*\n  Next: run this in the folder"):
        submit(tmp_path)


def test_a_folder_without_a_notebook_is_refused(folder):
    with pytest.raises(UsageError, match=r"no hw9\.ipynb in .*\n  Next: name your notebook hw9\.ipynb"):
        submit(folder.path)


def test_a_damaged_notebook_is_refused_and_nothing_written(folder):
    folder.write("hw9.ipynb", '{"cells": [')
    with pytest.raises(IntakeError, match="not a notebook: its JSON breaks off"):
        submit(folder.path)
    assert not list(folder.path.glob("*.zip"))


@pytest.mark.parametrize(
    ("out", "message"), [("a.tar", "a name that ends in .zip"), ("no/a.zip", "no such folder")]
)
def test_a_wrong_out_is_refused_with_the_next_step(folder, tmp_path, out, message):
    folder.save(**SOLVED)
    with pytest.raises(UsageError, match=f"{message}.*\n  Next: "):
        submit(folder.path, tmp_path / out)


def test_intake_reads_what_submit_writes(folder):
    template = folder.save().read_bytes()
    folder.save(**SOLVED)
    path = submit(folder.path, now=NOW).zip
    assignment = load_assignment(folder.path)
    (source,) = find_submissions(path, assignment)
    submission = read_submission(source, assignment, template)
    assert (submission.error, submission.findings) == ("", ())
    assert submission.answers == {"3.1": "Gradients."}
    assert [c.source for c in submission.code.cells] == ["import numpy as np", SOLVED["hole_2_1"]]


def run(*args: str):
    from autograder.commands.submit import command

    return CliRunner().invoke(command, [str(a) for a in args])


def test_the_command_exits_1_while_something_is_missing(folder):
    folder.save()
    result = run("--folder", folder.path)
    assert result.exit_code == 1
    assert "! 3.1 why has no answer yet." in result.output and "Next: upload" in result.output
    folder.save(**SOLVED)
    assert run("--folder", folder.path, "--out", folder.path).exit_code == 0


def test_the_command_names_a_wrong_folder(tmp_path):
    result = run("--folder", tmp_path)
    assert isinstance(result.exception, AutograderError) and "Next:" in str(result.exception)


def test_a_notebook_calls_submit_and_sees_html(folder, monkeypatch, capsys):
    import autograder

    folder.save(written_3_1="<script>x</script>")
    monkeypatch.chdir(folder.path)
    result = autograder.submit()
    assert "Homework 9: Learn" in capsys.readouterr().out
    assert "2.1 gae is not written yet." in result._repr_html_() and "<script>" not in result._repr_html_()


def test_a_notebook_sees_why_nothing_was_written(folder, monkeypatch):
    import autograder

    monkeypatch.chdir(folder.path)
    result = autograder.submit()
    assert isinstance(result, NothingWritten) and not result.complete
    assert repr(result).startswith("Nothing was written: no hw9.ipynb in ")


def test_the_import_line_gives_the_function_even_after_a_submission(folder, monkeypatch):
    folder.save(**SOLVED)
    submit(folder.path, now=NOW)
    from autograder import submit as again

    assert callable(again)
