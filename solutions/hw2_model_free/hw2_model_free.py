# %% [markdown]
# # Homework 2: Model-free reinforcement learning
#
# In homework 1 you knew the whole MDP: every probability, every reward. A robot on a floor of unknown friction, with
# motors that nobody has modelled, does not. What it has is *experience*: it acts, and something happens. Model-free
# reinforcement learning turns experience into behaviour without ever writing the model down. It is slow, it is noisy,
# and it has made four-legged robots run faster than their designers could. You will
#
# - learn on a cliff, and see why "on-policy" and "off-policy" learners walk different paths (section 1);
# - find the gradient of a return that you cannot differentiate, and then fight its variance (2 and 3);
# - write the two policies that nearly all robots learn with, Gaussian and squashed Gaussian (4);
# - build PPO and swing up a pendulum (5), build DQN (6) and SAC (7);
# - learn from failure by pretending that it was the goal (8);
# - teach a quadruped to walk at the velocity it is told, to run, and perhaps to get up when it has fallen (9);
# - say in words where the credit went (10).
#
# There are 100 points and 8 bonus points. Each code question is a function with a gap of 3 to 15 lines; each stands on
# its own, so one mistake costs one question. Some questions ask for a *trained policy*: a file that an experiment of
# this notebook writes, and that we roll out in our own simulator, on our own seeds. Read the numbers worked by hand
# before you run anything long. Times in brackets are for two ordinary cores with nothing else to do.
#
# **Symbols.** Batch letters are the same in the whole course: `T` time, `N` environments, `B` minibatch, `O` the length
# of an observation, `A` the length of an action or the number of actions, `S` states. Units are SI. `terminated` and
# `truncated` are two different things (homework 1, question 1.3), and half of the bugs of this field live in the
# difference. Losses are tensors to *minimise*.
#
# **Book.** Sutton & Barto, *Reinforcement Learning: An Introduction*, 2nd edition 2018 (free online). Papers are cited
# where they are used.

# %% tags=["setup"]
import copy
import itertools

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import environments  # registers the course's worlds with Gymnasium
from autograder import check, submit
from environments.animation import animate
from environments.monitor import Monitor

torch.set_num_threads(1)  # these networks are small: a second thread costs more than it gives


