"""Many episodes of one environment at once, physics on a thread pool, everything else in whole-batch numpy.

Row i of a vector environment is, bit by bit, the single environment reset with row i's seed. The clock, the
generators, autoreset, checks and saved states are here; a family writes ``_begin``, ``_advance``,
``_observe`` and ``_info`` for an array of rows, out of the functions that its single environment uses.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, create_empty_array
from mujoco import batch
from numpy.typing import ArrayLike, NDArray

from environments.episode import Episode, MujocoEpisode, Snapshot
from environments.tabular import as_options, check_options
from environments.threads import Workers
from environments.vector_checks import check_count, check_mask, check_rows, check_seeds

Ids = NDArray[np.int64]
Array = NDArray[np.float64]


class VectorEpisode(VectorEnv[Any, Any, NDArray[Any]]):
    """N episodes of ``single_type``, stepped together.

    Autoreset is Gymnasium's: "NextStep" (the step after an end resets that row, ignores its action and pays
    0), "SameStep" (the ending step returns the next episode's first observation; the last one is in
    ``infos["final_obs"]``, its info in ``infos["final_info"]``), or "Disabled" (reset ended rows with
    ``reset(options={"reset_mask": mask})``).

    Args:
        num_envs: N.
        num_threads: threads of physics and images; results do not depend on it.
        autoreset_mode: one of the three above, or Gymnasium's ``AutoresetMode``.
        **settings: arguments of the single environment.
    """

    single_type: ClassVar[type[Episode]]

    def __init__(
        self,
        num_envs: int = 1,
        *,
        num_threads: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        **settings: Any,
    ) -> None:
        self.num_envs = check_count("num_envs", num_envs)
        self.num_threads = check_count("num_threads", num_threads)
        self.autoreset_mode = _mode(autoreset_mode)
        self.workers = Workers(self.num_threads)
        self.single = self.single_type(**settings)
        self.metadata = {**self.single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = self.single.render_mode
        self.single_observation_space = self.single.observation_space
        self.single_action_space = self.single.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.step_limit = self.single.step_limit
        self.num_steps = np.zeros(self.num_envs, dtype=np.int64)
        self.all_ids: Ids = np.arange(self.num_envs)
        self._over = np.ones(self.num_envs, dtype=np.bool_)  # with num_steps == 0: never reset
        self._generators: list[tuple[np.random.Generator, int] | None] = [None] * self.num_envs
        self._observations = create_empty_array(self.single_observation_space, self.num_envs, np.zeros)

    # What a family writes. ``ids`` (K,) are sorted rows; what is returned has K rows and is new memory.

    def _begin(self, ids: Ids, options: dict[str, Any]) -> None:
        """Draw or set the first states of ``ids``, each from its own ``self.rng(i)``."""
        raise NotImplementedError

    def _advance(self, ids: Ids, actions: NDArray[Any]) -> tuple[Array, NDArray[np.bool_]]:
        """Apply checked actions (K, ...); return rewards (K,) and terminated (K,)."""
        raise NotImplementedError

    def _observe(self, ids: Ids) -> Any:
        """Observations (K, ...), or a dict of them."""
        raise NotImplementedError

    def _info(self, ids: Ids) -> dict[str, Any]:
        """The single environment's info: each entry (K, ...)."""
        return {}

    def _truncates(self, ids: Ids) -> NDArray[np.bool_]:
        return self.num_steps[ids] >= self.step_limit

    def _save(self, row: int) -> dict[str, Any]:
        """What the single environment's ``_save`` returns, for one row."""
        raise NotImplementedError

    def _load(self, row: int, world: dict[str, Any]) -> None:
        raise NotImplementedError

    def _refresh(self) -> None:
        """Bring up to date what follows from loaded states."""

    # What everybody calls.

    def rng(self, row: int) -> np.random.Generator:
        """The random generator of a row, the single environment's ``np_random``."""
        return self._generator(row)[0]

    def _generator(self, row: int) -> tuple[np.random.Generator, int]:
        kept = self._generators[row]
        if kept is None:
            kept = self._generators[row] = seeding.np_random()
        return kept

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generators of the rows."""
        return tuple(self.rng(row) for row in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seeds of the rows."""
        return tuple(self._generator(row)[1] for row in range(self.num_envs))

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin new episodes in every row, or in those of ``options["reset_mask"]`` (N,) bool.

        Args:
            seed: None, one seed s for rows s, s + 1, ..., or N seeds (None keeps that row's generator).
            options: the single environment's options, the same for every row, and ``reset_mask``.

        Returns:
            Observations of all rows, and infos of those that were reset.
        """
        options = as_options(options, (*self.single.reset_options, "reset_mask"))
        mask = options.pop("reset_mask", None)
        options = check_options(options, self.single.reset_options)
        ids = self.all_ids if mask is None else check_mask(mask, self.num_envs)
        seeds = check_seeds(seed, self.num_envs)
        for row in ids:
            if seeds[row] is not None:
                self._generators[row] = seeding.np_random(seeds[row])
        infos: dict[str, Any] = {}
        self._restart(ids, options, infos)
        return _copy(self._observations), infos

    def step(
        self, actions: Any
    ) -> tuple[Any, Array, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Take one action in every row; return observations, rewards, terminated, truncated, infos."""
        restart = np.flatnonzero(self._over)
        if restart.size:
            self._refuse_unready(restart)
        running = np.flatnonzero(~self._over) if restart.size else self.all_ids
        owner = f"{type(self).__name__}.step"
        checked = check_rows(owner, actions, self.single_action_space, self.num_envs, running)
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=np.bool_)
        infos: dict[str, Any] = {}
        if running.size:
            self.num_steps[running] += 1
            rewards[running], terminated[running] = self._advance(running, checked)
            truncated[running] = self._truncates(running)
            _put(self._observations, running, self._observe(running))
            self._over = terminated | truncated
            info = self._info(running)
            if self.autoreset_mode is AutoresetMode.SAME_STEP and self._over.any():
                self._finish(running, info, infos)
            else:
                self._add_rows(infos, info, running)
        if restart.size:
            self._restart(restart, {}, infos)
        return _copy(self._observations), rewards, terminated, truncated, infos

    def _refuse_unready(self, over: Ids) -> None:
        name = f"{type(self).__name__}.step"
        if np.any(self.num_steps[over] == 0):
            raise ResetNeeded(f"{name}: no episode is running. Call reset() first.")
        if self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"{name}: the episodes of environments {over.tolist()} have ended, and autoreset is "
                'disabled. Reset them: env.reset(options={"reset_mask": terminated | truncated}).'
            )

    def _finish(self, running: Ids, info: dict[str, Any], infos: dict[str, Any]) -> None:
        """Same-step autoreset: hand out the last observations and infos, and begin again."""
        over, ended = np.flatnonzero(self._over), self._over[running]
        self._add_rows(infos, _take(info, ~ended), running[~ended])
        final = np.full(self.num_envs, None, dtype=object)
        for row in over:
            final[row] = _copy(_take(self._observations, row))
        infos["final_obs"], infos["_final_obs"] = final, self._over.copy()
        self._add_rows(infos, {"final_info": _take(info, ended)}, over)
        self._restart(over, {}, infos)

    def _restart(self, ids: Ids, options: dict[str, Any], infos: dict[str, Any]) -> None:
        self._begin(ids, options)
        self.num_steps[ids], self._over[ids] = 0, False
        _put(self._observations, ids, self._observe(ids))
        self._add_rows(infos, self._info(ids), ids)

    def _add_rows(self, infos: dict[str, Any], rows: dict[str, Any], ids: Ids) -> dict[str, Any]:
        """Write rows of info as Gymnasium does: ``key`` (N, ...), and ``_key`` (N,) where it was given."""
        for key, given in rows.items():
            if isinstance(given, dict):
                infos[key] = self._add_rows(infos.get(key, {}), given, ids)
            elif len(ids) == self.num_envs:
                infos[key] = np.array(given)
            else:
                values = np.asarray(given)
                if key not in infos:
                    empty = None if values.dtype == object else 0
                    infos[key] = np.full((self.num_envs, *values.shape[1:]), empty, dtype=values.dtype)
                infos[key][ids] = values
            infos.setdefault(f"_{key}", np.zeros(self.num_envs, dtype=np.bool_))[ids] = True
        return infos

    def get_state(self) -> tuple[Snapshot, ...]:
        """Copy the full state, a snapshot a row: each is one of the single environment, and fits it."""
        return tuple(
            Snapshot(
                int(self.num_steps[row]),
                bool(self._over[row]),
                copy.deepcopy(dict(self.rng(row).bit_generator.state)),
                copy.deepcopy(self._save(row)),
            )
            for row in range(self.num_envs)
        )

    def set_state(self, snapshots: Sequence[Snapshot]) -> None:
        """Return to a saved state; its future repeats bit by bit. Single environments' snapshots fit too."""
        given = list(snapshots)
        if len(given) != self.num_envs:
            raise ValueError(f"set_state: got {len(given)} snapshots, expected {self.num_envs}, one a row.")
        for row, snapshot in enumerate(given):
            if not isinstance(snapshot, Snapshot):
                got = type(snapshot).__name__
                raise TypeError(f"set_state: got {got} for row {row}, expected what get_state() returned.")
        for row, snapshot in enumerate(given):
            self._load(row, copy.deepcopy(snapshot.world))
            self.rng(row).bit_generator.state = copy.deepcopy(snapshot.rng)
            self.num_steps[row], self._over[row] = snapshot.num_steps, snapshot.over
        self._refresh()
        _put(self._observations, self.all_ids, self._observe(self.all_ids))

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:  # type: ignore[override]
        """Return an (H, W, 3) uint8 picture of each row now, or None without a render mode."""
        if self.render_mode is None:
            gymnasium.logger.warn('render() without a render mode: pass render_mode="rgb_array" to make_vec.')
            return None
        stages = [self.single]  # one a thread; OpenGL stays in the caller's
        if self.single.renderer != "opengl":
            stages += [copy.deepcopy(self.single) for _ in range(min(self.num_threads, self.num_envs) - 1)]
        pictures: list[NDArray[np.uint8] | None] = []
        for first in range(0, self.num_envs, len(stages)):
            shown = stages[: self.num_envs - first]
            for row, stage in enumerate(shown, start=first):
                stage._load(copy.deepcopy(self._save(row)))
            pictures += self.workers.run(lambda stage: stage.render(), shown)
        return tuple(picture for picture in pictures if picture is not None)

    def close_extras(self, **kwargs: Any) -> None:
        """Let go of the renderer and the threads."""
        self.single.close()
        self.workers.close()


