"""The headline of homework 1: the quick form runs, and the stored table is whole and says what it rests on."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.audit.thresholds import Threshold

SOLUTION = Path(__file__).parents[2] / "solutions" / "hw1_mdp"


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_quick_form_writes_every_file(tmp_path):
    command = [sys.executable, str(SOLUTION / "reproduce.py"), "--quick", "--out", str(tmp_path), "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows, findings = read(tmp_path / "headline.csv"), read(tmp_path / "headline_findings.csv")
    assert {row["study"] for row in rows} == {"resolution", "sensor noise"}
    assert len(findings) == 6
    assert all(finding["holds"].startswith("not judged") for finding in findings)
    assert (tmp_path / "headline.png").read_bytes().startswith(b"\x89PNG")
    assert "files in" in done.stdout


def test_stored_table_has_five_seeds_and_intervals():
    rows = read(SOLUTION / "headline.csv")
    random = [row for row in rows if row["measure"] in ("sub-optimality", "error of the value", "cost per step")]
    assert len(random) >= 30
    for row in random:
        assert int(row["seeds"]) >= 5
        assert float(row["low"]) <= float(row["mean"]) <= float(row["high"])


def test_stored_findings_are_judged():
    findings = read(SOLUTION / "headline_findings.csv")
    assert len(findings) == 6
    for finding in findings:
        assert finding["holds"] in ("holds", "does not hold")
        assert finding["literature"] and finding["here"]


@pytest.mark.parametrize("question", ["5.3 swing_up", "7.2 lqr"])
def test_thresholds_stand_beside_their_evidence(question):
    threshold = Threshold.model_validate(json.loads((SOLUTION / "thresholds.json").read_text())[question])
    assert len(threshold.runs) >= 20
    assert threshold.problems == []
    assert threshold.false_fail_rate < 1e-3
