# %% [markdown]
# Other right answers to section 4.

# %% alternative 4.1 stops_on_values
# Stops where the values no longer grow, starts greedy for the reward, and calls no earlier function.
def policy_iteration(transition, reward, gamma):
    states = np.arange(len(reward))
    policy, values, num_evaluations = reward.argmax(axis=1), np.full(len(reward), -np.inf), 0
    while True:
        matrix, earned = transition[states, policy], reward[states, policy]
        new = np.linalg.solve(np.eye(len(states)) - gamma * matrix, earned)
        num_evaluations += 1
        if np.all(new <= values + 1e-10 * np.maximum(1.0, np.abs(new))):
            return new, policy, num_evaluations
        values = new
        policy = np.argmax(np.round(reward + gamma * transition @ values, 10), axis=1)


# %% alternative 4.1 keeps_old_action
# Keeps the old action unless the new one is better in the table of action values; the policy as one-hot rows.
def policy_iteration(transition, reward, gamma):
    num_states, num_actions = reward.shape
    policy = np.eye(num_actions)[np.full(num_states, num_actions - 1)]
    for num_evaluations in range(1, 10_000):  # noqa: B007
        values = evaluate_exact(transition, reward, policy, gamma)
        table = reward + gamma * transition @ values
        gain = table.max(axis=1) - (policy * table).sum(axis=1)
        better = gain > 1e-9 * max(1.0, np.abs(values).max())
        if not better.any():
            break
        policy[better] = np.eye(num_actions)[table.argmax(axis=1)[better]]
    return values, policy.argmax(axis=1), num_evaluations


# %% alternative 4.2 residual_first
# The same iteration with the test at the loop's head and the policy's matrix formed once a round.
def modified_policy_iteration(transition, reward, gamma, num_backups, tolerance):
    values = np.zeros(reward.shape[0])
    backed_up, greedy = bellman_backup(transition, reward, values, gamma)
    num_improvements = 1
    while np.abs(backed_up - values).max() > tolerance:
        one_hot = np.eye(reward.shape[1])[greedy]
        matrix, earned = np.einsum("sa,sat->st", one_hot, transition), (one_hot * reward).sum(axis=1)
        values = backed_up
        for _ in range(num_backups):
            values = earned + gamma * (matrix @ values)
        backed_up, greedy = bellman_backup(transition, reward, values, gamma)
        num_improvements += 1
    return backed_up, greedy, num_improvements


# %% alternative 4.2 low_start
# Starts from a lower bound, as Puterman and Shin do, so that values only rise.
def modified_policy_iteration(transition, reward, gamma, num_backups, tolerance):
    states, num_improvements = np.arange(len(reward)), 0
    values = np.full(len(reward), min(0.0, reward.min()) / (1 - gamma))
    while True:
        table = reward + gamma * transition @ values
        greedy, best = table.argmax(axis=1), table.max(axis=1)
        num_improvements += 1
        if np.max(best - values) <= tolerance:
            return best, greedy, num_improvements
        values = best
        for _ in range(num_backups):
            values = table_row(transition, reward, states, greedy, values, gamma)


def table_row(transition, reward, states, greedy, values, gamma):
    """Back up one policy."""
    return reward[states, greedy] + gamma * np.sum(transition[states, greedy] * values, axis=1)
