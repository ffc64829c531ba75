"""The physical worlds of the course: Gymnasium environments on MuJoCo.

Importing this package registers every id with Gymnasium; a family's code is imported when it is first made.
"""

from __future__ import annotations

from typing import Any

import gymnasium

ENTRY_POINTS = {
    "robolearn/GridNavigation-v0": "environments.grid_navigation:GridNavigationEnv",
    "robolearn/Reacher-v0": "environments.reacher:Reacher",
    "robolearn/PendulumSwingUp-v0": "environments.pendulum:PendulumSwingUp",
    "robolearn/CartPole-v0": "environments.cartpole:CartPole",
    "robolearn/CartPoleSwingUp-v0": "environments.cartpole:CartPoleSwingUp",
    "robolearn/Corridor-v0": "environments.corridor:CorridorEnv",
    "robolearn/QuadrupedVelocity-v0": "environments.quadruped:QuadrupedVelocity",
    "robolearn/QuadrupedSprint-v0": "environments.quadruped:QuadrupedSprint",
    "robolearn/QuadrupedRecovery-v0": "environments.quadruped:QuadrupedRecovery",
    "robolearn/PointMass-v0": "environments.point_mass:PointMass",
    "robolearn/PointMassDense-v0": "environments.point_mass:PointMass",
    "robolearn/PointGoalNavigation-v0": "environments.navigation:PointGoalNavigation",
    "robolearn/ObjectGoalNavigation-v0": "environments.navigation:ObjectGoalNavigation",
    "robolearn/ImageGoalNavigation-v0": "environments.navigation:ImageGoalNavigation",
    "robolearn/Exploration-v0": "environments.navigation:Exploration",
    "robolearn/PointGoalDrive-v0": "environments.navigation:PointGoalDrive",
}
VECTOR_ENTRY_POINTS = {
    "robolearn/GridNavigation-v0": "environments.grid_navigation.vector:GridNavigationVector",
    "robolearn/Reacher-v0": "environments.reacher.vector:ReacherVector",
    "robolearn/PendulumSwingUp-v0": "environments.pendulum.vector:PendulumSwingUpVector",
    "robolearn/CartPole-v0": "environments.cartpole.vector:CartPoleVector",
    "robolearn/CartPoleSwingUp-v0": "environments.cartpole.vector:CartPoleSwingUpVector",
    "robolearn/QuadrupedVelocity-v0": "environments.quadruped.vector:QuadrupedVelocityVector",
    "robolearn/QuadrupedSprint-v0": "environments.quadruped.vector:QuadrupedSprintVector",
    "robolearn/QuadrupedRecovery-v0": "environments.quadruped.vector:QuadrupedRecoveryVector",
    "robolearn/Corridor-v0": "environments.corridor.vector:CorridorVector",
    "robolearn/PointMass-v0": "environments.point_mass.vector:PointMassVector",
    "robolearn/PointMassDense-v0": "environments.point_mass.vector:PointMassVector",
    "robolearn/PointGoalNavigation-v0": "environments.navigation.vector:PointGoalNavigationVector",
    "robolearn/ObjectGoalNavigation-v0": "environments.navigation.vector:ObjectGoalNavigationVector",
    "robolearn/ImageGoalNavigation-v0": "environments.navigation.vector:ImageGoalNavigationVector",
    "robolearn/Exploration-v0": "environments.navigation.vector:ExplorationVector",
    "robolearn/PointGoalDrive-v0": "environments.navigation.vector:PointGoalDriveVector",
}
SETTINGS: dict[str, dict[str, Any]] = {  # of ids that share a class; the family's IDS has them too
    "robolearn/PointMassDense-v0": {"reward": "dense"},
}
IDS = tuple(ENTRY_POINTS)

__all__ = ["ENTRY_POINTS", "IDS", "SETTINGS", "VECTOR_ENTRY_POINTS", "register"]


def register() -> None:
    """Register every id that is not registered yet. Step limits are in the environments, not in wrappers."""
    for name, entry_point in ENTRY_POINTS.items():
        if name not in gymnasium.registry:
            vector = VECTOR_ENTRY_POINTS.get(name)
            settings = dict(SETTINGS.get(name, {}))
            gymnasium.register(name, entry_point=entry_point, vector_entry_point=vector, kwargs=settings)


register()
