"""Hidden tests of section 7: other dynamics, the optimum of the whole plan, the cart-pole in MuJoCo."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, linear, question
from environments import cartpole

from .tabular_worlds import take

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())


class Waves:
    """Five states and two actions, nonlinear in all of them."""

    def __init__(self, rng):
        self.mix, self.push = rng.standard_normal((5, 5)), rng.standard_normal((5, 2))

    def step(self, x, u):
        """Return the next state (5,)."""
        x, u = np.asarray(x, dtype=float), np.asarray(u, dtype=float)
        return np.sin(self.mix @ x + self.push @ u) + x**3 / 5 + 0.3 * u[0] * u[1]


class Picky(Waves):
    """Takes floats and nothing else, as promised to it, and remembers whether it got something else."""

    only_floats = True

    def step(self, x, u):
        """Return the next state (5,)."""
        self.only_floats &= np.asarray(x).dtype.kind == "f" and np.asarray(u).dtype.kind == "f"
        return super().step(x, u)


class Cart:
    """One control step of MuJoCo's cart-pole."""

    def step(self, x, u):
        """Return the next state (4,)."""
        return cartpole.step_states(np.reshape(x, (1, 4)), np.reshape(u, 1))[0]


def jacobians(student, dynamics, x0, u0, eps, sizes):
    """Call the student's linearisation."""
    A, B = take(student.linearise(dynamics, x0, u0, eps), "A, B")
    num_states, num_actions = sizes
    expect_shape(A, (num_states, num_states), axes="(S, S)", what="A")
    expect_shape(B, (num_states, num_actions), axes="(S, A)", what="B")
    return A, B


@question("7.1 linearise", points=1)
def test_nonlinear_step(student, reference, trusted, rng):
    """Five states, two actions, away from zero, with the width that was asked for."""
    dynamics, x0, u0 = Waves(rng), rng.standard_normal(5), rng.standard_normal(2)
    for eps in (1e-5, 0.3):  # the wide one tells central from one-sided, and eps from a fixed width
        handed = trusted(dynamics, methods=["step"], budget={"step": 60})
        A, B = jacobians(student, handed, x0, u0, eps, (5, 2))
        expected = reference.linearise(dynamics, x0, u0, eps)
        # rounding: 1e-16 / 1e-5 = 1e-11, times entries of size 10
        hint = "Central: f(x0 + eps e_j) - f(x0 - eps e_j), over twice the eps that is given."
        expect_close(A, expected[0], atol=1e-8, what="A", hint=hint)
        expect_close(B, expected[1], atol=1e-8, what="B", hint=hint)


@question("7.1 linearise", points=1)
def test_whole_numbers(student, trusted):
    """A point given in whole numbers is linearised like any other, and the simulator still gets floats."""
    waves = Picky(np.random.default_rng(3))
    dynamics = trusted(waves, methods=["step"], budget={"step": 60})
    A, B = jacobians(student, dynamics, np.array([0, 1, 0, -1, 2]), np.array([1, 0]), 1e-5, (5, 2))
    again_A, again_B = jacobians(student, dynamics, np.array([0.0, 1, 0, -1, 2]), np.array([1.0, 0]), 1e-5, (5, 2))
    expect(np.any(np.asarray(A)) and np.any(np.asarray(B)), "the Jacobian of whole numbers is zero",
           hint="Adding 1e-5 to an array of integers in place changes nothing; make floats first.")  # fmt: skip
    expect_close(A, again_A, what="A", hint="x0 and u0 may be arrays of integers; make floats first.")
    expect_close(B, again_B, what="B", hint="x0 and u0 may be arrays of integers; make floats first.")
    expect(waves.only_floats, "step was called with integers, and is promised a float state and a float action",
           hint="Make floats of x0 AND of u0 first, also where only the other one varies.")  # fmt: skip


@question("7.1 linearise", points=1)
def test_cart_pole_in_mujoco(student, trusted):
    """On MuJoCo's cart-pole, leaning and moving, it agrees with MuJoCo's own derivatives."""
    state, force = np.array([0.1, 0.4, -0.3, 0.8]), np.array([2.0])
    dynamics = trusted(Cart(), methods=["step"], budget={"step": 60})
    A, B = jacobians(student, dynamics, state, force, 1e-5, (4, 1))
    expected = cartpole.linearise(state, force[0])
    # measured: 1e-9 for eps between 1e-6 and 1e-4; see the figure in section 7
    expect_close(A, expected[0], atol=1e-6, what="A on the cart-pole", hint="Linearise at x0 and u0, not at zero.")
    expect_close(B, expected[1], atol=1e-6, what="B on the cart-pole", hint="Linearise at x0 and u0, not at zero.")


