"""Policies of homework 2: what is saved acts alike when it is read, and a wrong file is told in words."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from autograder.course import Course
from autograder.source.reference import load_reference

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def notebook() -> ModuleType:
    return load_reference(Course(ROOT), "hw2_model_free")


def test_a_policy_acts_as_its_network(notebook: ModuleType, tmp_path: Path) -> None:
    network, path = notebook.mlp((3, 8, 8, 2)), tmp_path / "policy.npz"
    observations = np.random.default_rng(0).normal(size=(5, 3))
    scaled = notebook.torch.as_tensor((observations - 0.5) / 2.0, dtype=notebook.torch.float32)
    actions = network(scaled).detach().numpy()
    for squash, expected in ((False, np.clip(actions, -1, 1)), (True, np.tanh(actions))):
        notebook.save_policy(path, network, mean=0.5, scale=2.0, squash=squash)
        np.testing.assert_allclose(notebook.load_policy(path).act(observations), expected, atol=1e-6)


def test_another_robots_policy_is_told(notebook: ModuleType, tmp_path: Path) -> None:
    notebook.save_policy(tmp_path / "policy.npz", notebook.mlp((4, 8, 1)))
    policy = notebook.load_policy(tmp_path / "policy.npz")
    for shape in ((6, 3), (4,)):
        with pytest.raises(ValueError, match=r"observations: got shape \(.*\), this policy was trained for \(N, 4\)"):
            policy.act(np.zeros(shape))


def test_another_file_is_told(notebook: ModuleType, tmp_path: Path) -> None:
    np.savez(tmp_path / "policy.npz", weight0=np.zeros((1, 3)), bias0=np.zeros(1))
    with pytest.raises(ValueError, match=r"policy\.npz is no policy that save_policy wrote"):
        notebook.load_policy(tmp_path / "policy.npz")


def test_the_pendulums_policy_swings_up(notebook: ModuleType) -> None:
    policy = notebook.load_policy(ROOT / "solutions/hw2_model_free/artifacts/swing_up.npz")
    envs = notebook.vector_env("PendulumSwingUp-v0", 16)
    observation, _ = envs.reset(seed=4)
    for _ in range(190):
        observation, *_ = envs.step(policy.act(observation))
    assert np.all(observation[:, 0] > np.cos(0.2))
