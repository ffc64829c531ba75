# %% [markdown]
# Other right answers to section 3.

# %% alternative 3.1 deltas_first
# All deltas at once, then the sum; masks by multiplication.
def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    deltas = rewards + gamma * next_values * (1 - terminated.astype(float)) - values
    decay = gamma * lam * (1.0 - np.logical_or(terminated, truncated))
    result = [deltas[-1]]
    for t in range(len(rewards) - 2, -1, -1):
        result.insert(0, deltas[t] + decay[t] * result[0])
    return np.array(result)


# %% alternative 3.1 by_environment
# One environment at a time, with branches.
def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    advantages = np.zeros(rewards.shape)
    for n in range(rewards.shape[1]):
        total = 0.0
        for t in range(rewards.shape[0] - 1, -1, -1):
            if terminated[t, n]:
                total = rewards[t, n] - values[t, n]
            else:
                delta = rewards[t, n] + gamma * next_values[t, n] - values[t, n]
                total = delta if truncated[t, n] else delta + gamma * lam * total
            advantages[t, n] = total
    return advantages
