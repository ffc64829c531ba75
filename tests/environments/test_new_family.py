"""A family with a free body, contacts, a touch sensor, a target that is moved, and a camera on the wrist.

It is written as environments/README.md tells, and asks of the shared classes what no registered family asks.
"""

from __future__ import annotations

import copy
import pickle
import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from environments import physics
from environments.episode import MujocoEpisode
from environments.gallery import panels_of
from environments.physics import Physics, check_vector
from environments.raycast import Picture, camera_rays, cast
from environments.vector import MujocoVectorEnv

NAME = "robolearn/PushBox-v0"
TABLE_TOP = """
<mujoco>
  <option timestep="0.004"/>
  <size memory="512K"/>
  <worldbody>
    <light name="lamp" pos="0.5 -0.5 2"/>
    <camera name="overview" pos="0 -1 0.8" xyaxes="1 0 0 0 0.6 0.8" fovy="45"/>
    <geom name="table" type="box" size="0.4 0.4 0.02" pos="0 0 -0.02"/>
    <body name="box">
      <freejoint name="box"/>
      <geom name="box" type="box" size="0.03 0.03 0.03" mass="0.1" rgba="0.8 0.2 0.2 1"/>
    </body>
    <body name="wrist" pos="-0.2 0 0.06">
      <joint name="wrist_x" type="slide" axis="1 0 0"/>
      <joint name="wrist_y" type="slide" axis="0 1 0"/>
      <geom name="finger" type="capsule" size="0.012" fromto="0 0 -0.045 0 0 0.05" mass="0.3"/>
      <geom name="palm" type="box" size="0.03 0.05 0.01" pos="0 0 0.08" contype="0" conaffinity="0" mass="0"/>
      <site name="fingertip" size="0.03" pos="0 0 -0.03"/>
      <camera name="wrist" pos="0 0 0.3" xyaxes="0 -1 0 1 0 0" fovy="70"/>
    </body>
    <body name="target" mocap="true">
      <geom name="target" type="cylinder" size="0.04 0.001" contype="0" conaffinity="0" rgba="0.2 0.8 0.3 1"/>
    </body>
  </worldbody>
  <actuator>
    <position name="wrist_x" joint="wrist_x" kp="60" kv="8"/>
    <position name="wrist_y" joint="wrist_y" kp="60" kv="8"/>
  </actuator>
  <sensor>
    <touch name="fingertip" site="fingertip"/>
    <framelinvel name="box" objtype="body" objname="box"/>
  </sensor>
</mujoco>"""
REACH = np.array([0.5, 0.3])  # m
DRIFT = 0.004  # m that the target moves in a step


def observe(qpos, sensordata, target, depth):
    state = np.concatenate([qpos, np.clip(sensordata, -9, 9), target], axis=-1)
    return {"state": np.clip(state, -9, 9), "depth": np.clip(depth, 0, 1).astype(np.float32)}


def distance(qpos, target):
    return np.linalg.norm(qpos[..., :2] - target, axis=-1)


