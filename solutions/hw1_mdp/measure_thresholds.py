"""Measure the reference on many seeds, and write the bounds of everything random to thresholds.json.

    python solutions/hw1_mdp/measure_thresholds.py [--seeds 40]

A bound is the scale of a test's partial credit: nothing at `zero`, everything at `bound` or above. `bound` is 0.9,
below what the worst seed of the reference reached: one start in ten may fail at no cost. What follows from the runs,
such as the chance that a right answer falls below `bound`, `autograder audit hw1_mdp --only thresholds` works out.
The runs of a threshold share one policy and differ in their starts alone: model `episodes`.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from autograder.course import Course
from autograder.source.reference import load_reference
from environments import cartpole, pendulum
from environments.physics import wrap_angle

HERE = Path(__file__).parent


def swing_up_share(names, table, rng, num_episodes=40):
    """One run of the test of 5.3: the share of starts that end upright."""
    q_values, axes, _ = table
    states, upright = rng.uniform([-np.pi, -1.0], [np.pi, 1.0], (num_episodes, 2)), np.ones(num_episodes, dtype=bool)
    for t in range(pendulum.pendulum.STEP_LIMIT):
        torques = names.swing_up(states, q_values, names.PENDULUM_TORQUES, axes, names.PENDULUM_PERIODIC)
        states = pendulum.step_states(states, torques)
        if t >= 180:
            upright &= np.abs(wrap_angle(states[:, 0])) < pendulum.pendulum.SUCCESS_ANGLE
    return float(upright.mean())


def balance_share(gain, rng, num_episodes=30):
    """One run of the test of 7.2: the share of starts that stay up."""
    states = rng.uniform([-0.5, -0.3, -0.3, -0.3], [0.5, 0.3, 0.3, 0.3], (num_episodes, 4))
    up = np.ones(num_episodes, dtype=bool)
    for _ in range(200):
        forces = np.clip(-(states @ gain.T)[:, 0], -cartpole.FORCE_LIMIT, cartpole.FORCE_LIMIT)
        states = cartpole.step_states(states, forces)
        up &= (np.abs(states[:, 1]) < np.pi / 4) & (np.abs(states[:, 0]) < cartpole.RAIL_LIMIT)
    return float(up.mean())


def entry(measures, shares, num_episodes):
    """Write down one threshold with the runs that it rests on, equal ones once."""
    return {
        "measures": measures,
        "model": "episodes",
        "cost": "cheap",
        "runs": {str(round(share, 4)): number for share, number in sorted(Counter(shares).items())},
        "episodes_per_seed": num_episodes,
        "zero": 0.5,
        "bound": 0.9,
    }


def main():
    """Run the reference and write thresholds.json beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=40, help="test runs to measure")
    parser.add_argument("--out", type=Path, default=HERE / "thresholds.json")
    arguments = parser.parse_args()
    names = load_reference(Course(HERE.parents[1]), HERE.name)
    table = names.solve_pendulum(25)
    swing = [swing_up_share(names, table, np.random.default_rng(seed)) for seed in range(arguments.seeds)]
    A, B = cartpole.linearise()
    Q = np.diag([10.0, 100.0, 0.0, 0.0])
    gains, _ = names.lqr(A, B, Q, np.array([[0.1]]), Q, 400)
    balance = [balance_share(gains[0], np.random.default_rng(seed)) for seed in range(arguments.seeds)]
    thresholds = {
        "5.3 swing_up": entry(
            "share of 40 random starts that are within 0.2 rad of upright for the whole last second of 10 s",
            swing, 40,
        ),
        "7.2 lqr": entry(
            "share of 30 random starts (0.5 m, 0.3 rad, 0.3 m/s, 0.3 rad/s) that stay within 45 degrees for 4 s",
            balance, 30,
        ),
    }  # fmt: skip
    arguments.out.write_text(json.dumps(thresholds, indent=2) + "\n")
    print(json.dumps(thresholds, indent=2))


if __name__ == "__main__":
    main()
