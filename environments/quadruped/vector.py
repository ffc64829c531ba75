"""Many quadrupeds at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from environments.quadruped import quadruped
from environments.quadruped.quadruped import Quadruped
from environments.quadruped.team import Team
from environments.vector import Array, Ids, VectorEpisode

NUM_TEAMS = 2  # more would wait for each other's numpy
TEAM_ROWS = 16  # a smaller team spends its time in calls


class QuadrupedVector(VectorEpisode):
    """N quadrupeds; the single environment's docstring is the contract of each row.

    With two threads or more, robots whose actuators are evaluated in numpy are in two teams, so that numpy of
    the one overlaps with physics of the other. Results do not depend on it.
    """

    single: Quadruped

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self._gather()

    def _gather(self) -> None:
        num_teams = min(NUM_TEAMS, self.num_threads, max(self.num_envs // TEAM_ROWS, 1))
        if not self.single.episodes.actuator.drives_torque:
            num_teams = 1  # one long call of physics a control step: little numpy to overlap with it
        self.bounds = [self.num_envs * i // num_teams for i in range(num_teams + 1)]
        sizes, num_threads = np.diff(self.bounds).tolist(), -(-self.num_threads // num_teams)
        turn = Lock()
        self.teams = [Team(self.single, size, num_threads, turn) for size in sizes]
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def _shares(self, ids: Ids) -> list[tuple[Team, slice, Ids]]:
        """List the teams that have any of ``ids``, with their places among them and their own rows."""
        if len(self.teams) == 1:
            return [(self.teams[0], slice(None), ids)]
        places = np.searchsorted(ids, self.bounds)
        spans = zip(self.teams, self.bounds, places, places[1:])
        return [(team, slice(a, b), ids[a:b] - first) for team, first, a, b in spans if b > a]

    @property
    def state(self) -> Array:
        """Positions, then velocities (N, 37) of every row now, SI."""
        return np.concatenate([np.concatenate([team.qpos, team.qvel], axis=1) for team in self.teams])

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        for team, places, rows in self._shares(ids):
            team.begin(rows, self.single.draw_starts([self.rng(row) for row in ids[places]], options))

    def _advance(self, ids: Ids, actions: Array) -> tuple[Array, NDArray[np.bool_]]:
        *others, mine = [
            partial(team.step, rows, actions[places]) for team, places, rows in self._shares(ids)
        ]
        tasks = [self._helpers().submit(step) for step in others]
        last = mine()
        rewards, fallen = zip(*(task.result() for task in tasks), last)
        return np.concatenate(rewards), np.concatenate(fallen)

    def _helpers(self) -> ThreadPoolExecutor:
        if self._pool is None or self._pool[0] != os.getpid():  # threads do not survive a fork
            self._pool = os.getpid(), ThreadPoolExecutor(NUM_TEAMS - 1)
        return self._pool[1]

    def _observe(self, ids: Ids) -> Array:
        return _joined([team.episodes.seen[team.index(rows)] for team, _, rows in self._shares(ids)])

    def _info(self, ids: Ids) -> dict[str, Any]:
        return _joined([team.episodes.info(team.index(rows)) for team, _, rows in self._shares(ids)])

    def _of(self, row: int) -> tuple[Team, int]:
        place = int(np.searchsorted(self.bounds, row, side="right")) - 1
        return self.teams[place], row - self.bounds[place]

    def _save(self, row: int) -> dict[str, Any]:
        team, own = self._of(row)
        return team.save(own)

    def _load(self, row: int, world: dict[str, Any]) -> None:
        team, own = self._of(row)
        team.load(own, world)

    def _refresh(self) -> None:
        for team in self.teams:
            team.refresh()

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of the renderer and of the helping thread."""
        super().close_extras(**kwargs)
        if self._pool is not None:
            self._pool[1].shutdown()
            self._pool = None

    def __getstate__(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.__dict__.items() if name not in ("teams", "_pool")}
        return {**kept, "worlds": [self._save(row) for row in range(self.num_envs)]}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        worlds = attributes.pop("worlds")
        self.__dict__.update(attributes)
        self._gather()
        for row, world in enumerate(worlds):
            self._load(row, world)
        self._refresh()


def _joined(parts: list[Any]) -> Any:
    """Put arrays, or dicts of them, below each other."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], dict):
        return {key: _joined([part[key] for part in parts]) for key in parts[0]}
    return np.concatenate(parts)


class QuadrupedVelocityVector(QuadrupedVector):
    """N times ``QuadrupedVelocity``."""

    single_type = quadruped.QuadrupedVelocity


class QuadrupedSprintVector(QuadrupedVector):
    """N times ``QuadrupedSprint``."""

    single_type = quadruped.QuadrupedSprint


class QuadrupedRecoveryVector(QuadrupedVector):
    """N times ``QuadrupedRecovery``."""

    single_type = quadruped.QuadrupedRecovery
