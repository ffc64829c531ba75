"""A bench says what it compares, what the goal is, and whether it was met."""

from __future__ import annotations

import io
import subprocess

import pytest
from rich.console import Console

from tests.bench import ant_speed, environments, learners, peers
from tests.bench.environments import Speed
from tests.bench.sheet import Goal, Sheet


def printed(goal, rows):
    text = io.StringIO()
    sheet = Sheet(Console(file=text, width=120))
    sheet.show("snails", goal, rows)
    return text.getvalue(), sheet.report


@pytest.mark.parametrize(("met", "verdict"), [(True, " Met: 3.0"), (False, "NOT met: 3.0")])
def test_a_line_above_the_table_says_whether_the_goal_was_met(met, verdict):
    text, report = printed(
        Goal("two snails", "ours is faster", "3.0 times", met), [{"who": "ours", "m/s": 1e-3}]
    )
    assert text.index("snails: two snails") < text.index("Goal: ours is faster.") < text.index(verdict)
    assert text.index(verdict) < text.index("0.001")
    assert report["snails"]["met"] is met
    assert report["snails"]["rows"] == [{"who": "ours", "m/s": 1e-3}]


def test_rows_of_other_columns_begin_another_table():
    text, _ = printed(Goal("all"), [{"ms": 12345.6}, {"ms": None}, {"steps/s": True}])
    assert "12,346" in text
    assert "steps/s" in text.splitlines()[-4]
    assert "Goal" not in text


def speeds(batched, of_c):
    made = [("single", 1.0, 0.5), ("Gymnasium sync 8", 2.0, 0.2), ("Gymnasium async 8", 3.0, 0.1)]
    made += [("batched 8 on 1", batched, of_c), ("batched 8 on 2", batched, of_c)]
    return [Speed(name, rate, None, share, 1.0) for name, rate, share in made]


@pytest.mark.parametrize(
    ("batched", "of_c", "met"),
    [(3.3, 0.9, True), (3.3, None, True), (3.3, 0.89, False), (2.9, 0.9, False)],
)
def test_the_batched_environment_has_to_beat_gymnasiums_and_be_near_c(monkeypatch, batched, of_c, met):
    monkeypatch.setattr(environments, "NUM_ENVS", (8,))
    assert environments.goal(speeds(batched, of_c)).met is met


@pytest.mark.parametrize(("ratio", "met"), [(1.0, True), (0.99, False)])
def test_our_ant_is_judged_where_most_environments_and_both_threads_are(ratio, met):
    rows = [
        {"driver": driver, "num_envs": num_envs, "num_threads": num_threads, "of_envpool": of_envpool}
        for driver, num_envs, num_threads, of_envpool in [
            ("ours", 256, 1, 0.5), ("ours", 64, 2, 0.5), ("EnvPool", 256, 2, 1.0), ("ours", 256, 2, ratio),
        ]
    ]  # fmt: skip
    goal = ant_speed.goal(rows)
    assert goal.met is met
    assert goal.found == f"{ratio:.2f} times its rate"


def run(seed, after, learned):
    task = {
        "env_id": "robolearn/PointMass-v0", "learner": "SAC", "steps": 20, "least_return": -30.0,
        "least_success": 0.9,
    }  # fmt: skip
    return {
        "task": task, "seed": seed, "random": [-60.0, 0.0], "before": [-60.0, 0.0], "after": after, "wall_s": 1.5, "cpu_s": 1.0,
        "curve": [[0, -60.0, 0.0], [20, *after]], "learned": learned,
    }  # fmt: skip


def test_a_learner_that_did_not_learn_is_named():
    runs = [run(0, [-20.0, 1.0], True), run(1, [-59.0, 0.1], False)]
    goal = learners.goal(runs)
    assert not goal.met
    assert goal.found == "these did not learn: robolearn/PointMass-v0 with seed 1"
    assert learners.goal(runs[:1]).met
    row = learners.shown(runs[1])
    assert (row["after"], row["at least"], row["learned"]) == ("-59.0 / 0.10", "-30 / 0.90", False)


@pytest.mark.parametrize(
    ("after", "learned"), [((-30.0, 0.9), True), ((-30.1, 1.0), False), ((-20.0, 0.89), False)]
)
def test_a_run_has_learned_when_return_and_success_are_high_enough(after, learned):
    task = learners.Task("robolearn/PointMass-v0", "SAC", 20, -30.0, 0.9)
    assert learners.learned(learners.Run(task, 0, (-60.0, 0.0), (-60.0, 0.0), after)) is learned


def test_every_evaluation_is_of_the_same_episodes():
    still = [learners.evaluate("robolearn/PointMassDense-v0", lambda _: [0.0, 0.0], 3) for _ in range(2)]
    assert still[0] == still[1]
    towards = learners.evaluate(
        "robolearn/PointMassDense-v0",
        lambda seen: (2 * (seen["desired_goal"] - seen["achieved_goal"]) - seen["observation"][2:]).clip(
            -1, 1
        ),
        3,
    )
    assert towards[0] > still[0][0]
    assert towards[1] == 1.0


def test_the_curves_are_drawn(tmp_path):
    learners.draw([run(0, [-20.0, 1.0], True), run(1, [-59.0, 0.1], False)], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_peers_environment_installs_only_what_it_lacks(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: called.append([str(c) for c in command]))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip").touch()
    peers.environment(tmp_path, ["snail==1", "slug==2"])
    peers.environment(tmp_path, ["snail==1", "worm==3"])
    peers.environment(tmp_path, ["worm==3", "slug==2"])
    assert [command[-2:] for command in called] == [["snail==1", "slug==2"], ["-q", "worm==3"]]
