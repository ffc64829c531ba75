"""Hidden tests of section 6: the other behaviours; invariance under shaping in random worlds."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question

from .design_judge import judge_design
from .tabular_worlds import optimal_values, policy_values, random_mdp

RANGES = {"discount": (0.0, 1.0), "slip": (0.0, 1.0), "living_reward": (-20.0, 20.0)}
# name: (the exits that it may come to, along the ledge?, the hint)
WANTED = {
    "near_round_top": ("1", False, "Impatient, and afraid of the cliff: what makes a cliff dangerous?"),
    "far_along_ledge": ("9", True, "Patient, and not afraid; every step it saves should count."),
    "far_round_top": ("9", False, "Patient, and afraid of the cliff."),
    "never_exit": ("", False, "When is staying worth more than any exit?"),
    "cross_bridge": ("9", False, "A little slip is allowed; the big exit must not be discounted away."),
}


def read_knobs(choices, name):
    """Read one behaviour's three numbers."""
    expect(isinstance(choices, dict) and isinstance(choices.get(name), dict), f"design() has no dict for {name}")
    knobs = []
    for knob, (low, high) in RANGES.items():
        expect(knob in choices[name], f"{name} has no {knob!r}")
        value = float(choices[name][knob])
        expect(low < value < high if knob == "discount" else low <= value <= high, f"{name}: {knob} is out of range")
        knobs.append(value)
    return knobs


def expect_behaviour(student, reference, name):
    """Judge one behaviour by solving the MDP with the student's numbers."""
    discount, slip, living_reward = read_knobs(student.design(), name)
    plan = "BRIDGE" if name == "cross_bridge" else "LEDGE"
    text, paid = getattr(reference, plan), getattr(reference, f"{plan}_REWARDS")
    exits, along_ledge = judge_design(text, paid, discount, slip, living_reward)
    wanted, wanted_ledge, hint = WANTED[name]
    expect(exits == wanted, f"{name}: an optimal policy comes to another exit, or to none", hint=hint)
    if name == "cross_bridge":
        expect(slip >= 0.01, f"{name}: the floor does not slip", hint="slip of at least 0.01 is asked for.")
    elif name != "never_exit":
        expect(along_ledge == wanted_ledge, f"{name}: an optimal policy takes the other way", hint=hint)


@question("6.1 design", points=0.6)
def test_near_round_top(student, reference):
    """With the numbers of near_round_top the robot takes the small exit, round the top."""
    expect_behaviour(student, reference, "near_round_top")


@question("6.1 design", points=0.6)
def test_far_along_ledge(student, reference):
    """With the numbers of far_along_ledge the robot takes the big exit, along the ledge."""
    expect_behaviour(student, reference, "far_along_ledge")


@question("6.1 design", points=0.6)
def test_far_round_top(student, reference):
    """With the numbers of far_round_top the robot takes the big exit, round the top."""
    expect_behaviour(student, reference, "far_round_top")


@question("6.1 design", points=0.6)
def test_never_exit(student, reference):
    """With the numbers of never_exit the robot comes to no exit, ever."""
    expect_behaviour(student, reference, "never_exit")


@question("6.1 design", points=0.6)
def test_cross_bridge(student, reference):
    """With the numbers of cross_bridge the robot crosses, although the floor slips."""
    expect_behaviour(student, reference, "cross_bridge")


def shaped_world(student, rng, num_states, gamma):
    """Draw a world with a terminal state and a potential, and shape it with the student's function."""
    transition, rewards = random_mdp(rng, num_states, 4)
    terminal = np.arange(num_states) == num_states - 1
    potential = 5 * rng.standard_normal(num_states)
    shaped = student.shape(rewards, transition, potential, terminal, gamma)
    expect_shape(shaped, rewards.shape, axes="(S, A)", what="shaped rewards")
    return transition, rewards, terminal, potential, np.asarray(shaped, dtype=float)


@question("6.2 shape", points=1)
def test_optimal_policy_stays(student, rng):
    """In random worlds, what is optimal with shaping is optimal without."""
    for _ in range(3):
        transition, rewards, _, _, shaped = shaped_world(student, rng, 25, 0.9)
        values = optimal_values(transition, shaped, 0.9)
        greedy = np.argmax(shaped + 0.9 * transition @ values, axis=1)
        loss = np.max(optimal_values(transition, rewards, 0.9) - policy_values(transition, rewards, greedy, 0.9))
        # both values are solved to 1e-9; ties may fall either way at no loss
        expect(
            loss < 1e-6, "the shaped optimum is not optimal for the real reward",
            hint="gamma * Phi(s') - Phi(s), with the same gamma as the MDP.",
        )  # fmt: skip


@question("6.2 shape", points=1)
def test_values_shift_by_the_potential(student, rng):
    """In random worlds the optimal values shift by exactly the potential, and by nothing once the episode is over."""
    transition, rewards, terminal, potential, shaped = shaped_world(student, rng, 40, 0.95)
    expected = optimal_values(transition, rewards, 0.95) - np.where(terminal, 0.0, potential)
    # values of size 10 solved to 1e-9 on both sides
    expect_close(
        optimal_values(transition, shaped, 0.95), expected, atol=1e-6, rtol=0, what="optimal values after shaping",
        hint="V'(s) = V(s) - Phi(s), where Phi counts as zero at terminal states.",
    )  # fmt: skip


@question("6.2 shape", points=1)
def test_several_terminal_states(student, reference, rng):
    """Several terminal states and whole-number potentials are handled, the given rewards are kept."""
    transition, rewards = random_mdp(rng, 12, 3)
    terminal = np.isin(np.arange(12), [2, 7, 11])
    transition[terminal], rewards[terminal] = np.eye(12)[terminal][:, None, :], 0.0
    potential = rng.integers(-9, 9, 12)
    shaped = student.shape(rewards, transition, potential, terminal, 0.7)
    expect_shape(shaped, (12, 3), axes="(S, A)", what="shaped rewards")
    expect_close(
        shaped, reference.shape(rewards, transition, potential, terminal, 0.7), what="shaped rewards",
        hint="Add the bonus to the rewards; zero the potential wherever terminal is true, before and after a step.",
    )  # fmt: skip
