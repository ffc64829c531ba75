"""The environments' bench measures what it says, here in its smallest size."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest

from environments.physics import FULL_STATE
from tests.bench import environments as bench
from tests.bench.ant import AntVector
from tests.bench.drivers import gymnasium_rates


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bench, "NUM_ENVS", (2,))
    monkeypatch.setattr(bench, "PEER_STEPS", 16)
    monkeypatch.setattr(bench, "TURNS", 1)
    monkeypatch.setattr(bench, "TURN_S", 0.01)


DRIVERS = {"single", "batched 2 on 1", "batched 2 on 2", "Gymnasium sync 2", "Gymnasium async 2"}


def test_every_driver_is_measured_against_c(small):
    speeds = {speed.name: speed for speed in bench.measure("robolearn/PendulumSwingUp-v0")}
    assert set(speeds) > DRIVERS
    for name, speed in speeds.items():
        assert speed.physics_steps_s == pytest.approx(10 * speed.control_steps_s)  # 200 Hz against 20 Hz
        assert (speed.of_c == 1.0) == name.startswith("C, ")
    assert speeds["single"].of_single == 1.0
    assert speeds["Gymnasium async 2"].of_c < 0.9  # 0.1 measured: pipes cost more than a pendulum


def test_a_world_without_physics_is_measured_against_the_single_environment(small):
    speeds = {speed.name: speed for speed in bench.measure("robolearn/GridNavigation-v0")}
    assert set(speeds) == DRIVERS
    assert all(speed.of_c is None and speed.physics_steps_s is None for speed in speeds.values())
    assert speeds["Gymnasium async 2"].of_single < 0.9


def test_gymnasiums_own_vector_environments_are_measured_for_any_id():
    rates = gymnasium_rates("robolearn/PointMass-v0", num_envs=2, steps=16, reward="dense")
    assert set(rates) == {"sync", "async"}
    assert rates["async"] < rates["sync"]  # 0.2 measured at 16: pipes cost more than a point mass


@pytest.mark.parametrize("num_threads", [1, 2])
def test_our_ant_observes_and_earns_what_gymnasiums_does(num_threads):
    """Contacts amplify rounding, so every ten steps our rows go on from Gymnasium's states."""
    num_envs, rng = 4, np.random.default_rng(0)
    ours = AntVector(num_envs, num_threads=num_threads, step_limit=60)
    theirs = gymnasium.make_vec("Ant-v5", num_envs, "sync", vector_kwargs={}, max_episode_steps=60)
    seen, _ = ours.reset(seed=7)
    np.testing.assert_array_equal(seen, theirs.reset(seed=7)[0])
    ended, touched = np.zeros((2, num_envs), dtype=int), 0
    for step in range(200):
        actions = rng.uniform(-1, 1, (num_envs, 8))
        seen, *mine, infos = ours.step(actions)
        expected, *others, their_infos = theirs.step(actions)
        np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-9)
        for one, other in zip(mine, others, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
        begun = ended.any(axis=0)  # Gymnasium tells less of a first step
        for name in ("x_position", "distance_from_origin", "y_velocity", "reward_contact", "reward_survive"):
            np.testing.assert_allclose(infos[name][~begun], their_infos[name][~begun], rtol=0, atol=1e-9)
        ended = np.array(mine[1:])
        touched += np.count_nonzero(seen[:, 27:])
        if step % 10 == 9:
            for row, env in enumerate(theirs.envs):
                world = env.unwrapped
                mujoco.mj_getState(world.model, world.data, ours.batch.state[row], FULL_STATE)
    assert touched > 1000
