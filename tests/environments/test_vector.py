"""A vector environment is N single ones: bit by bit, on any number of threads, in Gymnasium's autoreset modes."""

from __future__ import annotations

import copy
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import Error
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import iterate
from gymnasium.wrappers.vector import RecordEpisodeStatistics

import environments
from environments.episode import Snapshot
from environments.reacher import Formulation
from environments.tabular import draw, draw_rows

NUM_ENVS = 5
SHORT = 17  # steps an episode, so that several end in a test
DISTURBED = {"sensor_noise": (0.01,) * 4, "push_probability": 0.3, "push_force": 2.0}
PENDULUM = "robolearn/PendulumSwingUp-v0"


@pytest.fixture(params=environments.VECTOR_ENTRY_POINTS)
def name(request):
    return request.param


def make(name, num_envs=NUM_ENVS, **settings):
    given = {"step_limit": SHORT, **(DISTURBED if name == "robolearn/CartPole-v0" else {}), **settings}
    return gymnasium.make_vec(name, num_envs, vectorization_mode="vector_entry_point", **given)


def make_sync(name, mode="NextStep", **settings):
    given = {"step_limit": SHORT, **(DISTURBED if name == "robolearn/CartPole-v0" else {}), **settings}
    kwargs = {"autoreset_mode": mode}
    return gymnasium.make_vec(name, NUM_ENVS, vectorization_mode="sync", vector_kwargs=kwargs, **given)


def sample_actions(env, count, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(count)]


