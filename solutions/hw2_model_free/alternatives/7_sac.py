# %% [markdown]
# Other right answers to section 7.

# %% alternative 7.1 stacked
# Stacks the critics, masks by assignment, detaches at the end.
def critic_target(rewards, terminated, next_q1, next_q2, next_log_probs, alpha, gamma):
    worth = torch.stack([next_q1, next_q2]).min(dim=0).values - alpha * next_log_probs
    worth = worth.detach().clone()
    worth[terminated] = 0.0
    return rewards + gamma * worth


# %% alternative 7.2 torch_distributions
# Torch's squashed Gaussian; the noise is put in by hand.
def sample_action(mean, log_std, noise):
    base = torch.distributions.Normal(mean, log_std.exp())
    squash = torch.distributions.TanhTransform(cache_size=1)
    u = mean + log_std.exp() * noise
    actions = squash(u)
    return actions, torch.distributions.TransformedDistribution(base, squash).log_prob(actions).sum(dim=-1)


# %% alternative 7.2 by_the_noise
# The Gaussian's log-density written with the noise.
def sample_action(mean, log_std, noise):
    u = mean + log_std.exp() * noise
    gaussian = (-0.5 * noise**2 - log_std - 0.5 * np.log(2 * np.pi)).sum(dim=-1)
    return u.tanh(), squashed_log_prob(u, gaussian)


# %% alternative 7.3 other_order
# Means first, no_grad in place of detach.
def temperature_loss(log_alpha, log_probs, target_entropy):
    with torch.no_grad():
        lacking = torch.mean(log_probs) + target_entropy
    return -(log_alpha.exp() * lacking)


# %% alternative 7.4 half_the_squares
# Half the squared errors, two means, the critics frozen while the policy steps.
def sac_step(agent, batch, noise, next_noise):
    obs, after = batch["observation"], batch["next_observation"]
    alpha = agent.log_alpha.detach().exp()
    with torch.no_grad():
        action, log_prob = sample_action(*agent.policy(after), next_noise)
        slow = agent.values(agent.slow_critics, after, action)
        goal = critic_target(batch["reward"], batch["terminated"], slow[0], slow[1], log_prob, alpha, agent.gamma)
    loss = sum(0.5 * ((q - goal) ** 2).mean() for q in agent.values(agent.critics, obs, batch["action"]))
    agent.descend("critics", loss)
    agent.slow_critics.update_parameters(agent.critics)
    action, log_prob = sample_action(*agent.policy(obs), noise)
    low = torch.stack(agent.values(agent.critics, obs, action)).min(dim=0).values
    agent.descend("actor", (alpha * log_prob).mean() - low.mean())
    agent.descend("temperature", temperature_loss(agent.log_alpha, log_prob.detach(), agent.target_entropy))
    return {"alpha": float(alpha), "entropy": float(-log_prob.mean()), "q": float(low.mean())}
