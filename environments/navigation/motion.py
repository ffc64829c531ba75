"""How the robot moves: from cell to cell on a lattice, or with speeds in MuJoCo."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments.navigation.driving import (
    NUM_SUBSTEPS,
    PHYSICS_TIMESTEP,
    SPEED_LIMIT,
    TURN_LIMIT,
    Blocks,
    block_fields,
    blocks_by_cell,
    driving_model,
)
from environments.navigation.geodesics import (
    EAST,
    FORWARD,
    HEADING_MOVES,
    STOP,
    TURN_LEFT,
    TURN_RIGHT,
    WEST,
    expert_action,
    optimal_headings,
)
from environments.navigation.plans import IndoorPlan, cell_at, position
from environments.physics import Physics, wrap_angle

Array = NDArray[np.float64]

CONTROL_PERIOD = NUM_SUBSTEPS * PHYSICS_TIMESTEP  # s, 5 Hz
AIM_FIRST = 0.5  # rad; the expert turns on the spot while it looks further away than this
AIM_GAIN = 3.0  # 1/s
AIM_ASIDE = 0.06  # m; further beside its lane the expert goes to the middle of its cell first


class Lattice:
    """One cell forward, or a quarter turn, a step. Walls and furniture stop it."""

    num_actions = 3  # and STOP, where the task has it
    step_limit = 200

    def __init__(self) -> None:
        self.cell, self.heading = (0, 0), 0
        self._free: NDArray[np.bool_] = np.zeros((0, 0), dtype=bool)

    def action_space(self, with_stop: bool) -> spaces.Space[Any]:
        """Return Discrete(3): forward, turn left, turn right; with stop Discrete(4)."""
        return spaces.Discrete(self.num_actions + with_stop)

    def use(self, plan: IndoorPlan) -> None:
        """Move into another building."""
        self._free = plan.free

    def place(self, cell: tuple[int, int], heading: int) -> None:
        """Stand in a cell."""
        self.cell, self.heading = cell, heading

    def pose_world(self) -> Array:
        """x, y (m) and heading (rad) (3,) in the world frame."""
        return np.array([*position(self.cell), self.heading * np.pi / 2])

    def stops(self, action: int) -> bool:
        """Tell whether an action says that the robot has arrived."""
        return action == STOP

    def advance(self, action: int) -> None:
        """Take one action."""
        if action == FORWARD:
            down, right = HEADING_MOVES[self.heading]
            ahead = (self.cell[0] + int(down), self.cell[1] + int(right))
            self.cell = ahead if self._free[ahead] else self.cell
        elif action in (TURN_LEFT, TURN_RIGHT):
            self.heading = (self.heading + (1 if action == TURN_LEFT else -1)) % 4

    def expert(self, field: Array) -> int:
        """Choose the action of a shortest path."""
        return expert_action(field, self.cell, self.heading)

    def save(self) -> dict[str, Any]:
        """Return the state by value."""
        return {"cell": self.cell, "heading": self.heading}

    def load(self, state: dict[str, Any]) -> None:
        """Return to a state, in a plan that ``use`` has set."""
        self.place(state["cell"], state["heading"])


class NavigationPhysics(Physics):
    """A cylinder robot on wheels among a plan's blocks. World x is east, y is north."""

    def __init__(self) -> None:
        super().__init__(copy.copy(driving_model()), NUM_SUBSTEPS)
        self._blocks: Blocks | None = None
        self._surrounded: tuple[int, int] | None = None  # the cell that the blocks are around

    def enter(self, plan: IndoorPlan) -> None:
        """Be among the walls and the furniture of a plan."""
        self._blocks, self._surrounded = blocks_by_cell(plan), None

    def set_configuration(self, qpos: ArrayLike, qvel: ArrayLike) -> None:
        """Begin afresh at time 0 with these positions and velocities, and no control."""
        x, y, _ = np.asarray(qpos, dtype=np.float64)
        self._surround(x, y)
        super().set_configuration(qpos, qvel)

    def step(self, ctrl: ArrayLike) -> None:
        """Hold ``ctrl`` (nu,) for one control step, among the blocks that are near."""
        x, y, _ = self.data.qpos
        self._surround(x, y)
        super().step(ctrl)

    def _surround(self, x: float, y: float) -> None:
        cell = cell_at(float(x), float(y))
        if self._blocks is not None and cell != self._surrounded:
            self._surrounded = cell
            for name, values in block_fields(self._blocks.place[self._blocks.near[cell]]).items():
                getattr(self.model, name)[: len(values)] = values

    def pose_world(self) -> Array:
        """x, y (m) and heading (rad, not wrapped) (3,) in the world frame."""
        return self.data.qpos.copy()

    def velocity_body(self) -> Array:
        """Forward and leftward speed (m/s) and turn rate (rad/s) (3,) in the robot's frame."""
        vx, vy, turn = self.data.qvel
        cos, sin = np.cos(self.data.qpos[2]), np.sin(self.data.qpos[2])
        return np.array([cos * vx + sin * vy, cos * vy - sin * vx, turn])


