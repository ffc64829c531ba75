"""Push a puck to a goal: a goal-conditioned task, with a sparse or a dense reward."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments.episode import MujocoEpisode
from environments.physics import Physics, check_vector

Array = NDArray[np.float64]
Observation = dict[str, Array]

# Model

MODEL_PATH = Path(__file__).with_name("point_mass.xml")
MASS = 1.0  # kg
DAMPING = 1.0  # N s/m
FORCE_LIMIT = 2.0  # N, along each axis; the top speed is FORCE_LIMIT / DAMPING
ARENA_HALF_WIDTH = 1.0  # m, where the puck's centre meets a wall
NUM_SUBSTEPS = 5  # physics steps of 10 ms in a control step
CONTROL_PERIOD = 0.05  # s, 20 Hz

# Registered ids

IDS: dict[str, dict[str, Any]] = {
    "robolearn/PointMass-v0": {},
    "robolearn/PointMassDense-v0": {"reward": "dense"},
}
STEP_LIMIT = 60  # 3 s; corner to corner takes 2.1 s at full force
REWARDS = ("sparse", "dense")
GOAL_RADIUS = 0.05  # m
START_LIMIT = 0.9  # m from the middle, for the puck and for the goal, along each axis
POSITION_BOUND = 1.2  # m; the walls give a few cm
SPEED_BOUND = 3.0  # m/s, along each axis
GOAL_BOUND = ARENA_HALF_WIDTH  # m, of a goal that is set by an option

# Physics


class PointMassPhysics(Physics):
    """The puck in MuJoCo. World positions are (x, y) in the arena's plane, m, from its middle."""

    def __init__(self) -> None:
        super().__init__(mujoco.MjModel.from_xml_path(str(MODEL_PATH)), NUM_SUBSTEPS)

    def position_world(self) -> Array:
        """The puck's centre (2,) in the world frame, m."""
        return self.data.qpos.copy()

    def velocity_world(self) -> Array:
        """The puck's velocity (2,) in the world frame, m/s."""
        return self.data.qvel.copy()

    def goal_position_world(self) -> Array:
        """The goal (2,) in the world frame, m."""
        return self.data.mocap_pos[0, :2].copy()

    def set_goal_world(self, goal_world: ArrayLike) -> None:
        """Move the goal to (x, y), m."""
        self.data.mocap_pos[0, :2] = goal_world
        mujoco.mj_kinematics(self.model, self.data)


# Task


def distance(achieved_goal: ArrayLike, desired_goal: ArrayLike) -> Array:
    """Distances (...) between positions (..., 2) and goals (..., 2), m."""
    difference = np.asarray(achieved_goal, dtype=np.float64) - np.asarray(desired_goal, dtype=np.float64)
    return np.linalg.norm(difference, axis=-1)


def sparse_reward(achieved_goal: ArrayLike, desired_goal: ArrayLike) -> Array:
    """Reward (...): 0 within 5 cm of the goal, -1 elsewhere; for positions and goals (..., 2), m."""
    return np.where(distance(achieved_goal, desired_goal) < GOAL_RADIUS, 0.0, -1.0)


def dense_reward(achieved_goal: ArrayLike, desired_goal: ArrayLike) -> Array:
    """Reward (...): the distance in m, negative; for positions and goals (..., 2), m."""
    return -distance(achieved_goal, desired_goal)


def observe(qpos: ArrayLike, qvel: ArrayLike, goal_world: ArrayLike) -> Observation:
    """Turn positions, velocities and goals (..., 2) into the goal-conditioned observation."""
    position = np.clip(np.asarray(qpos, dtype=np.float64), -POSITION_BOUND, POSITION_BOUND)
    velocity = np.clip(np.asarray(qvel, dtype=np.float64), -SPEED_BOUND, SPEED_BOUND)
    return {
        "observation": np.concatenate([position, velocity], axis=-1),
        "achieved_goal": position,
        "desired_goal": np.array(goal_world, dtype=np.float64),
    }


