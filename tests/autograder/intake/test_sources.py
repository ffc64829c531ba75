from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from autograder.errors import UsageError
from autograder.intake import find_submissions, lms, read_submission

BOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def files(root: Path, *paths: str) -> Path:
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".zip"):
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr("hw9.ipynb", BOOK)
        else:
            target.write_bytes(BOOK)
    return root


def packed(folder: Path) -> Path:
    return Path(
        shutil.make_archive(str(folder.parent / f"{folder.name}-export"), "zip", folder.parent, folder.name)
    )


@pytest.fixture(params=["folder", "zip"])
def as_given(request):
    """The same export unpacked, and as it was downloaded."""
    return (lambda folder: folder) if request.param == "folder" else packed


def people(sources) -> list[tuple[str, str]]:
    return [(s.person.id, s.person.name) for s in sources]


@pytest.mark.parametrize("name", ["ada.zip", "ada.ipynb", "ada.py", "hw9-ada.zip", "ada_hw9-submission.zip"])
def test_one_file_is_one_submission_named_after_its_author(tmp_path, assignment, name):
    files(tmp_path, name)
    (source,) = find_submissions(tmp_path / name, assignment)
    assert source.person.id == "ada" and source.path == tmp_path / name


def test_the_hand_in_zip_keeps_its_name_where_nothing_else_tells(tmp_path, assignment):
    files(tmp_path, "hw9-submission.zip")
    assert find_submissions(tmp_path / "hw9-submission.zip", assignment)[0].person.id == "hw9-submission"


@pytest.mark.parametrize(
    "inside",
    [
        ("hw9.ipynb",),
        ("assignment.toml", "mine.ipynb", "other.ipynb"),
        ("mine.ipynb", "map.csv"),
        ("hw9.py",),
    ],
)
def test_one_students_folder_is_one_submission(tmp_path, assignment, inside):
    files(tmp_path / "ada", *inside, "tests/test_a.py")
    (source,) = find_submissions(tmp_path / "ada", assignment)
    assert source.person.id == "ada" and source.parts[0].path == tmp_path / "ada"


def test_a_folder_of_anything_is_a_class_in_a_stable_order(tmp_path, assignment, as_given):
    root = files(tmp_path / "class", "cy.zip", "ada.ipynb", "bob/hw9.ipynb", "dan/work/hw9.ipynb", "notes.txt",
                 "__MACOSX/._cy.zip", "empty/readme.md", ".DS_Store")  # fmt: skip
    assert people(find_submissions(as_given(root), assignment)) == [
        (p, p) for p in ("ada", "bob", "cy", "dan")
    ]


def test_two_files_with_one_name_stay_apart_and_say_so(tmp_path, assignment):
    sources = find_submissions(files(tmp_path / "class", "ada.zip", "ada.ipynb", "bob.zip"), assignment)
    assert [s.person.id for s in sources] == ["ada (ada.ipynb)", "ada (ada.zip)", "bob"]
    assert sources[0].findings[0].what == "2 submissions are named 'ada'; this is ada.ipynb."


def test_links_in_a_class_folder_are_not_followed(tmp_path, assignment):
    root = files(tmp_path / "class", "ada.zip")
    (root / "eve").symlink_to("/etc")
    (root / "eve.ipynb").symlink_to("/etc/passwd")
    assert people(find_submissions(root, assignment)) == [("ada", "ada")]


CANVAS = ("lovelaceada_101_9001_hw9.zip", "hopper_grace_LATE_102_9002_my work.ipynb", "hopper_grace_LATE_102_9003_map.csv",
          "o_neill-jose_103_9004_hw9-1.zip", "o_neill-jose_103_9005_hw9-3.zip", "o_neill-jose_103_9006_hw9-2.zip",
          "turingalan_LATE_104_9007_text.html")  # fmt: skip


def test_a_canvas_export_tells_names_ids_and_lateness(tmp_path, assignment, as_given):
    sources = find_submissions(as_given(files(tmp_path / "submissions", *CANVAS)), assignment)
    assert people(sources) == [("101", "lovelaceada"), ("102", "hopper grace"), ("103", "o neill-jose")]
    assert [s.late for s in sources] == [False, True, False]
    assert [p.name for p in sources[1].parts] == ["map.csv", "my work.ipynb"]
    assert [p.name for p in sources[2].parts] == ["hw9.zip"]
    shown = {p.member or p.path.name for p in sources[2].parts}.pop()
    assert shown.endswith("hw9-3.zip")
    assert [f.what for f in sources[2].findings] == [
        "An older upload was left out: hw9-1.zip.", "An older upload was left out: hw9-2.zip.",
    ]  # fmt: skip


def test_one_file_of_a_canvas_export_still_tells_its_author(tmp_path, assignment):
    files(tmp_path, CANVAS[0])
    (source,) = find_submissions(tmp_path / CANVAS[0], assignment)
    assert (source.person.id, source.parts[0].name) == ("101", "hw9.zip")


MOODLE = ("Ada Lovelace_201_assignsubmission_file_/hw9.zip", "José Núñez_202_assignsubmission_file/hw9.ipynb",
          "Grace Hopper_203_assignsubmission_file_hw9.zip", "Grace Hopper_203_assignsubmission_onlinetext_/text.html",
          "Alan Turing_204_assignsubmission_onlinetext_/onlinetext.html")  # fmt: skip


def test_a_moodle_export_tells_names_and_ids(tmp_path, assignment, as_given):
    sources = find_submissions(as_given(files(tmp_path / "course-hw9", *MOODLE)), assignment)
    assert people(sources) == [("201", "Ada Lovelace"), ("202", "José Núñez"), ("203", "Grace Hopper")]
    assert [p.name for p in sources[2].parts] == ["hw9.zip"]


