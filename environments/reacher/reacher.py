"""Bring the fingertip of a planar two-joint arm to a target, by torques."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments import physics
from environments.episode import MujocoEpisode
from environments.physics import Physics, check_vector
from environments.tabular import check_type

Array = NDArray[np.float64]

# Model

MODEL_PATH = Path(__file__).with_name("reacher.xml")
LINK_LENGTHS = (0.5, 0.4)  # m, shoulder to elbow, elbow to fingertip
TORQUE_LIMIT = 3.0  # N m, both joints
NUM_SUBSTEPS = 8  # physics steps of 5 ms in a control step
CONTROL_PERIOD = 0.04  # s, 25 Hz

# Registered ids

IDS: dict[str, dict[str, Any]] = {"robolearn/Reacher-v0": {}}
STEP_LIMIT = 100  # 4 s
TARGET_RADIUS_RANGE = (0.2, 0.85)  # m from the shoulder; the arm reaches 0.1 to 0.9
GOAL_RADIUS = 0.03  # m
GOAL_SPEED = 0.5  # rad/s, each joint
LENIENCE = 0.3  # m, over which the registered reward falls by 1/e

# Physics


@cache
def _model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(MODEL_PATH))


class ReacherPhysics(Physics):
    """The arm in MuJoCo. World positions are (x, y) in the arm's plane, m, from the shoulder."""

    def __init__(self) -> None:
        super().__init__(mujoco.MjModel.from_xml_path(str(MODEL_PATH)), NUM_SUBSTEPS)
        self._fingertip = self.model.site("fingertip").id
        self._forearm = self.model.body("forearm").id

    def joint_angles(self) -> Array:
        """Shoulder angle from world x and elbow angle from the upper link (2,), rad, not wrapped."""
        return self.data.qpos.copy()

    def joint_velocities(self) -> Array:
        """Joint velocities (2,), rad/s."""
        return self.data.qvel.copy()

    def fingertip_position_world(self) -> Array:
        """Fingertip (2,) in the world frame, m."""
        return self.data.site_xpos[self._fingertip, :2].copy()

    def fingertip_velocity_world(self) -> Array:
        """Fingertip velocity (2,) in the world frame, m/s."""
        return jacobian(self.data.qpos) @ self.data.qvel

    def elbow_position_world(self) -> Array:
        """Elbow (2,) in the world frame, m."""
        return self.data.xpos[self._forearm, :2].copy()

    def target_position_world(self) -> Array:
        """Target (2,) in the world frame, m."""
        return self.data.mocap_pos[0, :2].copy()

    def set_target_world(self, target_world: ArrayLike) -> None:
        """Move the target to (x, y), m."""
        self.data.mocap_pos[0, :2] = target_world
        mujoco.mj_kinematics(self.model, self.data)


def forward_kinematics(qpos: ArrayLike) -> Array:
    """Find the fingertip from the joint angles.

    Args:
        qpos: (..., 2) float64, shoulder and elbow angles, rad.

    Returns:
        (..., 2) float64, fingertip in the world frame, m.
    """
    qpos = np.asarray(qpos, dtype=np.float64)
    upper, fore = LINK_LENGTHS
    shoulder, both = qpos[..., 0], qpos[..., 0] + qpos[..., 1]
    x = upper * np.cos(shoulder) + fore * np.cos(both)
    y = upper * np.sin(shoulder) + fore * np.sin(both)
    return np.stack([x, y], axis=-1)


def jacobian(qpos: ArrayLike) -> Array:
    """Differentiate ``forward_kinematics``: fingertip velocity = jacobian @ qvel.

    Args:
        qpos: (..., 2) float64, rad.

    Returns:
        (..., 2, 2) float64, m/rad.
    """
    qpos = np.asarray(qpos, dtype=np.float64)
    upper, fore = LINK_LENGTHS
    shoulder, both = qpos[..., 0], qpos[..., 0] + qpos[..., 1]
    by_elbow = np.stack([-fore * np.sin(both), fore * np.cos(both)], axis=-1)
    by_shoulder = by_elbow + np.stack([-upper * np.sin(shoulder), upper * np.cos(shoulder)], axis=-1)
    return np.stack([by_shoulder, by_elbow], axis=-1)


