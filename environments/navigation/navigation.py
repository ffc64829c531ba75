"""Find the way through furnished floors that were never seen before, by first-person images."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from environments.navigation import sensors as perception
from environments.navigation.camera import visible_cells
from environments.navigation.furniture import OBJECTS
from environments.navigation.geodesics import CELL_SIZE
from environments.navigation.motion import CONTROL_PERIOD
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, IndoorPlan, position
from environments.navigation.sensors import POSE_LIMIT, Noise, image_space
from environments.navigation.task import NavigationEpisode, check_place, draw_cell

Array = NDArray[np.float64]

# Registered ids

IDS: dict[str, dict[str, Any]] = {
    "robolearn/PointGoalNavigation-v0": {},
    "robolearn/ObjectGoalNavigation-v0": {},
    "robolearn/ImageGoalNavigation-v0": {},
    "robolearn/Exploration-v0": {},
    "robolearn/PointGoalDrive-v0": {},
}
EXPLORATION_STEP_LIMIT = 500
OBJECT_PATH_RANGE = (2.0, 20.0)  # m
MIN_DETOUR = 1.3  # the path is at least this much longer than |dx| + |dy|: no goal is straight ahead

# Physics: motion.py; the lattice needs none, its MuJoCo world only shows it.

# Task


class PointGoalNavigation(NavigationEpisode):
    """Go to a place that is given by its direction and distance, through rooms not seen before.

    Observation: dict
        depth: (64, 64) float32
            along the camera's axis, m; 3 where nothing is nearer. Row 0 is the top, column 0 the left.
        pose: (3,) float64
            where odometry believes the robot to be, in the frame of the start
            0  forward of the start      m      x ahead
            1  left of the start         m      y to the left
            2  heading                   rad    counter-clockwise, in [-pi, pi)
        goal: (2,) float64
            the goal as seen from the believed pose
            0  ahead                     m      robot's frame
            1  to the left               m      robot's frame

    Action: () int64
        0 forward 0.25 m, 1 turn left 90 degrees, 2 turn right 90 degrees, in Discrete(3); with
        ``ends_on="stop"`` also 3 stop. Walls and furniture block a move.

    Reward: in [-0.25, 2.75]
        metres by which the shortest path to success became shorter, and 2.5 for success.

    Termination: the robot is at most one cell from the goal; with ``ends_on="stop"`` when it stops, and it
        has succeeded if it stops there.

    Truncation: after ``step_limit`` steps, 200 unless given.

    Randomisation: a building of the split, goal, start and heading uniform, with a shortest path of 6 to 20 m
        that is at least 1.3 times |dx| + |dy|. ``reset(options={"plan": seed, "start": (row, column,
        heading), "goal": (row, column)})`` sets any of them instead; with a goal given, any path will do.

    Source: PointGoal of Anderson et al. 2018, arXiv:1807.06757; the lattice of Gupta et al. 2017,
        arXiv:1702.03920.

    Args as in ``NavigationEpisode``.
    """

    reward_range = (-0.25, 2.75)

    def _goal_space(self) -> spaces.Space[Any] | None:
        return spaces.Box(-2 * POSE_LIMIT, 2 * POSE_LIMIT, (2,), dtype=np.float64)

    def _draw_goal(self, plan: IndoorPlan, rng: np.random.Generator) -> Any:
        return draw_cell(plan.free, rng)

    def _check_goal(self, plan: IndoorPlan, goal: Any) -> Any:
        return check_place("reset option goal", goal, plan, 2)

    def targets(self, plan: IndoorPlan, goal: Any) -> NDArray[np.bool_]:
        """Mark the goal's cell and those beside it."""
        return _within_one_cell(plan.free, goal)

    def _is_detour(self, field: Array, goal: Any) -> NDArray[np.bool_]:
        rows, columns = np.ogrid[:NUM_ROWS, :NUM_COLUMNS]
        straight = CELL_SIZE * (np.abs(rows - goal[0]) + np.abs(columns - goal[1]))
        return field >= MIN_DETOUR * straight

    def show_goal(self, plan: IndoorPlan, goal: Any) -> NDArray[Any]:
        """Return the goal's (3,) x and y in the world, and a heading of no meaning."""
        return np.array([*position(goal), 0.0])

    def nothing_shown(self) -> NDArray[Any]:
        """Return zeros such as ``show_goal`` returns."""
        return np.zeros(3)

    def observe_goal(self, shown: NDArray[Any], start_pose: Array, measured_pose: Array) -> Any:
        """Express (..., 2) the goals in the believed robots' frames."""
        in_start = perception.motion_between(start_pose, shown)
        return perception.motion_between(measured_pose, in_start)[..., :2]

    def _mark(self) -> Any:
        return self.goal


