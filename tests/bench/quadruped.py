"""The quadruped: batched stepping against MuJoCo's own and Gymnasium's vectors, by actuator."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import mujoco
import numpy as np
from mujoco import batch

from environments.quadruped import CONTROL_PERIOD, NUM_SUBSTEPS, NetworkWeights, Randomisation
from environments.quadruped.quadruped import QuadrupedVelocity
from environments.quadruped.vector import QuadrupedVelocityVector

ENV_ID = "robolearn/QuadrupedVelocity-v0"
SIZES = (16, 64, 256)
C_LOOP = "C loop (Batch.rollout)"
LAGS = (0, 1, 2, 3, 4, 6, 8, 10)  # physics steps, as for a drive with a long delay
SETTINGS: dict[str, dict[str, Any]] = {
    "pd": {},
    "pd, randomised": {"randomisation": Randomisation()},
    "network": {"actuator": "network", "network": NetworkWeights.ideal(LAGS)},
    "real": {"actuator": "real"},
}


@dataclass(frozen=True)
class Row:
    """One way to step the quadruped.

    Attributes:
        driver: which way.
        num_envs: robots.
        num_threads: threads of the physics.
        physics_steps: a second, all robots together.
        control_steps: a second, all robots together.
        ratio: to MuJoCo's C loop of as many robots on as many threads.
    """

    driver: str
    num_envs: int
    num_threads: int
    physics_steps: float
    control_steps: float
    ratio: float


def rate(work: Callable[[], Any], steps: int, seconds: float) -> float:
    """Steps a second of ``work``, which takes ``steps`` of them."""
    begin, count = time.perf_counter(), 0
    while (spent := time.perf_counter() - begin) < seconds:
        work()
        count += 1
    return steps * count / spent


def _vector(
    num_envs: int, num_threads: int, **settings: Any
) -> tuple[QuadrupedVelocityVector, Callable[[], Any]]:
    env = QuadrupedVelocityVector(num_envs, num_threads=num_threads, autoreset_mode="SameStep", **settings)
    return env, _stepping(env)


def _stepping(env: Any) -> Callable[[], Any]:
    """Reset a vector environment and warm it; return what takes one step with noise, as at a learner's start."""
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    actions = np.clip(rng.normal(0, 0.3, (64, env.num_envs, 12)), -1, 1)
    turn = iter(range(10**9))

    def step() -> None:
        env.step(actions[next(turn) % 64])

    for _ in range(15):
        step()
    return step


def _c_loop(num_envs: int, num_threads: int, control_steps: int = 25) -> Callable[[], Any]:
    """Make one long ``Batch.rollout`` that repeats physics steps of the environments with ideal servos."""
    env, step = _vector(num_envs, num_threads)
    simulations = batch.Batch(env.single.physics.model, num_envs, nthread=num_threads)
    start, held = np.concatenate([team.batch.state for team in env.teams]), []
    for _ in range(control_steps):
        step()
        held.append(np.concatenate([team.ctrl for team in env.teams]))
    control = np.ascontiguousarray(np.repeat(held, NUM_SUBSTEPS, axis=0).swapaxes(0, 1))

    def rollout() -> None:
        simulations.state[:] = start
        simulations.rollout(len(control[0]), control=control, record=())

    return rollout


def rows(
    sizes: tuple[int, ...] = SIZES, threads: tuple[int, ...] = (1, 2), seconds: float = 0.5, rounds: int = 3
) -> list[Row]:
    """Measure every driver, the median of interleaved rounds.

    The C loop is ``Batch.rollout`` of 100 physics steps with ideal servos, on targets of the same episodes.
    Gymnasium's SyncVectorEnv stands beside one thread, its AsyncVectorEnv of a process each beside more.
    """
    found = []
    for num_threads in threads:
        for num_envs in sizes:
            kind = "sync" if num_threads == 1 else "async"
            theirs = gymnasium.make_vec(ENV_ID, num_envs, kind)
            try:
                work = {C_LOOP: (_c_loop(num_envs, num_threads), 100 * num_envs)}
                for name, setting in SETTINGS.items():
                    work[name] = (_vector(num_envs, num_threads, **setting)[1], NUM_SUBSTEPS * num_envs)
                work[f"Gymnasium {kind}, pd"] = (_stepping(theirs), NUM_SUBSTEPS * num_envs)
                found += _in_turns(work, num_envs, num_threads, seconds, rounds)
            finally:
                theirs.close()
    return found


