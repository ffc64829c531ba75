"""What a vector environment refuses, and what it says."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import ResetNeeded

import environments

PENDULUM = "robolearn/PendulumSwingUp-v0"


def make(name=PENDULUM, num_envs=3, **settings):
    return gymnasium.make_vec(name, num_envs, vectorization_mode="vector_entry_point", **settings)


@pytest.fixture(params=environments.VECTOR_ENTRY_POINTS)
def envs(request):
    made = make(request.param)
    made.reset(seed=0)
    return made


def test_bad_actions_name_the_row_and_move_nothing(envs):
    space, owner = envs.single_action_space, rf"^{type(envs).__name__}\.step: "
    good = np.zeros(envs.action_space.shape, dtype=np.int64 if isinstance(space, spaces.Discrete) else float)
    if isinstance(space, spaces.Discrete):
        last = space.n - 1
        bad = {
            rf"environment 1: action is {last + 1}, expected an integer in 0\.\.{last}": [0, last + 1, 0],
            r"environment 2: action is -1, expected": [0, 0, -1],
            r"got actions of shape \(2,\), expected \(3,\) = \(N,\)": [0, 0],
            r"got actions of type float64, expected integers of shape \(3,\)": np.zeros(3),
            r"got actions of type <U4, expected integers": "left",
            r"got actions of type bool, expected integers": good == 0,
            r"got actions of type object, expected integers": [[0], [0, 1], 0],
        }
    else:
        (size,) = space.shape
        row = rf"\(3, {size}\)"
        bad = {
            rf"got actions of shape \({size},\), expected {row} = \(N, A\)": good[0],
            rf"got actions of shape \(2, {size}\), expected {row}": good[:2],
            rf"actions: got 'left', expected numbers of shape {row}": "left",
            r"(?s:actions: got array\(\[\[ True.*expected numbers of shape)": good == 0,
            r"(?s:actions: got array.*j.*expected numbers of shape)": good + 1j,
            r"environment 1: action\[0\] is 1.01, expected \[-1, 1\]. Clip it: np.clip\(actions": spoiled(
                good, 1.01
            ),
            r"environment 1: got action .*nan.*, expected finite numbers. Has the policy diverged\?": spoiled(
                good, np.nan
            ),
            r"environment 1: got action .*inf.*, expected finite": spoiled(good, -np.inf),
        }
    before = str(envs.get_state())
    for message, actions in bad.items():
        with pytest.raises(ValueError, match=owner + message):
            envs.step(actions)
    assert str(envs.get_state()) == before


def spoiled(actions, value):
    changed = actions.copy()
    changed[1, 0] = value
    return changed


def test_step_before_reset_is_refused(envs):
    fresh = make(envs.spec.id)
    with pytest.raises(ResetNeeded, match=r"Vector.step: no episode is running. Call reset\(\) first"):
        fresh.step(fresh.action_space.sample())
    mask = np.array([True, False, False])
    fresh.reset(seed=0, options={"reset_mask": mask})
    with pytest.raises(ResetNeeded, match="no episode is running"):
        fresh.step(fresh.action_space.sample())


def test_ended_rows_are_named_where_autoreset_is_disabled():
    envs = make(autoreset_mode="Disabled", step_limit=1)
    envs.reset(seed=0)
    envs.step(np.zeros((3, 1)))
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    message = r"environments \[0, 2\] have ended, and autoreset is disabled. .*reset_mask"
    with pytest.raises(ResetNeeded, match=message):
        envs.step(np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_envs": 0}, "num_envs: got 0, expected a whole number of at least 1"),
        ({"num_envs": 2.0}, "num_envs: got 2.0, expected a whole number"),
        ({"num_threads": 0}, "num_threads: got 0, expected a whole number of at least 1"),
        ({"num_threads": True}, "num_threads: got True, expected"),
        (
            {"autoreset_mode": "next_step"},
            "autoreset_mode: got 'next_step', expected one of 'NextStep', 'SameStep', 'Disabled'",
        ),
        ({"step_limit": 0}, "step_limit: got 0"),
        ({"render_mode": "human"}, "render_mode: got 'human'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2]}, "seed: got 2 seeds, expected 3, one for each environment"),
        ({"seed": "abc"}, "seed: got 'abc', expected None, an integer, or 3 of them"),
        ({"seed": 1.5}, "seed: got 1.5, expected None, an integer"),
        ({"options": "state"}, "reset options: got 'state', expected a dict with some of: state, reset_mask"),
        ({"options": {"sate": 0}}, "reset option 'sate' is unknown, expected one of: state"),
        ({"options": {"state": (0, np.nan)}}, r"reset option state: got \[ 0. nan\], expected finite"),
        (
            {"options": {"reset_mask": [True, False, True]}},
            r"reset_mask: got list, expected a bool array of shape \(3,\)",
        ),
        (
            {"options": {"reset_mask": np.ones(2, dtype=bool)}},
            r"reset_mask: got bool of shape \(2,\), expected a bool array of shape \(3,\)",
        ),
        ({"options": {"reset_mask": np.ones(3)}}, r"reset_mask: got float64 of shape \(3,\), expected"),
        ({"options": {"reset_mask": np.zeros(3, dtype=bool)}}, "reset_mask: got no True, expected at least"),
    ],
)
def test_bad_resets_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make().reset(**arguments)


def test_another_environments_state_is_refused():
    envs = make()
    envs.reset(seed=0)
    saved = envs.get_state()
    with pytest.raises(ValueError, match="set_state: got 2 snapshots, expected 3, one a row"):
        envs.set_state(saved[:2])
    with pytest.raises(TypeError, match=r"got dict for row 1, expected what get_state\(\) returned"):
        envs.set_state([saved[0], {}, saved[2]])
    other = make("robolearn/CartPoleSwingUp-v0")
    other.reset(seed=0)
    with pytest.raises(ValueError, match=r"set_state: got a state of shape .* another model's"):
        envs.set_state(other.get_state())


def test_render_without_a_mode_warns_and_returns_none():
    envs = make()
    envs.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert envs.render() is None
