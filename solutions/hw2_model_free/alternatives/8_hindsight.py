# %% [markdown]
# Other right answers to section 8.

# %% alternative 8.1 loop
# One transition at a time; true goals keep their stored reward.
def relabel(episodes, episode_ids, step_ids, k, compute_reward, rng):
    batch = episodes.transitions(episode_ids, step_ids)
    lengths = episodes.lengths[episode_ids]
    for b in range(len(step_ids)):
        if rng.random() * (k + 1) >= k:
            continue
        row = int(step_ids[b]) + 1 + int(rng.integers(int(lengths[b] - step_ids[b])))
        goal = episodes.arrays["achieved_goal"][episode_ids[b], row]
        batch["observation"]["desired_goal"][b] = goal
        batch["next_observation"]["desired_goal"][b] = goal
    told = np.flatnonzero(np.any(
        batch["observation"]["desired_goal"] != episodes.arrays["desired_goal"][episode_ids, step_ids], axis=1
    ))
    if len(told):
        achieved, goals = batch["next_observation"]["achieved_goal"][told], batch["observation"]["desired_goal"][told]
        batch["reward"][told] = compute_reward(achieved, goals, {})
    return batch


# %% alternative 8.1 only_some_rows
# Picks the rows that get a goal first, and scales a uniform number.
def relabel(episodes, episode_ids, step_ids, k, compute_reward, rng):
    batch = episodes.transitions(episode_ids, step_ids)
    lengths = episodes.lengths[episode_ids]
    new = np.flatnonzero(rng.uniform(size=len(step_ids)) < 1 - 1 / (1 + k))
    rest = (lengths - step_ids)[new]
    rows = step_ids[new] + 1 + np.floor(rng.uniform(size=len(new)) * rest).astype(int)
    for name in ("observation", "next_observation"):
        batch[name]["desired_goal"][new] = episodes.arrays["achieved_goal"][episode_ids[new], rows]
    batch["reward"] = compute_reward(batch["next_observation"]["achieved_goal"], batch["observation"]["desired_goal"], {})
    return batch
