"""Control steps a second of navigation, driving and on the lattice: single, batched, and beside C and Gymnasium's.

Rows of a batch are at different times of their episodes, so that each step has its share of resets, which draw
a building each. In C there is MuJoCo's stepping of as many robots among all blocks of a plan, and ``mj_multiRay``
of one image a control step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco import batch

from environments.navigation import Camera, draw_plan, position
from environments.navigation.driving import (
    NUM_SUBSTEPS,
    SPEED_LIMIT,
    TURN_LIMIT,
    blocks_of,
    compile_among,
)
from environments.navigation.motion import Drive
from environments.navigation.scene import build_model
from environments.raycast import VISIBLE_GROUPS
from environments.threads import Workers
from tests.bench.drivers import Driver, draw_actions, gymnasium_drivers, stepping, take_turns

NUM_ENVS = (16, 64, 256)
NUM_THREADS = (1, 2)
PEERS = {"sync": (16, 64, 256), "async": (16, 64)}  # 256 processes take a quarter of a minute to start
PEER_THREADS = {"sync": 1, "async": 2}  # of ours and of C, to compare with
STEPS = 256  # control steps of one call, summed over environments
TURNS = 5
TURN_S = 0.1  # about, for each driver in each turn
NUM_PLANS = 16  # that mj_multiRay looks at
TASKS = {"lattice": "robolearn/PointGoalNavigation-v0", "driving": "robolearn/PointGoalDrive-v0"}
SENSORS: dict[str, tuple[str, ...]] = {"state": (), "64x64 depth": ("depth",)}

Row = dict[str, object]
Rates = dict[str, list[float]]


def step_rows() -> list[Row]:
    """Measure both tasks, with pose and goal alone and with depth; wall time, medians of interleaved turns."""
    return [
        row
        for motion, task in TASKS.items()
        for seen, sensors in SENSORS.items()
        for row in measure(f"{motion}, {seen}", task, sensors)
    ]


@dataclass(frozen=True)
class Way:
    """A driver, and on how many rows and threads C and Gymnasium's are compared with it; 0 with none."""

    driver: Driver
    num_envs: int = 0
    num_threads: int = 0


def measure(what: str, task: str, sensors: tuple[str, ...]) -> list[Row]:
    """Measure the drivers of a task; see ``_row`` for what is compared."""
    single: Any = gymnasium.make(task, sensors=sensors).unwrapped
    drives = isinstance(single.motion, Drive)
    with ExitStack() as stack:
        peers = list(_peers(stack, task, sensors, single.step_limit))
        ways = [Way(Driver("single", STEPS, _stepping_alone(single)), 1, 1)]
        for num_envs in NUM_ENVS:
            ways += _batched(task, sensors, num_envs, single.step_limit)
            ways += [_rollout(num_envs, num_threads) for num_threads in NUM_THREADS if drives]
        ways += [_rollout(1, 1)] if drives else []
        ways += [_casting(num_threads) for num_threads in NUM_THREADS] if sensors else []
        ways += peers
        rates = take_turns([way.driver for way in ways], TURNS, TURN_S)
    return [_row(what, way, rates, drives, bool(sensors)) for way in ways]


def _row(what: str, way: Way, rates: Rates, drives: bool, sees: bool) -> Row:
    """One driver: its rate, and as multiples of C on as many threads, and of Gymnasium's with as many rows."""
    name = way.driver.name
    mine, row = rates[name], dict[str, object]()
    row["what"], row["driver"], row["control steps/s"] = what, name, median(mine)
    row["physics steps/s"] = median(mine) * NUM_SUBSTEPS if drives and "multiRay" not in name else None
    row["of C"] = _share(mine, _in_c(rates, way, drives, sees) if way.num_envs else None)
    for kind in PEERS:
        row[f"of {kind}"] = _share(mine, rates.get(f"Gymnasium {kind} {way.num_envs}"))
    return row


def _in_c(rates: Rates, way: Way, drives: bool, sees: bool) -> list[float] | None:
    """Rates of the physics, of the images, or of one after the other, in C."""
    parts = [rates[f"C, Batch.rollout {way.num_envs} on {way.num_threads}"]] if drives else []
    parts += [rates[f"C, mj_multiRay on {way.num_threads}"]] if sees else []
    return [1 / sum(1 / rate for rate in turn) for turn in zip(*parts)] if parts else None


