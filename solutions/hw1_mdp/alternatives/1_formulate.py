# %% [markdown]
# Other right answers to section 1. A formulation is judged by properties, so these must lose nothing.

# %% alternative 1.1 frame_of_the_upper_link
# Turns everything into the frame of the upper link: five or six numbers are enough, since the physics does not
# change when arm and target turn together.
def observe(qpos, qvel, target_world):
    cosine, sine = np.cos(qpos[0]), np.sin(qpos[0])
    x, y = target_world
    target_link = np.array([cosine * x + sine * y, -sine * x + cosine * y])
    return np.concatenate([[np.cos(qpos[1]), np.sin(qpos[1])], 0.1 * qvel, target_link])


# %% alternative 1.1 everything
# More than is needed, in another order: target, fingertip, error, velocities of joints and fingertip, both angles.
def observe(qpos, qvel, target_world):
    tip = forward_kinematics(qpos)
    both = qpos[0] + qpos[1]
    by_elbow = 0.4 * np.array([-np.sin(both), np.cos(both)])
    by_shoulder = by_elbow + 0.5 * np.array([-np.sin(qpos[0]), np.cos(qpos[0])])
    parts = [target_world, tip, target_world - tip, qvel, by_shoulder * qvel[0] + by_elbow * qvel[1]]
    parts += [np.sin(qpos), np.cos(qpos), [np.sin(both), np.cos(both)]]
    return np.concatenate(parts).astype(np.float32).astype(float)


# %% alternative 1.1 squashed_velocity
# Keeps everything in [-1, 1], the velocities through tanh, and returns a list.
def observe(qpos, qvel, target_world):
    angles = [f(q) for q in qpos for f in (np.sin, np.cos)]
    return [*angles, *np.tanh(qvel / 10.0), *target_world]


# %% alternative 1.2 sparse
# Minus one for each step away from the target, and a price on effort.
def reward(fingertip_world, target_world, torque):
    away = np.linalg.norm(fingertip_world - target_world) > GOAL_RADIUS
    return -1.0 * away - 0.001 * np.sum(torque**2)


# %% alternative 1.2 sparse_bonus
# One on the target, nothing elsewhere, and a small price on effort.
def reward(fingertip_world, target_world, torque):
    there = np.linalg.norm(fingertip_world - target_world) < GOAL_RADIUS
    return 1.0 * there - 0.001 * np.sum(np.abs(torque))


# %% alternative 1.2 squared
# The quadratic cost of control theory.
def reward(fingertip_world, target_world, torque):
    error = fingertip_world - target_world
    return -10.0 * (error @ error) - 0.02 * (torque @ torque)


# %% alternative 1.2 city_blocks
# Another norm for the distance, another for the effort.
def reward(fingertip_world, target_world, torque):
    return -np.sum(np.abs(fingertip_world - target_world)) - 0.01 * np.max(np.abs(torque))


# %% alternative 1.2 saturating
# PILCO's saturating cost, and a constant price on time.
def reward(fingertip_world, target_world, torque):
    squared = np.sum((fingertip_world - target_world) ** 2)
    return float(np.exp(-squared / (2 * 0.25**2)) - 1.0 - 0.002 * np.sum(torque**2))


# %% alternative 1.2 bonus_and_slope
# A slope to follow, and a bonus at the end.
def reward(fingertip_world, target_world, torque):
    distance = np.linalg.norm(fingertip_world - target_world)
    return -distance - 0.005 * np.sum(torque**2) + (10.0 if distance < GOAL_RADIUS else 0.0)


# %% alternative 1.3 spelled_out
# Squares instead of norms, the largest speed, numpy's booleans; no truncation once it has reached.
def done(fingertip_world, qvel, target_world, step, step_limit):
    error = fingertip_world - target_world
    reached = np.logical_and(np.sum(error**2) <= GOAL_RADIUS**2, np.max(np.abs(qvel)) <= GOAL_SPEED)
    return reached, np.logical_and(step >= step_limit, np.logical_not(reached))