def step_states(states: ArrayLike, torques: ArrayLike, num_threads: int = 1) -> Array:
    """Advance many arms by one control step of 0.04 s with MuJoCo.

    Args:
        states: (N, 4) float64, [shoulder, elbow, their velocities], rad and rad/s.
        torques: (N, 2) float64, N m, held during the step; the motors saturate at ``TORQUE_LIMIT``.
        num_threads: threads of the batch.

    Returns:
        (N, 4) float64 next states.
    """
    return physics.step_states(_model(), NUM_SUBSTEPS, states, torques, num_threads)


# Task


def _observe(qpos: Array, qvel: Array, target_world: Array) -> Array:
    wrapped = np.mod(qpos + np.pi, 2 * np.pi) - np.pi
    return np.concatenate([wrapped, target_world], axis=-1)


def _reward(fingertip_world: Array, target_world: Array, torque: Array) -> Any:
    return np.exp(-np.linalg.norm(fingertip_world - target_world, axis=-1) / LENIENCE)


def _done(
    fingertip_world: Array, qvel: Array, target_world: Array, step: int, step_limit: int
) -> tuple[bool, bool]:
    return False, step >= step_limit


@dataclass(frozen=True)
class Formulation:
    """What makes the arm's physics a Markov decision process. The defaults are the registered task.

    They are raw, and not a good formulation: the pose without velocities, pay for hovering, no price on
    torque, and no end but the clock. Homework 1 asks for a better one.

    Attributes:
        observe: (qpos (2,), qvel (2,), target_world (2,)) -> (O,) float, any O.
        reward: (fingertip_world (2,), target_world (2,), torque (2,) N m) -> float.
        done: (fingertip_world (2,), qvel (2,), target_world (2,), step, step_limit)
            -> (terminated, truncated); ``step`` counts this step, so the last one has step == step_limit.
    """

    observe: Callable[[Array, Array, Array], Any] = _observe
    reward: Callable[[Array, Array, Array], Any] = _reward
    done: Callable[[Array, Array, Array, int, int], Any] = _done


