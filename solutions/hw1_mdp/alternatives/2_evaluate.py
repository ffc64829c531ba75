# %% [markdown]
# Other right answers to section 2.

# %% alternative 2.1 inverse
# The inverse, spelled out, from matrix products state by state.
def evaluate_exact(transition, reward, policy, gamma):
    num_states = reward.shape[0]
    matrix = np.array([policy[s] @ transition[s] for s in range(num_states)])
    earned = np.array([policy[s] @ reward[s] for s in range(num_states)])
    return np.linalg.inv(np.identity(num_states) - gamma * matrix) @ earned


# %% alternative 2.1 least_squares
# A least-squares solver finds the same solution.
def evaluate_exact(transition, reward, policy, gamma):
    matrix = (policy[:, :, None] * transition).sum(axis=1)
    earned = (policy * reward).sum(axis=1)
    return np.linalg.lstsq(np.eye(len(earned)) - gamma * matrix, earned, rcond=None)[0]


# %% alternative 2.2 in_place
# Sweeps in place, as in Sutton and Barto's box: new values are used as soon as they are there.
def evaluate_iterative(transition, reward, policy, gamma, tolerance):
    values = np.zeros(len(reward))
    while True:
        delta = 0.0
        for s in range(len(values)):
            old = values[s]
            values[s] = policy[s] @ (reward[s] + gamma * transition[s] @ values)
            delta = max(delta, abs(values[s] - old))
        if delta < tolerance:
            return values


# %% alternative 2.2 from_a_guess
# Starts from the reward and stops on a stricter rule than it must.
def evaluate_iterative(transition, reward, policy, gamma, tolerance):
    matrix = np.einsum("sa,sat->st", policy, transition)
    earned = np.sum(policy * reward, axis=1)
    values = earned / (1 - gamma)
    while True:
        following = earned + gamma * (matrix @ values)
        if np.sum(np.abs(following - values)) <= tolerance * (1 - gamma):
            return following
        values = following
