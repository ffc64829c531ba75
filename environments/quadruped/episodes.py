"""N running episodes of the quadruped: what they remember besides the physics, and their control step."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from environments.quadruped.actuators import NUM_JOINTS, Servo, TorqueActuator, World
from environments.quadruped.gait import NOMINAL_POSE, mark_time
from environments.quadruped.motion import (
    RECOVERY_TERMS,
    TRACKING_TERMS,
    Motion,
    has_fallen,
    observation_bound,
    observe,
    recovery_terms,
    stands,
    tracking_terms,
)
from environments.quadruped.task import (
    CONTROL_PERIOD,
    JOINT_LIMIT,
    NUM_SUBSTEPS,
    RAMP,
    RESAMPLE_STEPS,
    Starts,
    Task,
    num_commands,
)

Array = NDArray[np.float64]


class Robots(World, Protocol):
    """What the tasks need of N robots in MuJoCo."""

    @property
    def torque(self) -> Array: ...  # noqa: D102 - (N, 12) N m in the last physics step


class Episodes:
    """What N episodes remember besides the physics: commands, phases, last actions, pushes, actuators.

    Beside that it keeps what was last seen of the robots, so that reward, observation and info look once.

    Args:
        num_robots: N.
        task: what is asked.
        step_limit: control steps of an episode.
        actuator: of N robots.
    """

    def __init__(
        self, num_robots: int, task: Task, step_limit: int, actuator: Servo | TorqueActuator
    ) -> None:
        self.task, self.actuator = task, actuator
        self.starts = Starts.empty(num_robots, num_commands(step_limit))
        self.steps = np.zeros(num_robots, dtype=np.int64)
        self.command = np.zeros((num_robots, 3))
        self.action = np.zeros((num_robots, NUM_JOINTS))
        names = RECOVERY_TERMS if task.recovery else TRACKING_TERMS
        self.terms = {name: np.zeros(num_robots) for name in names}
        self.wanted = np.zeros((num_robots, 3))  # what the command is ramped to
        self.seen = np.zeros((num_robots, len(observation_bound(task))))
        self.velocity = np.zeros((num_robots, 2))
        self.success = np.zeros(num_robots, dtype=np.bool_)

    def begin(self, ids: Any, starts: Starts) -> None:
        """Begin the episodes of rows ``ids`` as drawn."""
        for item in fields(Starts):
            getattr(self.starts, item.name)[ids] = getattr(starts, item.name)
        for array in (self.steps, self.command, self.action, *self.terms.values()):
            array[ids] = 0
        self.wanted[ids] = starts.commands[:, 0]
        self.actuator.begin(ids, starts.qpos[:, 7:], starts.gain)
        self._look(ids, Motion.of(starts.qpos, starts.qvel))

    def phase(self) -> Array:
        """Phase (N,) of the reference trot, in [0, 1)."""
        return np.mod(self.starts.phase + self.steps * (self.task.trot_frequency * CONTROL_PERIOD), 1.0)

    def reference(self) -> Array:
        """Joint angles (N, 12) to which actions are offsets, rad: a trot on the spot, or the nominal pose."""
        if self.task.trot_frequency:
            return mark_time(self.phase())
        return np.broadcast_to(NOMINAL_POSE, self.action.shape)

    def advance(self, ids: Any, actions: Array, robots: Robots) -> tuple[Array, NDArray[np.bool_]]:
        """Apply actions (K, 12) for a control step; return the rewards (K,) and who has fallen (K,)."""
        change = actions - self.action[ids]
        self.action[ids] = actions
        targets = self.reference() + self.task.action_scale * self.action
        self._push(ids, robots)
        self.actuator.apply(robots, np.clip(targets, -JOINT_LIMIT, JOINT_LIMIT, out=targets), NUM_SUBSTEPS)
        motion, torque = Motion.of(robots.qpos[ids], robots.qvel[ids]), robots.torque[ids]
        if self.task.recovery:
            terminated = np.zeros(len(actions), dtype=np.bool_)
            terms = recovery_terms(motion, torque, change)
        else:
            terminated = has_fallen(motion)
            terms = tracking_terms(self.task, motion, self.command[ids], torque, change, terminated)
        reward = np.zeros(len(actions))
        for name, values in terms.items():
            self.terms[name][ids] = values
            reward += values
        self.steps[ids] += 1
        self._ramp(ids)
        self._look(ids, motion)
        return reward, terminated

    def _push(self, ids: Any, robots: Robots) -> None:
        hit = self.starts.push_step == self.steps[:, None]
        if not hit.any():
            return
        for row in np.arange(len(hit))[ids]:
            if hit[row].any():
                robots.qvel[row, :2] += self.starts.push[row, int(np.argmax(hit[row]))]

    def _ramp(self, ids: Any) -> None:
        turn, rest = np.divmod(self.steps[ids], RESAMPLE_STEPS)
        if not rest.all():  # some episodes have come to their next command
            rows = np.arange(len(self.steps))[ids]
            last = self.starts.commands.shape[1] - 1
            self.wanted[rows] = self.starts.commands[rows, np.minimum(turn, last)]
        limit = RAMP * CONTROL_PERIOD
        self.command[ids] += np.clip(self.wanted[ids] - self.command[ids], -limit, limit)

    def look(self, ids: Any, robots: Robots) -> None:
        """See anew what robots ``ids`` do, after their states were written."""
        self._look(ids, Motion.of(robots.qpos[ids], robots.qvel[ids]))

    def _look(self, ids: Any, motion: Motion) -> None:
        command = self.command[ids]
        self.seen[ids] = observe(self.task, motion, command, self.action[ids], self.phase()[ids])
        if self.task.recovery:
            self.success[ids] = stands(motion)
            return
        self.velocity[ids] = velocity = motion.velocity[:2].T
        miss = np.square(command[:, :2] - velocity)
        self.success[ids] = (miss[:, 0] + miss[:, 1] < 0.2**2) & ~has_fallen(motion)

    def info(self, ids: Any) -> dict[str, Any]:
        """Reward terms, command, and success of rows ``ids``.

        Success is standing quietly, or a velocity within 0.2 m/s of the command.
        """
        terms = {name: values[ids] for name, values in self.terms.items()}
        told: dict[str, Any] = {"reward_terms": terms, "is_success": self.success[ids]}
        if not self.task.recovery:
            told |= {"command": self.command[ids], "velocity_body": self.velocity[ids]}
        return told

    def save(self, row: int) -> dict[str, Any]:
        """Copy all that row ``row`` remembers."""
        own = {name: np.copy(values[row]) for name, values in self._arrays().items()}
        return {**own, "actuator": self.actuator.save(row)}

    def load(self, row: int, saved: dict[str, Any]) -> None:
        """Return row ``row`` to what ``save`` gave, then ``look`` when the robots are placed."""
        for name, values in self._arrays().items():
            values[row] = saved[name]
        self.actuator.load(row, saved["actuator"])

    def _arrays(self) -> dict[str, NDArray[Any]]:
        drawn = {f"start_{item.name}": getattr(self.starts, item.name) for item in fields(Starts)}
        own = {"steps": self.steps, "command": self.command, "wanted": self.wanted, "action": self.action}
        return {**drawn, **own, **{f"term_{name}": values for name, values in self.terms.items()}}