class PointGoalDrive(PointGoalNavigation):
    """Drive to a place that is given by its direction and distance. 5 Hz, physics at 100 Hz.

    Observation: dict
        depth: (64, 64) float32
            along the camera's axis, m; 3 where nothing is nearer. Row 0 is the top, column 0 the left.
        pose: (3,) float64
            where odometry believes the robot to be, in the frame of the start
            0  forward of the start      m      x ahead
            1  left of the start         m      y to the left
            2  heading                   rad    counter-clockwise, in [-pi, pi)
        goal: (2,) float64
            the goal as seen from the believed pose
            0  ahead                     m      robot's frame
            1  to the left               m      robot's frame

    Action: (2,) float64
        0  forward speed / 0.5 m/s   1      in [-1, 1]
        1  turn rate / 1.5 rad/s     1      in [-1, 1], counter-clockwise
        With ``ends_on="stop"`` a third number above 0 stops.

    Reward: in [-0.5, 3.0]
        metres by which the shortest path to success became shorter (counted in cells), and 2.5 for success.

    Termination: the robot is at most one cell from the goal; with ``ends_on="stop"`` when it stops, and it
        has succeeded if it stops there.

    Truncation: after ``step_limit`` steps, 500 (100 s) unless given.

    Randomisation: as in ``PointGoalNavigation``; the robot starts at rest.

    Source: PointGoal of Anderson et al. 2018, arXiv:1807.06757, with a differential drive.

    Args as in ``NavigationEpisode``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / CONTROL_PERIOD)}  # noqa: RUF012
    reward_range = (-0.5, 3.0)
    default_motion = "drive"


class ObjectGoalNavigation(NavigationEpisode):
    """Go and find a chair: reach any object of a category, in rooms not seen before.

    Observation: dict
        depth: (64, 64) float32
            along the camera's axis, m; 3 where nothing is nearer. Row 0 is the top, column 0 the left.
        semantic: (64, 64) uint8
            what each pixel shows, in ``furniture.LABELS``.
        pose: (3,) float64
            where odometry believes the robot to be, in the frame of the start
            0  forward of the start      m      x ahead
            1  left of the start         m      y to the left
            2  heading                   rad    counter-clockwise, in [-pi, pi)
        goal: () int64
            the category, in ``furniture.OBJECTS``: bed, wardrobe, desk, chair, sofa, table, counter, fridge.

    Action: () int64
        0 forward 0.25 m, 1 turn left 90 degrees, 2 turn right 90 degrees, in Discrete(3); with
        ``ends_on="stop"`` also 3 stop. Walls and furniture block a move.

    Reward: in [-0.25, 2.75]
        metres by which the shortest path to success became shorter, and 2.5 for success.

    Termination: the robot's cell shares a side with an object of the category; with ``ends_on="stop"`` when
        it stops, and it has succeeded if it stops there.

    Truncation: after ``step_limit`` steps, 200 unless given.

    Randomisation: a building of the split; a category that is in it, a start with a shortest path of 2 to 20
        m and a heading, uniform. ``reset(options={"plan": seed, "start": (row, column, heading), "goal":
        "chair"})`` sets any of them instead.

    Source: ObjectGoal of Anderson et al. 2018, arXiv:1807.06757.

    Args as in ``NavigationEpisode``.
    """

    reward_range = (-0.25, 2.75)
    default_sensors = ("depth", "semantic")
    path_range = OBJECT_PATH_RANGE

    def _goal_space(self) -> spaces.Space[Any] | None:
        return spaces.Discrete(len(OBJECTS))

    def _draw_goal(self, plan: IndoorPlan, rng: np.random.Generator) -> Any:
        here = [name for name in OBJECTS if plan.beside(name).any()]
        return here[int(rng.integers(len(here)))]

    def _check_goal(self, plan: IndoorPlan, goal: Any) -> Any:
        if goal not in OBJECTS:
            raise ValueError(f"reset option goal: got {goal!r}, expected one of {', '.join(OBJECTS)}.")
        if not plan.beside(goal).any():
            raise ValueError(f"reset option goal: plan {plan.seed} has no {goal} to stand beside.")
        return goal

    def targets(self, plan: IndoorPlan, goal: Any) -> NDArray[np.bool_]:
        """Mark the cells beside an object of the category."""
        return plan.beside(goal)

    def show_goal(self, plan: IndoorPlan, goal: Any) -> NDArray[Any]:
        """Return the category's number ()."""
        return np.array(OBJECTS.index(goal), dtype=np.int64)

    def nothing_shown(self) -> NDArray[Any]:
        """Return zeros such as ``show_goal`` returns."""
        return np.array(0, dtype=np.int64)

    def observe_goal(self, shown: NDArray[Any], start_pose: Array, measured_pose: Array) -> Any:
        """Return the categories' numbers (...)."""
        return shown[()]  # a number, not an array without axes


