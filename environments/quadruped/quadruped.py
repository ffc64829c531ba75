"""Make a quadruped of 30 kg walk as told, run, and stand up after a fall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments.episode import MujocoEpisode
from environments.physics import check_vector
from environments.quadruped.actuators import (
    Drive,
    NetworkActuator,
    NetworkWeights,
    RealActuator,
    Servo,
    TorqueActuator,
)
from environments.quadruped.episodes import Episodes
from environments.quadruped.model import JOINTS, QuadrupedPhysics, load_scene
from environments.quadruped.motion import observation_bound
from environments.quadruped.task import (
    Randomisation,
    Starts,
    Task,
    draw_start,
    num_commands,
)
from environments.tabular import check_type

Array = NDArray[np.float64]
ACTUATORS = ("pd", "network", "real")

# Registered ids

IDS: dict[str, dict[str, Any]] = {
    "robolearn/QuadrupedVelocity-v0": {},
    "robolearn/QuadrupedSprint-v0": {},
    "robolearn/QuadrupedRecovery-v0": {},
}
STEP_LIMIT = 250  # 5 s

# Task

_TABLES = {
    "base": """0  trunk velocity, forward       m/s    body
        1  trunk velocity, left          m/s    body
        2  trunk velocity, up            m/s    body
        3  trunk turn, roll              rad/s  body
        4  trunk turn, pitch             rad/s  body
        5  trunk turn, yaw               rad/s  body
        6  gravity's direction, x        1      body
        7  gravity's direction, y        1      body
        8  gravity's direction, z        1      body, -1 when level""",
    "command": """9  command, forward velocity     m/s    body, ramped
        10  command, lateral velocity     m/s    body, ramped, left is positive
        11  command, yaw rate             rad/s  body, ramped, left is positive""",
    "phase": """48  sin of the trot's phase       1
        49  cos of the trot's phase       1      LF and RH swing first""",
    "action": "\n        ".join(
        f"{i}  {name} target, offset / scale   1      in [-1, 1]" for i, name in enumerate(JOINTS)
    ),
}
_ROWS = (("angle from nominal", "rad"), ("velocity", "rad/s"), ("last action", "1"))
_Class = TypeVar("_Class", bound=type)


def _joint_rows(first: int) -> str:
    rows = [f"{joint} {what:<20} {unit}" for what, unit in _ROWS for joint in JOINTS]
    return "\n        ".join(f"{first + i}  {row}" for i, row in enumerate(rows))


def _documented(first_joint: int) -> Callable[[_Class], _Class]:
    """Write the tables that the classes share into their docstrings."""

    def fill(cls: _Class) -> _Class:
        cls.__doc__ = (cls.__doc__ or "").format(**_TABLES, joints=_joint_rows(first_joint))
        return cls

    return fill


