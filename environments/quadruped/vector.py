"""Many quadrupeds at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from mujoco import batch
from numpy.typing import NDArray

from environments.quadruped import quadruped
from environments.quadruped.model import VARIED, vary
from environments.quadruped.quadruped import Quadruped
from environments.quadruped.task import Starts
from environments.vector import Array, Ids, MujocoVectorEnv


class BatchRobots:
    """The robots of a batch, as the tasks want them. ``ids`` are those that step, None for all."""

    def __init__(self, simulations: batch.Batch) -> None:
        self.batch = simulations
        self.qpos: Array = simulations.bind("qpos")
        self.qvel: Array = simulations.bind("qvel")
        self.ctrl: Array = simulations.bind("ctrl")
        self.torque: Array = simulations.bind("actuator_force")
        self.ids: Ids | None = None

    def advance(self, num_physics_steps: int) -> None:
        """Take some physics steps."""
        self.batch.step(self.ids, nstep=num_physics_steps)

    def vary(self, ids: Ids, starts: Starts) -> None:
        """Give robots ``ids`` the payload, friction and gains of their episodes."""
        vary({name: self.batch.expand(name) for name in VARIED}, ids, starts)
        self.batch.set_const(ids)


class QuadrupedVector(MujocoVectorEnv):
    """N quadrupeds; the single environment's docstring is the contract of each row."""

    single: Quadruped

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self.episodes = self.single.make_episodes(self.num_envs)

    def _connect(self) -> None:
        super()._connect()
        self.robots = BatchRobots(self.batch)

    def _index(self, ids: Ids) -> Any:
        return slice(None) if len(ids) == self.num_envs else ids

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        starts = self.single.draw_starts([self.rng(row) for row in ids], options)
        if self.single.randomisation is not None:
            self.robots.vary(ids, starts)
        self._set_configuration(ids, starts.qpos, starts.qvel)
        self.episodes.begin(self._index(ids), starts)

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        self.robots.ids = self._selected(ids)
        return self.episodes.advance(self._index(ids), actions, self.robots)

    def _observe(self, ids: Ids) -> Array:
        return self.episodes.seen[self._index(ids)]

    def _info(self, ids: Ids) -> dict[str, Any]:
        return self.episodes.info(self._index(ids))

    def _save(self, row: int) -> dict[str, Any]:
        return {**super()._save(row), "episode": self.episodes.save(row)}

    def _load(self, row: int, world: dict[str, Any]) -> None:
        self.episodes.load(row, world["episode"])
        if self.single.randomisation is not None:
            one = Starts(
                **{name: values[row : row + 1] for name, values in vars(self.episodes.starts).items()}
            )
            self.robots.vary(np.array([row]), one)
        super()._load(row, world)

    def _refresh(self) -> None:
        super()._refresh()
        self.episodes.look(slice(None), self.robots)

    def __getstate__(self) -> dict[str, Any]:
        attributes = super().__getstate__()
        attributes.pop("robots")
        return attributes


class QuadrupedVelocityVector(QuadrupedVector):
    """N times ``QuadrupedVelocity``."""

    single_type = quadruped.QuadrupedVelocity


class QuadrupedSprintVector(QuadrupedVector):
    """N times ``QuadrupedSprint``."""

    single_type = quadruped.QuadrupedSprint


class QuadrupedRecoveryVector(QuadrupedVector):
    """N times ``QuadrupedRecovery``."""

    single_type = quadruped.QuadrupedRecovery