def mlp(sizes, activation=nn.Tanh):
    """Make a multilayer perceptron with `sizes` = (inputs, hidden, ..., outputs)."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return nn.Sequential(*layers[:-1])


def vector_env(name, num_envs, **settings):
    """Make N copies of a course environment that step together; an episode that ends is begun anew at once."""
    return gymnasium.make_vec(
        f"robolearn/{name}", num_envs=num_envs, vectorization_mode="vector_entry_point",
        autoreset_mode="SameStep", num_threads=2, **settings,
    )


def save_policy(path, network, mean=0.0, scale=1.0, squash=False):
    """Write a policy to a file that you can hand in: the linear layers of a `mlp`, and what to do before and after.

    Args:
        path: such as "swing_up.npz".
        network: nn.Sequential from `mlp`, from (O,) observations to (A,) actions.
        mean: (O,) subtracted from observations.
        scale: (O,) they are then divided by.
        squash: tanh at the end, for a network that gives actions before the squash.
    """
    layers = [layer for layer in network if isinstance(layer, nn.Linear)]
    activation = type(network[1]).__name__ if len(network) > 1 else "Tanh"
    arrays = {"mean": np.asarray(mean), "scale": np.asarray(scale), "squash": np.asarray(squash)}
    for i, layer in enumerate(layers):
        arrays[f"weight{i}"] = layer.weight.detach().numpy().astype(np.float64)
        arrays[f"bias{i}"] = layer.bias.detach().numpy().astype(np.float64)
    np.savez(path, activation=activation, **arrays)


ACTIVATIONS = {
    "Tanh": np.tanh, "ReLU": lambda x: np.maximum(x, 0.0),
    "ELU": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0.0))),
}


class SavedPolicy:
    """A policy read from a file; acts on many observations at once, in numpy, without exploring."""

    def __init__(self, path):
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        self.mean, self.scale, self.squash = arrays["mean"], arrays["scale"], bool(arrays["squash"])
        self.activation = ACTIVATIONS[str(arrays["activation"])]
        num_layers = sum(name.startswith("weight") for name in arrays)
        self.layers = [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(num_layers)]

    def act(self, observations):
        """Choose actions (N, A) in [-1, 1] for observations (N, O)."""
        observations, (_, size) = np.asarray(observations, dtype=np.float64), self.layers[0][0].shape
        if observations.ndim != 2 or observations.shape[1] != size:
            raise ValueError(f"observations: got shape {observations.shape}, this policy was trained for (N, {size})")
        x = (observations - self.mean) / self.scale
        for weight, bias in self.layers[:-1]:
            x = self.activation(x @ weight.T + bias)
        weight, bias = self.layers[-1]
        x = x @ weight.T + bias
        return np.tanh(x) if self.squash else np.clip(x, -1.0, 1.0)


def load_policy(path):
    """Read a policy that `save_policy` wrote."""
    try:
        return SavedPolicy(path)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is no policy that save_policy wrote: {error}") from error


def input_gradients(name, inputs, wrt):
    """Call one of your loss functions and differentiate it: what does the optimiser see?

    Args:
        name: of a function of this notebook that returns a tensor; its sum is differentiated.
        inputs: its arguments by name, tensors or numbers.
        wrt: names of the tensors to differentiate with respect to.

    Returns:
        The value, and one gradient for each name in `wrt`, in the tensor's shape; None where none flows.
    """
    arguments = {
        key: value.detach().clone().requires_grad_(key in wrt) if isinstance(value, torch.Tensor) else value
        for key, value in inputs.items()
    }
    value = globals()[name](**arguments)
    if not value.requires_grad:
        return value.detach(), [None] * len(wrt)
    return value.detach(), list(torch.autograd.grad(value.sum(), [arguments[key] for key in wrt], allow_unused=True))

# %% [markdown]
# ## 1. Tabular control: the cliff
#
# A robot walks from `S` to `G` along the edge of a cliff `C` (Sutton & Barto 2018, example 6.6). Each step costs 1; a
# fall costs 100 and ends the episode. It does not know where the cliff is. It has a table of numbers $Q(s, a)$, all
# zero, and it may walk.

# %%
from environments.grid_navigation import FloorPlan, GridNavigationEnv, draw_values

CLIFF = FloorPlan.from_text(
    """
    ............
    ............
    ............
    SCCCCCCCCCCG
    """,
    rewards={"G": 0.0, "C": -100.0},
)
METHODS = ("sarsa", "expected_sarsa", "q_learning")


def cliff_env(seed):
    """Make the cliff walk: the floor is not slippery, each step costs 1, 200 steps at most."""
    env = GridNavigationEnv(CLIFF, slip=0.0, living_reward=-1.0, step_limit=200)
    env.reset(seed=seed)
    return env

# %% [markdown]
# ### 1.1 Explore a little (3 points)
#
# Whoever always takes the action that looks best never finds out about the others. The smallest remedy is
# $\varepsilon$-greedy: with probability $\varepsilon$ take *any* action, all alike; otherwise one of the best. When
# several are best (at the start all of them are), `argmax` would always name the first, and the robot would march
# north for an hour. Share the probability among the best instead.

# %%
def epsilon_greedy(q_values, epsilon):
    """Give the probabilities with which an epsilon-greedy policy chooses.

    Args:
        q_values: (A,) float.
        epsilon: in [0, 1], probability of choosing among all actions alike, the best ones included.

    Returns:
        (A,) float, sums to 1. The remaining 1 - epsilon is shared equally by all actions with the greatest value.
    """
    ### BEGIN SOLUTION 1.1 epsilon_greedy
    # HINT: Which entries equal the maximum, and how many are they? About 3 lines.
    best = q_values == np.max(q_values)
    greedy = best / np.sum(best)
    return (1.0 - epsilon) * greedy + epsilon / len(q_values)
    ### END SOLUTION 1.1 epsilon_greedy

# %% [markdown]
# **By hand.** $Q = (2, 5, 5, 1)$, $\varepsilon = 0.2$: every action has $0.2 / 4 = 0.05$; the two best share $0.8$. So
# $(0.05, 0.45, 0.45, 0.05)$.
#
# ### 1.2 Three targets (5 points)
#
# After a step $(s, a, r, s')$ the table is moved a little towards a *target*,
# $Q(s, a) \leftarrow Q(s, a) + \alpha\,(y - Q(s, a))$. Three algorithms differ in nothing but the target:
#
# $$
# y_\text{SARSA} = r + \gamma\, Q(s', a'), \qquad
# y_\text{expected} = r + \gamma \sum_{a} \pi(a \mid s')\, Q(s', a), \qquad
# y_\text{Q-learning} = r + \gamma \max_a Q(s', a) ,
# $$
#
# where $a'$ is the action that the policy $\pi$ *will really take* in $s'$ (Sutton & Barto 2018, equations 6.7 to 6.9).
# SARSA and expected SARSA evaluate the policy that walks, stumbles included. Q-learning evaluates a policy that is not
# walking: the greedy one. Hence the names *on-policy* and *off-policy*.
#
# Where the step **terminated**, there is no future, whatever the table says about $s'$. Where the clock merely
# **truncated** the episode, the robot could have gone on, and $s'$ is worth what it is worth: a truncation needs no
# mention here.

# %%
def td_targets(rewards, next_q, next_actions, next_probabilities, terminated, gamma):
    """Compute the targets of SARSA, expected SARSA and Q-learning for B steps.

    Sutton & Barto 2018, equations (6.7), (6.9), (6.8).

    Args:
        rewards: (B,) float.
        next_q: (B, A) float, Q(s', .) of the state that each step led to.
        next_actions: (B,) int, the action that will be taken there.
        next_probabilities: (B, A) float, the policy there.
        terminated: (B,) bool, the episode ended there for good: s' has no future.
        gamma: discount.

    Returns:
        Three (B,) float arrays: (sarsa, expected_sarsa, q_learning).
    """
    ### BEGIN SOLUTION 1.2 td_targets
    # HINT: One number per step for what the next state is worth, three times; `np.arange(B)` beside `next_actions`
    # HINT:   picks one entry of each row. Then the discount, and the ends. About 6 lines.
    future = gamma * np.where(terminated, 0.0, 1.0)
    taken = next_q[np.arange(len(rewards)), next_actions]
    expected = np.sum(next_probabilities * next_q, axis=1)
    greedy = np.max(next_q, axis=1)
    return rewards + future * taken, rewards + future * expected, rewards + future * greedy
    ### END SOLUTION 1.2 td_targets

# %% [markdown]
# **By hand.** $r = -1$, $\gamma = 0.9$, $Q(s', \cdot) = (10, 0)$, $a' = 1$, $\pi(\cdot \mid s') = (0.9, 0.1)$:
# SARSA $-1 + 0.9 \cdot 0 = -1$; expected $-1 + 0.9 \cdot 9 = 7.1$; Q-learning $-1 + 0.9 \cdot 10 = 8$. Terminated: all $-1$.
#
# ### 1.3 Learn (5 points)
#
# Now put the two together into the loop that every later section is a variation of: act, observe, move the table, act.
# Three places to go wrong: which action is *executed* next (the one that SARSA's target used), what happens after an
# episode ends (reset, and choose anew), and that a truncated episode ends too.

# %%
def learn(env, num_states, num_actions, num_steps, method, epsilon, alpha, gamma, seed):
    """Learn a table of action values by walking.

    Args:
        env: Gymnasium interface, `reset() -> (state, info)` and
            `step(action) -> (state, reward, terminated, truncated, info)`; states are integers. Not yet reset.
        num_states: S.
        num_actions: A.
        num_steps: how often `env.step` is called in all, over as many episodes as that makes.
        method: index into METHODS, 0 SARSA, 1 expected SARSA, 2 Q-learning: which target of 1.2 is used.
        epsilon: of the policy that walks, and of the policy in the targets (1.1).
        alpha: step size.
        gamma: discount.
        seed: of the walk.

    Returns:
        (S, A) float, the table, which began with zeros.
    """
    rng = np.random.default_rng(seed)
    q_values = np.zeros((num_states, num_actions))

    def choose(state):
        """Draw an action in `state`: the action, and the (A,) probabilities it was drawn from."""
        probabilities = epsilon_greedy(q_values[state], epsilon)
        return rng.choice(num_actions, p=probabilities), probabilities

    def target(reward, next_state, next_action, next_probabilities, terminated):
        """One step's target by `method`."""
        batch = [np.array([reward]), q_values[[next_state]], np.array([next_action])]
        return td_targets(*batch, next_probabilities[None], np.array([terminated]), gamma)[method][0]

    ### BEGIN SOLUTION 1.3 learn
    # HINT: Reset and choose once before the loop. In it: step, choose the next action in the next state, move
    # HINT:   q_values[state, action] towards the target. Only then deal with the end of an episode. About 10 lines.
    state, _ = env.reset()
    action, _ = choose(state)
    for _ in range(num_steps):
        next_state, reward, terminated, truncated, _ = env.step(action)
        next_action, probabilities = choose(next_state)
        error = target(reward, next_state, next_action, probabilities, terminated) - q_values[state, action]
        q_values[state, action] += alpha * error
        if terminated or truncated:
            next_state, _ = env.reset()
            next_action, _ = choose(next_state)
        state, action = next_state, next_action
    return q_values
    ### END SOLUTION 1.3 learn

# %% [markdown]
# **Run it** (3 s). Three learners, 20,000 steps each, $\varepsilon = 0.1$.

# %% tags=["experiment"]
class Diary:
    """Wraps an environment and notes the return of every episode."""

    def __init__(self, env):
        self.env, self.returns, self.total = env, [], 0.0

    def reset(self):
        self.total = 0.0
        return self.env.reset()

    def step(self, action):
        state, reward, terminated, truncated, info = self.env.step(action)
        self.total += reward
        if terminated or truncated:
            self.returns.append(self.total)
        return state, reward, terminated, truncated, info


_, axes = plt.subplots(2, 2, figsize=(11, 5.2), layout="constrained")
for method, (name, ax) in enumerate(zip(METHODS, axes.flat, strict=False)):
    diary = Diary(cliff_env(0))
    table = learn(diary, CLIFF.num_states, 4, 20_000, method, 0.1, 0.2, 1.0, seed=0)
    draw_values(CLIFF, table.max(axis=1), table.argmax(axis=1), ax=ax)
    ax.set_title(f"{name}: what it learned")
    window = np.convolve(diary.returns, np.ones(50) / 50, mode="valid")
    axes[1, 1].plot(window, label=f"{name}: {np.mean(diary.returns[-200:]):.0f} at the end")
axes[1, 1].set(xlabel="episode", ylabel="return while learning", ylim=(-110, 0), title="what it earned meanwhile")
axes[1, 1].legend()
plt.show()

# %% [markdown]
# Follow the arrows from the start. Q-learning found the shortest way, 13 steps along the very edge, and its table is
# right: that *is* the best path for someone who never stumbles. But the walker stumbles one step in ten, and every
# stumble south is a fall: while learning it earns the least of the three. SARSA's table knows about the stumbling and
# takes a detour to the far side; it earns more. Neither is wrong. They answer different questions: *how good is the
# best I could do?* and *how good is what I am doing?* Remember this when PPO (on-policy, section 5) and SAC (off-policy,
# section 7) meet the same robot.

# %% [markdown]
# ## 2. The gradient of a return
#
# A table has a row for each state. A robot's state is a vector of real numbers, and no two are ever the same. So write
# the policy as a network $\pi_\theta(a \mid s)$ and follow the gradient of what it earns,
#
# $$
# \nabla_\theta J = \mathbb{E}\Big[\sum_t \nabla_\theta \log \pi_\theta(a_t \mid s_t)\; G_t\Big], \qquad
# G_t = r_t + \gamma r_{t+1} + \gamma^2 r_{t+2} + \dots
# $$
#
# (REINFORCE, Williams 1992; Sutton & Barto 2018, section 13.3). Nothing of the world appears in it: no transition
# probability, no derivative of the physics. The price is variance. $G_t$ is one number for everything that happened
# after $a_t$, the luck of all later actions included: which of them deserves the credit? That is the *credit assignment
# problem*, and this section and the next are about it. (In this notebook each step's term counts alike, without the
# factor $\gamma^t$, as in nearly all code.)
#
# ### 2.1 Returns-to-go, and the two ways to end (4 points)
#
# `N` environments step together for `T` steps. In that block of `T` by `N` steps, episodes end and begin anew. A return
# is summed backwards, and at three places the sum does not simply go on:
#
# - `terminated`: nothing comes after. The future is worth 0.
# - `truncated`: the clock stopped the episode; the future exists but was not seen. Put an *estimate* of its worth
#   there: `next_values`, the critic's value of the state that the step led to.
# - the last row: the block ends, the world does not. The same estimate.

# %%
def returns_to_go(rewards, next_values, terminated, truncated, gamma):
    """Sum discounted rewards from each step to the end of its episode.

    Args:
        rewards: (T, N) float.
        next_values: (T, N) float, estimated value of the state that the step led to; where an episode ended, of its
            last state, not of the next episode's first.
        terminated: (T, N) bool, no future after this step.
        truncated: (T, N) bool, the future was not seen; `next_values` stands for it.
        gamma: discount.

    Returns:
        (T, N) float. The last row bootstraps with `next_values` as if truncated. Where a step is both terminated
        and truncated, it is terminated.
    """
    ### BEGIN SOLUTION 2.1 returns_to_go
    # HINT: Walk backwards. What follows step t: nothing, an estimate, or the return of step t + 1? About 7 lines.
    returns = np.empty(rewards.shape)
    following = next_values[-1]
    for t in reversed(range(len(rewards))):
        following = np.where(truncated[t], next_values[t], following)
        following = np.where(terminated[t], 0.0, following)
        following = returns[t] = rewards[t] + gamma * following
    return returns
    ### END SOLUTION 2.1 returns_to_go

# %% [markdown]
# **By hand.** One environment, $\gamma = 0.5$, rewards $(1, 2, 4)$, estimates $(10, 20, 40)$. Nothing ends:
# $G_2 = 4 + 0.5 \cdot 40 = 24$, $G_1 = 2 + 0.5 \cdot 24 = 14$, $G_0 = 8$. Step 1 terminated: $G_1 = 2$, $G_0 = 2$.
# Step 1 truncated: $G_1 = 2 + 0.5 \cdot 20 = 12$, $G_0 = 7$.
#
# ### 2.2 A loss whose gradient is the policy gradient (4 points)
#
# Automatic differentiation wants a scalar. The policy gradient is the gradient of
#
# $$ L(\theta) = -\frac{1}{TN}\sum_{t,n} \log \pi_\theta(a_{tn} \mid s_{tn})\,\big(G_{tn} - V(s_{tn})\big) $$
#
# *if the bracket is held constant*. The bracket is a judgement of the action. Whoever lets the gradient flow through it
# asks the critic to make bad actions look good. The value of $L$ means nothing by itself: it is not a distance from
# success, and it does not have to fall.

# %%
def policy_gradient_loss(log_probs, returns, values):
    """Make the loss of REINFORCE with a baseline.

    Args:
        log_probs: (T, N) tensor, log pi(a | s), with the policy's graph behind it.
        returns: (T, N) tensor, G of 2.1.
        values: (T, N) tensor, the critic's V(s), with the critic's graph behind it.

    Returns:
        Scalar tensor to minimise: the mean over all T * N steps. Its gradient reaches log_probs only.
    """
    ### BEGIN SOLUTION 2.2 policy_gradient_loss
    # HINT: How much better than expected was it? Hold that constant. Minimising is the wrong way round. About 3 lines.
    advantages = (returns - values).detach()
    return -torch.mean(log_probs * advantages)
    ### END SOLUTION 2.2 policy_gradient_loss

# %% [markdown]
# **By hand.** $\log\pi = (-1, -2)$, $G = (3, 1)$, $V = (1, 2)$: advantages $(2, -1)$,
# $L = -\tfrac12(-2 + 2) = 0$, and $\partial L / \partial \log\pi = (-1, \tfrac12)$: push the first action up, the
# second down. `input_gradients` of the setup shows what the optimiser would see.

# %% tags=["experiment"]
example = {"log_probs": torch.tensor([[-1.0, -2.0]]), "returns": torch.tensor([[3.0, 1.0]]),
           "values": torch.tensor([[1.0, 2.0]])}  # fmt: skip
print(input_gradients("policy_gradient_loss", example, ["log_probs", "values"]))

# %% [markdown]
# ### 2.3 A baseline from the other episodes (3 points)
#
# Subtracting any number $b$ from $G_t$ leaves the gradient's *mean* alone, as long as $b$ does not depend on the action
# $a_t$: $\mathbb{E}[\nabla \log \pi \cdot b] = b\,\nabla \sum_a \pi(a \mid s) = b\,\nabla 1 = 0$. Its variance is another
# matter: with $b$ near the mean return, half of the terms change sign and nearly cancel.
#
# The cheapest baseline needs no critic. `N` robots began alike; how well did *the others* do from step $t$ on? The
# own return must stay out: it depends on the own action.

# %%
def baseline(returns, alive):
    """Average, at each step, the returns of the other episodes that still run.

    Args:
        returns: (T, N) float, G of N episodes that began together; anything where `alive` is False.
        alive: (T, N) bool, the episode has a step t.

    Returns:
        (T, N) float: entry (t, n) is the mean of returns[t, m] over all m != n that are alive at t; 0 where there
        is no other.
    """
    ### BEGIN SOLUTION 2.3 baseline
    # HINT: Sum over the living, take the own return out of the sum and yourself out of the count; mind dividing by 0.
    # HINT:   About 4 lines.
    living = np.where(alive, returns, 0.0)
    others = np.sum(living, axis=1, keepdims=True) - living
    count = np.sum(alive, axis=1, keepdims=True) - alive
    return others / np.maximum(count, 1)  # where there is no other, their sum is 0 too
    ### END SOLUTION 2.3 baseline

# %% [markdown]
# **By hand.** Three episodes, one step: returns $(3, 5, 10)$, all alive: $(7.5, 6.5, 4)$. The third has ended before:
# $(5, 3, 4)$ (the third entry is never used).
#
# **Measure it** (2 s). A pole on a cart, a fixed policy, 256 groups of 16 episodes. Each group gives one estimate of the
# gradient for the four-parameter policy $a \sim \mathcal N(\theta^\top s, \sigma^2)$; the bars show the mean over groups
# and its spread.

# %% tags=["experiment"]
def gradient_estimates(num_groups=256, group=16, num_steps=120, gamma=0.99, sigma=0.4):
    """REINFORCE's gradient (groups, O) of a linear policy on the cart-pole, without and with the baseline."""
    envs = vector_env("CartPole-v0", num_groups * group)
    observation, _ = envs.reset(seed=0)
    theta, rng = np.array([0.0, 1.0, 0.1, 0.2]), np.random.default_rng(0)
    alive = np.ones(envs.num_envs, dtype=bool)
    rewards, scores, lives = [], [], []
    for _ in range(num_steps):
        mean = observation @ theta
        action = mean + sigma * rng.standard_normal(len(mean))
        scores.append(observation * ((action - mean) / sigma**2)[:, None])
        observation, reward, terminated, truncated, _ = envs.step(np.clip(action, -1, 1)[:, None])
        rewards.append(np.where(alive, reward, 0.0))
        lives.append(alive.copy())
        alive &= ~(terminated | truncated)
    rewards, lives, scores = np.array(rewards), np.array(lives), np.array(scores)
    nothing = np.zeros_like(rewards)
    returns = returns_to_go(rewards, nothing, nothing.astype(bool), nothing.astype(bool), gamma)
    estimates = {}
    for name in ("no baseline", "the others' mean"):
        weights = returns.copy()
        if name != "no baseline":
            for g in range(num_groups):
                of = slice(g * group, (g + 1) * group)
                weights[:, of] -= baseline(returns[:, of], lives[:, of])
        terms = (scores * np.where(lives, weights, 0.0)[..., None]).sum(axis=0)
        estimates[name] = terms.reshape(num_groups, group, -1).mean(axis=1)
    return estimates


estimates = gradient_estimates()
_, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for k, (name, values) in enumerate(estimates.items()):
    spread = values.std(axis=0)
    ax.bar(np.arange(4) + 0.4 * k, values.mean(axis=0), 0.38, yerr=spread, capsize=3, label=name)
    print(f"{name:18} mean {np.round(values.mean(axis=0), 1)}, standard deviation {np.round(spread, 1)}")
ax.set_xticks(np.arange(4) + 0.2, ["x", "angle", "velocity", "turn"])
ax.set(ylabel="gradient", title="the same mean, another spread")
ax.legend()
plt.show()

# %% [markdown]
# The bars agree within what 256 groups can tell; the whiskers do not: half the variance for one line. This policy is
# clumsy. Put `theta = (0.3, 3, 0.5, 1)`, which balances, and nearly all of the return is predictable: the spread falls
# to an eighth and less. Variance is paid for in robots' time.

# %% [markdown]
# ## 3. Generalised advantage estimation
#
# A return-to-go is right on average and noisy. A critic's one-step error
# $\delta_t = r_t + \gamma V(s_{t+1}) - V(s_t)$ is quiet and, as long as the critic is wrong, wrong. Schulman et al. (2016,
# arXiv:1506.02438) mix all lengths in between with one number $\lambda$,
#
# $$ \hat A_t = \sum_{l \ge 0} (\gamma\lambda)^l\, \delta_{t+l} , \qquad \hat A_t = \delta_t + \gamma\lambda\, \hat A_{t+1} . $$
#
# $\lambda = 0$ trusts the critic, $\lambda = 1$ gives $G_t - V(s_t)$.
#
# ### 3.1 Two masks (6 points)
#
# `terminated` and `truncated` do different things to this sum, and mixing them up is the most common bug in published
# code. Ask two questions of every step: *does the value of the state that it led to count?* and *does the sum go on to
# the next row?* After a terminated step the answers are no and no. After a truncated one? The next row belongs to another
# episode either way.

# %%
def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    """Estimate advantages with GAE(gamma, lambda).

    Eq. (16) of Schulman et al. 2016, arXiv:1506.02438, for environments that begin a new episode by themselves.

    Args:
        rewards: (T, N) float, r_t.
        values: (T, N) float, V of the state in which step t was taken.
        next_values: (T, N) float, V of the state that step t led to; where an episode ended, of its last state.
        terminated: (T, N) bool, that state is absorbing and worth 0.
        truncated: (T, N) bool, cut by the clock; its value still counts.
        gamma: discount.
        lam: lambda, in [0, 1].

    Returns:
        (T, N) float advantages, not normalised.
    """
    ### BEGIN SOLUTION 3.1 gae
    # HINT: Walk backwards in time. Two masks: which one stops the bootstrap,
    # HINT:   and which one stops the sum? About 7 lines.
    advantages, following = np.empty(rewards.shape), 0.0
    for t in reversed(range(len(rewards))):
        bootstrap = np.where(terminated[t], 0.0, next_values[t])
        delta = rewards[t] + gamma * bootstrap - values[t]
        goes_on = np.where(terminated[t] | truncated[t], 0.0, 1.0)
        following = advantages[t] = delta + gamma * lam * goes_on * following
    return advantages
    ### END SOLUTION 3.1 gae

# %% [markdown]
# **By hand.** $\gamma = \lambda = 0.5$, one environment, rewards $(1, 1)$, values $(2, 2)$, next values $(4, 8)$.
# $\delta = (1 + 2 - 2,\; 1 + 4 - 2) = (1, 3)$. Nothing ends: $\hat A = (1 + 0.25 \cdot 3,\; 3) = (1.75, 3)$. Step 0
# truncated: $(1, 3)$. Step 0 terminated: $\delta_0 = 1 - 2 = -1$, so $(-1, 3)$.
#
# **Run it** (25 s): actor and critic on the cart-pole, 16 poles, 128,000 steps a run. The policy is Gaussian with a
# trained mean; section 4 says more about it. Three judgements of the same actions, three seeds each.

# %% tags=["experiment"]
def last_states(observation, terminated, truncated, infos):
    """The state that each step led to: (N, O), the final observation where an episode ended."""
    last = np.array(observation)
    for n in np.flatnonzero(terminated | truncated):
        last[n] = infos["final_obs"][n]
    return last


def reinforce(judge, seed, num_updates=40, num_envs=16, num_steps=200, gamma=0.99):
    """Train on the cart-pole; return the mean episode length after each update.

    Args:
        judge: (rewards, values, next_values, terminated, truncated, gamma) -> (T, N) advantages.
    """
    torch.manual_seed(seed)
    envs = vector_env("CartPole-v0", num_envs)
    observation, _ = envs.reset(seed=seed)
    actor, critic = mlp((4, 32, 1)), mlp((4, 32, 1))
    sigma = 0.6
    optimiser = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=1e-2)
    lengths = []
    for _ in range(num_updates):
        rows = []
        for _ in range(num_steps):
            state = torch.as_tensor(observation, dtype=torch.float32)
            with torch.no_grad():
                action = actor(state) + sigma * torch.randn(num_envs, 1)
            observation, reward, terminated, truncated, infos = envs.step(action.clip(-1, 1).double().numpy())
            last = torch.as_tensor(last_states(observation, terminated, truncated, infos), dtype=torch.float32)
            rows.append((state, action, last, reward, terminated, truncated))
        states, actions, lasts = (torch.stack(column) for column in list(zip(*rows, strict=True))[:3])
        rewards, terminated, truncated = (np.array(column) for column in list(zip(*rows, strict=True))[3:])
        with torch.no_grad():
            values, next_values = critic(states)[..., 0].numpy(), critic(lasts)[..., 0].numpy()
        advantages = judge(rewards, values, next_values, terminated, truncated, gamma)
        goals = torch.as_tensor(gae(rewards, values, next_values, terminated, truncated, gamma, 0.97) + values)
        advantages = torch.as_tensor((advantages - advantages.mean()) / (advantages.std() + 1e-8))
        log_probs = -(((actions - actor(states)) / sigma) ** 2)[..., 0] / 2
        for k in range(10):
            loss = 0.5 * torch.mean((critic(states)[..., 0] - goals) ** 2)
            if k == 0:
                loss = loss + policy_gradient_loss(log_probs, advantages, torch.zeros(()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        lengths.append(rewards.sum() / max(1, np.sum(terminated | truncated)))
    return np.array(lengths)


judges = {
    "returns": lambda r, v, nv, te, tr, gamma: returns_to_go(r, nv, te, tr, gamma),
    "GAE, lambda 0.95": lambda r, v, nv, te, tr, gamma: gae(r, v, nv, te, tr, gamma, 0.95),
    "GAE, lambda 0": lambda r, v, nv, te, tr, gamma: gae(r, v, nv, te, tr, gamma, 0.0),
}
_, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for name, judge in judges.items():
    curves = np.array([reinforce(judge, seed) for seed in range(3)])
    ax.plot(3200 * np.arange(1, 41), curves.mean(axis=0), label=name)
    ax.fill_between(3200 * np.arange(1, 41), curves.min(axis=0), curves.max(axis=0), alpha=0.2)
ax.set(xlabel="steps", ylabel="mean episode length", title="who deserves the credit? (three seeds, least to greatest)")
ax.legend()
plt.show()

# %% [markdown]
# ## 4. Policies over continuous actions
#
# A motor does not choose between left and right. Nearly every robot that learned to walk did so with one of two
# policies: a **Gaussian** whose mean comes from a network (PPO, section 5), or a **squashed Gaussian**, the same thing
# through a `tanh` (SAC, section 7). Both need a log-probability that gradients can flow through, exact to the last bit:
# PPO compares two of them, SAC optimises one.
#
# ### 4.1 The Gaussian (3 points)
#
# $$ \log \mathcal N(a; \mu, \sigma) = -\frac{(a - \mu)^2}{2\sigma^2} - \log \sigma - \tfrac12 \log 2\pi $$
#
# for one dimension. The dimensions of an action are independent, so their densities multiply. The network gives
# $\log \sigma$: any real number is a valid one.

# %%
def gaussian_log_prob(actions, mean, log_std):
    """Compute the log-density of actions under a diagonal Gaussian.

    Args:
        actions: (..., A) tensor.
        mean: (..., A) tensor.
        log_std: (A,) or (..., A) tensor, log of the standard deviation.

    Returns:
        (...) tensor: one number an action, summed over its A dimensions.
    """
    ### BEGIN SOLUTION 4.1 gaussian_log_prob
    # HINT: Three terms, one sum over the last axis. np.log(2 * np.pi) is a number. About 3 lines.
    error = (actions - mean) * torch.exp(-log_std)
    return torch.sum(-0.5 * error**2 - log_std - 0.5 * np.log(2 * np.pi), dim=-1)
    ### END SOLUTION 4.1 gaussian_log_prob

# %% [markdown]
# **By hand.** $a = \mu$, $\sigma = 1$, two dimensions: $-\log 2\pi = -1.8379$. One standard deviation off in the first:
# $-2.3379$. Densities may exceed 1, and log-densities 0: with $\sigma = 0.1$ in both, $-1.8379 + 4.6052 = 2.7673$.
#
# ### 4.2 Entropy (2 points)
#
# How undecided is the policy? $H = -\mathbb E[\log \pi(a)]$, which for a Gaussian is
# $\sum_i \big(\log\sigma_i + \tfrac12 \log (2\pi e)\big)$: the mean does not matter. PPO pays a small bonus for it, SAC a
# large one.

# %%
def gaussian_entropy(log_std):
    """Compute the entropy of a diagonal Gaussian.

    Args:
        log_std: (..., A) tensor.

    Returns:
        (...) tensor, nats.
    """
    ### BEGIN SOLUTION 4.2 gaussian_entropy
    # HINT: A sum over the last axis, the constant included. About 2 lines.
    constant = 0.5 * np.log(2 * np.pi * np.e)
    return torch.sum(log_std + constant, dim=-1)
    ### END SOLUTION 4.2 gaussian_entropy

# %% [markdown]
# **By hand.** $\sigma = 1$, one dimension: $1.4189$; three dimensions: $4.2568$. It can be negative: $\sigma = 0.1$, one
# dimension, $-0.8836$.
#
# ### 4.3 The squashed Gaussian and its Jacobian (4 points)
#
# Torques have limits. SAC draws $u \sim \mathcal N(\mu, \sigma)$ and applies $a = \tanh u$. The density changes with the
# variable: where `tanh` is flat, much of $u$ is pressed into little $a$,
#
# $$ \log \pi(a) = \log \mathcal N(u; \mu, \sigma) - \sum_i \log\big(1 - \tanh^2 u_i\big) $$
#
# (Haarnoja et al. 2018, arXiv:1801.01290, appendix C). Written so, it fails: at $u = 10$, in float32, $\tanh u = 1$ and
# the logarithm is $-\infty$. An identity saves it,
#
# $$ \log\big(1 - \tanh^2 u\big) = 2\,\big(\log 2 - u - \operatorname{softplus}(-2u)\big), $$
#
# finite for every $u$, and so is its gradient. Adding $10^{-6}$ inside the logarithm, as much code does, gives a number too,
# but a wrong one: the gradient there vanishes, and a policy that has run into the wall stays in it.

# %%
def squashed_log_prob(pre_squash, gaussian_log_probs):
    """Compute the log-density of a = tanh(u) from that of u.

    Haarnoja et al. 2018, arXiv:1801.01290, equation (21), in a form that does not overflow.

    Args:
        pre_squash: (..., A) tensor, u.
        gaussian_log_probs: (...) tensor, log N(u; mean, std) of 4.1.

    Returns:
        (...) tensor, log pi(a); finite, with a finite gradient, for |u| up to 1000.
    """
    ### BEGIN SOLUTION 4.3 squashed_log_prob
    # HINT: torch.nn.functional.softplus, and the sum over the last axis. About 3 lines.
    log_slope = 2.0 * (np.log(2.0) - pre_squash - nn.functional.softplus(-2.0 * pre_squash))
    return gaussian_log_probs - torch.sum(log_slope, dim=-1)
    ### END SOLUTION 4.3 squashed_log_prob

# %% [markdown]
# **By hand.** At $u = 0$ the slope of `tanh` is 1: nothing changes. At $u = 20$ in one dimension, $\log(1 - \tanh^2 u)
# \approx \log 4 - 40 = -38.61$, so the log-density grows by $38.61$.
#
# **Look at it** (2 s): a histogram of squashed samples against the density that you computed, and the two forms of the
# Jacobian.

# %% tags=["experiment"]
u = 0.8 + 1.2 * torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
a = torch.linspace(-0.999, 0.999, 999)[:, None]
parameters = torch.tensor([0.8]), torch.tensor([1.2]).log()
density = squashed_log_prob(torch.atanh(a), gaussian_log_prob(torch.atanh(a), *parameters)).exp()
forgotten = gaussian_log_prob(torch.atanh(a), *parameters).exp()
_, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2), layout="constrained")
left.hist(torch.tanh(u).numpy()[:, 0], bins=100, density=True, color="0.8", label="samples of tanh(u)")
left.plot(a, density, label="exp(log-probability)")
left.plot(a, forgotten, "--", label="without the Jacobian")
left.set(xlabel="action", ylabel="density", ylim=(0, 3))
left.legend()
far = torch.linspace(0, 15, 301)
right.plot(far, torch.log(1 - torch.tanh(far) ** 2), label="log(1 - tanh²), float32")
right.plot(far, torch.log(1 - torch.tanh(far) ** 2 + 1e-6), label="with 1e-6 inside")
right.plot(far, -squashed_log_prob(far[:, None], torch.zeros(301)), "--", label="yours")
right.set(xlabel="u", ylabel="log of the slope", ylim=(-32, 1))
right.legend()
plt.show()

