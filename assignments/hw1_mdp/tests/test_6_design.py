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


def walk(student, plan, discount, slip, living_reward):
    """Follow the optimal policy of the plan's MDP from the start, without slip: the states in their order.

    Your own policy_iteration solves the MDP here; while grading, a right one does.
    """
    mdp = plan.mdp(slip, living_reward)
    _, policy, _ = student.policy_iteration(mdp.transition, mdp.reward, discount)
    policy = np.asarray(policy, dtype=int)
    expect_shape(policy, (mdp.num_states,), axes="(S,)", what="policy of policy_iteration")
    state, visited = int(np.argmax(plan.start)), []
    while state not in visited:
        visited.append(state)
        if plan.terminal[state]:
            break
        state = int(plan.neighbours()[state, policy[state]])
    return visited


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
    path = walk(student, plan, *read_knobs(student.design(), "near_along_ledge"))
    end = plan.characters[path[-1]] if plan.terminal[path[-1]] else "no exit at all"
    expect(
        end == "1",
        f"the robot ends at {end}, expected the small exit, 1",
        hint="An impatient robot takes the near exit. Which number makes it impatient?",
    )
    expect(
        any(plan.cells[state][0] == 3 and plan.cells[state][1] > 0 for state in path),
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
