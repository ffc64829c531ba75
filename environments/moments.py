"""Moments worth a picture: how each environment is played before the gallery looks at it.

A new id needs no entry: it is played with random actions. An entry says what it does instead, and which
point's way is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from environments.episode import Episode

Array = NDArray[np.float64]
Legend = tuple[tuple[str, tuple[float, float, float]], ...]
"""The name and colour (RGB in [0, 1]) of each value of an image of labels."""


@dataclass(frozen=True)
class Moment:
    """How an environment is played until it is looked at.

    Attributes:
        act: chooses an action from the environment and the number of steps taken; random ones if None.
        steps: how many.
        point: finds the (3,) world position, m, whose way is drawn into the pictures; none if None.
        trail: steps of the way that are drawn, the last ones.
        seed: of the reset.
        options: of the reset.
        settings: arguments of the environment.
        legend: of images of labels in the observation; numbers if None.
    """

    act: Callable[[Any, int], Any] | None = None
    steps: int = 20
    point: Callable[[Any], ArrayLike] | None = None
    trail: int = 1000
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    legend: Callable[[], Legend] | None = None

    def play(self, env: Episode) -> tuple[Any, Array]:
        """Play until the moment, or the episode's end.

        Returns:
            The last observation, and the way (T, 3) of ``point``; (0, 3) without one.
        """
        env.action_space.seed(self.seed)
        observation, _ = env.reset(seed=self.seed, options=dict(self.options))
        way = [] if self.point is None else [self.point(env)]
        for step in range(self.steps):
            action = env.action_space.sample() if self.act is None else self.act(env, step)
            observation, _, terminated, truncated, _ = env.step(action)
            way += [] if self.point is None else [self.point(env)]
            if terminated or truncated:
                break
        return observation, np.array(way[-self.trail :], dtype=np.float64).reshape(-1, 3)


# What is done


def _always(action: Any) -> Callable[[Any, int], Any]:
    return lambda env, step: action


def _in_turn(*actions: Any) -> Callable[[Any, int], Any]:
    return lambda env, step: actions[step]


def _expert(env: Any, step: int) -> Any:
    return env.expert_action()


def _trot(env: Any, step: int) -> Array:
    """Follow the hand-tuned trot's joint angles at the command of now."""
    from environments.quadruped import trot

    task, episodes = env.task, env.episodes
    target = trot(episodes.phase(), episodes.command, task.trot_frequency)
    return np.clip((target - episodes.reference())[0] / task.action_scale, -1, 1)


def _tour(env: Any, step: int) -> int:
    """Go from room to room, to one after the other for a while, and look around there."""
    from environments.navigation import distance_field, expert_action
    from environments.navigation.geodesics import STOP, TURN_RIGHT

    room = env.plan.rooms[(3 * step // TOUR_STEPS) % len(env.plan.rooms)]
    rows, columns = np.nonzero(env.plan.free)
    middle = (room.first_row + room.last_row) / 2, (room.first_column + room.last_column) / 2
    nearest = np.argmin((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2)
    target = np.zeros_like(env.plan.free)
    target[rows[nearest], columns[nearest]] = True
    heading = round(env.state[2] / (np.pi / 2)) % 4
    action = expert_action(distance_field(env.plan.free, target), env.cell, heading)
    return TURN_RIGHT if action == STOP else action


# Whose way is drawn


def _tip(env: Any) -> Array:
    return env.physics.tip_position_world()


def _fingertip(env: Any) -> Array:
    return np.append(env.physics.fingertip_position_world(), 0.17)


def _puck(env: Any) -> Array:
    return np.append(env.physics.position_world(), 0.07)


def _foot(env: Any) -> Array:
    return env.physics.foot_positions_world()[1]


def _trunk(env: Any) -> Array:
    return env.physics.data.qpos[:3].copy()


def _robot(env: Any) -> Array:
    return np.append(env.state[:2], 0.02)


def _cell(env: Any) -> tuple[float, float, float]:
    from environments.grid_navigation.scene import position

    row, column = env.plan.cells[env.state]
    return (*position(int(row), int(column), env.plan.shape), 0.05)


def _corridor_cell(env: Any) -> tuple[float, float, float]:
    return (env.state - (env.corridor.length - 1) / 2, 0.0, 0.05)


def _indoor_legend() -> Legend:
    from environments.navigation.drawing import semantic_picture
    from environments.navigation.furniture import LABELS

    return tuple(zip(LABELS, map(tuple, semantic_picture(np.arange(len(LABELS))))))


NORTH, EAST, SOUTH = 0, 1, 2
TOUR_STEPS = 120  # for three rooms
MOMENTS: dict[str, Moment] = {
    "robolearn/GridNavigation-v0": Moment(
        _in_turn(*[SOUTH] * 2, *[EAST] * 5, *[NORTH] * 2, *[EAST] * 2), 11, _cell, settings={"slip": 0.0}
    ),
    "robolearn/Reacher-v0": Moment(
        _always((0.55, -0.12)), 28, _fingertip,
        options={"qpos": (-2.4, 1.6), "target_world": (0.84, 0.22)},
    ),
    "robolearn/PendulumSwingUp-v0": Moment(_always((0.0,)), 13, _tip, options={"state": (-2.6, 7.2)}),
    "robolearn/CartPole-v0": Moment(
        _always((0.0,)), 30, _tip, options={"state": (-1.5, -0.19, 1.9, 0.72)}, settings={"angle_limit": 1.0}
    ),
    "robolearn/CartPoleSwingUp-v0": Moment(
        _always((0.0,)), 34, _tip, options={"state": (0.9, 3.3, -1.2, -8.0)}
    ),
    "robolearn/Corridor-v0": Moment(_always(1), 7, _corridor_cell, seed=1, options={"state": 2}),
    "robolearn/QuadrupedVelocity-v0": Moment(_trot, 96, _foot, 50, options={"command": (0.8, 0.0, 0.0)}),
    "robolearn/QuadrupedSprint-v0": Moment(_trot, 120, _foot, 40, options={"command": (1.2, 0.0, 0.0)}),
    "robolearn/QuadrupedRecovery-v0": Moment(_always(np.zeros(12)), 20, _trunk, seed=3),
    "robolearn/PointMass-v0": Moment(
        _always((-0.05, 0.5)), 40, _puck,
        options={"qpos": (-0.8, 0.6), "qvel": (1.5, -1.9), "goal_world": (0.41, 0.62)},
    ),
    "robolearn/PointMassDense-v0": Moment(
        _always((-0.75, 0.3)), 36, _puck,
        options={"qpos": (-0.75, -0.7), "qvel": (2.6, 0.3), "goal_world": (-0.6, 0.46)},
    ),
    "robolearn/PointGoalNavigation-v0": Moment(_expert, 30, _robot, seed=57),
    "robolearn/ObjectGoalNavigation-v0": Moment(_expert, 24, _robot, seed=27, legend=_indoor_legend),
    "robolearn/ImageGoalNavigation-v0": Moment(_expert, 37, _robot, seed=20),
    "robolearn/Exploration-v0": Moment(_tour, 268, _robot, seed=4),
    "robolearn/PointGoalDrive-v0": Moment(_expert, 97, _robot, seed=4),
}  # fmt: skip
