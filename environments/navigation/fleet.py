"""How many robots move, each in its own building: on the lattice, or with speeds in MuJoCo.

A row is what ``Lattice`` or ``Drive`` is alone, bit by bit. ``ids`` are sorted rows, K of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mujoco import batch
from numpy.typing import NDArray

from environments.navigation.driving import (
    ASIDE,
    NUM_NEAR,
    NUM_SUBSTEPS,
    SPEED_LIMIT,
    TURN_LIMIT,
    block_fields,
    blocks_by_cell,
)
from environments.navigation.geodesics import (
    CELL_SIZE,
    FORWARD,
    HEADING_MOVES,
    STOP,
    TURN_LEFT,
    TURN_RIGHT,
)
from environments.navigation.motion import Drive, Lattice
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, IndoorPlan

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

NUM_BLOCKS = 72  # that a row has room for at first; a plan of the splits has 50 to 65
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
    """N times ``Drive``, on one ``mujoco.batch.Batch`` in which each row has its own blocks."""

    def __init__(self, num_robots: int, num_threads: int, alone: Drive) -> None:
        self._model, self._num_threads, self._num_robots = alone.physics.model, num_threads, num_robots
        self._near = np.zeros((num_robots, NUM_ROWS, NUM_COLUMNS, NUM_NEAR), dtype=np.int64)
        self._place = np.tile(np.array(ASIDE), (num_robots, NUM_BLOCKS, 1))
        self._connect()

    def _connect(self) -> None:
        self.batch = batch.Batch(self._model, self._num_robots, nthread=self._num_threads)
        self._qpos, self._qvel, self._ctrl = (self.batch.bind(name) for name in ("qpos", "qvel", "ctrl"))
        self._blocks = {name: self.batch.expand(name) for name in BLOCK_FIELDS}

    def use(self, row: int, plan: IndoorPlan) -> None:
        """Move a robot into another building."""
        blocks = blocks_by_cell(plan)
        missing = len(blocks.place) - self._place.shape[1]
        if missing > 0:
            self._place = np.pad(self._place, ((0, 0), (0, missing), (0, 0)))
        self._near[row], self._place[row, : len(blocks.place)] = blocks.near, blocks.place

    def place(self, ids: Ids, cells: Sequence[tuple[int, int]], headings: Sequence[int]) -> None:
        """Stand still in the middle of cells."""
        row, column = np.array(cells).T
        self.batch.reset(self._selected(ids), stage=0)
        self._qpos[ids, 0] = (column + 0.5) * CELL_SIZE
        self._qpos[ids, 1] = (NUM_ROWS - row - 0.5) * CELL_SIZE
        self._qpos[ids, 2] = np.array(headings) * np.pi / 2
        self._surround(ids)
        self.batch.forward(self._selected(ids))

    def _surround(self, ids: Ids) -> None:
        """Put the blocks that are near around each robot."""
        row, column = self.cells(ids)
        near = self._near[ids, row, column]
        for name, values in block_fields(self._place[ids[:, None], near]).items():
            self._blocks[name][ids, :NUM_NEAR] = values

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
        self._surround(ids)
        self.batch.step(self._selected(ids), nstep=NUM_SUBSTEPS)

    def save(self, row: int) -> dict[str, Any]:
        """What ``Drive.save`` returns."""
        return {"physics": self.batch.state[row].copy()}

    def load(self, row: int, state: dict[str, Any]) -> None:
        """Return to a state, in a plan that ``use`` has set."""
        self.batch.state[row] = state["physics"]

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_model", "_num_threads", "_num_robots", "_near", "_place")
        return {**{name: self.__dict__[name] for name in kept}, "state": self.batch.state.copy()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        state = kept.pop("state")
        self.__dict__.update(kept)
        self._connect()
        self.batch.state[:] = state


def fleet_of(motion: Lattice | Drive, num_robots: int, num_threads: int) -> LatticeFleet | DriveFleet:
    """Make N robots that move as one does."""
    if isinstance(motion, Drive):
        return DriveFleet(num_robots, num_threads, motion)
    return LatticeFleet(num_robots)