def random_problem(rng, num_states, num_actions):
    """Draw a controllable problem with an unstable mode and full cost matrices."""
    A = rng.standard_normal((num_states, num_states)) / np.sqrt(num_states) * 1.1
    B = rng.standard_normal((num_states, num_actions))
    factors = [rng.standard_normal((n, n)) for n in (num_states, num_actions, num_states)]
    Q, R, Qf = (factor @ factor.T + 0.1 * np.eye(len(factor)) for factor in factors)
    return A, B, Q, R, Qf


def solve(student, problem, horizon):
    """Call the student's LQR and check the shapes."""
    gains, costs = take(student.lqr(*problem, horizon), "gains, costs")
    num_states, num_actions = problem[1].shape
    expect_shape(gains, (horizon, num_actions, num_states), axes="(T, A, S)", what="gains")
    expect_shape(costs, (horizon + 1, num_states, num_states), axes="(T + 1, S, S)", what="costs")
    return np.asarray(gains, dtype=float), np.asarray(costs, dtype=float)


@question("7.2 lqr", points=1)
def test_cost_is_what_the_gains_pay(student, rng):
    """Running the gains from a random state pays what the cost matrix promised."""
    A, B, Q, R, Qf = problem = random_problem(rng, 4, 2)
    gains, costs = solve(student, problem, 15)
    x = first = rng.standard_normal(4)
    paid = 0.0
    for gain in gains:
        u = -gain @ x
        paid, x = paid + x @ Q @ x + u @ R @ u, A @ x + B @ u
    paid += x @ Qf @ x
    expect_close(first @ costs[0] @ first, paid, rtol=1e-8, what="promised cost against paid cost",
                 hint="Is R paid for the action, and Qf at the end only?")  # fmt: skip


@question("7.2 lqr", points=1)
def test_no_plan_is_cheaper(student, rng):
    """The cost is the least that any sequence of actions can reach, and each gain is the right one."""
    A, B, Q, R, Qf = problem = random_problem(rng, 3, 2)
    horizon = 6
    _, costs = solve(student, problem, horizon)
    # All states stacked are F x0 + G u: the best plan is one linear solve, without any recursion.
    powers = [np.linalg.matrix_power(A, t) for t in range(horizon + 1)]
    F = np.concatenate(powers)
    G = np.zeros((3 * (horizon + 1), 2 * horizon))
    for t in range(1, horizon + 1):
        for k in range(t):
            G[3 * t : 3 * t + 3, 2 * k : 2 * k + 2] = powers[t - 1 - k] @ B
    W = np.kron(np.eye(horizon + 1), Q)
    W[-3:, -3:] = Qf
    best = F.T @ W @ F - F.T @ W @ G @ np.linalg.solve(np.kron(np.eye(horizon), R) + G.T @ W @ G, G.T @ W @ F)
    expect_close(costs[0], best, rtol=1e-6, atol=1e-8, what="least cost of the whole plan",
                 hint="K = (R + B'PB)^-1 B'PA with the P of the next step; mind which matrices are transposed.")  # fmt: skip


@question("7.2 lqr", points=1)
def test_long_horizon(student, reference, rng):
    """Twelve states, three actions and two hundred steps agree with the reference; at the start nothing changes any more."""
    problem = random_problem(rng, 12, 3)
    gains, costs = solve(student, problem, 200)
    expected_gains, expected_costs = reference.lqr(*problem, 200)
    # the recursion is stable: rounding of 1e-16 grows to below 1e-9 relative
    expect_close(gains, expected_gains, rtol=1e-6, atol=1e-7, what="gains", hint="A new gain for each step.")
    expect_close(costs, expected_costs, rtol=1e-6, atol=1e-6, what="costs", hint="A new cost matrix for each step.")


@question("7.2 lqr", points=1)
def test_balances_in_mujoco(student, credit, rng):
    """MuJoCo's cart-pole, linearised by MuJoCo, stays up with the first gain from random starts."""
    A, B = cartpole.linearise()
    problem = (A, B, np.diag([10.0, 100.0, 0.0, 0.0]), np.array([[0.1]]), np.diag([10.0, 100.0, 0.0, 0.0]))
    gains, _ = solve(student, problem, 400)
    states = rng.uniform([-0.5, -0.3, -0.3, -0.3], [0.5, 0.3, 0.3, 0.3], (30, 4))
    up = np.ones(30, dtype=bool)
    for _ in range(200):
        forces = np.clip(-(states @ gains[0].T)[:, 0], -cartpole.FORCE_LIMIT, cartpole.FORCE_LIMIT)
        states = cartpole.step_states(states, np.nan_to_num(forces))
        up &= (np.abs(states[:, 1]) < np.pi / 4) & (np.abs(states[:, 0]) < cartpole.RAIL_LIMIT)
    threshold = THRESHOLDS["7.2 lqr"]
    credit(linear(up.mean(), threshold["zero"], threshold["bound"]), measured=f"{up.mean():.0%} of 30 starts stay up")
