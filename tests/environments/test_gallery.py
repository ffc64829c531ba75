"""The contact sheet shows every environment and all that it sees, and is the same every time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium import spaces
from PIL import Image

import environments
from environments import gallery
from environments.episode import MujocoEpisode
from environments.gallery import CELL, COLUMNS, Panel, draw, panels_of, place, write
from environments.moments import MOMENTS, Moment
from environments.physics import Physics

ROOT = Path(__file__).parents[2]
SOME = ("robolearn/PendulumSwingUp-v0", "robolearn/ObjectGoalNavigation-v0")
NEW = """
<mujoco>
  <worldbody>
    <light pos="0 0 9"/>
    <camera name="top" pos="0 0 4" xyaxes="1 0 0 0 1 0" fovy="60"/>
    <geom type="plane" size="9 9 0.1" rgba="0.9 0.9 0.9 1"/>
    <body name="box" pos="0 0 0.2">
      <joint name="x" type="slide" axis="1 0 0"/>
      <camera name="aboard" pos="0 0 0.3" xyaxes="1 0 0 0 0 1" fovy="60"/>
      <geom type="box" size="0.2 0.2 0.2" rgba="0 0 1 1"/>
    </body>
  </worldbody>
  <actuator><motor name="push" joint="x"/></actuator>
