"""Steps per second of the environments: single, batched, and as ratios to MuJoCo's own stepping in C.

Drivers of one id take turns, so that a busy machine slows them alike; a ratio is the median over the turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco import batch

import environments
from environments.episode import MujocoEpisode
from tests.bench.drivers import Driver, draw_actions, gymnasium_drivers, stepping, take_turns

IDS = ("robolearn/PendulumSwingUp-v0",)
NUM_ENVS = (16, 64, 256)
NUM_THREADS = (1, 2)
PEER_STEPS = 1024  # control steps of one call, summed over environments
TURNS = 11
TURN_S = 0.1  # about, for each driver in each turn


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
        rates = take_turns(drivers, TURNS, TURN_S)
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


def _alone(single: MujocoEpisode) -> Iterator[Driver]:
    """The single environment, and one MjData in C."""
    actions = draw_actions(single.action_space, 256)
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
                stepping(envs, num_steps),
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


@contextmanager
def _peers(name: str, settings: dict[str, Any]) -> Iterator[list[Driver]]:
    """Gymnasium's own vector environments around our single one; compared with C on as many threads."""
    with ExitStack() as stack:
        made = []
        for num_envs in NUM_ENVS:
            steps = max(1, PEER_STEPS // num_envs)
            peers = stack.enter_context(gymnasium_drivers(name, num_envs, steps, **settings))
            for kind, num_threads in (("sync", 1), ("async", 2)):
                floor = f"C, Batch.rollout {num_envs} on {num_threads}"
                made.append(replace(peers[kind], floor=floor))
        yield made


def all_ids() -> dict[str, list[Speed]]:
    """Measure every id of ``IDS``."""
    assert set(IDS) <= set(environments.IDS)
    return {name: measure(name) for name in IDS}
