"""What the quadruped's actuators promise, and its teams of robots."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from environments import quadruped
from environments.quadruped import (
    NOMINAL_POSE,
    Drive,
    NetworkActuator,
    NetworkWeights,
    QuadrupedVelocity,
    Randomisation,
    RealActuator,
    Task,
)
from environments.quadruped.actuators import Servo
from environments.quadruped.vector import QuadrupedVelocityVector
from tests.bench import quadruped as bench
from tests.environments.robots import hold, standing

REST = np.zeros(12)


def random_network(seed=0, lags=(0, 1, 3)):
    rng = np.random.default_rng(seed)
    sizes = (2 * len(lags), 32, 32, 32, 1)
    weights = tuple(
        rng.normal(0, 1 / np.sqrt(a), (a, b)).astype(np.float32) for a, b in itertools.pairwise(sizes)
    )
    return NetworkWeights(weights, tuple(rng.normal(0, 0.1, b).astype(np.float32) for b in sizes[1:]), lags)


def test_the_servo_is_pd_with_a_torque_limit():
    robot = standing()
    target = NOMINAL_POSE + np.linspace(-1.5, 1.5, 12)
    angles, speeds = robot.qpos[0, 7:].copy(), robot.qvel[0, 6:].copy()
    robot.ctrl[:] = target
    robot.advance(1)
    np.testing.assert_allclose(
        robot.torque[0], np.clip(80 * (target - angles) - 2 * speeds, -60, 60), atol=1e-9
    )


def test_the_real_drive_answers_late():
    """30 ms nothing, then a first-order rise with 20 ms."""
    actuator = RealActuator(1)
    actuator.begin(slice(None), REST[None], np.ones(1))
    still = np.zeros((1, 12))
    answer = [actuator.torque(still + 0.1, still, still)[0, 0] for _ in range(60)]
    assert answer[:6] == [0] * 6
    share = 0.005 / 0.025
    np.testing.assert_allclose(answer[6:9], 8 * (1 - (1 - share) ** np.arange(1, 4)))
    assert answer[-1] == pytest.approx(8.0, rel=1e-4)


def test_the_real_drive_saturates_in_torque_and_speed():
    actuator = RealActuator(1, Drive(delay=0, lag=0, coulomb=0, viscous=0))
    actuator.begin(slice(None), REST[None], np.ones(1))
    pull = np.full((1, 12), 2.0)
    speeds = np.array([[0, 5.6, 9.8, 14.0, 20.0, -20.0, *[0] * 6]])
    expected = [45, 45, 22.5, 0, 0, 45]  # the full torque up to 0.4 of 14 rad/s, and always for braking
    np.testing.assert_allclose(actuator.torque(pull, REST[None], speeds)[0, :6], expected)


def test_the_real_drive_has_friction_against_motion():
    actuator = RealActuator(1, Drive(stiffness=0, damping=0))
    actuator.begin(slice(None), REST[None], np.ones(1))
    torque = actuator.torque(REST[None], REST[None], np.array([[0, 1.0, -1.0, 0.1] * 3]))
    np.testing.assert_allclose(torque[0, :4], [0, -1.65, 1.65, -0.765])


def test_the_robot_stands_on_the_real_drives_and_moves_unlike_the_ideal():
    ideal, real = standing(), standing(torque_motors=True)
    hold(ideal, Servo(), NOMINAL_POSE, 3)
    hold(real, RealActuator(1), NOMINAL_POSE, 3)
    assert real.uprightness() > 0.99
    assert real.trunk_height() == pytest.approx(ideal.trunk_height(), abs=0.03)
    crouch = quadruped.leg_angles([[0, 0, -0.40]] * 4)
    for robot, actuator in ((ideal, Servo()), (real, RealActuator(1))):
        hold(robot, actuator, crouch, 0.06)
    assert real.trunk_height() > ideal.trunk_height() + 0.004


def test_a_delay_between_physics_steps_is_refused():
    with pytest.raises(ValueError, match=r"Drive.delay: got 0.012 s, expected a multiple of 0.005 s"):
        RealActuator(1, Drive(delay=0.012))


@pytest.mark.parametrize("num_robots", [1, 5, 16, 37])
def test_the_network_actuator_is_its_definition(num_robots):
    network = random_network()
    actuator = NetworkActuator(num_robots, network)
    actuator.begin(slice(None), np.zeros((num_robots, 12)), np.ones(num_robots))
    rng = np.random.default_rng(1)
    errors, speeds = np.zeros((2, 4, num_robots, 12))
    for _ in range(9):
        targets, angles = rng.normal(0, 0.3, (2, num_robots, 12))
        velocities = rng.normal(0, 5, (num_robots, 12))
        errors = np.concatenate([(targets - angles)[None], errors[:3]])
        speeds = np.concatenate([velocities[None], speeds[:3]])
        got = actuator.torque(targets, angles, velocities)
        lags = list(network.lags)
        expected = quadruped.evaluate_network(
            network, np.moveaxis(errors[lags], 0, -1), np.moveaxis(speeds[lags], 0, -1)
        )
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)  # float32 against float64


def test_a_robot_gets_the_same_bits_from_the_network_in_any_company():
    network = random_network()
    rng = np.random.default_rng(0)
    targets, angles, velocities = rng.normal(0, 1, (3, 40, 12))
    together = NetworkActuator(40, network)
    whole = together.torque(targets, angles, velocities).copy()
    for row in range(40):
        alone = NetworkActuator(1, network)
        one = slice(row, row + 1)
        np.testing.assert_array_equal(alone.torque(targets[one], angles[one], velocities[one]), whole[one])


def test_the_ideal_network_is_the_servo():
    servo, net = standing(), standing(torque_motors=True)
    target = NOMINAL_POSE + 0.1
    hold(servo, Servo(), target, 1)
    hold(net, NetworkActuator(1, NetworkWeights.ideal()), target, 1)
    np.testing.assert_allclose(net.data.qpos, servo.data.qpos, atol=5e-3)


def test_weights_survive_a_file(tmp_path):
    network = random_network()
    network.save(tmp_path / "net.npz")
    read = NetworkWeights.from_file(tmp_path / "net.npz")
    assert (read.lags, read.torque_scale) == (network.lags, network.torque_scale)
    for one, other in zip(read.weights + read.biases, network.weights + network.biases):
        np.testing.assert_array_equal(one, other)
    QuadrupedVelocity(actuator="network", network=tmp_path / "net.npz")


def test_bad_weights_are_refused_and_say_why():
    good = random_network().to_arrays()
    for change, message in (
        (
            {"w1": np.zeros((31, 32))},
            r"layer 1 has a weight of shape \(31, 32\) .* expected \(32, 32\) and \(32,\)",
        ),
        ({"lags": np.array([0, 1])}, r"layer 0 has a weight of shape \(6, 32\) .* expected \(4, 32\)"),
        ({"w3": np.full((32, 1), np.nan)}, r"layer 3 holds NaN or infinity. Has the fit diverged\?"),
        ({"lags": np.array([0, 1, -2])}, r"lags: got \(0, 1, -2\), expected ages of at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            NetworkWeights.from_arrays({**good, **change})
    with pytest.raises(ValueError, match=r"actuator network: \['b0', 'lags'\] missing, expected"):
        NetworkWeights.from_arrays({k: v for k, v in good.items() if k not in ("b0", "lags")})


def test_actuator_settings_are_checked():
    with pytest.raises(
        ValueError, match=r"actuator: got 'motor', expected one of \('pd', 'network', 'real'\)"
    ):
        QuadrupedVelocity(actuator="motor")
    with pytest.raises(
        ValueError, match=r"network: got no network, expected weights with actuator=\"network\""
    ):
        QuadrupedVelocity(actuator="network")
    with pytest.raises(ValueError, match=r"network: got a network with actuator='pd'"):
        QuadrupedVelocity(network=NetworkWeights.ideal())
    with pytest.raises(ValueError, match=r"QuadrupedVelocity: got a task with recovery=True"):
        QuadrupedVelocity(task=Task(recovery=True))


# Many at once


@pytest.mark.parametrize(
    "settings",
    [
        {"randomisation": Randomisation()},
        {"actuator": "network", "network": random_network(), "randomisation": Randomisation()},
        {"actuator": "real", "drive": Drive(delay=0.03)},
    ],
    ids=["pd", "network", "real"],
)
def test_teams_change_no_bit(settings):
    """Robots in one team, in two, and alone, while episodes end and begin."""
    rng = np.random.default_rng(0)
    actions = np.clip(rng.normal(0, 0.6, (60, 37, 12)), -1, 1)
    seen = []
    for num_threads in (1, 2, 3):
        envs = QuadrupedVelocityVector(
            37, num_threads=num_threads, autoreset_mode="SameStep", step_limit=25, **settings
        )
        assert len(envs.teams) == (min(num_threads, 2) if "actuator" in settings else 1)
        steps = [envs.reset(seed=5)[0]]
        for action in actions:
            observation, reward, terminated, truncated, _ = envs.step(action)
            steps += [observation, reward, terminated | truncated]
        seen.append(steps)
        envs.close()
    for steps in seen[1:]:
        for one, other in zip(seen[0], steps):
            np.testing.assert_array_equal(one, other)
    for row in (0, 17, 18, 36):
        alone = QuadrupedVelocity(step_limit=25, **settings)
        np.testing.assert_array_equal(alone.reset(seed=5 + row)[0], seen[0][0][row])
        for i, action in enumerate(actions):
            observation, reward, terminated, truncated, _ = alone.step(action[row])
            assert (reward, terminated or truncated) == (seen[0][2 + 3 * i][row], seen[0][3 + 3 * i][row])
            if terminated or truncated:
                observation, _ = alone.reset()
            np.testing.assert_array_equal(observation, seen[0][1 + 3 * i][row])


def test_a_fork_has_its_own_helping_thread():
    """Threads do not survive a fork: the child makes another, and steps on."""
    envs = QuadrupedVelocityVector(32, num_threads=2, actuator="real")
    envs.reset(seed=0)
    envs.step(np.zeros((32, 12)))
    used = envs._pool
    envs._pool = (used[0] + 1, used[1])  # as a child sees it
    envs.step(np.zeros((32, 12)))
    assert envs._pool[1] is not used[1]
    used[1].shutdown()
    envs.close()
    assert envs._pool is None


@pytest.mark.parametrize(("num_threads", "kind"), [(1, "sync"), (2, "async")])
def test_the_bench_measures_every_actuator_beside_c_and_gymnasium(num_threads, kind):
    rows = bench.rows(sizes=(2,), threads=(num_threads,), seconds=0.01, rounds=1)
    assert [row.driver for row in rows] == [bench.C_LOOP, *bench.SETTINGS, f"Gymnasium {kind}, pd"]
    assert rows[0].ratio == 1
    for row in rows:
        assert row.physics_steps == pytest.approx(4 * row.control_steps)  # 200 Hz against 50 Hz


def test_the_bench_shares_out_a_step():
    shares = bench.profile(num_envs=4, steps=3)
    assert shares.pop("ms") > 0
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0
