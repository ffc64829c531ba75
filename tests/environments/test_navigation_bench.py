"""The bench of navigation measures what it says, here in its smallest size."""

from __future__ import annotations

import pytest

from tests.bench import navigation, navigation_steps


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(navigation_steps, "NUM_ENVS", (2,))
    monkeypatch.setattr(navigation_steps, "PEERS", {"sync": (2,), "async": (2,)})
    monkeypatch.setattr(navigation_steps, "STEPS", 16)
    monkeypatch.setattr(navigation_steps, "NUM_PLANS", 2)
    monkeypatch.setattr(navigation_steps, "TURNS", 1)
    monkeypatch.setattr(navigation_steps, "TURN_S", 0.0)


OURS = {"single", "batched 2 on 1", "batched 2 on 2", "Gymnasium sync 2", "Gymnasium async 2"}


def measured(motion, sensors):
    found = navigation_steps.measure("it", navigation_steps.TASKS[motion], sensors)
    return {row["driver"]: row for row in found}


def test_driving_with_images_is_compared_with_physics_and_rays_in_c(small):
    rows = measured("driving", ("depth",))
    in_c = {f"C, Batch.rollout {label}" for label in ("2 on 1", "2 on 2", "1 on 1")}
    assert set(rows) == OURS | in_c | {"C, mj_multiRay on 1", "C, mj_multiRay on 2"}
    ours, rollout, rays = (
        rows[name] for name in ("batched 2 on 1", "C, Batch.rollout 2 on 1", "C, mj_multiRay on 1")
    )
    together = 1 / (1 / rollout["control steps/s"] + 1 / rays["control steps/s"])
    assert ours["of C"] == pytest.approx(ours["control steps/s"] / together)
    assert ours["physics steps/s"] == 20 * ours["control steps/s"]  # 100 Hz against 5 Hz
    for kind in ("sync", "async"):
        theirs = rows[f"Gymnasium {kind} 2"]["control steps/s"]
        assert ours[f"of {kind}"] == pytest.approx(ours["control steps/s"] / theirs)
        assert rows[f"Gymnasium {kind} 2"][f"of {kind}"] == 1


def test_the_lattice_without_images_has_nothing_in_c(small):
    rows = measured("lattice", ())
    assert set(rows) == OURS
    assert all(row["of C"] is None and row["physics steps/s"] is None for row in rows.values())


def test_the_goal_is_judged_by_single_images_and_by_every_batch():
    images = [
        {"image": "64x64", "how": "columns, one by one", "CPU ms an image": 0.2},
        {"image": "64x64", "how": "mj_multiRay", "CPU ms an image": 2.0},
    ]
    batches = [
        {"driver": "batched 16 on 1", "of sync": 3.0, "of async": 5.0},
        {"driver": "batched 256 on 1", "of sync": 1.5, "of async": None},
        {"driver": "Gymnasium sync 16", "of sync": 1.0, "of async": 0.5},
    ]
    met = navigation.goal([*images, {"reset": "Exploration", "CPU ms": 1.0}, *batches])
    assert met.met
    assert met.found == "0.20 ms, 10.0 times as fast; 1.5 to 5.0 times"
    batches[1]["of sync"] = 0.9
    assert not navigation.goal([*images, *batches]).met
    batches[1]["of sync"], images[0]["CPU ms an image"] = 2.0, 0.6
    assert not navigation.goal([*images, *batches]).met
