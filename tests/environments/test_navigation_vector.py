"""Many robots at once are each one alone: with noise, stops, wheels, all sensors, and goals that are given."""

from __future__ import annotations

import copy
import pickle

import gymnasium
import mujoco
import numpy as np
import pytest

from environments.navigation import (
    CELL_SIZE,
    Camera,
    Noise,
    ObjectGoalNavigation,
    PointGoalNavigation,
    draw_plan,
    position,
)
from environments.navigation.driving import block_fields, blocks_by_cell, blocks_of
from environments.navigation.motion import NUM_SUBSTEPS, NavigationPhysics
from environments.navigation.plans import NUM_COLUMNS, NUM_ROWS
from environments.navigation.scene import build_model
from tests.environments.test_vector import assert_same, assert_same_future, sample_actions

NUM_ENVS = 3
NOISE = Noise(depth=0.02, dropout=0.01, odometry_distance=0.05, odometry_turn=0.01)
SMALL = Camera(height=8, width=12)
SETTINGS = {
    "noise": ("PointGoalNavigation", {"noise": NOISE, "sensors": ("rgb", "depth", "semantic")}),
    "turn noise": ("PointGoalNavigation", {"noise": Noise(odometry_turn=0.1), "sensors": ()}),
    "stop": ("ObjectGoalNavigation", {"ends_on": "stop", "split": "test"}),
    "stop, on wheels": ("PointGoalDrive", {"ends_on": "stop", "noise": NOISE}),
    "pictures, on wheels": ("ImageGoalNavigation", {"motion": "drive"}),
    "exploring on wheels": ("Exploration", {"motion": "drive", "sensors": ()}),
    "driving on the lattice": ("PointGoalDrive", {"motion": "lattice"}),
    "far": ("PointGoalNavigation", {"camera": Camera(8, 12, max_depth=np.inf), "sensors": ("depth", "rgb")}),
}


def make(name, mode, **settings):
    given = {"camera": SMALL, "step_limit": 17, **settings}
    if mode == "sync":
        return gymnasium.make_vec(f"robolearn/{name}-v0", NUM_ENVS, mode, **given)
    return gymnasium.make_vec(f"robolearn/{name}-v0", NUM_ENVS, "vector_entry_point", num_threads=2, **given)


@pytest.mark.parametrize("case", SETTINGS)
def test_each_row_is_the_single_environment_whatever_the_settings(case):
    name, settings = SETTINGS[case]
    batched, apart = (make(name, mode, **settings) for mode in ("batched", "sync"))
    assert_same(batched.reset(seed=3), apart.reset(seed=3), "reset")
    actions = sample_actions(batched, 40)
    if settings.get("ends_on") == "stop":
        for t, action in enumerate(actions):  # random ones would stop at once
            stop = np.arange(NUM_ENVS) == t % 7
            if action.ndim == 1:
                action[:] = np.where(stop, 3, action % 3)
            else:
                action[:, 2] = np.where(stop, 0.5, -0.5)
    assert_same_future(batched, apart, actions)
    twin = pickle.loads(pickle.dumps(batched))
    assert_same_future(batched, twin, actions[:10])
    assert_same_future(batched, copy.deepcopy(batched), actions[:10])


def walk(envs, apart, steps):
    """Follow the experts; return how many rows arrived."""
    arrived = 0
    for _ in range(steps):
        actions = np.array([one.unwrapped.expert_action() for one in apart.envs])
        after = envs.step(actions)
        assert_same(after, apart.step(actions))
        arrived += int(after[2].sum())
    return arrived


@pytest.mark.parametrize("name", ["PointGoalNavigation", "ObjectGoalNavigation", "PointGoalDrive"])
def test_rows_that_arrive_are_paid_and_end_as_alone(name):
    envs, apart = (make(name, mode, sensors=(), step_limit=500) for mode in ("batched", "sync"))
    hallway = int(np.flatnonzero(draw_plan(0).room_type[:, 24] == 1)[2])
    goal = "chair" if name.startswith("Object") else (hallway, 26)
    options = {"plan": 0, "start": (hallway, 24 if goal == "chair" else 20, 1), "goal": goal}
    assert_same(envs.reset(seed=1, options=options), apart.reset(seed=1, options=dict(options)))
    np.testing.assert_array_equal(envs.state, [one.unwrapped.state for one in apart.envs])
    np.testing.assert_array_equal(envs.distance_field, [one.unwrapped.distance_field for one in apart.envs])
    assert walk(envs, apart, 80) >= NUM_ENVS


def test_a_bad_reset_leaves_every_row_as_it_was():
    envs = make("PointGoalNavigation", "batched")
    envs.reset(seed=0)
    before = envs.get_state()
    with pytest.raises(ValueError, match=r"start: cell \(0, 0\) of plan 5 is not free to stand in"):
        envs.reset(options={"plan": 5, "start": (0, 0, 0)})
    assert_same([one.world for one in envs.get_state()], [one.world for one in before])


