"""Hidden tests of section 9: rewards of many robots at any time; handed-in policies on the grader's own robots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, linear, question

from .quadruped_judge import rise, track

THRESHOLDS = json.loads((Path(__file__).parents[1] / "thresholds.json").read_text())

COSTS = ("bounce", "tumbling", "tilt", "joint_speed", "action_change")


def robots(rng, num):
    """N robots that do anything."""
    gravity = rng.normal(size=(num, 3))
    return {
        "velocity": rng.normal(size=(num, 3)), "turn": rng.normal(size=(num, 3)),
        "gravity": gravity / np.linalg.norm(gravity, axis=1, keepdims=True), "speeds": 5 * rng.normal(size=(num, 12)),
        "change": rng.uniform(-1, 1, (num, 12)), "command": rng.uniform(-1, 1, (num, 3)),
    }  # fmt: skip


def kernel(x):
    """The logistic kernel in another form."""
    return -0.25 / np.cosh(0.5 * x) ** 2


@question("9.1 reward_terms", points=0.5)
def test_tracking_of_many(student, rng):
    """For many robots both tracking terms are the kernel of their errors, at any width."""
    for num, width in ((1, 0.5), (7, 1.0), (300, 0.2)):
        world = robots(rng, num)
        terms = student.reward_terms(**world, width=width, iteration=0)
        miss = np.hypot(*(world["command"][:, :2] - world["velocity"][:, :2]).T)
        yaw_miss = world["command"][:, 2] - world["turn"][:, 2]
        expect_shape(terms["velocity"], (num,), axes="(N,)", what="velocity")
        expect_close(terms["velocity"], -4 * kernel(2 * miss / width), atol=1e-9, what="velocity")
        expect_close(terms["yaw_rate"], -2 * kernel(4 * yaw_miss), atol=1e-9, what="yaw_rate")


@question("9.1 reward_terms", points=0.5)
def test_costs_of_many(student, rng):
    """For many robots each of the five costs has its weight, its sum or its mean, and the curriculum's factor."""
    for num, iteration in ((1, 0), (5, 1), (40, 350), (3, 3000)):
        world = robots(rng, num)
        terms = student.reward_terms(**world, width=0.5, iteration=iteration)
        factor = 0.3
        for _ in range(iteration):
            factor = factor**0.997
        expected = {
            "bounce": world["velocity"][:, 2] ** 2,
            "tumbling": 0.02 * (world["turn"][:, 0] ** 2 + world["turn"][:, 1] ** 2),
            "tilt": 1 - world["gravity"][:, 2] ** 2,
            "joint_speed": 0.002 / 12 * np.sum(world["speeds"] ** 2, axis=1),
            "action_change": 0.1 / 12 * np.sum(world["change"] ** 2, axis=1),
        }
        for name in COSTS:
            expect_shape(terms[name], (num,), axes="(N,)", what=name)
            expect_close(terms[name], -factor * expected[name], atol=1e-9, what=name)


@question("9.1 reward_terms", points=0.5)
def test_the_curriculum_leaves_tracking_alone(student, rng):
    """Tracking is paid alike at all times; the costs only grow."""
    world = robots(rng, 20)
    early, late = (student.reward_terms(**world, width=0.5, iteration=j) for j in (0, 2000))
    for name in ("velocity", "yaw_rate"):
        expect_close(early[name], late[name], atol=1e-12, what=name, hint="k_c does not touch the tracking terms.")
    for name in COSTS:
        ratio = np.asarray(late[name]) / np.asarray(early[name])
        # 0.3^(0.997^2000) / 0.3 = 3.324
        expect_close(ratio, np.full(20, 0.3 ** (0.997**2000 - 1)), rtol=1e-9, what=f"how {name} grew")


