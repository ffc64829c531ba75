"""Many pucks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from environments.point_mass import point_mass
from environments.vector import Array, Ids, MujocoVectorEnv


class PointMassVector(MujocoVectorEnv):
    """N times ``PointMass``; its docstring is the contract of each row."""

    single_type = point_mass.PointMass
    single: point_mass.PointMass
    fields = ("qpos", "qvel", "ctrl", "mocap_pos")

    def compute_reward(self, achieved_goal: ArrayLike, desired_goal: ArrayLike, info: Any) -> Any:
        """Reward (...) for goals (..., 2), the single environment's."""
        return self.single.compute_reward(achieved_goal, desired_goal, info)

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        drawn = [point_mass.draw_start(self.rng(row)) for row in ids]
        start = {
            "qpos": np.array([qpos for qpos, _ in drawn]),
            "qvel": np.zeros((len(ids), 2)),
            "goal_world": np.array([goal for _, goal in drawn]),
        }
        for name, given in point_mass.check_start(options).items():
            start[name][:] = given
        self._restore_defaults(ids)
        self.view.qpos[ids], self.view.qvel[ids] = start["qpos"], start["qvel"]
        self.view.mocap_pos[ids, 0, :2] = start["goal_world"]
        self._settle(ids)

    def _goals(self, ids: Ids) -> Array:
        return self.view.mocap_pos[ids, 0, :2]

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        self._step_physics(ids, point_mass.FORCE_LIMIT * actions)
        seen = self._observe(ids)
        earned = self.compute_reward(seen["achieved_goal"], seen["desired_goal"], {})
        return earned, np.zeros(len(ids), dtype=np.bool_)

    def _observe(self, ids: Ids) -> point_mass.Observation:
        return point_mass.observe(self.view.qpos[ids], self.view.qvel[ids], self._goals(ids))

    def _info(self, ids: Ids) -> dict[str, Any]:
        apart = point_mass.distance(self.view.qpos[ids], self._goals(ids))
        return {"distance": apart, "is_success": apart < point_mass.GOAL_RADIUS}
