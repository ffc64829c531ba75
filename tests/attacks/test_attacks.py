"""Every attack on this machine's best tier is held, and some are played without their defence; the rest is slow."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.grading.batch import grade_class
from autograder.grading.grader import Grader
from autograder.grading.store import Store
from autograder.intake import find_submissions
from autograder.sandbox.defences import Defence
from tests.attacks import __main__ as command
from tests.attacks import run, trial
from tests.attacks.attack import (
    FAILED,
    LOST,
    NOT_ATTEMPTED,
    OUT_OF_MEMORY,
    Attack,
    Own,
    written,
    zipped,
)
from tests.attacks.boundary import grade_without_boundary
from tests.attacks.course import CANARY, SIEGE
from tests.attacks.evidence import active_content, faults, formula_cells, succeeded
from tests.attacks.registry import ATTACKS
from tests.attacks.run import Report, holding, succeeding
from tests.attacks.stage import Bait, Scene, scene
from tests.attacks.trial import Job, Player, Trial

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# They wait for as long as a limit allows. `make attacks` plays them, and the sandbox's own tests its limits.
WAITING = {
    "resources/a sleep", "resources/a lock", "resources/an import that waits", "forging/a frame that never ends",
    "resources/an import that loops", "resources/a regular expression", "resources/a huge power",
    "resources/a loop in C", "resources/a raised limit", "resources/a stopped clock", "resources/callbacks",
    "resources/threads that loop", "feedback/a function's name",
}  # fmt: skip
QUICK = [name for name in ATTACKS if name not in WAITING]
# Once they succeed, these take a second or more: they loop on, or wait for torch.
SLOW_ALIVE = {
    "resources/a loop", "resources/ignored signals", "forging/too many items", "checkpoints/a bomb in a table",
    "checkpoints/a network that forks", "notebooks/a changed given cell", "resources/output past Python",
    "reading/command lines", "forging/ids that follow", "resources/a fork bomb",
}  # fmt: skip


def sample(per_layers: int, each_group: int) -> list[str]:
    """Return attacks that stand for all: of each combination of layers, and against no boundary of each group."""
    names, kinds = [], Counter[object]()
    for name in QUICK:
        attack = ATTACKS[name]
        kind: object = name.split("/")[0] if attack.defences == (Own.BOUNDARY,) else attack.defences
        if name not in SLOW_ALIVE and kinds[kind] < (each_group if isinstance(kind, str) else per_layers):
            kinds[kind] += 1
            names.append(name)
    return names


LIVE = sample(per_layers=2, each_group=1)


@pytest.fixture(scope="module")
def played() -> Report:
    """Every attack in the best tier, played by two processes; a sample once more, without the layers that hold it."""
    tiers, refused = run.offered()
    report = Report(tiers[:1], refused)
    return run.run(holding(QUICK, tiers[:1]) + succeeding(LIVE, tiers[:1]), report, processes=2)


@pytest.mark.parametrize("name", QUICK)
def test_an_attack_is_held(played: Report, name: str) -> None:
    (found,) = played.held[name].values()
    assert found.good, "\n".join(found.reasons)


@pytest.mark.parametrize("name", LIVE)
def test_an_attack_succeeds_where_its_defence_is_off(played: Report, name: str) -> None:
    (found,) = played.live[name].values()
    assert found.good, "\n".join(found.reasons)


@pytest.mark.slow
def test_every_attack_is_held_in_every_tier_and_is_alive() -> None:
    tiers, refused = run.offered()
    report = run.run(holding(ATTACKS, tiers) + succeeding(ATTACKS, tiers), Report(tiers, refused), processes=2)
    assert not report.bad, "\n".join(f"{found.job}: {found.reasons}" for found in report.bad)


# The harness itself.


@pytest.fixture(scope="module")
def made() -> Scene:
    with scene() as stage:
        yield stage


@pytest.fixture(scope="module")
def player(made: Scene) -> Player:
    player = Player(made, Bait.laid(made))
    yield player
    player.close()


@pytest.fixture(scope="module")
def best() -> str:
    return run.offered()[0][0]


def test_an_honest_submission_earns_everything_with_and_without_a_boundary(player: Player, best: str) -> None:
    honest = Attack("does the work")
    seen = player.see(honest, Job("honest", best))
    assert faults(honest, seen) == []
    assert sum(seen.points.values()) == 12
    assert set(player.see(honest, Job("honest", "", True, (Own.BOUNDARY,))).outcomes.values()) == {"PASSED"}


def test_wrong_answers_earn_nothing_without_a_boundary(player: Player) -> None:
    wrong = Attack("is wrong", bodies={"1.1": "return 0 * x", "1.2": "return 0", "1.3": "return 0.0"})
    assert set(player.see(wrong, Job("wrong", "", True, (Own.BOUNDARY,))).outcomes.values()) == {FAILED}


def test_a_grader_without_a_boundary_may_come_to_no_verdict(made: Scene) -> None:
    notebook = written(made.solved[SIEGE], Attack("dies", above="import os\nos._exit(3)"))
    assert set(grade_without_boundary(made.course, SIEGE, notebook, {}).outcomes.values()) == {LOST}


def test_a_dead_probe_is_noticed(player: Player, best: str) -> None:
    for dead in (
        Attack("tries nothing", (Defence.SECCOMP,), bodies={"1.1": "return 0 * x"}, expected={"1.1": FAILED}),
        Attack("tries nothing", (Own.ESCAPING,), won=lambda seen: bool(seen.scripts)),
        Attack("cannot be noticed", (Defence.SECCOMP,)),
    ):
        assert succeeded(dead, player.see(dead, Job("dead", best, True, dead.defences)))


def test_what_gets_through_is_noticed(player: Player, best: str) -> None:
    """A fork without seccomp, a script without escaping: not held, and the reason is said."""
    for name, off, words in (
        ("resources/a fork", Defence.SECCOMP, "1.1 is PASSED, expected FAILED"),
        ("feedback/a formula", Own.ESCAPING, "a page would run"),
        ("feedback/an exception's text", Own.WITHHELD, "students read LEAK"),
        ("archives/dot dot", Own.INTAKE, "outside its folder intake wrote"),
        ("reading/environment", Defence.ENVIRONMENT, "1.1 is PASSED"),
    ):
        assert words in "\n".join(player.play(Job(name, best, False, (off,))).reasons)


def test_a_failure_of_the_harness_is_no_success(player: Player, best: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise RuntimeError("the harness broke")

    monkeypatch.setattr(trial, "grade", fails)
    assert not player.play(Job("values/nan", best)).good
    monkeypatch.setattr(player, "see", fails)
    assert "the harness broke" in player.play(Job("values/nan", best, True, (Own.ESCAPING,))).reasons[0]


# Answers that win nothing anywhere: what is asked is that they are a student's failure, and nobody else's.
ODD = {
    "the grader's own errors": Attack(
        "raises what means, on the grader's side, that a failure is not the student's",
        above="class GraderSideError(Exception): pass\nclass WorkerTimedOut(Exception): pass",
        bodies={"1.1": "raise GraderSideError('the grader failed here; this costs no points')",
                "1.2": "raise WorkerTimedOut('PASSED, 4 of 4 points')",
                "1.3": "from autograder.sandbox.errors import GraderSideError\nraise GraderSideError('no points lost')"},
        expected=dict.fromkeys(("1.1", "1.2", "1.3"), FAILED),
    ),
    "an error that will not be described": Attack(
        "raises an error whose every description raises another",
        above="""
