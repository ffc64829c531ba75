# %% [markdown]
# Other right answers to section 1.

# %% alternative 1.1 loop
# Counts the best in a loop, and fills in.
def epsilon_greedy(q_values, epsilon):
    best = [i for i, q in enumerate(q_values) if q == max(q_values)]
    probabilities = np.full(len(q_values), epsilon / len(q_values))
    for i in best:
        probabilities[i] += (1 - epsilon) / len(best)
    return probabilities


# %% alternative 1.2 loop
# One step at a time, returns a list of three arrays.
def td_targets(rewards, next_q, next_actions, next_probabilities, terminated, gamma):
    targets = [np.array(rewards, dtype=float) for _ in range(3)]
    for b in range(len(rewards)):
        if terminated[b]:
            continue
        targets[0][b] += gamma * next_q[b][next_actions[b]]
        targets[1][b] += gamma * (next_probabilities[b] @ next_q[b])
        targets[2][b] += gamma * max(next_q[b])
    return targets


# %% alternative 1.3 chooses_when_it_is_needed
# Chooses the next action at the top of the loop and remembers whether an episode has begun.
def learn(env, num_states, num_actions, num_steps, method, epsilon, alpha, gamma, seed):
    rng, table, state = np.random.default_rng(seed), np.zeros((num_states, num_actions)), None
    for _ in range(num_steps):
        if state is None:
            state = env.reset()[0]
            action = rng.choice(num_actions, p=epsilon_greedy(table[state], epsilon))
        following, reward, terminated, truncated, _ = env.step(int(action))
        policy = epsilon_greedy(table[following], epsilon)
        next_action = rng.choice(num_actions, p=policy)
        row = table[following]
        worth = [row[next_action], policy @ row, row.max()][method]
        goal = reward if terminated else reward + gamma * worth
        table[state, action] = (1 - alpha) * table[state, action] + alpha * goal
        state, action = (None, None) if terminated or truncated else (following, next_action)
    return table
