"""Ray-cast pictures against geometry that can be done by hand."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from environments import raycast
from environments.corridor import Corridor, CorridorEnv
from environments.grid_navigation import GridNavigationEnv
from environments.navigation import PointGoalNavigation
from environments.navigation.camera import FLOOR_COLOURS
from environments.navigation.plans import position
from environments.pendulum import PendulumSwingUp
from environments.raycast import Picture, camera_rays, cast, shade

SCENE = """
<mujoco>
  <asset>
    <texture name="squares" type="2d" builtin="checker" rgb1="1 1 1" rgb2="0 0 0" width="64" height="64"/>
    <material name="squares" texture="squares" texrepeat="1 1" texuniform="true"/>
  </asset>
  <worldbody>
    <light name="lamp" pos="0 0 10"/>
    <camera name="down" pos="0 0 4" xyaxes="1 0 0 0 1 0" fovy="60"/>
    <camera name="level" pos="0 -5 1" xyaxes="1 0 0 0 0 1" fovy="40"/>
    <geom name="floor" type="plane" size="9 9 0.1" {floor}/>
    <geom name="roof" type="box" pos="1 0 1.9" size="0.5 0.5 0.1" rgba="1 0 0 1"/>
    <geom name="hidden" type="sphere" pos="0 0 3" size="0.2" group="3"/>
    <body name="ball" pos="-1 0 0.5"><freejoint/><geom name="ball" type="sphere" size="0.5" rgba="0 0 1 1"/></body>
  </worldbody>
</mujoco>"""


@pytest.fixture
def scene():
    model = mujoco.MjModel.from_xml_string(SCENE.format(floor='rgba="1 1 1 1"'))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def look(model, data, camera, size):
    return cast(model, data, *camera_rays(model, data, model.camera(camera).id, size))


def test_depth_of_a_plane_is_its_distance_everywhere(scene):
    model, data = scene
    depth = Picture(model, "down", 31, 41).depth(data)
    names = look(model, data, "down", (31, 41)).geom_id.reshape(31, 41)
    np.testing.assert_allclose(depth[names == model.geom("floor").id], 4.0, atol=1e-9)
    np.testing.assert_allclose(depth[names == model.geom("roof").id].min(), 2.0, atol=1e-9)
    assert np.isinf(Picture(model, "level", 31, 41).depth(data)[0]).all()  # the sky


def test_the_middle_and_the_edges_of_a_picture_see_where_they_should(scene):
    model, data = scene
    origin, direction = camera_rays(model, data, model.camera("down").id, (3, 3))
    np.testing.assert_array_equal(origin, [0, 0, 4])
    np.testing.assert_allclose(direction[4], [0, 0, -1], atol=1e-12)
    # Pixel centres of 3 rows lie at -2/3, 0, 2/3 of tan 30 degrees.
    slope = 2 / 3 * np.tan(np.pi / 6)
    np.testing.assert_allclose(
        direction[0, :2] / -direction[0, 2], [-slope, slope], atol=1e-12
    )  # up and left
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1.0)
    wide = camera_rays(model, data, 0, (3, 6))[1]
    np.testing.assert_allclose(wide[5, 0] / -wide[5, 2], 5 / 6 * 2 * np.tan(np.pi / 6))  # square pixels


ORNAMENT = """
<mujoco>
  <worldbody>
    <camera name="level" pos="0 -5 1" xyaxes="1 0 0 0 0 1" fovy="40"/>
    <geom name="floor" type="plane" size="0 0 0.1"/>
    <body name="robot" pos="0.2 0 1" euler="0 30 20">
      <freejoint/>
      <geom name="hull" size="0.2"/>
      <geom name="antenna" type="capsule" fromto="0 0 0 0.3 0 1.2" size="0.03" contype="0" conaffinity="0"/>
      <geom name="flag" type="box" pos="0.4 0 1.2" size="0.2 0.02 0.1" contype="0" conaffinity="0"/>
    </body>
  </worldbody>
