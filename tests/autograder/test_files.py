from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from autograder.files import scratch, sweep, write_whole


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    assert write_whole(path, "ä\n").read_bytes() == "ä\n".encode()
    assert write_whole(path, b"new").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["grades.csv"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "grades.csv", "old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["grades.csv"]


def test_scratch_folders_of_dead_processes_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = tmp_path / f"robolearn-scratch-{gone.pid}-x"
    (left / "deep").mkdir(parents=True)
    others = tmp_path / "robolearn-scratch-notes"
    others.mkdir()
    link = tmp_path / f"robolearn-scratch-{gone.pid}-link"
    link.symlink_to(others)
    with scratch() as mine:
        sweep()
        assert mine.is_dir() and others.is_dir() and link.is_symlink() and not left.exists()
    assert not mine.exists()
