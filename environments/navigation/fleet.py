"""How many robots move, each in its own building: on the lattice, or with speeds in MuJoCo.

A row is what ``Lattice`` or ``Drive`` is alone, bit by bit. ``ids`` are sorted rows, K of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mujoco import batch
from numpy.typing import NDArray

from environments.navigation.driving import SPEED_LIMIT, TURN_LIMIT, block_fields
from environments.navigation.geodesics import (
    CELL_SIZE,
    FORWARD,
    HEADING_MOVES,
    STOP,
    TURN_LEFT,
    TURN_RIGHT,
)
from environments.navigation.motion import NUM_SUBSTEPS, Drive, Lattice
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, IndoorPlan

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

BLOCK_FIELDS = ("geom_pos", "geom_size", "geom_rbound", "geom_aabb")


class LatticeFleet:
    """N times ``Lattice``."""

    def __init__(self, num_robots: int) -> None:
        self._cell = np.zeros((num_robots, 2), dtype=np.int64)
        self._heading = np.zeros(num_robots, dtype=np.int64)
        self._free = np.zeros((num_robots, NUM_ROWS, NUM_COLUMNS), dtype=np.bool_)

    def use(self, row: int, plan: IndoorPlan) -> None:
        """Move a robot into another building."""
        self._free[row] = plan.free

    def place(self, ids: Ids, cells: Sequence[tuple[int, int]], headings: Sequence[int]) -> None:
        """Stand in cells."""
        self._cell[ids], self._heading[ids] = cells, headings

    def cells(self, ids: Ids) -> tuple[Ids, Ids]:
        """(K,) rows and (K,) columns."""
        return self._cell[ids, 0], self._cell[ids, 1]

    def poses_world(self, ids: Ids) -> Array:
        """x, y (m) and heading (rad) (K, 3)."""
        row, column = self.cells(ids)
        return np.stack(
            [
                (column + 0.5) * CELL_SIZE,
                (NUM_ROWS - row - 0.5) * CELL_SIZE,
                self._heading[ids] * np.pi / 2,
            ],
            axis=1,
        )

    def stops(self, actions: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell (K,) which actions say that the robot has arrived."""
        return actions == STOP

    def advance(self, ids: Ids, actions: NDArray[Any]) -> None:
        """Take one action each."""
        heading = self._heading[ids]
        cell = self._cell[ids]
        ahead = cell + HEADING_MOVES[heading] * (actions == FORWARD)[:, None]
        opens = self._free[ids, ahead[:, 0], ahead[:, 1]]
        self._cell[ids] = np.where(opens[:, None], ahead, cell)
        turn = (actions == TURN_LEFT).astype(np.int64) - (actions == TURN_RIGHT)
        self._heading[ids] = (heading + turn) % 4

    def save(self, row: int) -> dict[str, Any]:
        """What ``Lattice.save`` returns."""
        cell = (int(self._cell[row, 0]), int(self._cell[row, 1]))
        return {"cell": cell, "heading": int(self._heading[row])}

    def load(self, row: int, state: dict[str, Any]) -> None:
        """Return to a state, in a plan that ``use`` has set."""
        self._cell[row], self._heading[row] = state["cell"], state["heading"]


class DriveFleet:
    """N times ``Drive``, on one ``mujoco.batch.Batch`` whose blocks each row has for itself."""

    def __init__(self, num_robots: int, num_threads: int, alone: Drive) -> None:
        self._model, self._num_threads, self._num_robots = alone.physics.model, num_threads, num_robots
        self._connect()

    def _connect(self) -> None:
        self.batch = batch.Batch(self._model, self._num_robots, nthread=self._num_threads)
        self._qpos, self._qvel, self._ctrl = (self.batch.bind(name) for name in ("qpos", "qvel", "ctrl"))
        self._blocks = {name: self.batch.expand(name) for name in BLOCK_FIELDS}

    def use(self, row: int, plan: IndoorPlan) -> None:
        """Move a robot into another building."""
        for name, values in block_fields(plan).items():
            self._blocks[name][row, : len(values)] = values

    def place(self, ids: Ids, cells: Sequence[tuple[int, int]], headings: Sequence[int]) -> None:
        """Stand still in the middle of cells."""
        row, column = np.array(cells).T
        self.batch.reset(self._selected(ids), stage=0)
        self._qpos[ids, 0] = (column + 0.5) * CELL_SIZE
        self._qpos[ids, 1] = (NUM_ROWS - row - 0.5) * CELL_SIZE
        self._qpos[ids, 2] = np.array(headings) * np.pi / 2
        self.batch.forward(self._selected(ids))

    def _selected(self, ids: Ids) -> Ids | None:
        return None if len(ids) == self._num_robots else ids

    def cells(self, ids: Ids) -> tuple[Ids, Ids]:
        """(K,) rows and (K,) columns of the cells under the robots' middles."""
        column, up = (self._qpos[ids, :2] // CELL_SIZE).astype(np.int64).T
        return NUM_ROWS - 1 - up, column

    def poses_world(self, ids: Ids) -> Array:
        """x, y (m) and heading (rad) (K, 3)."""
        return self._qpos[ids]

    def stops(self, actions: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell (K,) which actions say that the robot has arrived."""
        return actions[:, 2] > 0

    def advance(self, ids: Ids, actions: NDArray[Any]) -> None:
        """Hold speeds and turn rates for a control step."""
        self._ctrl[ids, 0] = SPEED_LIMIT * actions[:, 0]
        self._ctrl[ids, 1] = TURN_LIMIT * actions[:, 1]
        self.batch.step(self._selected(ids), nstep=NUM_SUBSTEPS)

    def save(self, row: int) -> dict[str, Any]:
        """What ``Drive.save`` returns."""
        return {"physics": self.batch.state[row].copy()}

    def load(self, row: int, state: dict[str, Any]) -> None:
        """Return to a state, in a plan that ``use`` has set."""
        self.batch.state[row] = state["physics"]

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: self.__dict__[name] for name in ("_model", "_num_threads", "_num_robots")}
        blocks = {name: values.copy() for name, values in self._blocks.items()}
        return {**kept, "state": self.batch.state.copy(), "blocks": blocks}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        state, blocks = kept.pop("state"), kept.pop("blocks")
        self.__dict__.update(kept)
        self._connect()
        for name, values in blocks.items():
            self._blocks[name][:] = values
        self.batch.state[:] = state


def fleet_of(motion: Lattice | Drive, num_robots: int, num_threads: int) -> LatticeFleet | DriveFleet:
    """Make N robots that move as one does."""
    if isinstance(motion, Drive):
        return DriveFleet(num_robots, num_threads, motion)
    return LatticeFleet(num_robots)
