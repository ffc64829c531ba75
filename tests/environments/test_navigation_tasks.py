"""The navigation tasks: who arrives, what ends an episode, what the sensors say."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from environments.navigation import (
    CELL_SIZE,
    FORWARD,
    LABELS,
    OBJECTS,
    SPLITS,
    STOP,
    TURN_LEFT,
    Camera,
    Exploration,
    ImageGoalNavigation,
    Noise,
    ObjectGoalNavigation,
    PointGoalDrive,
    PointGoalNavigation,
    draw_plan,
    position,
)
from environments.navigation import task as shared
from environments.navigation.sensors import compose, motion_between

GOALS = (PointGoalNavigation, ObjectGoalNavigation, ImageGoalNavigation)
SMALL = Camera(height=8, width=8)


def follow_expert(env, seed):
    env.reset(seed=seed)
    total = 0.0
    while True:
        _, reward, terminated, truncated, info = env.step(env.expert_action())
        total += reward
        if terminated or truncated:
            return total, terminated, info


# Experts


@pytest.mark.parametrize("task", GOALS)
@pytest.mark.parametrize("split", SPLITS)
def test_the_expert_arrives_by_a_shortest_path(task, split):
    env = task(split=split, sensors=())
    for seed in range(12):
        total, terminated, info = follow_expert(env, seed)
        assert terminated
        assert info["is_success"]
        assert info["spl"] == pytest.approx(1.0, abs=1e-12)
        assert info["path_length"] == pytest.approx(info["shortest_path"], abs=1e-9)
        assert total == pytest.approx(info["shortest_path"] + shared.SUCCESS_REWARD)
        assert env.plan.seed in SPLITS[split]


def test_the_driving_expert_arrives_and_is_nearly_as_short():
    env = PointGoalDrive(sensors=())
    found = [follow_expert(env, seed)[2] for seed in range(12)]
    assert all(info["is_success"] for info in found)
    assert min(info["spl"] for info in found) > 0.9


@pytest.mark.parametrize("task", [PointGoalNavigation, PointGoalDrive])
def test_with_stop_the_robot_must_say_that_it_arrived(task):
    env = task(sensors=(), ends_on="stop")
    _, terminated, info = follow_expert(env, 3)
    assert terminated
    assert info["is_success"]
    env.reset(seed=3)
    stop = STOP if task is PointGoalNavigation else np.array([0.0, 0.0, 1.0])
    _, reward, terminated, truncated, info = env.step(stop)
    assert (reward, terminated, truncated, info["is_success"], info["spl"]) == (0.0, True, False, False, 0.0)


def test_passing_by_the_goal_does_not_end_an_episode_that_wants_a_stop():
    env = PointGoalNavigation(sensors=(), ends_on="stop")
    env.reset(seed=3)
    while env.expert_action() != STOP:
        *_, terminated, _, _ = env.step(env.expert_action())
        assert not terminated
    *_, terminated, _, info = env.step(TURN_LEFT)
    assert not terminated
    assert not info["is_success"]


# The lattice and its goals


def test_turns_and_steps_by_hand():
    env = PointGoalNavigation(sensors=())
    plan = draw_plan(0)
    row = int(np.flatnonzero(plan.room_type[:, 24] == 1)[2])
    env.reset(options={"plan": 0, "start": (row, 20, 0), "goal": (row, 40)})
    assert env.cell == (row, 20)
    np.testing.assert_allclose(env.state, [*position((row, 20)), 0.0])
    observation, reward, *_ = env.step(FORWARD)
    assert env.cell == (row, 21)
    assert reward == CELL_SIZE
    np.testing.assert_allclose(observation["pose"], [0.25, 0, 0])
    np.testing.assert_allclose(observation["goal"], [19 * CELL_SIZE, 0], atol=1e-12)
    observation, reward, *_ = env.step(TURN_LEFT)
    np.testing.assert_allclose(observation["pose"], [0.25, 0, np.pi / 2])
    np.testing.assert_allclose(observation["goal"], [0, -19 * CELL_SIZE], atol=1e-12)  # now to the right
    assert reward == 0
    np.testing.assert_allclose(env.step(FORWARD)[0]["pose"], [0.25, 0.25, np.pi / 2])
    for action in (TURN_LEFT, TURN_LEFT, FORWARD, TURN_LEFT):
        observation, *_ = env.step(action)
    np.testing.assert_allclose(observation["pose"], [0.25, 0, 0], atol=1e-12)
    for _ in range(17):
        *_, terminated, _, info = env.step(FORWARD)
        assert not terminated
    observation, reward, terminated, _, info = env.step(FORWARD)
    assert terminated  # one cell before the goal
    assert reward == CELL_SIZE + shared.SUCCESS_REWARD
    assert info["path_length"] == pytest.approx(21 * CELL_SIZE)  # two of them aside and back


def test_walls_and_furniture_stop_a_step():
    env = PointGoalNavigation(sensors=())
    for seed in range(5):
        env.reset(seed=seed)
        blocked = 0
        for _ in range(200):
            before, action = env.cell, int(env.np_random.choice(3, p=[0.8, 0.1, 0.1]))
            *_, truncated, _ = env.step(action)
            assert env.plan.free[env.cell]
            blocked += action == FORWARD and env.cell == before
            if truncated or not env.distance_field[env.cell]:
                break
        assert blocked


@pytest.mark.parametrize("seed", range(8))
def test_tasks_have_the_promised_length_and_a_corner(seed):
    env = PointGoalNavigation(sensors=())
    _, info = env.reset(seed=seed)
    low, high = shared.PATH_RANGE
    assert low <= info["shortest_path"] <= high
    (x, y, _), goal = env.state, position(env.goal)
    assert info["shortest_path"] >= 1.3 * (abs(goal[0] - x) + abs(goal[1] - y))


def test_a_chair_is_found_when_the_robot_stands_beside_one():
    env = ObjectGoalNavigation(sensors=("semantic",))
    env.reset(seed=4, options={"goal": "chair"})
    observation = env._observe()
    while True:
        assert OBJECTS[observation["goal"]] == "chair"
        observation, _, terminated, _, _ = env.step(env.expert_action())
        if terminated:
            break
    row, column = env.cell
    near = env.plan.label[[row - 1, row + 1, row, row], [column, column, column - 1, column + 1]]
    assert LABELS.index("chair") in near


def test_the_goals_picture_is_what_is_seen_there():
    env = ImageGoalNavigation(ends_on="stop", camera=SMALL)
    env.reset(seed=0)
    plan, goal = env.plan.seed, env.goal
    picture = env._observe()["goal"]
    there, _ = ImageGoalNavigation(ends_on="stop", camera=SMALL).reset(
        options={"plan": plan, "start": goal, "goal": _elsewhere(env)}
    )
    np.testing.assert_array_equal(there["rgb"], picture)


def _elsewhere(env):
    far = np.argwhere(env.distance_field == env.distance_field[env.plan.free].max())[0]
    return (int(far[0]), int(far[1]), 0)


# Exploration


def test_exploring_pays_for_each_square_metre_once():
    env = Exploration(sensors=())
    env.reset(seed=0)
    first, total = env.seen.sum(), 0.0
    for _ in range(4):
        total += env.step(TURN_LEFT)[1]
    assert total > 0
    assert total == (env.seen.sum() - first) * CELL_SIZE**2
    assert sum(env.step(TURN_LEFT)[1] for _ in range(4)) == 0.0
    info = env.step(TURN_LEFT)[4]
    assert info["coverage"] == env.seen.sum() / env.plan.free.sum()
    with pytest.raises(NotImplementedError, match="Exploration has no expert"):
        env.expert_action()


# Driving


def test_the_robot_reaches_its_speed_and_turns_at_its_rate():
    env = PointGoalDrive(sensors=())
    row = int(np.flatnonzero(draw_plan(0).room_type[:, 24] == 1)[2])
    env.reset(options={"plan": 0, "start": (row, 5, 0), "goal": (row, 40)})
    for _ in range(10):
        env.step(np.array([1.0, 0.0]))
    np.testing.assert_allclose(env.physics.velocity_body(), [0.5, 0, 0], atol=1e-3)
    for _ in range(5):
        env.step(np.array([0.0, 1.0]))
    np.testing.assert_allclose(env.physics.velocity_body(), [0, 0, 1.5], atol=0.01)


def test_the_robot_stays_out_of_everything():
    env = PointGoalDrive(sensors=())
    rng = np.random.default_rng(0)
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(150):
            *_, terminated, _, _ = env.step(np.array([1.0, rng.uniform(-0.3, 0.3)]))
            if terminated:
                break
            assert env.plan.free[env.cell]
            x, y, _ = env.state
            corners = env.plan.boxes[env.plan.boxes[:, 2] < 1.0]
            gap = np.maximum(np.maximum(corners[:, :2] - (x, y), (x, y) - corners[:, 3:5]), 0)
            assert np.hypot(*gap.T).min() > 0.12 - 0.02  # contacts give way by millimetres


# Sensors


def test_a_motion_added_to_where_it_began_is_where_it_ended():
    rng = np.random.default_rng(0)
    for before, after in rng.uniform(-3, 3, (20, 2, 3)):
        np.testing.assert_allclose(compose(before, motion_between(before, after)), after, atol=1e-12)
    np.testing.assert_allclose(motion_between(np.array([1, 1, np.pi / 2]), np.array([0, 3, 0])), [2, 1, -np.pi / 2])


def test_odometry_errs_as_much_as_it_is_told():
    noise = Noise(odometry_distance=0.1, odometry_turn=0.02)
    env = PointGoalNavigation(sensors=(), noise=noise)
    row = int(np.flatnonzero(draw_plan(0).room_type[:, 24] == 1)[2])
    steps, turns = [], []
    for seed in range(150):
        env.reset(seed=seed, options={"plan": 0, "start": (row, 20, 0), "goal": (row, 40)})
        observation = env.step(FORWARD)[0]
        steps.append(observation["pose"] - (0.25, 0, 0))
        before = observation["pose"][2]
        turns.append(env.step(TURN_LEFT)[0]["pose"][2] - before - np.pi / 2)
    assert np.std(steps, axis=0) == pytest.approx([0.025, 0.025, 0.02], rel=0.25)
    assert np.std(turns) == pytest.approx(0.02, rel=0.25)
    assert np.abs(np.mean(steps, axis=0)).max() < 0.01


def test_depth_errs_as_much_as_it_is_told():
    clean, noisy = PointGoalNavigation(), PointGoalNavigation(noise=Noise(depth=0.05, dropout=0.1))
    clean.reset(seed=1)
    options = {"plan": clean.plan.seed, "start": (*clean.cell, 1), "goal": clean.goal}
    truth, seen = (env.reset(seed=1, options=options)[0]["depth"] for env in (clean, noisy))
    assert np.mean((seen == 3.0) & (truth < 2.0)) == pytest.approx(0.1 * np.mean(truth < 2.0), rel=0.3)
    kept = (truth < 2.0) & (seen < 3.0)
    assert np.std(seen[kept] / truth[kept] - 1) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("task", [*GOALS, Exploration, PointGoalDrive])
def test_all_sensors_fit_their_spaces(task):
    env = task(sensors=("semantic", "depth", "rgb"), camera=Camera(height=6, width=10, max_depth=np.inf))
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert observation["rgb"].shape == (6, 10, 3)
    observation, *_ = env.step(env.action_space.sample())
    assert observation in env.observation_space


# State


@pytest.mark.parametrize("task", [*GOALS, Exploration, PointGoalDrive])
@pytest.mark.parametrize("clone", [lambda env: pickle.loads(pickle.dumps(env)), None])
def test_a_state_is_restored_bit_by_bit_also_into_another_building(task, clone):
    noise = Noise(0.02, 0.01, 0.05, 0.01)
    env = task(camera=SMALL, noise=noise)
    env.reset(seed=5)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(30)]
    for action in actions[:10]:
        env.step(action)
    if clone is None:
        saved, other = env.get_state(), task(camera=SMALL, noise=noise)
        other.reset(seed=99)
        other.set_state(saved)
    else:
        other = clone(env)
    for action in actions[10:]:
        here, there = env.step(action), other.step(action)
        np.testing.assert_equal(here[0], there[0])
        assert here[1:] == there[1:]


def test_pictures_follow_the_robot_into_the_next_building():
    env = PointGoalNavigation(sensors=(), render_mode="rgb_array", image_size=(24, 32))
    env.reset(options={"plan": 0})
    first = env.render()
    env.reset(seed=1, options={"plan": 1})
    fresh = PointGoalNavigation(sensors=(), render_mode="rgb_array", image_size=(24, 32))
    fresh.reset(seed=1, options={"plan": 1})
    np.testing.assert_array_equal(env.render(), fresh.render())
    assert not np.array_equal(first, env.render())
    eyes = PointGoalNavigation(sensors=(), render_mode="rgb_array", view="first_person", image_size=(24, 32))
    eyes.reset(seed=0)
    assert eyes.render().std() > 5
    env.close()
    eyes.close()


# Errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "val"}, r"split: got 'val', expected one of \('train', 'test'\)"),
        ({"motion": "fly"}, r'motion: got \'fly\', expected "lattice" or "drive"'),
        ({"ends_on": "time"}, r"ends_on: got 'time', expected one of \('arrival', 'stop'\)"),
        ({"view": "side"}, r"view: got 'side', expected one of"),
        ({"sensors": ("depth", "sonar")}, r"sensors: got \('depth', 'sonar'\), expected some of"),
        ({"sensors": ("depth", "depth")}, r"each once"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PointGoalNavigation(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": -0.1}, r"Noise.depth: got -0.1, expected a standard deviation, at least 0"),
        ({"dropout": 1.5}, r"Noise.dropout: got 1.5, expected a probability in \[0, 1\]"),
        ({"odometry_turn": np.nan}, r"Noise.odometry_turn: got nan"),
    ],
)
def test_impossible_noise_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Noise(**settings)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (
            PointGoalNavigation,
            {"start": (0, 0, 0)},
            r"start: cell \(0, 0\) of plan \d+ is not free to stand in",
        ),
        (PointGoalNavigation, {"start": (1, 1)}, r"start: got \(1, 1\), expected \(row, column, heading\)"),
        (PointGoalNavigation, {"plan": 0, "start": (20, 20, 4)}, r"start: got heading 4, expected 0 east"),
        (PointGoalNavigation, {"goal": (1.5, 2)}, r"goal: got \(1.5, 2\), expected \(row, column\)"),
        (
            PointGoalNavigation,
            {"plan": 0, "start": (20, 20, 0), "goal": (20, 21)},
            r"start: the goal .* reached",
        ),
        (PointGoalNavigation, {"plan": -1}, r"reset option plan: got -1"),
        (ObjectGoalNavigation, {"goal": "piano"}, r"goal: got 'piano', expected one of bed, wardrobe"),
        (Exploration, {"goal": (1, 1)}, r"reset option 'goal' is unknown"),
    ],
)
def test_impossible_resets_are_refused(task, options, message):
    with pytest.raises(ValueError, match=message):
        task(sensors=()).reset(seed=0, options=options)


def test_a_category_that_is_not_there_is_refused():
    missing = next(seed for seed in range(100) if not draw_plan(seed).beside("wardrobe").any())
    with pytest.raises(ValueError, match=rf"goal: plan {missing} has no wardrobe to stand beside"):
        ObjectGoalNavigation(sensors=()).reset(options={"plan": missing, "goal": "wardrobe"})


def test_a_plan_without_a_fitting_task_says_so(monkeypatch):
    monkeypatch.setattr(PointGoalNavigation, "path_range", (90.0, 99.0))
    with pytest.raises(
        ValueError, match=r'no goal had a path of 90 to 99 m from the start. Give the option "goal"'
    ):
        PointGoalNavigation(sensors=()).reset(seed=0)


def test_the_lattice_has_no_physics_and_exploration_no_goal_to_stop_at():
    with pytest.raises(AttributeError, match=r'make the environment with motion="drive"'):
        _ = PointGoalNavigation(sensors=()).physics
    with pytest.raises(ValueError, match=r"ends_on: exploration ends with its steps"):
        Exploration(ends_on="stop")