class Quadruped(MujocoEpisode):
    """What the quadruped's tasks share: the robot, its actuators, its randomisation.

    Args:
        actuator: "pd" is the ideal servo; "network" a learned model of the drives, with ``network``; "real"
            the drives of the robot that cannot be looked into.
        network: for "network": ``NetworkWeights``, its arrays, or the path of its npz file.
        drive: for "real": the drives' numbers, if they should be others.
        randomisation: how robots differ and are pushed; None for not at all.
        task: another range of commands or scale of actions.
        step_limit: control steps of 20 ms.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012
    reset_options: ClassVar[tuple[str, ...]] = ("qpos", "qvel", "command")
    registered_task: ClassVar[Task] = Task()

    def __init__(
        self,
        actuator: str = "pd",
        network: NetworkWeights | Mapping[str, ArrayLike] | str | Path | None = None,
        drive: Drive | None = None,
        randomisation: Randomisation | None = None,
        task: Task | None = None,
        step_limit: int = STEP_LIMIT,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.actuator, self.network, self.drive = actuator, _weights(actuator, network), drive
        if drive is not None and actuator != "real":
            raise ValueError(
                f'drive: got {drive!r} with actuator={actuator!r}, expected it with actuator="real".'
            )
        if drive is not None:
            check_type("drive", drive, Drive)
        self.randomisation = randomisation
        if randomisation is not None:
            check_type("randomisation", randomisation, Randomisation)
        self.task = check_type("task", self.registered_task if task is None else task, Task)
        if self.task.recovery != self.registered_task.recovery:
            raise ValueError(
                f"{type(self).__name__}: got a task with recovery={self.task.recovery}, expected "
                f"{self.registered_task.recovery}. Recovery has an environment of its own."
            )
        self.episodes = self.make_episodes(1)
        self.physics: QuadrupedPhysics = QuadrupedPhysics(self.episodes.actuator.drives_torque)
        bound = observation_bound(self.task)
        self.observation_space = spaces.Box(-bound, bound, dtype=np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (12,), dtype=np.float64)

    def make_episodes(self, num_robots: int) -> Episodes:
        """Make what ``num_robots`` episodes of this environment remember, actuators included."""
        actuator: Servo | TorqueActuator = Servo()
        if self.network is not None:
            actuator = NetworkActuator(num_robots, self.network)
        elif self.actuator == "real":
            actuator = RealActuator(num_robots, self.drive)
        return Episodes(num_robots, self.task, self.step_limit, actuator)

    def draw_starts(self, generators: list[np.random.Generator], options: dict[str, Any]) -> Starts:
        """Draw an episode from each generator, and set what the reset's options say."""
        starts = Starts.empty(len(generators), num_commands(self.step_limit))
        for row, rng in enumerate(generators):
            draw_start(starts, row, rng, self.task, self.randomisation)
        if "qpos" in options:
            starts.qpos[:] = check_vector("reset option qpos", options["qpos"], 19)
        if "qvel" in options:
            starts.qvel[:] = check_vector("reset option qvel", options["qvel"], 18)
        if "command" in options:
            starts.commands[:] = check_vector("reset option command", options["command"], 3)
        return starts

    @property
    def state(self) -> Array:
        """Positions, then velocities (37,) now, SI."""
        return np.concatenate([self.physics.data.qpos, self.physics.data.qvel])

    def _begin(self, options: dict[str, Any]) -> None:
        starts = self.draw_starts([self.np_random], options)
        if self.randomisation is not None:
            self.physics.vary(starts)
        self.physics.set_configuration(starts.qpos[0], starts.qvel[0])
        self.episodes.begin(slice(None), starts)

    def _advance(self, action: Array) -> tuple[float, bool]:
        reward, terminated = self.episodes.advance(slice(None), action[None], self.physics)
        return float(reward[0]), bool(terminated[0])

    def _observe(self) -> Array:
        return self.episodes.seen[0].copy()

    def _info(self) -> dict[str, Any]:
        info = self.episodes.info(slice(None))
        terms = {name: float(values[0]) for name, values in info.pop("reward_terms").items()}
        success = bool(info.pop("is_success")[0])
        return {"reward_terms": terms, "is_success": success, **{k: v[0].copy() for k, v in info.items()}}

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        return load_scene(), self.physics.data, self.camera

    def _save(self) -> dict[str, Any]:
        return {**super()._save(), "episode": self.episodes.save(0)}

    def _load(self, world: dict[str, Any]) -> None:
        self.episodes.load(0, world["episode"])
        if self.randomisation is not None:
            self.physics.vary(self.episodes.starts)
        super()._load(world)
        self.episodes.look(slice(None), self.physics)


def _weights(actuator: str, network: Any) -> NetworkWeights | None:
    if actuator not in ACTUATORS:
        raise ValueError(f"actuator: got {actuator!r}, expected one of {ACTUATORS}.")
    if (actuator == "network") != (network is not None):
        got = "no network" if network is None else f"a network with actuator={actuator!r}"
        raise ValueError(
            f'network: got {got}, expected weights with actuator="network" and only there: NetworkWeights, '
            "or the path of an npz file that NetworkWeights.save wrote."
        )
    if network is None or isinstance(network, NetworkWeights):
        return network
    if isinstance(network, Mapping):
        return NetworkWeights.from_arrays(network)
    return NetworkWeights.from_file(network)


