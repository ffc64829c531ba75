"""What physics says about the quadruped, and what its tasks promise."""

from __future__ import annotations

import copy

import mujoco
import numpy as np
import pytest

from environments import quadruped
from environments.quadruped import (
    NOMINAL_POSE,
    QuadrupedPhysics,
    QuadrupedRecovery,
    QuadrupedSprint,
    QuadrupedVelocity,
    Randomisation,
)
from environments.quadruped.actuators import Servo
from environments.quadruped.lying import settle
from environments.quadruped.model import load_model, load_scene
from environments.quadruped.motion import TRACKING_TERMS, Motion
from environments.quadruped.task import JOINT_LIMIT, Starts, draw_start, num_commands
from tests.environments.robots import hold, standing

REST = np.zeros(12)


# Physics


def test_the_model_weighs_30_kg_and_is_mirrored():
    model = load_model()
    assert model.body_mass.sum() == pytest.approx(29.98)
    assert model.body("trunk").mass[0] == pytest.approx(16.5)
    legs = [
        [model.body(f"{leg}_{part}").mass[0] for part in ("hip", "thigh", "shank")] for leg in quadruped.LEGS
    ]
    np.testing.assert_allclose(legs, [[1.4, 1.6, 0.37]] * 4)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(data.subtree_com[model.body("trunk").id][:2], 0, atol=1e-12)
    np.testing.assert_allclose(np.tile(model.jnt_range[1:, 1].reshape(4, 3)[0], 4), JOINT_LIMIT)


def test_what_is_only_seen_does_not_move_the_robot():
    """Its parts are in the picture, and the physics has the same bits without them."""
    model, scene = load_model(), load_scene()
    assert (model.ngeom, model.ncam) == (18, 0)
    assert (scene.ngeom, scene.ncam) == (47, 2)
    states = []
    for each in (model, scene):
        data = mujoco.MjData(each)
        data.qpos[7:] = NOMINAL_POSE
        mujoco.mj_step(each, data, nstep=400)  # it falls to its knees on the way to angles of 0
        states.append(np.concatenate([data.qpos, data.qvel]))
    np.testing.assert_array_equal(*states)


