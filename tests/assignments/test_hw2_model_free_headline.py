"""The headline of homework 2: the quick form runs and writes every file."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

SOLUTION = Path(__file__).parents[2] / "solutions" / "hw2_model_free"


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_quick_form_writes_every_file(tmp_path):
    command = [sys.executable, str(SOLUTION / "reproduce.py"), "--quick", "--out", str(tmp_path), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    rows, findings = read(tmp_path / "headline.csv"), read(tmp_path / "headline_findings.csv")
    walking = [row for row in rows if row["study"] == "walking"]
    assert len(walking) == 3 * 2 * 4  # measures, gaits, speeds
    assert len([finding for finding in findings if finding["study"] == "walking"]) == 3
    assert {row["method"] for row in rows if row["study"] == "hindsight"} == {"hindsight", "no hindsight"}
    assert len([finding for finding in findings if finding["study"] == "hindsight"]) == 1
    assert all(finding["holds"].startswith("not judged") for finding in findings)
    assert (tmp_path / "headline.png").read_bytes().startswith(b"\x89PNG")
