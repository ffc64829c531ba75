# %% alternative 6.1 other_numbers
# Quite other numbers: haste through a costly life, patience through a discount near one.
def design():
    names = ["near_along_ledge", "near_round_top", "far_along_ledge", "far_round_top", "never_exit", "cross_bridge"]
    numbers = [(0.9, 0.0, -6.0), (0.35, 0.3, 0), (0.95, 0.0, -1), (0.99, 0.4, -0.05), (0.99, 0.0, 12), (0.99, 0.011, -1)]
    return {
        name: {"discount": discount, "slip": slip, "living_reward": living_reward}
        for name, (discount, slip, living_reward) in zip(names, numbers)
    }


# %% alternative 6.2 whole_transition
# The bonus of each (s, a, s') first, the expectation afterwards.
def shape(rewards, transition, potential, terminal, gamma):
    phi = np.array(potential, dtype=float)
    phi[np.asarray(terminal)] = 0
    bonus = gamma * phi[None, None, :] - phi[:, None, None]
    return rewards + np.sum(transition * bonus, axis=2)