class ImageGoalNavigation(PointGoalNavigation):
    """Go to where a picture was taken, in rooms not seen before.

    Observation: dict
        rgb: (64, 64, 3) uint8
            what the robot sees.
        depth: (64, 64) float32
            along the camera's axis, m; 3 where nothing is nearer. Row 0 is the top, column 0 the left.
        pose: (3,) float64
            where odometry believes the robot to be, in the frame of the start
            0  forward of the start      m      x ahead
            1  left of the start         m      y to the left
            2  heading                   rad    counter-clockwise, in [-pi, pi)
        goal: (64, 64, 3) uint8
            what the robot would see at the goal.

    Action: () int64
        0 forward 0.25 m, 1 turn left 90 degrees, 2 turn right 90 degrees, in Discrete(3); with
        ``ends_on="stop"`` also 3 stop. Walls and furniture block a move.

    Reward: in [-0.25, 2.75]
        metres by which the shortest path to success became shorter, and 2.5 for success.

    Termination: the robot is at most one cell from where the picture was taken, whatever its heading; with
        ``ends_on="stop"`` when it stops, and it has succeeded if it stops there.

    Truncation: after ``step_limit`` steps, 200 unless given.

    Randomisation: as in ``PointGoalNavigation``, with a heading of the goal that shows most depth of the
        four. The option "goal" is (row, column, heading).

    Source: ImageGoal of Zhu et al. 2017, arXiv:1609.05143.

    Args as in ``NavigationEpisode``.
    """

    reward_range = (-0.25, 2.75)
    default_sensors = ("rgb", "depth")

    def _goal_space(self) -> spaces.Space[Any] | None:
        return image_space("rgb", self.camera)

    def _draw_goal(self, plan: IndoorPlan, rng: np.random.Generator) -> Any:
        cell = draw_cell(plan.free, rng)
        poses = [_pose((*cell, heading)) for heading in range(4)]
        depths = perception.first_person.depth(plan, self.camera, poses).mean(axis=(1, 2))
        return (*cell, int(np.argmax(depths)))

    def _check_goal(self, plan: IndoorPlan, goal: Any) -> Any:
        return check_place("reset option goal", goal, plan, 3)

    def show_goal(self, plan: IndoorPlan, goal: Any) -> NDArray[Any]:
        """Take the (H, W, 3) picture at the goal."""
        return perception.images(plan, self.camera, _pose(goal)[None], ("rgb",), Noise(), ())["rgb"][0]

    def nothing_shown(self) -> NDArray[Any]:
        """Return zeros such as ``show_goal`` returns."""
        return np.zeros((self.camera.height, self.camera.width, 3), dtype=np.uint8)

    def observe_goal(self, shown: NDArray[Any], start_pose: Array, measured_pose: Array) -> Any:
        """Return the pictures (..., H, W, 3)."""
        return shown

    def _mark(self) -> Any:
        return self.goal[:2]


