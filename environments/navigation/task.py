"""What all navigation tasks share: the building, the robot, its sensors and its odometry."""

from __future__ import annotations

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

Array = NDArray[np.float64]

PATH_RANGE = (6.0, 20.0)  # m, of the shortest path to success; 24 to 80 cells
SUCCESS_REWARD = 2.5
MAX_DRAWS = 100  # of goals in a plan
VIEWS = ("overview", "first_person")
ENDS = ("arrival", "stop")


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
        self.camera = camera or Camera()
        self.split, self.noise, self.view, self.ends_on = split, noise or Noise(), view, ends_on
        self.sensors = check_sensors(self.default_sensors if sensors is None else sensors)
        self._lens = (self.camera.mount_height, self.camera.vertical_fov_deg)
        self.plan = draw_plan(SPLITS[split][0])
        self.motion = motion_of(motion or self.default_motion, *self._lens, self.plan.seed)
        limit = self._default_step_limit() if step_limit is None else step_limit
        super().__init__(limit, render_mode, **picture)
        self.action_space = self.motion.action_space(ends_on == "stop")
        parts: dict[str, spaces.Space[Any]] = {name: image_space(name, self.camera) for name in self.sensors}
        high = np.array([POSE_LIMIT, POSE_LIMIT, np.pi])
        parts["pose"] = spaces.Box(-high, high, dtype=np.float64)
        goal = self._goal_space()
        if goal is not None:
            parts["goal"] = goal
        self.observation_space = spaces.Dict(parts)
        self.measured_pose = np.zeros(3)
        self.path_length = 0.0
        self.goal: Any = None
        self._field = np.full((NUM_ROWS, NUM_COLUMNS), np.inf)
        self._start_pose = np.zeros(3)
        self._shortest, self._success = 0.0, False
        self._stage: tuple[mujoco.MjModel, mujoco.MjData] | None = None

    # What a task writes.

    def _goal_space(self) -> spaces.Space[Any] | None:
        raise NotImplementedError

    def _draw_goal(self) -> Any:
        """Draw a goal in the plan."""
        raise NotImplementedError

    def _check_goal(self, goal: Any) -> Any:
        """Return the goal of ``reset``'s options, checked."""
        raise NotImplementedError

    def _targets(self) -> NDArray[np.bool_]:
        """Mark the (36, 48) cells where the task has succeeded."""
        raise NotImplementedError

    def _observe_goal(self) -> Any:
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

    def _begin(self, options: dict[str, Any]) -> None:
        seeds = SPLITS[self.split]
        plan_seed = seeds[int(self.np_random.integers(len(seeds)))]
        if "plan" in options:
            plan_seed = check_integer("reset option plan", options["plan"], SPLITS["test"].stop)
        heading = int(self.np_random.integers(4))
        self._use_plan(draw_plan(plan_seed))
        allowed = self.plan.free
        if "start" in options:
            row, column, heading = check_place("reset option start", options["start"], self.plan, 3)
            allowed = np.zeros_like(self.plan.free)
            allowed[row, column] = True
        self.motion.place(self._draw_task(options, allowed), heading)
        self.measured_pose, self.path_length, self._success = np.zeros(3), 0.0, False
        self._start_pose, self._shortest = self.state, float(self._field[self.cell])

    def _use_plan(self, plan: IndoorPlan) -> None:
        if plan is not self.plan:
            self._stage = None
            self.close()  # the picture belongs to the other building
        self.plan = plan
        self.motion.use(plan)

    def _draw_task(self, options: dict[str, Any], allowed: NDArray[np.bool_]) -> tuple[int, int]:
        """Set the goal; draw a start among the allowed cells from which it is far and not straight ahead."""
        if "goal" in options:
            self._set_goal(self._check_goal(options["goal"]))
            if not (allowed & (self._field > 0)).any():
                raise ValueError(f"reset option start: the goal {self.goal!r} is reached there already.")
            return self._draw_cell(allowed & (self._field > 0))
        low, high = self.path_range
        for _ in range(MAX_DRAWS):
            self._set_goal(self._draw_goal())
            fitting = allowed & (self._field >= low) & (self._field <= high) & self._is_detour()
            if fitting.any():
                return self._draw_cell(fitting)
        raise ValueError(
            f"plan {self.plan.seed}: in {MAX_DRAWS} draws no goal had a path of {low:g} to {high:g} m "
            'from the start. Give the option "goal" too.'
        )

    def _is_detour(self) -> NDArray[np.bool_]:
        """Mark the cells from which the way is long enough for the straight distance."""
        return np.ones((NUM_ROWS, NUM_COLUMNS), dtype=bool)

    def _draw_cell(self, fitting: NDArray[np.bool_]) -> tuple[int, int]:
        cells = np.argwhere(fitting)
        row, column = cells[int(self.np_random.integers(len(cells)))]
        return int(row), int(column)

    def _set_goal(self, goal: Any) -> None:
        self.goal = goal
        self._field = distance_field(self.plan.free, self._targets())

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
        measured = perception.measure_motion(moved, self.noise, self.np_random)
        believed = perception.compose(self.measured_pose, measured)
        believed[:2] = np.clip(believed[:2], -POSE_LIMIT, POSE_LIMIT)
        self.measured_pose = believed

    def _observe(self) -> dict[str, Any]:
        seen: dict[str, Any] = perception.images(
            self.plan, self.camera, self.state, self.sensors, self.noise, self.np_random
        )
        seen["pose"] = self.measured_pose.copy()
        if "goal" in self.observation_space.spaces:  # type: ignore[attr-defined]
            seen["goal"] = self._observe_goal()
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
            self._set_goal(self.goal)

    def _scene(self) -> tuple[mujoco.MjModel, mujoco.MjData, str]:
        if isinstance(self.motion, Drive):
            model, data = self.physics.model, self.physics.data
        else:
            if self._stage is None:
                model = build_model(self.plan.seed, *self._lens)
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
    array = np.asarray(place)
    if array.shape != (length,) or array.dtype.kind not in "iu":
        raise ValueError(f"{name}: got {place!r}, expected ({kind}), whole numbers.")
    row, column, *heading = (int(i) for i in array)
    if not (0 <= row < NUM_ROWS and 0 <= column < NUM_COLUMNS and plan.free[row, column]):
        raise ValueError(f"{name}: cell ({row}, {column}) of plan {plan.seed} is not free to stand in.")
    if heading and not 0 <= heading[0] < 4:
        raise ValueError(f"{name}: got heading {heading[0]}, expected 0 east, 1 north, 2 west or 3 south.")
    return (row, column, *heading)
