"""Find the way on a floor plan whose floor is slippery."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments.episode import Episode, check_integer
from environments.grid_navigation.scene import build_scene, place_robot
from environments.tabular import TabularMDP, check_number, check_probability, check_type

# Model

WALL, FREE, START, GOAL, HAZARD = "#", ".", "S", "G", "C"
ACTIONS = ("north", "east", "south", "west")
NORTH, EAST, SOUTH, WEST = range(4)
MOVES = np.array(
    [(-1, 0), (0, 1), (1, 0), (0, -1)]
)  # (4, 2) change of (row, column); row 0 is the north edge
DEFAULT_REWARDS: Mapping[str, float] = {GOAL: 1.0, HAZARD: -1.0}

DEFAULT_PLAN = """
##############
#S..#....#...#
#...#....#.G.#
#........#...#
#...#.......C#
##.#####.###.#
#...#......#.#
#.......C..#.#
#...#........#
##############
"""


@dataclass(frozen=True)
class FloorPlan:
    """A map of square cells of 1 m. States are its cells without walls, row by row from the north-west.

    Attributes:
        rows: one string a row, all equally long, north first.
        rewards: paid on entering a cell with this character.
        terminals: characters whose cells end the episode.
    """

    rows: tuple[str, ...]
    rewards: Mapping[str, float]
    terminals: frozenset[str]

    @classmethod
    def from_text(
        cls,
        text: str,
        rewards: Mapping[str, float] | None = None,
        terminals: Collection[str] | None = None,
    ) -> FloorPlan:
        """Read a plan: '#' wall, '.' free, 'S' start, 'G' goal, 'C' cliff or other hazard.

        Args:
            text: the rows, north first; blank lines and indentation do not count.
            rewards: reward on entering a cell, by its character, beside {"G": 1, "C": -1}; a character of
                your own ('a', '5', ...) becomes a kind of cell by standing here. Wall, free and start cells
                have none.
            terminals: characters whose cells end the episode; those with a reward unless given.

        Raises:
            ValueError: the text is no plan; the message names row and column.
        """
        rows = tuple(line.strip() for line in text.splitlines() if line.strip())
        paid = {**DEFAULT_REWARDS, **(rewards or {})}
        for character in paid:
            if len(character) != 1 or character in (WALL, FREE, START) or character.isspace():
                raise ValueError(
                    f"rewards: {character!r} cannot carry a reward, expected one character of your own."
                )
        ends = frozenset(paid if terminals is None else terminals)
        known = {WALL, FREE, START, *paid, *ends}
        if not rows:
            raise ValueError("floor plan: got no rows, expected lines of '#', '.', 'S', 'G' and 'C'.")
        for r, row in enumerate(rows):
            if len(row) != len(rows[0]):
                raise ValueError(
                    f"floor plan: row {r} has {len(row)} cells, expected {len(rows[0])} like row 0."
                )
            for c, character in enumerate(row):
                if character not in known:
                    raise ValueError(
                        f"floor plan: row {r}, column {c}: got {character!r}, expected one of "
                        f"{' '.join(sorted(known))}. Give it a reward: rewards={{{character!r}: 0.0}}."
                    )
        plan = cls(rows, paid, ends)
        if np.all(plan.terminal):
            raise ValueError(
                "floor plan: no cell to start from, expected at least one that does not end the episode."
            )
        return plan

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.rows), len(self.rows[0])

    @property
    def cells(self) -> NDArray[np.int64]:
        """(S, 2) row and column of each state."""
        walls = np.array([[character == WALL for character in row] for row in self.rows])
        return np.argwhere(~walls)

    @property
    def num_states(self) -> int:
        """S, the number of cells without walls, terminal cells included."""
        return len(self.cells)

    @property
    def characters(self) -> tuple[str, ...]:
        """The character of each state's cell."""
        return tuple(self.rows[r][c] for r, c in self.cells)

    @property
    def terminal(self) -> NDArray[np.bool_]:
        """(S,) which states end the episode."""
        return np.array([character in self.terminals for character in self.characters])

    @property
    def entry_reward(self) -> NDArray[np.float64]:
        """(S,) reward paid on entering each state."""
        return np.array([float(self.rewards.get(character, 0.0)) for character in self.characters])

    @property
    def start(self) -> NDArray[np.float64]:
        """(S,) start probabilities: uniform over 'S' cells, or over all but terminal cells without any."""
        starts = np.array([character == START for character in self.characters])
        if not starts.any():
            starts = ~self.terminal
        return starts / starts.sum()

    def state_at(self, row: int, column: int) -> int:
        """Return the state of a cell.

        Raises:
            ValueError: a wall stands there, or it is off the map.
        """
        found = np.flatnonzero(np.all(self.cells == (row, column), axis=1))
        if len(found) == 0:
            raise ValueError(f"cell ({row}, {column}) is a wall or off the map of shape {self.shape}.")
        return int(found[0])

    def states_of(self, character: str) -> NDArray[np.int64]:
        """Return the states whose cells carry a character."""
        return np.flatnonzero([c == character for c in self.characters])

    def neighbours(self) -> NDArray[np.int64]:
        """(S, 4) state reached by moving north, east, south, west without slip; walls and edges stop it."""
        cells = self.cells
        index = {(int(r), int(c)): s for s, (r, c) in enumerate(cells)}
        ahead = cells[:, None, :] + MOVES[None]
        return np.array(
            [[index.get((int(r), int(c)), s) for r, c in moves] for s, moves in enumerate(ahead)],
            dtype=np.int64,
        )

    def to_grid(self, values: ArrayLike) -> NDArray[np.float64]:
        """Lay (S,) values out as (rows, columns), NaN in walls."""
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (self.num_states,):
            raise ValueError(
                f"values: got shape {values.shape}, expected ({self.num_states},), one for each state."
            )
        grid = np.full(self.shape, np.nan)
        grid[tuple(self.cells.T)] = values
        return grid

    def mdp(self, slip: float = 0.1, living_reward: float = 0.0) -> TabularMDP:
        """Write the plan as a tabular MDP with actions north, east, south, west.

        A move goes where it is aimed with probability 1 - slip, and to each side of it (90 degrees left, 90
        degrees right) with probability slip / 2: the noise of Berkeley's CS188 gridworld. A wall or the edge
        stops a move. Entering a cell pays living_reward plus the cell's reward; terminal states are absorbing
        and pay nothing. (CS188 pays a terminal cell's reward one step later, on an exit action.)

        Args:
            slip: probability of going sideways.
            living_reward: paid for each step from a state that is not terminal.
        """
        slip = check_probability("slip", slip)
        living_reward = check_number("living_reward", living_reward)
        num_states, terminal, neighbours = self.num_states, self.terminal, self.neighbours()
        states = np.arange(num_states)
        transition = np.zeros((num_states, len(ACTIONS), num_states))
        for action in range(len(ACTIONS)):
            for turn, probability in ((0, 1 - slip), (-1, slip / 2), (1, slip / 2)):
                reached = neighbours[:, (action + turn) % len(ACTIONS)]
                transition[states, action, reached] += probability  # each state once: no entry twice
        transition[terminal] = np.eye(num_states)[terminal][:, None, :]
        reward = transition @ self.entry_reward + float(living_reward)
        reward[terminal] = 0.0
        return TabularMDP(transition, reward, terminal, self.start, ACTIONS)


