"""Make ``lying.npz``, the poses in which recovery begins: ``python -m environments.quadruped.lying``."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco import batch
from numpy.typing import NDArray

from environments.quadruped.task import JOINT_LIMIT, LYING_PATH

NUM_POSES = 512
SEED = 0
DROP_HEIGHT = 0.5  # m
HELD_STIFFNESS = 40.0  # N m/rad
LYING_HEIGHT = 0.35  # m, trunk's centre
JOINT_DAMPING = 3.0  # N m s/rad while falling, so that limp legs come to rest
SETTLE_STEPS = 800  # physics steps, 4 s
REST_SPEED = 0.05  # m/s and rad/s, root mean square


def settle(model: mujoco.MjModel, num_poses: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Drop robots in random attitudes and keep those that come to rest without standing.

    Every other one is limp and ends on belly or back; the others hold their pose, and some end on a side.

    Args:
        model: the quadruped's; it is left as it is.
        num_poses: K.
        rng: the source of randomness.

    Returns:
        (K, 19) positions, x and y at 0.
    """
    found: list[NDArray[np.float64]] = []
    simulations = batch.Batch(model, num_poses, nthread=2)
    stiffness = np.where(np.arange(num_poses) % 2, HELD_STIFFNESS, 0.0)[:, None]
    simulations.expand("actuator_gainprm")[:, :, 0] = stiffness
    simulations.expand("actuator_biasprm")[:, :, 1] = -stiffness
    simulations.expand("actuator_biasprm")[:, :, 2] = -JOINT_DAMPING
    qpos, qvel, ctrl = (simulations.bind(name) for name in ("qpos", "qvel", "ctrl"))
    while sum(map(len, found)) < num_poses:
        simulations.reset()
        quat = rng.normal(size=(num_poses, 4))
        qpos[:, 2] = DROP_HEIGHT
        qpos[:, 3:7] = quat / np.linalg.norm(quat, axis=1, keepdims=True)
        qpos[:, 7:] = rng.uniform(-0.6, 0.6, (num_poses, 12)) * JOINT_LIMIT
        ctrl[:] = qpos[:, 7:]
        simulations.step(nstep=SETTLE_STEPS)
        rest = (np.sqrt(np.mean(qvel**2, axis=1)) < REST_SPEED) & (qpos[:, 2] < LYING_HEIGHT)
        found.append(qpos[rest].copy())
    poses = rng.permutation(np.concatenate(found))[:num_poses]
    poses[:, :2] = 0.0
    return poses


def main() -> None:
    """Write the file beside the model."""
    from environments.quadruped.model import load_model

    poses = settle(load_model(), NUM_POSES, np.random.default_rng(SEED))
    np.savez_compressed(LYING_PATH, qpos=poses.astype(np.float32))


if __name__ == "__main__":
    main()