GRADESCOPE = """\
---
submission_301:
  :submitters:
  - :name: Ada Lovelace
    :sid: '0012'
    :email: ada@example.edu
  :created_at: 2026-09-20 12:34:56.789012 Z
  :score: 3.0
  :results:
    tests:
    - output: |-
        :name: not a person
        submission_999:
  :history:
  - :id: 300
    :created_at: 2026-09-19 01:02:03.000000 Z
submission_302:
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2026-09-21 08:00:00.000000000 Z
    zone: x
  :submitters:
  - :name: "Jos\\u00e9 \\"Pepe\\" N"
    :sid:
    :email: jose@example.edu
  - :name: O'Neill, Kim
    :sid: 77
    :email: ''
"""


def test_a_gradescope_export_tells_names_mails_times_and_groups(tmp_path, assignment, as_given):
    root = files(
        tmp_path / "assignment_1_export",
        "submission_301/hw9.ipynb",
        "submission_302/hw9.zip",
        "submission_303/x.ipynb",
    )
    (root / "submission_metadata.yml").write_text(GRADESCOPE)
    sources = {s.person.id: s for s in find_submissions(as_given(root), assignment)}
    assert set(sources) == {"0012", "jose@example.edu", "77", "submission_303"}
    ada = sources["0012"]
    assert (ada.person.name, ada.person.email, ada.submitted_at) == (
        "Ada Lovelace",
        "ada@example.edu",
        "2026-09-20T12:34:56+00:00",
    )
    jose = sources["jose@example.edu"]
    assert (jose.person.name, jose.submitted_at) == ('José "Pepe" N', "2026-09-21T08:00:00+00:00")
    assert jose.findings[0].what == 'Handed in by a group: José "Pepe" N, O\'Neill, Kim.'
    assert jose.parts == sources["77"].parts
    assert "does not say whose it is" in sources["submission_303"].findings[0].what


def test_a_damaged_gradescope_table_still_gives_the_submissions(tmp_path, assignment):
    root = files(tmp_path / "export", "submission_301/hw9.ipynb")
    (root / "submission_metadata.yml").write_bytes(b"\xff\xfe not: [yaml\n\tsubmission_301: {")
    assert people(find_submissions(root, assignment)) == [("submission_301", "submission_301")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2026-09-20 12:34:56 Z", "2026-09-20T12:34:56+00:00"), ("2026-09-20T12:34:56.1-0700", "2026-09-20T12:34:56-07:00"),
     ("2026-09-20 12:34:56 +02:00", "2026-09-20T12:34:56+02:00"), ("yesterday", "")],
)  # fmt: skip
def test_times_become_iso_8601(value, expected):
    record = lms.gradescope_records(f"submission_1:\n  :created_at: {value}\n")["submission_1"]
    assert record.created_at == expected


def test_a_broken_zip_is_left_to_its_reader(tmp_path, assignment):
    (tmp_path / "ada.zip").write_bytes(b"PK nothing")
    assert people(find_submissions(tmp_path / "ada.zip", assignment)) == [("ada", "ada")]


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda p: p / "none", "no such file or folder.\n  Next: check the path"),
     (lambda p: files(p, "a.txt") / "a.txt", "not a submission; expected a .zip"),
     (lambda p: files(p, "d/a.txt") / "d", "no submission in it; expected .zip")],
)  # fmt: skip
def test_a_wrong_path_is_named_with_the_next_step(tmp_path, assignment, make, message):
    with pytest.raises(UsageError) as caught:
        find_submissions(make(tmp_path), assignment)
    assert message in str(caught.value)


def test_names_that_could_fool_a_reader_are_escaped(tmp_path, assignment):
    (source,) = find_submissions(files(tmp_path / "class", "ada\u202egro.ipynb"), assignment)
    assert source.person.id.isprintable()


def test_an_id_never_leads_out_of_a_folder(tmp_path, assignment):
    root = files(tmp_path / "export", "submission_1/hw9.ipynb", "submission_2/hw9.ipynb")
    table = "submission_1:\n  :submitters:\n  - :sid: ../../x\nsubmission_2:\n  :submitters:\n  - :sid: ..\n"
    (root / "submission_metadata.yml").write_text(table)
    assert [s.person.id for s in find_submissions(root, assignment)] == ["_", "__.._x"]


def test_a_students_zip_with_several_notebooks_and_folders_is_one_submission(tmp_path, assignment):
    inside = files(tmp_path / "in", "hw9/hw9.ipynb", "hw9/old/hw9.ipynb", "hw9/backup.zip", "hw9/sub/x.ipynb")
    (source,) = find_submissions(packed(inside / "hw9"), assignment)
    assert source.person.id == "export"
    loose = files(tmp_path / "grace", "first.ipynb", "second.ipynb")
    assert len(find_submissions(packed(loose), assignment)) == 1


def test_hostile_entries_of_a_class_archive_cost_only_themselves(tmp_path, assignment, template):
    inner = (files(tmp_path, "x.zip") / "x.zip").read_bytes()
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../eve.zip", "/tmp/eve.zip", "ada.zip", "bob.zip", "C:\\eve.ipynb"):
            archive.writestr(name, inner)
    before = set(tmp_path.rglob("*"))
    sources = find_submissions(path, assignment)
    read = {s.person.id: read_submission(s, assignment, template) for s in sources}
    assert {"ada", "bob"} <= set(read) and not read["ada"].error and not read["bob"].error
    assert all("/" not in i and "\\" not in i and not i.startswith(".") for i in read)
    assert set(tmp_path.rglob("*")) == before
