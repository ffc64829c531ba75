"""A vector environment is N single ones: bit by bit, on any number of threads, in Gymnasium's autoreset modes."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import environments

VECTORISED = tuple(environments.VECTOR_ENTRY_POINTS)
NUM_ENVS = 5
SHORT = 23  # steps an episode, so that several end in a test
DISTURBED = {"sensor_noise": (0.01,) * 4, "push_probability": 0.3, "push_force": 2.0}


@pytest.fixture(params=VECTORISED)
def name(request):
    return request.param


def make(name, num_envs=NUM_ENVS, **settings):
    return gymnasium.make_vec(
        name, num_envs, vectorization_mode="vector_entry_point", **{"step_limit": SHORT, **settings}
    )


def make_sync(name, mode="NextStep", **settings):
    return gymnasium.make_vec(
        name, NUM_ENVS, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode},
        **{"step_limit": SHORT, **settings},
    )  # fmt: skip


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
    elif isinstance(one, np.ndarray) and one.dtype == object:
        assert_same(list(one), list(other), where)
    else:
        assert type(one) is type(other), where
        assert getattr(one, "dtype", None) == getattr(other, "dtype", None), where
        np.testing.assert_array_equal(one, other, err_msg=where)


def assert_same_future(one, other, actions):
    for t, action in enumerate(actions):
        assert_same(one.step(action), other.step(action), f"step {t}")


@pytest.mark.parametrize("num_threads", [1, 2])
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_each_row_is_the_single_environment_bit_by_bit(name, mode, num_threads):
    settings = {**(DISTURBED if name == "robolearn/CartPole-v0" else {})}
    batched = make(name, num_threads=num_threads, autoreset_mode=mode, **settings)
    apart = make_sync(name, mode, **settings)
    assert_same(batched.reset(seed=3), apart.reset(seed=3), "reset")
    assert_same_future(batched, apart, sample_actions(batched, 80))
    seeds = [9, None, 2, None, 5]
    assert_same(batched.reset(seed=seeds), apart.reset(seed=seeds), "second reset")
    assert_same_future(batched, apart, sample_actions(batched, 30, seed=1))