def draw_start(rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw the puck's position (2,) and a goal (2,), m."""
    return rng.uniform(-START_LIMIT, START_LIMIT, 2), rng.uniform(-START_LIMIT, START_LIMIT, 2)


class PointMass(MujocoEpisode):
    """Bring a puck to a goal in a walled square, by forces. 20 Hz, physics at 100 Hz.

    Observation: dict
        observation: (4,) float64
            0  x           m    world, from the middle, clipped to +-1.2
            1  y           m    world, clipped to +-1.2
            2  velocity x  m/s  world, clipped to +-3
            3  velocity y  m/s  world, clipped to +-3
        achieved_goal: (2,) float64
            0  x           m    world, of the puck
            1  y           m    world
        desired_goal: (2,) float64
            0  x           m    world, of the goal
            1  y           m    world

    Action: (2,) float64
        0  force x / 2 N   1    in [-1, 1], world
        1  force y / 2 N   1    in [-1, 1], world

    Reward: in [-3.2, 0.0]
        "sparse": 0 when the step ends within 5 cm of the goal, -1 otherwise. "dense": the distance to the
        goal in m, negative. ``compute_reward(achieved_goal, desired_goal, info)`` gives it for any goals,
        many at once, as hindsight relabelling needs: a step's reward is that of its next observation.

    Termination: never: the puck is to stay. ``info["is_success"]`` tells whether it is within 5 cm.

    Truncation: after ``step_limit`` steps, 60 (3 s) unless given.

    Randomisation: puck and goal uniform in the square of +-0.9 m, the puck at rest.
        ``reset(options={"qpos": (x, y), "qvel": ..., "goal_world": ...})`` sets any of them instead.

    Source: the goal interface and the two rewards follow Gymnasium-Robotics' FetchReach (Plappert et al.
        2018, arXiv:1802.09464); the puck is like the DeepMind Control Suite's point mass, with damping of
        1 N s/m.

    Args:
        reward: "sparse" or "dense".
        step_limit: steps after which the episode is truncated.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    reward_range = (-3.2, 0.0)
    reset_options: ClassVar[tuple[str, ...]] = ("qpos", "qvel", "goal_world")

    def __init__(
        self,
        reward: str = "sparse",
        step_limit: int = STEP_LIMIT,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        if reward not in REWARDS:
            raise ValueError(f"reward: got {reward!r}, expected one of {REWARDS}.")
        self.reward = reward
        self.physics: PointMassPhysics = PointMassPhysics()
        high = np.array([POSITION_BOUND] * 2 + [SPEED_BOUND] * 2)
        self.observation_space = spaces.Dict(
            {
                "observation": spaces.Box(-high, high, dtype=np.float64),
                "achieved_goal": spaces.Box(-POSITION_BOUND, POSITION_BOUND, (2,), dtype=np.float64),
                "desired_goal": spaces.Box(-GOAL_BOUND, GOAL_BOUND, (2,), dtype=np.float64),
            }
        )
        self.action_space = spaces.Box(-1.0, 1.0, (2,), dtype=np.float64)

    def compute_reward(self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: Any) -> Any:
        """Reward of reaching ``achieved_goal`` when ``desired_goal`` was asked for.

        Args:
            achieved_goal: (..., 2) float64, m, of the observation after the step.
            desired_goal: (..., 2) float64, m.
            info: not used; Gymnasium's goal environments have it.

        Returns:
            (...) float64, a float for one pair.

        Raises:
            ValueError: the last axis of a goal is not 2.
        """
        for name, goal in (("achieved_goal", achieved_goal), ("desired_goal", desired_goal)):
            if np.shape(goal)[-1:] != (2,):
                raise ValueError(f"compute_reward: {name}: got shape {np.shape(goal)}, expected (..., 2).")
        function = sparse_reward if self.reward == "sparse" else dense_reward
        earned = function(achieved_goal, desired_goal)
        return float(earned) if earned.ndim == 0 else earned

    @property
    def state(self) -> Array:
        """[x, y, their velocities] (4,) now, m and m/s."""
        return np.concatenate([self.physics.data.qpos, self.physics.data.qvel])

    def _begin(self, options: dict[str, Any]) -> None:
        drawn = dict(zip(("qpos", "goal_world"), draw_start(self.np_random)), qvel=np.zeros(2))
        start = check_start({**drawn, **options})
        self.physics.set_configuration(start["qpos"], start["qvel"])
        self.physics.set_goal_world(start["goal_world"])

    def _advance(self, action: Array) -> tuple[float, bool]:
        self.physics.step(FORCE_LIMIT * action)
        seen = self._observe()
        return self.compute_reward(seen["achieved_goal"], seen["desired_goal"], {}), False

    def _observe(self) -> Observation:
        now = self.physics
        return observe(now.position_world(), now.velocity_world(), now.goal_position_world())

    def _info(self) -> dict[str, Any]:
        apart = float(distance(self.physics.position_world(), self.physics.goal_position_world()))
        return {"distance": apart, "is_success": apart < GOAL_RADIUS}


def check_start(options: dict[str, Any]) -> dict[str, Array]:
    """Return the parts of a start, checked: the puck and the goal are inside the arena.

    Raises:
        ValueError: an entry is not (2,) finite numbers, or a position is outside.
    """
    start = {name: check_vector(f"reset option {name}", given, 2) for name, given in options.items()}
    for name in ("qpos", "goal_world"):
        if name in start and np.any(np.abs(start[name]) > ARENA_HALF_WIDTH):
            raise ValueError(
                f"reset option {name}: got {start[name]}, expected a place in the arena, "
                f"[-{ARENA_HALF_WIDTH:g}, {ARENA_HALF_WIDTH:g}] m along each axis."
            )
    return start
