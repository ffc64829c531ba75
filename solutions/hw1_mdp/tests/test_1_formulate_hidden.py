"""Hidden tests of homework 1, section 1: properties over the workspace, and on trajectories in MuJoCo."""

from __future__ import annotations

import numpy as np

from autograder.testing import expect, question
from environments.reacher import GOAL_RADIUS, GOAL_SPEED, TORQUE_LIMIT, forward_kinematics

from .arm_worlds import REACH, drive, ended, look_alikes, paid, random_situation, reaching, seen

GAMMA = 0.99


@question("1.1 observe", points=1)
def test_nothing_that_matters_is_missing(student, rng):
    """Whatever changes a little (a joint, a velocity, the target), the observation shows it."""
    step = 1e-5  # central differences in float64: error about 1e-10
    for _ in range(3):
        situation = np.concatenate(random_situation(rng))
        columns = []
        for k in range(6):
            ahead, behind = situation + step * np.eye(6)[k], situation - step * np.eye(6)[k]
            columns.append(
                (seen(student, *np.split(ahead, 3)) - seen(student, *np.split(behind, 3))) / (2 * step)
            )
        changes = np.array(columns).T  # (O, 6): by shoulder, elbow, their velocities, target x, target y
        changes = changes / max(float(np.max(np.abs(changes))), 1e-12)
        shown = np.linalg.svd(changes, compute_uv=False)  # min(O, 6) values: how clearly each direction shows
        # Turning the arm and the target together about the shoulder changes nothing that matters: a formulation may
        # leave it out, and no other direction. Values are 1e-10 where something is missing, 1e-2 in fair scales.
        turn = np.array([1.0, 0.0, 0.0, 0.0, -situation[5], situation[4]])
        turned_away = len(shown) >= 5 and shown[4] > 1e-6 and np.max(np.abs(changes @ turn)) < 1e-6
        expect(
            turned_away or (len(shown) >= 6 and shown[5] > 1e-6),
            "two situations that need different torques look the same",
            hint="Pose, velocity of BOTH joints, and where the target is: which of them can one not read off?",
        )


@question("1.1 observe", points=1)
def test_mirror_images_look_different(student, rng):
    """Poses that share the fingertip, and mirrored poses, targets and velocities, look different."""
    for _ in range(3):
        for name, (one, other) in look_alikes(*random_situation(rng)).items():
            here, there = seen(student, *one), seen(student, *other)
            scale = max(1e-12, float(np.max(np.abs(here))))
            expect(
                len(there) == len(here) and np.max(np.abs(there - here)) > 1e-6 * scale,
                f"two situations look the same: {name}",
                hint="A cosine does not know the sign of its angle, a sine not the side; a fingertip not how the elbow bends.",
            )


@question("1.1 observe", points=0.5)
def test_a_winding_arm_looks_the_same_and_never_jumps(student, rng):
    """On a trajectory through several turns the observation never jumps, however often the joints have turned."""
    qpos, _, target = random_situation(rng)
    motion = drive(qpos, np.zeros(2), np.tile([1.5, -1.0], (150, 1)))  # 6 s: several turns
    looks = np.array([seen(student, q, v, target) for q, v in zip(motion.qpos, motion.qvel)])
    turns = 2 * np.pi * np.array([2, -3])
    wound = np.array([seen(student, q + turns, v, target) for q, v in zip(motion.qpos, motion.qvel)])
    scale = max(1e-12, float(np.max(np.abs(looks))))
    expect(
        looks.shape == wound.shape and np.max(np.abs(looks - wound)) <= 1e-9 * scale,
        "an arm that has turned a few times looks different",
        hint="Only the point on the circle matters, not how often it was passed.",
    )
    expect(
        np.max(np.ptp(looks, axis=0)) > 1e-3 * scale,
        "an arm that turns through several turns looks the same all the time",
        hint="Is the pose in the observation?",
    )
    # Near 180 degrees of either joint: a millionth of a radian before and after.
    for joint in range(2):
        pose = qpos.copy()
        pose[joint] = np.pi
        hair = 1e-6 * np.eye(2)[joint]
        jump = seen(student, pose + hair, np.zeros(2), target) - seen(
            student, pose - hair, np.zeros(2), target
        )
        expect(
            np.max(np.abs(jump)) <= 1e-3 * scale,  # a smooth observation moves by about 1e-6 of its scale
            "the observation jumps where a joint passes 180 degrees",
            hint="An angle wrapped into one turn has a seam; its cosine and sine have none.",
        )