class Drive:
    """Forward speed and turn rate, held for 0.2 s, in MuJoCo. It slides along walls and furniture."""

    step_limit = 500

    def __init__(self) -> None:
        self.physics = NavigationPhysics()

    def action_space(self, with_stop: bool) -> spaces.Space[Any]:
        """Return Box(2): forward speed and turn rate in [-1, 1]; with stop Box(3)."""
        return spaces.Box(-1.0, 1.0, (2 + with_stop,), dtype=np.float64)

    def use(self, plan: IndoorPlan) -> None:
        """Move into another building."""
        self.physics.enter(plan)

    def place(self, cell: tuple[int, int], heading: int) -> None:
        """Stand still in the middle of a cell."""
        self.physics.set_configuration([*position(cell), heading * np.pi / 2], np.zeros(3))

    @property
    def cell(self) -> tuple[int, int]:
        """(row, column) of the cell under the robot's middle."""
        x, y, _ = self.physics.data.qpos
        return cell_at(float(x), float(y))

    def pose_world(self) -> Array:
        """x, y (m) and heading (rad) (3,) in the world frame."""
        return self.physics.pose_world()

    def stops(self, action: Array) -> bool:
        """Tell whether an action says that the robot has arrived."""
        return len(action) == 3 and bool(action[2] > 0)

    def advance(self, action: Array) -> None:
        """Hold speed and turn rate for a control step."""
        self.physics.step([SPEED_LIMIT * action[0], TURN_LIMIT * action[1], 0.0])

    def expert(self, field: Array) -> Array:
        """Choose speeds that follow a shortest path: aim at a middle of the next cells, turn, then drive."""
        cell = self.cell
        good = optimal_headings(field, cell)
        if field[cell] == 0.0 or not good.any():
            return np.zeros(2)
        x, y, heading = self.pose_world()
        off = np.abs(wrap_angle(np.arange(4) * np.pi / 2 - heading))
        ahead = int(np.argmin(np.where(good, off, np.inf)))
        middle = position(cell)
        aside = abs(middle[1] - y) if ahead in (EAST, WEST) else abs(middle[0] - x)
        num_ahead = 0 if aside > AIM_ASIDE else 2 if _goes_on(field, cell, ahead) else 1
        row, column = cell + num_ahead * HEADING_MOVES[ahead]
        aim_x, aim_y = position((int(row), int(column)))
        error = float(wrap_angle(np.arctan2(aim_y - y, aim_x - x) - heading))
        speed = np.cos(error) if abs(error) < AIM_FIRST else 0.0
        return np.array([speed, np.clip(AIM_GAIN * error / TURN_LIMIT, -1, 1)])

    def save(self) -> dict[str, Any]:
        """Return the state by value."""
        return {"physics": self.physics.get_state()}

    def load(self, state: dict[str, Any]) -> None:
        """Return to a state, in a plan that ``use`` has set."""
        self.physics.set_state(state["physics"])


def _goes_on(field: Array, cell: tuple[int, int], heading: int) -> bool:
    row, column = cell + HEADING_MOVES[heading]
    return bool(optimal_headings(field, (int(row), int(column)))[heading])


def motion_of(kind: str) -> Lattice | Drive:
    """Make a way to move: "lattice" or "drive".

    Raises:
        ValueError: it is neither.
    """
    if kind == "lattice":
        return Lattice()
    if kind == "drive":
        return Drive()
    raise ValueError(f'motion: got {kind!r}, expected "lattice" or "drive".')
