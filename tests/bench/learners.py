"""Stable-Baselines3 learns two of the tasks through ``gymnasium.make`` alone; run in the environment of the peers.

``python -m tests.bench.learners OUT.json`` trains and writes the runs; ``make bench BENCH=learners`` does it there,
shows them, and draws the learning curves.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import environments  # noqa: F401 - registers the ids
from tests.bench.sheet import Goal

SEEDS = (0, 1, 2)
WORKERS = 2
NICENESS = 10
EPISODES = 50  # of an evaluation before and after
CURVE_EPISODES = 10  # of one point of a curve
CURVE_POINTS = 10
EVALUATION_SEED = 10_000

Act = Callable[[Any], Any]


@dataclass(frozen=True)
class Task:
    """What is learned, by what, for how long, and when it counts as learned.

    Attributes:
        env_id: of the environment.
        learner: the algorithm, as shown.
        steps: environment steps of training.
        least_return: of the mean return after training.
        least_success: of the share of episodes that end in success after training.
    """

    env_id: str
    learner: str
    steps: int
    least_return: float
    least_success: float


TASKS = (
    Task("robolearn/PendulumSwingUp-v0", "SAC", 10_000, -200.0, 0.95),
    Task("robolearn/PointMass-v0", "SAC + HER", 10_000, -30.0, 0.9),
    Task("robolearn/PointMassDense-v0", "PPO", 40_960, -20.0, 0.9),
)


@dataclass
class Run:
    """One training.

    Attributes:
        task: what was learned.
        seed: of the learner and of its environment.
        random: (mean return, success) of uniform random actions.
        before: of the policy before training, on the same episodes.
        after: of the policy after training, on the same episodes.
        wall_s: of training, without evaluations.
        cpu_s: the same, CPU time.
        curve: (steps, mean return, success) during training.
    """

    task: Task
    seed: int
    random: tuple[float, float]
    before: tuple[float, float]
    after: tuple[float, float] = (0.0, 0.0)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)


def learned(run: Run) -> bool:
    """Whether a run reached the task's bounds."""
    return run.after[0] >= run.task.least_return and run.after[1] >= run.task.least_success


def evaluate(env_id: str, act: Act, episodes: int) -> tuple[float, float]:
    """Return the mean return and the share of successes at the end, over the same episodes each time."""
    env = gymnasium.make(env_id)
    returns, successes = [], []
    for episode in range(episodes):
        observation, info = env.reset(seed=EVALUATION_SEED + episode)
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, info = env.step(act(observation))
            total += float(reward)
            over = terminated or truncated
        returns.append(total)
        successes.append(bool(info["is_success"]))
    return float(np.mean(returns)), float(np.mean(successes))


def train(task: Task, seed: int, episodes: int = EPISODES) -> Run:
    """Train one learner and evaluate it before, on the way, and after."""
    import torch
    from stable_baselines3.common.logger import Logger

    torch.set_num_threads(1)
    env = gymnasium.make(task.env_id)
    model = _model(task, env, seed)
    model.set_logger(Logger(folder=None, output_formats=[]))  # its own leaves a folder in /tmp at every learn()

    def act(observation: Any) -> Any:
        return model.predict(observation, deterministic=True)[0]

    env.action_space.seed(seed)
    run = Run(
        task,
        seed,
        evaluate(task.env_id, lambda _: env.action_space.sample(), episodes),
        evaluate(task.env_id, act, episodes),
    )
    run.curve.append((0, *evaluate(task.env_id, act, min(CURVE_EPISODES, episodes))))
    for point in range(CURVE_POINTS):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        model.learn(task.steps // CURVE_POINTS, reset_num_timesteps=point == 0)
        run.wall_s += time.perf_counter() - begin
        run.cpu_s += time.process_time() - cpu_begin
        run.curve.append((model.num_timesteps, *evaluate(task.env_id, act, min(CURVE_EPISODES, episodes))))
    run.after = evaluate(task.env_id, act, episodes)
    return run


def _model(task: Task, env: Any, seed: int) -> Any:
    """Make the learner, with its library's defaults but for what is named here."""
    from stable_baselines3 import PPO, SAC, HerReplayBuffer

    shared = {"gamma": 0.95, "seed": seed, "device": "cpu"}
    small = {"policy_kwargs": {"net_arch": [64, 64]}}
    if task.learner == "SAC":
        return SAC("MlpPolicy", env, learning_starts=1000, learning_rate=5e-4, **small, **shared)
    if task.learner == "PPO":
        return PPO("MultiInputPolicy", env, n_steps=1024, learning_rate=1e-3, **shared)
    assert task.learner == "SAC + HER"
    return SAC(
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        learning_starts=1000,
        learning_rate=1e-3,
        **small,
        **shared,
    )


def _be_nice() -> None:
    os.nice(max(0, NICENESS - os.nice(0)))


def all_runs() -> list[Run]:
    """Train every task with every seed, each in a process of its own, at low priority."""
    jobs = [(task, seed) for seed in SEEDS for task in TASKS]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, context, initializer=_be_nice) as pool:
        return list(pool.map(train, *zip(*jobs)))


