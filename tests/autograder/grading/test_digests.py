from __future__ import annotations

import time
from pathlib import Path

from autograder.grading import digests


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_folders_digest_is_its_content_and_names_not_its_place_or_caches(tmp_path: Path) -> None:
    one = write(tmp_path / "one", a="1", sub__b="2")
    two = write(tmp_path / "two", sub__b="2", a="1")
    (two / "__pycache__").mkdir()
    (two / "__pycache__" / "a.pyc").write_bytes(b"cache")
    (two / ".hidden").write_text("x")
    assert digests.of_folder(one) == digests.of_folder(two)
    (two / "a").write_text("1 changed")
    assert digests.of_folder(one) != digests.of_folder(two)


def test_a_renamed_file_changes_the_digest(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", a="1"), write(tmp_path / "two", b="1")
    assert digests.of_folder(one) != digests.of_folder(two)


def test_borders_between_parts_count() -> None:
    assert digests.of_parts({"a": "bc"}) != digests.of_parts({"ab": "c"})
    assert digests.of_parts({"a": "1", "b": "2"}) == digests.of_parts({"b": "2", "a": "1"})


def test_an_absent_folder_is_an_empty_one(tmp_path: Path) -> None:
    assert digests.of_folder(tmp_path / "none") == digests.of_parts({})


def test_an_installed_package_is_named_by_its_version() -> None:
    import numpy

    assert digests.of_package("numpy.linalg") == f"numpy {numpy.__version__}"
    assert digests.of_package("no_such_package_here") == "absent"


def test_the_courses_environments_count(tmp_path: Path) -> None:
    before = digests.of_environment(["numpy"], tmp_path)
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "grid.py").write_text("x = 1")
    after = digests.of_environment(["numpy"], tmp_path)
    (tmp_path / "environments" / "notes.md").write_text("words")
    assert before != after == digests.of_environment(["numpy"], tmp_path)


def test_a_seed_is_named_but_not_told() -> None:
    start = time.process_time()
    name = digests.of_seed(123456789)
    assert time.process_time() - start > 0.005, "a guess must cost something"
    assert len(name) == 8
    assert name == digests.of_seed(123456789) != digests.of_seed(123456788)


def test_the_graders_name_is_stable_within_a_run() -> None:
    assert digests.of_grader() == digests.of_grader()
