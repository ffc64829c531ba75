"""The column ray-cast against MuJoCo's rays, and against geometry that can be done by hand."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from environments.navigation import (
    LABELS,
    Camera,
    colours,
    depth,
    draw_plan,
    look,
    position,
    semantics,
    visible_cells,
)
from environments.navigation.camera import CEILING, FLOOR, NOTHING
from environments.navigation.floors import Floors
from environments.navigation.plans import CELL_SIZE, WALL_HEIGHT
from environments.navigation.scene import build_model
from environments.navigation.sight import cells_in_sight
from environments.raycast import VISIBLE_GROUPS
from environments.threads import Workers

CAMERAS = {
    "near": Camera(),
    "far": Camera(max_depth=np.inf),
    "wide": Camera(
        height=9, width=50, horizontal_fov_deg=110, vertical_fov_deg=80, mount_height=1.33, max_depth=7.0
    ),
    "one row": Camera(height=1, width=40),
}


def poses_in(plan, count, seed=0):
    rng = np.random.default_rng(seed)
    cells = np.argwhere(plan.free)
    return np.array(
        [(*position(cell), rng.uniform(-np.pi, np.pi)) for cell in cells[rng.choice(len(cells), count)]]
    )


def by_mujoco(plan, camera, pose):
    """Depth (H, W) and geom (H, W) of MuJoCo's own rays, as far as the camera's range."""
    model = build_model(plan.seed, camera.mount_height, camera.vertical_fov_deg)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    rays = camera.rays_world(pose[2]).reshape(-1, 3)
    length = np.linalg.norm(rays, axis=1)
    geom, distance = np.full(len(rays), -1, dtype=np.int32), np.full(len(rays), -1.0)
    mujoco.mj_multiRay(
        model, data, np.array([pose[0], pose[1], camera.mount_height]), (rays / length[:, None]).ravel(),
        VISIBLE_GROUPS, True, model.body("robot").id, geom, distance, None, len(rays), mujoco.mjMAXVAL,
    )  # fmt: skip
    along = np.where(geom >= 0, distance / length, np.inf)
    surface = geom.astype(int)
    surface[geom == model.geom("floor").id], surface[geom == model.geom("ceiling").id] = FLOOR, CEILING
    surface[along >= camera.max_depth] = NOTHING
    size = (camera.height, camera.width)
    return np.minimum(along, camera.max_depth).reshape(size), surface.reshape(size)


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("seed", [0, 1, 1_000_003])
def test_depth_and_surfaces_are_those_of_mujocos_rays(name, seed):
    plan, camera = draw_plan(seed), CAMERAS[name]
    poses = poses_in(plan, 8, seed)
    view = look(plan, camera, poses)
    for pose, seen_depth, seen_surface in zip(poses, view.depth, view.surface):
        expected, surface = by_mujoco(plan, camera, pose)
        np.testing.assert_allclose(seen_depth, expected, rtol=0, atol=1e-9)
        # On a seam of two boxes at the same depth either one is right.
        assert np.mean(surface != seen_surface) < 2e-3
        labels = np.array([*plan.box_label, 0, 0, 0])
        assert np.mean(labels[surface] != labels[seen_surface]) < 1e-3


def test_a_lens_under_a_lintel_sees_past_it():
    plan, camera = draw_plan(0), Camera(max_depth=np.inf)
    doorway = np.argwhere(plan.room_type == 2)
    for heading in (0.4, 1.9, 3.5, 5.0):
        pose = np.array([*position(doorway[1]), heading])
        np.testing.assert_allclose(
            depth(plan, camera, pose[None])[0], by_mujoco(plan, camera, pose)[0], atol=1e-9
        )


def test_sides_face_where_mujocos_normals_point():
    plan, camera = draw_plan(1), Camera(height=24, width=24)
    model = build_model(1, camera.mount_height, camera.vertical_fov_deg)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for pose in poses_in(plan, 6):
        view = look(plan, camera, pose[None])
        rays = camera.rays_world(pose[2]).reshape(-1, 3)
        geom, distance = np.full(len(rays), -1, dtype=np.int32), np.full(len(rays), -1.0)
        normal = np.zeros(3 * len(rays))
        mujoco.mj_multiRay(
            model, data, np.array([*pose[:2], camera.mount_height]), rays.ravel(), VISIBLE_GROUPS, True,
            model.body("robot").id, geom, distance, normal, len(rays), mujoco.mjMAXVAL,
        )  # fmt: skip
        met = view.surface.ravel() == geom
        assert met.mean() > 0.2
        facing = np.abs(normal.reshape(-1, 3)).argmax(axis=1)
        np.testing.assert_array_equal(view.facing.ravel()[met], facing[met])


@pytest.mark.parametrize("heading", range(4))
def test_a_wall_faced_squarely_has_one_depth(heading):
    plan = draw_plan(0)
    cell = (int(np.flatnonzero(plan.room_type[:, 24] == 1)[2]), 24)  # in the hallway
    camera = Camera(horizontal_fov_deg=2, vertical_fov_deg=2, height=4, width=4, max_depth=np.inf)
    seen = depth(plan, camera, [[*position(cell), heading * np.pi / 2]])[0]
    down, right = [(0, 1), (-1, 0), (0, -1), (1, 0)][heading]
    steps, (row, column) = 0, cell
    while plan.free[row, column]:
        row, column, steps = row + down, column + right, steps + 1
    if heading in (0, 2):
        np.testing.assert_allclose(seen, (steps - 0.5) * CELL_SIZE, atol=1e-12)
    else:
        assert np.ptp(seen) < 1e-12


def test_floor_and_ceiling_lie_where_their_slope_says():
    plan, camera = draw_plan(0), Camera(height=64, width=3, max_depth=np.inf)
    row = int(np.flatnonzero(plan.room_type[:, 2] == 1)[2])
    view = look(plan, camera, [[*position((row, 2)), 0.0]])  # down the hallway
    floor, ceiling = (view.surface[0, :, 1] == surface for surface in (FLOOR, CEILING))
    assert floor.sum() > 20
    assert ceiling.sum() > 20
    np.testing.assert_allclose(view.depth[0, floor, 1], -0.88 / camera.up[floor], atol=1e-12)
    np.testing.assert_allclose(
        view.depth[0, ceiling, 1], (WALL_HEIGHT - 0.88) / camera.up[ceiling], atol=1e-12
    )
    assert (view.facing[0][view.surface[0] < 0] == 2).all()


def test_a_batch_of_poses_is_each_pose_alone_bit_by_bit():
    plan, camera = draw_plan(2), Camera(height=16, width=24)
    poses = poses_in(plan, 11)
    many = look(plan, camera, poses)
    np.testing.assert_array_equal(depth(plan, camera, poses), many.depth)
    for i, pose in enumerate(poses):
        alone = look(plan, camera, pose[None])
        np.testing.assert_array_equal(alone.depth[0], many.depth[i])
        np.testing.assert_array_equal(alone.surface[0], many.surface[i])


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_images_in_many_buildings_at_once_are_each_one_alone_bit_by_bit(name, num_threads, monkeypatch):
    for pixels in ("PIXELS_ALONE", "PIXELS_BESIDE"):  # so that there are parts
        monkeypatch.setattr(f"environments.navigation.camera.{pixels}", 3 * 64 * 64)
    plans, camera, workers = [draw_plan(seed) for seed in range(12)], CAMERAS[name], Workers(num_threads)
    poses = np.concatenate([poses_in(plan, 1, seed) for seed, plan in enumerate(plans)])
    floors = Floors.empty(len(plans), num_boxes=1).with_plans(range(len(plans)), plans)
    many = look(floors, camera, poses, workers)
    found = {
        "depth": depth(floors, camera, poses, workers=workers),
        "depth, float32": depth(floors, camera, poses, np.float32, workers),
        "semantics": semantics(floors, many),
        "colours": colours(floors, camera, poses, many, workers),
        "cells": cells_in_sight(floors, camera, poses, workers),
    }
    for i, (plan, pose) in enumerate(zip(plans, poses)):
        alone, one = look(plan, camera, pose[None]), pose[None]
        expected = {
            "depth": depth(plan, camera, one)[0],
            "depth, float32": alone.depth[0].astype(np.float32),
            "semantics": semantics(plan, alone)[0],
            "colours": colours(plan, camera, one, alone)[0],
            "cells": visible_cells(plan, camera, pose),
        }
        for what, images in found.items():
            np.testing.assert_array_equal(images[i], expected[what], err_msg=what)
        for images, image in zip(vars(many).values(), vars(alone).values()):
            np.testing.assert_array_equal(images[i], image[0])


def test_a_floor_takes_the_place_of_another():
    first, second = draw_plan(0), draw_plan(1)
    table = Floors.empty(2, num_boxes=200).with_plans([0, 1], [second, first]).with_plans([1], [second])
    for one, other in zip(vars(table.take(slice(0, 1))).values(), vars(table.take([1])).values()):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="poses: got 3 of them for 2 floors, expected one for each"):
        depth(table, CAMERAS["near"], poses_in(first, 3))


def test_pixels_unproject_with_the_intrinsics():
    camera = Camera(height=6, width=10, horizontal_fov_deg=90, vertical_fov_deg=50)
    fx, fy, cx, cy = camera.intrinsics()
    assert fx == pytest.approx(5.0)  # 10 pixels over 2 tan 45 degrees
    rays = camera.rays_world(0.0)  # x ahead, y to the left
    rows, columns = np.mgrid[0:6, 0:10]
    np.testing.assert_allclose(rays[..., 0], 1.0)
    np.testing.assert_allclose(rays[..., 1], -(columns - cx) / fx, atol=1e-12)
    np.testing.assert_allclose(rays[..., 2], -(rows - cy) / fy, atol=1e-12)
    np.testing.assert_allclose(camera.rays_world(np.pi / 2)[..., 1], 1.0)


def test_labels_and_colours_are_those_of_what_is_seen():
    plan, camera = draw_plan(5), Camera(max_depth=8.0)
    bed = next(piece for piece in plan.furniture if piece.label == "bed")
    near = np.argwhere(plan.beside("bed"))[0]
    x, y = position(near)
    centre = position(((bed.rows[0] + bed.rows[1] - 1) / 2, (bed.columns[0] + bed.columns[1] - 1) / 2))
    pose = np.array([[x, y, np.arctan2(centre[1] - y, centre[0] - x)]])
    view = look(plan, camera, pose)
    labels = semantics(plan, view)
    assert labels.dtype == np.uint8
    assert np.mean(labels == LABELS.index("bed")) > 0.2
    picture = colours(plan, camera, pose, view)
    assert picture.shape == (1, 64, 64, 3)
    assert picture.dtype == np.uint8
    blue = picture[0][(view.surface[0] >= 0) & (plan.box_colour[view.surface[0], 2] == 0.72)].astype(int)
    assert len(blue)
    assert (blue[:, 2] > blue[:, 0]).all()
    assert (labels[view.surface == NOTHING] == 0).all()
    assert (labels[view.surface == FLOOR] == 1).all()


def test_cells_are_seen_where_a_ray_from_the_lens_reaches_their_floor():
    plan, camera = draw_plan(3), Camera()
    model = build_model(3, camera.mount_height, camera.vertical_fov_deg)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for pose in poses_in(plan, 4):
        seen = visible_cells(plan, camera, pose)
        assert not (seen & ~plan.free).any()
        lens = np.array([*pose[:2], camera.mount_height])
        for cell in np.argwhere(plan.free):
            there = np.array([*position(cell), 0.0]) - lens
            ahead = there[0] * np.cos(pose[2]) + there[1] * np.sin(pose[2])
            left = there[1] * np.cos(pose[2]) - there[0] * np.sin(pose[2])
            if abs(there[:2]).max() < 0.1:
                assert seen[tuple(cell)]
                continue
            if not (0 < ahead <= 3.0 and abs(left) <= ahead * np.tan(np.pi / 6)):
                assert not seen[tuple(cell)]
                continue
            geom = np.array([-1], dtype=np.int32)
            mujoco.mj_ray(model, data, lens, there, VISIBLE_GROUPS, True, model.body("robot").id, geom, None)
            assert seen[tuple(cell)] == (geom[0] == model.geom("floor").id)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"height": 0}, r"Camera.height: got 0, expected at least 1 pixel"),
        ({"width": 2.5}, r"Camera.width: got 2.5, expected at least 1 pixel"),
        ({"horizontal_fov_deg": 180}, r"Camera.horizontal_fov_deg: got 180, expected degrees in \(0, 180\)"),
        ({"mount_height": 3.0}, r"Camera.mount_height: got 3.0, expected metres in \(0, 2.5\)"),
        ({"max_depth": 0}, r"Camera.max_depth: got 0, expected metres above 0"),
    ],
)
def test_impossible_cameras_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Camera(**settings)


def test_poses_of_a_wrong_shape_are_refused():
    with pytest.raises(
        ValueError, match=r"poses: got shape \(3,\), expected \(N, 3\) finite x, y and heading"
    ):
        depth(draw_plan(0), Camera(), np.zeros(3))
