"""Many carts with poles at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.cartpole import cartpole
from environments.physics import check_vector
from environments.vector import Array, Ids, MujocoVectorEnv


class CartPoleVector(MujocoVectorEnv):
    """N times ``CartPole``; its docstring is the contract of each row."""

    single_type = cartpole.CartPole
    single: cartpole.CartPole
    fields = ("qpos", "qvel", "ctrl", "xfrc_applied")

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self._noise = np.zeros((self.num_envs, 4))
        self._pole = self.single.physics.model.body("pole").id

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        states = np.array([cartpole.draw_balance_start(self.rng(row)) for row in ids])
        if "state" in options:
            states[:] = check_vector("reset option state", options["state"], 4)
        self._set_configuration(ids, states[:, :2], states[:, 2:])
        self._sense(ids)

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        if self.single.is_disturbed:
            self.view.xfrc_applied[ids, self._pole, 0] = [self.single.draw_push(self.rng(row)) for row in ids]
        self._step_physics(ids, cartpole.FORCE_LIMIT * actions)
        self._sense(ids)
        fallen = cartpole.has_fallen(self._states(ids), self.single.angle_limit)
        return np.where(fallen, 0.0, 1.0), fallen

    def _sense(self, ids: Ids) -> None:
        if self.single.is_disturbed:
            self._noise[ids] = [self.single.draw_noise(self.rng(row)) for row in ids]

    def _observe(self, ids: Ids) -> Array:
        return cartpole.observe_balance(self._states(ids) + self._noise[ids])

    def _save(self, row: int) -> dict[str, Any]:
        return {**super()._save(row), "noise": self._noise[row].copy()}

    def _load(self, row: int, world: dict[str, Any]) -> None:
        super()._load(row, world)
        self._noise[row] = world["noise"]


class CartPoleSwingUpVector(MujocoVectorEnv):
    """N times ``CartPoleSwingUp``; its docstring is the contract of each row."""

    single_type = cartpole.CartPoleSwingUp

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        states = np.array([cartpole.draw_swing_up_start(self.rng(row)) for row in ids])
        if "state" in options:
            states[:] = check_vector("reset option state", options["state"], 4)
        self._set_configuration(ids, states[:, :2], states[:, 2:])

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        forces = cartpole.FORCE_LIMIT * actions
        self._step_physics(ids, forces)
        states = self._states(ids)
        return cartpole.reward_swing_up(states, forces[:, 0]), cartpole.has_left_rail(states)

    def _observe(self, ids: Ids) -> Array:
        return cartpole.observe_swing_up(self._states(ids))

    def _info(self, ids: Ids) -> dict[str, Any]:
        return {"is_success": cartpole.is_upright(self._states(ids))}
