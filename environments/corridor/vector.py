"""Many robots, each in its own corridor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.corridor.corridor import CorridorEnv
from environments.tabular import draw_rows
from environments.vector import Array, Ids, VectorEpisode


class CorridorVector(VectorEpisode):
    """N times ``CorridorEnv``; its docstring is the contract of each row."""

    single_type = CorridorEnv
    single: CorridorEnv

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self.state = np.zeros(self.num_envs, dtype=np.int64)
        self._heard = np.zeros(self.num_envs, dtype=np.int64)
        self._observation_model = self.single.corridor.observation_model

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        for row in ids:
            self.state[row], self._heard[row] = self.single.draw_start(self.rng(row), options)

    def _advance(self, ids: Ids, actions: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
        mdp, left = self.single.mdp, self.state[ids]
        uniforms = np.array([self.rng(row).random(2) for row in ids])
        reached = draw_rows(mdp.transition[left, actions], uniforms[:, 0])
        self.state[ids] = reached
        self._heard[ids] = draw_rows(self._observation_model[reached], uniforms[:, 1])
        return mdp.reward[left, actions], mdp.terminal[reached]

    def _observe(self, ids: Ids) -> NDArray[np.int64]:
        return self._heard[ids]

    def _info(self, ids: Ids) -> dict[str, Any]:
        return {"is_success": self.state[ids] == self.single.corridor.room}

    def _save(self, row: int) -> dict[str, Any]:
        return {"state": int(self.state[row]), "heard": int(self._heard[row])}

    def _load(self, row: int, world: dict[str, Any]) -> None:
        self.state[row], self._heard[row] = world["state"], world["heard"]