def test_contact_forces_are_nearly_the_exact_ones():
    """Four sweeps of PGS against Newton to the end, on states of a trot that is pushed about by noise."""
    env, exact = QuadrupedVelocity(), copy.copy(load_model())
    exact.opt.solver, exact.opt.iterations = mujoco.mjtSolver.mjSOL_NEWTON, 100
    env.reset(seed=0, options={"command": (0.7, 0, 0)})
    rng, data, missed = np.random.default_rng(0), mujoco.MjData(exact), []
    for _ in range(200):
        terminated = env.step(np.clip(rng.normal(0, 0.3, 12), -1, 1))[2]
        mujoco.mj_forward(env.physics.model, env.physics.data)
        mujoco.mj_copyState(exact, env.physics.data, data, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_forward(exact, data)
        if data.ncon:
            forces = data.qfrc_constraint
            missed.append(np.linalg.norm(env.physics.data.qfrc_constraint - forces) / np.linalg.norm(forces))
        if terminated:
            env.reset(options={"command": (0.7, 0, 0)})
    assert len(missed) > 150
    assert np.median(missed) < 0.01
    assert np.quantile(missed, 0.95) < 0.1


def test_it_stands_for_five_seconds_on_its_feet_alone():
    robot = standing()
    hold(robot, Servo(), NOMINAL_POSE, 5)
    assert robot.trunk_height() == pytest.approx(0.50, abs=0.02)  # kp 80 sags by 2 cm
    assert robot.uprightness() > 0.999
    assert np.abs(robot.data.qvel).max() < 0.02
    mujoco.mj_forward(robot.model, robot.data)
    touching = {robot.model.geom(g).name for g in robot.data.contact.geom.ravel()}
    assert touching == {"floor", *(f"{leg}_foot" for leg in quadruped.LEGS)}
    force = np.zeros(6)
    total = 0.0
    for i in range(robot.data.ncon):
        mujoco.mj_contactForce(robot.model, robot.data, i, force)
        total += force[0]
    assert total == pytest.approx(29.98 * 9.81, rel=0.01)  # it still breathes a little


def test_it_lies_down_without_torque():
    robot = standing(torque_motors=True)
    robot.model.dof_damping[6:] = 1.0  # limp joints have no friction of their own
    for _ in range(150):
        robot.advance(4)
    assert robot.trunk_height() < 0.2
    assert quadruped.has_fallen(Motion.of(robot.qpos, robot.qvel))[0]
    assert robot.data.qpos[2] > 0.05, "the trunk does not sink into the floor"


def test_a_fall_keeps_momentum_and_energy():
    """Without contact the centre of mass falls freely, and limp legs neither gain nor lose energy."""
    robot = QuadrupedPhysics(torque_motors=True)
    model, data = robot.model, robot.data
    model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    model.opt.timestep = 0.0005
    model.jnt_limited[:] = 0
    qvel = np.random.default_rng(0).normal(0, 1, 18)
    robot.set_configuration([0, 0, 20, 1, 0, 0, 0, *NOMINAL_POSE], qvel)
    mujoco.mj_subtreeVel(model, data)
    before, height, speed = data.energy.sum(), data.subtree_com[1, 2], data.subtree_linvel[1, 2]
    robot.advance(400)
    mujoco.mj_forward(model, data)
    assert data.subtree_com[1, 2] == pytest.approx(height + speed * 0.2 - 9.81 / 2 * 0.2**2, abs=2e-3)
    assert data.energy.sum() == pytest.approx(before, rel=2e-3)


def test_the_trot_walks_at_its_command():
    env = QuadrupedVelocity(step_limit=300)
    for forward in (0.25, 0.5, 0.75):
        env.reset(seed=0, options={"command": (forward, 0, 0)})
        speeds = []
        for _ in range(300):
            target = quadruped.trot(env.episodes.phase(), env.episodes.command, 2.0)
            action = (target - env.episodes.reference())[0] / 0.4
            _, _, terminated, _, info = env.step(np.clip(action, -1, 1))
            assert not terminated
            speeds.append(info["velocity_body"][0])
        assert np.mean(speeds[150:]) == pytest.approx(forward, abs=0.12)  # no feedback


def test_leg_angles_put_the_feet_where_they_are_asked():
    robot = standing()
    rng = np.random.default_rng(0)
    asked = np.array([0, 0, -0.45]) + rng.uniform(-0.08, 0.08, (4, 3)) * [1, 0, 1]
    pose = quadruped.leg_angles(asked)
    robot.set_configuration([0, 0, 1, 1, 0, 0, 0, *pose], np.zeros(18))
    feet = robot.foot_positions_world() - [0, 0, 1]
    hips = np.array([[0.335, 0.215, 0], [0.335, -0.215, 0], [-0.335, 0.215, 0], [-0.335, -0.215, 0]])
    np.testing.assert_allclose(feet, hips + asked, atol=1e-9)
    np.testing.assert_allclose(
        quadruped.leg_angles([[0, 0, -0.56 * np.cos(0.5)]] * 4), NOMINAL_POSE, atol=1e-9
    )


def test_marking_time_is_a_trot_without_a_command():
    phase = np.linspace(0, 1, 101, endpoint=False)
    np.testing.assert_allclose(
        quadruped.mark_time(phase), quadruped.trot(phase, np.zeros((101, 3)), 2.0), atol=1e-12
    )


def test_body_frame_agrees_with_mujoco():
    rng = np.random.default_rng(0)
    quat = rng.normal(size=(20, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    vectors = rng.normal(size=(20, 3))
    for q, v, got, down in zip(quat, vectors, quadruped.to_body(quat, vectors), quadruped.gravity_body(quat)):
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, q)
        np.testing.assert_allclose(got, matrix.reshape(3, 3).T @ v, atol=1e-12)
        np.testing.assert_allclose(down, matrix.reshape(3, 3).T @ [0, 0, -1], atol=1e-12)


# Tasks


def test_the_reward_is_the_sum_of_its_named_terms():
    for env in (QuadrupedVelocity(), QuadrupedSprint(), QuadrupedRecovery()):
        _, info = env.reset(seed=0)
        assert set(info["reward_terms"].values()) == {0.0}
        env.action_space.seed(0)
        for _ in range(30):
            _, reward, terminated, _, info = env.step(env.action_space.sample())
            assert reward == pytest.approx(sum(info["reward_terms"].values()))
            if terminated:
                break


def test_the_best_tracking_reward_is_at_the_command():
    qpos = np.array([[0, 0, 0.5, 1, 0, 0, 0, *NOMINAL_POSE]])
    qvel = np.zeros((1, 18))
    qvel[0, 0], qvel[0, 5] = 0.7, 0.2
    none, rest = np.zeros(1, dtype=bool), np.zeros((1, 12))
    task = QuadrupedVelocity.registered_task

    def total(command):
        terms = quadruped.tracking_terms(task, Motion.of(qpos, qvel), np.array([command]), rest, rest, none)
        assert tuple(terms) == TRACKING_TERMS
        return sum(values[0] for values in terms.values())

    assert total([0.7, 0, 0.2]) == pytest.approx(1.5)
    assert total([1.2, 0, 0.2]) == pytest.approx(0.5 + np.exp(-1))  # 0.5 m/s off: exp(-0.5^2 / 0.5^2)
    assert total([0.7, 0, 0.7]) == pytest.approx(1 + 0.5 * np.exp(-1))


def test_a_fall_terminates_and_costs():
    env = QuadrupedVelocity()
    env.reset(seed=0, options={"qpos": [0, 0, 0.3, np.cos(0.6), np.sin(0.6), 0, 0, *NOMINAL_POSE]})
    for _ in range(50):
        _, reward, terminated, truncated, info = env.step(REST)
        if terminated:
            break
    assert terminated and not truncated
    assert info["reward_terms"]["fall"] == -5
    assert reward < -3
    assert not info["is_success"]


def test_commands_are_ramped_and_change_in_the_episode():
    env = QuadrupedVelocity()
    env.reset(seed=1)
    commands = np.array([env.step(REST)[0][9:12] for _ in range(250)])
    assert np.all(np.abs(np.diff(commands, axis=0)) <= np.array([0.02, 0.02, 0.04]) + 1e-12)
    wanted = env.episodes.starts.commands[0]
    assert len(wanted) == 2
    np.testing.assert_allclose(commands[[123, 248]], wanted)


def test_draws_cover_their_ranges():
    task, randomisation = QuadrupedVelocity.registered_task, Randomisation()
    starts = Starts.empty(400, num_commands(250))
    for row in range(400):
        draw_start(starts, row, np.random.default_rng(row), task, randomisation)
    for values, (low, high) in (
        (starts.commands[..., 0], (-0.5, 1.0)), (starts.commands[..., 2], (-0.6, 0.6)),
        (starts.payload, randomisation.payload), (starts.friction, randomisation.friction),
        (starts.gain, randomisation.gain),
    ):  # fmt: skip
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high >= values.max() > high - 0.05 * (high - low)
    assert set(starts.phase) == {0, 0.5}


def test_randomisation_reaches_the_physics():
    env = QuadrupedVelocity(randomisation=Randomisation(payload=(3, 3), friction=(0.5, 0.5), gain=(0.9, 0.9)))
    env.reset(seed=0)
    model, nominal = env.physics.model, load_model()
    assert model.body_mass.sum() - nominal.body_mass.sum() == pytest.approx(3)
    assert model.body_subtreemass[1] == pytest.approx(32.98)
    np.testing.assert_allclose([model.pair(f"{leg}_foot").friction[0] for leg in quadruped.LEGS], 0.5)
    np.testing.assert_allclose(model.actuator_biasprm[:, :3], [[0, -72, -1.8]] * 12)
    np.testing.assert_allclose(nominal.actuator_biasprm[:, :3], [[0, -80, -2]] * 12)
    speed = [env.step(REST)[4]["velocity_body"] for _ in range(130)]
    jump = np.linalg.norm(np.diff(speed, axis=0), axis=1)
    first = env.episodes.starts.push_step[0, 0]
    assert np.argmax(jump) + 1 == first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"friction": (0.8, 0.4)}, r"Randomisation.friction: got \(0.8, 0.4\), expected 0.05 <= low <= high"),
        ({"payload": (-20, 0)}, r"Randomisation.payload: got \(-20, 0\), expected -15 <= low <= high"),
        ({"push_interval": 0}, r"push_interval 0 s, expected at least 0 and more than 0"),
    ],
)
def test_bad_randomisation_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Randomisation(**settings)


def test_lying_poses_rest_on_the_floor_in_every_attitude():
    poses = quadruped.lying_poses()
    up = -quadruped.gravity_body(poses[:, 3:7])[:, 2]
    side = quadruped.gravity_body(poses[:, 3:7])[:, 1]
    assert len(poses) == 512
    belly, back, left, right = up > 0.8, up < -0.8, side > 0.6, side < -0.6
    for poses_there, least in ((belly, 0.2), (back, 0.2), (left, 0.03), (right, 0.03)):
        assert poses_there.mean() > least
    assert not quadruped.stands(Motion.of(poses, np.zeros((512, 18)))).any()
    model = load_model()
    data = mujoco.MjData(model)
    for pose in poses[::16]:
        data.qpos[:] = pose
        mujoco.mj_forward(model, data)
        assert data.ncon > 0
        assert data.contact.dist.min() > -0.02


def test_settling_makes_poses_at_rest():
    pose = settle(load_model(), 4, np.random.default_rng(1))
    assert pose.shape == (4, 19)
    assert np.all(pose[:, 2] < 0.45)