# %% [markdown]
# ## 5. PPO
#
# One step along the policy gradient, and the experience is stale: it was collected by a policy that no longer exists.
# Throwing it away after a single step is honest and dear. Taking many steps on it is cheap, and soon the policy that is
# being improved has little to do with the one that was measured. *Proximal policy optimisation* (Schulman et al. 2017,
# arXiv:1707.06347) takes many steps and removes the reward for going far.
#
# The problem: a rod of 1 kg and 1 m, and a motor with 2 N m where lifting the rod needs 4.9. Whoever pushes straight up
# hangs at 24 degrees. It must swing, away from the goal first.
#
# ### 5.1 The clipped objective (4 points)
#
# How much more probable has an action become? $r(\theta) = \pi_\theta(a \mid s) / \pi_\text{old}(a \mid s)$, from two
# log-probabilities. Equation (7) of the paper, to be *maximised*, is
#
# $$ \mathbb E\Big[ \min\big( r\,\hat A,\; \operatorname{clip}(r, 1 - \varepsilon, 1 + \varepsilon)\,\hat A \big) \Big] . $$
#
# Read it in four cases. A good action ($\hat A > 0$) that has become more probable than $1 + \varepsilon$: no gradient,
# there is nothing more to earn. A good action that has become *less* probable: full gradient, however far it has gone, for
# that was a mistake. A bad one, the other way round. The minimum makes the objective a pessimist: it clips what flatters
# and never what warns. Without the clip the paper's average score over seven robots fell from 0.82 to -0.39, below that
# of a policy that acts at random (table 1).

# %%
def clipped_objective(log_probs, old_log_probs, advantages, epsilon):
    """Compute PPO's loss.

    Schulman et al. 2017, arXiv:1707.06347, equation (7), with the sign turned round.

    Args:
        log_probs: (B,) tensor, of the actions under the policy that is being improved.
        old_log_probs: (B,) tensor, under the policy that took them.
        advantages: (B,) tensor.
        epsilon: how far the ratio may go before nothing more is earned.

    Returns:
        Scalar tensor to minimise. No gradient reaches `old_log_probs` and `advantages`: they are data.
    """
    ### BEGIN SOLUTION 5.1 clipped_objective
    # HINT: The ratio from the logarithms; two products; the smaller one of each pair; the mean. Which sign does a loss
    # HINT:   have, and which inputs are constants? About 4 lines.
    advantages = advantages.detach()
    ratio = torch.exp(log_probs - old_log_probs.detach())
    clipped = torch.clamp(ratio, 1.0 - epsilon, 1.0 + epsilon)
    return -torch.mean(torch.minimum(ratio * advantages, clipped * advantages))
    ### END SOLUTION 5.1 clipped_objective

# %% [markdown]
# **By hand.** $\varepsilon = 0.2$, four actions, ratios $(1.5, 0.5, 1.5, 0.5)$, advantages $(1, 1, -1, -1)$. The products
# are $(1.5, 0.5, -1.5, -0.5)$, the clipped ones $(1.2, 0.8, -1.2, -0.8)$, the minima $(1.2, 0.5, -1.5, -0.8)$. The loss is
# $-(1.2 + 0.5 - 1.5 - 0.8) / 4 = 0.15$. Gradients flow through the second and the third only, and are
# $-r \hat A / 4 = (0, -0.125, 0.375, 0)$.
#
# ### 5.2 The value loss (2 points)
#
# The critic learns from the same block: half the squared error to its targets, $\hat A + V_\text{old}$ of section 3.
# OpenAI's own code keeps the critic near its old predictions with the same trick,
#
# $$ \tfrac12\, \mathbb E\Big[ \max\big( (V - y)^2,\; (V_\text{old} + \operatorname{clip}(V - V_\text{old}, -\varepsilon, \varepsilon) - y)^2 \big) \Big] , $$
#
# which no equation of the paper mentions. Andrychowicz et al. (2021, arXiv:2006.05990) trained some 250,000 agents to
# find out which such details matter, and found that this one hurts. Write it, with $\varepsilon$ an argument: $\infty$
# gives the plain squared error, and you can compare.

# %%
def value_loss(values, old_values, targets, epsilon):
    """Compute half the mean squared error of a critic, clipped around its old predictions.

    Args:
        values: (B,) tensor, predictions now.
        old_values: (B,) tensor, predictions when the experience was collected.
        targets: (B,) tensor, what they should have been.
        epsilon: how far a prediction may move before moving on earns nothing; inf does not clip.

    Returns:
        Scalar tensor to minimise. No gradient reaches `old_values` and `targets`.
    """
    ### BEGIN SOLUTION 5.2 value_loss
    # HINT: Two squared errors, the larger one of each pair, half the mean. About 4 lines.
    old_values, targets = old_values.detach(), targets.detach()
    near = old_values + torch.clamp(values - old_values, -epsilon, epsilon)
    errors = torch.maximum((values - targets) ** 2, (near - targets) ** 2)
    return 0.5 * torch.mean(errors)
    ### END SOLUTION 5.2 value_loss

# %% [markdown]
# **By hand.** $\varepsilon = 0.5$, old values $(0, 0)$, values $(2, 2)$, targets $(3, 0)$. Clipped values $(0.5, 0.5)$.
# Squared errors $(1, 4)$ and $(6.25, 0.25)$, the larger ones $(6.25, 4)$, the loss $10.25 / 4 = 2.5625$. The gradient is
# $(0, 1)$: the first has moved far enough, the second has moved away. With $\varepsilon = \infty$: $5 / 4$ and $(-0.5, 1)$.
#
# ### 5.3 Epochs of minibatches (4 points)
#
# Several times over: shuffle the steps, cut them into minibatches, take a gradient step on each. Every step is used once
# an epoch, none twice, none never. Three safeguards belong to it:
#
# - **advantages are normalised** over the whole block before anything else, to mean 0 and standard deviation 1, so that
#   one learning rate does for rewards of any size;
# - **the gradient's norm is clipped**, that of all parameters together, so that no freak minibatch throws the policy out;
# - **a KL stop**: before each step, ask how far the policy has already moved from the one that collected the data. Once
#   that exceeds `max_kl`, the block is used up: take no step any more, in this epoch or a later one.
#
# What the loss *is* comes in as a function. `optimiser.zero_grad()` is not decoration: gradients add up until told not to.

# %%
def ppo_update(loss_of, optimiser, parameters, advantages, num_epochs, minibatch_size, max_grad_norm, max_kl, rng):
    """Improve a policy on one block of experience.

    Args:
        loss_of: (indices (M,) int64 tensor, their normalised advantages (M,)) -> (loss, kl): a scalar tensor to
            minimise, and a float, how far the policy has moved. Call it once for each minibatch.
        optimiser: torch optimiser of the parameters.
        parameters: list of tensors, to clip their gradients.
        advantages: (B,) tensor, not normalised.
        num_epochs: how often every step is used.
        minibatch_size: M at most; where M does not divide B, some minibatches of an epoch are smaller.
        max_grad_norm: greatest norm of the gradient, all parameters taken together.
        max_kl: once `kl` exceeds this, no step is taken any more.
        rng: numpy.random.Generator that shuffles.

    Returns:
        How many gradient steps were taken.
    """
    ### BEGIN SOLUTION 5.3 ppo_update
    # HINT: Normalise once (std(correction=0), and 1e-8 for the case that all are equal). Two loops; rng.permutation and
    # HINT:   Tensor.split make the minibatches; nn.utils.clip_grad_norm_ goes between backward and step. About 12 lines.
    advantages = (advantages - advantages.mean()) / (advantages.std(correction=0) + 1e-8)
    num_steps = 0
    for _ in range(num_epochs):
        order = torch.as_tensor(rng.permutation(len(advantages)))
        for indices in order.split(minibatch_size):
            loss, kl = loss_of(indices, advantages[indices])
            if kl > max_kl:
                return num_steps
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, max_grad_norm)
            optimiser.step()
            num_steps += 1
    return num_steps
    ### END SOLUTION 5.3 ppo_update

# %% [markdown]
# **Rehearse it.** Before a policy depends on it, run your loop on a problem so small that every step can be followed: the
# parameters are one point, the loss of step b is $\hat A_b\, d_b^\top x$, so the gradient of a minibatch is the mean of
# its $\hat A_b\, d_b$, whatever $x$ is. The rehearsal writes down which steps were asked for and where the point went.

# %%
def rehearse_update(directions, advantages, learning_rate, kls, seed, **settings):
    """Run `ppo_update` with plain gradient descent on a loss that is linear in its parameters.

    Args:
        directions: (B, D) tensor; D at least 2. The parameters are two tensors, of D - 1 numbers and of one.
        advantages: (B,) tensor.
        learning_rate: of gradient descent.
        kls: what `loss_of` says in its first calls; 0 after that.
        seed: of the shuffling.
        **settings: num_epochs, minibatch_size, max_grad_norm, max_kl.

    Returns:
        A dict: "indices", one (M,) array for each call of `loss_of`; "advantages", likewise; "points" (calls + 1, D),
        the parameters at each call and at the end; "num_steps", what `ppo_update` returned.
    """
    head = torch.zeros(directions.shape[1] - 1, dtype=directions.dtype, requires_grad=True)
    tail = torch.zeros(1, dtype=directions.dtype, requires_grad=True)
    diary = {"indices": [], "advantages": [], "points": []}

    def point():
        return torch.cat([head, tail]).detach().numpy().copy()

    def loss_of(indices, weights):
        call = len(diary["indices"])
        diary["indices"].append(np.array(indices))
        diary["advantages"].append(np.array(weights))
        diary["points"].append(point())
        slopes = directions[indices] @ torch.cat([head, tail])
        return torch.mean(torch.as_tensor(weights) * slopes), kls[call] if call < len(kls) else 0.0

    optimiser, rng = torch.optim.SGD([head, tail], lr=learning_rate), np.random.default_rng(seed)
    taken = ppo_update(loss_of, optimiser, [head, tail], advantages, rng=rng, **settings)
    return {**diary, "points": np.array([*diary["points"], point()]), "num_steps": taken}

# %% tags=["experiment"]
diary = rehearse_update(
    torch.eye(4), torch.tensor([1.0, 3.0, 1.0, 3.0]), 0.1, [0.0, 0.0, 0.0, 0.0, 0.0, 0.03], seed=0,
    num_epochs=4, minibatch_size=2, max_grad_norm=10.0, max_kl=0.02,
)  # advantages are -1, 1, -1, 1; two steps an epoch, each moves two coordinates by 0.1 / 2 against the sign
print("asked for", [list(map(int, indices)) for indices in diary["indices"]], "and took", diary["num_steps"], "steps")
print(np.round(diary["points"], 2))

# %% [markdown]
# ### 5.4 Swing up (4 points)
#
# Everything together, with 32 pendulums at a time. **Train it** (12 s). Rewards are divided by 10, so that the critic's
# errors are of the size that networks like. Watch three curves: the return should rise from -1300 to between -220 and
# -150 while the policy still explores, the policy's standard deviation should fall slowly from 1, and the number of
# gradient steps says how often the KL stop had to intervene.
#
# The experiment writes `swing_up.npz`, which you hand in. We roll it out from 40 random starts of our own, without
# exploration, and ask the question of homework 1: what share is within 0.2 rad of upright for the whole last second of
# ten? Half of them is worth nothing, nine tenths everything.

# %% tags=["experiment"]
PENDULUM_SCALE = np.array([1.0, 1.0, 8.0])  # observations are divided by this: the speed is about 8 rad/s when it falls


def collect_block(envs, observation, actor, critic, log_std, num_steps):
    """Act for `num_steps` steps in N environments.

    Returns:
        A dict of (T, N, ...) columns, and the observation after the last step. States are scaled.
    """

    def scaled(states):
        return torch.as_tensor(states / PENDULUM_SCALE, dtype=torch.float32)

    rows = []
    for _ in range(num_steps):
        state = scaled(observation)
        with torch.no_grad():
            mean = actor(state)
            action = mean + log_std.exp() * torch.randn_like(mean)
            log_prob = gaussian_log_prob(action, mean, log_std)
        observation, reward, terminated, truncated, infos = envs.step(action.clip(-1, 1).double().numpy())
        last = scaled(last_states(observation, terminated, truncated, infos))
        with torch.no_grad():
            values = critic(state)[:, 0], critic(last)[:, 0]
        rows.append((state, action, log_prob, *values, reward, terminated, truncated))
    columns = list(zip(*rows, strict=True))
    tensors = dict(zip(("states", "actions", "log_probs", "values", "next_values"), columns, strict=False))
    arrays = dict(zip(("rewards", "terminated", "truncated"), columns[5:], strict=True))
    block = {name: torch.stack(column) for name, column in tensors.items()}
    return block | {name: np.array(column) for name, column in arrays.items()}, observation


