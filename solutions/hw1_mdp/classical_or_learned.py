"""Balances the cart-pole from noisy positions: a Kalman filter or differences with LQR, or a learned linear policy.

Only the cart's position and the pole's angle are measured, each with the same noise (m, rad). The learned policy sees
a short history of the same measurements and of its own forces, and is found by the cross-entropy method on return
alone. It is trained on the cart-pole's equations in numpy, which `check_equations` holds against MuJoCo; every number
that is reported comes from MuJoCo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mujoco import batch

from environments import cartpole
from environments.cartpole import CartPolePhysics

STATE_COST = np.diag([1 / 0.3**2, 1 / 0.1**2, 0.0, 0.0])  # 0.3 m hurts as much as 0.1 rad
FORCE_COST = np.array([[1 / 3.0**2]])  # ... or as 3 N
COST_LIMIT = 60.0  # per step: that of 45 degrees; a fallen pole pays it to the end
PUSH = 0.5  # N, standard deviation of a force on the cart in each step: the world's own noise
START = 0.1  # m, rad, m/s, rad/s: starts are uniform in +-START
NUM_STEPS = 250  # 5 s
LAGS = (1, 2, 4, 8)  # steps between the measurements whose differences the learned policy sees
NUM_FEATURES = 2 + 2 * len(LAGS) + 2
Policy = Callable[["Memory"], np.ndarray]


@dataclass
class World:
    """What the sensors do.

    Attributes:
        noise: m and rad, standard deviation of each measurement.
        delay: steps by which measurements are late; no controller is told.
    """

    noise: float
    delay: int = 0


@dataclass
class Memory:
    """What a controller may use: measurements, newest first (H, N, 2), and its own last forces (2, N)."""

    measured: np.ndarray
    forces: np.ndarray
    step: int


def numpy_step(states: np.ndarray, forces: np.ndarray) -> np.ndarray:
    """Advance (N, 4) states by one control step, with MuJoCo's semi-implicit Euler, in numpy."""
    states = states.copy()
    mass, arm = cartpole.POLE_MASS, cartpole.POLE_LENGTH / 2
    inertia = mass * cartpole.POLE_LENGTH**2 / 3  # of the rod about its hinge
    forces = np.clip(forces, -cartpole.FORCE_LIMIT, cartpole.FORCE_LIMIT)
    substep = cartpole.CONTROL_PERIOD / cartpole.NUM_SUBSTEPS
    for _ in range(cartpole.NUM_SUBSTEPS):
        sine, cosine, turn = np.sin(states[:, 1]), np.cos(states[:, 1]), states[:, 3]
        push, lean = forces + mass * arm * sine * turn**2, mass * cartpole.GRAVITY * arm * sine
        total, coupling = cartpole.CART_MASS + mass, mass * arm * cosine
        determinant = total * inertia - coupling**2
        states[:, 2] += substep * (inertia * push - coupling * lean) / determinant
        states[:, 3] += substep * (total * lean - coupling * push) / determinant
        states[:, :2] += substep * states[:, 2:]
    return states


