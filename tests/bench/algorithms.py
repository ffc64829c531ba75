"""A reference of homework 2 beside Stable-Baselines3: the same algorithm, settings, environment and number of steps.

``python -m tests.bench.algorithms OUT.json`` trains Stable-Baselines3's learners in the environment of the peers;
``make bench BENCH=algorithms`` runs that, trains the reference's beside them, and shows both.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import environments  # noqa: F401 - registers the ids
from tests.bench.learners import EPISODES, Act, evaluate
from tests.bench.sheet import Goal

SLUG = "hw2_model_free"
SEEDS = (0, 1, 2)
TIMES = 2  # as fast as the peer, at least
MARGIN = 0.05  # of success that chance may take

LEARNERS = ("reference", "Stable-Baselines3")


@dataclass(frozen=True)
class Task:
    """What both learn.

    Attributes:
        name: as shown.
        env_id: of the environment.
        steps: environment steps of training.
    """

    name: str
    env_id: str
    steps: int


PPO = Task("PPO", "robolearn/PendulumSwingUp-v0", 196_608)
HER = Task("SAC + HER", "robolearn/PointMass-v0", 36_000)
TASKS = (PPO, HER)


@dataclass(frozen=True)
class Run:
    """One training of one learner, and what its policy is worth without exploring."""

    task: str
    learner: str
    seed: int
    wall_s: float
    cpu_s: float
    mean_return: float
    success: float


def measured(task: Task, learner: str, seed: int, train: Callable[[Task, int], Act]) -> Run:
    """Train, and evaluate what comes out; the clock runs while it trains."""
    begin, cpu_begin = time.perf_counter(), time.process_time()
    act = train(task, seed)
    wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu_begin
    print(f"{task.name} by {learner}, seed {seed}: {wall_s:.0f} s", file=sys.stderr, flush=True)
    return Run(task.name, learner, seed, wall_s, cpu_s, *evaluate(task.env_id, act, EPISODES))


def train_peer(task: Task, seed: int) -> Act:
    """Train Stable-Baselines3's learner with the reference's settings, normalised as its zoo recommends for PPO."""
    import torch
    from stable_baselines3 import PPO as PeerPPO
    from stable_baselines3 import SAC, HerReplayBuffer
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    torch.set_num_threads(1)
    if task is PPO:
        venv = VecNormalize(make_vec_env(task.env_id, n_envs=32, seed=seed), gamma=0.97)
        model = PeerPPO(
            "MlpPolicy", venv, n_steps=128, batch_size=512, n_epochs=10, learning_rate=1e-3, gamma=0.97,
            gae_lambda=0.95, clip_range=0.2, vf_coef=0.5, max_grad_norm=0.5, target_kl=0.02,
            policy_kwargs={"net_arch": [64, 64]}, seed=seed, device="cpu",
        )  # fmt: skip
        model.learn(task.steps)
        return lambda observation: model.predict(venv.normalize_obs(observation), deterministic=True)[0]
    model = SAC(
        "MultiInputPolicy", make_vec_env(task.env_id, n_envs=10, seed=seed), replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        learning_starts=600, train_freq=60, gradient_steps=80, batch_size=256, learning_rate=2e-3, tau=0.02,
        gamma=0.95, ent_coef="auto_0.1", policy_kwargs={"net_arch": [64, 64]}, seed=seed, device="cpu",
    )  # fmt: skip
    model.learn(task.steps)
    return lambda observation: model.predict(observation, deterministic=True)[0]


def train_reference(task: Task, seed: int) -> Act:
    """Train as the experiments of the homework's solution do, on batched environments."""
    import torch

    names = _reference()
    torch.set_num_threads(1)
    if task is PPO:
        actor, _ = names.train_swing_up(seed)

        def swing(observation: Any) -> Any:
            with torch.no_grad():
                state = torch.as_tensor(observation / names.PENDULUM_SCALE, dtype=torch.float32)
                return actor(state).clip(-1, 1).double().numpy()

        return swing
    agent, _ = names.train_to_reach(seed, k=4)
    return lambda observation: agent.act(names.told({k: v[None] for k, v in observation.items()}))[0]


def _reference() -> Any:
    from autograder.course import Course
    from autograder.source.reference import load_reference

    return load_reference(Course(Path(__file__).parents[2]), SLUG, experiments=True)


def reference_runs() -> list[dict[str, Any]]:
    """Train the reference on every task with every seed."""
    _reference()  # what it imports is no part of training
    return [asdict(measured(task, LEARNERS[0], seed, train_reference)) for task in TASKS for seed in SEEDS]


def rows(found: list[dict[str, Any]]) -> list[dict[str, object]]:
    """A row for each task and learner, means over seeds."""
    out: list[dict[str, object]] = []
    for task in TASKS:
        for learner in dict.fromkeys(run["learner"] for run in found):
            mine = [run for run in found if run["task"] == task.name and run["learner"] == learner]
            means = {
                k: float(np.mean([run[k] for run in mine]))
                for k in ("wall_s", "cpu_s", "mean_return", "success")
            }
            out.append({
                "task": task.name, "learner": learner, "steps": task.steps, "seeds": len(mine),
                "wall s": means["wall_s"], "CPU s": means["cpu_s"], "return": means["mean_return"],
                "success": means["success"], "least success": min(run["success"] for run in mine),
            })  # fmt: skip
    return out


def goal(shown: list[dict[str, Any]]) -> Goal:
    """As good at the same number of steps, in half the time."""
    words, met = [], True
    for task in TASKS:
        ours, theirs = (
            {row["learner"]: row for row in shown if row["task"] == task.name}[k] for k in LEARNERS
        )
        faster = theirs["wall s"] / ours["wall s"]
        met &= faster >= TIMES and ours["success"] >= theirs["success"] - MARGIN
        words.append(
            f"{task.name} {ours['success']:.2f} against {theirs['success']:.2f}, {faster:.1f} times as fast"
        )
    return Goal(
        f"the reference of {SLUG} beside Stable-Baselines3 with its settings on as many steps; {EPISODES} episodes each",
        f"as many successes, within {MARGIN}, in at most 1/{TIMES} of the wall time",
        "; ".join(words),
        met,
    )


if __name__ == "__main__":
    runs = [measured(task, LEARNERS[1], seed, train_peer) for task in TASKS for seed in SEEDS]
    Path(sys.argv[1]).write_text(json.dumps([asdict(run) for run in runs]) + "\n")
