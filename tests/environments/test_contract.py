"""One contract for every registered id: who has read one environment can use them all."""

from __future__ import annotations

import copy
import pickle
import re
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector.utils import iterate

import environments
from environments.episode import Snapshot

HEADINGS = ("Observation", "Action", "Reward", "Termination", "Truncation", "Randomisation", "Source")
WITHOUT_PHYSICS = ("Grid", "Corridor", "GoalNavigation", "Exploration")
CONTINUOUS = [name for name in environments.IDS if not any(word in name for word in WITHOUT_PHYSICS)]


@pytest.fixture(params=environments.IDS)
def name(request):
    return request.param


@pytest.fixture
def env(name):
    made = gymnasium.make(name).unwrapped
    yield made
    made.close()


def sample_actions(env, count, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(count)]


def trajectory(env, actions, seed=None):
    """Observations, rewards and ends of a rollout; a reset has no reward."""
    seen = [] if seed is None else [(env.reset(seed=seed)[0], None, False, False)]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        seen.append((observation, reward, terminated, truncated))
        if terminated or truncated:
            seen.append((env.reset()[0], None, False, False))
    return seen


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second):
        np.testing.assert_equal(one[0], other[0])  # also where it is a dict of arrays
        assert one[1:] == other[1:]


def section(env, heading):
    """The text under a heading of the class's docstring."""
    found = re.search(rf"^    {heading}: (.*?)(?=^    \w+:|\Z)", type(env).__doc__, re.S | re.M)
    assert found, f"{type(env).__name__} has no heading {heading}"
    return found.group(1)


def test_gymnasiums_checker_finds_nothing(env):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)


