"""Public tests of section 6: chosen numbers force a behaviour; a shaped reward keeps the optimum."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question
from environments.grid_navigation import FloorPlan

LEDGE = """
.....
.#...
.#1#9
S....
CCCCC
"""
BRIDGE = """
#CCCC##
1S...9#
#CCCC##
"""
NAMES = (
    "near_along_ledge", "near_round_top", "far_along_ledge", "far_round_top", "never_exit", "cross_bridge",
)  # fmt: skip
RANGES = {"discount": (0.0, 1.0), "slip": (0.0, 1.0), "living_reward": (-20.0, 20.0)}


def read_knobs(choices, name):
    """Check one behaviour's numbers: discount, slip, living reward."""
    expect(isinstance(choices, dict) and name in choices, f"design() has no entry {name!r}")
    expect(isinstance(choices[name], dict), f"{name} is not a dict with discount, slip and living_reward")
    knobs = []
    for knob, (low, high) in RANGES.items():
        expect(knob in choices[name], f"{name} has no {knob!r}")
        value = float(choices[name][knob])
        inside = low < value < high if knob == "discount" else low <= value <= high
        expect(inside, f"{name}: {knob} is out of its range, {low:g} to {high:g}")
        knobs.append(value)
    return knobs


def reachable(plan, discount, slip, living_reward):
    """Solve the plan's MDP and follow every optimal action from the start, without slip: a set of states."""
    mdp = plan.mdp(slip, living_reward)
    states, policy = np.arange(mdp.num_states), np.zeros(mdp.num_states, dtype=int)
    for _ in range(100):  # policy iteration ends in fewer than ten rounds; the bound is for rounding
        system = np.eye(mdp.num_states) - discount * mdp.transition[states, policy]
        q = mdp.reward + discount * mdp.transition @ np.linalg.solve(system, mdp.reward[states, policy])
        better = q.max(axis=1) > q[states, policy] + 1e-11
        if not better.any():
            break
        policy = np.where(better, q.argmax(axis=1), policy)
    reached, fringe = set(np.flatnonzero(plan.start).tolist()), np.flatnonzero(plan.start).tolist()
    while fringe:
        state = fringe.pop()
        if not plan.terminal[state]:
            best = np.flatnonzero(q[state] >= q[state].max() - 1e-9)
            fresh = set(plan.neighbours()[state, best].tolist()) - reached
            reached |= fresh
            fringe += fresh
    return reached


@question("6.1 design", points=1)
def test_six_behaviours_have_numbers(student):
    """All six behaviours have a discount, a slip and a living reward within their ranges."""
    choices = student.design()
    for name in NAMES:
        read_knobs(choices, name)


@question("6.1 design", points=1)
def test_near_exit_along_the_ledge(student):
    """With the numbers of near_along_ledge the robot takes the small exit, along the ledge."""
    plan = FloorPlan.from_text(LEDGE, {"1": 1.0, "9": 10.0, "C": -10.0})
    reached = reachable(plan, *read_knobs(student.design(), "near_along_ledge"))
    ends = sorted(plan.characters[state] for state in reached if plan.terminal[state])
    found = ", ".join(sorted(set(ends))) or "no exit at all"
    expect(
        ends == ["1"],
        f"the robot ends at {found}, expected the small exit, 1, alone",
        hint="An impatient robot takes the near exit. Which number makes it impatient?",
    )
    expect(
        any(plan.cells[state][0] == 3 and plan.cells[state][1] > 0 for state in reached),
        "the robot goes round the top",
        hint="The ledge is shorter. What makes the robot afraid of it?",
    )


@question("6.2 shape", points=1)
def test_terminal_potential_is_zero(student):
    """One step into a terminal state pays back the potential of the state that was left, and no more."""
    transition = np.array([[[0.0, 1.0]], [[0.0, 1.0]]])
    shaped = student.shape(
        np.array([[1.0], [0.0]]), transition, np.array([3.0, 50.0]), np.array([False, True]), 0.5
    )
    expect_shape(shaped, (2, 1), axes="(S, A)", what="shaped reward")
    expect_close(
        shaped,
        [[-2.0], [0.0]],  # 1 + 0.5 * 0 - 3; and nothing once the episode is over
        what="shaped reward",
        hint="The potential of a terminal state counts as zero, whatever the function says there.",
    )


@question("6.2 shape", points=1)
def test_expects_over_next_states(student):
    """Where the next state is random, the bonus is an expectation, and the discount stands before it."""
    transition = np.zeros((3, 2, 3))
    transition[0] = [[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]]
    transition[1:, :, 0] = 1.0
    shaped = student.shape(
        np.zeros((3, 2)), transition, np.array([2.0, 4.0, 8.0]), np.zeros(3, dtype=bool), 0.5
    )
    expect_close(
        np.asarray(shaped)[0],
        [1.5, -1.0],  # 0.5 * (0.25 * 4 + 0.75 * 8) - 2, and 0.5 * 2 - 2
        what="bonus of the first state's two actions",
        hint="gamma times the expected potential of the next state, less the potential of this state.",
    )
