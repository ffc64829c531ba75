# %% alternative 1.1 looped
# A double loop over states and actions, no broadcasting.
def backup(rewards, values, gamma):
    best = [max(reward + gamma * value for reward in row) for row, value in zip(rewards, values)]
    return [float(value) for value in best]