def test_snapshots_of_other_buildings_fit():
    envs, alone = make("ObjectGoalNavigation", "batched"), ObjectGoalNavigation(camera=SMALL, step_limit=17)
    envs.reset(seed=0)
    alone.reset(seed=50)
    alone.step(0)
    saved = alone.get_state()
    envs.set_state([saved, envs.get_state()[1], saved])
    assert_same(envs.get_state()[0], saved)
    observations, rewards, *_ = envs.step([1, 0, 1])
    seen, reward, *_ = alone.step(1)
    for row in (0, 2):
        assert_same({key: value[row] for key, value in observations.items()}, seen)
        assert rewards[row] == reward


# Driving


@pytest.mark.parametrize("seed", [0, 1_000_001])
def test_driving_among_the_blocks_is_driving_in_the_whole_building_bit_by_bit(seed):
    plan, rng = draw_plan(seed), np.random.default_rng(0)
    model = build_model(seed, 0.88, 60.0)
    data, physics = mujoco.MjData(model), NavigationPhysics()
    physics.enter(draw_plan(7))
    physics.enter(plan)
    cells, num_contacts = np.argwhere(plan.free), 0
    for _ in range(5):
        start = [*position(cells[rng.integers(len(cells))]), rng.uniform(-3, 3)]
        physics.set_configuration(start, np.zeros(3))
        mujoco.mj_resetData(model, data)
        data.qpos[:] = start
        mujoco.mj_forward(model, data)
        for _ in range(60):
            control = [0.5, rng.uniform(-0.4, 0.4), 0.0]
            physics.step(control)
            data.ctrl[:] = control
            mujoco.mj_step(model, data, nstep=NUM_SUBSTEPS)
            num_contacts += data.ncon
            np.testing.assert_array_equal(physics.data.qpos, data.qpos)
            np.testing.assert_array_equal(physics.data.qvel, data.qvel)
    assert num_contacts > 100


@pytest.mark.parametrize("seed", [2, 1_000_002])
def test_blocks_cover_what_is_not_free_once(seed):
    plan, covered = draw_plan(seed), np.zeros((NUM_ROWS, NUM_COLUMNS), dtype=int)
    for x, y, _, half_x, half_y, _ in blocks_of(plan) / 0.25:
        south, north = round(NUM_ROWS - y - half_y), round(NUM_ROWS - y + half_y)
        covered[south:north, round(x - half_x) : round(x + half_x)] += 1
    np.testing.assert_array_equal(covered, ~plan.free)


def test_the_blocks_near_a_cell_are_those_that_reach_into_the_cells_around_it():
    plan = draw_plan(3)
    blocks = blocks_by_cell(plan)
    middle, half = blocks.place[:-1, :2], blocks.place[:-1, 3:5]
    for cell in np.argwhere(plan.free)[::7]:
        apart = np.abs(np.array(position(cell)) - middle) - half
        expected = np.flatnonzero((apart < 1.5 * CELL_SIZE - 1e-9).all(axis=1))
        near = blocks.near[tuple(cell)]
        np.testing.assert_array_equal(near[: len(expected)], expected)
        assert (near[len(expected) :] == len(middle)).all()
    assert blocks.place[-1, 2] < -10, "the last is aside"


def test_the_blocks_fields_are_what_mujoco_compiles():
    plan = draw_plan(4)
    model, place = build_model(4, 0.88, 60.0), blocks_of(plan)
    first = len(plan.boxes) + 2  # after the floor and the ceiling
    for name, values in block_fields(place).items():
        compiled = getattr(model, name)[first : first + len(place)]
        np.testing.assert_allclose(values, compiled.reshape(values.shape), rtol=0, atol=1e-15)


def test_buildings_of_more_blocks_than_there_is_room_for_find_room(monkeypatch):
    monkeypatch.setattr("environments.navigation.fleet.NUM_BLOCKS", 1)
    batched, apart = (make("PointGoalDrive", mode, sensors=()) for mode in ("batched", "sync"))
    batched.reset(seed=3)
    apart.reset(seed=3)
    assert_same_future(batched, apart, sample_actions(batched, 25))


def test_state_before_a_reset_can_be_saved_and_brought_back():
    envs, alone = make("PointGoalNavigation", "batched"), PointGoalNavigation(camera=SMALL, step_limit=17)
    saved = envs.get_state()
    assert_same([one.world for one in saved], [alone.get_state().world] * NUM_ENVS)
    envs.reset(seed=0)
    envs.set_state(saved)
    assert all(one.over for one in envs.get_state())
