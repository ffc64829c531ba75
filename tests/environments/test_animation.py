"""Frames become files that other programs can read, and an animation that a notebook shows."""

from __future__ import annotations

import subprocess
import sys

import imageio.v3 as iio
import matplotlib
import numpy as np
import pytest

from environments.animation import animate, save_png
from environments.corridor import Corridor, draw_belief
from environments.grid_navigation import DEFAULT_PLAN, FloorPlan, draw_values

matplotlib.use("Agg")


def frames(count=3):
    pictures = np.zeros((count, 8, 12, 3), dtype=np.uint8)
    for i, picture in enumerate(pictures):
        picture[:, 4 * i : 4 * i + 4] = 255
    return list(pictures)


def test_an_animation_is_a_gif_with_its_frames_and_its_clock(tmp_path):
    animation = animate(frames(), frames_per_second=20)
    path = animation.save(tmp_path / "rollout.gif")
    np.testing.assert_array_equal(iio.imread(path), frames())
    assert iio.immeta(path, index=1)["duration"] == 50
    assert (animation.width, animation.height) == (12, 8)


def test_a_notebook_shows_it():
    html = animate(frames())._repr_html_()
    assert html.startswith('<img width="12" height="8"')
    assert "data:image/gif;base64,R0lGOD" in html  # GIF8


def test_a_png_holds_the_frame(tmp_path):
    np.testing.assert_array_equal(iio.imread(save_png(tmp_path / "frame.png", frames()[1])), frames()[1])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], r"no frames: collect env.render\(\)"),
        (
            [None],
            r"frame 0: got None, expected uint8 \(H, W, 3\). Was the environment made with render_mode=",
        ),
        ([np.zeros((8, 8, 3))], r"frame 0: got float64 \(8, 8, 3\), expected uint8"),
        ([np.zeros((8, 8), dtype=np.uint8)], r"frame 0: got uint8 \(8, 8\), expected uint8 \(H, W, 3\)"),
    ],
)
def test_what_is_not_a_frame_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        animate(bad)


def test_a_speed_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match=r"frames_per_second: got 0, expected a positive number"):
        animate(frames(), frames_per_second=0)


def test_values_and_a_policy_are_drawn_on_the_plan():
    plan = FloorPlan.from_text("S.G")
    ax = draw_values(plan, [0.25, 0.5, 0.0], policy=[1, 1, 0])
    written = [text.get_text() for text in ax.texts]
    assert {"0.25", "0.50", "G\n+1", "S"} <= set(written)
    assert written.count("") == 2  # an arrow for each state that is not terminal
    probabilities = draw_values(plan, None, policy=np.full((3, 4), 0.25), ax=ax.figure.add_subplot())
    assert sum(text.get_text() == "" for text in probabilities.texts) == 8


def test_a_policy_of_a_wrong_shape_is_refused():
    with pytest.raises(
        ValueError, match=r"policy: got shape \(2,\), expected \(3,\) actions or \(3, 4\) probabilities"
    ):
        draw_values(FloorPlan.from_text("S.G"), None, policy=[1, 1])


def test_a_belief_is_drawn_over_its_corridor():
    corridor = Corridor()
    ax = draw_belief(corridor, corridor.start, state=3)
    heights = [bar.get_height() for bar in ax.containers[0]]
    np.testing.assert_allclose(heights, corridor.start)
    with pytest.raises(ValueError, match=r"belief: got shape \(3,\), expected \(17,\)"):
        draw_belief(corridor, np.ones(3) / 3)


def test_importing_the_environments_imports_nothing_heavy():
    code = (
        "import sys; import environments, environments.pendulum, environments.reacher, environments.cartpole, "
        "environments.grid_navigation, environments.corridor, environments.animation; "
        "print([m for m in ('matplotlib', 'imageio', 'torch', 'autograder', 'solutions', 'OpenGL') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_large_plan_is_drawn_without_numbers():
    big = "\n".join(line * 2 for line in DEFAULT_PLAN.split())
    plan = FloorPlan.from_text(big)
    ax = draw_values(plan, np.arange(plan.num_states, dtype=float))
    assert not any("." in text.get_text() for text in ax.texts)
