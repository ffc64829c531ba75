"""A batch that is killed at random moments and resumed comes to the calm run's table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def besieged(out: Path, *options: str) -> dict[str, object]:
    module = [sys.executable, "-m", "tests.autograder.faults.kills", "--out", str(out), *options]
    done = subprocess.run(module, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False)
    report: dict[str, object] = json.loads(done.stdout)
    assert done.returncode == 0, report["problems"]
    return report


@pytest.mark.slow
def test_a_hundred_kills_of_a_batch_of_sixty_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    report = besieged(tmp_path, "--kills", "100", "--stops", "10")
    assert report["kills"]["SIGKILL"] == 100  # type: ignore[index]
    assert report["survivors"] == 0 and report["regraded"] == 0 and report["problems"] == []


@pytest.mark.slow
def test_the_siege_notices_what_it_looks_for(tmp_path: Path) -> None:
    """A table that differs, an attempt that is lost or doubled, and a survivor are problems."""
    from tests.autograder.faults import kills

    siege = kills.Siege(tmp_path, 3, 1, 0)
    siege.calm()
    out = tmp_path / "calm"
    known = kills.rows(out)
    siege.finish(out, 1)
    assert siege.report.problems == []
    siege.table = siege.table.replace(b"right", b"wrong")
    siege.finish(out, 1)
    assert "another table" in siege.report.problems.pop()
    siege.check(out, {**known, 99: "gone"})
    assert "attempts [99] were lost" in siege.report.problems.pop()
    (out / "class.html").write_text("<html>")
    siege.table = siege.table.replace(b"wrong", b"right")
    siege.finish(out, 1)
    assert "broken off" in siege.report.problems.pop()