class Exploration(NavigationEpisode):
    """See as much of the floor as can be seen in 500 steps.

    Observation: dict
        depth: (64, 64) float32
            along the camera's axis, m; 3 where nothing is nearer. Row 0 is the top, column 0 the left.
        pose: (3,) float64
            where odometry believes the robot to be, in the frame of the start
            0  forward of the start      m      x ahead
            1  left of the start         m      y to the left
            2  heading                   rad    counter-clockwise, in [-pi, pi)

    Action: () int64
        0 forward 0.25 m, 1 turn left 90 degrees, 2 turn right 90 degrees, in Discrete(3). Walls and furniture
        block a move.

    Reward: in [0.0, 6.0]
        square metres of free floor seen for the first time (``camera.visible_cells``).

    Termination: never. ``info["coverage"]`` is the share of the building's free floor that has been seen.

    Truncation: after ``step_limit`` steps, 500 unless given.

    Randomisation: a building of the split, start and heading uniform. ``reset(options={"plan": seed,
        "start": (row, column, heading)})`` sets them instead.

    Source: Chen, Gupta and Gupta 2019, arXiv:1903.01959: coverage as the reward.

    Args as in ``NavigationEpisode``; ``ends_on`` has no meaning here.
    """

    reward_range = (0.0, 6.0)
    reset_options: ClassVar[tuple[str, ...]] = ("plan", "start")
    _SAVED = ("measured_pose", "path_length", "seen")

    def __init__(self, step_limit: int | None = None, **settings: Any) -> None:
        super().__init__(step_limit=step_limit, **settings)
        if self.ends_on != "arrival":
            raise ValueError("ends_on: exploration ends with its steps, leave it out.")
        self.seen: NDArray[np.bool_] = np.zeros((NUM_ROWS, NUM_COLUMNS), dtype=bool)

    def _default_step_limit(self) -> int:
        return EXPLORATION_STEP_LIMIT

    def _goal_space(self) -> spaces.Space[Any] | None:
        return None

    def _draw_task(
        self, plan: IndoorPlan, rng: np.random.Generator, options: dict[str, Any], allowed: NDArray[np.bool_]
    ) -> tuple[Any, Array, tuple[int, int]]:
        return None, np.full((NUM_ROWS, NUM_COLUMNS), np.inf), draw_cell(allowed, rng)

    def show_goal(self, plan: IndoorPlan, goal: Any) -> NDArray[Any]:
        """Return nothing: there is no goal."""
        return self.nothing_shown()

    def nothing_shown(self) -> NDArray[Any]:
        """Return zeros such as ``show_goal`` returns."""
        return np.zeros(0)

    def _begin(self, options: dict[str, Any]) -> None:
        super()._begin(options)
        self.seen = visible_cells(self.plan, self.camera, self.state)

    def _advance(self, action: Any) -> tuple[float, bool]:
        self._move(action)
        known = int(np.count_nonzero(self.seen))
        self.seen = self.seen | visible_cells(self.plan, self.camera, self.state)
        return (int(np.count_nonzero(self.seen)) - known) * CELL_SIZE**2, False

    def _info(self) -> dict[str, Any]:
        coverage = float(np.count_nonzero(self.seen) / np.count_nonzero(self.plan.free))
        return {"coverage": coverage, "path_length": self.path_length}

    def expert_action(self) -> Any:
        """Refuse: exploration has no shortest path."""
        raise NotImplementedError("Exploration has no expert; the tasks with a goal have one.")


def _within_one_cell(free: NDArray[np.bool_], goal: tuple[int, ...]) -> NDArray[np.bool_]:
    near = np.zeros_like(free)
    row, column = goal[:2]
    near[row, column - 1 : column + 2] = near[row - 1 : row + 2, column] = True
    return near & free


def _pose(place: tuple[int, int, int]) -> Array:
    return np.array([*position(place[:2]), place[2] * np.pi / 2])
