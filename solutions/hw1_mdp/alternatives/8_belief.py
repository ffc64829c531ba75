# %% alternative 8.1 loops
# Explicit loops over the states, as in the formula.
def belief_update(belief, action, observation, transition, observation_model):
    num_states = len(belief)
    predicted = np.zeros(num_states)
    for s in range(num_states):
        if belief[s] > 0:
            predicted += belief[s] * transition[s, action]
    joint = [predicted[s] * observation_model[s][observation] for s in range(num_states)]
    evidence = sum(joint)
    if evidence == 0:
        return predicted
    return np.array([p / evidence for p in joint])


# %% alternative 8.2 worth_as_regret
# The worth as the mean regret of the chosen action, one belief at a time; lists come back.
def qmdp(beliefs, q_values):
    actions, worth = [], []
    for belief in beliefs:
        action = int(np.argmax(np.dot(q_values.T, belief)))
        regret = q_values.max(axis=1) - q_values[:, action]
        actions.append(action)
        worth.append(float(np.dot(belief, regret)))
    return actions, worth