def improve(block, actor, critic, log_std, optimiser, rng, gamma, lam, epsilon, value_epsilon, max_kl):
    """Do one PPO update on a block of experience; return how many gradient steps it took."""
    ends, judged = (block["terminated"], block["truncated"]), (block["values"].numpy(), block["next_values"].numpy())
    advantages = torch.as_tensor(gae(0.1 * block["rewards"], *judged, *ends, gamma, lam), dtype=torch.float32).flatten()
    states, actions = block["states"].flatten(0, 1), block["actions"].flatten(0, 1)
    old_log_probs, old_values = block["log_probs"].flatten(), block["values"].flatten()
    targets = advantages + old_values

    def loss_of(indices, weights):
        log_probs = gaussian_log_prob(actions[indices], actor(states[indices]), log_std)
        policy = clipped_objective(log_probs, old_log_probs[indices], weights, epsilon)
        values = critic(states[indices])[:, 0]
        value = value_loss(values, old_values[indices], targets[indices], value_epsilon)
        log_ratio = (log_probs - old_log_probs[indices]).detach()
        kl = torch.mean(torch.expm1(log_ratio) - log_ratio)  # an estimate from samples, never negative
        return policy + 0.5 * value, kl.item()

    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return ppo_update(loss_of, optimiser, parameters, advantages, 10, 512, 0.5, max_kl, rng)