class MujocoVectorEnv(VectorEpisode):
    """N episodes on one ``mujoco.batch.Batch`` of the single environment's model.

    ``self.view`` has live (N, ...) arrays of the ``fields``: index them with ``ids``, which copies. State
    fields (qpos, qvel, act, ctrl, mocap_pos, ...) are written there; derived ones (xpos, site_xpos,
    sensordata, ...) describe the present if ``stage``, or the ``stage`` of the single environment's physics,
    computes them, else the state one physics step ago.
    """

    single: MujocoEpisode
    fields: ClassVar[tuple[str, ...]] = ("qpos", "qvel", "ctrl")
    stage: ClassVar[mujoco.mjtStage] = mujoco.mjtStage.mjSTAGE_NONE  # mjSTAGE_POS: poses of now

    def __init__(self, num_envs: int = 1, **settings: Any) -> None:
        super().__init__(num_envs, **settings)
        self.num_substeps = self.single.physics.num_substeps
        self._stage = max(self.stage, self.single.physics.stage, key=int)
        self._connect()

    def _connect(self) -> None:
        self.batch = batch.Batch(self.single.physics.model, self.num_envs, nthread=self.num_threads)
        self.view = SimpleNamespace(**{name: self.batch.bind(name) for name in self.fields})

    @property
    def state(self) -> Array:
        """Positions, then velocities, of every row now: (N, nq + nv), SI."""
        return self._states(self.all_ids)

    def _states(self, ids: Ids) -> Array:
        return np.concatenate([self.view.qpos[ids], self.view.qvel[ids]], axis=1)

    def _selected(self, ids: Ids) -> Ids | None:
        return None if len(ids) == self.num_envs else ids

    def _set_configuration(self, ids: Ids, qpos: ArrayLike, qvel: ArrayLike) -> None:
        """Begin ``ids`` afresh at time 0 from these (K, nq) and (K, nv), as ``Physics.set_configuration``.

        Write mocap poses or other state before with ``_restore_defaults(ids)``, then ``_settle(ids)``.
        """
        self._restore_defaults(ids)
        self.view.qpos[ids], self.view.qvel[ids] = qpos, qvel
        self._settle(ids)

    def _restore_defaults(self, ids: Ids) -> None:
        self.batch.reset(self._selected(ids), stage=mujoco.mjtStage.mjSTAGE_NONE)

    def _settle(self, ids: Ids) -> None:
        """Compute everything that follows from states just written (``mj_forward``)."""
        self.batch.forward(self._selected(ids))

    def _step_physics(self, ids: Ids, ctrl: ArrayLike) -> None:
        """Hold ``ctrl`` (K, nu) for one control step, as ``Physics.step``."""
        self.view.ctrl[ids] = ctrl
        self.batch.step(self._selected(ids), nstep=self.num_substeps, stage=self._stage)

    def data_of(self, row: int) -> mujoco.MjData:
        """Return a row's world for a camera, valid until the next call: the single environment's data.

        ``Picture.take`` and ``Picture.depth`` of it give, bit by bit, what the single environment's give.
        """
        self.single.physics.set_state(self.batch.state[row])
        return self.single.physics.data

    def _save(self, row: int) -> dict[str, Any]:
        return {"physics": self.batch.state[row].copy()}

    def _load(self, row: int, world: dict[str, Any]) -> None:
        state = np.asarray(world["physics"], dtype=np.float64)
        size = self.batch.state.shape[1]
        if state.shape != (size,):
            raise ValueError(
                f"set_state: got a state of shape {state.shape}, expected ({size},): another model's?"
            )
        self.batch.state[row] = state

    def _refresh(self) -> None:
        if self._stage != mujoco.mjtStage.mjSTAGE_NONE:
            self.batch.forward(stage=self._stage)

    def __getstate__(self) -> dict[str, Any]:
        attributes = {name: value for name, value in self.__dict__.items() if name not in ("batch", "view")}
        attributes["worlds"] = [self._save(row) for row in range(self.num_envs)]
        return attributes

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        worlds = attributes.pop("worlds")
        self.__dict__.update(attributes)
        self._connect()
        for row, world in enumerate(worlds):
            self._load(row, world)
        self._refresh()


def by_row(function: Callable[..., Any], *arrays: NDArray[Any]) -> list[Any]:
    """Call ``function`` once a row: for a function that knows only single environments."""
    return [function(*row) for row in zip(*arrays, strict=True)]


def _mode(value: str | AutoresetMode) -> AutoresetMode:
    try:
        return AutoresetMode(value)
    except ValueError:
        expected = ", ".join(repr(mode.value) for mode in AutoresetMode)
        raise ValueError(f"autoreset_mode: got {value!r}, expected one of {expected}.") from None


def _put(target: Any, ids: Ids, rows: Any) -> None:
    """Write rows of an observation, an array or a dict of them, into the whole."""
    if isinstance(target, dict):
        for key, part in target.items():
            _put(part, ids, rows[key])
    else:
        target[slice(None) if len(ids) == len(target) else ids] = rows


def _take(rows: Any, ids: Any) -> Any:
    """Pick rows of an array or of a dict of arrays."""
    if isinstance(rows, dict):
        return {key: _take(part, ids) for key, part in rows.items()}
    return np.asarray(rows)[ids]


def _copy(rows: Any) -> Any:
    if isinstance(rows, dict):
        return {key: _copy(part) for key, part in rows.items()}
    return rows.copy()