class MujocoCarts:
    """Many cart-poles in one MuJoCo batch, stepped from where they are."""

    def __init__(self, states: np.ndarray) -> None:
        physics = CartPolePhysics()
        self._batch = batch.Batch(physics.model, len(states), nthread=1)
        self._qpos, self._qvel, self._ctrl = (self._batch.bind(name) for name in ("qpos", "qvel", "ctrl"))
        self._qpos[:], self._qvel[:] = states[:, :2], states[:, 2:]

    def __call__(self, _states: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """Advance one control step; return the (N, 4) states."""
        self._ctrl[:, 0] = forces
        self._batch.step(nstep=cartpole.NUM_SUBSTEPS)
        return np.concatenate([self._qpos, self._qvel], axis=1)


def check_equations() -> float:
    """Return the largest difference of numpy's step from MuJoCo's over 200 random states."""
    rng = np.random.default_rng(0)
    states, forces = rng.uniform(-1, 1, (200, 4)), rng.uniform(-12, 12, 200)
    return float(np.max(np.abs(numpy_step(states, forces) - cartpole.step_states(states, forces))))


def run(policy: Policy, world: World, rng: np.random.Generator, num_runs: int, in_mujoco: bool) -> np.ndarray:
    """Roll a policy out; return each run's mean cost per step (N,)."""
    states = rng.uniform(-START, START, (num_runs, 4))
    advance = MujocoCarts(states) if in_mujoco else numpy_step
    history = np.repeat((states[None, :, :2]), max(LAGS) + 1 + world.delay, axis=0)
    history += world.noise * rng.standard_normal(history.shape)
    forces, paid, up = np.zeros((2, num_runs)), np.zeros(num_runs), np.ones(num_runs, dtype=bool)
    for t in range(NUM_STEPS):
        force = policy(Memory(history[world.delay :], forces, t))
        force = np.clip(force, -cartpole.FORCE_LIMIT, cartpole.FORCE_LIMIT)
        cost = np.einsum("ni,ij,nj->n", states, STATE_COST, states) + FORCE_COST[0, 0] * force**2
        up &= (np.abs(states[:, 1]) < np.pi / 4) & (np.abs(states[:, 0]) < cartpole.RAIL_LIMIT)
        paid += np.where(up, np.minimum(cost, COST_LIMIT), COST_LIMIT)
        states = advance(states, force + PUSH * rng.standard_normal(num_runs))
        measured = states[:, :2] + world.noise * rng.standard_normal((num_runs, 2))
        history = np.concatenate([measured[None], history[:-1]])
        forces = np.stack([force, forces[0]])
    return paid / NUM_STEPS


def make_lqr(lqr: Callable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return A, B and the stationary gain (4,) of the upright cart-pole."""
    A, B = cartpole.linearise()
    gains, _ = lqr(A, B, STATE_COST, FORCE_COST, STATE_COST, 1000)
    return A, B, gains[0][0]


def kalman_policy(lqr: Callable, noise: float) -> Policy:
    """Estimate the state with the stationary Kalman filter of this noise, and apply the LQR gain to it.

    The filter's gain is LQR's, transposed: estimation is the dual of control (Kalman 1960).
    """
    A, B, gain = make_lqr(lqr)
    C = np.eye(2, 4)
    process = B @ B.T * PUSH**2 + 1e-10 * np.eye(4)
    dual, _ = lqr(A.T, C.T, process, np.eye(2) * noise**2, process, 4000)
    correction = np.linalg.solve(A, dual[0].T)  # filter form: corrects after the measurement
    estimate: np.ndarray | None = None

    def policy(memory: Memory) -> np.ndarray:
        nonlocal estimate
        if memory.step == 0 or estimate is None:
            estimate = np.zeros((memory.measured.shape[1], 4))
            estimate[:, :2] = memory.measured[: max(LAGS)].mean(axis=0)  # the robot stood still before the start
        else:
            predicted = estimate @ A.T + memory.forces[0][:, None] * B[:, 0]
            estimate = predicted + (memory.measured[0] - predicted[:, :2]) @ correction.T
        return -estimate @ gain

    return policy


def difference_policy(lqr: Callable) -> Policy:
    """Take the last measurement for the position and its difference to the one before for the velocity."""
    _, _, gain = make_lqr(lqr)

    def policy(memory: Memory) -> np.ndarray:
        velocity = (memory.measured[0] - memory.measured[1]) / cartpole.CONTROL_PERIOD
        return -np.concatenate([memory.measured[0], velocity], axis=1) @ gain

    return policy


def features(memory: Memory) -> np.ndarray:
    """List what the learned policy sees: (N, F), each of order one near the top."""
    now = memory.measured[0] * (1.0, 3.0)
    slopes = [
        (memory.measured[0] - memory.measured[lag]) / (lag * cartpole.CONTROL_PERIOD) * (1.0, 1.0) for lag in LAGS
    ]
    return np.concatenate([now, *slopes, memory.forces.T / cartpole.FORCE_LIMIT], axis=1)


def linear_policy(weights: np.ndarray) -> Policy:
    """Act by (F,) weights, or by one row of (N, F) for each run."""
    return lambda memory: cartpole.FORCE_LIMIT * np.sum(features(memory) * weights, axis=1)


def learn(world: World, seed: int, num_iterations: int, num_candidates: int = 64, num_runs: int = 8) -> np.ndarray:
    """Find a linear policy by the cross-entropy method, from zero, on the cost of noisy runs alone: weights (F,)."""
    rng = np.random.default_rng(seed)
    mean, spread = np.zeros(NUM_FEATURES), np.full(NUM_FEATURES, 2.0)
    for iteration in range(num_iterations):
        candidates = mean + spread * rng.standard_normal((num_candidates, NUM_FEATURES))
        candidates[0] = mean
        shared = np.random.default_rng([seed, iteration])
        weights = np.repeat(candidates, num_runs, axis=0)
        cost = run(linear_policy(weights), world, shared, len(weights), in_mujoco=False)
        elite = candidates[np.argsort(cost.reshape(num_candidates, num_runs).mean(axis=1))[: num_candidates // 8]]
        mean = 0.3 * mean + 0.7 * elite.mean(axis=0)
        spread = 0.3 * spread + 0.7 * elite.std(axis=0) + 0.3 / (iteration + 1)
    return mean