@question("9.1 reward_terms", points=0.5)
def test_far_off(student):
    """A robot that is hopelessly far off earns nothing for tracking, and pays nothing either."""
    far = np.array([[15.0, 0.0, 0.0], [0.0, -20.0, 9.0], [0.0, 0.0, -40.0]])
    nothing = np.zeros((3, 12))
    world = {"velocity": 0 * far, "turn": 0 * far, "gravity": 0 * far - [0, 0, 1], "speeds": nothing, "change": nothing}
    terms = student.reward_terms(**world, command=far, width=0.5, iteration=10)
    velocity, yaw_rate = np.asarray(terms["velocity"]), np.asarray(terms["yaw_rate"])
    expect(bool(np.isfinite(velocity).all() and np.isfinite(yaw_rate).all()), "a tracking term is not finite")
    expect_close(velocity, [0.0, 0.0, 1.0], atol=1e-9, what="velocity, far off")
    expect_close(yaw_rate, [0.5, 0.0, 0.0], atol=1e-9, what="yaw_rate, far off")


def scaled(name, value):
    """Turn a measured value into credit by the scale of a threshold."""
    return linear(value, THRESHOLDS[name]["zero"], THRESHOLDS[name]["bound"])


@question("9.2 velocity_tracking", points=2)
def test_follows_any_command(student, seed, credit):
    """64 robots follow two commands each, forwards, sideways and turning; a fall counts as an error of 1 m/s to the end."""
    policy = student.load_policy("velocity.npz")
    errors, fallen = track(policy, "QuadrupedVelocity-v0", seed, 64)
    error = float(errors.mean())
    credit(scaled("9.2 velocity_tracking any", error), measured=f"{error:.3f} m/s off, {fallen:.0%} fell")


@question("9.2 velocity_tracking", points=1.5)
def test_follows_the_papers_commands(student, seed, credit):
    """At 0.25, 0.5, 0.75 and 1 m/s forwards, the worst of four mean errors in the second half of 5 s is small."""
    policy = student.load_policy("velocity.npz")
    runs = [track(policy, "QuadrupedVelocity-v0", seed, 16, (v, 0.0, 0.0))[0][125:] for v in (0.25, 0.5, 0.75, 1.0)]
    worst = max(float(errors.mean()) for errors in runs)
    credit(scaled("9.2 velocity_tracking worst", worst), measured=f"at worst {worst:.3f} m/s off")


@question("9.3 sprint", points=2)
def test_runs_as_told(student, seed, credit):
    """64 robots follow two commands each of 0.5 to 2.5 m/s; a fall counts as an error of 1 m/s to the end."""
    errors, fallen = track(student.load_policy("sprint.npz"), "QuadrupedSprint-v0", seed, 64)
    error = float(errors.mean())
    credit(scaled("9.3 sprint any", error), measured=f"{error:.3f} m/s off, {fallen:.0%} fell")


@question("9.3 sprint", points=1)
def test_reaches_the_top_speed(student, seed, credit):
    """Told to run at 2.5 m/s, 16 robots are near it in the last 1.5 s of 5 s."""
    errors, fallen = track(student.load_policy("sprint.npz"), "QuadrupedSprint-v0", seed, 16, (2.5, 0.0, 0.0))
    error = float(errors[-75:].mean())
    credit(scaled("9.3 sprint top", error), measured=f"{error:.3f} m/s off, {fallen:.0%} fell")


@question("9.4 recovery", points=1)
def test_rises_from_the_belly(student, rng, credit):
    """Of 64 robots on their bellies, many stand quietly after 5 s."""
    share = rise(student.load_policy("recovery.npz"), rng, 64, on_back=False)
    credit(scaled("9.4 recovery belly", share), measured=f"{share:.0%} stand")


@question("9.4 recovery", points=2)
def test_rises_from_the_back(student, rng, credit):
    """Of 64 robots on their backs, many stand quietly after 5 s."""
    share = rise(student.load_policy("recovery.npz"), rng, 64, on_back=True)
    credit(scaled("9.4 recovery back", share), measured=f"{share:.0%} stand")