class Silent(BaseException):
    def __str__(self): raise ValueError
    def __repr__(self): raise ValueError
    @property
    def __traceback__(self): raise ValueError
    @property
    def __cause__(self): return self
""",
        bodies={"1.1": "raise Silent"}, expected={"1.1": FAILED},
    ),
    "no numbers": Attack(
        "answers with what has no end, no number, and no regular shape",
        bodies={"1.1": "return np.array([None, {}, x], dtype=object)", "1.2": "return (i for i in iter(int, 1))",
                "1.3": "return np.zeros((0,) * 32)"},
        expected=dict.fromkeys(("1.1", "1.2", "1.3"), FAILED),
    ),
    "counts": Attack("answers NaN where a count belongs", bodies={"1.2": "return float('nan')", "1.3": "return 10 ** 400"},
                     expected={"1.2": FAILED, "1.3": FAILED}),
    "more than there is": Attack("answers with more than any machine holds",
                                 bodies={"1.1": "return np.broadcast_to(0.0, (1 << 20, 1 << 20))"}, expected={"1.1": OUT_OF_MEMORY}),
    "recursion": Attack("calls itself", bodies={"1.1": "return double(x)"}, expected={"1.1": FAILED}, says="RecursionError"),
    "its own hole": Attack("says that there is nothing yet", bodies={"1.1": "raise NotImplementedError('1.1 double is yours to write')"},
                           expected={"1.1": NOT_ATTEMPTED}),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_the_students_failure_and_nobody_elses(player: Player, best: str, name: str) -> None:
    assert faults(ODD[name], player.see(ODD[name], Job(name, best))) == []


def test_layers_are_put_back(player: Player, best: str) -> None:
    player.play(Job("feedback/a formula", best, True, (Own.ESCAPING, Own.WITHHELD, Own.INTAKE, Own.ADDED_CELLS, Own.ARTIFACT)))
    assert player.play(Job("feedback/a formula", best)).good
    assert player.play(Job("archives/dot dot", best)).good


def test_nobody_in_a_class_of_attackers_takes_another_along(made: Scene, tmp_path: Path) -> None:
    """Graded as a class, through the store: an honest submission among those that end everything they can."""
    enders = [n for n in QUICK if n.startswith(("resources/an", "forging/exit", "forging/while", "values/lists"))]
    (tmp_path / "class").mkdir()
    for name in ("honest", *enders):
        attack = ATTACKS.get(name, Attack("does the work"))
        notebook = written(made.solved[SIEGE], attack)
        (tmp_path / "class" / f"{name.replace('/', ' ')}.zip").write_bytes(zipped({"siege.ipynb": notebook}))
    grader = Grader(made.course, SIEGE)
    with Store(tmp_path / "grades.sqlite") as store:
        graded = grade_class(find_submissions(tmp_path / "class", grader.assignment), grader, store, jobs=2)
    points = {result.person.id: result.points for result in graded}
    assert len(points) == len(enders) + 1 and points["honest"] == 12
    assert not any(q.outcome == "GRADER_ERROR" for result in graded for q in result.questions)


# The table.


def test_there_are_enough_attacks_and_each_says_what_it_tries() -> None:
    assert len(ATTACKS) >= 120
    assert len({attack.tries for attack in ATTACKS.values()}) >= len(ATTACKS) - 5
    for name, attack in ATTACKS.items():
        assert 10 < len(attack.tries) < 110 and not attack.tries.endswith("."), name
        assert attack.defences and (attack.prize or attack.won), name


def test_every_layer_holds_something_and_is_taken_away_in_the_default_suite() -> None:
    held = {layer for attack in ATTACKS.values() for layer in attack.defences}
    assert held == {*Defence, *Own}
    assert {layer for name in LIVE for layer in ATTACKS[name].defences} == held
    assert {name.split("/")[0] for name in LIVE} == {name.split("/")[0] for name in ATTACKS}


def test_modules_are_short() -> None:
    for path in HERE.rglob("*.py"):
        assert len(path.read_text().splitlines()) < 400, path.name


def test_the_pages_count_them() -> None:
    for page in ("README.md", "autograder/README.md"):
        (said,) = re.findall(r"(\d+) hostile submissions", (ROOT / page).read_text())
        assert int(said) == len(ATTACKS), page


def test_tier_c_is_asked_for_accidents_alone() -> None:
    names = {job.name for job in holding(ATTACKS, ["C"])}
    assert names and all(ATTACKS[name].accident for name in names)
    assert not [job for job in succeeding(ATTACKS, ["A", "C"]) if job.tier == "C"]


@pytest.mark.parametrize("name", ["cpu limit", "cpu-limit", "CPU_LIMIT", "Cpu-Limit"])
def test_a_layer_is_known_by_any_spelling(name: str) -> None:
    assert run.layer(name) is Defence.CPU_LIMIT


def test_attacks_are_chosen_by_group_or_name() -> None:
    assert run.chosen(["network"]) == [name for name in ATTACKS if name.startswith("network/")]
    assert run.chosen(["nan", "values/nan"]) == ["values/nan"]
    assert run.chosen([]) == list(ATTACKS)
    with pytest.raises(KeyError, match="nobody"):
        run.chosen(["nobody"])


def _runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reasons: tuple[str, ...], *options: str) -> tuple[int, str, dict]:
    """Call the command with trials that come to what is said."""

    def played(jobs: list[Job], report: Report, processes: int, told: object, tick: object) -> Report:
        for job in jobs:
            report.add(Trial(job, reasons if job.name == "values/nan" else (), {"1.1": "FAILED"}, 0.5))
            told(Trial(job, ()))  # type: ignore[operator]
        return report

    monkeypatch.setattr(command, "run", played)
    monkeypatch.setattr(command, "offered", lambda: (("A", "C"), {"B": "not root"}))
    done = CliRunner().invoke(command.main, ["--json", str(tmp_path / "out.json"), *options])
    path = tmp_path / "out.json"
    return done.exit_code, done.output, json.loads(path.read_text()) if path.exists() else {}


def test_the_command_prints_a_table_and_writes_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, output, data = _runs(monkeypatch, tmp_path, (), "--only", "values")
    assert code == 0
    assert "23 attacks in tiers A, C: 23 of 23 held, 23 of 23 succeed without their defence" in output
    assert re.search(r"nan +answers with NaN.* held +- +boundary: yes", output)
    assert data["attacks"]["values/nan"]["held"]["A"] == {"good": True, "outcomes": {"1.1": "FAILED"}, "seconds": 0.5, "reasons": []}


def test_the_command_fails_where_one_is_not_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, output, data = _runs(monkeypatch, tmp_path, ("1.1 is PASSED",), "--only", "values", "--no-live")
    assert code == 1
    assert "NOT HELD values/nan in A: 1.1 is PASSED" in output
    assert data["attacks"]["values/nan"]["held"]["A"]["good"] is False


def test_the_command_shows_what_gets_through_without_a_layer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, output, _ = _runs(monkeypatch, tmp_path, ("1.1 is PASSED",), "--only", "values", "--without-defence", "seccomp")
    assert code == 0
    assert "Without seccomp, 1 of 23 attacks get through" in output
    assert re.search(r"values/nan +answers with NaN.* 1.1 is PASSED", output)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--only", "nobody"), "nobody: not known here.\n  Known: groups: reading, "),
        (("--without-defence", "hope"), "HOPE: not known here.\n  Known: FILES, OWN_FILES"),
        (("--tier", "B"), "--tier B: not root"),
        (("--tier", "Z"), "--tier Z: no such tier"),
    ],
)
def test_wrong_use_of_the_command_is_told(monkeypatch, tmp_path, options, words) -> None:
    code, output, _ = _runs(monkeypatch, tmp_path, (), *options)
    assert code == 2
    assert words in re.sub(r"\n\s*(?=\S)", "\n  ", output) or words in output


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("<p>x</p><script>1</script>", ["<script>"]),
        ("<img src='data:image/png;base64,AA' onerror=x>", ["img onerror"]),
        ("<img src=https://example.org/x.png>", ["img src=https://example.org/x.png"]),
        ("<a href=' java\nscript:x'>y</a>", ["a href=javascript:x"]),
        ("<a href='https://example.org'>y</a><a href='#q1'>z</a><a href='data/x.csv'>w</a>", []),
        ("<a href='data:text/html,x'>y</a>", ["a href=data:text/html,x"]),
        ("&lt;script&gt;", []),
    ],
)
def test_what_acts_in_a_page_is_found(page: str, found: list[str]) -> None:
    assert active_content(page) == found


def test_what_a_spreadsheet_computes_is_found() -> None:
    assert list(formula_cells("ada,=1+1,-3.5\nbob,@SUM(A1),-1+x\neve,'=1,1\n")) == ["=1+1", "@SUM(A1)", "-1+x"]


def test_the_secret_is_where_attacks_look_for_it(made: Scene) -> None:
    holding_it = [p for p in made.root.rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
    assert len(holding_it) >= 8