</mujoco>"""


def test_parts_that_do_not_collide_are_seen_where_they_stick_out():
    model = mujoco.MjModel.from_xml_string(ORNAMENT)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    kept = model.bvh_aabb.copy()
    hits = look(model, data, "level", (60, 80))
    alone, found = np.full(60 * 80, -1), np.zeros(1, dtype=np.int32)
    for i, ray in enumerate(hits.direction_world):  # a linear search, ray by ray
        mujoco.mj_ray(model, data, hits.origin_world, ray, raycast.VISIBLE_GROUPS, True, -1, found, None)
        alone[i] = found[0]
    assert {model.geom("antenna").id, model.geom("flag").id} <= set(alone)
    np.testing.assert_array_equal(hits.geom_id, alone)
    np.testing.assert_array_equal(model.bvh_aabb, kept)  # the physics keeps its own


def test_an_endless_floor_fades_into_the_sky_and_a_finite_one_does_not():
    text = """<mujoco><visual><rgba haze="0 1 0 1"/><map zfar="10" haze="0.5"/></visual><statistic extent="1"/>
      <asset><texture name="sky" type="skybox" builtin="gradient" rgb1="0 0 1" rgb2="0 0 1" width="8" height="8"/></asset>
      <worldbody><geom name="floor" type="plane" size="{size}" rgba="1 0 0 1"/></worldbody></mujoco>"""
    horizon = 10 * raycast.HORIZON
    for size, shares in (("0 0 0.1", (0.0, 0.5, 1.0)), ("99 99 0.1", (0.0, 0.0, 0.0))):
        model = mujoco.MjModel.from_xml_string(text.format(size=size))
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        for distance, share in zip((0.5 * horizon, 0.75 * horizon, horizon + 1), shares):
            down = 1.0 / distance  # from a metre above the floor
            ray = np.array([[np.sqrt(1 - down**2), 0, -down]])
            red, green, _ = shade(model, data, cast(model, data, np.array([0.0, 0, 1]), ray))[0]
            assert green == pytest.approx(share, abs=1e-6)
            assert (red > 0) == (share < 1)


def test_hidden_groups_are_not_seen(scene):
    model, data = scene
    assert model.geom("hidden").id not in look(model, data, "down", (21, 21)).geom_id


def test_a_roof_casts_a_shadow_on_the_floor(scene):
    model, data = scene
    roof, floor = model.geom("roof").id, model.geom("floor").id
    # Seen from (0, -5, 1): straight at the floor below the roof, and at the floor on the other side.
    points = np.array([[1.0, 0.0, 0.0], [-1.0, -2.0, 0.0]])
    origin = data.camera("level").xpos
    rays = points - origin
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    hits = cast(model, data, origin, rays)
    assert hits.geom_id.tolist() == [floor, floor]
    shadowed, lit = shade(model, data, hits).mean(axis=1)
    assert shadowed < lit - 0.25
    model.geom_pos[roof, 2] = -5.0
    mujoco.mj_forward(model, data)
    assert shade(model, data, cast(model, data, origin, rays))[0].mean() > shadowed + 0.25


def test_lamberts_law_on_a_sphere(scene):
    model, data = scene
    origin = np.array([-1.0, -5.0, 0.5])
    rays = np.array([[0.0, 1.0, 0.0]])
    hits = cast(model, data, origin, rays)
    assert hits.geom_id[0] == model.geom("ball").id
    np.testing.assert_allclose(hits.normal_world[0], [0, -1, 0], atol=1e-9)
    # The point (-1, -0.5, 0.5) turns its normal (0, -1, 0) to the lamp at (0, 0, 10): away from it, cosine below 0.
    expected = 0.1 + 0.4  # MuJoCo's headlight, where a model says nothing else: ambient and diffuse, face on
    np.testing.assert_allclose(shade(model, data, hits), [[0, 0, expected]], atol=1e-6)


@pytest.mark.parametrize("light", ['pos="0 0 10"', 'type="directional" dir="0 0 -2"', 'active="false"', None])
def test_light_is_what_the_model_says(light):
    """A floor seen and lit from straight above, and in the shadow of a slab."""
    lamp = f'<light diffuse="0.4 0.3 0.2" {light}/>' if light else ""
    model = mujoco.MjModel.from_xml_string(
        f"""<mujoco><visual><headlight ambient="0.1 0.2 0.3" diffuse="0.2 0.1 0"/></visual><worldbody>{lamp}
        <geom type="plane" size="9 9 0.1" rgba="1 1 1 1"/><geom type="box" pos="5 0 2" size="1 1 0.1"/>
        </worldbody></mujoco>"""
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    above, beside = np.array([[0.0, 0, -1]]), np.array([[5.0, 0, -1.5]])
    lit = shade(model, data, cast(model, data, np.array([0.0, 0, 5]), above))
    shadowed = shade(model, data, cast(model, data, np.array([0.0, 0, 1.5]), beside / np.linalg.norm(beside)))
    head, facing = np.array([0.2, 0.1, 0.0]), 1.5 / np.hypot(5, 1.5)
    own = np.array([0.4, 0.3, 0.2]) * (light not in (None, 'active="false"'))
    np.testing.assert_allclose(lit, [np.array([0.1, 0.2, 0.3]) + head + own], atol=1e-5)
    np.testing.assert_allclose(shadowed, [np.array([0.1, 0.2, 0.3]) + head * facing], atol=1e-5)


def test_a_checker_floor_has_its_two_colours_a_metre_apart():
    model = mujoco.MjModel.from_xml_string(SCENE.format(floor='material="squares"'))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    points = np.array([[-1.5, -1.5], [-0.5, -1.5], [-1.5, -0.5], [-0.5, -0.5], [1.5, -1.5], [-1.5, 2.5]])
    rays = np.column_stack([points, np.full(len(points), -4.0)])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    hits = cast(model, data, np.array([0.0, 0.0, 4.0]), rays)
    assert set(hits.geom_id) == {model.geom("floor").id}
    white = shade(model, data, hits).mean(axis=1) > 0.5
    assert white.tolist() == [False, True, True, False, True, False]  # as OpenGL shows it


def test_a_picture_moves_with_the_state_and_leaves_it_alone(scene):
    model, data = scene
    picture = Picture(model, "down", 40, 40)
    before, state = picture.take(data), data.qpos.copy()
    np.testing.assert_array_equal(picture.take(data), before)
    data.qpos[1] += 0.4
    xpos = data.xpos.copy()
    after = picture.take(data)
    assert np.any(before != after)
    np.testing.assert_array_equal(data.xpos, xpos)
    assert state[1] + 0.4 == data.qpos[1]


def test_edges_are_smoothed_towards_a_picture_of_sixteen_times_the_rays(scene):
    model, data = scene
    size, fine = 40, 160
    sharp = shade(model, data, look(model, data, "down", (fine, fine))).reshape(size, 4, size, 4, 3)
    truth = sharp.mean(axis=(1, 3))
    one_ray = shade(model, data, look(model, data, "down", (size, size))).reshape(size, size, 3)
    smooth = Picture(model, "down", size, size).take(data) / 255
    rms_one, rms_smooth = (np.sqrt(np.mean((picture - truth) ** 2)) for picture in (one_ray, smooth))
    assert rms_smooth < 0.5 * rms_one


def test_a_camera_that_is_not_there_is_named(scene):
    with pytest.raises(
        ValueError, match=r"camera 'side' is not in the model, expected one of \['down', 'level'\]"
    ):
        Picture(scene[0], "side")


def test_missing_opengl_is_explained(scene, monkeypatch):
    def refuse(*_):
        raise ImportError("no EGL")

    monkeypatch.setattr(mujoco, "Renderer", refuse)
    with pytest.raises(
        RuntimeError, match=r'OpenGL was asked for and is not there \(no EGL\). Use renderer="raycast"'
    ):
        Picture(scene[0], "down", opengl=True)


def test_opengl_is_used_only_when_asked_for(monkeypatch):
    class Fake:
        def __init__(self, model, height, width):
            self.shape = (height, width, 3)
            self.context = lambda: None  # cannot be pickled, as OpenGL cannot

        def update_scene(self, data, camera):
            self.camera = camera

        def render(self):
            return np.full(self.shape, 7, dtype=np.uint8)

        def close(self):
            pass

    monkeypatch.setattr(mujoco, "Renderer", Fake)
    for renderer, is_fake in (("raycast", False), ("opengl", True)):
        env = PendulumSwingUp(render_mode="rgb_array", renderer=renderer, image_size=(24, 32))
        env.reset(seed=0)
        assert np.all(env.render() == 7) == is_fake
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(env)).state, env.state)
        env.close()


def middle_of(picture, rgb):
    """(row, column) of the middle of what is nearest to a hue."""
    hue = picture / np.maximum(picture.sum(axis=2, keepdims=True), 1)
    distance = np.linalg.norm(hue - np.array(rgb) / np.sum(rgb), axis=2)
    return np.argwhere(distance < 0.03).mean(axis=0)


BLUE = (0.20, 0.36, 0.58)  # the robots


def test_north_is_up_and_east_is_right_on_a_floor_plan():
    env = GridNavigationEnv("....\n....\n....\n...G", render_mode="rgb_array")
    seen = {}
    for name, state in (("north_west", 0), ("north_east", 3), ("south_west", 12)):
        env.reset(options={"state": state})
        seen[name] = middle_of(env.render(), BLUE)
    assert seen["north_west"][0] < seen["south_west"][0] - 50
    assert seen["north_west"][1] < seen["north_east"][1] - 50


def test_east_is_right_in_the_corridor_and_the_lamp_shows_the_sensor():
    env = CorridorEnv(Corridor(door_hit=1.0, false_alarm=0.0), render_mode="rgb_array")
    columns, lamps = [], []
    for state in (2, 9, 11):
        env.reset(options={"state": state})
        picture = env.render()
        columns.append(middle_of(picture, BLUE)[1])
        lamps.append(np.any(np.all(np.abs(picture - np.array([242, 191, 38])) < 60, axis=2)))
    assert columns == sorted(columns)
    assert lamps == [True, True, False]


def test_floors_from_above_have_the_colours_of_their_rooms():
    env = PointGoalNavigation(render_mode="rgb_array", image_size=(360, 480))
    env.reset(seed=0)
    picture = env.render() / 255.0
    camera = env._picture.data.camera("overview")
    scale = 360 / 2 / np.tan(np.deg2rad(env._picture.model.camera("overview").fovy[0]) / 2) / camera.xpos[2]
    alike = []
    for cell in np.argwhere(env.plan.free):
        x, y = np.array(position(cell)) - camera.xpos[:2]
        seen = picture[round(180 - y * scale), round(240 + x * scale)]
        painted = FLOOR_COLOURS[env.plan.room_type[tuple(cell)]]
        alike.append(np.abs(seen / seen.sum() - painted / painted.sum()).max() < 0.02)
    assert np.mean(alike) > 0.9  # the others are under lintels, beside the robot, or on the goal's mark


@pytest.mark.slow
def test_rays_and_opengl_take_the_same_picture_where_there_is_opengl():
    code = (
        "import gymnasium, numpy, environments\n"
        "for name in ('robolearn/Reacher-v0', 'robolearn/GridNavigation-v0'):\n"
        "    pictures = []\n"
        "    for renderer in ('opengl', 'raycast'):\n"
        "        env = gymnasium.make(name, render_mode='rgb_array', renderer=renderer)\n"
        "        env.reset(seed=3)\n"
        "        pictures.append(env.render().astype(int))\n"
        "        env.close()\n"
        "    print(abs(pictures[0] - pictures[1]).mean())\n"
    )
    environment = {**os.environ, "MUJOCO_GL": "egl"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    if run.returncode:
        pytest.skip("no EGL here")
    # 1.9 and 2.7 of 255 levels measured: smoothing of edges and rounding; a flipped floor gives 9.
    assert all(float(line) < 4 for line in run.stdout.split())
