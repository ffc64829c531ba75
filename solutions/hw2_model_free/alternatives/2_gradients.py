# %% [markdown]
# Other right answers to section 2.

# %% alternative 2.1 by_environment
# One environment at a time, in Python's own numbers.
def returns_to_go(rewards, next_values, terminated, truncated, gamma):
    num_steps, num_envs = rewards.shape
    returns = np.empty((num_steps, num_envs))
    for n in range(num_envs):
        following = float(next_values[num_steps - 1, n])
        for t in range(num_steps - 1, -1, -1):
            if terminated[t, n]:
                following = 0.0
            elif truncated[t, n]:
                following = float(next_values[t, n])
            following = float(rewards[t, n]) + gamma * following
            returns[t, n] = following
    return returns


# %% alternative 2.2 sum
# A sum over everything, divided by the number of steps, under no_grad where nothing should flow.
def policy_gradient_loss(log_probs, returns, values):
    with torch.no_grad():
        weights = (values - returns) / returns.numel()
    return (weights * log_probs).sum()


# %% alternative 2.3 loop
# Asks every episode for its living others.
def baseline(returns, alive):
    result = np.zeros(returns.shape)
    for t in range(returns.shape[0]):
        for n in range(returns.shape[1]):
            others = [returns[t, m] for m in range(returns.shape[1]) if m != n and alive[t, m]]
            result[t, n] = np.mean(others) if others else 0.0
    return result


# %% alternative 2.3 matrix
# A matrix of ones with a zero diagonal sums over the others.
def baseline(returns, alive):
    others = 1.0 - np.eye(returns.shape[1])
    sums, counts = np.where(alive, returns, 0.0) @ others, alive @ others
    return np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
