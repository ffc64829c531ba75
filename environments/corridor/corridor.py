"""Localise among doors that look alike, and enter the right one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from environments.corridor.scene import build_scene, place_robot
from environments.episode import Episode, check_integer
from environments.tabular import TabularMDP, check_probability, check_type, draw

# Model

ACTIONS = ("west", "east", "enter")
WEST, EAST, ENTER = range(3)
OBSERVATIONS = ("wall", "door")
WALL, DOOR = range(2)
DEFAULT_DOORS = (2, 4, 9, 14)  # unevenly spaced, so that their order tells where one is
DEFAULT_GOAL = 14  # at one end: with the goal in the middle QMDP may dither for ever between two beliefs


@dataclass(frozen=True)
class Corridor:
    """A corridor of L cells with doors on one side. State L is the room behind the goal door.

    A move goes one cell with probability 1 - move_stay - move_overshoot, none with move_stay, two with
    move_overshoot; the corridor's ends stop it. "enter" at the goal door leads into the room, where the
    episode ends; anywhere else it is a costly bump and the robot stays. After each step the sensor says wall
    or door.

    Attributes:
        length: L, cells.
        doors: cells with a door.
        goal: the door to enter, one of ``doors``.
        move_stay: probability that a move fails.
        move_overshoot: probability that a move goes two cells.
        door_hit: P(sensor says door | at a door).
        false_alarm: P(sensor says door | not at a door).
        step_reward: paid for each step.
        bump_reward: paid beside it for "enter" anywhere but at the goal.
        goal_reward: paid beside it for "enter" at the goal.
    """

    length: int = 16
    doors: tuple[int, ...] = DEFAULT_DOORS
    goal: int = DEFAULT_GOAL
    move_stay: float = 0.1
    move_overshoot: float = 0.1
    door_hit: float = 0.85
    false_alarm: float = 0.1
    step_reward: float = -0.1
    bump_reward: float = -2.0
    goal_reward: float = 10.0

    def __post_init__(self) -> None:
        if self.length < 2:
            raise ValueError(f"Corridor.length: got {self.length}, expected at least 2 cells.")
        if not self.doors or any(not 0 <= door < self.length for door in self.doors):
            raise ValueError(f"Corridor.doors: got {self.doors}, expected cells in 0..{self.length - 1}.")
        if self.goal not in self.doors:
            raise ValueError(f"Corridor.goal: got {self.goal}, expected one of the doors {self.doors}.")
        for name in ("move_stay", "move_overshoot", "door_hit", "false_alarm"):
            check_probability(f"Corridor.{name}", getattr(self, name))
        check_probability("Corridor.move_stay + move_overshoot", self.move_stay + self.move_overshoot)

    @property
    def num_states(self) -> int:
        """S = L + 1: the cells from west to east, then the room."""
        return self.length + 1

    @property
    def room(self) -> int:
        """The terminal state behind the goal door, number L."""
        return self.length

    @property
    def terminal(self) -> NDArray[np.bool_]:
        """(S,) True for the room."""
        return np.arange(self.num_states) == self.room

    @property
    def start(self) -> NDArray[np.float64]:
        """(S,) uniform over the cells: the robot does not know where it is."""
        return np.append(np.full(self.length, 1.0 / self.length), 0.0)

    @property
    def transition(self) -> NDArray[np.float64]:
        """(S, A, S) float64, P(s' | s, a)."""
        transition = np.zeros((self.num_states, len(ACTIONS), self.num_states))
        one = 1.0 - self.move_stay - self.move_overshoot
        for cell in range(self.length):
            for action, direction in ((WEST, -1), (EAST, 1)):
                for cells, probability in ((0, self.move_stay), (1, one), (2, self.move_overshoot)):
                    reached = min(max(cell + direction * cells, 0), self.length - 1)
                    transition[cell, action, reached] += probability
            transition[cell, ENTER, self.room if cell == self.goal else cell] = 1.0
        transition[self.room, :, self.room] = 1.0
        return transition

    @property
    def reward(self) -> NDArray[np.float64]:
        """(S, A) float64."""
        reward = np.full((self.num_states, len(ACTIONS)), self.step_reward)
        reward[:, ENTER] += self.bump_reward
        reward[self.goal, ENTER] = self.step_reward + self.goal_reward
        reward[self.room] = 0.0
        return reward

    @property
    def observation_model(self) -> NDArray[np.float64]:
        """(S, O) float64, P(o | s) for o in wall, door. In the room the sensor says either, evenly."""
        says_door = np.full(self.num_states, self.false_alarm)
        says_door[list(self.doors)] = self.door_hit
        says_door[self.room] = 0.5
        return np.stack([1.0 - says_door, says_door], axis=1)

    def mdp(self) -> TabularMDP:
        """Return the MDP of a robot that knows where it is, as QMDP wants it."""
        return TabularMDP(self.transition, self.reward, self.terminal, self.start, ACTIONS)


# Registered ids

IDS: dict[str, dict[str, Any]] = {"robolearn/Corridor-v0": {}}
STEP_LIMIT = 100

# Physics: the robot stands in its cell; the MuJoCo scene only shows it.

# Task


class CorridorEnv(Episode):
    """Find the goal door of a corridor by a noisy door sensor, and enter it. One cell a step.

    Observation: () int64
        0 wall, 1 door, in Discrete(2): the sensor's word at the cell reached; right 85 to 90% of the time.

    Action: () int64
        0 west, 1 east, 2 enter, in Discrete(3); a move may fail or go too far.

    Reward: in [-2.1, 9.9]
        -0.1 for each step, beside it 10 for "enter" at the goal door and -2 for "enter" anywhere else.

    Termination: the goal door is entered.

    Truncation: after ``step_limit`` steps, 100 unless given.

    Randomisation: the start is uniform over the cells and not told; motion and sensor are noisy.
        ``reset(options={"state": s})`` sets the start instead.

    Source: the corridor of Thrun, Burgard and Fox, Probabilistic Robotics (2005), chapters 1 and 8.

    Args:
        corridor: the corridor; another one may change the ranges above.
        step_limit: steps after which the episode is truncated.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012
    reward_range = (-2.1, 9.9)
    default_image_size = (128, 512)
    reset_options: ClassVar[tuple[str, ...]] = ("state",)

    def __init__(
        self,
        corridor: Corridor | None = None,
        step_limit: int = STEP_LIMIT,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.corridor = check_type("corridor", Corridor() if corridor is None else corridor, Corridor)
        self.mdp = self.corridor.mdp()
        self._observation_model = self.corridor.observation_model
        self.observation_space = spaces.Discrete(len(OBSERVATIONS))
        self.action_space = spaces.Discrete(len(ACTIONS))
        self.state = 0
        self._heard = WALL
        self._stage: tuple[mujoco.MjModel, mujoco.MjData] | None = None

    def draw_start(self, rng: np.random.Generator, options: dict[str, Any]) -> tuple[int, int]:
        """Draw a first cell, or take the one that the reset options set, and what the sensor says there."""
        drawn = self.mdp.sample_start(rng)
        state = check_integer("reset option state", options.get("state", drawn), self.corridor.length)
        return state, draw(self._observation_model[state], rng)

    def _begin(self, options: dict[str, Any]) -> None:
        self.state, self._heard = self.draw_start(self.np_random, options)

    def _advance(self, action: int) -> tuple[float, bool]:
        earned = self.mdp.reward[self.state, action]
        self.state = self.mdp.sample_next(self.state, action, self.np_random)
        self._heard = draw(self._observation_model[self.state], self.np_random)
        return float(earned), bool(self.mdp.terminal[self.state])

    def _observe(self) -> np.int64:
        return np.int64(self._heard)

    def _info(self) -> dict[str, Any]:
        return {"is_success": self.state == self.corridor.room}

    def _save(self) -> dict[str, Any]:
        return {"state": self.state, "heard": self._heard}

    def _load(self, world: dict[str, Any]) -> None:
        self.state, self._heard = world["state"], world["heard"]

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        if self._stage is None:
            self._stage = build_scene(self.corridor.length, self.corridor.doors, self.corridor.goal)
        model, data = self._stage
        inside = self.state == self.corridor.room
        place_robot(model, data, self.corridor.goal if inside else self.state, inside, self._heard == DOOR)
        return model, data, "overview"
