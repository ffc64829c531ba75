"""Many robots at once, each in its own building."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.navigation import navigation
from environments.navigation import sensors as perception
from environments.navigation.fleet import fleet_of
from environments.navigation.floors import Floors
from environments.navigation.geodesics import CELL_SIZE, success_weighted_path_length
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS, IndoorPlan, draw_plan
from environments.navigation.sight import cells_in_sight
from environments.navigation.task import SUCCESS_REWARD, NavigationEpisode
from environments.vector import Array, Ids, VectorEpisode


class NavigationVector(VectorEpisode):
    """N navigation tasks; the single environment's docstring is the contract of each row.

    Attributes:
        plans: N buildings.
        goals: N goals, as ``reset``'s option gives them.
        measured_pose: (N, 3), where odometry believes the robots to be.
        path_length: (N,) m travelled.
    """

    single: NavigationEpisode

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        shown = self.single.nothing_shown()
        self.motion = fleet_of(self.single.motion, self.num_envs, self.num_threads)
        self.plans: list[IndoorPlan] = [self.single.plan] * self.num_envs
        self.goals: list[Any] = [None] * self.num_envs
        self.measured_pose = np.zeros((self.num_envs, 3))
        self.path_length = np.zeros(self.num_envs)
        self._floors = Floors.empty(self.num_envs)
        self._field = np.full((self.num_envs, NUM_ROWS, NUM_COLUMNS), np.inf)
        self._shown = np.zeros((self.num_envs, *shown.shape), dtype=shown.dtype)
        self._start_pose = np.zeros((self.num_envs, 3))
        self._shortest = np.zeros(self.num_envs)
        self._success = np.zeros(self.num_envs, dtype=np.bool_)
        self._enter(self.all_ids, self.plans)

    @property
    def state(self) -> Array:
        """True x, y (m) and heading (rad) (N, 3) in the world frame."""
        return self.motion.poses_world(self.all_ids)

    @property
    def distance_field(self) -> Array:
        """(N, 36, 48) float64, m to the nearest cell that counts as success."""
        return self._field.copy()

    def _left(self, ids: Ids) -> Array:
        """Distance (K,) to success, m."""
        row, column = self.motion.cells(ids)
        return self._field[ids, row, column]

    def _floors_of(self, ids: Ids) -> Floors:
        return self._floors if len(ids) == self.num_envs else self._floors.take(ids)

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        starts = [self.single.draw_start(self.rng(row), options) for row in ids]
        self._enter(ids, [start.plan for start in starts])
        for row, start in zip(ids, starts):
            self.goals[row] = start.goal
            self._field[row], self._shown[row] = start.field, start.shown
        self.motion.place(ids, [start.cell for start in starts], [start.heading for start in starts])
        self.measured_pose[ids], self.path_length[ids], self._success[ids] = 0.0, 0.0, False
        self._start_pose[ids], self._shortest[ids] = self.motion.poses_world(ids), self._left(ids)

    def _enter(self, ids: Ids | Sequence[int], plans: Sequence[IndoorPlan]) -> None:
        self._floors = self._floors.with_plans(ids, plans)
        for row, plan in zip(ids, plans):
            self.plans[row] = plan
            self.motion.use(row, plan)

    def _advance(self, ids: Ids, actions: NDArray[Any]) -> tuple[Array, NDArray[np.bool_]]:
        left = self._left(ids)
        if self.single.ends_on == "arrival":
            self._move(ids, actions)
            ended = success = self._left(ids) == 0.0
        else:
            ended = self.motion.stops(actions)
            self._move(ids[~ended], actions[~ended])
            success = ended & (left == 0.0)
        self._success[ids] = success
        return left - self._left(ids) + SUCCESS_REWARD * success, ended

    def _move(self, ids: Ids, actions: NDArray[Any]) -> None:
        if len(ids) == 0:
            return
        before = self.motion.poses_world(ids)
        self.motion.advance(ids, actions)
        moved = perception.motion_between(before, self.motion.poses_world(ids))
        self.path_length[ids] += np.hypot(moved[:, 0], moved[:, 1])
        noise, errors = self.single.noise, np.zeros((len(ids), 3))
        if noise.spoils_odometry:
            errors[:] = [perception.draw_odometry(noise, self.rng(row)) for row in ids]
        self.measured_pose[ids] = perception.believe(self.measured_pose[ids], moved, noise, errors)

    def _observe(self, ids: Ids) -> dict[str, Any]:
        single, seen = self.single, dict[str, Any]()
        if single.sensors:
            rngs = [self.rng(row) for row in ids] if single.noise.spoils_depth else []
            seen |= perception.images(
                self._floors_of(ids), single.camera, self.motion.poses_world(ids), single.sensors,
                single.noise, rngs, self.workers,
            )  # fmt: skip
        seen["pose"] = self.measured_pose[ids]
        if single.has_goal:
            seen["goal"] = single.observe_goal(
                self._shown[ids], self._start_pose[ids], self.measured_pose[ids]
            )
        return seen

    def _info(self, ids: Ids) -> dict[str, Any]:
        success, shortest, travelled = self._success[ids], self._shortest[ids], self.path_length[ids]
        spl = np.zeros(len(ids))
        for place in np.flatnonzero(success):
            spl[place] = success_weighted_path_length(True, shortest[place], travelled[place])
        return {
            "is_success": success,
            "distance": self._left(ids),
            "path_length": travelled,
            "shortest_path": shortest,
            "spl": spl,
        }

    def _save(self, row: int) -> dict[str, Any]:
        return {
            "plan": self.plans[row].seed,
            "motion": self.motion.save(row),
            "measured_pose": self.measured_pose[row].copy(),
            "path_length": float(self.path_length[row]),
            **self._save_task(row),
        }

    def _save_task(self, row: int) -> dict[str, Any]:
        return {
            "goal": self.goals[row],
            "_start_pose": self._start_pose[row].copy(),
            "_shortest": float(self._shortest[row]),
            "_success": bool(self._success[row]),
        }

    def _load(self, row: int, world: dict[str, Any]) -> None:
        known = self.plans[row]
        self._enter([row], [known if known.seed == world["plan"] else draw_plan(world["plan"])])
        self.motion.load(row, world["motion"])
        self.measured_pose[row], self.path_length[row] = world["measured_pose"], world["path_length"]
        self._load_task(row, world)

    def _load_task(self, row: int, world: dict[str, Any]) -> None:
        plan, goal = self.plans[row], world["goal"]
        self.goals[row], self._start_pose[row] = goal, world["_start_pose"]
        self._shortest[row], self._success[row] = world["_shortest"], world["_success"]
        if goal is not None:
            self._field[row] = self.single.field_of(plan, goal)
            self._shown[row] = self.single.show_goal(plan, goal)


class PointGoalNavigationVector(NavigationVector):
    """N times ``PointGoalNavigation``."""

    single_type = navigation.PointGoalNavigation


class PointGoalDriveVector(NavigationVector):
    """N times ``PointGoalDrive``."""

    single_type = navigation.PointGoalDrive


class ObjectGoalNavigationVector(NavigationVector):
    """N times ``ObjectGoalNavigation``."""

    single_type = navigation.ObjectGoalNavigation


class ImageGoalNavigationVector(NavigationVector):
    """N times ``ImageGoalNavigation``."""

    single_type = navigation.ImageGoalNavigation


class ExplorationVector(NavigationVector):
    """N times ``Exploration``.

    Attributes:
        seen: (N, 36, 48) bool, free floor that has been seen.
    """

    single_type = navigation.Exploration

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self.seen = np.zeros((self.num_envs, NUM_ROWS, NUM_COLUMNS), dtype=np.bool_)

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        super()._begin(ids, options)
        self.seen[ids] = self._look_around(ids)

    def _look_around(self, ids: Ids) -> NDArray[np.bool_]:
        return cells_in_sight(
            self._floors_of(ids), self.single.camera, self.motion.poses_world(ids), self.workers
        )

    def _advance(self, ids: Ids, actions: NDArray[Any]) -> tuple[Array, NDArray[np.bool_]]:
        self._move(ids, actions)
        known = self.seen[ids]
        seen = known | self._look_around(ids)
        self.seen[ids] = seen
        found = np.count_nonzero(seen, axis=(1, 2)) - np.count_nonzero(known, axis=(1, 2))
        return found * CELL_SIZE**2, np.zeros(len(ids), dtype=np.bool_)

    def _info(self, ids: Ids) -> dict[str, Any]:
        free = np.count_nonzero(self._floors_of(ids).free, axis=(1, 2))
        return {
            "coverage": np.count_nonzero(self.seen[ids], axis=(1, 2)) / free,
            "path_length": self.path_length[ids],
        }

    def _save_task(self, row: int) -> dict[str, Any]:
        return {"seen": self.seen[row].copy()}

    def _load_task(self, row: int, world: dict[str, Any]) -> None:
        self.seen[row] = world["seen"]