# Registered ids

IDS: dict[str, dict[str, Any]] = {"robolearn/GridNavigation-v0": {}}
STEP_LIMIT = 200
SLIP = 0.1
LIVING_REWARD = -0.01

# Physics: the robot stands on its cell; the MuJoCo scene only shows it.

# Task


class GridNavigationEnv(Episode):
    """Walk over a slippery floor plan to a goal. One cell a step.

    Observation: () int64
        the state: the cell's number, in Discrete(S); ``plan.cells[state]`` is its (row, column).

    Action: () int64
        0 north, 1 east, 2 south, 3 west, in Discrete(4); goes sideways with probability ``slip``.

    Reward: in [-1.01, 0.99]
        ``living_reward`` (-0.01) plus the reward of the cell entered (goal 1, hazard -1).

    Termination: a terminal cell (goal or hazard) is entered.

    Truncation: after ``step_limit`` steps, 200 unless given.

    Randomisation: the start is uniform over the plan's 'S' cells; ``reset(options={"state": s})`` sets it
        instead.

    Source: the gridworld of Berkeley's CS188 and Russell and Norvig, with slip / 2 to each side.

    Args:
        plan: a ``FloorPlan``, or its text; another plan changes the spaces and the ranges above.
        slip: probability of going sideways.
        living_reward: paid for each step.
        step_limit: steps after which the episode is truncated.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012
    reward_range = (-1.01, 0.99)
    reset_options: ClassVar[tuple[str, ...]] = ("state",)

    def __init__(
        self,
        plan: FloorPlan | str = DEFAULT_PLAN,
        slip: float = SLIP,
        living_reward: float = LIVING_REWARD,
        step_limit: int = STEP_LIMIT,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        read = FloorPlan.from_text(plan) if isinstance(plan, str) else plan
        self.plan = check_type("plan", read, FloorPlan)
        self.mdp = self.plan.mdp(slip, living_reward)
        self.living_reward = float(living_reward)
        self.observation_space = spaces.Discrete(self.mdp.num_states)
        self.action_space = spaces.Discrete(self.mdp.num_actions)
        self._cells = self.plan.cells
        self._entry_reward = self.plan.entry_reward
        self.state = 0
        self._stage: tuple[mujoco.MjModel, mujoco.MjData] | None = None

    def draw_start(self, rng: np.random.Generator, options: dict[str, Any]) -> int:
        """Draw a first state, or take the one that the reset options set."""
        drawn = self.mdp.sample_start(rng)
        state = check_integer("reset option state", options.get("state", drawn), self.mdp.num_states)
        if self.mdp.terminal[state]:
            raise ValueError(f"reset option state: got {state}, expected a state that is not terminal.")
        return state

    def _begin(self, options: dict[str, Any]) -> None:
        self.state = self.draw_start(self.np_random, options)

    def _advance(self, action: int) -> tuple[float, bool]:
        self.state = self.mdp.sample_next(self.state, action, self.np_random)
        return self.living_reward + self._entry_reward[self.state], bool(self.mdp.terminal[self.state])

    def _observe(self) -> np.int64:
        return np.int64(self.state)

    def _info(self) -> dict[str, Any]:
        return {"is_success": bool(self.mdp.terminal[self.state] and self._entry_reward[self.state] > 0)}

    def _save(self) -> dict[str, Any]:
        return {"state": self.state}

    def _load(self, world: dict[str, Any]) -> None:
        self.state = world["state"]

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        if self._stage is None:
            self._stage = build_scene(self.plan.rows, self.plan.rewards)
        model, data = self._stage
        place_robot(data, self.plan.shape, self._cells[self.state])
        return model, data, "overview"
