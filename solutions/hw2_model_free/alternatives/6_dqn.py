# %% [markdown]
# Other right answers to section 6.

# %% alternative 6.1 queue
# A queue: appends the new, drops the first; copies everything.
class ReplayBuffer:
    def __init__(self, capacity):
        self.capacity, self.steps, self.num_added = capacity, [], 0

    def sample(self, batch_size, rng):
        chosen = rng.integers(len(self.steps), size=batch_size)
        return tuple(np.array(column) for column in zip(*(self.steps[i] for i in chosen), strict=True))

    def add(self, states, actions, rewards, next_states, terminated, truncated):
        columns = (np.array(x) for x in (states, actions, rewards, next_states, terminated))
        self.steps = [*self.steps, *zip(*columns, strict=True)][-self.capacity :]
        self.num_added += len(rewards)


# %% alternative 6.2 multiplication
# A mask by multiplication, an index in the place of gather, under no_grad.
def double_dqn_target(rewards, online_next_q, target_next_q, terminated, gamma):
    with torch.no_grad():
        rows = torch.arange(len(rewards))
        worth = target_next_q[rows, online_next_q.max(dim=1).indices]
        return rewards + gamma * worth * (~terminated)


# %% alternative 6.2 one_hot
# The chosen action as a row of one 1.
def double_dqn_target(rewards, online_next_q, target_next_q, terminated, gamma):
    chosen = nn.functional.one_hot(online_next_q.argmax(-1), online_next_q.shape[-1])
    worth = (target_next_q.detach() * chosen).sum(-1).masked_fill(terminated, 0.0)
    return rewards.detach() + gamma * worth


# %% alternative 6.3 lerp
# Torch's own interpolation.
@torch.no_grad()
def soft_update(target, online, tau):
    for mine, other in zip(target.parameters(), online.parameters()):
        mine.lerp_(other, tau)


# %% alternative 6.3 state_dict
# By way of the dictionaries, which load in place.
def soft_update(target, online, tau):
    new = online.state_dict()
    target.load_state_dict({name: (1 - tau) * old + tau * new[name] for name, old in target.state_dict().items()})


# %% alternative 6.4 indices
# Picks the values by index, writes the loss out, and zeroes at the end.
def dqn_step(online, target, selector, optimiser, batch, gamma):
    states, actions, rewards, next_states, terminated = batch
    goals = double_dqn_target(rewards, selector(next_states).detach(), target(next_states).detach(), terminated, gamma)
    error = (online(states)[torch.arange(len(actions)), actions] - goals.detach()).abs()
    loss = torch.where(error < 1, error.pow(2) / 2, error - 0.5).mean()
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()
    return float(loss.detach())
