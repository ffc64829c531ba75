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

from environments.episode import MujocoEpisode
from tests.bench.drivers import Driver, draw_actions, gymnasium_drivers, stepping, take_turns
from tests.bench.sheet import Goal

IDS = (
    "robolearn/PendulumSwingUp-v0",
    "robolearn/CartPole-v0",
    "robolearn/CartPoleSwingUp-v0",
    "robolearn/Reacher-v0",
    "robolearn/PointMass-v0",
    "robolearn/GridNavigation-v0",
    "robolearn/Corridor-v0",
)
C_ALONE = "C, one mj_step call"
NUM_ENVS = (16, 64, 256)
NUM_THREADS = (1, 2)
PEER_STEPS = 1024  # control steps of one call, summed over environments
PEER_THREADS = {"sync": 1, "async": 2}  # of ours and of C, to compare with
TURNS = 7
TURN_S = 0.1  # about, for each driver in each turn


@dataclass(frozen=True)
class Speed:
    """What a driver reached.

    Attributes:
        name: the driver's.
        control_steps_s: control steps a second of wall time, median of the turns.
        physics_steps_s: the same, physics steps.
        of_c: share of the speed of MuJoCo's C stepping on as many environments and threads; 1 for itself,
            None where there is no physics.
        of_single: multiple of the single environment's speed.
    """

    name: str
    control_steps_s: float
    physics_steps_s: float | None
    of_c: float | None
    of_single: float


def measure(name: str, **settings: Any) -> list[Speed]:
    """Measure the drivers of an id: in C where there is physics, single, batched, and Gymnasium's own."""
    single: Any = gymnasium.make(name, **settings).unwrapped
    with _peers(name, settings) as peers:
        drivers = [*_alone(single), *_batched(name, settings, single), *peers]
        rates = take_turns(drivers, TURNS, TURN_S)
    num_substeps = single.physics.num_substeps if isinstance(single, MujocoEpisode) else None
    speeds = []
    for driver in drivers:
        mine, floor = rates[driver.name], rates.get(driver.floor or driver.name)
        of_c = median(a / b for a, b in zip(mine, floor)) if num_substeps and floor else None
        of_single = median(a / b for a, b in zip(mine, rates["single"]))
        physics = median(mine) * num_substeps if num_substeps else None
        speeds.append(Speed(driver.name, median(mine), physics, of_c, of_single))
    return speeds


def _alone(single: Any) -> Iterator[Driver]:
    """One MjData in C, and the single environment."""
    actions = draw_actions(single.action_space, 256)

    def step() -> None:
        single.reset(seed=0)
        for action in actions:
            _, _, terminated, truncated, _ = single.step(action)
            if terminated or truncated:
                single.reset()

    if isinstance(single, MujocoEpisode):
        model, num_substeps = single.physics.model, single.physics.num_substeps
        data = mujoco.MjData(model)

        def step_c() -> None:
            mujoco.mj_resetData(model, data)
            mujoco.mj_step(model, data, nstep=num_substeps * len(actions))

        yield Driver(C_ALONE, len(actions), step_c)
    yield Driver("single", len(actions), step, C_ALONE)


def _batched(name: str, settings: dict[str, Any], single: Any) -> Iterator[Driver]:
    """Each size and number of threads: our vector environment, and one long rollout of its model."""
    for num_envs in NUM_ENVS:
        for num_threads in NUM_THREADS:
            label = f"{num_envs} on {num_threads}"
            num_steps = max(1, 4096 // num_envs)
            if isinstance(single, MujocoEpisode):
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
            for kind, num_threads in PEER_THREADS.items():
                floor = f"C, Batch.rollout {num_envs} on {num_threads}"
                made.append(replace(peers[kind], floor=floor))
        yield made


def goal(speeds: list[Speed]) -> Goal:
    """Judge what ``measure`` found: at the largest size beside C, and at every size beside Gymnasium's own."""
    rates = {speed.name: speed.control_steps_s for speed in speeds}
    largest = [speed for speed in speeds if speed.name.startswith(f"batched {NUM_ENVS[-1]} on")]
    shares = [speed.of_c for speed in largest if speed.of_c is not None]
    ahead = [
        rates[f"batched {num_envs} on {num_threads}"] / rates[f"Gymnasium {kind} {num_envs}"]
        for num_envs in NUM_ENVS
        for kind, num_threads in PEER_THREADS.items()
    ]
    aim, found = "faster than Gymnasium's at every size", f"{min(ahead):.1f} to {max(ahead):.1f} times"
    if shares:
        aim += f", and {NUM_ENVS[-1]} at no less than 0.9 of C"
        found += f"; {', '.join(f'{share:.2f}' for share in shares)} of C"
    compares = (
        "ours batched, N environments on T threads, beside C, the single one, and Gymnasium's sync and async"
    )
    return Goal(compares, aim, found, min(ahead) > 1 and min(shares, default=1.0) >= 0.9)
