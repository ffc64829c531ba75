"""Many pendulums at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.pendulum import pendulum
from environments.physics import check_vector
from environments.vector import Array, Ids, MujocoVectorEnv


class PendulumSwingUpVector(MujocoVectorEnv):
    """N times ``PendulumSwingUp``; its docstring is the contract of each row."""

    single_type = pendulum.PendulumSwingUp

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        states = np.array([pendulum.draw_start(self.rng(row)) for row in ids])
        if "state" in options:
            states[:] = check_vector("reset option state", options["state"], 2)
        self._set_configuration(ids, states[:, :1], states[:, 1:])

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        torques = pendulum.TORQUE_LIMIT * actions
        earned = pendulum.reward(self._states(ids), torques[:, 0])
        self._step_physics(ids, torques)
        return earned, np.zeros(len(ids), dtype=np.bool_)

    def _observe(self, ids: Ids) -> Array:
        return pendulum.observe(self._states(ids))

    def _info(self, ids: Ids) -> dict[str, Any]:
        return {"is_success": pendulum.has_succeeded(self._states(ids))}
