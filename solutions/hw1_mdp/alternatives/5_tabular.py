# %% alternative 5.1 corners_by_product
# Loops over the 2^D corners with itertools.product, other corner order, np.ravel_multi_index for the numbering.
import itertools as _itertools


def interpolation_weights(points, axes, periodic):
    shape = tuple(len(axis) for axis in axes)
    lower, upper, share = [], [], []
    for d, axis in enumerate(axes):
        x = np.asarray(points)[:, d]
        if periodic[d]:
            grid = np.concatenate([axis, [axis[0] + 2 * np.pi]])
            x = (x - axis[0]) % (2 * np.pi) + axis[0]
        else:
            grid = axis
            x = np.minimum(np.maximum(x, axis[0]), axis[-1])
        right = np.clip(np.searchsorted(grid, x), 1, len(grid) - 1)
        lower.append(right - 1)
        upper.append(right % shape[d])
        share.append((grid[right] - x) / (grid[right] - grid[right - 1]))
    indices, weights = [], []
    for choice in _itertools.product((1, 0), repeat=len(axes)):
        corner = [upper[d] if c else lower[d] for d, c in enumerate(choice)]
        indices.append(np.ravel_multi_index(corner, shape))
        weights.append(np.prod([1 - share[d] if c else share[d] for d, c in enumerate(choice)], axis=0))
    return np.stack(indices, axis=1), np.stack(weights, axis=1)


# %% alternative 5.2 one_action_at_a_time
# One call of the simulator for each action; grid points from np.indices; stacked along the action axis.
def discretise(model, axes, periodic, actions):
    ids = np.indices([len(axis) for axis in axes]).reshape(len(axes), -1)
    nodes = np.stack([axis[i] for axis, i in zip(axes, ids)], axis=1)
    columns = []
    for action in actions:
        next_states, rewards = model.step(nodes, np.full(len(nodes), action))
        columns.append((*interpolation_weights(next_states, axes, periodic), rewards))
    indices, weights, rewards = (np.stack(part, axis=1) for part in zip(*columns))
    return indices, weights, rewards


# %% alternative 5.3 einsum
# One Einstein sum, and a plain list of torques.
def swing_up(states, q_values, actions, axes, periodic):
    indices, weights = interpolation_weights(states, axes, periodic)
    mixed = np.einsum("nk,nka->na", weights, q_values[indices])
    return [float(actions[best]) for best in mixed.argmax(axis=1)]
