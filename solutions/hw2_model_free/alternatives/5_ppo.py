# %% [markdown]
# Other right answers to section 5.

# %% alternative 5.1 four_cases
# Decides case by case where a gradient may flow, and keeps the data out with no_grad.
def clipped_objective(log_probs, old_log_probs, advantages, epsilon):
    with torch.no_grad():
        weights, old = advantages.clone(), old_log_probs.clone()
    ratio = (log_probs - old).exp()
    limit = torch.where(weights > 0, torch.full_like(ratio, 1 + epsilon), torch.full_like(ratio, 1 - epsilon))
    beyond = torch.where(weights > 0, ratio > limit, ratio < limit)
    return (-weights * torch.where(beyond, limit, ratio)).mean()


# %% alternative 5.1 maximum_of_losses
# The maximum of two losses, as in OpenAI's code.
def clipped_objective(log_probs, old_log_probs, advantages, epsilon):
    ratio = torch.exp(log_probs - old_log_probs.detach())
    losses = -advantages.detach() * ratio, -advantages.detach() * ratio.clamp(1 - epsilon, 1 + epsilon)
    return torch.max(*losses).sum() / len(ratio)


# %% alternative 5.2 min_max
# Bounds the value from both sides; a stack and its maximum.
def value_loss(values, old_values, targets, epsilon):
    old, goals = old_values.detach(), targets.detach()
    near = torch.minimum(torch.maximum(values, old - epsilon), old + epsilon)
    return torch.stack([(values - goals).pow(2), (near - goals).pow(2)]).max(dim=0).values.mean() / 2


# %% alternative 5.3 numpy_pieces
# Pieces of nearly equal size, a flag for the stop, and the norm clipped by hand.
def ppo_update(loss_of, optimiser, parameters, advantages, num_epochs, minibatch_size, max_grad_norm, max_kl, rng):
    centred = advantages - advantages.mean()
    normal = centred / (centred.square().mean().sqrt() + 1e-8)
    taken, stopped = 0, False
    for _ in range(num_epochs):
        indices = np.arange(len(normal))
        rng.shuffle(indices)
        for piece in np.array_split(indices, -(-len(indices) // minibatch_size)):
            if stopped:
                break
            loss, kl = loss_of(torch.from_numpy(piece), normal[piece])
            stopped = kl > max_kl
            if not stopped:
                for p in parameters:
                    p.grad = None
                loss.backward()
                norm = sum(p.grad.square().sum() for p in parameters).sqrt()
                for p in parameters:
                    p.grad *= min(1.0, max_grad_norm / (float(norm) + 1e-6))
                optimiser.step()
                taken += 1
    return taken
