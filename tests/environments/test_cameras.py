"""Images of many simulations at once are those of each alone, bit by bit, on any number of threads."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest

import environments  # noqa: F401 - registers the ids
from environments.cameras import Cameras
from environments.raycast import Picture
from environments.threads import Workers, parts

SIZE = (20, 28)


@pytest.fixture(scope="module")
def reachers():
    envs = gymnasium.make_vec("robolearn/Reacher-v0", 5, "vector_entry_point")
    envs.reset(seed=0)
    for _ in range(3):
        envs.step(np.ones((5, 2)))
    return envs


@pytest.mark.parametrize("num_threads", [1, 2, 7])
@pytest.mark.parametrize("kind", ["take", "depth", "segment"])
def test_each_image_is_the_one_of_a_picture_alone(reachers, kind, num_threads):
    model = reachers.single.physics.model
    cameras, alone = Cameras(model, "overview", *SIZE, num_threads), Picture(model, "overview", *SIZE)
    images = getattr(cameras, kind)(reachers.batch.state)
    assert len(images) == 5
    for row, image in enumerate(images):
        data = mujoco.MjData(model)
        data.qpos[:], data.mocap_pos[:] = reachers.view.qpos[row], reachers.view.mocap_pos[row]
        np.testing.assert_array_equal(image, getattr(alone, kind)(data))
        np.testing.assert_array_equal(image, getattr(alone, kind)(reachers.batch.state[row]))
    assert len({image.tobytes() for image in images}) == 5, "all rows show the same"
    np.testing.assert_array_equal(getattr(cameras, kind)(reachers.batch.state[1:2]), images[1:2])


def test_labels_are_the_geoms_that_depth_stops_at(reachers):
    model = reachers.single.physics.model
    cameras = Cameras(model, "overview", *SIZE)
    labels, depth = cameras.segment(reachers.batch.state), cameras.depth(reachers.batch.state)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels < 0, np.isinf(depth))
    seen = {model.geom(number).name for number in np.unique(labels[labels >= 0])}
    assert len(seen) > 1


def test_states_of_another_model_are_refused(reachers):
    cameras = Cameras(reachers.single.physics.model, "overview", *SIZE)
    size = reachers.batch.state.shape[1]
    for wrong in (np.zeros(size), np.zeros((2, size + 1))):
        with pytest.raises(
            ValueError, match=rf"states: got shape .*, expected \(N, {size}\). Take envs.batch"
        ):
            cameras.depth(wrong)


@pytest.mark.parametrize("name", ["robolearn/Corridor-v0", "robolearn/PointGoalDrive-v0"])
def test_rows_are_rendered_alike_on_any_number_of_threads(name):
    pictures = []
    for num_threads in (1, 2):
        envs = gymnasium.make_vec(
            name,
            3,
            "vector_entry_point",
            num_threads=num_threads,
            render_mode="rgb_array",
            image_size=(18, 24),
        )
        envs.reset(seed=0)
        pictures.append(envs.render())
        envs.close()
    np.testing.assert_array_equal(*pictures)
    assert len(pictures[0]) == 3


# Threads


def test_results_come_in_the_order_of_the_work():
    workers = Workers(3)
    assert workers.run(lambda number: number**2, range(20)) == [number**2 for number in range(20)]
    workers.close()
    assert workers.run(len, ["ab", "c"]) == [2, 1], "closed workers start again"
    workers.close()


def test_a_mistake_in_a_thread_reaches_the_caller():
    workers = Workers(2)
    with pytest.raises(ZeroDivisionError):
        workers.run(lambda number: 1 // number, [1, 0])
    workers.close()


@pytest.mark.parametrize(
    ("count", "num_threads", "lengths"),
    [(0, 2, []), (5, 2, [5]), (8, 2, [4, 4]), (9, 2, [5, 4]), (30, 1, [10, 10, 10]), (64, 2, [10] * 6 + [4])],
)
def test_parts_are_one_a_thread_if_there_is_enough_and_never_too_long(count, num_threads, lengths):
    found = parts(count, num_threads, least=4, most=10)
    assert [part.stop - part.start for part in found] == lengths
    assert [i for part in found for i in range(count)[part]] == list(range(count))
