"""Many reachers at once."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from environments.physics import check_vector
from environments.reacher import reacher
from environments.vector import Array, Ids, MujocoVectorEnv, by_row

REGISTERED = reacher.Formulation()


class ReacherVector(MujocoVectorEnv):
    """N times ``Reacher``; its docstring is the contract of each row.

    The registered formulation is computed on whole batches; functions of your own are called row by row.
    """

    single_type = reacher.Reacher
    single: reacher.Reacher
    fields = ("qpos", "qvel", "ctrl", "mocap_pos", "site_xpos")
    stage = mujoco.mjtStage.mjSTAGE_POS  # the fingertip of now

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self._site = self.single.physics.model.site("fingertip").id
        self._truncated = np.zeros(self.num_envs, dtype=np.bool_)

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        drawn = [reacher.draw_start(self.rng(row)) for row in ids]
        start = {
            "qpos": np.array([qpos for qpos, _ in drawn]),
            "qvel": np.zeros((len(ids), 2)),
            "target_world": np.array([target for _, target in drawn]),
        }
        for name, given in options.items():
            start[name][:] = check_vector(f"reset option {name}", given, 2)
        self._restore_defaults(ids)
        self.view.qpos[ids], self.view.qvel[ids] = start["qpos"], start["qvel"]
        self.view.mocap_pos[ids, 0, :2] = start["target_world"]
        self._settle(ids)
        self._truncated[ids] = False

    def _fingertips(self, ids: Ids) -> Array:
        return self.view.site_xpos[ids, self._site, :2]

    def _targets(self, ids: Ids) -> Array:
        return self.view.mocap_pos[ids, 0, :2]

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        torques = reacher.TORQUE_LIMIT * actions
        self._step_physics(ids, torques)
        fingertips, targets, formulation = self._fingertips(ids), self._targets(ids), self.single.formulation
        if formulation.reward is REGISTERED.reward:
            earned = formulation.reward(fingertips, targets, torques)
        else:
            rows = by_row(formulation.reward, fingertips, targets, torques)
            earned = np.array([reacher.checked_reward(row) for row in rows])
        if formulation.done is REGISTERED.done:
            self._truncated[ids] = self.num_steps[ids] >= self.step_limit
            return earned, np.zeros(len(ids), dtype=np.bool_)
        return earned, self._judge_rows(ids)

    def _judge_rows(self, ids: Ids) -> NDArray[np.bool_]:
        terminated = np.zeros(len(ids), dtype=np.bool_)
        given = zip(ids, self._fingertips(ids), self.view.qvel[ids], self._targets(ids))
        for k, (row, fingertip, qvel, target) in enumerate(given):
            ends = self.single.formulation.done(
                fingertip, qvel, target, int(self.num_steps[row]), self.step_limit
            )
            terminated[k], self._truncated[row] = reacher.checked_ends(ends)
        return terminated

    def _truncates(self, ids: Ids) -> NDArray[np.bool_]:
        return self._truncated[ids]

    def _observe(self, ids: Ids) -> Array:
        qpos, qvel, targets = self.view.qpos[ids], self.view.qvel[ids], self._targets(ids)
        observe = self.single.formulation.observe
        if observe is REGISTERED.observe:
            return np.asarray(observe(qpos, qvel, targets))
        return np.array([reacher.checked_observation(row) for row in by_row(observe, qpos, qvel, targets)])

    def _info(self, ids: Ids) -> dict[str, Any]:
        distance, succeeded = reacher.judge(self._fingertips(ids), self._targets(ids), self.view.qvel[ids])
        return {"distance": distance, "is_success": succeeded}