def _share(mine: list[float], theirs: list[float] | None) -> float | None:
    return median(a / b for a, b in zip(mine, theirs)) if theirs else None


# Drivers


def _stepping_alone(single: Any) -> Callable[[], None]:
    actions = draw_actions(single.action_space, STEPS)
    single.reset(seed=0)

    def step() -> None:
        for action in actions:
            *_, terminated, truncated, _ = single.step(action)
            if terminated or truncated:
                single.reset()

    return step


def _batched(task: str, sensors: tuple[str, ...], num_envs: int, step_limit: int) -> Iterator[Way]:
    for num_threads in NUM_THREADS:
        envs = gymnasium.make_vec(
            task, num_envs, "vector_entry_point", num_threads=num_threads, sensors=sensors
        )
        steps = max(1, STEPS // num_envs)
        call = stepping(envs, steps, step_limit)
        driver = Driver(f"batched {num_envs} on {num_threads}", num_envs * steps, call)
        yield Way(driver, num_envs, num_threads)


def _peers(stack: ExitStack, task: str, sensors: tuple[str, ...], step_limit: int) -> Iterator[Way]:
    for kind, sizes in PEERS.items():
        for num_envs in sizes:
            steps = max(1, STEPS // num_envs)
            made = gymnasium_drivers(
                task, num_envs, steps, kinds=(kind,), staggered=step_limit, sensors=sensors
            )
            yield Way(stack.enter_context(made)[kind], num_envs, PEER_THREADS[kind])


def _rollout(num_envs: int, num_threads: int) -> Way:
    """MuJoCo alone: robots that drive at random among all blocks of a plan."""
    plan, rng = draw_plan(0), np.random.default_rng(0)
    simulations = batch.Batch(compile_among(blocks_of(plan)), num_envs, nthread=num_threads)
    cells = np.argwhere(plan.free)
    places = [position(tuple(cell)) for cell in cells[rng.integers(len(cells), size=num_envs)]]
    simulations.bind("qpos")[:, :2] = places
    steps, start = max(1, STEPS // num_envs), simulations.state.copy()
    speeds = rng.uniform(-1, 1, (num_envs, steps, 3)) * (SPEED_LIMIT, TURN_LIMIT, 0.0)
    control = np.repeat(speeds, NUM_SUBSTEPS, axis=1)

    def roll() -> None:
        simulations.state[:] = start
        simulations.rollout(steps * NUM_SUBSTEPS, control, record=())

    return Way(Driver(f"C, Batch.rollout {num_envs} on {num_threads}", num_envs * steps, roll))


def _casting(num_threads: int) -> Way:
    """``mj_multiRay`` alone: an image in each of some buildings."""
    workers, rng, camera = Workers(num_threads), np.random.default_rng(0), Camera()
    views = []
    for seed in range(NUM_PLANS):
        model = build_model(seed, camera.mount_height, camera.vertical_fov_deg)
        cell = np.argwhere(draw_plan(seed).free)[rng.integers(400)]
        views.append(multi_ray(model, camera, np.array([*position(cell), rng.integers(4) * np.pi / 2])))

    def cast() -> None:
        workers.run(lambda turn: [view() for view in views[turn::num_threads]], range(num_threads))

    return Way(Driver(f"C, mj_multiRay on {num_threads}", NUM_PLANS, cast))


def multi_ray(model: mujoco.MjModel, camera: Camera, pose: np.ndarray) -> Callable[[], None]:
    """Return what casts one depth image with ``mj_multiRay``; its rays are made beforehand."""
    data, count = mujoco.MjData(model), camera.height * camera.width
    mujoco.mj_forward(model, data)
    rays = camera.rays_world(pose[2]).reshape(-1, 3)
    directions = (rays / np.linalg.norm(rays, axis=1)[:, None]).ravel()
    lens, robot = np.array([pose[0], pose[1], camera.mount_height]), model.body("robot").id
    geom, distance = np.full(count, -1, dtype=np.int32), np.full(count, -1.0)

    def cast() -> None:
        mujoco.mj_multiRay(
            model, data, lens, directions, VISIBLE_GROUPS, True, robot, geom, distance, None, count,
            mujoco.mjMAXVAL,
        )  # fmt: skip

    return cast
