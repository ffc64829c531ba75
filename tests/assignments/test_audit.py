"""Every assignment's tests are fair: what must earn earns, what must lose loses, in its own question only.

`make audit` does the same under twenty grading seeds. Automatic mistakes take minutes an assignment: with `-m slow`.
"""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.cli import cli
from autograder.course import Course

COURSE = Course(Path(__file__).parents[2])
QUICK = "reference,starter,mutants,alternatives,thresholds,leaks,time,coverage"


def audited(slug: str, report: Path, *options: str) -> dict:
    result = CliRunner().invoke(cli, ["audit", slug, *options, "--json", str(report)])
    assert result.exit_code == 0, result.output
    (audit,) = json.loads(report.read_text())
    return audit


@pytest.mark.parametrize("slug", COURSE.slugs())
def test_the_audit_finds_nothing_wrong(slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(COURSE.root)
    audit = audited(slug, tmp_path / "audit.json", "--seeds", "2", "--only", QUICK)
    for row in audit["rows"]:
        assert row["num_public"] >= 1 and row["num_hidden"] >= 1, row
        has_hole = row["num_lines"] > 0  # an artifact has none
        assert row["num_caught"] == row["num_mutants"] >= 4 * has_hole, row
        assert row["num_accepted"] == row["num_alternatives"] >= 1 * has_hole, row
        assert row["num_run"] == row["num_lines"], row
        assert row["cpu_share"] <= 1 / 3, row


@pytest.mark.slow
@pytest.mark.parametrize("slug", COURSE.slugs())
def test_nearly_every_automatic_mistake_is_noticed(
    slug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(COURSE.root)
    audit = audited(slug, tmp_path / "audit.json", "--only", "automatic")
    assert audit["kill_rate"] >= 0.95
    assert all(row["kill_rate"] is None or row["kill_rate"] >= 0.95 for row in audit["rows"]), audit["rows"]
