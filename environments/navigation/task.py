"""What all navigation tasks share: the building, the robot, its sensors and its odometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from environments.episode import Episode, check_integer
from environments.navigation import sensors as perception
from environments.navigation.camera import Camera
from environments.navigation.geodesics import distance_field, success_weighted_path_length
from environments.navigation.motion import Drive, NavigationPhysics, motion_of
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, SPLITS, IndoorPlan, draw_plan, position
from environments.navigation.scene import build_model
from environments.navigation.sensors import POSE_LIMIT, Noise, check_sensors, image_space
from environments.physics import as_array
from environments.tabular import check_type

Array = NDArray[np.float64]

PATH_RANGE = (6.0, 20.0)  # m, of the shortest path to success; 24 to 80 cells
SUCCESS_REWARD = 2.5
MAX_DRAWS = 100  # of goals in a plan
VIEWS = ("overview", "first_person")
ENDS = ("arrival", "stop")


@dataclass(frozen=True)
class Start:
    """What an episode begins with.

    Attributes:
        plan: the building.
        goal: as ``reset``'s option gives it; None where the task has none.
        field: (36, 48) float64, m to the nearest cell that counts as success.
        shown: what the observation of the goal is made of.
        cell: (row, column) of the robot.
        heading: 0 east to 3 south.
    """

    plan: IndoorPlan
    goal: Any
    field: Array
    shown: NDArray[Any]
    cell: tuple[int, int]
    heading: int


class NavigationEpisode(Episode):
    """What all navigation tasks share: the building, the robot, its sensors and its odometry.

    Args:
        split: "train" or "test": buildings of one are never in the other.
        motion: "lattice" (one cell or a quarter turn a step) or "drive" (speeds in MuJoCo).
        sensors: images in the observation, of "depth", "rgb", "semantic"; () for pose and goal alone.
        camera: the first-person camera.
        noise: errors of depth and odometry.
        ends_on: "arrival", or "stop": the robot itself must say that it has arrived.
        step_limit: steps after which the episode is truncated; the motion's own if None.
        render_mode: None or "rgb_array".
        view: what ``render`` shows, "overview" or "first_person".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012
    reset_options: ClassVar[tuple[str, ...]] = ("plan", "start", "goal")
    default_motion: ClassVar[str] = "lattice"
    default_sensors: ClassVar[tuple[str, ...]] = ("depth",)
    path_range: ClassVar[tuple[float, float]] = PATH_RANGE
    _SAVED: ClassVar[tuple[str, ...]] = (
        "measured_pose", "path_length", "goal", "_start_pose", "_shortest", "_success",
    )  # fmt: skip

    def __init__(
        self,
        split: str = "train",
        motion: str | None = None,
        sensors: tuple[str, ...] | None = None,
        camera: Camera | None = None,
        noise: Noise | None = None,
        ends_on: str = "arrival",
        step_limit: int | None = None,
        render_mode: str | None = None,
        view: str = "overview",
        **picture: Any,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split: got {split!r}, expected one of {tuple(SPLITS)}.")
        if ends_on not in ENDS:
            raise ValueError(f"ends_on: got {ends_on!r}, expected one of {ENDS}.")
        if view not in VIEWS:
            raise ValueError(f"view: got {view!r}, expected one of {VIEWS}.")
        self.camera = check_type("camera", Camera() if camera is None else camera, Camera)
        self.noise = check_type("noise", Noise() if noise is None else noise, Noise)
        self.split, self.view, self.ends_on = split, view, ends_on
        self.sensors = check_sensors(self.default_sensors if sensors is None else sensors)
        self.plan = draw_plan(SPLITS[split][0])
        self.motion = motion_of(motion or self.default_motion)
        self.motion.use(self.plan)
        limit = self._default_step_limit() if step_limit is None else step_limit
        super().__init__(limit, render_mode, **picture)
        self.action_space = self.motion.action_space(ends_on == "stop")
        parts: dict[str, spaces.Space[Any]] = {name: image_space(name, self.camera) for name in self.sensors}
        high = np.array([POSE_LIMIT, POSE_LIMIT, np.pi])
        parts["pose"] = spaces.Box(-high, high, dtype=np.float64)
        goal = self._goal_space()
        if goal is not None:
            parts["goal"] = goal
        self.has_goal = goal is not None
        self.observation_space = spaces.Dict(parts)
        self.measured_pose = np.zeros(3)
        self.path_length = 0.0
        self.goal: Any = None
        self._field = np.full((NUM_ROWS, NUM_COLUMNS), np.inf)
        self._shown = self.nothing_shown()
        self._start_pose = np.zeros(3)
        self._shortest, self._success = 0.0, False
        self._stage: tuple[mujoco.MjModel, mujoco.MjData] | None = None

    # What a task writes.

    def _goal_space(self) -> spaces.Space[Any] | None:
        raise NotImplementedError

    def _draw_goal(self, plan: IndoorPlan, rng: np.random.Generator) -> Any:
        """Draw a goal in the plan."""
        raise NotImplementedError

    def _check_goal(self, plan: IndoorPlan, goal: Any) -> Any:
        """Return the goal of ``reset``'s options, checked."""
        raise NotImplementedError

    def targets(self, plan: IndoorPlan, goal: Any) -> NDArray[np.bool_]:
        """Mark the (36, 48) cells where the task has succeeded."""
        raise NotImplementedError

    def show_goal(self, plan: IndoorPlan, goal: Any) -> NDArray[Any]:
        """Return what the observation of the goal is made of, the same for a whole episode."""
        raise NotImplementedError

    def nothing_shown(self) -> NDArray[Any]:
        """Return zeros such as ``show_goal`` returns."""
        raise NotImplementedError

    def observe_goal(self, shown: NDArray[Any], start_pose: Array, measured_pose: Array) -> Any:
        """Observe goals from what is shown, and from true start and believed poses (..., 3)."""
        raise NotImplementedError

    # What everybody reads.

    @property
    def physics(self) -> NavigationPhysics:
        """The robot in MuJoCo, where it drives.

        Raises:
            AttributeError: the robot moves on the lattice.
        """
        if not isinstance(self.motion, Drive):
            raise AttributeError('physics: the lattice has none, make the environment with motion="drive".')
        return self.motion.physics

    @property
    def cell(self) -> tuple[int, int]:
        """(row, column) of the robot's true place."""
        return self.motion.cell

    @property
    def state(self) -> Array:
        """True x, y (m) and heading (rad) (3,) in the world frame."""
        return self.motion.pose_world()

    @property
    def distance_field(self) -> Array:
        """(36, 48) float64, m to the nearest cell that counts as success; infinity in walls and furniture."""
        return self._field.copy()

    def expert_action(self) -> Any:
        """Return the action that a shortest path takes now; with ``ends_on="stop"`` it stops there."""
        if not isinstance(self.motion, Drive):
            return self.motion.expert(self._field)
        speeds = self.motion.expert(self._field)
        arrived = 1.0 if self._field[self.cell] == 0.0 else -1.0
        return speeds if self.ends_on == "arrival" else np.append(speeds, arrived)

    # The episode.

    def _default_step_limit(self) -> int:
        return self.motion.step_limit

    def draw_start(self, rng: np.random.Generator, options: dict[str, Any]) -> Start:
        """Draw what an episode begins with; ``options`` are those of ``reset``."""
        seeds = SPLITS[self.split]
        plan_seed = seeds[int(rng.integers(len(seeds)))]
        if "plan" in options:
            plan_seed = check_integer("reset option plan", options["plan"], SPLITS["test"].stop)
        heading = int(rng.integers(4))
        plan = draw_plan(plan_seed)
        allowed = plan.free
        if "start" in options:
            row, column, heading = check_place("reset option start", options["start"], plan, 3)
            allowed = np.zeros_like(plan.free)
            allowed[row, column] = True
        goal, field, cell = self._draw_task(plan, rng, options, allowed)
        return Start(plan, goal, field, self.show_goal(plan, goal), cell, heading)

    def _draw_task(
        self, plan: IndoorPlan, rng: np.random.Generator, options: dict[str, Any], allowed: NDArray[np.bool_]
    ) -> tuple[Any, Array, tuple[int, int]]:
        """Set a goal; draw a start among the allowed cells from which it is far and not straight ahead."""
        if "goal" in options:
            goal = self._check_goal(plan, options["goal"])
            field = self.field_of(plan, goal)
            if not (allowed & (field > 0)).any():
                raise ValueError(f"reset option start: the goal {goal!r} is reached there already.")
            return goal, field, draw_cell(allowed & (field > 0), rng)
        low, high = self.path_range
        for _ in range(MAX_DRAWS):
            goal = self._draw_goal(plan, rng)
            field = self.field_of(plan, goal)
            fitting = allowed & (field >= low) & (field <= high) & self._is_detour(field, goal)
            if fitting.any():
                return goal, field, draw_cell(fitting, rng)
        raise ValueError(
            f"plan {plan.seed}: in {MAX_DRAWS} draws no goal had a path of {low:g} to {high:g} m "
            'from the start. Give the option "goal" too.'
        )

    def field_of(self, plan: IndoorPlan, goal: Any) -> Array:
        """Measure (36, 48) how far each cell is from success, m."""
        return distance_field(plan.free, self.targets(plan, goal))

    def _is_detour(self, field: Array, goal: Any) -> NDArray[np.bool_]:
        """Mark the cells from which the way is long enough for the straight distance."""
        return np.ones((NUM_ROWS, NUM_COLUMNS), dtype=bool)

    def _begin(self, options: dict[str, Any]) -> None:
        start = self.draw_start(self.np_random, options)
        self._use_plan(start.plan)
        self.goal, self._field, self._shown = start.goal, start.field, start.shown
        self.motion.place(start.cell, start.heading)
        self.measured_pose, self.path_length, self._success = np.zeros(3), 0.0, False
        self._start_pose, self._shortest = self.state, float(self._field[self.cell])

    def _use_plan(self, plan: IndoorPlan) -> None:
        if plan is not self.plan:
            self._stage = None
            self.close()  # the picture belongs to the other building
        self.plan = plan
        self.motion.use(plan)

    def _advance(self, action: Any) -> tuple[float, bool]:
        left = float(self._field[self.cell])
        if self.ends_on == "stop" and self.motion.stops(action):
            self._success = left == 0.0
            return SUCCESS_REWARD * self._success, True
        self._move(action)
        now = float(self._field[self.cell])
        self._success = self.ends_on == "arrival" and now == 0.0
        return left - now + SUCCESS_REWARD * self._success, self._success

    def _move(self, action: Any) -> None:
        before = self.state
        self.motion.advance(action)
        moved = perception.motion_between(before, self.state)
        self.path_length += float(np.hypot(moved[0], moved[1]))
        errors = perception.draw_odometry(self.noise, self.np_random)
        self.measured_pose = perception.believe(self.measured_pose, moved, self.noise, errors)

    def _observe(self) -> dict[str, Any]:
        taken = perception.images(
            self.plan, self.camera, self.state[None], self.sensors, self.noise, [self.np_random]
        )
        seen: dict[str, Any] = {name: image[0] for name, image in taken.items()}
        seen["pose"] = self.measured_pose.copy()
        if self.has_goal:
            seen["goal"] = self.observe_goal(self._shown.copy(), self._start_pose, self.measured_pose)
        return seen

    def _info(self) -> dict[str, Any]:
        return {
            "is_success": self._success,
            "distance": float(self._field[self.cell]),
            "path_length": self.path_length,
            "shortest_path": self._shortest,
            "spl": success_weighted_path_length(self._success, self._shortest, self.path_length),
        }

    def _save(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in self._SAVED}
        return {"plan": self.plan.seed, "motion": self.motion.save(), **own}

    def _load(self, world: dict[str, Any]) -> None:
        self._use_plan(draw_plan(world["plan"]))
        self.motion.load(world["motion"])
        for name in self._SAVED:
            setattr(self, name, world[name])
        if self.goal is not None:
            self._field = self.field_of(self.plan, self.goal)
            self._shown = self.show_goal(self.plan, self.goal)

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        if self._stage is None:
            model = build_model(self.plan.seed, self.camera.mount_height, self.camera.vertical_fov_deg)
            self._stage = (model, mujoco.MjData(model))
        model, data = self._stage
        data.qpos[:] = self.state
        if self._mark() is not None:
            data.mocap_pos[0] = (*position(self._mark()), 0.0)
        return model, data, self.view

    def _mark(self) -> Any:
        """Return the (row, column) that a picture marks as the goal, if the goal is a place."""
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_stage": None}


def check_place(name: str, place: Any, plan: IndoorPlan, length: int) -> tuple[int, ...]:
    """Return a place of ``reset``'s options as (row, column) or (row, column, heading).

    Raises:
        ValueError: it is no such place, or not free.
    """
    kind = ("row, column", "row, column, heading")[length - 2]
    array = as_array(place)
    if array.shape != (length,) or array.dtype.kind not in "iu":
        raise ValueError(f"{name}: got {place!r}, expected ({kind}), whole numbers.")
    row, column, *heading = (int(i) for i in array)
    if not (0 <= row < NUM_ROWS and 0 <= column < NUM_COLUMNS and plan.free[row, column]):
        raise ValueError(f"{name}: cell ({row}, {column}) of plan {plan.seed} is not free to stand in.")
    if heading and not 0 <= heading[0] < 4:
        raise ValueError(f"{name}: got heading {heading[0]}, expected 0 east, 1 north, 2 west or 3 south.")
    return (row, column, *heading)


def draw_cell(fitting: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int]:
    """Draw one of the marked cells."""
    cells = np.argwhere(fitting)
    row, column = cells[int(rng.integers(len(cells)))]
    return int(row), int(column)