@question("1.2 reward", points=0.5)
def test_the_target_is_optimal_everywhere(student, rng):
    """Over the workspace, no place and no torque pays more than the target without torque, and far pays less."""
    for _ in range(4):
        _, _, target = random_situation(rng)
        best = paid(student, target, target, np.zeros(2))
        for _ in range(12):
            qpos, _, _ = random_situation(rng)
            tip = forward_kinematics(qpos)
            earned = paid(student, tip, target, rng.uniform(-TORQUE_LIMIT, TORQUE_LIMIT, 2))
            expect(
                earned <= best + 1e-12 and (np.linalg.norm(tip - target) < 0.3 or earned < best),
                "some place or torque pays as much as resting on the target",
                hint="The best place is one point, not a circle or a line around the shoulder.",
            )
            expect(
                abs(earned) <= 1000.0,
                "the reward is larger than 1000 in size",
                hint="Bounded everywhere, please.",
            )


@question("1.2 reward", points=0.5)
def test_nearer_is_never_worse(student, rng):
    """Along a straight line to the target the reward never falls, from any side."""
    for _ in range(5):
        _, _, target = random_situation(rng)
        angle = rng.uniform(-np.pi, np.pi)
        line = np.linspace(1.2, 0.0, 20)[:, None] * np.array([np.cos(angle), np.sin(angle)])
        earned = np.array([paid(student, target + away, target, np.zeros(2)) for away in line])
        expect(
            np.all(np.diff(earned) >= -1e-9 * max(1.0, float(np.max(np.abs(earned)))))
            and earned[-1] > earned[0],
            "a step straight towards the target lowers the reward, or the whole way gains nothing",
            hint="Use the distance between fingertip and target.",
        )


@question("1.2 reward", points=0.5)
def test_only_the_view_from_the_target_matters(student, rng):
    """Fingertip and target moved together by the same amount pay the same; any torque costs, more torque no less."""
    for _ in range(5):
        qpos, _, target = random_situation(rng)
        tip, torque = forward_kinematics(qpos), rng.uniform(-1.0, 1.0, 2)
        here = paid(student, tip, target, torque)
        moved = rng.uniform(-0.5, 0.5, 2)
        expect(
            abs(paid(student, tip + moved, target + moved, torque) - here) <= 1e-9 * max(1.0, abs(here)),
            "the reward depends on where the target is in the world",
            hint="Use the difference of the two positions only.",
        )
        free, dear = paid(student, tip, target, np.zeros(2)), paid(student, tip, target, 2 * torque)
        expect(
            dear <= here < free,
            "a torque costs nothing, or twice the torque costs less",
            hint="The price of effort must be the same in all directions and grow with its size.",
        )


def worth(student, motion, target, num_steps, ends):
    """Return the discounted sum of rewards of a motion, which then ends or rests where it is for ever."""
    total = 0.0
    for t in range(num_steps):
        total += GAMMA**t * paid(student, motion.fingertip_world[t], target, motion.torque[t])
    if not ends:
        resting = paid(student, motion.fingertip_world[num_steps - 1], target, np.zeros(2))
        total += GAMMA**num_steps * resting / (1 - GAMMA)
    return total


def arrival(motion, target):
    """Return after how many steps the motion is at rest on the target, with a margin."""
    near = np.linalg.norm(motion.fingertip_world - target, axis=1) < 0.9 * GOAL_RADIUS
    slow = np.max(np.abs(motion.qvel), axis=1) < 0.9 * GOAL_SPEED
    return int(np.flatnonzero(near & slow)[0]) + 1


