# %% [markdown]
# Other right answers to section 3.

# %% alternative 3.1 loops
# The definition, spelled out; ties go to the last action.
def bellman_backup(transition, reward, values, gamma):
    num_states, num_actions = reward.shape
    backed_up, greedy = np.full(num_states, -np.inf), np.zeros(num_states, dtype=int)
    for s in range(num_states):
        for a in range(num_actions):
            worth = reward[s, a] + gamma * np.dot(transition[s, a], values)
            if worth >= backed_up[s]:
                backed_up[s], greedy[s] = worth, a
    return backed_up, greedy


# %% alternative 3.1 einsum
# Another way to write the expectation, and lists as the result.
def bellman_backup(transition, reward, values, gamma):
    table = reward + gamma * np.einsum("san,n->sa", transition, values)
    greedy = np.argmax(table, axis=1)
    return [list(np.take_along_axis(table, greedy[:, None], axis=1)[:, 0]), list(greedy)]


# %% alternative 3.2 in_place
# Gauss-Seidel sweeps without calling bellman_backup; the policy from one more look at the end.
def value_iteration(transition, reward, gamma, tolerance):
    values = np.zeros(reward.shape[0])
    delta = tolerance + 1.0
    while delta > tolerance:
        delta = 0.0
        for s in range(len(values)):
            best = np.max(reward[s] + gamma * transition[s] @ values)
            delta = max(delta, abs(best - values[s]))
            values[s] = best
    return values, np.argmax(reward + gamma * transition @ values, axis=1)


# %% alternative 3.2 one_more_backup
# A stricter rule (Puterman's, for an epsilon-optimal policy), and the policy greedy for the returned values.
def value_iteration(transition, reward, gamma, tolerance):
    values, backed_up = np.zeros(len(reward)), bellman_backup(transition, reward, np.zeros(len(reward)), gamma)[0]
    while np.max(np.abs(backed_up - values)) > tolerance / 2:
        values, backed_up = backed_up, bellman_backup(transition, reward, backed_up, gamma)[0]
    return backed_up, bellman_backup(transition, reward, backed_up, gamma)[1]


# %% alternative 3.3 span
# The sharper bound on the policy from the span of the residual (Puterman 1994, section 6.6); sweeps by counting.
def error_bound(values, backed_up, gamma, accuracy):
    change = backed_up - values
    value_error = gamma * np.abs(change).max() / (1 - gamma)
    policy_loss = gamma * (change.max() - change.min()) / (1 - gamma)
    sweeps_left, bound = 0, value_error
    while bound > accuracy:
        bound, sweeps_left = gamma * bound, sweeps_left + 1
    return value_error, policy_loss, sweeps_left


# %% alternative 3.3 one_formula
# The same bounds with a maximum instead of a case, and plain floats.
def error_bound(values, backed_up, gamma, accuracy):
    bound = float(gamma / (1 - gamma) * np.linalg.norm(backed_up - values, ord=np.inf))
    if bound == 0.0:
        return 0.0, 0.0, 0
    return bound, 2 * bound, max(0, int(np.ceil(np.log(bound / accuracy) / -np.log(gamma))))