def train_swing_up(seed=0, num_updates=48, num_envs=32, num_steps=128, title="PPO",
                   gamma=0.97, lam=0.95, epsilon=0.2, value_epsilon=np.inf, max_kl=0.02):  # fmt: skip
    """Train PPO on the pendulum.

    Returns:
        The actor; and (num_updates,) the mean return of the episodes that ended during each update, NaN where none did.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    envs = vector_env("PendulumSwingUp-v0", num_envs)
    observation, _ = envs.reset(seed=1000 * seed)
    actor, critic, log_std = mlp((3, 64, 64, 1)), mlp((3, 64, 64, 1)), torch.zeros(1, requires_grad=True)
    actor[-1].weight.data *= 0.1  # at first, do next to nothing but explore
    optimiser = torch.optim.Adam([*actor.parameters(), *critic.parameters(), log_std], lr=1e-3)
    running, curve, block_size = np.zeros(num_envs), [], num_envs * num_steps
    with Monitor(num_updates * block_size, title, curves=("return", "std", "gradient_steps"), goal=-170.0) as monitor:
        for update in range(1, num_updates + 1):
            block, observation = collect_block(envs, observation, actor, critic, log_std, num_steps)
            finished = []
            for reward, end in zip(block["rewards"], block["terminated"] | block["truncated"], strict=True):
                running += reward
                finished += list(running[end])
                running[end] = 0.0
            curve.append(np.mean(finished) if finished else np.nan)
            steps = improve(block, actor, critic, log_std, optimiser, rng, gamma, lam, epsilon, value_epsilon, max_kl)
            numbers = {"return": curve[-1], "std": log_std.exp().item(), "gradient_steps": steps}
            monitor.record(update * block_size, **numbers)
    return actor, np.array(curve)


actor, _ = train_swing_up()
save_policy("swing_up.npz", actor, scale=PENDULUM_SCALE)

# %%
check("5.4")

# %% [markdown]
# **Look at it** (5 s): the policy that you hand in, from hanging at rest; and its torque over the plane of states, which
# is the picture that dynamic programming drew in homework 1.

# %% tags=["experiment"]
policy = load_policy("swing_up.npz")
env = gymnasium.make("robolearn/PendulumSwingUp-v0", render_mode="rgb_array")
observation, _ = env.reset(options={"state": (np.pi, 0.0)})
frames, walked = [], []
for t in range(140):
    walked.append((np.arctan2(observation[1], observation[0]), observation[2]))
    observation, *_ = env.step(policy.act(observation[None])[0])
    if t % 2 == 0:
        frames.append(env.render())
angle, speed = np.meshgrid(np.linspace(-np.pi, np.pi, 121), np.linspace(-9, 9, 121))
plane = np.stack([np.cos(angle), np.sin(angle), speed], axis=-1).reshape(-1, 3)
_, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
mesh = ax.pcolormesh(angle, speed, 2 * policy.act(plane).reshape(angle.shape), cmap="RdBu", vmin=-2, vmax=2)
ax.plot(*np.array(walked).T, "k.", ms=3)
ax.set(xlabel="angle from upright, rad", ylabel="speed, rad/s", title="torque, and one swing-up from hanging")
plt.colorbar(mesh, label="N m")
plt.show()
animate(frames, 10)

# %% [markdown]
# **Take it apart** (2 min). The same training, three seeds each: with the clip and the KL stop; with the clip alone; with
# neither; and with a critic that is clipped, too. Nothing else differs.

# %% tags=["experiment"]
WITHOUT = {
    "clip and KL stop": {}, "clip, no KL stop": {"max_kl": np.inf},
    "no clip, no KL stop": {"epsilon": np.inf, "max_kl": np.inf}, "critic clipped, too": {"value_epsilon": 0.2},
}
_, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, settings in WITHOUT.items():
    curves = np.array([train_swing_up(seed, 32, title=f"{name}, seed {seed}", **settings)[1] for seed in range(3)])
    ended = np.isfinite(curves).all(axis=0)  # episodes end every 200 steps, blocks every 128
    steps = 4096 * np.arange(1, 33)[ended]
    ax.plot(steps, np.median(curves[:, ended], axis=0), label=name)
    ax.fill_between(steps, curves[:, ended].min(axis=0), curves[:, ended].max(axis=0), alpha=0.15)
    print(f"{name:20} return at the end, three seeds: {np.round(np.sort(curves[:, ended][:, -1])).astype(int)}")
ax.set(xlabel="steps", ylabel="mean return", ylim=(-4000, 0), title="median of three seeds, least to greatest")
ax.legend()
plt.show()

# %% [markdown]
# The paper's finding in one rod: what the clip forbids is what ruins the run. So is that of the 250,000 agents: the
# critic that may not move far learns late. *And the KL stop? Compare the first two
# curves with the number of gradient steps that training took (of 80 an update) early and late. What does the stop save,
# and what would you say of a safeguard whose absence nobody notices?*

# %% [markdown]
# ## 6. DQN
#
# PPO uses a step a few times and forgets it. Q-learning may learn from any step, however old, because it evaluates a
# policy that is not walking (section 1). With a network in the place of the table that used to diverge. Mnih et al.
# (2015, Nature 518) made it learn 49 Atari games from pixels with two ideas: a **replay buffer**, which mixes old steps
# with new ones so that neighbours in time are not neighbours in a batch, and a **target network**, which keeps still
# while it is being chased.
#
# ### 6.1 A replay buffer (4 points)
#
# The last `capacity` steps. `add` gets one step of N environments at once. Three ways to spoil it:
#
# - fast environments write each observation into *the same memory*. Whoever keeps a view keeps ten thousand copies of
#   the present. Keep copies;
# - it is a ring: when it is full, the newest step takes the place of the oldest;
# - a step has a flag that says whether its next state has a future. A time limit does not take it away.

# %%
class ReplayBuffer:
    """The last `capacity` steps, to be drawn from at random.

    Attributes:
        capacity: how many steps it holds at most.
        steps: list of tuples (state (O,), action, reward, next_state (O,), terminated), one a step.
        num_added: how many steps were ever added.
    """

    def __init__(self, capacity):
        self.capacity, self.steps, self.num_added = capacity, [], 0

    def sample(self, batch_size, rng):
        """Draw steps, with replacement.

        Returns:
            Five arrays: states (B, O), actions (B,), rewards (B,), next_states (B, O), terminated (B,).
        """
        chosen = rng.integers(len(self.steps), size=batch_size)
        return tuple(np.array(column) for column in zip(*(self.steps[i] for i in chosen), strict=True))

    def add(self, states, actions, rewards, next_states, terminated, truncated):
        """Add one step of each of N environments; the oldest steps make room.

        Keeps `steps` no longer than `capacity`, and counts in `num_added`.

        Args:
            states: (N, O) float, may be overwritten by the caller afterwards.
            actions: (N,) int.
            rewards: (N,) float.
            next_states: (N, O) float, the state that each step led to; may be overwritten afterwards.
            terminated: (N,) bool, that state has no future.
            truncated: (N,) bool, the clock stopped the episode there.
        """
        ### BEGIN SOLUTION 6.1 replay_buffer
        # HINT: One tuple for each environment, of copies. Append while there is room; after that, num_added % capacity
        # HINT:   is the place of the oldest. About 8 lines.
        for n in range(len(states)):
            step = (states[n].copy(), actions[n], rewards[n], next_states[n].copy(), terminated[n])
            if len(self.steps) < self.capacity:
                self.steps.append(step)
            else:
                self.steps[self.num_added % self.capacity] = step
            self.num_added += 1
        ### END SOLUTION 6.1 replay_buffer


def replay_walk(capacity, walk, batch_size, seed):
    """Fill a `ReplayBuffer` as a fast environment does, each time from the same memory; then draw from it.

    Args:
        capacity: of the buffer.
        walk: dict of (T, N, ...) arrays by the argument's name of `ReplayBuffer.add`.
        batch_size: B.
        seed: of the draw.

    Returns:
        The buffer's steps, one array for each of their five parts; a sample's five arrays; and `num_added`.
    """
    buffer = ReplayBuffer(capacity)
    memory = {name: np.array(column[0]) for name, column in walk.items()}
    for t in range(len(walk["rewards"])):
        for name, column in walk.items():
            memory[name][:] = column[t]
        buffer.add(**memory)
    parts = [np.array(column) for column in zip(*buffer.steps, strict=True)]
    return parts, list(buffer.sample(batch_size, np.random.default_rng(seed))), buffer.num_added

# %% [markdown]
# **By hand.** Capacity 3, two environments, two steps: four arrive, $a, b$ then $c, d$. The fourth takes the place of the
# first: the list holds $d, b, c$.
#
# ### 6.2 The double-Q target (3 points)
#
# Q-learning's target takes the maximum of estimates, and the maximum of noisy numbers is greater than the number: with
# ten actions all worth 0 and errors of standard deviation 1, it is 1.54 on average. The mistake is then believed, and
# learned from. Van Hasselt, Guez and Silver (2016, arXiv:1509.06461) let one network choose and the other one judge,
#
# $$ y = r + \gamma\, Q_\text{target}\big(s',\; \arg\max_a Q_\text{online}(s', a)\big) , $$
#
# so that an error must be made twice, independently, to count.

# %%
def double_dqn_target(rewards, online_next_q, target_next_q, terminated, gamma):
    """Compute what Q(s, a) should have been.

    Van Hasselt et al. 2016, arXiv:1509.06461, equation (4) with DQN's two networks.

    Args:
        rewards: (B,) tensor.
        online_next_q: (B, A) tensor, Q(s', .) by the network that chooses.
        target_next_q: (B, A) tensor, Q(s', .) by the network that judges.
        terminated: (B,) bool tensor, s' has no future.
        gamma: discount.

    Returns:
        (B,) tensor, through which no gradient flows.
    """
    ### BEGIN SOLUTION 6.2 double_dqn_target
    # HINT: argmax with one network, gather with the other; torch.where for the ends. About 4 lines.
    chosen = torch.argmax(online_next_q, dim=1, keepdim=True)
    worth = torch.gather(target_next_q, 1, chosen)[:, 0]
    future = torch.where(terminated, torch.zeros_like(worth), worth)
    return (rewards + gamma * future).detach()
    ### END SOLUTION 6.2 double_dqn_target

# %% [markdown]
# **By hand.** $r = 1$, $\gamma = 0.5$, online $(3, 5)$, target $(8, 2)$: the online network chooses the second action, the
# target network says 2, $y = 1 + 0.5 \cdot 2 = 2$. DQN's own target would be $1 + 0.5 \cdot 8 = 5$.
#
# ### 6.3 A target network that follows slowly (2 points)
#
# Mnih et al. copied the network every 10,000 steps. Lillicrap et al. (2016, arXiv:1509.02971) let it follow a little after
# each step, $\theta' \leftarrow (1 - \tau)\,\theta' + \tau\,\theta$. In place: the target network stays the object that it
# is, and shares no memory with the other, or it would follow at once and the chase would be on again.

# %%
def soft_update(target, online, tau):
    """Move every parameter of a network towards its counterpart in another, in place.

    Args:
        target: nn.Module that moves.
        online: nn.Module of the same shape; stays as it is.
        tau: share of the way, in [0, 1].
    """
    ### BEGIN SOLUTION 6.3 soft_update
    # HINT: torch.no_grad(), `parameters()` of both side by side, an in-place method whose name ends in _. About 3 lines.
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters()):
            slow.mul_(1.0 - tau).add_(tau * fast)
    ### END SOLUTION 6.3 soft_update

# %% [markdown]
# **By hand.** A weight of 2 follows one of 6 with $\tau = 0.25$: $3$, then $3.75$, then $4.3125$.
#
# ### 6.4 One step of DQN (2 points)
#
# The pieces together. `selector` is the network that chooses the next action: the online network in double DQN; give it
# the target network, and you have the DQN of 2015. The loss is Huber's, quadratic for errors below 1 and linear above, so
# that one surprise does not shake the network.

# %%
def deep_q(num_observations, num_actions, learning_rate):
    """Make an online network, a target network that is its copy, and Adam for the online one."""
    online = mlp((num_observations, 64, 64, num_actions), nn.ReLU)
    return online, copy.deepcopy(online), torch.optim.Adam(online.parameters(), lr=learning_rate)


def dqn_step(online, target, selector, optimiser, batch, gamma):
    """Take one gradient step on a batch of steps.

    Args:
        online: nn.Module, (B, O) states to (B, A) values; it learns.
        target: nn.Module of the same shape, judges; it does not change here.
        selector: `online` or `target`, chooses the next action.
        optimiser: of the online network's parameters.
        batch: five tensors, states (B, O), actions (B,) int64, rewards (B,), next_states (B, O), terminated (B,) bool.
        gamma: discount.

    Returns:
        The loss before the step, a float: the mean of nn.functional.smooth_l1_loss over the batch.
    """
    states, actions, rewards, next_states, terminated = batch
    ### BEGIN SOLUTION 6.4 dqn_step
    # HINT: The target (6.2) without gradients; Q of the actions that were taken; loss, zero, backward, step. About 7 lines.
    with torch.no_grad():
        goals = double_dqn_target(rewards, selector(next_states), target(next_states), terminated, gamma)
    values = torch.gather(online(states), 1, actions[:, None])[:, 0]
    loss = nn.functional.smooth_l1_loss(values, goals)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()
    ### END SOLUTION 6.4 dqn_step

# %% [markdown]
# **Run it** (12 s): the pendulum again, with three torques, -2, 0 and 2 N m. Eight pendulums, 10,000 steps in all, four
# gradient steps for every eight. PPO needed six to ten times as many steps before it came up. (It needed less time for
# each: a step that is used 64 times costs 64 gradients.)

# %% tags=["experiment"]
TORQUES = np.array([-1.0, 0.0, 1.0])


def greedy(network, observation):
    """Choose the best action's index (N,) for pendulums (N, 3)."""
    with torch.no_grad():
        return network(torch.as_tensor(observation / PENDULUM_SCALE, dtype=torch.float32)).argmax(dim=1).numpy()


def train_dqn(seed=0, num_envs=8, num_steps=1250, gamma=0.97, batch_size=128, tau=0.01):
    """Train double DQN on the pendulum; return the online network."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    envs, buffer = vector_env("PendulumSwingUp-v0", num_envs), ReplayBuffer(20_000)
    online, target, optimiser = deep_q(3, len(TORQUES), 1e-3)
    observation, _ = envs.reset(seed=1000 * seed)
    running = np.zeros(num_envs)
    with Monitor(num_envs * num_steps, "double DQN", curves=("return", "loss", "value")) as monitor:
        for t in range(num_steps):
            explores = rng.random(num_envs) < max(0.05, 1 - t / (0.3 * num_steps))
            action = np.where(explores, rng.integers(len(TORQUES), size=num_envs), greedy(online, observation))
            left = observation
            observation, reward, terminated, truncated, infos = envs.step(TORQUES[action][:, None])
            last = last_states(observation, terminated, truncated, infos)
            buffer.add(left / PENDULUM_SCALE, action, 0.1 * reward, last / PENDULUM_SCALE, terminated, truncated)
            running += reward
            for _ in range(4 if buffer.num_added >= 1000 else 0):
                states, actions, rewards, next_states, ends = buffer.sample(batch_size, rng)
                floats = (torch.as_tensor(x, dtype=torch.float32) for x in (states, rewards, next_states))
                states, rewards, next_states = floats
                batch = states, torch.as_tensor(actions), rewards, next_states, torch.as_tensor(ends)
                loss = dqn_step(online, target, online, optimiser, batch, gamma)
                soft_update(target, online, tau)
                if t % 10 == 0:
                    with torch.no_grad():
                        value = online(states).max(dim=1).values.mean().item()
                    monitor.record(num_envs * (t + 1), loss=loss, value=value)
            if truncated.any():
                monitor.record(num_envs * (t + 1), **{"return": running[truncated].mean()})
                running[truncated] = 0.0
    return online


online = train_dqn()
env = gymnasium.make("robolearn/PendulumSwingUp-v0", render_mode="rgb_array")
observation, _ = env.reset(options={"state": (np.pi, 0.0)})
frames, total = [], 0.0
for t in range(200):
    observation, reward, *_ = env.step(TORQUES[greedy(online, observation[None])])
    total += reward
    if t % 2 == 0 and t < 120:
        frames.append(env.render())
print(f"from hanging at rest: return {total:.0f}")
animate(frames, 10)

# %% [markdown]
# **Measure the flattery** (40 s). A casino: ten rooms, ten machines in each, every machine pays $\mathcal N(0, 1)$ and
# sends you to a random room. A fair game, and so every $Q^*(s, a)$ is exactly 0: what a network says beyond that, it has
# talked itself into. Five seeds each, a small buffer whose content is soon renewed.

# %% tags=["experiment"]
def casino(double, seed, num_steps=3000, num_players=8, rooms=10, machines=10, gamma=0.9):
    """Learn a fair game; return the mean over rooms of the greatest value, every 50 steps."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    online, target, optimiser = deep_q(rooms, machines, 3e-3)
    buffer, eye, curve = ReplayBuffer(1000), np.eye(rooms, dtype=np.float32), []
    room, never = rng.integers(rooms, size=num_players), np.zeros(num_players, dtype=bool)
    for t in range(num_steps):
        action, paid = rng.integers(machines, size=num_players), rng.standard_normal(num_players).astype(np.float32)
        following = rng.integers(rooms, size=num_players)
        buffer.add(eye[room], action, paid, eye[following], never, never)
        room = following
        batch = [torch.as_tensor(column) for column in buffer.sample(64, rng)]
        dqn_step(online, target, online if double else target, optimiser, batch, gamma)
        soft_update(target, online, 0.005)
        if t % 50 == 49:
            with torch.no_grad():
                curve.append(online(torch.as_tensor(eye)).max(dim=1).values.mean().item())
    return np.array(curve)


_, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for double, name in ((False, "DQN"), (True, "double DQN")):
    curves = np.array([casino(double, seed) for seed in range(5)])
    steps = 50 * np.arange(1, curves.shape[1] + 1)
    ax.plot(steps, curves.mean(axis=0), label=name)
    ax.fill_between(steps, curves.min(axis=0), curves.max(axis=0), alpha=0.2)
    ends = curves[:, -20:].mean(axis=1)
    print(f"{name:10} over the last 1000 steps: mean {ends.mean():.2f}, five seeds {np.round(np.sort(ends), 2)}")
ax.axhline(0.0, color="black", linewidth=1, label="the truth")
ax.set(xlabel="gradient steps", ylabel="value of a room", title="a fair game, and what is believed of it")
ax.legend()
plt.show()

# %% [markdown]
# Van Hasselt and colleagues saw the same on Atari: DQN promised itself scores that it never reached, and double DQN less
# of them. *Less, not none: why does double DQN still believe in luck here? What do the two networks share, and what would
# happen to the difference with a buffer that is never renewed?*

# %% [markdown]
# ## 7. SAC
#
# PPO throws its experience away after each update. DQN keeps it, but `max` over actions needs a list of them, and a motor
# has none. *Soft actor-critic* (Haarnoja et al. 2018, arXiv:1801.01290 and, with the temperature, arXiv:1812.05905) keeps
# its experience and acts in continuous spaces. It maximises reward **and entropy**,
#
# $$ J(\pi) = \mathbb E\Big[\sum_t \gamma^t \big(r_t + \alpha\, \mathcal H(\pi(\cdot \mid s_t))\big)\Big] , $$
#
# so a policy that does not yet know which of two actions is better keeps trying both. The authors trained a four-legged
# robot on the ground, without a simulator, to walk in two hours of its time. Three pieces, then one step of all.
#
# ### 7.1 The soft target of twin critics (3 points)
#
# A critic learns from its own guess about the next state. Where it guesses too high, the policy goes there on purpose, and
# the error grows. So train *two* critics and believe the lower one (Fujimoto et al. 2018, arXiv:1802.09477). The value of
# a state counts the entropy of what will be done there,
#
# $$ y = r + \gamma\,\big(\min_{i=1,2} Q_i(s', a') - \alpha \log \pi(a' \mid s')\big), \qquad a' \sim \pi(\cdot \mid s') , $$
#
# except where $s'$ has no future. A target is a number to be moved to, not something to differentiate.

# %%
def critic_target(rewards, terminated, next_q1, next_q2, next_log_probs, alpha, gamma):
    """Compute the soft target that both critics are moved to.

    Haarnoja et al. 2018, arXiv:1812.05905, equations (2), (3) and (6), with the lesser of two critics.

    Args:
        rewards: (B,) tensor.
        terminated: (B,) bool tensor, s' has no future. (Where the clock truncated an episode it is False.)
        next_q1: (B,) tensor, the first slow critic's Q(s', a'), with its graph behind it.
        next_q2: (B,) tensor, the second's.
        next_log_probs: (B,) tensor, log pi(a' | s'), with the policy's graph behind it.
        alpha: scalar tensor, temperature.
        gamma: discount.

    Returns:
        (B,) tensor; no gradient flows from it to anything.
    """
    ### BEGIN SOLUTION 7.1 critic_target
    # HINT: Which of two critics, plus which entropy, where there is a future? And torch.no_grad(). About 3 lines.
    with torch.no_grad():
        worth = torch.minimum(next_q1, next_q2) - alpha * next_log_probs
        return rewards + gamma * torch.where(terminated, torch.zeros_like(worth), worth)
    ### END SOLUTION 7.1 critic_target

# %% [markdown]
# **By hand.** $r = 1$, $Q_1 = 4$, $Q_2 = 3$, $\log\pi = -2$, $\alpha = 0.5$, $\gamma = 0.9$: $y = 1 + 0.9\,(3 + 1) = 4.6$.
# Terminated: $y = 1$, the entropy is gone too.
#
# ### 7.2 The reparameterised actor (3 points)
#
# In section 2 the return was a number, and all we could do was to make good actions likelier. Now there is a critic that
# can be differentiated with respect to the action: it says not only *how good*, but *which way is better*. To use that,
# the action has to be a differentiable function of the policy's output. Draw the noise first,
#
# $$ u = \mu + \sigma \epsilon, \quad \epsilon \sim \mathcal N(0, 1), \qquad a = \tanh u , $$
#
# and the gradient of $Q(s, a)$ flows through $a$ into $\mu$ and $\sigma$ (the reparameterisation trick). The policy's loss
# $\alpha \log\pi(a \mid s) - Q(s, a)$ needs the log-probability of this very action too, which depends on $\mu$ and
# $\sigma$ in two ways: directly, and through $a$. Both belong to the gradient, so nothing is detached here.

# %%
def sample_action(mean, log_std, noise):
    """Draw actions of a squashed Gaussian policy so that gradients flow through them.

    Args:
        mean: (B, A) tensor, with the policy's graph behind it.
        log_std: (B, A) tensor, log of the standard deviation before the squash, likewise.
        noise: (B, A) tensor, standard normal numbers that were drawn before.

    Returns:
        actions: (B, A) tensor in [-1, 1].
        log_probs: (B,) tensor, log pi(a) of these actions.
    """
    ### BEGIN SOLUTION 7.2 sample_action
    # HINT: Shift and scale the noise, then 4.1 and 4.3 of it. About 3 lines.
    pre_squash = mean + torch.exp(log_std) * noise
    log_probs = squashed_log_prob(pre_squash, gaussian_log_prob(pre_squash, mean, log_std))
    return torch.tanh(pre_squash), log_probs
    ### END SOLUTION 7.2 sample_action


def sample_gradients(mean, log_std, noise, to_actions, to_log_probs):
    """Differentiate sum(to_actions * actions) + sum(to_log_probs * log_probs) of 7.2.

    Returns:
        The gradient to mean and the gradient to log_std, (B, A) each; None where none flows.
    """
    leaves = [mean.detach().clone().requires_grad_(), log_std.detach().clone().requires_grad_()]
    actions, log_probs = sample_action(*leaves, noise)
    value = torch.sum(to_actions * actions) + torch.sum(to_log_probs * log_probs)
    return list(torch.autograd.grad(value, leaves, allow_unused=True)) if value.requires_grad else [None, None]

# %% [markdown]
# **By hand.** $\mu = 0$, $\sigma = 1$, $\epsilon = 0$, one dimension: $a = 0$ and $\log\pi = -\tfrac12\log 2\pi = -0.9189$.
# The slope of `tanh` is 1 there, so $\partial a / \partial\mu = 1$, and with no noise $\partial a/\partial\sigma = 0$.
# $\partial \log\pi / \partial\log\sigma = -1$: a wider policy is less dense. A policy whose first output is near 0 has an
# entropy of about 0.6 nats a dimension; the most that fits into $[-1, 1]$ is $\log 2 = 0.69$.
#
# ### 7.3 The temperature (2 points)
#
# How much is entropy worth? That depends on the scale of the rewards, which is nobody's business to know. Say instead how
# undecided the policy shall be, $\bar{\mathcal H}$ (minus the number of action dimensions, as a rule), and let $\alpha$
# find its value: minimise
#
# $$ L(\log\alpha) = \alpha\;\mathbb E\big[-\log\pi(a \mid s) - \bar{\mathcal H}\big] , \qquad \alpha = e^{\log\alpha} $$
#
# (Haarnoja et al. 2018, arXiv:1812.05905, equation (18)). Its gradient reaches $\log\alpha$ alone: the policy does not get
# to lower this loss by changing its mind.

# %%
def temperature_loss(log_alpha, log_probs, target_entropy):
    """Make the loss whose minimum holds the policy's entropy at its target.

    Args:
        log_alpha: scalar tensor that wants a gradient.
        log_probs: (B,) tensor of the policy's own actions, with its graph behind it.
        target_entropy: nats.

    Returns:
        Scalar tensor to minimise, the mean over the batch. Its gradient reaches log_alpha only.
    """
    ### BEGIN SOLUTION 7.3 temperature_loss
    # HINT: The entropy there is, less the entropy there shall be, held constant. About 2 lines.
    excess = (-log_probs - target_entropy).detach()
    return torch.exp(log_alpha) * torch.mean(excess)
    ### END SOLUTION 7.3 temperature_loss

# %% [markdown]
# **By hand.** $\alpha = 2$, $\log\pi = (1, 3)$, $\bar{\mathcal H} = -1$: the entropy is $-2$, one too little,
# $L = 2\cdot(-1) = -2$ and $\partial L/\partial\log\alpha = -2$. Descending raises $\alpha$: entropy gets dearer. Too much
# entropy, and it falls.
#
# ### 7.4 One step of SAC (3 points)
#
# `Sac` holds what learns: a policy, two critics, their slow copies (a moving average of the parameters, section 6),
# $\log\alpha$, and an optimiser for each part. `agent.descend(part, loss)` takes one step of that optimiser: it
# changes the parameters of *that part* and no others.

# %%
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class Sac:
    """What a soft actor-critic learns with.

    Args:
        num_observations: O.
        num_actions: A.
        hidden: widths of the hidden layers of each network.
        gamma: discount.
        lr: step size of the three optimisers (Adam).
        tau: share of the way that the slow critics go in each step.
        alpha: temperature to begin with.
        seed: of the first parameters.

    Attributes:
        critics, slow_critics: for `values`.
        log_alpha: scalar parameter.
        target_entropy: -A, in nats.
    """

    def __init__(self, num_observations, num_actions, hidden=(64, 64), gamma=0.98, lr=1e-3, tau=0.01, alpha=1.0, seed=0):
        torch.manual_seed(seed)
        inputs = num_observations + num_actions
        self.actor = mlp((num_observations, *hidden, 2 * num_actions), nn.ReLU)
        self.critics = nn.ModuleList(mlp((inputs, *hidden, 1), nn.ReLU) for _ in range(2))
        self.slow_critics = AveragedModel(self.critics, multi_avg_fn=get_ema_multi_avg_fn(1.0 - tau))
        self.slow_critics.update_parameters(self.critics)  # the first time is a copy
        self.log_alpha = nn.Parameter(torch.tensor(float(np.log(alpha))))
        self.gamma, self.target_entropy, self.num_actions = gamma, -float(num_actions), num_actions
        self._parts = {
            "critics": list(self.critics.parameters()), "actor": list(self.actor.parameters()),
            "temperature": [self.log_alpha],
        }  # fmt: skip
        self.optimisers = {part: torch.optim.Adam(parameters, lr=lr) for part, parameters in self._parts.items()}

    def policy(self, observations):
        """Mean and log of the standard deviation before the squash, (B, A) each."""
        mean, log_std = self.actor(observations).chunk(2, dim=-1)
        return mean, log_std.clip(-5.0, 2.0)

    def values(self, critics, observations, actions):
        """Q(s, a) of both `critics`: two (B,) tensors."""
        inputs = torch.cat([observations, actions], dim=-1)
        both = critics.module if isinstance(critics, AveragedModel) else critics
        return [critic(inputs)[..., 0] for critic in both]

    def descend(self, part, loss):
        """Take one optimiser step on "critics", "actor" or "temperature"; nothing else changes."""
        gradients = torch.autograd.grad(loss, self._parts[part])
        for parameter, gradient in zip(self._parts[part], gradients, strict=True):
            parameter.grad = gradient
        self.optimisers[part].step()

    def act(self, observations):
        """The middle of the policy, without exploring: (N, A) actions for (N, O) observations, in numpy."""
        with torch.no_grad():
            mean, _ = self.policy(torch.as_tensor(np.asarray(observations), dtype=self.log_alpha.dtype))
        return torch.tanh(mean).double().numpy()

    def named_parameters(self):
        """All parameters by name."""
        networks = {"actor": self.actor, "critics": self.critics, "slow_critics": self.slow_critics.module}
        named = {f"{part}.{key}": p for part, network in networks.items() for key, p in network.named_parameters()}
        return {"log_alpha": self.log_alpha, **named}

    def numbers(self):
        """Copy all parameters: arrays by name."""
        return {name: parameter.detach().numpy().copy() for name, parameter in self.named_parameters().items()}

    def load(self, numbers):
        """Take on parameters, and their dtype, from arrays by name."""
        for name, parameter in self.named_parameters().items():
            parameter.data = torch.as_tensor(numbers[name]).clone()


def sac_step(agent, batch, noise, next_noise):
    """Take one step of SAC: the critics, then the policy, then the temperature, then the slow critics.

    The critics' loss is the sum of their two mean squared errors to the target of 7.1, which is made with the slow
    critics and the present policy's action in s'. The policy's loss is the mean of alpha log pi(a | s) - Q(s, a),
    with a new action in s and the lesser of the two critics, as they are after their step.

    Args:
        agent: `Sac`.
        batch: tensors by name: "observation" (B, O), "action" (B, A), "reward" (B,), "next_observation" (B, O) and
            "terminated" (B,) bool.
        noise: (B, A) standard normal numbers for the actions in s.
        next_noise: (B, A) standard normal numbers for the actions in s'.

    Returns:
        Numbers to look at: "q", mean over the batch of the lesser critic of the policy's actions; "entropy", minus
        the mean of their log-probabilities; "alpha", the temperature that this step was made with.
    """
    states, next_states = batch["observation"], batch["next_observation"]
    alpha = torch.exp(agent.log_alpha).detach()
    ### BEGIN SOLUTION 7.4 sac_step
    # HINT: Four blocks, in the order above, with 7.2, 7.1 and 7.3, `agent.policy`, `agent.values` and `agent.descend`.
    # HINT:   The slow critics follow by `agent.slow_critics.update_parameters(agent.critics)`. About 12 lines.
    next_actions, next_log_probs = sample_action(*agent.policy(next_states), next_noise)
    next_q = agent.values(agent.slow_critics, next_states, next_actions)
    targets = critic_target(batch["reward"], batch["terminated"], *next_q, next_log_probs, alpha, agent.gamma)
    q1, q2 = agent.values(agent.critics, states, batch["action"])
    agent.descend("critics", torch.mean((q1 - targets) ** 2) + torch.mean((q2 - targets) ** 2))
    actions, log_probs = sample_action(*agent.policy(states), noise)
    q = torch.minimum(*agent.values(agent.critics, states, actions))
    agent.descend("actor", torch.mean(alpha * log_probs - q))
    agent.descend("temperature", temperature_loss(agent.log_alpha, log_probs, agent.target_entropy))
    agent.slow_critics.update_parameters(agent.critics)
    return {"q": q.mean().item(), "entropy": -log_probs.mean().item(), "alpha": alpha.item()}
    ### END SOLUTION 7.4 sac_step


def train(agent, transitions, num_steps, batch_size, seed):
    """Take many steps of SAC on stored transitions.

    Args:
        agent: `Sac`; it is changed.
        transitions: arrays by the names of `batch` above, M rows each.
        num_steps: how often.
        batch_size: B, drawn with replacement.
        seed: of the draws.

    Returns:
        What `sac_step` returned: (num_steps,) arrays by name.
    """
    draw = torch.Generator().manual_seed(seed)
    stored = {
        name: torch.as_tensor(rows) if name == "terminated" else torch.as_tensor(rows, dtype=torch.float32)
        for name, rows in transitions.items()
    }
    history = []
    for _ in range(num_steps):
        rows = torch.randint(len(stored["reward"]), (batch_size,), generator=draw)
        noise = torch.randn(2, batch_size, agent.num_actions, generator=draw)
        history.append(sac_step(agent, {name: column[rows] for name, column in stored.items()}, *noise))
    return {name: np.array([row[name] for row in history]) for name in history[0]}

# %% [markdown]
# **By hand.** An agent without hidden layers, one observation, one action, all parameters 0 ($\mu = 0$, $\log\sigma = 0$),
# $\alpha = 1$, noise 0, one transition with reward 1 and action 1. $\log\pi = -0.9189$ in $s'$, both $Q = 0$, so
# $y = 1 + \gamma \cdot 0.9189 > 0$: the critics' weights for the action and their biases go *up*. Adam's first step is the
# step size times the sign of the gradient, so: up by `lr`. Now $Q$ grows with the action: $\mu$ goes up by `lr`. More
# entropy is worth something: $\log\sigma$ goes up by `lr`. The entropy $0.9189$ is more than $\bar{\mathcal H} = -1$:
# $\log\alpha$ goes down by `lr`. The slow critics go up by `tau * lr`.
#
# **Sanity numbers, in stages** (3 s). Before a long run, a world where you know the answer. A puck on a table of $\pm 1$ m
# moves by $0.4\,a$; it is paid $1 - |x|$ a step and, if it falls off the edge, nothing ever again. Whoever stays in the
# middle earns $1 / (1 - \gamma) = 10$ with $\gamma = 0.9$. 4,000 random transitions, 500 steps of SAC. Compare:
#
# | step | q | entropy | alpha | what it says |
# |---|---|---|---|---|
# | 1 | -0.2 to 0.1 | 0.3 to 0.7 | 1 | untrained: values 0, nearly the widest policy that fits |
# | 50 | 1.9 to 2.2 | 0.4 to 0.6 | 0.63 | the entropy is above -1, so alpha falls at the rate of Adam |
# | 200 | 5.3 to 6.0 | -0.3 to 0.1 | 0.29 | the critics count a future; the policy has found out where it is better |
# | 500 | 7.4 to 8.7 | -0.5 to 0 | 0.12 to 0.14 | on the way to 10, from below: the target is the lesser of two |
#
# If q runs to 30, the ends are not counted, or the greater critic is; if the entropy grows, a sign is wrong; if alpha goes up,
# look at 7.3.

# %% tags=["experiment"]
def table_transitions(num, seed):
    """Random transitions of the puck on the table."""
    rng = np.random.default_rng(seed)
    x, action = rng.uniform(-1, 1, (num, 1)), rng.uniform(-1, 1, (num, 1))
    landed = x + 0.4 * action
    fallen = np.abs(landed[:, 0]) > 1
    reward = np.where(fallen, 0.0, 1 - np.abs(landed[:, 0]))
    return {"observation": x, "action": action, "reward": reward, "next_observation": landed, "terminated": fallen}


agent = Sac(1, 1, hidden=(32,), gamma=0.9, lr=1e-2, tau=0.05)
history = train(agent, table_transitions(4000, seed=0), 500, 64, seed=0)
for step in (1, 50, 200, 500):
    print(f"step {step:3}: " + ", ".join(f"{name} {values[step - 1]:6.2f}" for name, values in history.items()))
x = np.linspace(-1, 1, 201)[:, None]
_, (left, right) = plt.subplots(1, 2, figsize=(11, 3), layout="constrained")
for name, values in history.items():
    left.plot(np.convolve(values, np.ones(10) / 10, mode="valid"), label=name)
left.axhline(agent.target_entropy, color="tab:orange", linestyle=":")
left.set(xlabel="step", title="sanity numbers; dotted: the entropy that was asked for")
left.legend()
right.plot(x, agent.act(x), label="action")
right.plot(x, x + 0.4 * agent.act(x), label="where it leads")
right.axhline(0, color="0.7")
right.set(xlabel="x", title="the policy's middle")
right.legend()
plt.show()

# %% [markdown]
# **Swing up** (40 s). The pendulum of section 5, with 8 copies. Every 1,600 steps of experience are followed by 800 steps of
# learning on everything seen so far. Rewards are divided by 10. Watch the order of events: the entropy falls, q finds the
# scale of the returns, and then the return jumps.

# %% tags=["experiment"]
def sac_on_pendulum(seed, num_rounds=7, num_envs=8, num_updates=800, monitor=None):
    """Train on PendulumSwingUp-v0; return the agent, and the mean return of 40 episodes of its middle after each round."""
    envs, others = vector_env("PendulumSwingUp-v0", num_envs), vector_env("PendulumSwingUp-v0", 40)
    agent = Sac(3, 1, gamma=0.97, tau=0.01, alpha=0.1, seed=seed)
    rng, noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    stored, returns = {}, []

    def explore(observation):
        with torch.no_grad():
            policy = agent.policy(torch.as_tensor(observation, dtype=torch.float32))
            return sample_action(*policy, torch.randn(num_envs, 1, generator=noise))[0].double().numpy()

    def episode(worlds, choose, first):
        """One episode in each of `worlds`; its steps, and their mean return."""
        observation, _ = worlds.reset(seed=first)
        columns, total = {}, 0.0
        for _ in range(worlds.unwrapped.step_limit):
            action = choose(observation)
            following, reward, terminated, truncated, infos = worlds.step(action)
            step = {"observation": observation, "action": action, "reward": 0.1 * reward, "terminated": terminated,
                    "next_observation": last_states(following, terminated, truncated, infos)}  # fmt: skip
            for name, rows in step.items():
                columns.setdefault(name, []).append(rows)
            observation, total = following, total + reward.mean()
        return {name: np.concatenate(rows) for name, rows in columns.items()}, total

    for i in range(num_rounds):
        new, _ = episode(envs, explore if i else lambda _: rng.uniform(-1, 1, (num_envs, 1)), int(rng.integers(2**31)))
        stored = {name: np.concatenate([stored.get(name, rows[:0]), rows]) for name, rows in new.items()}
        for optimiser in agent.optimisers.values():  # smaller steps in the second half
            optimiser.param_groups[0]["lr"] = 1e-3 * min(1.0, 2.0 * (1.0 - i / num_rounds))
        history = train(agent, stored, num_updates, 128, seed=1000 * seed + i)
        returns.append(episode(others, agent.act, 500_000)[1])
        if monitor is not None:
            last = {name: values[-50:].mean() for name, values in history.items()}
            monitor.record(len(stored["reward"]), **{"return": returns[-1]}, **last)
    return agent, returns


with Monitor(total=11_200, title="SAC, pendulum", curves=("return", "entropy", "q"), goal=-160) as monitor:
    swinger, _ = sac_on_pendulum(0, monitor=monitor)

# %% tags=["experiment"]
env = gymnasium.make("robolearn/PendulumSwingUp-v0", render_mode="rgb_array")
observation, _ = env.reset(seed=1, options={"state": (np.pi, 0.0)})
frames = [env.render()]
for _ in range(100):
    observation, *_ = env.step(swinger.act(observation[None])[0])
    frames.append(env.render())
animate(frames, env.metadata["render_fps"])

# %% [markdown]
# Eleven thousand steps of experience, nine minutes of a real pendulum's time, and it swings up after five thousand. Section
# 5 spent 197,000 steps, and less computing: PPO looks at a step a few times and throws it away, SAC draws each of them again
# and again. (The step size falls in the second half. Without that, seeds 1 and 2 swing up as well, and have unlearned it
# again in the last round.) **Ask yourself**:
# PPO could simulate a thousand pendulums at once. When is that the better bargain, and when is SAC's?

# %% [markdown]
# ## 8. Hindsight
#
# A puck on a table shall be pushed to a goal. It is paid 0 within 5 cm of it and -1 anywhere else. Nobody had to invent a
# reward, and nothing can be learned: a random push reaches 5 cm of a random goal once in hundreds of steps, so nearly every
# episode that a beginner sees is all -1, whatever it did. Where is the credit to come from?
#
# *Hindsight experience replay* (Andrychowicz et al. 2017, arXiv:1707.01495): you did not get to the goal, but you got
# *somewhere*. Pretend that this had been the goal all along, and the same episode is a success. What the robot did is as
# true as before; only the question has changed. This needs an off-policy learner (section 7), a policy that is *told* the
# goal, and an environment that can say what a step would have been paid for another goal: `compute_reward`. In the paper,
# a robot arm that never learned to push, slide or pick with the sparse reward alone learned all three.
#
# ### 8.1 Relabel (5 points)
#
# The paper's `future` strategy: a transition is replayed $k$ times with goals that were reached *later in the same
# episode*, for each time with its own goal. Here each transition of a minibatch gets a new goal with probability
# $k / (k + 1)$. Then three things have to be made true again. The policy is told the goal in *both* observations. The
# reward is what the environment *would have* paid. And everything else stays what it was: the puck, at the time, knew
# nothing of where it would end.

# %%
class Episodes:
    """Stores whole episodes of a goal environment, and gives out transitions.

    Attributes:
        lengths: (M,) int, steps of each episode.
        arrays: "observation" (M, T + 1, O), "achieved_goal" and "desired_goal" (M, T + 1, G), one more row than
            steps; "action" (M, T, A), "reward" (M, T), "terminated" (M, T). Rows beyond an episode's length are
            left over from other episodes and mean nothing.
    """

    def __init__(self):
        self.lengths, self.arrays = np.zeros(0, dtype=int), {}

    def add(self, lengths, **arrays):
        """Store episodes: their lengths, and arrays as above."""
        old = self.arrays or {name: rows[:0] for name, rows in arrays.items()}
        self.arrays = {name: np.concatenate([old[name], rows]) for name, rows in arrays.items()}
        self.lengths = np.concatenate([self.lengths, lengths])

    def draw(self, num, rng):
        """Draw steps, all alike: (num,) episodes, and a step of each."""
        ends = np.cumsum(self.lengths)
        places = rng.integers(ends[-1], size=num)
        episode_ids = np.searchsorted(ends, places, side="right")
        return episode_ids, places - (ends - self.lengths)[episode_ids]

    def transitions(self, episode_ids, step_ids):
        """Copy transitions: dicts as Gymnasium has them, with B rows each."""
        parts = ("observation", "achieved_goal", "desired_goal")
        return {
            "observation": {name: self.arrays[name][episode_ids, step_ids] for name in parts},
            "next_observation": {name: self.arrays[name][episode_ids, step_ids + 1] for name in parts},
            **{name: self.arrays[name][episode_ids, step_ids] for name in ("action", "reward", "terminated")},
        }


def relabel(episodes, episode_ids, step_ids, k, compute_reward, rng):
    """Give transitions goals of hindsight, by the strategy "future".

    Andrychowicz et al. 2017, arXiv:1707.01495, section 3.3 and algorithm 1.

    Args:
        episodes: `Episodes`.
        episode_ids: (B,) int.
        step_ids: (B,) int, step t of the episode led from row t to row t + 1.
        k: goals of hindsight for each true one; a transition gets one with probability k / (k + 1).
        compute_reward: (achieved goals (B, G) that the steps led to, desired goals (B, G), info) -> (B,) rewards.
            Pass {} for info.
        rng: np.random.Generator.

    Returns:
        What `episodes.transitions` returns. Where there is hindsight the desired goal is the one that was achieved
        in a row drawn evenly from t + 1 to the episode's last, in both observations, and the reward is that goal's.
    """
    batch = episodes.transitions(episode_ids, step_ids)
    lengths = episodes.lengths[episode_ids]
    ### BEGIN SOLUTION 8.1 relabel
    # HINT: Who gets a new goal, and from which row? `rng.integers` takes arrays of bounds. Then the two observations
    # HINT:   and the reward. About 7 lines.
    rows = rng.integers(step_ids + 1, lengths + 1)
    hindsight = rng.random(len(step_ids)) < k / (k + 1)
    reached = episodes.arrays["achieved_goal"][episode_ids, rows]
    goals = np.where(hindsight[:, None], reached, batch["observation"]["desired_goal"])
    batch["observation"]["desired_goal"] = batch["next_observation"]["desired_goal"] = goals
    batch["reward"] = compute_reward(batch["next_observation"]["achieved_goal"], goals, {})
    return batch
    ### END SOLUTION 8.1 relabel

# %% [markdown]
# **By hand.** An episode of three steps on a line: the puck was at 0, 1, 2, 3, the goal was 9, every reward -1. Step 1 led
# from 1 to 2. Its goal of hindsight is 2 or 3, each with probability one half, never 0 or 1 (what it had reached before),
# and never a place of another episode. With 2 it is paid 0: it arrived. With 3 it is paid -1. Either way the
# observation still says 1, the next one 2, both with the same new goal.
#
# ### 8.2 Hand in a policy that reaches sparse goals (3 points, `sparse_reach.npz`)
#
# Soft actor-critic of section 7 on `PointMass-v0`, ten pucks at once: an episode of each, 80 steps of SAC on
# transitions that 8.1 has relabelled, and again. Nothing here is yours to write; all of it is yours to change. The
# policy is told position, velocity and goal, in this order: `observations` of its file are (N, 6).

# %%
def told(observation):
    """What the policy sees: (N, 6), position, velocity and goal of a puck."""
    return np.concatenate([observation["observation"], observation["desired_goal"]], axis=-1)

# %% tags=["experiment"]
def play(envs, choose, seed):
    """Play one episode in each of N environments whose episodes end together.

    Returns:
        The episodes as arrays for `Episodes.add`, and the share in which the puck was at its goal at the end.
    """
    observation, _ = envs.reset(seed=seed)
    rows, steps = [observation], []
    for _ in range(envs.unwrapped.step_limit):
        action = choose(told(observation))
        observation, reward, terminated, truncated, infos = envs.step(action)
        if truncated.any():
            finals = infos["final_obs"]
            observation = {name: np.stack([final[name] for final in finals]) for name in finals[0]}
        rows.append(observation)
        steps.append((action, reward, terminated))
    arrays = {name: np.stack([row[name] for row in rows], axis=1) for name in observation}
    for name, column in zip(("action", "reward", "terminated"), zip(*steps, strict=True), strict=True):
        arrays[name] = np.stack(column, axis=1)
    return arrays, infos["final_info"]["is_success"].mean()


def train_to_reach(seed, k, num_rounds=60, num_envs=10, num_updates=80, batch_size=256, monitor=None):
    """Train on PointMass-v0 with k goals of hindsight for each true one (0: none).

    Returns:
        The agent, and [(steps so far, share of 100 other episodes that end at the goal), ...].
    """
    rng, draw = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    envs, others = vector_env("PointMass-v0", num_envs), vector_env("PointMass-v0", 100)
    agent = Sac(6, 2, gamma=0.95, lr=2e-3, tau=0.02, alpha=0.1, seed=seed)
    episodes, curve = Episodes(), []

    def explore(observations):
        noise = torch.randn(num_envs, 2, generator=draw)
        with torch.no_grad():
            policy = agent.policy(torch.as_tensor(observations, dtype=torch.float32))
            return sample_action(*policy, noise)[0].double().numpy()

    for i in range(num_rounds):
        for optimiser in agent.optimisers.values():  # smaller steps in the last third: the policy comes to rest
            optimiser.param_groups[0]["lr"] = 2e-3 * min(1.0, 3.0 * (1.0 - i / num_rounds))
        chosen = explore if i else lambda observations: rng.uniform(-1, 1, (num_envs, 2))
        arrays, _ = play(envs, chosen, int(rng.integers(2**31)))
        episodes.add(np.full(num_envs, envs.unwrapped.step_limit), **arrays)
        for _ in range(num_updates):
            batch = relabel(episodes, *episodes.draw(batch_size, rng), k, envs.unwrapped.compute_reward, rng)
            batch["observation"], batch["next_observation"] = told(batch["observation"]), told(batch["next_observation"])
            tensors = {name: torch.as_tensor(rows, dtype=torch.float32) for name, rows in batch.items()}
            tensors["terminated"] = tensors["terminated"].bool()
            notes = sac_step(agent, tensors, *torch.randn(2, batch_size, 2, generator=draw))
        if i % 2 == 1:
            steps = int(np.sum(episodes.lengths))
            curve.append((steps, play(others, agent.act, 2_000_000 + seed)[1]))
            if monitor is not None:
                monitor.record(steps, success=curve[-1][1], **notes)
    return agent, curve


def save_agent(path, agent):
    """Write the middle of an agent's policy to a file to hand in."""
    network = copy.deepcopy(agent.actor)
    last, num = network[-1], agent.num_actions
    last.weight, last.bias = nn.Parameter(last.weight[:num]), nn.Parameter(last.bias[:num])
    save_policy(path, network, squash=True)

# %% [markdown]
# **Train it** (40 s). Nothing happens for 10,000 steps; then it happens quickly. Training has luck in it: of eight seeds seven
# ended at 97 goals of 100 or more, and one at 81.

# %% tags=["experiment"]
with Monitor(total=36_000, title="SAC with hindsight", curves=("success", "entropy"), goal=1.0) as monitor:
    agent, _ = train_to_reach(seed=0, k=4, monitor=monitor)
save_agent("sparse_reach.npz", agent)

# %% [markdown]
# `check("8.2")` rolls out what you saved, 20 times; the grade rests on other starts and goals. Look at it, too.

# %%
check("8.2")

# %% tags=["experiment"]
env = gymnasium.make("robolearn/PointMass-v0", render_mode="rgb_array")
saved, frames = load_policy("sparse_reach.npz"), []
for seed in range(4):
    observation, _ = env.reset(seed=seed)
    for _ in range(40):
        frames.append(env.render())
        observation, *_ = env.step(saved.act(told(observation)[None])[0])
animate(frames, env.metadata["render_fps"])

# %% [markdown]
# **Hindsight against none** (4 min). The same learner, the same budget, three seeds each; the only difference is $k$.

# %% tags=["experiment"]
_, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for k, label in ((4, "hindsight, k = 4"), (0, "no hindsight")):
    curves = np.array([train_to_reach(seed, k)[1] for seed in range(3)])
    steps, shares = curves[0, :, 0], curves[:, :, 1]
    ax.plot(steps, shares.mean(axis=0), label=f"{label}: {shares[:, -1].mean():.2f} at the end")
    ax.fill_between(steps, shares.min(axis=0), shares.max(axis=0), alpha=0.2)
ax.set(xlabel="steps", ylabel="at the goal at the end", ylim=(-0.02, 1.02), title="three seeds, least to greatest")
ax.legend()
plt.show()

# %% [markdown]
# Without hindsight the critic's values sink towards $-1 / (1 - \gamma) = -20$ everywhere, the same for every action: there is
# nothing to climb. With it, the first episodes already hold thousands of arrivals, if at places that nobody asked for.
# **Ask yourself**: why does the policy reach goals *on demand*, though hardly any relabelled goal was the one that was
# demanded? And what would go wrong if the goal of hindsight were put into the reward but not into the observations?

# %% [markdown]
# ## 9. A quadruped
#
# "Legged robots pose one of the greatest challenges in robotics", begin Hwangbo et al. (2019, *Learning agile and dynamic
# motor skills for legged robots*, Science Robotics, arXiv:1901.08652). Their ANYmal has twelve joints, weighs as much as a
# large dog, and had been walking for years under controllers that experts had tuned by hand. A policy trained in
# simulation for four hours followed velocity commands more precisely, with less torque and less power than the best of
# them, and ran a quarter faster than the robot ever had. A second policy got up from any fall, which nobody had managed
# to write down.
#
# You have the robot (30 kg, twelve joints, 60 N m each), and two ordinary cores in the place of theirs. Fifty times a
# second the policy gives twelve joint targets, as offsets from a trot on the spot: action 0 marks time. The course's
# environment is `QuadrupedVelocity-v0`; its docstring says what each of the 50 numbers of an observation is.
#
# ### 9.1 What the robot is paid (3 points)
#
# "Follow the command" is one sentence. The reward that taught it to ANYmal has eight terms. Two ideas of the paper make
# them work.
#
# **A kernel that does not panic.** An error is priced by the *logistic kernel*
#
# $$ K(x) = \frac{-1}{e^{x} + 2 + e^{-x}} , $$
#
# a cost between $-\tfrac14$ (no error) and $0$ (far off). A squared error would make a robot that is far off pay without
# bound, and dying early would be the best way to save; with $K$ it never pays to fall. Close to the command the kernel has
# a slope that a mere "good enough" would not have.
#
# **A curriculum of costs.** Whoever is charged for every movement before it can walk learns to stand still. So all costs
# but the two tracking terms are multiplied by a factor $k_c$ that begins small and grows to 1 from one policy update to
# the next, $k_{c,\,j+1} = (k_{c,\,j})^{k_d}$. We take $k_{c,0} = 0.3$ and $k_d = 0.997$.
#
# The paper states costs $c$, to be minimised; our reward is $-c$. With $v, \omega$ the trunk's velocity and turn rate in
# its own frame, $\hat v, \hat\omega$ the command, $e_g$ gravity's direction in that frame, $\dot\varphi$ the joint
# velocities, and $a$ the action:
#
# | term | cost | |
# |---|---|---|
# | `velocity` | $4\,K(2\,\lVert \hat v_{xy} - v_{xy}\rVert / w)$ | follow forwards and sideways; $w$ is the width, m/s |
# | `yaw_rate` | $2\,K(4\,\lvert \hat\omega_z - \omega_z\rvert)$ | and turn as told |
# | `bounce` | $k_c\, v_z^2$ | do not hop |
# | `tumbling` | $0.02\, k_c\,(\omega_x^2 + \omega_y^2)$ | do not roll and pitch |
# | `tilt` | $k_c\,(e_{g,x}^2 + e_{g,y}^2)$ | stay level: there $e_g = (0, 0, -1)$ |
# | `joint_speed` | $0.002\, k_c$ times the mean of the 12 $\dot\varphi_i^2$ | do not flail |
# | `action_change` | $0.1\, k_c$ times the mean of the 12 $(a_{t,i} - a_{t-1,i})^2$ | smoothly |

# %%
CURRICULUM_START = 0.3  # k_c of the first policy update
CURRICULUM_DECAY = 0.997  # k_d


def reward_terms(velocity, turn, gravity, speeds, change, command, width, iteration):
    """Price a control step of N robots, term by term.

    After the cost terms of Hwangbo et al. 2019, arXiv:1901.08652, supplementary material; without their terms for
    torque and feet, which the policy does not observe.

    Args:
        velocity: (N, 3) float, of the trunk, m/s, body frame: forward, left, up.
        turn: (N, 3) float, of the trunk, rad/s, body frame: roll, pitch, yaw.
        gravity: (N, 3) float, direction of gravity, body frame.
        speeds: (N, 12) float, of the joints, rad/s.
        change: (N, 12) float, this action minus the one before.
        command: (N, 3) float, forward and lateral velocity, m/s, and yaw rate, rad/s.
        width: m/s, the kernel's scale for velocities.
        iteration: j, the number of policy updates so far.

    Returns:
        dict of seven (N,) arrays, named as in the table. They are rewards: each is minus its cost, and their sum is
        what the robot is paid.
    """
    ### BEGIN SOLUTION 9.1 reward_terms
    # HINT: First k_c after `iteration` updates: what is the power of a power? Then the kernel, a function of one line,
    # HINT:   and a dict with a line a term. Sums over the axes of space, means over joints. About 14 lines.
    factor = CURRICULUM_START ** (CURRICULUM_DECAY**iteration)
    miss = np.linalg.norm(command[:, :2] - velocity[:, :2], axis=1)
    yaw_miss = np.abs(command[:, 2] - turn[:, 2])
    costs = {
        "velocity": -4.0 / (np.exp(2.0 * miss / width) + 2.0 + np.exp(-2.0 * miss / width)),
        "yaw_rate": -2.0 / (np.exp(4.0 * yaw_miss) + 2.0 + np.exp(-4.0 * yaw_miss)),
        "bounce": factor * velocity[:, 2] ** 2,
        "tumbling": 0.02 * factor * np.sum(turn[:, :2] ** 2, axis=1),
        "tilt": factor * np.sum(gravity[:, :2] ** 2, axis=1),
        "joint_speed": 0.002 * factor * np.mean(speeds**2, axis=1),
        "action_change": 0.1 * factor * np.mean(change**2, axis=1),
    }
    return {name: -cost for name, cost in costs.items()}
    ### END SOLUTION 9.1 reward_terms

# %% [markdown]
# **By hand.** A robot that is exactly on its command earns $4 \cdot \tfrac14 = 1$ for `velocity` and $0.5$ for `yaw_rate`.
# With $w = 0.5$ and an error of $(0.3, 0.4)$ m/s, $\lVert\cdot\rVert = 0.5$, $x = 2$, $K = -1 / (7.389 + 2 + 0.135) =
# -0.1050$: it earns $0.4200$. The factor: $k_{c,0} = 0.3$; after one update $0.3^{0.997} = 0.3011$; after 100,
# $0.3^{0.997^{100}} = 0.3^{0.7405} = 0.4100$; after 1000, $0.9421$. Bouncing at 2 m/s before the first update earns
# $-0.3 \cdot 4 = -1.2$.
#
# **Look at it** (1 s): the kernel beside the squared error, and the curriculum.

# %% tags=["experiment"]
error = np.linspace(-2.0, 2.0, 401)
robots = np.zeros((401, 3))
command = np.stack([error, 0 * error, 0 * error], axis=1)
_, (left, right) = plt.subplots(1, 2, figsize=(11, 3), layout="constrained")
for width in (0.5, 1.0):
    still = reward_terms(robots, robots, robots, np.zeros((401, 12)), np.zeros((401, 12)), command, width, 0)
    left.plot(error, still["velocity"], label=f"kernel, width {width:g} m/s")
left.plot(error, 1 - error**2, "--", label="1 - error²")
left.set(xlabel="error of the velocity, m/s", ylabel="reward", ylim=(-1.5, 1.1))
left.legend()
updates = np.arange(0, 1500, 10)
hop = np.array([[0.0, 0.0, 1.0]])
nothing = np.zeros((1, 12))
costs = [-reward_terms(hop, 0 * hop, 0 * hop, nothing, nothing, 0 * hop, 0.5, j)["bounce"][0] for j in updates]
right.plot(updates, costs)
right.set(xlabel="policy updates", ylabel="cost of hopping at 1 m/s", ylim=(0, 1.05), title="the curriculum")
plt.show()

# %% [markdown]
# ### 9.2 Hand in a controller that tracks velocity commands (5 points)
#
# Everything is there: 256 robots at once (sections 2 and 3), a Gaussian policy (4), PPO (5), a reward (9.1). The cell below puts
# them together; it is given, and worth reading. Three things are not in the textbook:
#
# - the observations are divided by rough scales, so that the network sees numbers of about 1;
# - the step size adapts: it shrinks when an update moved the policy too far (measured by the KL divergence) and grows when
#   it hardly moved (as in Rudin et al. 2022, arXiv:2109.11978);
# - a small price keeps the Gaussian's mean inside $[-1, 1]$, where actions are clipped.

# %%
WALK_SCALE = np.repeat([1.0, 2.0, 0.5, 0.5, 0.5, 5.0, 0.5, 0.7], [3, 3, 3, 3, 12, 12, 12, 2])


def walk_pay(width):
    """Make the pay of velocity tracking: the reward of 9.1, and -5 for a fall.

    Returns:
        (last (N, O), before (N, O), terminated (N,), iteration) -> (N,): what the robots are paid for the step from
        the observations `before` to `last`.
    """

    def pay(last, before, terminated, iteration):
        terms = reward_terms(
            velocity=last[:, 0:3], turn=last[:, 3:6], gravity=last[:, 6:9], speeds=last[:, 24:36],
            change=last[:, 36:48] - before[:, 36:48], command=before[:, 9:12], width=width, iteration=iteration,
        )  # fmt: skip
        return sum(terms.values()) - 5.0 * terminated

    return pay


def orthogonal_mlp(sizes, last_gain):
    """Make a `mlp` with ELU and orthogonal weights; a small `last_gain` begins near 0."""
    network = mlp(sizes, nn.ELU)
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, last_gain if layer is network[-1] else np.sqrt(2))
            nn.init.zeros_(layer.bias)
    return network


def collect(envs, observation, actor, log_std, scale, num_rows):
    """Step all robots `num_rows` times, exploring.

    Returns:
        The observation to go on from, and a dict of what happened, each (T, N, ...): before, last (the observations that a
        step began with and led to; where an episode ended, its last), action, log_prob, terminated, truncated.
    """
    rows = []
    for _ in range(num_rows):
        with torch.no_grad():
            mean = actor(torch.as_tensor(observation / scale, dtype=torch.float32))
            action = mean + log_std.exp() * torch.randn_like(mean)
            log_prob = gaussian_log_prob(action, mean, log_std)
        before = observation
        observation, _, terminated, truncated, infos = envs.step(action.clip(-1, 1).double().numpy())
        last, over = np.array(observation), terminated | truncated
        if over.any():
            last[over] = np.stack(infos["final_obs"][over])
        rows.append((before, last, action.numpy(), log_prob.numpy(), terminated, truncated))
    names = ("before", "last", "action", "log_prob", "terminated", "truncated")
    return observation, {name: np.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def train_quadruped(
    name, num_steps, seed, pay, scale, std=0.4, last_std=None, step_limit=250, mirror=None, num_envs=256, num_rows=32
):
    """Train a policy with PPO, out of your pieces.

    Args:
        name: of a quadruped's environment.
        num_steps: of the environment, over all robots.
        seed: of everything.
        pay: as from `walk_pay`.
        scale: (O,) by which observations are divided.
        std: of the first policy's actions.
        last_std: of the last policy's: it stays at `std` for half of the training, then shrinks. By default PPO finds it.
        step_limit: control steps of a training episode.
        mirror: None, or (observations -> observations, actions -> actions) of a robot seen in a mirror.
        num_envs: N.
        num_rows: T, steps between two updates.

    Returns:
        The actor, from scaled observations to actions, and the Monitor with what was recorded.
    """
    gamma, lam, target_kl, block = 0.99, 0.95, 0.01, num_envs * num_rows
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    envs = vector_env(name, num_envs, step_limit=step_limit)
    observation, _ = envs.reset(seed=seed)
    num_actions = envs.single_action_space.shape[0]
    actor = orthogonal_mlp((len(scale), 128, 128, num_actions), 0.01)
    critic = orthogonal_mlp((len(scale), 128, 128, 1), 1.0)
    log_std = nn.Parameter(torch.full((num_actions,), float(np.log(std))))
    parameters = [*actor.parameters(), *critic.parameters(), log_std]
    optimiser = torch.optim.Adam(parameters, lr=1e-3)

    def tensor(values):
        return torch.as_tensor(values, dtype=torch.float32)

    num_updates = -(-num_steps // block)
    with Monitor(num_updates * block, name, curves=("pay", "falls")) as monitor:
        for iteration in range(num_updates):
            if last_std is not None:
                log_std.data.fill_(np.log(std) + np.log(last_std / std) * max(0.0, 2 * iteration / num_updates - 1))
            observation, rows = collect(envs, observation, actor, log_std, scale, num_rows)
            terminated, truncated = rows["terminated"], rows["truncated"]
            rewards = np.stack([
                0.1 * pay(rows["last"][t], rows["before"][t], terminated[t], iteration) for t in range(num_rows)
            ])  # fmt: skip
            with torch.no_grad():
                values, next_values = (critic(tensor(rows[key] / scale))[..., 0] for key in ("before", "last"))
            advantages = tensor(gae(rewards, values.numpy(), next_values.numpy(), terminated, truncated, gamma, lam))
            targets, moves = advantages + values, []
            old = [tensor(rows["before"] / scale), tensor(rows["action"]), tensor(rows["log_prob"]), values, targets]
            old = [part.flatten(0, 1) for part in old]

            def loss_of(indices, judged, old=old, moves=moves):
                states, actions, log_probs, values, targets = (part[indices] for part in old)
                mean = actor(states)
                new = gaussian_log_prob(actions, mean, log_std)
                change = (new - log_probs).detach()
                moves.append(float(torch.mean(torch.expm1(change) - change)))
                loss = clipped_objective(new, log_probs, judged, 0.2) - 0.002 * gaussian_entropy(log_std)
                loss = loss + 2.0 * value_loss(critic(states)[..., 0], values, targets, np.inf)
                loss = loss + 0.01 * torch.mean(torch.sum(torch.relu(torch.abs(mean) - 1.0) ** 2, dim=1))
                if mirror is not None:  # the mirrored robot should do the mirrored thing
                    other = actor(mirror[0](states))
                    loss = loss + 0.3 * torch.mean(torch.sum((other - mirror[1](mean.detach())) ** 2, dim=1))
                return loss, moves[-1]

            ppo_update(loss_of, optimiser, parameters, advantages.flatten(), 4, block // 4, 1.0, 4 * target_kl, rng)
            group, moved = optimiser.param_groups[0], np.mean(moves[-4:])
            if not 0.5 * target_kl < moved < 2 * target_kl:
                group["lr"] = float(np.clip(group["lr"] * (1.5 if moved < target_kl else 1 / 1.5), 1e-4, 3e-3))
            ended = max(1, np.sum(terminated | truncated))
            monitor.record(
                (iteration + 1) * block, pay=10 * rewards.mean() * step_limit, falls=terminated.sum() / ended,
                std=float(log_std.detach().exp().mean()),
            )  # fmt: skip
    return actor, monitor

# %% [markdown]
# **Run it** (3 minutes with the reward of 9.1; it earns more and falls less from the first updates on). `pay` is what an episode of 250
# steps would earn, at most 375; `falls` is the share of episodes that ended in a fall. The policy is written to
# `velocity.npz`: hand it in. Whoever has no `reward_terms` yet may put
# `pay=lambda last, before, terminated, iteration: ...` with a reward of their own: we judge the policy, not the reward.

# %% tags=["experiment"]
actor, monitor = train_quadruped("QuadrupedVelocity-v0", 2_500_000, seed=0, pay=walk_pay(0.5), scale=WALK_SCALE)
save_policy("velocity.npz", actor, scale=WALK_SCALE)
monitor.plot()
plt.show()

# %%
check("9.2")

# %% [markdown]
# **Look at it** (15 s): against a gait that a person tuned for this robot, `environments.quadruped.trot`: foot paths and inverse
# kinematics, without feedback. The figure is the paper's 2D in small. Then the robot itself, at 0.75 m/s.

# %%
from environments.quadruped import trot


class HandTunedGait:
    """The hand-tuned trot as a policy for QuadrupedVelocity: what it wants, as an offset on marking time."""

    def act(self, observations):
        """Choose actions (N, 12) for observations (N, 50)."""
        phase = np.arctan2(observations[:, 48], observations[:, 49]) / (2 * np.pi)
        offset = trot(phase, observations[:, 9:12], 2.0) - trot(phase, 0 * observations[:, 9:12], 2.0)
        return np.clip(offset / 0.4, -1.0, 1.0)


def follow(policy, forward, name="QuadrupedVelocity-v0", num_envs=32):
    """Walk with one command for 5 s; return the mean error in the second half (m/s) and the number of falls."""
    envs = vector_env(name, num_envs)
    observation, _ = envs.reset(seed=1000, options={"command": (forward, 0.0, 0.0)})
    errors, falls = [], 0
    for t in range(249):
        wanted = observation[:, 9:11]
        observation, _, terminated, _, infos = envs.step(policy.act(observation))
        falls += int(terminated.sum())
        if t >= 125:
            errors.append(np.linalg.norm(wanted - infos["velocity_body"], axis=1))
    return float(np.mean(errors)), falls


def film(policy, env, num_steps=125, **options):
    """Take every second picture of one robot."""
    observation, _ = env.reset(seed=0, options=options)
    frames = []
    for t in range(num_steps):
        observation, _, terminated, truncated, _ = env.step(policy.act(observation[None])[0])
        if t % 2 == 0:
            frames.append(env.render())
        if terminated or truncated:
            break
    return frames

# %% tags=["experiment"]
speeds = (0.25, 0.5, 0.75, 1.0)
_, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for label, policy in (("hand-tuned gait", HandTunedGait()), ("learned", load_policy("velocity.npz"))):
    results = [follow(policy, speed) for speed in speeds]
    ax.plot(speeds, [error for error, _ in results], "o-", label=label)
    print(f"{label:16}", ", ".join(f"{v:g} m/s: {e:.3f} m/s off, {falls} falls" for v, (e, falls) in zip(speeds, results, strict=True)))
ax.set(xlabel="command, m/s", ylabel="error of the velocity, m/s", ylim=(0, None))
ax.legend()
plt.show()

# %% tags=["experiment"]
env = gymnasium.make("robolearn/QuadrupedVelocity-v0", render_mode="rgb_array").unwrapped
animate(film(load_policy("velocity.npz"), env, command=(0.75, 0.0, 0.0)), 25)

# %% [markdown]
# The learned controller is closer to its command than the hand-tuned one at every speed, as in the paper. It has what
# the gait has not: it feels its own velocity. Now look at the legs: does the robot do something that you did not ask for, and that no
# term of 9.1 charges for? Question 10.3 comes back to it.
#
# ### 9.3 Extension: run fast (4 bonus points)
#
# The paper's second policy ran at 1.5 m/s, a record for the robot, by tracking commands up to 1.6 m/s. Yours has stronger
# motors for its weight: commands go up to 2.5 m/s. Use `QuadrupedSprint-v0`, whose observations are the same.
# A kernel of width 0.5 is flat where the robot is 2 m/s off; why would it never start to run? Take width 1.
# (3 minutes.)

# %% tags=["experiment"]
actor, monitor = train_quadruped("QuadrupedSprint-v0", 2_500_000, seed=0, pay=walk_pay(1.0), scale=WALK_SCALE)
save_policy("sprint.npz", actor, scale=WALK_SCALE)
monitor.plot()
for speed in (0.5, 1.0, 1.5, 2.0, 2.5):
    print("told {:g} m/s: {:.3f} m/s off, {} falls".format(speed, *follow(load_policy("sprint.npz"), speed, "QuadrupedSprint-v0")))
plt.show()

# %%
check("9.3")

# %% tags=["experiment"]
env = gymnasium.make("robolearn/QuadrupedSprint-v0", render_mode="rgb_array").unwrapped
animate(film(load_policy("sprint.npz"), env, num_steps=200, command=(2.5, 0.0, 0.0)), 25)

# %% [markdown]
# ### 9.4 Extension: recover from a fall (4 bonus points)
#
# "If a legged robot falls and cannot autonomously restore itself to an upright configuration, a human operator must
# intervene" (Hwangbo et al. 2019). In `QuadrupedRecovery-v0` the robot lies on its belly or on its back, legs anyhow, and
# should stand quietly after 5 s: trunk above 0.42 m, tilted by less than 18°, slower than 0.5. Nobody hands you a
# reward here. The one below is the environment's own; it looks reasonable, and **it does not work**: trained with it for
# 2.5 million steps, of 128 robots not one stood up, and not one turned over. Find out why, and write a better one. Ask of
# it:
#
# - What does a robot on its back earn for the first 30 degrees of turning over? Draw `upright` over the angle.
# - What does a robot earn that stands, but trembles? One that hops?
# - A robot has no favourite side, and a policy that learned to roll to the left has learned to roll to the right:
#   `mirror=mirror_lying()` charges for a difference between the two. Compare with `mirror=None`.
# - Training episodes may be shorter than those that we judge (`step_limit`), and the first actions wilder (`std`). Who
#   explores with noise of 0.5 to the end never stands still: what would a `last_std` do?
#
# With an answer to the first question, robots began to turn over between 1.1 and 1.5 million steps, and at 2.5 million
# more than nine in ten were level at the end; standing *quietly* came last. Allow 3 million (4 minutes).

# %%
LIE_SCALE = np.repeat([1.0, 2.0, 0.7, 0.8, 5.0, 0.7, 0.5], [3, 3, 3, 12, 12, 12, 1])


def mirror_lying():
    """Make the mirror of QuadrupedRecovery: (observations -> observations, actions -> actions), left for right.

    Legs change places, abduction and lateral quantities their sign.
    """
    legs, flip = np.arange(12).reshape(4, 3)[[1, 0, 3, 2]].ravel(), np.tile([-1.0, 1.0, 1.0], 4)
    order = torch.as_tensor(np.concatenate([np.arange(9), 9 + legs, 21 + legs, 33 + legs, [45]]))
    signs = torch.as_tensor(np.concatenate([[1, -1, 1, -1, 1, -1, 1, -1, 1], flip, flip, flip, [1]]), dtype=torch.float32)
    legs, flip = torch.as_tensor(legs), torch.as_tensor(flip, dtype=torch.float32)
    return lambda seen: seen[:, order] * signs, lambda action: action[:, legs] * flip


def rise_pay(last, before, terminated, iteration):
    """Pay robots for getting up; the environment's own reward. Yours will be another.

    Args:
        last: (N, 46) observations that the step led to: 0:3 velocity, 3:6 turn, 6:9 gravity, 9:21 joint angles from the nominal
            pose, 21:33 joint speeds, 33:45 the action, 45 height of the trunk.
        before: (N, 46) those that it began with.
        terminated: (N,) bool, never here.
        iteration: policy updates so far.
    """
    upright = (0.5 - 0.5 * last[:, 8]) ** 2  # 1 level, 1/4 on a side, 0 on the back
    height = upright * np.clip(last[:, 45] / 0.52, 0.0, 1.0)
    pose = 0.5 * upright * np.exp(-np.mean(last[:, 9:21] ** 2, axis=1) / 0.25)
    return upright + height + pose - 0.05 * np.mean((last[:, 33:45] - before[:, 33:45]) ** 2, axis=1)

# %% tags=["experiment"]
actor, monitor = train_quadruped(
    "QuadrupedRecovery-v0", 3_000_000, seed=0, pay=rise_pay, scale=LIE_SCALE, std=0.6, last_std=None, step_limit=150,
    mirror=mirror_lying(),
)  # fmt: skip
save_policy("recovery.npz", actor, scale=LIE_SCALE)
monitor.plot(), plt.show()
env = gymnasium.make("robolearn/QuadrupedRecovery-v0", render_mode="rgb_array").unwrapped
animate(film(load_policy("recovery.npz"), env, num_steps=150), 25)

# %%
check("9.4")

# %% [markdown]
# ## 10. In words
#
# Three short answers, about 150 to 250 words each. There is more than one right answer; we grade whether the pieces fit
# together and whether the reasons are yours. Numbers from your own runs count for more than adjectives. Write into the
# cells below.
#
# ### 10.1 The credit assignment problem (3 points)
#
# The quadruped falls at step 100, two seconds into its episode. Some of its hundred actions are to blame. (a) Which of
# them are blamed, and how much, by the return-to-go (section 2) with $\gamma = 0.99$; by GAE with $\gamma = 0.99$, $\lambda
# = 0.95$ (section 3); by a one-step error with $\lambda = 0$? Give time constants. (b) What does each of the three pay for
# its answer, in bias and in variance, and what role has the critic? (c) Hindsight (section 8) assigns credit in a way
# that none of the three can. Which, and what must be known for it?

# %% [markdown] written="10.1"
# (a) The return-to-go blames every one of the hundred actions. What the fall cost reaches action $t$ with the weight
# $0.99^{100 - t}$: half of it still at 69 steps (1.4 s) before the fall, so the very first steps, innocent ones, get 37%. GAE
# multiplies by $\gamma\lambda = 0.94$ a step: the blame has fallen to $1/e$ after 17 steps, a third of a second, about
# the time of one stride, in which a stumble can still be repaired. With $\lambda = 0$ only the action in whose step the
# critic changed its mind is blamed; if the critic is good, that is the real mistake, perhaps 20 steps earlier, and the
# last steps, when nothing could be done any more, are blamed for nothing.
#
# (b) The return is right on average, whatever the critic says (it only serves as a baseline), but it carries the noise of a
# hundred actions and of all the commands and pushes: large variance. $\lambda = 0$ has the noise of one step, and
# all of the critic's error as bias: in the first updates the critic knows nothing, and so does the judgement. GAE is
# between: in section 3 it was ahead of both on the cart-pole. Rewards of the far future reach an action only
# through the critic.
#
# (c) Hindsight asks a different question: not "which action lost the goal?" but "which goal were these actions good
# for?" Every action before an achieved state gets credit for *that* state, without any success ever having been
# seen. It needs goals that can be exchanged: `compute_reward` for a goal that nobody commanded, and a world
# whose dynamics do not depend on the goal. For a fall there is none.

# %% [markdown]
# ### 10.2 The cake (3 points)
#
# In 2016 Yann LeCun drew a cake: unsupervised learning is the cake itself, supervised learning the icing, and
# reinforcement learning the single cherry on top, by the amount of information that each sample gives a learner. Pieter
# Abbeel answered with a cake full of cherries: hindsight experience replay (Andrychowicz et al. 2017, section 8). (a)
# Estimate, for one *episode* of the sparse reaching of section 8, how many bits of feedback a learner gets from the
# rewards alone before it has ever reached a goal, from the rewards after relabelling, and from predicting the next observation.
# Rough numbers with a reason are enough. (b) Where do hindsight's cherries come from: what is free about
# them? (c) Name something that they cannot teach the robot, however many there are.

# %% [markdown] written="10.2"
# (a) Take 50 steps. Without a success every reward is $-1$, which I could have predicted: if one episode in a hundred
# succeeds, the outcome "failed" carries $-\log_2 0.99 = 0.014$ bits, for the whole episode. That is the cherry, and it
# is a dry one. Relabelled with a future state, each of the 50 steps gets a goal for which the reward is sometimes 0;
# with four goals a step I get 200 rewards, of which perhaps one in five is a surprise: $200 \cdot 0.7 \approx 140$ bits at
# most, fewer because neighbouring goals say much the same, but thousands of times more than before. Predicting
# the next observation gives four or more real numbers at every step, say 8 bits each of real precision: $50 \cdot 4 \cdot 8 =
# 1600$ bits. So LeCun's order stands, and hindsight fills most of the gap between cherry and icing.
#
# (b) The states that were reached were always in the buffer; what is new is reading them as goals. The reward function is
# known and can be asked again at no cost about any goal, and the physics does not care which goal was commanded, so the
# relabelled transition is as true as the real one. It is supervision by one's own outcome: self-supervised, with the
# robot's mistakes as labels.
#
# (c) It teaches how to reach what the robot already stumbles into. If no episode ever moves the object, every achieved goal is where
# the object lay, and relabelling says nothing about moving it; exploration is not solved. Nor can it
# teach costs that are no goals, such as walking smoothly.

# %% [markdown]
# ### 10.3 Reward terms, and what the robot did with them (3 points)
#
# Take *two* terms of 9.1 whose cost is multiplied by $k_c$. Train without the first (a million steps, some two minutes: put a 0 in front
# of it in a copy of your function) and with ten times the second, and look at the animation. (a) What did the
# robot do, in numbers and in words, compared with the full reward? (b) Why does that pay? Do the arithmetic of at
# least one. (c) Is there something that you dislike about the gait of the *full* reward, which no term charges for? Write the
# term, and say what it could spoil.

# %% [markdown] written="10.3"
# One million steps each, seed 0, random commands, from the third second on:
#
# | | error, m/s | mean square of the action's change | vertical velocity, rms, m/s |
# |---|---|---|---|
# | full reward | 0.109 | 0.0072 | 0.099 |
# | without `action_change` | 0.116 | 0.0065 | 0.122 |
# | ten times `bounce` | 0.114 | 0.0078 | 0.060 |
#
# (a, b) *Without `action_change`* nothing happened that I could see, and that is the finding: the term does not do what its name
# says. While training, the action's change is mostly exploration noise, $2\sigma^2 \approx 2 \cdot 0.34^2 = 0.23$ a step,
# which costs $0.1 \cdot 0.43 \cdot 0.23 = 0.010$; what the mean adds, 0.007, costs 0.0003 of the 1.5 that a step can earn. The
# only thing that the term can pull on is $\sigma$.
#
# *Ten times `bounce`*: the trunk is carried more quietly, and the robot follows 0.5 m/s a little worse (0.080 instead of 0.069 m/s
# off). It saves $0.43 \cdot 10 \cdot (0.099^2 - 0.060^2) = 0.027$ a step and loses in tracking, $1 + 4K(x) =
# \tanh^2(x/2)$ with $x = 4 \cdot 0.080$ and $4 \cdot 0.069$, $0.025 - 0.019 = 0.006$. So it pays: terms with a price each are traded against
# each other. "Follow, and *then* be smooth" cannot be said with a sum.
#
# (c) Told to stand, it goes on stepping: the reference marks time and no term charges for feet that
# move while the command is 0. I would add $-0.1\,k_c$ times the mean square of the offset from the *nominal* pose when the command is below 0.1. It
# could spoil slow walking, where standing would then be paid better than creeping along at 0.1 m/s.
