# %% [markdown]
# Other right answers to section 9.

# %% alternative 9.1 in_a_loop
# The curriculum by its recursion, the kernel by the hyperbolic cosine, one robot after the other.
def reward_terms(velocity, turn, gravity, speeds, change, command, width, iteration):
    factor = CURRICULUM_START
    for _ in range(iteration):
        factor = factor**CURRICULUM_DECAY

    def price(n):
        miss = np.hypot(command[n, 0] - velocity[n, 0], command[n, 1] - velocity[n, 1])
        return {
            "velocity": 1 / np.cosh(miss / width) ** 2,
            "yaw_rate": 0.5 / np.cosh(2 * (turn[n, 2] - command[n, 2])) ** 2,
            "bounce": -factor * velocity[n, 2] ** 2,
            "tumbling": -0.02 * factor * (turn[n, 0] ** 2 + turn[n, 1] ** 2),
            "tilt": -factor * (gravity[n, 0] ** 2 + gravity[n, 1] ** 2),
            "joint_speed": -0.002 * factor * speeds[n] @ speeds[n] / 12,
            "action_change": -0.1 * factor * change[n] @ change[n] / 12,
        }

    each = [price(n) for n in range(len(velocity))]
    return {name: np.array([terms[name] for terms in each]) for name in each[0]}