def _in_turns(
    work: dict[str, tuple[Callable[[], Any], int]],
    num_envs: int,
    num_threads: int,
    seconds: float,
    rounds: int,
) -> list[Row]:
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, (function, steps) in work.items():
            rates[name].append(rate(function, steps, seconds))
    found = []
    for name, values in rates.items():
        speed = float(np.median(values))
        ratio = float(np.median(np.array(values) / rates[C_LOOP]))
        found.append(Row(name, num_envs, num_threads, speed, speed / NUM_SUBSTEPS, ratio))
    return found


def single_row(seconds: float = 1.0) -> Row:
    """Measure the single environment against ``mj_step`` loops in C of the same model."""
    env = QuadrupedVelocity(step_limit=10**6)
    env.reset(seed=0)
    rest = np.zeros(12)
    speed = rate(lambda: env.step(rest), NUM_SUBSTEPS, seconds)
    data = mujoco.MjData(env.physics.model)
    data.qpos[:], data.ctrl[:] = env.physics.qpos[0], env.physics.ctrl[0]
    c_speed = rate(lambda: mujoco.mj_step(env.physics.model, data, nstep=500), 500, seconds)
    return Row("single environment, pd", 1, 1, speed, speed / NUM_SUBSTEPS, speed / c_speed)


def profile(num_envs: int = 256, steps: int = 40, driver: str = "network") -> dict[str, float]:
    """Share the time of a control step on one thread among physics, actuator, and the rest of the numpy."""
    env, step = _vector(num_envs, 1, **SETTINGS[driver])
    (team,) = env.teams
    spent = {"physics": 0.0, "actuator": 0.0, "all": 0.0}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            result = function(*args, **kwargs)
            spent[name] += time.perf_counter() - begin
            return result

        return wrapped

    team.advance = timed("physics", team.advance)  # type: ignore[method-assign]
    if hasattr(team.episodes.actuator, "torque"):
        team.episodes.actuator.torque = timed("actuator", team.episodes.actuator.torque)
    whole = timed("all", step)
    for _ in range(steps):
        whole()
    shares = {name: spent[name] / spent["all"] for name in ("physics", "actuator")}
    return {
        **shares,
        "observation, reward, resets, checks, copies": 1 - sum(shares.values()),
        "ms": 1e3 * spent["all"] / steps,
    }


def policy_microseconds(sizes: tuple[int, ...] = (60, 256, 128, 12), repeats: int = 3000) -> float:
    """Time a float32 MLP with softsign units on one observation in numpy, in buffers made once; the best of 5."""
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(0, a**-0.5, (b, a)).astype(np.float32), np.zeros(b, np.float32), np.empty(b, np.float32),
         np.empty(b, np.float32))
        for a, b in itertools.pairwise(sizes)
    ]  # fmt: skip
    observation = rng.normal(size=sizes[0]).astype(np.float32)

    def act() -> np.ndarray:
        signal = observation
        for weight, bias, out, size in layers[:-1]:
            np.dot(weight, signal, out=out)
            np.add(out, bias, out=out)
            np.abs(out, out=size)
            np.add(size, 1, out=size)
            np.divide(out, size, out=out)
            signal = out
        weight, bias, out, _ = layers[-1]
        np.dot(weight, signal, out=out)
        return np.add(out, bias, out=out)

    best = np.inf
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(repeats):
            act()
        best = min(best, (time.perf_counter() - begin) / repeats)
    return best * 1e6


def main() -> None:
    """Print everything."""
    for row in [single_row(), *rows()]:
        print(
            f"{row.driver:<24}{row.num_envs:>5} envs {row.num_threads} threads "
            f"{row.physics_steps:>9.0f} physics/s {row.control_steps:>8.0f} control/s  ratio {row.ratio:.2f}  "
            f"{row.control_steps * CONTROL_PERIOD:.0f} x real time"
        )
    for driver in SETTINGS:
        print(driver, {name: round(value, 3) for name, value in profile(driver=driver).items()})
    print(f"policy 60-256-128-12, one observation: {policy_microseconds():.1f} µs")


if __name__ == "__main__":
    main()
