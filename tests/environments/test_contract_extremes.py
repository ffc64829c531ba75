"""The contract of every registered id at its edges: hard actions, wrong arguments, last steps, strange company."""

from __future__ import annotations

import copy
import pickle
import random
import re
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import Error, ResetNeeded
from gymnasium.vector.utils import iterate

import environments
from environments.navigation.task import NavigationEpisode

README = Path(environments.__file__).with_name("README.md").read_text(encoding="utf-8")
UNITS = {"1", "m", "m/s", "rad", "rad/s"}
WITHOUT_SUCCESS = {"robolearn/CartPole-v0", "robolearn/Exploration-v0"}


@pytest.fixture(params=environments.IDS)
def name(request):
    return request.param


@pytest.fixture
def env(name):
    made = gymnasium.make(name).unwrapped
    yield made
    made.close()


def is_discrete(env):
    return isinstance(env.action_space, spaces.Discrete)


def play(env, actions, seed):
    """Everything that a rollout returns."""
    seen = [env.reset(seed=seed)]
    for action in actions:
        seen.append(env.step(action))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen


def sample(env, count, seed=0):
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(count)]


def hard_actions(env, count=400):
    """Corners of the box, held for a while; or each action for a while."""
    rng = np.random.default_rng(0)
    if is_discrete(env):
        return [int(a) for a in rng.integers(env.action_space.n, size=count // 20).repeat(20)]
    signs = rng.integers(2, size=(count // 20, *env.action_space.shape)).repeat(20, axis=0)
    return list(np.where(signs, env.action_space.high, env.action_space.low))


def section(env, heading):
    found = re.search(rf"^    {heading}: (.*?)(?=^    \w+:|\Z)", type(env).__doc__, re.S | re.M)
    return found.group(1)


# Ranges


def test_the_hardest_actions_stay_in_the_documented_ranges(env):
    low, high = env.reward_range
    for observation, *rest in play(env, hard_actions(env), seed=3):
        assert observation in env.observation_space
        if len(rest) > 1:
            assert low <= rest[0] <= high


def test_an_action_is_read_and_not_written(env):
    env.reset(seed=0)
    value = 1 if is_discrete(env) else 0.3
    action = np.full(env.action_space.shape, value)
    env.step(action)
    np.testing.assert_array_equal(action, value)
    action.flags.writeable = False
    env.step(action)
    env.step(action.tolist())


def test_documented_rows_have_units_and_bounds(env):
    parts = [("Observation", env.observation_space), ("Action", env.action_space)]
    for heading, space in parts:
        text = section(env, heading)
        boxes = {"": space} if not isinstance(space, spaces.Dict) else space.spaces
        for key, part in boxes.items():
            where = (
                text
                if not key
                else re.search(rf"        {key}: .*?(?=\n        \w+: |\Z)", text, re.S).group()
            )
            rows = re.findall(r"^ +(\d+)  (\S.*?)  +(\S+)(?:  +(.*))?$", where, re.M)
            if isinstance(part, spaces.Box) and len(part.shape) == 1:
                assert len(rows) == part.shape[0]
            for index, quantity, unit, remark in rows:
                assert unit in UNITS, (quantity, unit)
                bound = re.search(r"clipped to \+-(pi|[\d.]+)", remark)
                if bound:
                    high = np.pi if bound.group(1) == "pi" else float(bound.group(1))
                    assert (part.low[int(index)], part.high[int(index)]) == (-high, high)
                if "in [-1, 1]" in remark:
                    assert (part.low[int(index)], part.high[int(index)]) == (-1.0, 1.0)


# The table of the README


def table():
    """Cells of the README's row for each id."""
    found = {}
    for line in README.splitlines():
        names = re.findall(r"`(robolearn/[\w-]+)`", line)
        if line.startswith("| `robolearn/"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            for one in names:
                assert one not in found, f"{one} stands twice"
                found[one] = cells
    return found


def test_the_readmes_first_steps_run(capsys):
    first = README[README.index("```python\n") + 10 :]
    assert "range(50)" in first  # fifty pictures take seconds
    *lines, last = first[: first.index("```")].replace("range(50)", "range(3)").strip().splitlines()
    names = {}
    exec("\n".join(lines), names)
    animation = eval(last, names)
    assert animation._repr_html_().startswith("<img")
    assert "Termination: never" in capsys.readouterr().out


def test_the_readme_has_a_row_for_every_id_and_no_other():
    assert set(table()) == set(environments.IDS)


def test_the_readme_tells_what_the_environment_is(name, env):
    _, observation, action, reward, rates, ends, _ = table()[name]
    assert reward == "{:g} to {:g}".format(*env.reward_range)
    if isinstance(env.observation_space, spaces.Dict):
        assert observation.startswith("dict: ")
        for key in env.observation_space.spaces:
            assert key in observation
    elif isinstance(env.observation_space, spaces.Box):
        assert observation.startswith(f"{env.observation_space.shape} ")
    if not is_discrete(env):
        assert action.startswith(str(env.action_space.shape))
        control, physical = map(int, re.match(r"(\d+) Hz / (\d+) Hz$", rates).groups())
        assert env.metadata["render_fps"] == control
        assert env.physics.model.opt.timestep == pytest.approx(1 / physical)
    elif action != "the same":
        assert action.startswith("Discrete")
    assert ends.endswith(f"; {env.step_limit} steps")
    assert ends.startswith("never") == section(env, "Termination").startswith("never")


# Wrong arguments


def test_actions_of_a_wrong_type_are_refused(env):
    env.reset(seed=0)
    owner = rf"^{type(env).__name__}\.step: action: got "
    shape = env.action_space.shape
    wrong = [True, "0.5", None, {"a": 1}, [[0.1], [0.2, 0.3]], np.full(shape, "0"), np.full(shape, None)]
    wrong += [np.ones(shape, dtype=bool), np.ones(shape) + 1j, np.full(shape, 0.5, dtype=object)]
    for action in wrong:
        with pytest.raises(ValueError, match=owner + r"(?s:.*), expected (numbers of shape|one integer in)"):
            env.step(action)
    assert env.num_steps == 0


def test_values_of_reset_options_are_checked_and_named(env):
    for option in env.reset_options:
        for value in ("nonsense", None, np.nan, True, [1, 2, 3, 4, 5], {"a": 1}, [[1], [2, 3]], 1j):
            with pytest.raises(ValueError, match=f"^reset option {option}: "):
                env.reset(options={option: value})
    for options in ("state", [1], 3):
        with pytest.raises(ValueError, match=r"^reset options: got .*, expected a dict with some of: "):
            env.reset(options=options)
    with pytest.raises(Error, match="Seed must be"):
        env.reset(seed=-1)


@pytest.mark.parametrize(
    ("argument", "values", "message"),
    [
        ("step_limit", [None, np.nan, np.inf, True, "10", -1], "expected a whole number of at least 1"),
        (
            "image_size", [(0, 10), 5, (10.5, 3), "big", (1, 2, 3), (True, True)],
            r"expected \(height, width\) in pixels, whole numbers of at least 1",
        ),
    ],
)  # fmt: skip
def test_settings_are_checked_and_named(env, argument, values, message):
    for value in values:
        if value is None and isinstance(env, NavigationEpisode):
            continue  # its default: the motion's own limit
        with pytest.raises(ValueError, match=rf"^{argument}: got .*, {message}"):
            type(env)(**{argument: value})
    with pytest.raises(TypeError, match="colour"):
        type(env)(colour="red")


@pytest.mark.parametrize(
    ("short", "argument", "value", "message"),
    [
        ("GridNavigation", "plan", 3, "got 3, expected a FloorPlan"),
        ("GridNavigation", "slip", "much", r"got 'much', expected a probability in \[0, 1\]"),
        ("GridNavigation", "living_reward", np.nan, "got nan, expected a finite number"),
        ("Corridor", "corridor", 16, "got 16, expected a Corridor"),
        ("Reacher", "formulation", len, "got <built-in function len>, expected a Formulation"),
        ("CartPole", "angle_limit", None, "got None, expected a finite number"),
        ("CartPole", "push_force", "hard", "got 'hard', expected a finite number"),
        ("CartPole", "sensor_noise", "loud", r"got 'loud', expected numbers of shape \(4,\)"),
        ("PointGoalNavigation", "camera", {"height": 8}, r"got \{'height': 8\}, expected a Camera"),
        ("PointGoalNavigation", "noise", 0.1, "got 0.1, expected a Noise"),
        ("QuadrupedVelocity", "task", {}, r"got \{\}, expected a Task"),
        ("QuadrupedVelocity", "randomisation", True, "got True, expected a Randomisation"),
        ("QuadrupedVelocity", "drive", 3, "got 3 with actuator='pd', expected it with actuator=\"real\""),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(short, argument, value, message):
    with pytest.raises((ValueError, TypeError), match=f"^{argument}: {message}"):
        gymnasium.make(f"robolearn/{short}-v0", **{argument: value})
    if argument == "drive":
        with pytest.raises(TypeError, match=r"^drive: got 3, expected a Drive"):
            gymnasium.make(f"robolearn/{short}-v0", drive=value, actuator="real")


def test_one_sensor_may_be_given_by_its_name_alone():
    env = gymnasium.make("robolearn/PointGoalNavigation-v0", sensors="rgb").unwrapped
    assert env.sensors == ("rgb",)


# The last step


def ending(name):
    """Settings, seed and actions that end an episode by the task."""
    for seed in range(20):
        env = gymnasium.make(name).unwrapped
        env.reset(seed=seed)
        chance, actions = sample(env, env.step_limit, seed), []
        for step in range(env.step_limit):
            if hasattr(env, "expert_action"):
                actions.append(env.expert_action())
            else:
                actions.append(chance[step] if is_discrete(env) else env.action_space.high)
            _, _, terminated, truncated, _ = env.step(actions[-1])
            if terminated and step > 0:
                return seed, actions
            if terminated or truncated:
                break
    return None


def test_a_last_step_may_end_the_task_and_meet_the_limit(name, env):
    if section(env, "Termination").startswith("never"):
        assert not any(step[2] for step in play(env, hard_actions(env), seed=0) if len(step) > 2)
        return
    seed, actions = ending(name)
    for limit, terminated, truncated in (
        (len(actions) - 1, False, True), (len(actions), True, True), (len(actions) + 1, True, False),
    ):  # fmt: skip
        one = gymnasium.make(name, step_limit=limit).unwrapped
        many = gymnasium.make_vec(name, 2, step_limit=limit, autoreset_mode="Disabled")
        one.reset(seed=seed)
        many.reset(seed=[seed, seed])
        for action in actions[:limit]:
            _, reward, *ends, _ = one.step(action)
            _, rewards, *vector_ends, _ = many.step(np.stack([action, action]))
        assert ends == [terminated, truncated]
        np.testing.assert_array_equal(vector_ends, [[terminated] * 2, [truncated] * 2])
        np.testing.assert_array_equal(rewards, reward)
        with pytest.raises(ResetNeeded):
            one.step(action)


# Company and history


def test_two_environments_side_by_side_do_not_know_of_each_other(name):
    first, second = (gymnasium.make(name).unwrapped for _ in range(2))
    actions, others = sample(first, 40), sample(second, 40, seed=1)
    alone = [play(first, actions, seed=1), play(second, others, seed=2)]
    together = [[first.reset(seed=1)], [second.reset(seed=2)]]
    for pair in zip(actions, others):
        for env, action, seen in zip((first, second), pair, together):
            seen.append(env.step(action))
            if seen[-1][2] or seen[-1][3]:
                seen.append(env.reset())
    for one, other in zip(alone, together):
        np.testing.assert_equal(one, other)


def test_what_was_before_a_seeded_reset_is_forgotten(name):
    env = gymnasium.make(name, render_mode="rgb_array", image_size=(12, 16)).unwrapped
    actions = sample(env, 30)
    fresh = play(env, actions, seed=7)
    saved = env.get_state()
    env.reset(seed=1)
    env.render()
    options = {"state": env.state} if "state" in env.reset_options else {}
    env.reset(options=options)
    env.step(actions[0])
    env.set_state(saved)
    np.testing.assert_equal(play(env, actions, seed=7), fresh)


def test_a_state_fits_a_new_environment_also_from_a_file(name, env):
    actions = sample(env, 30)
    play(env, sample(env, 9, seed=3), seed=6)
    saved = env.get_state()
    future = [env.step(action) for action in actions[:3]]
    stranger = gymnasium.make(name).unwrapped
    stranger.set_state(pickle.loads(pickle.dumps(saved)))
    np.testing.assert_equal([stranger.step(action) for action in actions[:3]], future)


def test_a_finished_episode_is_restored_as_finished(name):
    env = gymnasium.make(name, step_limit=1).unwrapped
    env.reset(seed=0)
    action = sample(env, 1)[0]
    env.step(action)
    saved = env.get_state()
    env.reset()
    env.set_state(saved)
    with pytest.raises(ResetNeeded):
        env.step(action)
    with pytest.raises(ResetNeeded):
        copy.deepcopy(env).step(action)


def test_nobodys_random_numbers_are_touched(name):
    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()
    env = gymnasium.make(name, render_mode="rgb_array", image_size=(12, 16)).unwrapped
    env.reset()  # also where no seed is given
    env.step(sample(env, 1)[0])
    env.render()
    copy.deepcopy(env).reset()
    many = gymnasium.make_vec(name, 2)
    many.reset()
    many.step(np.stack(list(iterate(many.action_space, many.action_space.sample()))))
    np.testing.assert_equal((random.getstate(), np.random.get_state()), before)


def test_info_has_the_same_entries_at_every_step(name, env):
    seen = play(env, sample(env, 30), seed=0)
    infos = [step[-1] for step in seen]
    for info in infos:
        assert info.keys() == infos[0].keys()
        assert ("is_success" in info) == (name not in WITHOUT_SUCCESS)
        assert type(info.get("is_success", False)) is bool
        for value in info.values():
            numbers = list(value.values()) if isinstance(value, dict) else value
            assert np.all(np.isfinite(np.asarray(numbers, dtype=np.float64)))
    assert infos[0] is not infos[1]


def test_everything_in_a_model_has_a_name(env):
    """Bodies, joints, actuators, sensors, sites, cameras and lights, in what moves and in what is shown."""
    env.reset(seed=0)
    models = [env._scene()[0], *([env.physics.model] if hasattr(env, "physics") else [])]
    counts = {"BODY": "nbody", "JOINT": "njnt", "ACTUATOR": "nu", "SENSOR": "nsensor", "SITE": "nsite",
              "CAMERA": "ncam", "LIGHT": "nlight", "TENDON": "ntendon", "EQUALITY": "neq"}  # fmt: skip
    for model in models:
        for kind, count in counts.items():
            for i in range(getattr(model, count)):
                assert mujoco.mj_id2name(model, getattr(mujoco.mjtObj, f"mjOBJ_{kind}"), i), (kind, i)
