"""A puck with a goal: the plainest goal-conditioned task."""

from environments.point_mass.point_mass import (
    ARENA_HALF_WIDTH,
    CONTROL_PERIOD,
    DAMPING,
    FORCE_LIMIT,
    GOAL_RADIUS,
    MASS,
    NUM_SUBSTEPS,
    PointMass,
    PointMassPhysics,
    dense_reward,
    distance,
    observe,
    sparse_reward,
)

__all__ = [
    "ARENA_HALF_WIDTH",
    "CONTROL_PERIOD",
    "DAMPING",
    "FORCE_LIMIT",
    "GOAL_RADIUS",
    "MASS",
    "NUM_SUBSTEPS",
    "PointMass",
    "PointMassPhysics",
    "dense_reward",
    "distance",
    "observe",
    "sparse_reward",
]
