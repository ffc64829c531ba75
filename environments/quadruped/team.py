"""Rows of a vector environment that one thread looks after: their simulations and their episodes."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from mujoco import batch, mjtStage
from numpy.typing import NDArray

from environments.quadruped.model import VARIED, vary
from environments.quadruped.quadruped import Quadruped
from environments.quadruped.task import Starts
from environments.vector import Array, Ids


class Team:
    """n robots in a ``mujoco.batch.Batch`` of their own, with what their episodes remember.

    Two teams can work at the same time, numpy of the one beside physics of the other. Rows are counted within
    the team.

    Args:
        single: one environment with the same settings.
        num_robots: n.
        num_threads: of the physics.
        turn: held by the team that computes in numpy. Without it two threads would hand Python's own lock to
            each other in every call, which costs more than the numpy.
    """

    def __init__(self, single: Quadruped, num_robots: int, num_threads: int, turn: Lock) -> None:
        self._turn = turn
        self.num_robots, self.varied = num_robots, single.randomisation is not None
        self.episodes = single.make_episodes(num_robots)
        self.batch = batch.Batch(single.physics.model, num_robots, nthread=num_threads)
        self.qpos: Array = self.batch.bind("qpos")
        self.qvel: Array = self.batch.bind("qvel")
        self.ctrl: Array = self.batch.bind("ctrl")
        self.torque: Array = self.batch.bind("actuator_force")
        self._stepping: Ids | None = None

    def index(self, rows: Ids) -> Any:
        """Index arrays with ``rows``; with a slice, which does not copy, if they are all."""
        return slice(None) if len(rows) == self.num_robots else rows

    def begin(self, rows: Ids, starts: Starts) -> None:
        """Begin episodes as drawn."""
        ids = self._selected(rows)
        if self.varied:
            self._vary(rows, starts)
        self.batch.reset(ids, stage=mjtStage.mjSTAGE_NONE)
        self.qpos[rows], self.qvel[rows] = starts.qpos, starts.qvel
        self.batch.forward(ids)
        self.episodes.begin(self.index(rows), starts)

    def step(self, rows: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Take a control step; return rewards and who has fallen."""
        with self._turn:
            self._stepping = self._selected(rows)
            return self.episodes.advance(self.index(rows), actions, self)

    def advance(self, num_physics_steps: int) -> None:
        """Take some physics steps with the robots that step now; the episodes call it."""
        self._turn.release()
        try:
            self.batch.step(self._stepping, nstep=num_physics_steps)
        finally:
            self._turn.acquire()

    def save(self, row: int) -> dict[str, Any]:
        """Copy all of one row, as the single environment does."""
        return {"physics": self.batch.state[row].copy(), "episode": self.episodes.save(row)}

    def load(self, row: int, world: dict[str, Any]) -> None:
        """Return one row to what ``save`` gave; ``refresh`` after the last."""
        state = np.asarray(world["physics"], dtype=np.float64)
        if state.shape != self.batch.state.shape[1:]:
            expected = self.batch.state.shape[1:]
            raise ValueError(
                f"set_state: got a state of shape {state.shape}, expected {expected}: another model's?"
            )
        self.episodes.load(row, world["episode"])
        if self.varied:
            of_row = {name: values[row : row + 1] for name, values in vars(self.episodes.starts).items()}
            self._vary(np.array([row]), Starts(**of_row))
        self.batch.state[row] = state

    def refresh(self) -> None:
        """See the robots anew after their states were loaded."""
        self.episodes.look(slice(None), self)

    def _vary(self, rows: Ids, starts: Starts) -> None:
        vary({name: self.batch.expand(name) for name in VARIED}, rows, starts)
        self.batch.set_const(rows)

    def _selected(self, rows: Ids) -> Ids | None:
        return None if len(rows) == self.num_robots else rows