def test_make_wraps_without_a_warning_and_without_a_second_clock(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = gymnasium.make(name)
        made.reset(seed=0)
        made.step(made.action_space.sample())
    assert made.spec.max_episode_steps is None


def test_headings_stand_in_the_fixed_order(env):
    places = [re.search(rf"^    {heading}:", type(env).__doc__, re.M) for heading in HEADINGS]
    assert all(places)
    starts = [place.start() for place in places]
    assert starts == sorted(starts)


@pytest.mark.parametrize("heading", ["Observation", "Action"])
def test_documented_shapes_are_the_spaces(env, heading):
    space = env.observation_space if heading == "Observation" else env.action_space
    text = section(env, heading)
    if isinstance(space, spaces.Dict):
        parts = re.findall(r"^        (\w+): (\(.*?\n)(?=        \w+:|\Z|\n)", text, re.S | re.M)
        assert {key for key, _ in parts} == set(space.spaces)
        for key, part in parts:
            assert_documented(space[key], part.replace("\n            ", "\n        "))
    else:
        assert_documented(space, text)


def assert_documented(space, text):
    """A shape, a type, and a row for each entry of a box."""
    shape, dtype = re.match(r"(\(.*?\)) (\w+)\n", text).groups()
    assert eval(shape) == space.shape
    assert np.dtype(dtype) == space.dtype
    if isinstance(space, spaces.Box) and len(space.shape) == 1:  # an image has no list of its pixels
        rows = re.findall(r"^        (\d+)  \S", text, re.M)
        assert rows == [str(i) for i in range(space.shape[0])]


def test_documented_reward_range_is_the_attribute(env):
    low, high = map(float, re.match(r"in \[(.*?), (.*?)\]", section(env, "Reward")).groups())
    assert (low, high) == env.reward_range


def test_documented_step_limit_truncates(env):
    assert f"{env.step_limit} " in section(env, "Truncation")
    gentle = 0 if isinstance(env.action_space, spaces.Discrete) else np.zeros(env.action_space.shape)
    env.angle_limit = 100.0  # the cart-pole: let it hang
    env.reset(seed=3)
    for t in range(1, env.step_limit + 1):
        _, _, terminated, truncated, _ = env.step(gentle)
        assert not terminated
        assert truncated == (t == env.step_limit)
    with pytest.raises(ResetNeeded, match=r"no episode is running. Call reset\(\) first"):
        env.step(gentle)


def test_the_same_seed_and_actions_give_the_same_trajectory_bit_by_bit(name, env):
    actions = sample_actions(env, 300)
    other = gymnasium.make(name).unwrapped
    assert_same(trajectory(env, actions, seed=5), trajectory(other, actions, seed=5))


def test_reset_with_a_seed_forgets_what_was_before(env):
    actions = sample_actions(env, 40)
    fresh = trajectory(env, actions, seed=11)
    trajectory(env, sample_actions(env, 33, seed=9), seed=4)
    assert_same(trajectory(env, actions, seed=11), fresh)


def test_different_seeds_differ(env):
    actions = sample_actions(env, 60)
    first, second = (trajectory(env, actions, seed=seed) for seed in (1, 2))
    with pytest.raises(AssertionError):
        assert_same(first, second)


def test_the_global_random_state_is_neither_read_nor_moved(env):
    actions = sample_actions(env, 30)
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    first = trajectory(env, actions, seed=2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(99)
    assert_same(trajectory(env, actions, seed=2), first)


def test_a_thousand_random_steps_stay_in_their_documented_ranges(env):
    low, high = env.reward_range
    observations = []
    for observation, reward, *_ in trajectory(env, sample_actions(env, 1000), seed=0):
        assert observation in env.observation_space
        parts = observation.values() if isinstance(observation, dict) else [observation]
        observations.append(np.concatenate([np.ravel(part) for part in parts]))
        if reward is not None:
            assert type(reward) is float
            assert low <= reward <= high
    assert np.all(np.ptp(np.array(observations, dtype=np.float64), axis=0) > 0), "a constant observation"


def test_an_observation_is_a_copy(env):
    first, _ = env.reset(seed=0)
    kept = copy.deepcopy(first)
    env.step(sample_actions(env, 1)[0])
    np.testing.assert_equal(first, kept)


def test_a_saved_state_repeats_the_future(env):
    actions = sample_actions(env, 80)
    trajectory(env, sample_actions(env, 17, seed=3), seed=6)
    saved = env.get_state()
    assert isinstance(saved, Snapshot)
    future = trajectory(env, actions)
    env.reset(seed=77)
    env.set_state(saved)
    assert_same(trajectory(env, actions), future)
    env.set_state(saved)  # a snapshot is a value: using it did not change it
    assert_same(trajectory(env, actions), future)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_pickled_or_copied_environment_goes_on_alike(env, clone):
    trajectory(env, sample_actions(env, 13, seed=3), seed=6)
    twin = clone(env)
    actions = sample_actions(env, 60)
    future = trajectory(env, actions)
    assert_same(trajectory(twin, actions), future)


def test_another_environments_state_is_refused(env):
    env.reset(seed=0)
    with pytest.raises(TypeError, match=r"set_state: got dict, expected what get_state\(\) returned"):
        env.set_state({"num_steps": 0})


def test_step_before_reset_is_refused(env):
    with pytest.raises(ResetNeeded):
        env.step(sample_actions(env, 1)[0])


def test_an_unknown_reset_option_is_refused(env):
    with pytest.raises(ValueError, match=r"reset option 'sate' is unknown, expected one of: "):
        env.reset(options={"sate": 0})


def test_bad_actions_are_refused_and_say_why(env):
    env.reset(seed=0)
    owner = type(env).__name__
    if isinstance(env.action_space, spaces.Discrete):
        last = env.action_space.n - 1
        bad = {
            rf"{owner}.step: action: got {last + 1}, expected an integer in 0..{last}": last + 1,
            rf"{owner}.step: action: got -1, expected": -1,
            r"got 0.5, expected one integer in .* Convert it with int": 0.5,
            r"expected one integer": np.array([0]),
            r"got None, expected one integer": None,
        }
    else:
        shape = env.action_space.shape
        bad = {
            rf"{owner}.step: got an action of shape \({shape[0] + 1},\), expected": np.zeros(shape[0] + 1),
            r"expected finite numbers. Has the policy diverged\?": np.full(shape, np.nan),
            r"action\[0\] is 1.01, expected \[-1, 1\]. Clip it: np.clip": np.full(shape, 1.01),
            r"expected finite": np.full(shape, np.inf),
            r"expected numbers of shape": "left",
        }
    for message, action in bad.items():
        with pytest.raises(ValueError, match=message):
            env.step(action)
    assert env.num_steps == 0, "a refused action does not count as a step"


def test_a_picture_has_the_asked_shape_and_changes_nothing(name):
    size = (48, 64)
    shown, hidden = (
        gymnasium.make(name, render_mode=mode, image_size=size).unwrapped for mode in ("rgb_array", None)
    )
    actions = sample_actions(hidden, 25)
    expected = trajectory(hidden, actions, seed=8)
    shown.reset(seed=8)
    seen, pictures = [expected[0]], []
    for action in actions:
        observation, reward, terminated, truncated, _ = shown.step(action)
        seen.append((observation, reward, terminated, truncated))
        pictures.append(shown.render())
        if terminated or truncated:
            seen.append((shown.reset()[0], None, False, False))
    assert_same(seen, expected)
    assert all(picture.shape == (*size, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert any(not np.array_equal(pictures[0], picture) for picture in pictures[1:]), (
        "the picture never moves"
    )
    assert pictures[0].std() > 5, "an empty picture"
    shown.close()


def test_render_without_a_mode_warns_and_returns_none(env):
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("render_mode", "human", r'render_mode: got \'human\', expected None or "rgb_array"'),
        ("renderer", "metal", r"renderer: got 'metal', expected one of \('raycast', 'opengl'\)"),
        ("step_limit", 0, r"step_limit: got 0, expected a whole number of at least 1"),
        ("step_limit", 2.5, r"step_limit: got 2.5, expected a whole number of at least 1"),
    ],
)
def test_bad_settings_are_refused(env, argument, value, message):
    with pytest.raises(ValueError, match=message):
        type(env)(**{argument: value})


@pytest.mark.parametrize("name", CONTINUOUS)
def test_rates_are_what_the_docstring_says(name):
    env = gymnasium.make(name).unwrapped
    control, physical = map(float, re.search(r"(\d+) Hz, physics at (\d+) Hz", type(env).__doc__).groups())
    assert env.physics.control_period == pytest.approx(1 / control)
    assert env.physics.model.opt.timestep == pytest.approx(1 / physical)
    assert env.metadata["render_fps"] == control


@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_a_vector_of_environments_gives_each_ones_own_trajectory(name, mode):
    vector = gymnasium.make_vec(name, num_envs=2, vectorization_mode=mode)
    observations, _ = vector.reset(seed=[3, 4])
    for row, seed in zip(iterate(vector.observation_space, observations), (3, 4)):
        single, _ = gymnasium.make(name).reset(seed=seed)
        np.testing.assert_equal(row, single)
    vector.close()


def test_registering_again_changes_nothing():
    before = dict(gymnasium.registry)
    environments.register()
    assert dict(gymnasium.registry) == before


def test_ids_are_those_that_the_families_name():
    from environments import (
        cartpole,
        corridor,
        grid_navigation,
        navigation,
        pendulum,
        point_mass,
        quadruped,
        reacher,
    )

    named = {}
    for family in (cartpole.cartpole, corridor.corridor, grid_navigation.grid_navigation, navigation.navigation,
                   pendulum.pendulum, point_mass.point_mass, quadruped.quadruped, reacher.reacher):  # fmt: skip
        named |= family.IDS
    assert set(named) == set(environments.IDS) == set(environments.VECTOR_ENTRY_POINTS)
    for name, settings in named.items():
        assert gymnasium.spec(name).kwargs == settings == environments.SETTINGS.get(name, {})
