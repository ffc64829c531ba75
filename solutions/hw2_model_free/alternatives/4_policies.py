# %% [markdown]
# Other right answers to section 4.

# %% alternative 4.1 torch_distribution
# Torch's own Gaussian.
def gaussian_log_prob(actions, mean, log_std):
    return torch.distributions.Normal(mean, log_std.exp()).log_prob(actions).sum(dim=-1)


# %% alternative 4.2 torch_distribution
# Torch's own entropy.
def gaussian_entropy(log_std):
    return torch.distributions.Normal(torch.zeros_like(log_std), log_std.exp()).entropy().sum(dim=-1)


# %% alternative 4.3 logsigmoid
# 1 - tanh(u)^2 = 4 s(2u) s(-2u), with s the logistic function.
def squashed_log_prob(pre_squash, gaussian_log_probs):
    both = nn.functional.logsigmoid(2 * pre_squash) + nn.functional.logsigmoid(-2 * pre_squash)
    return gaussian_log_probs - (np.log(4.0) + both).sum(dim=-1)