@_documented(12)
class QuadrupedVelocity(Quadruped):
    """Walk with the commanded velocity. 50 Hz, physics at 200 Hz.

    Observation: (50,) float64
        {base}
        {command}
        {joints}
        {phase}

    Action: (12,) float64
        {action}
        A joint's target is the reference's angle + 0.4 rad * action. The reference trots on the spot at 2 Hz:
        action 0 marks time. The target is held for 20 ms by the actuator, 60 N m a joint at most.

    Reward: in [-6.8, 1.5]
        the sum of info["reward_terms"]: velocity, up to 1, exp(-|error|^2 / 0.5^2) of forward and lateral
        velocity; yaw_rate, up to 0.5, the same; bounce, tumbling, tilt, torque, action_change, at least -0.5,
        -0.2, -0.5, -0.2, -0.4; fall, -5.

    Termination: the trunk's centre below 0.28 m, or tilted by more than 60 degrees.

    Truncation: after ``step_limit`` steps, 250 (5 s) unless given.

    Randomisation: joints within 0.1 rad of the nominal pose, small velocities, either diagonal first; a
        command every 2.5 s, uniform in [-0.5, 1] m/s, [-0.3, 0.3] m/s, [-0.6, 0.6] rad/s, approached at
        1 m/s^2 and 2 rad/s^2 from standstill. With ``randomisation=Randomisation()`` also payload, friction,
        gains and pushes.
        ``reset(options={{"qpos": ..., "qvel": ..., "command": ...}})`` sets any of them instead.

    Source: Hwangbo et al. 2019 (arXiv:1901.08652), command-conditioned locomotion; robot and reward are ours.
    """

    reward_range = (-6.8, 1.5)
    registered_task = Task((-0.5, -0.3, -0.6), (1.0, 0.3, 0.6), trot_frequency=2.0)


@_documented(12)
class QuadrupedSprint(Quadruped):
    """Run forward fast. 50 Hz, physics at 200 Hz.

    Observation: (50,) float64
        {base}
        {command}
        {joints}
        {phase}

    Action: (12,) float64
        {action}
        A joint's target is the reference's angle + 0.6 rad * action. The reference trots on the spot at
        2.5 Hz. The target is held for 20 ms by the actuator, 60 N m a joint at most.

    Reward: in [-6.8, 1.5]
        as in ``QuadrupedVelocity``, the velocity's error over 1 m/s instead of 0.5 m/s.

    Termination: the trunk's centre below 0.28 m, or tilted by more than 60 degrees.

    Truncation: after ``step_limit`` steps, 250 (5 s) unless given.

    Randomisation: as in ``QuadrupedVelocity``, with commands in [0.5, 2.5] m/s, [-0.1, 0.1] m/s,
        [-0.3, 0.3] rad/s.

    Source: Hwangbo et al. 2019 (arXiv:1901.08652), high-speed locomotion; robot and reward are ours.
    """

    reward_range = (-6.8, 1.5)
    registered_task = Task(
        (0.5, -0.1, -0.3), (2.5, 0.1, 0.3), action_scale=0.6, trot_frequency=2.5, tracking_width=1.0
    )


@_documented(9)
class QuadrupedRecovery(Quadruped):
    """Stand up from any way of lying. 50 Hz, physics at 200 Hz.

    Observation: (46,) float64
        {base}
        {joints}
        45  trunk height                  m      world

    Action: (12,) float64
        {action}
        A joint's target is the nominal pose + 1.5 rad * action, held for 20 ms by the actuator, 60 N m a
        joint at most.

    Reward: in [-0.4, 2.5]
        the sum of info["reward_terms"]: upright, up to 1, u^2 with u from 0 on the back to 1 level; height,
        up to 1, u^2 times the share of 0.52 m; pose, up to 0.5, u^2 times closeness to the nominal pose;
        joint_speed, torque, action_change, at least -0.1, -0.1, -0.2.

    Termination: never. ``info["is_success"]`` tells whether it stands quietly.

    Truncation: after ``step_limit`` steps, 250 (5 s) unless given.

    Randomisation: one of 512 poses at rest after a fall with limp legs in a uniformly random attitude, in a
        random heading. ``reset(options={{"qpos": ..., "qvel": ...}})`` sets it instead.

    Source: Hwangbo et al. 2019 (arXiv:1901.08652), recovery from a fall; robot and reward are ours.
    """

    reward_range = (-0.4, 2.5)
    reset_options: ClassVar[tuple[str, ...]] = ("qpos", "qvel")
    registered_task = Task(action_scale=1.5, recovery=True)
