"""Steps per second of the environments: single, batched, and as ratios to MuJoCo's own stepping in C.

Drivers of one id take turns, so that a busy machine slows them alike; a ratio is the median over the turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco import batch

import environments
from environments.episode import MujocoEpisode

IDS = ("robolearn/PendulumSwingUp-v0",)
NUM_ENVS = (16, 64, 256)
NUM_THREADS = (1, 2)
PEER_ENVS = 16  # of Gymnasium's own vector environments
TURNS = 11
TURN_S = 0.1  # about, for each driver in each turn


@dataclass(frozen=True)
class Driver:
    """A way to step an environment.

    Attributes:
        name: what is shown.
        steps_each_call: control steps, summed over environments, of one call.
        call: does them.
        floor: the driver that does the same physics in C, if it is another.
    """

    name: str
    steps_each_call: int
    call: Callable[[], None]
    floor: str = ""


@dataclass(frozen=True)
class Speed:
    """What a driver reached.

    Attributes:
        name: the driver's.
        control_steps_s: control steps a second of wall time, median of the turns.
        physics_steps_s: the same, physics steps.
        of_c: share of the speed of MuJoCo's C stepping on as many environments and threads; 1 for itself.
        of_single: multiple of the single environment's speed.
    """

    name: str
    control_steps_s: float
    physics_steps_s: float
    of_c: float
    of_single: float


def measure(name: str, **settings: Any) -> list[Speed]:
    """Measure the drivers of an id whose single environment is a ``MujocoEpisode``."""
    single = gymnasium.make(name, **settings).unwrapped
    assert isinstance(single, MujocoEpisode)
    with _peers(name, settings) as peers:
        drivers = [*_alone(single), *_batched(name, settings, single), *peers]
        rates = _take_turns(drivers)
    speeds = []
    for driver in drivers:
        floor = rates[driver.floor or driver.name]
        speed = median(rates[driver.name])
        speeds.append(
            Speed(
                driver.name,
                speed,
                speed * single.physics.num_substeps,
                median(ours / c for ours, c in zip(rates[driver.name], floor)),
                median(ours / one for ours, one in zip(rates[driver.name], rates["single"])),
            )
        )
    return speeds


def _take_turns(drivers: list[Driver]) -> dict[str, list[float]]:
    """Return each driver's control steps a second, turn by turn."""
    calls = {}
    for driver in drivers:
        driver.call()  # warm
        begin = time.perf_counter()
        driver.call()
        calls[driver.name] = max(1, round(TURN_S / (time.perf_counter() - begin)))
    rates: dict[str, list[float]] = {driver.name: [] for driver in drivers}
    for _ in range(TURNS):
        for driver in drivers:
            begin = time.perf_counter()
            for _ in range(calls[driver.name]):
                driver.call()
            wall_s = time.perf_counter() - begin
            rates[driver.name].append(driver.steps_each_call * calls[driver.name] / wall_s)
    return rates


def _alone(single: MujocoEpisode) -> Iterator[Driver]:
    """The single environment, and one MjData in C."""
    actions = _actions(single.action_space, 256)
    model, num_substeps = single.physics.model, single.physics.num_substeps
    data = mujoco.MjData(model)

    def step_c() -> None:
        mujoco.mj_resetData(model, data)
        mujoco.mj_step(model, data, nstep=num_substeps * len(actions))

    def step() -> None:
        single.reset(seed=0)
        for action in actions:
            _, _, terminated, truncated, _ = single.step(action)
            if terminated or truncated:
                single.reset()

    yield Driver("C, one mj_step call", len(actions), step_c)
    yield Driver("single", len(actions), step, "C, one mj_step call")


def _batched(name: str, settings: dict[str, Any], single: MujocoEpisode) -> Iterator[Driver]:
    """Each size and number of threads: our vector environment, and one long rollout of its model."""
    for num_envs in NUM_ENVS:
        for num_threads in NUM_THREADS:
            label = f"{num_envs} on {num_threads}"
            num_steps = max(1, 4096 // num_envs)
            rollout = _rollout(single, num_envs, num_threads, num_steps)
            yield Driver(f"C, Batch.rollout {label}", num_envs * num_steps, rollout)
            envs = gymnasium.make_vec(
                name, num_envs, "vector_entry_point", num_threads=num_threads, **settings
            )
            yield Driver(
                f"batched {label}",
                num_envs * num_steps,
                _stepping(envs, num_steps),
                f"C, Batch.rollout {label}",
            )


def _rollout(single: MujocoEpisode, num_envs: int, num_threads: int, num_steps: int) -> Callable[[], None]:
    model, num_substeps = single.physics.model, single.physics.num_substeps
    simulations = batch.Batch(model, num_envs, nthread=num_threads)
    span = model.actuator_ctrlrange[:, 1]
    held = np.random.default_rng(0).uniform(-span, span, (num_envs, num_steps, model.nu))
    control = np.repeat(held, num_substeps, axis=1)

    def roll() -> None:
        simulations.reset()
        simulations.rollout(num_steps * num_substeps, control)

    return roll


def _stepping(envs: Any, num_steps: int) -> Callable[[], None]:
    actions = _actions(envs.action_space, num_steps)
    envs.reset(seed=0)

    def step() -> None:
        for action in actions:
            envs.step(action)

    return step


def _actions(space: gymnasium.Space[Any], count: int) -> list[Any]:
    space.seed(0)
    return [space.sample() for _ in range(count)]


@contextmanager
def _peers(name: str, settings: dict[str, Any]) -> Iterator[list[Driver]]:
    """Gymnasium's own vector environments around our single one; compared with C on as many threads."""
    made = {kind: gymnasium.make_vec(name, PEER_ENVS, kind, **settings) for kind in ("sync", "async")}
    num_steps, label = 64, {"sync": "1", "async": "2"}
    try:
        yield [
            Driver(
                f"Gymnasium {kind} {PEER_ENVS}",
                PEER_ENVS * num_steps,
                _stepping(envs, num_steps),
                f"C, Batch.rollout {PEER_ENVS} on {label[kind]}",
            )
            for kind, envs in made.items()
        ]
    finally:
        for envs in made.values():
            envs.close()


def all_ids() -> dict[str, list[Speed]]:
    """Measure every id of ``IDS``."""
    assert set(IDS) <= set(environments.IDS)
    return {name: measure(name) for name in IDS}
