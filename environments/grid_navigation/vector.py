"""Many walks over one floor plan at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.grid_navigation.grid_navigation import GridNavigationEnv
from environments.tabular import draw_rows
from environments.vector import Array, Ids, VectorEpisode


class GridNavigationVector(VectorEpisode):
    """N times ``GridNavigationEnv``; its docstring is the contract of each row."""

    single_type = GridNavigationEnv
    single: GridNavigationEnv

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self.state = np.zeros(self.num_envs, dtype=np.int64)
        self._entry_reward = self.single.plan.entry_reward

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        self.state[ids] = [self.single.draw_start(self.rng(row), options) for row in ids]

    def _advance(self, ids: Ids, actions: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
        mdp = self.single.mdp
        uniforms = np.array([self.rng(row).random() for row in ids])
        reached = draw_rows(mdp.transition[self.state[ids], actions], uniforms)
        self.state[ids] = reached
        return self.single.living_reward + self._entry_reward[reached], mdp.terminal[reached]

    def _observe(self, ids: Ids) -> NDArray[np.int64]:
        return self.state[ids]

    def _info(self, ids: Ids) -> dict[str, Any]:
        states = self.state[ids]
        return {"is_success": self.single.mdp.terminal[states] & (self._entry_reward[states] > 0)}

    def _save(self, row: int) -> dict[str, Any]:
        return {"state": int(self.state[row])}

    def _load(self, row: int, world: dict[str, Any]) -> None:
        self.state[row] = world["state"]
