"""A two-joint arm that reaches, and whose task a student can formulate."""

from environments.reacher.reacher import (
    CONTROL_PERIOD,
    GOAL_RADIUS,
    GOAL_SPEED,
    LINK_LENGTHS,
    NUM_SUBSTEPS,
    TARGET_RADIUS_RANGE,
    TORQUE_LIMIT,
    Formulation,
    Reacher,
    ReacherPhysics,
    forward_kinematics,
    jacobian,
    step_states,
)

__all__ = [
    "CONTROL_PERIOD",
    "GOAL_RADIUS",
    "GOAL_SPEED",
    "LINK_LENGTHS",
    "NUM_SUBSTEPS",
    "TARGET_RADIUS_RANGE",
    "TORQUE_LIMIT",
    "Formulation",
    "Reacher",
    "ReacherPhysics",
    "forward_kinematics",
    "jacobian",
    "step_states",
]
