"""Control steps a second of Ant-v5: ours, EnvPool's, Gymnasium's; run in the environment of the peers.

``python -m tests.bench.ant_speed OUT.json`` writes the rows; ``make bench BENCH=ant`` runs it there and shows them.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco import batch

from tests.bench.ant import FRAME_SKIP, MODEL_PATH, AntVector
from tests.bench.drivers import Driver, draw_actions, gymnasium_drivers, stepping, take_turns
from tests.bench.sheet import Goal

NUM_ENVS = (16, 64, 256)
NUM_THREADS = (1, 2)
CALL_STEPS = 1024  # control steps of one call, summed over environments
ROLLOUT_STEPS = 20  # control steps of one rollout in C, of each environment
SINGLE = "Gymnasium single"
TURNS = 9
TURN_S = 0.3


@dataclass(frozen=True)
class Row:
    """What a driver reached with so many environments.

    Attributes:
        num_envs: environments.
        num_threads: threads of the physics; of AsyncVectorEnv there is a process for each environment.
        driver: which way.
        mujoco: the version of MuJoCo inside.
        control_steps_s: a second of wall time, summed over environments; median of the turns.
        of_c: to MuJoCo's C stepping of as many environments on as many threads, median of the turns' ratios.
        of_envpool: the same, to EnvPool.
        of_gymnasium: the same, to Gymnasium's single environment.
    """

    num_envs: int
    num_threads: int
    driver: str
    mujoco: str
    control_steps_s: float
    of_c: float
    of_envpool: float
    of_gymnasium: float


def rows() -> list[Row]:
    """Measure every size, in interleaved turns of all its drivers."""
    return [row for num_envs in NUM_ENVS for row in _rows_of(num_envs)]


def goal(found: list[dict[str, Any]]) -> Goal:
    """Judge the rows, as they are in JSON: ours beside EnvPool where both threads and most environments are."""
    (row,) = (
        row
        for row in found
        if (row["driver"], row["num_envs"], row["num_threads"]) == ("ours", NUM_ENVS[-1], NUM_THREADS[-1])
    )
    return Goal(
        "Gymnasium's Ant-v5, with contact forces, by ours, EnvPool and Gymnasium; of_c, of_envpool: on as many "
        "threads; the column mujoco has the version that each one links",
        f"ours no slower than EnvPool with {NUM_ENVS[-1]} environments on {NUM_THREADS[-1]} threads",
        f"{row['of_envpool']:.2f} times its rate",
        row["of_envpool"] >= 1,
    )


def _rows_of(num_envs: int) -> list[Row]:
    with _drivers(num_envs) as drivers:
        rates = take_turns([driver for _, driver in drivers], TURNS, TURN_S)
    found = []
    for num_threads, driver in drivers:
        mine = rates[driver.name]
        compared = (_c_name(num_threads), _envpool_name(num_threads), SINGLE)
        ratios = [median(a / b for a, b in zip(mine, rates[name])) for name in compared]
        kind = driver.name.rsplit(" on ")[0]
        version = envpool_mujoco() if kind.startswith("EnvPool") else mujoco.mj_versionString()
        found.append(Row(num_envs, num_threads, kind, version, median(mine), *ratios))
    return found


def _c_name(num_threads: int) -> str:
    return f"C, Batch.rollout on {num_threads}"


def _envpool_name(num_threads: int) -> str:
    return f"EnvPool on {num_threads}"


@contextmanager
def _drivers(num_envs: int) -> Iterator[list[tuple[int, Driver]]]:
    """Every way with its number of threads; processes are forked before threads begin."""
    num_steps = max(1, CALL_STEPS // num_envs)
    with gymnasium_drivers("Ant-v5", num_envs, num_steps) as peers:
        found = [
            (1, replace(peers["sync"], name="Gymnasium SyncVectorEnv on 1")),
            (2, replace(peers["async"], name="Gymnasium AsyncVectorEnv on 2")),
            (1, Driver(SINGLE, 256, _single(256))),
        ]
        for num_threads in NUM_THREADS:
            ours = AntVector(num_envs, num_threads=num_threads)
            steps = num_envs * num_steps
            rollout = _rollout(num_envs, num_threads)
            found += [
                (num_threads, Driver(_c_name(num_threads), num_envs * ROLLOUT_STEPS, rollout)),
                (num_threads, Driver(f"ours on {num_threads}", steps, stepping(ours, num_steps))),
                (
                    num_threads,
                    Driver(_envpool_name(num_threads), steps, _envpool(num_envs, num_threads, num_steps)),
                ),
            ]
        halves = _envpool_halves(num_envs, 2, 2 * num_steps)
        found.append((2, Driver("EnvPool, half at a time on 2", num_envs * num_steps, halves)))
        yield found


def _single(num_steps: int) -> Callable[[], None]:
    env = gymnasium.make("Ant-v5")
    env.reset(seed=0)
    actions = draw_actions(env.action_space, num_steps)

    def step() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return step


def _rollout(num_envs: int, num_threads: int) -> Callable[[], None]:
    """Batch.rollout from states that random actions lead to."""
    ours = AntVector(num_envs, autoreset_mode="SameStep")
    stepping(ours, ROLLOUT_STEPS)()
    model = mujoco.MjModel.from_xml_path(str(MODEL_PATH))
    simulations, start = batch.Batch(model, num_envs, nthread=num_threads), ours.batch.state.copy()
    held = np.random.default_rng(0).uniform(-1, 1, (num_envs, ROLLOUT_STEPS, model.nu))
    control = np.repeat(held, FRAME_SKIP, axis=1)

    def roll() -> None:
        simulations.state[:] = start
        simulations.rollout(control.shape[1], control, record=())

    return roll


def _envpool(num_envs: int, num_threads: int, num_steps: int) -> Callable[[], None]:
    import envpool

    envs: Any = envpool.make_gymnasium("Ant-v5", num_envs=num_envs, num_threads=num_threads, seed=0)
    envs.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (num_steps, num_envs, 8))

    def step() -> None:
        for action in actions:
            envs.step(action)

    return step


def _envpool_halves(num_envs: int, num_threads: int, num_steps: int) -> Callable[[], None]:
    """EnvPool's asynchronous way: act for whichever half is ready first; a call leaves no work behind."""
    import envpool

    half = num_envs // 2
    envs: Any = envpool.make_gymnasium(
        "Ant-v5", num_envs=num_envs, batch_size=half, num_threads=num_threads, seed=0
    )
    envs.async_reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (num_steps, half, 8))
    ready = [envs.recv()[-1]["env_id"] for _ in range(2)]

    def step() -> None:
        for turn, action in enumerate(actions):
            envs.send(action, ready[turn] if turn < 2 else envs.recv()[-1]["env_id"])
        ready[:] = [envs.recv()[-1]["env_id"] for _ in range(2)]

    return step


def envpool_mujoco() -> str:
    """The version of MuJoCo that EnvPool links."""
    import envpool

    library = ctypes.CDLL(str(Path(envpool.__file__).parent / "mujoco" / "mujoco_gym_envpool.so"))
    library.mj_versionString.restype = ctypes.c_char_p
    return library.mj_versionString().decode()


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps([asdict(row) for row in rows()], indent=1) + "\n")
