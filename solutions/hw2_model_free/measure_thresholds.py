"""Measure the reference on many seeds, and write the bounds of everything random to thresholds.json.

    python solutions/hw2_model_free/measure_thresholds.py ["1.3 learn" ...] [--jobs 2] [--seeds N]

Each threshold has a function that plays one run of its hidden test and returns what is compared with `bound`. Those
that are not named stay as they are in the file. What follows from the runs, such as the chance that a right answer
falls below `bound`, `autograder audit hw2_model_free --only thresholds` works out.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: runs are spread over processes instead

import argparse
import importlib.util
import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import train
from rich.progress import track

from autograder.course import Course
from autograder.source.reference import load_reference
from environments.grid_navigation import FloorPlan, GridNavigationEnv

HERE = Path(__file__).parent
SLUG = HERE.name
PATH = HERE / "thresholds.json"


@dataclass(frozen=True)
class Threshold:
    """What is measured, and what stands beside the runs in thresholds.json.

    Attributes:
        run: seed -> the value that the test compares.
        seeds: how many runs, from seed 0.
        rest: the entry's other keys.
    """

    run: Callable[[int], float]
    seeds: int
    rest: dict[str, Any] = field(default_factory=dict)


@cache
def reference():
    """Load the reference once per process, what its experiments define included."""
    import torch

    torch.set_num_threads(1)
    return load_reference(Course(HERE.parents[1]), SLUG, experiments=True)


def learn(seed):
    """1.3: by how many steps SARSA's way past a short cliff is longer than Q-learning's, -1 if that is not the shortest."""
    names = reference()
    plan = FloorPlan.from_text(".......\n.......\n.......\nSCCCCCG", rewards={"G": 0.0, "C": -100.0})
    lengths = []
    for method in (2, 0):
        env = GridNavigationEnv(plan, slip=0.0, living_reward=-1.0, step_limit=200)
        env.reset(seed=seed)
        table = names.learn(env, plan.num_states, 4, 2500, method, 0.1, 0.5, 1.0, seed)
        state, steps, neighbours = int(plan.states_of("S")[0]), 0, plan.neighbours()
        while steps < 39 and not plan.terminal[state]:
            state, steps = int(neighbours[state, np.argmax(table[state])]), steps + 1
        lengths.append(steps)
    return lengths[1] - lengths[0] if lengths[0] == 8 else -1


def swing_up(seed):
    """5.4: the share of 40 starts that a policy trained with this seed swings up and holds for the last second."""
    names = reference()
    actor, _ = names.train_swing_up(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "swing_up.npz")
        names.save_policy(path, actor, scale=names.PENDULUM_SCALE)
        policy = names.load_policy(path)
    envs = names.vector_env("PendulumSwingUp-v0", 40)
    observation, _ = envs.reset(seed=10_000 * seed + 7)
    upright = np.ones(40, dtype=bool)
    for t in range(199):  # the 200th step begins the next episode
        observation, *_ = envs.step(policy.act(observation))
        if t >= 180:
            upright &= np.abs(np.arctan2(observation[:, 1], observation[:, 0])) < 0.2
    return upright.mean()


def dqn_step(seed):
    """6.4: how far, relative to their size, the values of a random world are from the optimal ones after 500 steps."""
    import torch

    names, rng = reference(), np.random.default_rng(seed)
    following, rewards, ended = rng.integers(12, size=(12, 3)), rng.normal(size=(12, 3)), rng.random((12, 3)) < 0.15
    values = np.zeros((12, 3))
    for _ in range(500):
        values = rewards + 0.9 * np.where(ended, 0.0, values.max(axis=1)[following])
    torch.manual_seed(seed)
    online, target, optimiser = names.deep_q(12, 3, 3e-3)
    eye, (states, actions) = torch.eye(12), (torch.tensor(x.ravel()) for x in np.indices((12, 3)))
    columns = torch.tensor(rewards.ravel(), dtype=torch.float32), eye[torch.tensor(following.ravel())]
    batch = eye[states], actions, *columns, torch.tensor(ended.ravel())
    for k in range(500):
        names.dqn_step(online, target, online, optimiser, batch, 0.9)
        if k % 10 == 9:
            target.load_state_dict(online.state_dict())
    learned = online(eye).detach().numpy()
    return np.sqrt(np.mean((learned - values) ** 2) / np.mean(values**2))


def sac_step(seed):
    """7.4: share of pucks that SAC brings to within 0.5 m of where they are paid, after 450 steps on random transitions."""
    names, rng = reference(), np.random.default_rng(seed)
    middle = rng.uniform(-0.4, 0.4)

    def slide(x, action):
        landed = x + 0.35 * action
        fallen = np.abs(landed) > 1
        return landed, np.where(fallen, 0.0, 1 - np.abs(landed - middle)), fallen

    x, action = rng.uniform(-1, 1, (2, 3000))
    landed, reward, fallen = slide(x, action)
    stored = {"observation": x[:, None], "action": action[:, None], "reward": reward,
              "next_observation": landed[:, None], "terminated": fallen}  # fmt: skip
    agent = names.Sac(1, 1, hidden=[32], gamma=0.9, lr=0.01, tau=0.05, alpha=0.1, seed=seed)
    names.train(agent, stored, 450, 128, seed)
    puck, alive = np.linspace(-0.95, 0.95, 39), np.ones(39, dtype=bool)
    for _ in range(20):
        puck, _, fallen = slide(puck, agent.act(puck[:, None])[:, 0])
        alive &= ~fallen
    return np.mean(alive & (np.abs(puck - middle) < 0.5))


def sparse_reach(seed):
    """8.2: share of 100 episodes that the reference's policy ends at the goal."""
    names = reference()
    policy = names.load_policy(HERE / "artifacts" / "sparse_reach.npz")
    return names.play(names.vector_env("PointMass-v0", 100), policy.act, 1_000_000 + 100 * seed)[1]


