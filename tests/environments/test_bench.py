"""The environments' bench measures what it says, here in its smallest size."""

from __future__ import annotations

import pytest

from tests.bench import environments as bench
from tests.bench.drivers import gymnasium_rates


def test_every_driver_is_measured_against_c(monkeypatch):
    monkeypatch.setattr(bench, "NUM_ENVS", (2,))
    monkeypatch.setattr(bench, "PEER_STEPS", 16)
    monkeypatch.setattr(bench, "TURNS", 1)
    monkeypatch.setattr(bench, "TURN_S", 0.01)
    speeds = {speed.name: speed for speed in bench.measure("robolearn/PendulumSwingUp-v0")}
    assert {"single", "batched 2 on 1", "batched 2 on 2", "Gymnasium sync 2", "Gymnasium async 2"} < set(speeds)
    for name, speed in speeds.items():
        assert speed.physics_steps_s == pytest.approx(10 * speed.control_steps_s)  # 200 Hz against 20 Hz
        assert (speed.of_c == 1.0) == name.startswith("C, ")
    assert speeds["single"].of_single == 1.0
    assert speeds["Gymnasium async 2"].of_c < 0.9  # 0.1 measured: pipes cost more than a pendulum


def test_gymnasiums_own_vector_environments_are_measured_for_any_id():
    rates = gymnasium_rates("robolearn/PointMass-v0", num_envs=2, steps=16, reward="dense")
    assert set(rates) == {"sync", "async"}
    assert rates["async"] < rates["sync"]  # 0.2 measured at 16: pipes cost more than a point mass
