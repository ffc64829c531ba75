"""MuJoCo's steps are not timed: its Python package's clock would take up to half of them."""

from __future__ import annotations

import mujoco

from environments import physics
from environments.pendulum import PendulumPhysics


def test_a_physics_step_reads_no_clock():
    assert physics.stop_clock()
    pendulum = PendulumPhysics()
    mujoco.mj_step(pendulum.model, pendulum.data, nstep=100)
    timer = pendulum.data.timer[mujoco.mjtTimer.mjTIMER_STEP]
    assert (timer.number, timer.duration) == (100, 0.0)


def test_without_the_library_the_clock_runs_on(monkeypatch, tmp_path):
    (tmp_path / "libmujoco.so").write_text("no library")
    monkeypatch.setattr(mujoco, "__file__", str(tmp_path / "__init__.py"))
    assert not physics.stop_clock()
