"""First-person navigation: milliseconds an image by several ray-casters and a reset, and control steps."""

from __future__ import annotations

import time
from collections.abc import Callable

import gymnasium
import mujoco
import numpy as np

from environments.cameras import Cameras
from environments.navigation import Camera, colours, depth, draw_plan, look, position
from environments.navigation.floors import Floors
from environments.navigation.scene import build_model
from environments.raycast import STATE, Picture
from environments.threads import Workers
from tests.bench.navigation_steps import multi_ray, step_rows
from tests.bench.sheet import Goal

SIZES = ((64, 64), (128, 128), (8, 64))  # (rows, columns)
NUM_POSES = 64
NUM_RAY_POSES = 16  # of them, for MuJoCo's rays, which take longer
ROUNDS = 5
SEED = 3
NUM_RESETS = 20
TASKS = (
    "PointGoalNavigation",
    "PointGoalDrive",
    "ObjectGoalNavigation",
    "ImageGoalNavigation",
    "Exploration",
)

Row = dict[str, object]
Ways = dict[str, Callable[[], object]]


def rows() -> list[Row]:
    """Measure everything."""
    return [*image_rows(), *reset_rows(), *step_rows()]


def goal(found: list[Row]) -> Goal:
    """Judge what ``rows`` found: a single image, and batches beside Gymnasium's own."""
    times = {
        str(row["how"]): float(str(row["CPU ms an image"]))
        for row in found
        if str(row.get("image")).startswith("64x64")
    }
    ours, theirs = times["columns, one by one"], times["mj_multiRay"]
    batched = [row for row in found if str(row.get("driver")).startswith("batched")]
    ahead = [
        float(str(row[key])) for row in batched for key in ("of sync", "of async") if row[key] is not None
    ]
    return Goal(
        "depth images of furnished plans by several ray-casters, resets, and control steps beside C "
        "(Batch.rollout and mj_multiRay) and Gymnasium's sync and async",
        "a 64x64 depth image in 0.5 ms and in half the time of mj_multiRay, and every batch faster than "
        "Gymnasium's of its size",
        f"{ours:.2f} ms, {theirs / ours:.1f} times as fast; {min(ahead):.1f} to {max(ahead):.1f} times",
        ours <= 0.5 and theirs >= 2 * ours and min(ahead) > 1,
    )


def image_rows() -> list[Row]:
    """Time images from free cells of several plans, one by one and all at once; medians of interleaved rounds."""
    plans = [draw_plan(SEED + i) for i in range(NUM_POSES)]
    rng, poses = np.random.default_rng(0), np.empty((NUM_POSES, 3))
    for pose, plan in zip(poses, plans):
        cells = np.argwhere(plan.free)
        pose[:] = *position(cells[rng.integers(len(cells))]), rng.uniform(-np.pi, np.pi)
    floors = Floors.empty(NUM_POSES).with_plans(range(NUM_POSES), plans)
    found: list[Row] = []
    for height, width in SIZES:
        near, far = (Camera(height, width, max_depth=range_m) for range_m in (3.0, np.inf))
        ways: Ways = {
            "columns, one by one": lambda camera=near: [
                depth(plan, camera, pose[None]) for plan, pose in zip(plans, poses)
            ],
            "columns, no limit of range": lambda camera=far: depth(floors, camera, poses),
            "columns with colours": lambda camera=near: colours(
                floors, camera, poses, look(floors, camera, poses)
            ),
        }
        for num_threads in (1, 2):
            workers = Workers(num_threads)
            ways[f"columns, {NUM_POSES} at once on {num_threads}"] = lambda camera=near, workers=workers: (
                depth(floors, camera, poses, np.float32, workers)
            )
        rays = _mujoco(far, poses[:NUM_RAY_POSES])
        for name, seconds in _interleaved({**ways, **rays}).items():
            cpu_ms, wall_ms = (1000 * one / (NUM_RAY_POSES if name in rays else NUM_POSES) for one in seconds)
            found.append({
                "image": f"{height}x{width}", "how": name, "CPU ms an image": cpu_ms,
                "wall ms an image": wall_ms,
            })  # fmt: skip
    return found


def reset_rows() -> list[Row]:
    """Time resets, which draw a building each, and no images."""
    found: list[Row] = []
    for name in TASKS:
        env = gymnasium.make(f"robolearn/{name}-v0", sensors=()).unwrapped
        env.reset(seed=0)
        times = _interleaved({name: lambda env=env: [env.reset() for _ in range(NUM_RESETS)]})[name]
        found.append({"reset": name, "CPU ms": 1000 * times[0] / NUM_RESETS})
    return found


def _interleaved(ways: Ways) -> dict[str, tuple[float, float]]:
    """Return the median CPU and wall seconds of each way."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            way()
            times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    medians = {name: np.median(seconds, axis=0) for name, seconds in times.items()}
    return {name: (float(cpu_s), float(wall_s)) for name, (cpu_s, wall_s) in medians.items()}


def _mujoco(camera: Camera, poses: np.ndarray) -> Ways:
    """The same images by MuJoCo's rays, all in one building."""
    model = build_model(SEED, camera.mount_height, camera.vertical_fov_deg)
    data, states = mujoco.MjData(model), np.empty((len(poses), mujoco.mj_stateSize(model, STATE)))
    for pose, state in zip(poses, states):
        data.qpos[:] = pose
        mujoco.mj_getState(model, data, state, STATE)
    casts = [multi_ray(model, camera, pose) for pose in poses]
    picture = Picture(model, "first_person", camera.height, camera.width)
    ways: Ways = {
        "mj_multiRay": lambda: [cast() for cast in casts],
        "raycast.Picture.depth": lambda: [picture.depth(state) for state in states],
    }
    for num_threads in (1, 2):
        cameras = Cameras(model, "first_person", camera.height, camera.width, num_threads)
        ways[f"cameras.Cameras.depth on {num_threads}"] = lambda cameras=cameras: cameras.depth(states)
    return ways


def main() -> None:
    """Print everything."""
    from rich.console import Console

    from tests.bench.sheet import Sheet

    found = rows()
    Sheet(Console()).show("navigation", goal(found), found)


if __name__ == "__main__":
    main()
