"""First-person navigation: milliseconds an image by three ray-casters, and control steps a second."""

from __future__ import annotations

import time
from collections.abc import Callable

import mujoco
import numpy as np

from environments.navigation import Camera, PointGoalDrive, PointGoalNavigation, depth, draw_plan, position
from environments.navigation.scene import build_model
from environments.raycast import VISIBLE_GROUPS, Picture

SIZES = ((64, 64), (128, 128), (8, 64))  # (rows, columns)
NUM_POSES = 40
ROUNDS = 5
SEED = 3

Row = dict[str, object]


def rows(steps: int = 1000) -> list[Row]:
    """Measure everything; CPU time of this process, the median of interleaved rounds.

    Args:
        steps: control steps of each environment.
    """
    return [*image_rows(), *step_rows(steps)]


def image_rows() -> list[Row]:
    """Time depth images of a furnished plan from free cells: ours, ``mj_multiRay``, and the generic camera."""
    plan = draw_plan(SEED)
    rng = np.random.default_rng(0)
    cells = np.argwhere(plan.free)[rng.choice(int(plan.free.sum()), NUM_POSES)]
    poses = np.array([(*position((row, column)), rng.uniform(-np.pi, np.pi)) for row, column in cells])
    found: list[Row] = []
    for height, width in SIZES:
        near, far = (Camera(height, width, max_depth=range_m) for range_m in (3.0, np.inf))
        ways: dict[str, Callable[[], object]] = {
            "column ray-cast, 3 m": lambda camera=near: [depth(plan, camera, pose[None]) for pose in poses],
            "column ray-cast, no limit": lambda camera=far: [
                depth(plan, camera, pose[None]) for pose in poses
            ],
            "column ray-cast, 3 m, 40 at once": lambda camera=near: depth(plan, camera, poses),
            "mj_multiRay": _multi_ray(far, poses),
            "environments.raycast.Picture.depth": _picture(far, poses),
        }
        times = _interleaved(ways)
        for name, seconds in times.items():
            found.append({
                "what": f"depth {width}x{height}, {len(plan.boxes)} boxes", "how": name,
                "ms_per_image": 1000 * seconds / NUM_POSES,
            })  # fmt: skip
    return found


def step_rows(steps: int) -> list[Row]:
    """Time control steps under random actions, resets included."""
    found: list[Row] = []
    for task in (PointGoalNavigation, PointGoalDrive):
        for name, sensors in (("state", ()), ("64x64 depth", ("depth",))):
            env = task(sensors=sensors)
            env.reset(seed=0)
            env.action_space.seed(0)
            actions = [env.action_space.sample() for _ in range(steps)]
            begin = time.process_time()
            for action in actions:
                *_, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
            rate = steps / (time.process_time() - begin)
            found.append({"what": task.__name__, "how": name, "control_steps_per_s": rate})
    return found


def _interleaved(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begin = time.process_time()
            way()
            times[name].append(time.process_time() - begin)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}


def _world(camera: Camera) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = build_model(SEED, camera.mount_height, camera.vertical_fov_deg)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def _multi_ray(camera: Camera, poses: np.ndarray) -> Callable[[], object]:
    model, data = _world(camera)
    count = camera.height * camera.width
    geom, distance = np.full(count, -1, dtype=np.int32), np.full(count, -1.0)
    robot = model.body("robot").id

    def cast() -> None:
        for pose in poses:
            rays = camera.rays_world(pose[2]).reshape(-1, 3)
            length = np.linalg.norm(rays, axis=1)
            lens = np.array([pose[0], pose[1], camera.mount_height])
            mujoco.mj_multiRay(
                model, data, lens, (rays / length[:, None]).ravel(), VISIBLE_GROUPS, True, robot, geom, distance,
                None, count, mujoco.mjMAXVAL,
            )  # fmt: skip

    return cast


def _picture(camera: Camera, poses: np.ndarray) -> Callable[[], object]:
    model, data = _world(camera)
    picture = Picture(model, "first_person", camera.height, camera.width)

    def take() -> None:
        for pose in poses:
            data.qpos[:] = pose
            picture.depth(data)

    return take


if __name__ == "__main__":
    for row in rows():
        print(*(f"{value:.3g}" if isinstance(value, float) else value for value in row.values()), sep="  ")