def assert_same(one, other, where=""):
    """Equal bit by bit and in type: what reset and step return, nested infos included."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, (tuple, list)):
        assert len(one) == len(other), where
        for place, (a, b) in enumerate(zip(one, other)):
            assert_same(a, b, f"{where}/{place}")
    elif isinstance(one, Snapshot):
        assert_same(vars(one), vars(other), where)
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(list(one), list(other), where)
    else:
        assert type(one) is type(other), where
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None), where
        np.testing.assert_array_equal(one, other, err_msg=where)


def assert_same_future(one, other, actions):
    for t, action in enumerate(actions):
        assert_same(one.step(action), other.step(action), f"step {t}")


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_each_row_is_the_single_environment_bit_by_bit(name, mode):
    batched, apart = make(name, autoreset_mode=mode, num_threads=2), make_sync(name, mode)
    assert_same(batched.reset(seed=3), apart.reset(seed=3), "reset")
    assert_same_future(batched, apart, sample_actions(batched, 40))
    seeds = [9, None, 2, None, 5]
    assert_same(batched.reset(seed=seeds), apart.reset(seed=seeds), "second reset")
    assert_same_future(batched, apart, sample_actions(batched, 20, seed=1))


def test_the_number_of_threads_and_of_rows_changes_no_bit(name):
    one, two = make(name, 33, num_threads=1), make(name, 33, num_threads=2)
    few = make(name, 2)
    assert_same(one.reset(seed=1), two.reset(seed=1))
    few.reset(seed=1)
    for action in sample_actions(one, 25):
        after = one.step(action)
        assert_same(after, two.step(action))
        assert_same([*few.step(action[:2])[1:4]], [part[:2] for part in after[1:4]])


def test_without_autoreset_the_ended_rows_are_reset_by_a_mask(name):
    batched, apart = make(name, autoreset_mode="Disabled"), make_sync(name, "Disabled")
    assert_same(batched.reset(seed=3), apart.reset(seed=3))
    first = np.array([True, False, True, False, False])
    for t, action in enumerate(sample_actions(batched, 40)):
        ends = batched.step(action)
        assert_same(ends, apart.step(action))
        mask = first if t == 4 else ends[2] | ends[3]  # at step 4 in the middle of an episode
        if mask.any():
            options = {"reset_mask": mask}
            assert_same(batched.reset(options=options), apart.reset(options=dict(options)))
            assert "reset_mask" in options, "the caller's options are the caller's"


def test_next_step_autoreset_by_hand():
    envs = make(PENDULUM, 2, step_limit=2)
    envs.reset(seed=0)
    kick = np.full((2, 1), 0.5)
    envs.step(kick)
    last, _, terminated, truncated, infos = envs.step(kick)
    assert truncated.all() and not terminated.any() and "final_obs" not in infos
    first, rewards, _, truncated, _ = envs.step(np.full((2, 1), np.nan))  # this action is ignored
    assert not truncated.any() and np.all(rewards == 0.0) and np.all(first != last)
    assert envs.num_steps.tolist() == [0, 0]


def test_same_step_autoreset_by_hand():
    envs, alone = make(PENDULUM, 2, step_limit=2, autoreset_mode="SameStep"), make_sync(PENDULUM, step_limit=2)
    envs.reset(seed=0)
    alone.reset(seed=[0, 1, 2, 3, 4])
    envs.step(np.zeros((2, 1)))
    alone.step(np.zeros((5, 1)))
    expected = alone.step(np.zeros((5, 1)))
    first, rewards, _, truncated, infos = envs.step(np.zeros((2, 1)))
    assert truncated.all() and infos["_final_obs"].all()
    np.testing.assert_array_equal(np.stack(infos["final_obs"]), expected[0][:2])
    np.testing.assert_array_equal(rewards, expected[1][:2])
    np.testing.assert_array_equal(infos["final_info"]["is_success"], expected[4]["is_success"][:2])
    np.testing.assert_array_equal(first, alone.step(np.zeros((5, 1)))[0][:2])


def test_make_vec_takes_it_without_a_warning_and_says_its_mode(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = gymnasium.make_vec(name, num_envs=3)  # no mode: the batched one is the default
        made.reset(seed=0)
        observations = made.step(made.action_space.sample())[0]
    assert type(made).__module__ == environments.VECTOR_ENTRY_POINTS[name].split(":")[0]
    assert made.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert made.num_envs == 3 and made.spec.id == name
    assert observations in made.observation_space
    assert all(one in made.single_observation_space for one in iterate(made.observation_space, observations))
    made.close()


def test_gymnasium_takes_our_arguments_directly_only():
    with pytest.raises(Error, match="arguments only through kwargs"):
        gymnasium.make_vec(
            PENDULUM, 2, vectorization_mode="vector_entry_point", vector_kwargs={"num_threads": 2}
        )


def test_what_is_returned_is_a_copy(name):
    envs = make(name)
    returned = [envs.reset(seed=0)[0]]
    actions = sample_actions(envs, 20)
    given = copy.deepcopy(actions)
    kept = [copy.deepcopy(returned[0])]
    for action in actions:
        returned.append(envs.step(action)[0])
        kept.append(copy.deepcopy(returned[-1]))
    assert_same(returned, kept)
    assert_same(actions, given)
    twin = make(name)
    twin.reset(seed=0)
    for action in actions:  # scribbling over what was returned changes nothing
        for part in twin.step(action)[:4]:
            for array in part.values() if isinstance(part, dict) else [part]:
                array[...] = 1
    assert_same(twin.get_state(), envs.get_state())


def test_seeds_are_each_rows_own(name):
    envs = make(name)
    together, _ = envs.reset(seed=[7, 7, 8, 7, 9])
    rows = list(iterate(envs.observation_space, together))
    assert_same(rows[0], rows[1])
    assert envs.np_random_seed == (7, 7, 8, 7, 9)
    envs.reset(seed=3)
    assert envs.np_random_seed == (3, 4, 5, 6, 7)
    assert len(envs.np_random) == NUM_ENVS


def test_the_global_random_state_is_neither_read_nor_moved(name):
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    envs = make(name)
    envs.reset(seed=0)
    for action in sample_actions(envs, 20):
        envs.step(action)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_saved_state_repeats_the_future(name, mode):
    envs, actions = make(name, autoreset_mode=mode), None
    envs.reset(seed=0)
    for action in sample_actions(envs, SHORT, seed=3):  # next-step: saved with rows that are to be reset
        envs.step(action)
    saved = envs.get_state()
    actions = sample_actions(envs, 25)
    future = [envs.step(action) for action in actions]
    for _ in range(2):  # a snapshot is a value: using it did not change it
        envs.reset(seed=77)
        envs.set_state(saved)
        assert_same([envs.step(action) for action in actions], future)


def test_snapshots_go_between_batched_and_single_environments(name):
    settings = {"step_limit": SHORT, **(DISTURBED if name == "robolearn/CartPole-v0" else {})}
    envs, alone = make(name), gymnasium.make(name, **settings).unwrapped
    envs.reset(seed=0)
    actions = sample_actions(envs, 9)
    for action in actions[:4]:
        envs.step(action)
    saved = envs.get_state()
    assert all(type(snapshot) is Snapshot for snapshot in saved)
    alone.set_state(saved[3])
    start = alone.get_state()
    running = ~envs._over
    for action in actions[4:]:
        observations, rewards, terminated, truncated, _ = envs.step(action)
        if not running[3]:
            break
        seen, reward, *ends, _ = alone.step(action[3])
        assert_same(list(iterate(envs.observation_space, observations))[3], seen)
        assert (rewards[3], terminated[3], truncated[3]) == (reward, *ends)
        running = ~(terminated | truncated)
    envs.set_state([start] * NUM_ENVS)
    assert_same(envs.get_state()[0].world, saved[3].world)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_pickled_or_copied_batch_goes_on_alike(name, clone):
    envs = make(name, num_threads=2)
    envs.reset(seed=6)
    for action in sample_actions(envs, 13, seed=3):
        envs.step(action)
    twin = clone(envs)
    assert_same_future(envs, twin, sample_actions(envs, 12))


def test_reset_options_set_every_row():
    envs = make(PENDULUM, 3)
    observations, _ = envs.reset(seed=0, options={"state": (0.5, -1.0)})
    np.testing.assert_array_equal(envs.state, [[0.5, -1.0]] * 3)
    np.testing.assert_array_equal(observations, [[np.cos(0.5), np.sin(0.5), -1.0]] * 3)


def test_a_formulation_of_ones_own_is_called_row_by_row():
    own = Formulation(
        observe=lambda qpos, qvel, target: [*qpos, *qvel, *target, qpos[0] * qvel[1]],
        reward=lambda fingertip, target, torque: -float(np.abs(fingertip - target).sum() + torque @ torque),
        done=lambda fingertip, qvel, target, step, limit: (bool(fingertip[0] > 0.3), step >= limit - 1),
    )
    batched, apart = (builder("robolearn/Reacher-v0", formulation=own) for builder in (make, make_sync))
    assert_same(batched.reset(seed=1), apart.reset(seed=1))
    ends = np.zeros(2, dtype=bool)
    for action in sample_actions(batched, 40):
        after = batched.step(action)
        assert_same(after, apart.step(action))
        ends |= after[2].any(), after[3].any()
    assert ends.all(), "both kinds of end were met"


def test_each_row_has_its_picture(name):
    envs = make(name, 2, render_mode="rgb_array", image_size=(36, 48))
    apart = make_sync(name, render_mode="rgb_array", image_size=(36, 48))
    envs.reset(seed=0)
    apart.reset(seed=0)
    action = sample_actions(apart, 1)[0]
    envs.step(action[:2])
    apart.step(action)
    before = envs.get_state()
    pictures = envs.render()
    assert len(pictures) == 2
    np.testing.assert_array_equal(pictures, apart.render()[:2])
    assert_same(envs.get_state(), before)
    envs.close()


def test_gymnasiums_vector_wrappers_work():
    envs = RecordEpisodeStatistics(make(PENDULUM, 2, step_limit=4))
    envs.reset(seed=0)
    earned = np.zeros(2)
    for _ in range(4):
        _, rewards, _, _, infos = envs.step(np.zeros((2, 1)))
        earned += rewards
    np.testing.assert_allclose(infos["episode"]["r"], earned)
    np.testing.assert_array_equal(infos["episode"]["l"], [4, 4])


def test_drawing_rows_is_drawing_each(seed=0):
    rng, twin = np.random.default_rng(seed), np.random.default_rng(seed)
    weights = np.random.default_rng(1).random((200, 7)) * (np.random.default_rng(2).random((200, 7)) > 0.4)
    weights[:, 3] += 0.1
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    drawn = draw_rows(probabilities, np.array([rng.random() for _ in range(200)]))
    assert drawn.tolist() == [draw(row, twin) for row in probabilities]