@question("1.2 reward", points=1.5)
def test_reaching_pays_in_physics(student, rng):
    """In MuJoCo, an arm that reaches, at its best pace, earns more than one that hovers and one that never moves."""
    for _ in range(2):
        start, target, pairs = reaching(rng, (2.0, 4.0, 6.0))  # s: brisk, easy, gentle; effort may be dear
        reach = max(worth(student, motion, target, arrival(motion, target), ends=True) for motion, _ in pairs)
        still = paid(student, forward_kinematics(start), target, np.zeros(2)) / (1 - GAMMA)
        expect(
            reach > still,
            "an arm that reaches its target earns less than one that never moves",
            hint="Is effort too dear? Or is every step paid, so that it is a loss to end? After the end there is nothing.",
        )
        hover = max(worth(student, motion, target, len(motion.qpos), ends=False) for _, motion in pairs)
        expect(
            reach > hover,
            "hovering 12 cm beside the target for ever earns more than reaching it",
            hint="A step before the end must not be paid better than the end, which is worth nothing more.",
        )


@question("1.3 done", points=1)
def test_reached_means_near_and_slow(student, rng):
    """Just inside both bounds terminates; just outside either one does not, in any direction."""
    for _ in range(6):
        _, _, target = random_situation(rng)
        angle = rng.uniform(-np.pi, np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        speeds = rng.choice([-1.0, 1.0], 2) * GOAL_SPEED
        one_fast = np.where(np.arange(2) == rng.integers(2), 1.2, 0.2) * speeds
        cases = (
            (0.9 * GOAL_RADIUS, 0.6 * speeds, True, "near and slow does not terminate"),
            (1.1 * GOAL_RADIUS, 0.6 * speeds, False, "terminates outside the goal radius"),
            (0.5 * GOAL_RADIUS, one_fast, False, "terminates while a joint is too fast"),
            (REACH, np.zeros(2), False, "terminates far from the target, where the arm happens to rest"),
        )
        for away, qvel, expected, message in cases:
            terminated, truncated = ended(student, target + away * direction, qvel, target, 3, 50)
            expect(
                terminated == expected,
                message,
                hint="Distance in the plane below GOAL_RADIUS AND each |speed| below GOAL_SPEED.",
            )
            expect(not truncated, "truncated long before the step limit")


@question("1.3 done", points=0.5)
def test_the_clock_strikes_at_the_limit(student, rng):
    """Truncated at the step limit and after it, not one step before, whatever the limit is."""
    away = np.array([0.4, 0.0])
    for limit in (1, 17, 500):
        for step in (limit - 1, limit, limit + 1):
            terminated, truncated = ended(student, away, np.zeros(2), -away, step, limit)
            expect(
                truncated == (step >= limit),
                "truncated one step too early or too late",
                hint="step counts this step too: the last one has step == step_limit.",
            )
            expect(not terminated, "the clock terminates", hint="A time limit is not a death.")


@question("1.3 done", points=0.5)
def test_arriving_at_the_last_moment_counts(student, rng):
    """An arm that reaches in its very last step has reached."""
    _, _, target = random_situation(rng)
    terminated, _ = ended(student, target, np.zeros(2), target, 60, 60)
    expect(
        terminated,
        "a reach in the last step does not terminate",
        hint="The two flags do not know of each other.",
    )


@question("1.3 done", points=1)
def test_agrees_with_physics(student, rng):
    """On motions in MuJoCo it terminates where the arm has come to rest on the target, and not on the way."""
    _, target, pairs = reaching(rng, (1.2, 2.0))
    motions = [motion for pair in pairs for motion in pair]
    flown = drive(motions[0].qpos[0], np.zeros(2), np.tile([0.6, 0.3], (60, 1)))
    places = [(motion, target) for motion in motions] + [(flown, flown.fingertip_world[t]) for t in (20, 40)]
    for motion, goal in places:
        distance = np.linalg.norm(motion.fingertip_world - goal, axis=1)
        speed = np.max(np.abs(motion.qvel), axis=1)
        unclear = (np.abs(distance - GOAL_RADIUS) < 1e-3) | (np.abs(speed - GOAL_SPEED) < 0.02)
        for t in np.flatnonzero(~unclear):
            terminated, truncated = ended(
                student, motion.fingertip_world[t], motion.qvel[t], goal, int(t) + 1, 500
            )
            expect(
                terminated == (distance[t] < GOAL_RADIUS and speed[t] < GOAL_SPEED),
                "terminated disagrees with where the arm is and how fast it moves",
                hint="Watch an arm that swings through the target, and one that rests beside it.",
            )
            expect(not truncated, "truncated long before the step limit")