</mujoco>"""


class Brand(MujocoEpisode):
    """A family that the gallery has never heard of, with an image of each kind."""

    camera = "top"

    def __init__(self, render_mode=None, **picture):
        super().__init__(50, render_mode, **picture)
        self.physics = Physics(mujoco.MjModel.from_xml_string(NEW), 1)
        self.action_space = spaces.Box(-1.0, 1.0, (1,))
        self.observation_space = spaces.Dict(
            {
                "depth": spaces.Box(0.5, 2.0, (4, 6), dtype=np.float32),
                "parts": spaces.Box(0, 9, (4, 6), dtype=np.uint8),
                "rgb": spaces.Box(0, 255, (4, 6, 3), dtype=np.uint8),
                "speed": spaces.Box(-1.0, 1.0, (3,)),
            }
        )

    def _begin(self, options):
        self.physics.set_configuration([0.0], [0.0])

    def _advance(self, action):
        self.physics.step(action)
        return 0.0, False

    def _observe(self):
        depth = np.linspace(0.5, 2.0, 24, dtype=np.float32).reshape(4, 6)
        parts = np.where(depth < 1, 3, 7).astype(np.uint8)
        return {"depth": depth, "parts": parts, "rgb": np.full((4, 6, 3), 77, np.uint8), "speed": np.zeros(3)}


@pytest.fixture
def brand_new(monkeypatch):
    name = "robolearn/Brand-v0"
    gymnasium.register(name, entry_point=Brand)
    yield name
    gymnasium.registry.pop(name)


def views(panels):
    return [panel.view for panel in panels]


@pytest.mark.parametrize("name", environments.IDS)
def test_every_camera_and_every_image_of_an_id_has_its_picture(name, monkeypatch):
    monkeypatch.setattr(gallery, "CELL", (64, 86))  # a ninth of the pixels
    env = gymnasium.make(name).unwrapped
    env.reset(seed=0)
    model, _, first = env._scene()
    parts = getattr(env.observation_space, "spaces", {})
    images = [key for key, part in parts.items() if len(part.shape) > 1]
    panels = panels_of(name)
    assert panels[0].view == first
    assert sorted(views(panels)) == sorted([model.camera(i).name for i in range(model.ncam)] + images)
    for panel in panels:
        assert panel.name == name
        assert panel.image.dtype == np.uint8
        assert panel.image.shape[0] == 64
        assert panel.image.std() > 5, f"{panel.view} shows nothing"


def test_a_moment_is_in_the_middle_of_an_episode():
    assert set(MOMENTS) <= set(environments.IDS)
    for name, moment in MOMENTS.items():
        env = gymnasium.make(name, **moment.settings).unwrapped
        _, way = moment.play(env)
        assert env.num_steps == moment.steps, f"{name} ended before its picture"
        assert len(way) == min(moment.steps + 1, moment.trail)
        assert np.ptp(way, axis=0).max() > 0.1


def test_a_family_without_an_entry_is_shown_all_the_same(brand_new):
    panels = {panel.view: panel for panel in panels_of(brand_new)}
    assert list(panels) == ["top", "aboard", "depth", "parts", "rgb"]
    assert panels["depth"].scale == (0.5, 2.0, "m")
    assert [name for name, _ in panels["parts"].legend] == ["3", "7"]
    factor = CELL[0] // 4
    near, far = panels["depth"].image[0, 0], panels["depth"].image[-1, -1]
    assert near.sum() > far.sum() + 200  # near is bright
    first, last = (np.rint(255 * np.array(colour)) for _, colour in panels["parts"].legend)
    np.testing.assert_array_equal(panels["parts"].image[0, 0], first)
    np.testing.assert_array_equal(panels["parts"].image[-1, -1], last)
    assert panels["rgb"].image.shape == (4 * factor, 6 * factor, 3)
    assert not panels["top"].way.size
    assert draw(list(panels.values())).std() > 5


def test_a_way_is_drawn_where_the_camera_sees_it(brand_new, monkeypatch):
    moment = Moment(lambda env, step: (1.0,), 30, lambda env: env.physics.data.xpos[1])
    monkeypatch.setitem(MOMENTS, brand_new, moment)
    top, aboard, *_ = panels_of(brand_new)
    # 4 m above the floor and 3.8 m above the box's middle: half the height of the picture is 3.8 tan(30) m.
    per_metre = CELL[0] / 2 / (3.8 * np.tan(np.pi / 6))
    _, way = moment.play(gymnasium.make(brand_new).unwrapped)
    np.testing.assert_allclose(top.way[:, 0], CELL[1] / 2 + per_metre * way[:, 0])
    np.testing.assert_allclose(top.way[:, 1], CELL[0] / 2)
    blue = np.argwhere(top.image[..., 2] > top.image[..., 0] + 50.0).mean(axis=0)
    np.testing.assert_allclose(top.way[-1], blue[::-1], atol=3)
    assert not aboard.way.size  # a camera that rides along does not look back


def test_points_behind_a_camera_are_not_drawn():
    model = mujoco.MjModel.from_xml_string(NEW)
    data = mujoco.MjData(model)
    picture = gallery.Picture(model, "top", *CELL)
    picture.take(data)
    pixels = gallery._project(model, picture, np.array([[0.0, 0, 1], [0, 0, 5]]))
    np.testing.assert_array_equal(pixels, [[128, 96], [np.nan, np.nan]])


def test_an_id_that_fits_into_a_row_is_not_broken():
    def panel(name, span):
        return Panel(
            name, "", np.zeros((CELL[0], span * (CELL[1] + gallery.GAP) - gallery.GAP, 3)), np.zeros((0, 2))
        )

    spans = [("a", 1), ("b", 3), ("c", 2), ("d", 1), ("d", 1), ("d", 1), ("e", 1), *[("f", 1)] * 5, ("g", 3)]
    panels = [panel(name, span) for name, span in spans]
    assert [one.span for one in panels] == [span for _, span in spans]
    assert place(panels) == [
        (0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2), (2, 3),
        (3, 0), (3, 1), (3, 2), (3, 3), (4, 0), (4, 1),
    ]  # fmt: skip
    assert COLUMNS == 4


def test_the_same_sheet_has_the_same_bytes_and_names_its_ids(tmp_path):
    np.random.seed(1)
    first = write(tmp_path / "new" / "first.png", SOME)
    np.random.seed(2)
    second = write(tmp_path / "second.png", SOME)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as sheet:
        assert sheet.text["ids"].split() == list(SOME)
        pixels = np.asarray(sheet)
    panels = [panel for name in SOME for panel in panels_of(name)]
    np.testing.assert_array_equal(pixels, draw(panels))
    # The first picture stands where its cell is, but for the lost bit and the way on it.
    left, top = gallery.MARGIN, gallery.MARGIN + gallery.HEADER + gallery.CAPTION
    cell = pixels[top : top + CELL[0], left : left + CELL[1]]
    assert np.mean(np.all(cell == panels[0].image & gallery.KEPT_BITS, axis=2)) > 0.95


def test_the_command_writes_the_ids_it_is_given(tmp_path):
    target = tmp_path / "one.png"
    command = [sys.executable, "-m", "environments.gallery", str(target), "robolearn/Reacher-v0"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == str(target)
    with Image.open(target) as sheet:
        assert sheet.text["ids"] == "robolearn/Reacher-v0"


def test_the_committed_sheet_is_small_and_shows_every_id():
    path = ROOT / "docs" / "gallery.png"
    assert path.stat().st_size < 400_000
    with Image.open(path) as sheet:
        shown = sheet.text["ids"].split()
    assert shown == list(environments.IDS), "run make gallery, and commit docs/gallery.png"
    assert "docs/gallery.png" in (ROOT / "README.md").read_text(encoding="utf-8")