def goal(found: list[dict[str, Any]]) -> Goal:
    """Judge the runs, as they are in JSON."""
    failed = [f"{run['task']['env_id']} with seed {run['seed']}" for run in found if not run["learned"]]
    return Goal(
        "Stable-Baselines3 on gymnasium.make(id), no wrapper of ours; mean return and share of successes of "
        f"{EPISODES} episodes by random actions, by the policy before training, and after",
        "every seed reaches the return and the success in the columns 'at least'",
        f"these did not learn: {', '.join(failed)}" if failed else f"{len(found)} of {len(found)} runs",
        not failed,
    )


def shown(run: dict[str, Any]) -> dict[str, object]:
    """A run, as it is in JSON, as a row of the table."""
    pairs = {name: "{:,.1f} / {:.2f}".format(*run[name]) for name in ("random", "before", "after")}
    task = run["task"]
    at_least = f"{task['least_return']:,.0f} / {task['least_success']:.2f}"
    return {
        "environment": task["env_id"].removeprefix("robolearn/"), "learner": task["learner"],
        "steps": run["curve"][-1][0], "seed": run["seed"], **pairs, "at least": at_least,
        "wall s": run["wall_s"], "CPU s": run["cpu_s"], "learned": run["learned"],
    }  # fmt: skip


def draw(found: list[dict[str, Any]], path: Path) -> None:
    """Draw the learning curves of the runs, as they are in JSON: a column for each task, a line for each seed."""
    from matplotlib.figure import Figure

    ids = list(dict.fromkeys(run["task"]["env_id"] for run in found))
    figure = Figure(figsize=(4.2 * len(ids), 5.6), layout="constrained")
    grid = figure.subplots(2, len(ids), squeeze=False, sharex="col")
    for column, env_id in enumerate(ids):
        runs = [run for run in found if run["task"]["env_id"] == env_id]
        task = runs[0]["task"]
        for row, (what, bound) in enumerate((("return", "least_return"), ("success", "least_success"))):
            ax = grid[row, column]
            for run in runs:
                steps, *values = zip(*run["curve"])
                ax.plot(steps, values[row], marker="o", markersize=3, label=f"seed {run['seed']}")
            ax.axhline(runs[0]["random"][row], color="grey", linestyle=":", label="random actions")
            ax.axhline(task[bound], color="black", linestyle="--", linewidth=1, label="at least")
            ax.set_ylabel(f"mean {what} of {CURVE_EPISODES} episodes")
        returns = [value for run in runs for _, value, _ in run["curve"]]
        if min(returns) < -1000:  # spinning costs that much
            grid[0, column].set_yscale("symlog", linthresh=100)
            grid[0, column].set_ylim(top=max(returns) / 2)
        grid[0, column].set_title(f"{env_id.removeprefix('robolearn/')}\n{task['learner']}")
        grid[1, column].set_ylim(-0.05, 1.05)
        grid[1, column].set_xlabel("environment steps")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), ncols=5, loc="outside lower center")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    runs = all_runs()
    Path(sys.argv[1]).write_text(json.dumps([asdict(run) | {"learned": learned(run)} for run in runs]) + "\n")
