"""A quadruped with twelve joints: walking as told, running, standing up."""

from environments.quadruped.actuators import (
    DAMPING,
    STIFFNESS,
    TORQUE_LIMIT,
    Drive,
    NetworkActuator,
    NetworkWeights,
    RealActuator,
    evaluate_network,
)
from environments.quadruped.gait import LEGS, NOMINAL_POSE, leg_angles, mark_time, trot
from environments.quadruped.model import JOINTS, QuadrupedPhysics
from environments.quadruped.motion import (
    Motion,
    gravity_body,
    has_fallen,
    observe,
    recovery_terms,
    stands,
    to_body,
    tracking_terms,
)
from environments.quadruped.quadruped import (
    Quadruped,
    QuadrupedRecovery,
    QuadrupedSprint,
    QuadrupedVelocity,
)
from environments.quadruped.task import (
    CONTROL_PERIOD,
    NUM_SUBSTEPS,
    STAND_HEIGHT,
    Randomisation,
    Task,
    lying_poses,
)

__all__ = [
    "CONTROL_PERIOD",
    "DAMPING",
    "JOINTS",
    "LEGS",
    "NOMINAL_POSE",
    "NUM_SUBSTEPS",
    "STAND_HEIGHT",
    "STIFFNESS",
    "TORQUE_LIMIT",
    "Drive",
    "Motion",
    "NetworkActuator",
    "NetworkWeights",
    "Quadruped",
    "QuadrupedPhysics",
    "QuadrupedRecovery",
    "QuadrupedSprint",
    "QuadrupedVelocity",
    "Randomisation",
    "RealActuator",
    "Task",
    "evaluate_network",
    "gravity_body",
    "has_fallen",
    "leg_angles",
    "lying_poses",
    "mark_time",
    "observe",
    "recovery_terms",
    "stands",
    "to_body",
    "tracking_terms",
    "trot",
]
