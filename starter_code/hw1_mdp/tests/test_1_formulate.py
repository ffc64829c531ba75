"""Public tests of homework 1, section 1: properties that any right formulation of reaching has."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_equal, expect_shape, question

TARGET = np.array([0.3, 0.6])  # m
STILL = np.zeros(2)  # rad/s, and N m
BENT = np.array([0.4, 1.1])  # rad


def seen(student, qpos, qvel, target_world):
    """Observe a situation and read the result."""
    observation = student.observe(qpos, qvel, target_world)
    expect_shape(
        observation, (None,), axes="(O,)", what="observation", hint="One flat array: np.concatenate."
    )
    observation = np.asarray(observation)
    expect(
        observation.dtype.kind in "iuf" and np.all(np.isfinite(observation)),
        "the observation holds something but finite numbers",
    )
    return observation.astype(float)


def paid(student, fingertip_world, target_world, torque):
    """Ask for one reward and read it."""
    earned = student.reward(np.asarray(fingertip_world), np.asarray(target_world), np.asarray(torque))
    expect_shape(earned, (), what="reward", hint="Return one number.")
    earned = np.asarray(earned)
    expect(earned.dtype.kind in "iufb" and bool(np.isfinite(earned)), "the reward is not a finite number")
    return float(earned)


def ended(student, fingertip_world, qvel, target_world, step, step_limit):
    """Ask whether it is over and read the two flags."""
    flags = student.done(
        np.asarray(fingertip_world), np.asarray(qvel), np.asarray(target_world), step, step_limit
    )
    expect(
        isinstance(flags, tuple | list) and len(flags) == 2,
        "does not return two things: terminated, truncated",
    )
    for name, flag in zip(("terminated", "truncated"), flags):
        expect(
            np.shape(flag) == () and np.asarray(flag).dtype.kind == "b",
            f"{name} is not True or False",
            hint="Compare with < and >=, combine with `and`, and reduce arrays with np.all.",
        )
    return bool(flags[0]), bool(flags[1])


@question("1.1 observe", points=0.5)
def test_an_observation_is_a_fixed_number_of_finite_numbers(student):
    """An observation is a flat array of finite numbers, as long and the same each time it is asked for."""
    first = seen(student, BENT, STILL, TARGET)
    other = seen(student, -BENT, np.array([3.0, -5.0]), -TARGET)
    expect_equal(len(other), len(first), what="length of the observation")
    again = seen(student, BENT, STILL, TARGET)
    expect(
        np.array_equal(first, again),
        "the same situation looks different the second time",
        hint="An observation may depend on its arguments only: no memory, no randomness.",
    )


@question("1.1 observe", points=0.5)
def test_a_full_turn_changes_nothing(student):
    """A full turn of a joint leaves the observation as it was, and half a turn does not."""
    here = seen(student, BENT, STILL, TARGET)
    for half_turn in ([np.pi, 0.0], [0.0, np.pi]):
        there = seen(student, BENT + half_turn, STILL, TARGET)
        expect(
            len(there) == len(here) and np.max(np.abs(there - here)) > 1e-6,
            "the arm looks the same after half a turn of a joint",
            hint="Is the pose of both joints in the observation?",
        )
    for turn in ([2 * np.pi, 0.0], [0.0, -2 * np.pi]):
        there = seen(student, BENT + turn, STILL, TARGET)
        # cos and sin of an angle and of the angle plus 2 pi differ by about 1e-15
        expect(
            len(there) == len(here) and np.max(np.abs(there - here)) < 1e-9,
            "the arm looks different after a full turn",
            hint="Which two numbers say where a point is on a circle?",
        )


@question("1.1 observe", points=0.5)
def test_a_moving_arm_looks_different(student):
    """An arm in motion looks different from the same arm at rest, and from one that moves the other way."""
    rest = seen(student, BENT, STILL, TARGET)
    for joint in range(2):
        velocity = np.eye(2)[joint]
        forth, back = seen(student, BENT, velocity, TARGET), seen(student, BENT, -velocity, TARGET)
        expect(
            not np.allclose(forth, rest, rtol=0, atol=1e-9)
            and not np.allclose(forth, back, rtol=0, atol=1e-9),
            f"the velocity of joint {joint} is not in the observation",
            hint="The next pose depends on the pose and on how fast it changes.",
        )


@question("1.2 reward", points=1)
def test_the_target_is_the_best_place(student):
    """Nothing pays more than the fingertip on the target without torque, and far away pays less."""
    best = paid(student, TARGET, TARGET, STILL)
    for away in ([0.01, 0.0], [0.0, -0.1], [-0.3, 0.0], [0.2, 0.4]):
        expect(
            paid(student, TARGET + away, TARGET, STILL) <= best + 1e-12,
            f"{np.hypot(*away):.2f} m from the target pays more than the target itself",
            hint="Is the sign of the distance right?",
        )
    expect(
        paid(student, TARGET + np.array([0.3, -0.4]), TARGET, STILL) < best,
        "half a metre from the target pays as much as the target itself",
    )


@question("1.2 reward", points=0.5)
def test_effort_costs(student):
    """A torque in either motor, in either direction, pays less than none at the same place."""
    for torque in ([1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [1.0, -1.0]):
        expect(
            paid(student, TARGET + 0.1, TARGET, torque) < paid(student, TARGET + 0.1, TARGET, STILL),
            f"torques of {torque} N m cost nothing",
            hint="A cost must not depend on the direction: square the torques, or take absolute values.",
        )


@question("1.2 reward", points=0.5)
def test_the_reward_is_bounded_at_the_target(student):
    """On the target, and a hair beside it, the reward is finite, at most 1000 in size, and not a constant."""
    expect(
        paid(student, TARGET + np.array([0.4, -0.3]), TARGET, STILL) != paid(student, TARGET, TARGET, STILL),
        "the reward does not depend on where the fingertip is",
    )
    for away in (0.0, 1e-12, 1e-6, 1e-3):
        earned = student.reward(TARGET + np.array([away, 0.0]), TARGET, STILL)
        expect_shape(earned, (), what="reward", hint="Return one number.")
        earned = np.asarray(earned)
        expect(
            earned.dtype.kind in "iufb" and bool(np.isfinite(earned)) and abs(float(earned)) <= 1000.0,
            f"the reward {away:g} m from the target is not finite, or larger than 1000",
            hint="Something like 1 / distance or log(distance) has no bound. What would an arm do for it?",
        )


@question("1.3 done", points=0.5)
def test_resting_on_the_target_terminates(student):
    """At rest on the target the task has ended; at rest far from it, it has not."""
    expect_equal(ended(student, TARGET, STILL, TARGET, 7, 100), (True, False), what="(terminated, truncated)")
    expect_equal(
        ended(student, TARGET + 0.3, STILL, TARGET, 7, 100), (False, False), what="(terminated, truncated)"
    )


@question("1.3 done", points=1)
def test_a_time_limit_is_not_a_death(student):
    """When time is up far from the target, the episode is truncated and not terminated."""
    expect_equal(
        ended(student, TARGET + 0.3, STILL, TARGET, 100, 100), (False, True), what="(terminated, truncated)",
        hint="The clock is ours, not the world's: the last state is still worth something.",
    )  # fmt: skip


@question("1.3 done", points=0.5)
def test_flying_through_the_target_is_not_reaching(student):
    """An arm that passes the target at speed has not reached, whichever joint moves, in either direction."""
    expect_equal(ended(student, TARGET, STILL, TARGET, 7, 100)[0], True, what="terminated, at rest")
    for qvel in ([2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [0.0, -2.0]):
        expect_equal(
            ended(student, TARGET, qvel, TARGET, 7, 100)[0], False, what="terminated",
            hint="Each joint must be slower than GOAL_SPEED, in either direction.",
        )  # fmt: skip
