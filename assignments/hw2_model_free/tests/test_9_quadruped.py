"""Public tests of section 9: the reward's terms by hand."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, expect_close, expect_shape, question

NAMES = ("velocity", "yaw_rate", "bounce", "tumbling", "tilt", "joint_speed", "action_change")


def one_robot(**changes):
    """One robot that stands level and still and is told to, with some of it changed."""
    still = {
        "velocity": np.zeros((1, 3)), "turn": np.zeros((1, 3)), "gravity": np.array([[0.0, 0.0, -1.0]]),
        "speeds": np.zeros((1, 12)), "change": np.zeros((1, 12)), "command": np.zeros((1, 3)),
        "width": 0.5, "iteration": 0,
    }  # fmt: skip
    return {**still, **changes}


@question("9.1 reward_terms", points=1)
def test_by_hand(student):
    """On the command it earns 1 and 0.5; half a metre a second off 0.42; hopping costs 0.3 v²."""
    terms = student.reward_terms(**one_robot())
    expect(isinstance(terms, dict) and sorted(terms) == sorted(NAMES), f"is no dict of {', '.join(NAMES)}")
    for name in NAMES:
        expect_shape(terms[name], (1,), axes="(N,)", what=name)
    expect_close(terms["velocity"], [1.0], atol=1e-6, what="velocity, on the command",
                 hint="K(0) is -1/4, a cost.")  # fmt: skip
    expect_close(terms["yaw_rate"], [0.5], atol=1e-6, what="yaw_rate, on the command")
    off = student.reward_terms(**one_robot(command=np.array([[0.3, -0.4, 0.0]])))
    expect_close(off["velocity"], [0.419974], atol=1e-5, what="velocity, 0.5 m/s off",
                 hint="The norm of the error in the plane, times 2 / width, goes into K.")  # fmt: skip
    hopping = one_robot(velocity=np.array([[0.0, 0.0, 2.0]]))
    before = student.reward_terms(**hopping)
    expect_close(before["bounce"], [-1.2], atol=1e-6, what="bounce before the first update")
    later = student.reward_terms(**{**hopping, "iteration": 100})
    expect_close(later["bounce"], [-4 * 0.410031], atol=1e-4, what="bounce after 100 updates",
                 hint="k_c is raised to the power k_d at every update.")  # fmt: skip