class Reacher(MujocoEpisode):
    """Bring the fingertip to a target in the plane. 25 Hz, physics at 200 Hz.

    The registered formulation is raw and not a good one (see ``Formulation``): bring your own.

    Observation: (4,) float64
        0  shoulder angle from world x    rad    wrapped to [-pi, pi)
        1  elbow angle from upper link    rad    wrapped to [-pi, pi)
        2  target x                       m      world
        3  target y                       m      world

    Action: (2,) float64
        0  shoulder torque / 3 N m        1      in [-1, 1]
        1  elbow torque / 3 N m           1      in [-1, 1]

    Reward: in [0.0, 1.0]
        exp(-(distance of fingertip and target) / 0.3 m).

    Termination: never. ``info["is_success"]`` tells whether the fingertip is within 3 cm of the target and
        both joints are slower than 0.5 rad/s.

    Truncation: after ``step_limit`` steps, 100 (4 s) unless given.

    Randomisation: joint angles uniform in [-pi, pi], at rest; the target uniform over the annulus of
        0.2 to 0.85 m around the shoulder. ``reset(options={"qpos": ..., "qvel": ..., "target_world": ...})``
        sets any of them instead.

    Source: the arm of Gymnasium's Reacher-v5, larger, with a formulation that can be replaced.

    Args:
        formulation: observation, reward and end; another one changes the spaces and the ranges above.
        step_limit: handed to ``formulation.done``, which truncates.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    reward_range = (0.0, 1.0)
    reset_options: ClassVar[tuple[str, ...]] = ("qpos", "qvel", "target_world")

    def __init__(
        self,
        formulation: Formulation | None = None,
        step_limit: int = STEP_LIMIT,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.physics: ReacherPhysics = ReacherPhysics()
        self.formulation = check_type(
            "formulation", Formulation() if formulation is None else formulation, Formulation
        )
        self._truncated = False
        self.action_space = spaces.Box(-1.0, 1.0, (2,), dtype=np.float64)
        high = np.array([np.pi] * 2 + [TARGET_RADIUS_RANGE[1]] * 2)
        if self.formulation.observe is not _observe:
            high = np.full(len(self._observe()), np.inf)
        self.observation_space = spaces.Box(-high, high, dtype=np.float64)

    def _begin(self, options: dict[str, Any]) -> None:
        qpos, target = draw_start(self.np_random)
        qpos = check_vector("reset option qpos", options.get("qpos", qpos), 2)
        qvel = check_vector("reset option qvel", options.get("qvel", np.zeros(2)), 2)
        target = check_vector("reset option target_world", options.get("target_world", target), 2)
        self.physics.set_configuration(qpos, qvel)
        self.physics.set_target_world(target)
        self._truncated = False

    def _advance(self, action: Array) -> tuple[float, bool]:
        torque = TORQUE_LIMIT * action
        self.physics.step(torque)
        now = self.physics
        fingertip, target = now.fingertip_position_world(), now.target_position_world()
        earned = checked_reward(self.formulation.reward(fingertip, target, torque))
        ends = self.formulation.done(
            now.fingertip_position_world(), now.joint_velocities(), now.target_position_world(),
            self.num_steps, self.step_limit,
        )  # fmt: skip
        terminated, self._truncated = checked_ends(ends)
        return earned, terminated

    def _truncates(self) -> bool:
        return self._truncated

    def _observe(self) -> Array:
        now = self.physics
        return checked_observation(
            self.formulation.observe(
                now.joint_angles(), now.joint_velocities(), now.target_position_world()
            )
        )

    def _info(self) -> dict[str, Any]:
        now = self.physics
        distance, succeeded = judge(
            now.fingertip_position_world(), now.target_position_world(), now.joint_velocities()
        )
        return {"distance": float(distance), "is_success": bool(succeeded)}


def judge(fingertip_world: Array, target_world: Array, qvel: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the distances (...), m, and whether the fingertips (..., 2) rest on the targets (..., 2)."""
    distance = np.linalg.norm(fingertip_world - target_world, axis=-1)
    slow = np.max(np.abs(qvel), axis=-1) < GOAL_SPEED
    return distance, (distance < GOAL_RADIUS) & slow


def draw_start(rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw joint angles (2,), rad, and a target (2,) in the world frame, m."""
    return rng.uniform(-np.pi, np.pi, 2), draw_target(rng)


def draw_target(rng: np.random.Generator) -> Array:
    """Draw a target (2,) uniformly over the annulus ``TARGET_RADIUS_RANGE`` around the shoulder, m."""
    low, high = TARGET_RADIUS_RANGE
    radius = np.sqrt(rng.uniform(low**2, high**2))
    angle = rng.uniform(-np.pi, np.pi)
    return radius * np.array([np.cos(angle), np.sin(angle)])


def checked_observation(seen: Any) -> Array:
    """Return what a formulation's ``observe`` returned as a new (O,) array.

    Raises:
        ValueError: it is not one row of finite numbers.
    """
    array = np.array(seen, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"observe: returned shape {array.shape}, expected (O,), one row of numbers.")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"observe: returned {array}, expected finite numbers.")
    return array


def checked_reward(value: Any) -> float:
    """Return what a formulation's ``reward`` returned as a float.

    Raises:
        ValueError: it is not one finite number.
    """
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iufb" or not np.all(np.isfinite(array)):
        raise ValueError(f"reward: returned {value!r}, expected one finite number.")
    return float(array.reshape(()))


def checked_ends(value: Any) -> tuple[bool, bool]:
    """Return what a formulation's ``done`` returned: terminated, truncated.

    Raises:
        ValueError: it is not two booleans.
    """
    flags = list(value) if isinstance(value, (tuple, list)) else []
    if len(flags) != 2 or not all(isinstance(flag, (bool, np.bool_)) for flag in flags):
        raise ValueError(f"done: returned {value!r}, expected two booleans (terminated, truncated).")
    return bool(flags[0]), bool(flags[1])