class PushBox(MujocoEpisode):
    """Push a box to a target that creeps away. 25 Hz, physics at 250 Hz."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012
    reset_options = ("box",)

    def __init__(self, step_limit=20, render_mode=None, **picture):
        super().__init__(step_limit, render_mode, **picture)
        self.physics = Physics(mujoco.MjModel.from_xml_string(TABLE_TOP), 10, mujoco.mjtStage.mjSTAGE_ACC)
        self.wrist = Picture(self.physics.model, "wrist", 9, 11)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), dtype=np.float64)
        self.observation_space = spaces.Dict(
            {
                "state": spaces.Box(-9.0, 9.0, (15,), dtype=np.float64),
                "depth": spaces.Box(0.0, 1.0, (9, 11), dtype=np.float32),
            }
        )

    def draw_start(self, rng, options):
        place, yaw, target = rng.uniform(-0.05, 0.05, 2), rng.uniform(-3, 3), rng.uniform(0.15, 0.3, 2)
        place = check_vector("reset option box", options.get("box", place), 2)
        return np.array([*place, 0.031, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2), 0, 0]), target

    def _begin(self, options):
        qpos, target = self.draw_start(self.np_random, options)
        self.physics.set_configuration(qpos, np.zeros(8))
        self.physics.data.mocap_pos[0] = (*target, 0.001)

    def _advance(self, action):
        data = self.physics.data
        data.mocap_pos[0, 1] += DRIFT
        self.physics.step(np.clip(data.qpos[7:] + 0.06 * action, -REACH, REACH))
        return -float(distance(data.qpos, data.mocap_pos[0, :2])), False

    def _observe(self):
        data = self.physics.data
        return observe(data.qpos, data.sensordata, data.mocap_pos[0, :2], self.wrist.depth(data))

    def _info(self):
        data = self.physics.data
        return {"is_success": bool(distance(data.qpos, data.mocap_pos[0, :2]) < 0.04)}


class PushBoxVector(MujocoVectorEnv):
    single_type = PushBox
    fields = ("qpos", "qvel", "ctrl", "mocap_pos", "sensordata")

    def _begin(self, ids, options):
        starts = [self.single.draw_start(self.rng(row), options) for row in ids]
        self._restore_defaults(ids)
        self.view.qpos[ids] = [qpos for qpos, _ in starts]
        self.view.mocap_pos[ids, 0] = [(*target, 0.001) for _, target in starts]
        self._settle(ids)

    def _advance(self, ids, actions):
        self.view.mocap_pos[ids, 0, 1] += DRIFT
        self._step_physics(ids, np.clip(self.view.qpos[ids, 7:] + 0.06 * actions, -REACH, REACH))
        return -distance(self.view.qpos[ids], self.view.mocap_pos[ids, 0, :2]), np.zeros(len(ids), dtype=bool)

    def _observe(self, ids):
        depth = np.stack([self.single.wrist.depth(self.data_of(row)) for row in ids])
        target = self.view.mocap_pos[ids, 0, :2]
        return observe(self.view.qpos[ids], self.view.sensordata[ids], target, depth)

    def _info(self, ids):
        return {"is_success": distance(self.view.qpos[ids], self.view.mocap_pos[ids, 0, :2]) < 0.04}


@pytest.fixture(autouse=True)
def registered():
    gymnasium.register(NAME, entry_point=PushBox, vector_entry_point=PushBoxVector)
    yield
    gymnasium.registry.pop(NAME)


def pushes(shape, count=45, seed=0):
    actions = np.random.default_rng(seed).uniform(-1, 1, (count, *shape))
    actions[..., 0] = np.abs(actions[..., 0])  # towards the box
    return actions


def play(env, actions, seed=None):
    seen = [] if seed is None else [env.reset(seed=seed)]
    for action in actions:
        seen.append(env.step(action))
        if seen[-1][3]:
            seen.append(env.reset())
    return seen


def test_gymnasiums_checker_finds_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(NAME).unwrapped, skip_render_check=True)


def test_the_box_is_felt_pushed_and_seen_from_the_moving_wrist():
    env = gymnasium.make(NAME, step_limit=60).unwrapped
    env.reset(seed=0, options={"box": (0.0, 0.0)})
    touches, seen = [], []
    body = env.physics.model.body("box").id
    for _ in range(30):
        observation, *_ = env.step([1.0, 0.0])
        data = env.physics.data
        touches.append(observation["state"][9])
        rays = camera_rays(env.physics.model, env.wrist.data, env.wrist.camera_id, env.wrist.size)
        geom = cast(env.physics.model, env.wrist.data, *rays).geom_id.reshape(env.wrist.size)
        seen.append(np.flatnonzero((env.physics.model.geom_bodyid[geom] == body).any(axis=1)))
        np.testing.assert_array_equal(
            env.wrist.data.cam_xpos[1], data.qpos[[7, 8, 8]] * (1, 1, 0) + (-0.2, 0, 0.36)
        )
        # What the sensors say of now is the velocity of now.
        np.testing.assert_allclose(data.sensor("box").data, data.qvel[:3], atol=1e-9)
    assert touches[0] == 0
    assert max(touches) > 0.1  # N
    assert data.qpos[0] > 0.05
    assert min(seen[0]) < min(seen[12])  # it comes closer: from the top of the picture to its middle
    depth = observation["depth"]
    assert depth.min() == pytest.approx(0.21)  # the palm, 0.2 m below the lens less its half height
    assert np.median(depth) == pytest.approx(0.36)  # the table


@pytest.mark.parametrize("num_threads", [1, 2])
def test_each_row_is_the_single_environment_bit_by_bit(num_threads):
    many = gymnasium.make_vec(NAME, 4, num_threads=num_threads, autoreset_mode="SameStep")
    apart = gymnasium.make_vec(
        NAME, 4, vectorization_mode="sync", vector_kwargs={"autoreset_mode": "SameStep"}
    )
    actions = pushes((4, 2))
    for one, other in zip(play_all(many, actions), play_all(apart, actions), strict=True):
        np.testing.assert_equal(one, other)
    assert many.view.sensordata[:, 0].shape == (4,)


def play_all(envs, actions):
    seen = [envs.reset(seed=5)[0]]
    for action in actions:
        observation, reward, terminated, truncated, _ = envs.step(action)
        seen.append((observation, reward, terminated, truncated))
    return seen


def test_a_state_in_the_middle_of_a_push_is_restored_everywhere():
    many = gymnasium.make_vec(NAME, 3, autoreset_mode="SameStep", step_limit=40)
    single = gymnasium.make(NAME, step_limit=40).unwrapped
    before, after = pushes((3, 2), 15), pushes((3, 2), 15, seed=1)
    many.reset(seed=[1, 2, 3])
    for action in before:
        many.step(action)
    saved = pickle.loads(pickle.dumps(many.get_state()))
    twins = [copy.deepcopy(many), pickle.loads(pickle.dumps(many))]
    future = [many.step(action) for action in after]
    many.reset(seed=9)
    many.set_state(saved)
    for env in (many, *twins):
        np.testing.assert_equal([env.step(action) for action in after], future)
    for row in range(3):
        single.set_state(saved[row])
        for action, (observations, rewards, *_ends) in zip(after, future):
            observation, reward, *_ = single.step(action[row])
            np.testing.assert_equal(observation, {key: value[row] for key, value in observations.items()})
            assert reward == rewards[row]


def test_a_target_that_was_moved_is_put_back_by_a_reset():
    env = gymnasium.make(NAME).unwrapped
    fresh = play(env, pushes((2,), 10), seed=3)
    play(env, pushes((2,), 50, seed=1), seed=8)
    np.testing.assert_equal(play(env, pushes((2,), 10), seed=3), fresh)


@pytest.mark.parametrize("stage", mujoco.mjtStage.__members__.values())
def test_single_and_batched_physics_know_the_same_of_now(stage):
    model = mujoco.MjModel.from_xml_string(TABLE_TOP)

    class Staged(PushBox):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.physics = Physics(model, 10, stage)

    class StagedVector(PushBoxVector):
        single_type = Staged
        fields = (*PushBoxVector.fields, "cam_xpos")

    many, single = StagedVector(1), Staged()
    many.reset(seed=0)
    single.reset(seed=0)
    is_of_now = []
    for action in pushes((2,), 15):
        many.step(action[None])
        single.step(action)
        data, view = single.physics.data, many.view
        np.testing.assert_array_equal(data.qpos, view.qpos[0])
        np.testing.assert_array_equal(data.sensordata, view.sensordata[0])
        is_of_now.append(np.allclose(data.sensor("box").data, data.qvel[:3], atol=1e-9))
    assert all(is_of_now) == (int(stage) >= int(mujoco.mjtStage.mjSTAGE_VEL))
    saved, sensed = many.get_state(), many.view.sensordata.copy()
    many.reset(seed=7)
    single.reset(seed=7)
    many.set_state(saved)
    single.set_state(saved[0])
    if int(stage) >= int(mujoco.mjtStage.mjSTAGE_VEL):  # not in the state: sensors follow from it
        np.testing.assert_array_equal(many.view.sensordata, sensed)
        np.testing.assert_array_equal(single.physics.data.sensordata, sensed[0])


def test_the_gallery_shows_the_wrist_and_what_it_measures():
    assert [panel.view for panel in panels_of(NAME)] == ["overview", "wrist", "depth"]


def test_a_free_body_has_no_linearisation():
    model = mujoco.MjModel.from_xml_string(TABLE_TOP)
    message = r"linearise: got a model with nq 9, nv 8, na 0, expected nq == nv and no activations"
    with pytest.raises(ValueError, match=message):
        physics.linearise(model, 1, np.zeros(17), np.zeros(2))