@cache
def judge():
    """Load the hidden tests' own rollouts of quadrupeds."""
    spec = importlib.util.spec_from_file_location("quadruped_judge", HERE / "tests" / "quadruped_judge.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHORT = {"velocity": 800_000, "sprint": 1_500_000}  # steps of training, fewer than the notebook's


def policy_of(name, seed):
    """Train a quadruped with fewer steps than the notebook, or read what an earlier run has left in build/."""
    return reference().load_policy(train.trained(name, seed, SHORT[name]))


def velocity_any(seed):
    """9.2: mean error of a policy from one training seed under any commands."""
    return judge().track(policy_of("velocity", seed), "QuadrupedVelocity-v0", seed, 64)[0].mean()


def velocity_worst(seed):
    """9.2: the worst of its mean errors at four speeds."""
    policy = policy_of("velocity", seed)
    runs = (judge().track(policy, "QuadrupedVelocity-v0", seed, 16, (v, 0.0, 0.0)) for v in (0.25, 0.5, 0.75, 1.0))
    return max(errors[125:].mean() for errors, _ in runs)


def sprint_any(seed):
    """9.3: mean error of a policy from one training seed under any commands."""
    return judge().track(policy_of("sprint", seed), "QuadrupedSprint-v0", seed, 64)[0].mean()


def sprint_top(seed):
    """9.3: its mean error at top speed."""
    policy = policy_of("sprint", seed)
    return judge().track(policy, "QuadrupedSprint-v0", seed, 16, (2.5, 0.0, 0.0))[0][-75:].mean()


def recovery(seed, on_back):
    """9.4: the share of 64 robots that the reference's policy gets up."""
    policy = reference().load_policy(HERE / "artifacts" / "recovery.npz")
    return judge().rise(policy, np.random.default_rng(seed), 64, on_back)


THRESHOLDS = {
    "1.3 learn": Threshold(learn, 3000, {
        "measures": "steps by which SARSA's greedy way past a short cliff is longer than Q-learning's, which is the shortest",
        "model": "runs", "cost": "cheap", "bound": 1,
    }),
    "5.4 swing_up": Threshold(swing_up, 10, {
        "measures": "share of 40 random starts from which a policy trained for 196,608 steps ends upright and stays so for "
        "the last of ten seconds; one training run a seed",
        "model": "normal", "cost": "dear", "step": 0.025, "zero": 0.5, "bound": 0.9,
    }),
    "6.4 dqn_step": Threshold(dqn_step, 40, {
        "measures": "root mean square error of the learned values, relative to the optimal values' root mean square, after "
        "500 steps on a random world of 12 states",
        "model": "normal", "cost": "cheap", "higher_is_better": False, "bound": 0.25,
    }),
    "7.4 sac_step": Threshold(sac_step, 20, {
        "measures": "share of 39 places on a table from where the puck ends within 0.5 m of where it is paid most",
        "model": "normal", "cost": "cheap", "step": 0.0256, "bound": 0.8, "zero": 0.6,
    }),
    "8.2 sparse_reach": Threshold(sparse_reach, 40, {
        "measures": "share of 100 episodes, from other starts to other goals, that end within 5 cm of the goal; one trained policy "
        "(training seeds 0 to 4, 7 and 8 ended between 0.97 and 1, seed 5 at 0.81)",
        "model": "episodes", "cost": "cheap", "bound": 0.75, "zero": 0.2, "episodes_per_seed": 100,
    }),
    "9.2 velocity_tracking any": Threshold(velocity_any, 5, {
        "measures": "mean distance of velocity and command, m/s, of 64 robots under random commands for 5 s, 1 after a fall; "
        "each run trained with another seed on 0.8 million steps, a third of the notebook's",
        "model": "normal", "cost": "dear", "bound": 0.22, "zero": 0.35, "higher_is_better": False,
    }),
    "9.2 velocity_tracking worst": Threshold(velocity_worst, 5, {
        "measures": "the worst of four mean errors, m/s, 16 robots at 0.25, 0.5, 0.75, 1 m/s, second half of 5 s; the same policies",
        "model": "normal", "cost": "dear", "bound": 0.18, "zero": 0.5, "higher_is_better": False,
    }),
    "9.3 sprint any": Threshold(sprint_any, 5, {
        "measures": "mean distance of velocity and command, m/s, of 64 robots under random commands for 5 s, 1 after a fall; "
        "each run trained with another seed on 1.5 million steps, three fifths of the notebook's",
        "model": "normal", "cost": "dear", "bound": 0.35, "zero": 0.8, "higher_is_better": False,
    }),
    "9.3 sprint top": Threshold(sprint_top, 5, {
        "measures": "mean error, m/s, of 16 robots told to run at 2.5 m/s, the last 1.5 s of 5 s; the same policies",
        "model": "normal", "cost": "dear", "bound": 0.6, "zero": 1.5, "higher_is_better": False,
    }),
    "9.4 recovery belly": Threshold(partial(recovery, on_back=False), 40, {
        "measures": "share of 64 robots on their bellies that stand quietly after 5 s; one trained policy",
        "model": "episodes", "cost": "dear", "bound": 0.9, "zero": 0.2, "episodes_per_seed": 64,
    }),
    "9.4 recovery back": Threshold(partial(recovery, on_back=True), 40, {
        "measures": "share of 64 robots on their backs that stand quietly after 5 s; one trained policy",
        "model": "episodes", "cost": "dear", "bound": 0.6, "zero": 0.0, "episodes_per_seed": 64,
    }),
}  # fmt: skip


def measured(name, seeds, pool):
    """Run one threshold on its seeds; return its entry."""
    threshold = THRESHOLDS[name]
    number = seeds or threshold.seeds
    values = track(pool.map(threshold.run, range(number)), description=name, total=number)
    runs = [round(float(value), 4) for value in values]
    counted = Counter(runs)
    equal = len(counted) < len(runs)
    shown = {f"{value:g}": number for value, number in sorted(counted.items())} if equal else runs
    return {**threshold.rest, "runs": shown}


def main():
    """Run the reference and write what is named, or everything, to thresholds.json beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(THRESHOLDS)}")
    parser.add_argument("--seeds", type=int, help="runs of each, instead of its own number")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(THRESHOLDS):
        parser.error(f"no threshold {', '.join(sorted(unknown))}; there are {', '.join(THRESHOLDS)}")
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("spawn")) as pool:
        for name in arguments.names or THRESHOLDS:
            entry = measured(name, arguments.seeds, pool)
            entries = (json.loads(PATH.read_text()) if PATH.exists() else {}) | {name: entry}
            ordered = {key: entries[key] for key in THRESHOLDS if key in entries}
            PATH.write_text(json.dumps(ordered, indent=1) + "\n")


if __name__ == "__main__":
    main()
