# %% [markdown]
# # Homework 1: Formulate and solve MDPs
#
# Robots already weld cars and dance on video. What they cannot yet do is clear a table in a home that they have never
# seen. This course asks how robots can *learn* to change a cluttered world in our favour, and it begins, like every
# project that works, with one question: **what exactly is the problem?**
#
# A Markov decision process (MDP) is the answer's grammar: what the robot observes, what it may do, what it is paid,
# and when it is over. Find a chair in an unknown building, get up after a fall, pick from a bin: each becomes
# an MDP, and everything after this homework (model-free learning, planning with models, imitation) is a way of
# solving one without knowing it in full. Here you do know it in full. You will
#
# - write the MDP of a robot arm, and watch what an arm that believes your reward does with it (section 1);
# - solve floor plans exactly, three ways, and know how far from optimal you stopped (2 to 4);
# - put a continuous pendulum into a table and swing it up (5);
# - design rewards that force a behaviour, and prove which bonus leaves the optimum alone (6);
# - balance a cart-pole by dynamic programming on matrices (7), and act when you cannot see the state (8);
# - say in words where this leaves the classical pipeline of state estimation, planning and control (9).
#
# There are 100 points and 4 bonus points. Each code question is a function with a gap of 3 to 15 lines; each stands on
# its own, so one mistake costs one question. Read the numbers worked by hand before you run anything long. Times in
# brackets are for two ordinary cores with nothing else to do. Solved, the whole notebook runs in about a minute there,
# and in two on a busy machine.
#
# **Symbols.** Batch letters are the same in the whole course: `T` time, `N` environments, `S` states, `A` actions,
# `O` the length of an observation. Units are SI; a name's suffix is its frame, so `target_world` is a position in
# the world frame, in metres. `terminated` and `truncated` are two different things; question 1.3 is about that.
#
# **Books and papers.** Sutton & Barto, *Reinforcement Learning: An Introduction*, 2nd edition 2018 (free online).
# Puterman, *Markov Decision Processes*, 1994. Papers are cited where they are used.

# %% tags=["setup"]
import matplotlib.pyplot as plt
import numpy as np

import environments  # registers the course's worlds with Gymnasium
from autograder import check, submit
from environments.animation import animate
from environments.grid_navigation import DEFAULT_PLAN, FloorPlan, draw_values
from environments.reacher import (
    GOAL_RADIUS,  # m
    GOAL_SPEED,  # rad/s
    TORQUE_LIMIT,  # N m
    Formulation,
    Reacher,
    forward_kinematics,
    step_states,
)

# %% [markdown]
# ## 1. Formulate
#
# Two links of 0.5 m and 0.4 m move in a horizontal plane. Two motors give up to 3 N m at the shoulder and at the
# elbow; both joints turn freely, round and round. Somewhere within reach is a target. 25 times a second the arm may
# choose new torques. MuJoCo knows the physics. What it does not know is what we *want*, and what a controller gets
# to see. That is yours to write.

# %% tags=["experiment"]
env = Reacher(render_mode="rgb_array", image_size=(300, 400))
_, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for seed, ax in enumerate(axes):
    env.reset(seed=seed)
    ax.imshow(env.render()[25:275, 50:350])
    ax.set_title(f"start {seed}: {np.round(env.physics.joint_angles(), 1)} rad", fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# **The task.** *Bring the fingertip to the target and come to rest there, without wasting effort.* Reached means:
# the fingertip is within `GOAL_RADIUS` (0.03 m) of the target, and each joint is slower than `GOAL_SPEED`
# (0.5 rad/s). Then the episode ends. Otherwise the clock stops it after `step_limit` steps.
#
# There is no single right formulation, so this section is judged by *properties*, which the docstrings list. Any
# formulation that has them earns full marks.
#
# ### 1.1 Observe the arm: a state that is enough to reach (4 points)
#
# An observation is a *state* when the future depends on the past through it alone (the Markov property; Puterman 1994,
# section 2.1; Sutton & Barto 2018, section 3.1). For the arm this is mechanics: the equations of motion are of
# second order,
#
# $$ M(q)\,\ddot q + c(q, \dot q) = \tau , $$
#
# so what is needed to predict the next step, and what is needed to know how far there is still to go? And an angle
# is a point on a circle: 179° and -179° are neighbours, and a full turn changes nothing. A function of the
# observation, such as a network, can only be smooth where your observation is.

# %%
def observe(qpos, qvel, target_world):
    """Describe the arm and its target, as the only input of a controller.

    Properties: (1) a fixed number of finite numbers; the same situation always looks the same; (2) a full turn of a
    joint changes nothing, and nearby situations look alike, also near 180 degrees; (3) situations that need
    different torques look different: nothing that the physics or the task depends on is missing.

    Args:
        qpos: (2,) float, rad: shoulder angle from the world's x axis, elbow angle from the upper link; not wrapped.
        qvel: (2,) float, joint velocities, rad/s.
        target_world: (2,) float, target in the world frame, m, from the shoulder.

    Returns:
        (O,) float, any O.
    """
    ### BEGIN SOLUTION 1.1 observe
    # HINT: Which representation of an angle has no jump? What besides the pose does the next pose depend on?
    # HINT:   forward_kinematics(qpos) gives the fingertip, if you want it. About 3 lines.
    to_target_world = target_world - forward_kinematics(qpos)
    return np.concatenate([np.cos(qpos), np.sin(qpos), qvel, to_target_world])
    ### END SOLUTION 1.1 observe


# %% [markdown]
# **First numbers.** The stretched arm along x, at rest, and the same arm after a full turn of the shoulder must look
# the same; a moving arm must not.

# %% tags=["experiment"]
still, target = np.zeros(2), np.array([0.3, 0.6])
print("at rest      ", observe(np.zeros(2), still, target))
print("a turn later ", observe(np.array([2 * np.pi, 0.0]), still, target))
print("moving       ", observe(np.zeros(2), np.array([1.0, -2.0]), target))

# %% [markdown]
# ### 1.2 Reward reaching (5 points)
#
# The reward is the only thing that the arm will ever learn about your wishes. It should say *what* you want and leave
# the *how* to the arm (Sutton & Barto 2018, section 3.2). It will be taken literally.
#
# Think about the end. When the arm has reached, the episode is over and **a terminal state earns nothing more**. With
# a discount $\gamma$, being paid $r$ a step for ever is worth $r / (1 - \gamma)$: at $\gamma = 0.99$ a hundred times
# $r$. Which is better then under your reward: to arrive, or to hover beside the target?

# %%
def reward(fingertip_world, target_world, torque):
    """Pay one control step.

    Properties: (1) nothing is better than the fingertip on the target without torque, and far away is worse; coming
    nearer along a straight line never pays less (it may pay the same: dense or sparse, as you like); (2) only where
    the fingertip is *as seen from the target* matters, not where both are in the world; (3) effort costs: any torque
    pays less than none at the same place, and twice the torque never pays more; (4) finite, and at most 1000 in
    size, wherever the arm can be; (5) with a discount of 0.99, to reach and end beats never moving, and beats
    hovering 12 cm beside the target for ever.

    Args:
        fingertip_world: (2,) float, fingertip in the world frame, m, after the step.
        target_world: (2,) float, target in the world frame, m.
        torque: (2,) float, torques held during the step, N m, each within +-TORQUE_LIMIT.

    Returns:
        float, the reward.
    """
    ### BEGIN SOLUTION 1.2 reward
    # HINT: A distance, and a small price on the torques. What does your reward pay per step far away, and what at
    # HINT:   the target, compared with the 0 that comes after the end? About 3 lines.
    distance = np.linalg.norm(fingertip_world - target_world)
    effort = np.dot(torque, torque)
    return float(-distance - 0.01 * effort)
    ### END SOLUTION 1.2 reward


# %% [markdown]
# **First numbers.** Rank these four before you run the cell: on the target without torque; on the target with 1 N m in
# each motor; 10 cm away; 1 m away.

# %% tags=["experiment"]
there = np.array([0.5, 0.5])
print("on target, no torque", reward(there, there, np.zeros(2)))
print("on target, 1 N m    ", reward(there, there, np.ones(2)))
print("10 cm away          ", reward(there + np.array([0.1, 0.0]), there, np.zeros(2)))
print("1 m away            ", reward(there - np.array([0.6, 0.8]), there, np.zeros(2)))

# %% [markdown]
# ### 1.3 Terminated or truncated (5 points)
#
# Two very different things end an episode. **Terminated**: the world has come to a state after which nothing more is
# earned; its value is 0. **Truncated**: *we* stopped watching; the world would have gone on, and the last state is
# worth what it is worth. An algorithm that takes the clock for a death learns that good states are worthless when
# they happen to come late (Pardo et al. 2018, *Time Limits in Reinforcement Learning*).

# %%
def done(fingertip_world, qvel, target_world, step, step_limit):
    """Decide whether the task has ended, and whether the clock has.

    Reached means within GOAL_RADIUS of the target with each joint slower than GOAL_SPEED, in either direction.

    Args:
        fingertip_world: (2,) float, fingertip in the world frame, m.
        qvel: (2,) float, joint velocities, rad/s.
        target_world: (2,) float, target in the world frame, m.
        step: int, steps taken so far, this one included: 1 after the first.
        step_limit: int, steps in an episode; the step with this number is the last.

    Returns:
        terminated: bool, the arm has reached.
        truncated: bool, time is up. Where both happen at once terminated is True, and truncated may be either.
    """
    ### BEGIN SOLUTION 1.3 done
    # HINT: Two questions that do not know of each other. Is an arm that flies through the target at rest there?
    # HINT:   About 4 lines.
    on_target = np.linalg.norm(fingertip_world - target_world) < GOAL_RADIUS
    at_rest = np.all(np.abs(qvel) < GOAL_SPEED)
    return bool(on_target and at_rest), bool(step >= step_limit)
    ### END SOLUTION 1.3 done


# %% tags=["experiment"]
print("at rest on the target   ", done(there, np.zeros(2), there, 7, 100))  # (True, False)
print("flies through the target", done(there, np.array([2.0, 0.0]), there, 7, 100))  # (False, False)
print("time is up, still far   ", done(there + 0.3, np.zeros(2), there, 100, 100))  # (False, True)

# %% [markdown]
# ### What does an arm do that believes you?
#
# The planner below knows the physics and *your reward*, and nothing else: each step it imagines 64 random torque
# sequences half a second ahead, adds up your reward along each, and blends them in favour of the best (model-predictive
# path integral control; homework 3 builds it properly). It is short-sighted, so it shows what your reward says about
# the *way*, not only about the goal. (About 4 s.)

# %% tags=["experiment"]
def plan_torques(state, target_world, reward_function, guess, rng, num_samples=64, discount=0.97):
    """Improve a (H, 2) torque sequence by sampling around it: weights are exponential in the imagined return."""
    knots = rng.normal(scale=1.0, size=(num_samples, len(guess) // 3, 2))  # N m
    torques = np.clip(guess + np.repeat(knots, 3, axis=1), -TORQUE_LIMIT, TORQUE_LIMIT)  # (K, H, 2)
    torques[0] = guess
    states = np.tile(state, (num_samples, 1))
    returns = np.zeros(num_samples)
    for k in range(len(guess)):
        states = step_states(states, torques[:, k])
        fingertips_world = forward_kinematics(states[:, :2])
        for i in range(num_samples):
            returns[i] += discount**k * reward_function(fingertips_world[i], target_world, torques[i, k])
    weights = np.exp((returns - returns.max()) / (0.1 * returns.std() + 1e-9))
    return np.einsum("k,khj->hj", weights / weights.sum(), torques)


def roll_out(env, reward_function, seed=0):
    """Run the planner in an arm environment; return distances (T,), rewards (T,) and pictures."""
    rng = np.random.default_rng(seed)
    env.reset(options={"qpos": [2.5, 0.8], "target_world": [0.5, -0.3]})
    guess, distances, rewards, frames = np.zeros((12, 2)), [], [], []
    terminated = truncated = False
    while not (terminated or truncated):
        if env.render_mode:
            frames.append(env.render())
        state = np.concatenate([env.physics.joint_angles(), env.physics.joint_velocities()])
        guess = plan_torques(state, env.physics.target_position_world(), reward_function, guess, rng)
        _, earned, terminated, truncated, info = env.step(guess[0] / TORQUE_LIMIT)
        guess = np.vstack([guess[1:], guess[-1:]])
        distances.append(info["distance"])
        rewards.append(earned)
    print(f"{len(rewards)} steps, terminated: {terminated}, truncated: {truncated}, return {sum(rewards):.2f}")
    return np.array(distances), np.array(rewards), frames


env = Reacher(Formulation(observe, reward, done), render_mode="rgb_array", image_size=(300, 400))
distances, rewards, frames = roll_out(env, reward)
animate(frames, env.metadata["render_fps"])

# %% tags=["experiment"]
_, axes = plt.subplots(1, 6, figsize=(12, 2.1), layout="constrained")
for ax, t in zip(axes, np.linspace(0, len(frames) - 1, 6).astype(int)):
    ax.imshow(frames[t][25:275, 50:350])
    ax.set_title(f"{0.04 * t:.2f} s", fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# Now give the same planner two rewards that look reasonable on paper. (About 5 s.)

# %% tags=["experiment"]
def sparse(fingertip_world, target_world, torque):
    """Pay -1 for each step that is not at the target."""
    return -float(np.linalg.norm(fingertip_world - target_world) > GOAL_RADIUS) - 0.01 * np.dot(torque, torque)


def generous(fingertip_world, target_world, torque):
    """Pay up to 1 for each step, the more the nearer."""
    return np.exp(-np.linalg.norm(fingertip_world - target_world) / 0.3) - 0.01 * np.dot(torque, torque)


env = Reacher(Formulation(observe, reward, done))
fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, function in {"yours": reward, "sparse": sparse, "generous": generous}.items():
    env.formulation = Formulation(observe, function, done)
    distances, _, _ = roll_out(env, function)
    ax.plot(0.04 * np.arange(1, len(distances) + 1), distances, label=name)
    ax.plot(0.04 * len(distances), distances[-1], "o", color=ax.lines[-1].get_color())
ax.axhline(GOAL_RADIUS, color="0.6", linestyle=":", label="goal radius")
ax.set(xlabel="time, s", ylabel="distance to the target, m", title="Same planner, same arm, three rewards")
ax.legend()
plt.show()

# %% [markdown]
# **What do you see?** The sparse reward says exactly what we want, and the arm does not move: why? (Homework 2 answers
# with hindsight.) The generous reward does pay more near the target; why is the arm so slow to start?
#
# The planner sees half a second. What would a *far-sighted* arm do? No planning is needed to know: compare what three
# behaviours are worth at $\gamma = 0.99$, after the end included.

# %% tags=["experiment"]
def worth(reward_function, distance_per_step, ends, gamma=0.99):
    """Discounted return of a fingertip that follows distances along a line and then ends, or stays for ever."""
    paid = [reward_function(np.array([d, 0.0]), np.zeros(2), np.zeros(2)) for d in distance_per_step]
    after = 0.0 if ends else paid[-1] / (1 - gamma)
    return sum(gamma**t * r for t, r in enumerate(paid)) + gamma ** len(paid) * after


print(f"{'':10s}{'reach, end':>14s}{'hover at 12 cm':>16s}{'never move':>14s}")
for name, function in {"yours": reward, "sparse": sparse, "generous": generous}.items():
    reach = worth(function, np.linspace(1.0, 0.0, 40), ends=True)
    hover = worth(function, np.linspace(1.0, 0.12, 40), ends=False)
    stay = worth(function, np.full(40, 1.0), ends=False)
    print(f"{name:10s}{reach:14.1f}{hover:16.1f}{stay:14.1f}")

# %% [markdown]
# **What do you see?** Which of the three would never arrive if it were solved perfectly? Harder: suppose a sparse reward
# paid $+1$ for each step within the goal radius instead of $-1$ outside it. What would an arm earn that trembles on
# the target and never comes to rest?

# %% [markdown]
# ## 2. Evaluate a policy
#
# A Markov decision process with finitely many states and actions is three arrays and a number. In this
# notebook they are always
#
# | array | shape | meaning |
# |---|---|---|
# | `transition` | (S, A, S) | $p(s' \mid s, a)$; each `transition[s, a]` sums to one |
# | `reward` | (S, A) | $r(s, a)$, the *expected* reward of taking $a$ in $s$ |
# | `policy` | (S, A) | $\pi(a \mid s)$; each row sums to one |
# | `gamma` | | the discount, $0 \le \gamma < 1$ |
#
# **Terminal states are absorbing**: from there every action leads back to the same state and earns nothing.
# The equations below then need no special case, and neither does your code.
#
# The value of a policy is what it earns from here on, $V^\pi(s) = \mathbb{E}\left[\sum_t \gamma^t r_t \mid
# s_0 = s\right]$. Average the arrays over the policy's actions,
#
# $$ P_\pi(s, s') = \sum_a \pi(a \mid s)\, p(s' \mid s, a), \qquad r_\pi(s) = \sum_a \pi(a \mid s)\, r(s, a), $$
#
# and Bellman's equation for a fixed policy is linear:
#
# $$ V^\pi = r_\pi + \gamma P_\pi V^\pi \quad\Longleftrightarrow\quad (I - \gamma P_\pi)\, V^\pi = r_\pi . $$
#
# (Sutton & Barto 2018, eq. 4.4; Puterman 1994, Theorem 6.1.1: the matrix is invertible for every $\gamma < 1$.)
#
# ### 2.1 Exactly: solve the linear system (5 points)

# %%
def evaluate_exact(transition, reward, policy, gamma):
    """Solve the linear Bellman equation of a policy.

    Theorem 6.1.1 of Puterman 1994; eq. (4.4) of Sutton & Barto 2018.

    Args:
        transition: (S, A, S) float, p(s' | s, a); terminal states are absorbing.
        reward: (S, A) float, expected reward r(s, a); 0 in terminal states.
        policy: (S, A) float, pi(a | s); each row sums to 1. The policy may be stochastic.
        gamma: float, discount, 0 <= gamma < 1.

    Returns:
        (S,) float, V of the policy.
    """
    ### BEGIN SOLUTION 2.1 evaluate_exact
    # HINT: Average transition and reward over the policy's actions (np.einsum reads like the formula), then
    # HINT:   solve the system; no loop, and no inverse. About 4 lines.
    transition_policy = np.einsum("sa,sat->st", policy, transition)  # (S, S)
    reward_policy = np.einsum("sa,sa->s", policy, reward)  # (S,)
    return np.linalg.solve(np.eye(len(reward_policy)) - gamma * transition_policy, reward_policy)
    ### END SOLUTION 2.1 evaluate_exact


# %% [markdown]
# **By hand first.** A robot waits at a charger. `stay` earns 1 and stays; `leave` earns 0 and ends the day
# (state 1, terminal). With $\gamma = 0.5$ and a policy that stays with probability $q$,
# $V = q\,(1 + 0.5\,V)$, so $V = q / (1 - q/2)$: 2 for $q = 1$, and $2/3$ for $q = 1/2$.

# %%
CHARGER_TRANSITION = np.array([[[1.0, 0.0], [0.0, 1.0]],   # waiting: stay, leave
                               [[0.0, 1.0], [0.0, 1.0]]])  # the day is over: absorbing
CHARGER_REWARD = np.array([[1.0, 0.0],
                           [0.0, 0.0]])

# %% tags=["experiment"]
for stay in (1.0, 0.5, 0.0):
    policy = np.array([[stay, 1 - stay], [0.5, 0.5]])
    print(f"stays with probability {stay}: V = {evaluate_exact(CHARGER_TRANSITION, CHARGER_REWARD, policy, 0.5)}")
# expected: [2. 0.], [0.66666667 0.], [0. 0.]

# %% [markdown]
# ### 2.2 By iteration (5 points)
#
# A linear solve costs $O(S^3)$. The same fixed point is reached by *using the equation as an assignment*,
#
# $$ V_{k+1} \leftarrow r_\pi + \gamma P_\pi V_k , $$
#
# at $O(S^2)$ a sweep, or less when transitions are sparse (Sutton & Barto 2018, section 4.1). Each sweep shrinks
# the largest error by the factor $\gamma$, because $\lVert P_\pi x \rVert_\infty \le \lVert x \rVert_\infty$:
#
# $$ \lVert V_{k+1} - V^\pi \rVert_\infty \le \gamma \lVert V_k - V^\pi \rVert_\infty
# \quad\text{and therefore}\quad
# \lVert V_{k+1} - V^\pi \rVert_\infty \le \tfrac{\gamma}{1-\gamma} \lVert V_{k+1} - V_k \rVert_\infty . $$
#
# The second inequality is why one may stop on the *change*, which one can see, and be sure of the *error*, which
# one cannot. It speaks of the largest change over all states, in absolute value. (Sweeps in place, which use new
# values as soon as they are there, satisfy both as well. Write whichever you like.)

# %%
def evaluate_iterative(transition, reward, policy, gamma, tolerance):
    """Evaluate a policy by repeated sweeps of its Bellman equation.

    Section 4.1 of Sutton & Barto 2018 (iterative policy evaluation).

    Args:
        transition: (S, A, S) float, p(s' | s, a); terminal states are absorbing.
        reward: (S, A) float, expected reward r(s, a); 0 in terminal states.
        policy: (S, A) float, pi(a | s); each row sums to 1.
        gamma: float, discount, 0 <= gamma < 1.
        tolerance: float > 0; stop after the first sweep in which no state's value changes by more.

    Returns:
        (S,) float, within gamma / (1 - gamma) * tolerance of V of the policy, in every state.
    """
    ### BEGIN SOLUTION 2.2 evaluate_iterative
    # HINT: Start from zeros and sweep until the largest absolute change is at most the tolerance. Rewards may
    # HINT:   be negative, and an array that you change in place is the same array under both names. About 8 lines.
    transition_policy = np.einsum("sa,sat->st", policy, transition)
    reward_policy = np.einsum("sa,sa->s", policy, reward)
    values = np.zeros(len(reward_policy))
    change = np.inf
    while change > tolerance:
        new = reward_policy + gamma * transition_policy @ values
        change = np.max(np.abs(new - values))
        values = new
    return values
    ### END SOLUTION 2.2 evaluate_iterative


# %% [markdown]
# **By hand.** At the charger with `stay` always and $\gamma = 0.5$, the sweeps give $1, 1.5, 1.75, 1.875, \dots$,
# and the changes $1, 0.5, 0.25, 0.125, \dots$ With a tolerance of 0.2 the fourth sweep is the last: 1.875, which
# is within $\frac{0.5}{1 - 0.5} \cdot 0.2 = 0.2$ of the true 2.

# %% tags=["experiment"]
always_stay = np.array([[1.0, 0.0], [0.5, 0.5]])
print(evaluate_iterative(CHARGER_TRANSITION, CHARGER_REWARD, always_stay, 0.5, tolerance=0.2))  # [1.875 0.]

# %% [markdown]
# ## 3. Value iteration
#
# Evaluation tells what a policy is worth. Control asks for the best one. Bellman's optimality equation replaces
# the policy's average by a maximum,
#
# $$ V^*(s) = \max_a \Big[\, r(s, a) + \gamma \sum_{s'} p(s' \mid s, a)\, V^*(s') \Big] =: (T V^*)(s) , $$
#
# (Bellman 1957; Puterman 1994, section 6.2; Sutton & Barto 2018, eq. 3.19). It is no longer linear, but $T$ is
# still a contraction: $\lVert T U - T V \rVert_\infty \le \gamma \lVert U - V \rVert_\infty$, since
# $\lvert \max_a x_a - \max_a y_a \rvert \le \max_a \lvert x_a - y_a \rvert$. So there is exactly one $V^*$, and
# applying $T$ again and again finds it from any start. A policy that takes a maximising action everywhere is
# optimal, and it is deterministic.
#
# ### 3.1 The Bellman optimality backup (5 points)

# %%
def bellman_backup(transition, reward, values, gamma):
    """Apply Bellman's optimality operator once.

    Eq. (4.10) of Sutton & Barto 2018; section 6.2 of Puterman 1994.

    Args:
        transition: (S, A, S) float, p(s' | s, a); terminal states are absorbing.
        reward: (S, A) float, expected reward r(s, a); 0 in terminal states.
        values: (S,) float, any estimate V, not changed.
        gamma: float, discount, 0 <= gamma < 1.

    Returns:
        backed_up: (S,) float, T V.
        greedy: (S,) int, in each state an action that attains the maximum; any of them where several do.
    """
    ### BEGIN SOLUTION 3.1 bellman_backup
    # HINT: First the table of action values, (S, A): transition @ values does the expectation for all states and
    # HINT:   actions at once. Then the maximum, and where it is. About 3 lines.
    action_values = reward + gamma * transition @ values  # (S, A)
    return action_values.max(axis=1), action_values.argmax(axis=1)
    ### END SOLUTION 3.1 bellman_backup


# %% [markdown]
# **By hand.** At the charger with $\gamma = 0.5$ and the guess $V = (4, 0)$: `stay` is worth $1 + 0.5 \cdot 4 = 3$,
# `leave` is worth 0, so $TV = (3, 0)$ and the greedy action in state 0 is 0, `stay`. (In the terminal state both
# actions are worth 0; either is greedy.) The true value is 2: the error went from 2 to 1, by exactly $\gamma$.

# %% tags=["experiment"]
print(bellman_backup(CHARGER_TRANSITION, CHARGER_REWARD, np.array([4.0, 0.0]), 0.5))  # [3. 0.], [0 0]

# %% [markdown]
# ### 3.2 Value iteration and its greedy policy (5 points)
#
# Repeat $V_{k+1} = T V_k$ from $V_0 = 0$ until no value changes by more than a tolerance (Sutton & Barto 2018,
# section 4.4). You may call your `bellman_backup`; when this question is graded a correct one stands in for it,
# so a mistake in 3.1 is not counted twice.

# %%
def value_iteration(transition, reward, gamma, tolerance):
    """Find the optimal values by repeated backups.

    Section 4.4 of Sutton & Barto 2018; section 6.3 of Puterman 1994.

    Args:
        transition: (S, A, S) float, p(s' | s, a); terminal states are absorbing.
        reward: (S, A) float, expected reward r(s, a); 0 in terminal states.
        gamma: float, discount, 0 <= gamma < 1.
        tolerance: float > 0; stop after the first sweep in which no state's value changes by more.

    Returns:
        values: (S,) float, within gamma / (1 - gamma) * tolerance of the optimal values, in every state.
        greedy: (S,) int, a policy that loses at most 2 gamma / (1 - gamma) * tolerance in any state.
    """
    ### BEGIN SOLUTION 3.2 value_iteration
    # HINT: A loop around bellman_backup. The guarantee speaks of the largest absolute change, not of a sum or a
    # HINT:   mean, and the policy to return is the last one. About 7 lines.
    values = np.zeros(len(reward))
    while True:
        backed_up, greedy = bellman_backup(transition, reward, values, gamma)
        change = np.max(np.abs(backed_up - values))
        values = backed_up
        if change <= tolerance:
            return values, greedy
    ### END SOLUTION 3.2 value_iteration


# %% tags=["experiment"]
print(value_iteration(CHARGER_TRANSITION, CHARGER_REWARD, gamma=0.5, tolerance=0.2))  # [1.875 0.], [0 0]

# %% [markdown]
# **A floor plan.** Here is the first robot task that we can solve completely: find the way to the goal cell of an
# apartment, on a floor that is slippery. Watch the values spread from the goal, one ring of cells a sweep.
# (About 1 s.)

# %% tags=["experiment"]
apartment = FloorPlan.from_text(DEFAULT_PLAN)
apartment_mdp = apartment.mdp(slip=0.1)
P, R = apartment_mdp.transition, apartment_mdp.reward
GAMMA = 0.95
snapshots, values = {}, np.zeros(apartment.num_states)
for k in range(1, 101):
    values, greedy = bellman_backup(P, R, values, GAMMA)
    snapshots[k] = values, greedy
fig, axes = plt.subplots(2, 2, figsize=(13, 9.4), layout="constrained")
for k, ax in zip((4, 10, 16, 100), axes.flat):
    draw_values(apartment, *snapshots[k], ax=ax)
    ax.set_title(f"after {k} sweeps")
plt.show()

# %% [markdown]
# **What do you see?** In the second picture, which cells already know their way, and which still guess? Is the
# greedy policy right earlier than the values are?
#
# ### 3.3 How far from optimal? (4 points)
#
# You stopped early. How wrong can you be? Let $V$ be any guess, $TV$ its backup, and
# $\varepsilon = \lVert TV - V \rVert_\infty$ the largest *Bellman residual*, which you can compute. Then
#
# 1. *Values.* $\lVert TV - V^* \rVert \le \gamma \lVert V - V^* \rVert \le \gamma\,(\lVert V - TV \rVert + \lVert TV - V^* \rVert)$.
#    Solve for $\lVert TV - V^* \rVert$.
# 2. *The policy.* Let $\pi$ be the greedy policy that came with the backup, $T_\pi V = TV$. The same argument for
#    $T_\pi$ bounds $\lVert TV - V^\pi \rVert$; then $\lVert V^* - V^\pi \rVert \le \lVert V^* - TV \rVert + \lVert TV - V^\pi \rVert$.
# 3. *Sweeps left.* Each further sweep multiplies the bound of 1 by $\gamma$. How many until it is at most a wanted
#    `accuracy`?
#
# These are the stopping rules of Puterman 1994, Theorem 6.3.1; the bound on the policy, which is what matters for
# a robot that acts, is the one of Williams & Baird 1993 (*Tight performance bounds on greedy policies based on
# imperfect value functions*).

# %%
def error_bound(values, backed_up, gamma, accuracy):
    """Bound the errors of a value estimate and of its greedy policy.

    Theorem 6.3.1 of Puterman 1994; Williams & Baird 1993. Give the bounds that the derivation above gives, not
    looser ones; for the example below that is 1.0 and 2.0.

    Args:
        values: (S,) float, an estimate V.
        backed_up: (S,) float, T V, its Bellman backup.
        gamma: float, discount, 0 <= gamma < 1.
        accuracy: float > 0, wanted bound on the value error.

    Returns:
        value_error: float, bounds max_s |TV(s) - V*(s)|.
        policy_loss: float, bounds max_s V*(s) - V_pi(s), where pi is greedy for `values`.
        sweeps_left: int, the fewest further sweeps after which the bound on the value error is at most
            `accuracy`; 0 if it is already.
    """
    ### BEGIN SOLUTION 3.3 error_bound
    # HINT: One residual, two fractions, one logarithm rounded up. Mind the case in which the first bound is
    # HINT:   already small enough: log(0) is not a number of sweeps. About 6 lines.
    residual = np.max(np.abs(backed_up - values))
    value_error = gamma * residual / (1 - gamma)
    policy_loss = 2 * gamma * residual / (1 - gamma)
    sweeps_left = 0
    if value_error > accuracy:
        sweeps_left = int(np.ceil(np.log(accuracy / value_error) / np.log(gamma)))
    return value_error, policy_loss, sweeps_left
    ### END SOLUTION 3.3 error_bound


# %% [markdown]
# **By hand.** One state, one action, reward 1, $\gamma = 0.5$: $V^* = 2$. From $V = 0$ the backup is $TV = 1$, the
# residual 1. The value bound is $0.5 \cdot 1 / 0.5 = 1$, and the error $\lvert 1 - 2 \rvert$ *is* 1. The policy bound is 2.
# For an accuracy of 0.1: $1, 0.5, 0.25, 0.125, 0.0625$, so 4 more sweeps.

# %% tags=["experiment"]
value_error, policy_loss, sweeps_left = error_bound(np.array([0.0]), np.array([1.0]), gamma=0.5, accuracy=0.1)
print(f"value error {value_error:.3f}, policy loss {policy_loss:.3f}, sweeps left {sweeps_left}")  # 1, 2, 4

# %% [markdown]
# **Contraction, measured.** The error of value iteration on the floor plan, against the line
# $\gamma^k \lVert V_0 - V^* \rVert$ that the theorem draws, the bound that you can compute without knowing $V^*$, and
# what the greedy policy really loses. (Half a second.)

# %% tags=["experiment"]
optimal_values, _ = value_iteration(P, R, GAMMA, tolerance=1e-13)
errors, bounds, losses, loss_bounds = [], [], [], []
values = np.zeros(apartment.num_states)
for _ in range(60):
    backed_up, greedy = bellman_backup(P, R, values, GAMMA)
    value_bound, loss_bound, _ = error_bound(values, backed_up, GAMMA, accuracy=1e-6)
    policy_values = evaluate_exact(P, R, np.eye(4)[greedy], GAMMA)
    errors.append(np.max(np.abs(backed_up - optimal_values)))
    losses.append(np.max(optimal_values - policy_values))
    bounds.append(value_bound)
    loss_bounds.append(loss_bound)
    values = backed_up
sweeps = np.arange(1, 61)
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4), sharey=True, layout="constrained")
left.semilogy(sweeps, bounds, color="tab:orange", label="bound that you can compute")
left.semilogy(sweeps, GAMMA**sweeps * np.max(np.abs(optimal_values)), "--", color="0.4", label=r"$\gamma^k \|V_0 - V^*\|$")
left.semilogy(sweeps, np.maximum(errors, 1e-12), color="tab:blue", label="error of the values")
left.set(xlabel="sweeps k", ylabel="largest over all states", title="Values", ylim=(1e-9, 100))
right.semilogy(sweeps, loss_bounds, color="tab:orange", label="bound that you can compute")
shown = np.where(np.array(losses) > 1e-11, losses, np.nan)  # zero has no logarithm
right.semilogy(sweeps, shown, "o-", markersize=3, color="tab:green", label="loss of the greedy policy")
first_optimal = 1 + int(np.max(sweeps[np.array(losses) > 1e-11], initial=0))
right.axvline(first_optimal, color="tab:green", linestyle=":", label=f"optimal from sweep {first_optimal} on")
right.set(xlabel="sweeps k", title="The greedy policy")
for ax in (left, right):
    ax.legend()
    ax.grid(alpha=0.3)
plt.show()

# %% [markdown]
# **What do you see?** Where does the error fall faster than $\gamma^k$, and why there? How many sweeps before the end
# was the policy already optimal?

# %% [markdown]
# ## 4. Policy iteration
#
# You just saw the policy become right long before the values did. Howard's policy iteration (1960) works on the
# policy itself: *evaluate* it exactly, make it *greedy* for its own values, and repeat. No round makes
# any state worse (the policy improvement theorem; Sutton & Barto 2018, section 4.2), and there are only $A^S$
# policies, so it ends, and in practice within a handful of rounds. It is Newton's method on Bellman's equation (Puterman &
# Brumelle 1979), where value iteration is the fixed-point method.
#
# One trap. Where two actions are *equally* good, rounding may prefer one today and the other tomorrow, and "stop when
# the policy stays the same" waits for ever (Sutton & Barto 2018, exercise 4.4). So change an action only where
# the new one is better by more than rounding, or stop on the values instead. Rounding is relative: it grows with the
# size of the values, and values in the millions need more room than values near 1.
#
# ### 4.1 Policy iteration (8 points)
#
# Your `evaluate_exact` and `bellman_backup` may be called; when graded, correct ones stand in for them.

# %%
def policy_iteration(transition, reward, gamma):
    """Find an optimal policy by exact evaluation and greedy improvement.

    Howard 1960; section 4.3 of Sutton & Barto 2018; section 6.4 of Puterman 1994.

    Args:
        transition: (S, A, S) float, p(s' | s, a); terminal states are absorbing.
        reward: (S, A) float, expected reward r(s, a); 0 in terminal states.
        gamma: float, discount, 0 <= gamma < 1.

    Returns:
        values: (S,) float, the optimal values, to rounding.
        policy: (S,) int, an optimal action in each state.
        num_evaluations: int, how many policies were evaluated.
    """
    ### BEGIN SOLUTION 4.1 policy_iteration
    # HINT: A policy as integers becomes a policy as probabilities by np.eye(num_actions)[policy]. End when no
    # HINT:   state gains more than rounding (1e-9, times the largest value where values are large) over the
    # HINT:   values of the present policy. About 10 lines.
    num_states, num_actions = reward.shape
    policy = np.zeros(num_states, dtype=int)
    num_evaluations = 0
    while True:
        values = evaluate_exact(transition, reward, np.eye(num_actions)[policy], gamma)
        num_evaluations += 1
        backed_up, greedy = bellman_backup(transition, reward, values, gamma)
        better = backed_up > values + 1e-9 * max(1.0, np.abs(values).max())
        if not better.any():
            return values, policy, num_evaluations
        policy = np.where(better, greedy, policy)
    ### END SOLUTION 4.1 policy_iteration


# %% [markdown]
# **By hand.** At the charger with $\gamma = 0.5$: start with `leave` in both states. Its values are $(0, 0)$; `stay`
# would be worth 1, so the policy changes. Its values are $(2, 0)$; nothing is better. Two evaluations.
# (If you start with `stay`, one.)

# %% tags=["experiment"]
print(policy_iteration(CHARGER_TRANSITION, CHARGER_REWARD, 0.5))  # [2. 0.], [0 ...], 1 or 2

# %% [markdown]
# **Few rounds or many sweeps?** The same apartment, but nothing ends: the goal is a charger that pays at every step.
# The nearer the discount is to one, the further the robot looks ahead. (About 1 s.)

# %% tags=["experiment"]
home = FloorPlan.from_text(DEFAULT_PLAN, terminals=())  # nothing ends: the goal is a charger that pays every step
home_mdp = home.mdp(slip=0.1)
discounts = np.array([0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999])
num_sweeps, num_rounds = [], []
for gamma in discounts:
    values, change, count = np.zeros(home.num_states), np.inf, 0
    while gamma / (1 - gamma) * change > 1e-6:  # values certain to 1e-6
        backed_up, _ = bellman_backup(home_mdp.transition, home_mdp.reward, values, gamma)
        values, change, count = backed_up, np.max(np.abs(backed_up - values)), count + 1
    num_sweeps.append(count)
    num_rounds.append(policy_iteration(home_mdp.transition, home_mdp.reward, gamma)[2])
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
ax.loglog(1 / (1 - discounts), num_sweeps, "o-", label="value iteration: sweeps")
ax.loglog(1 / (1 - discounts), num_rounds, "s-", label="policy iteration: evaluations")
ax.set(xlabel=r"horizon $1 / (1 - \gamma)$, steps", ylabel="iterations", title="Values certain to $10^{-6}$")
ax.grid(alpha=0.3, which="both")
ax.legend()
plt.show()
print(dict(zip(discounts.tolist(), zip(num_sweeps, num_rounds))))

# %% [markdown]
# **Where actions tie.** The next world is a doughnut: leave it in the north and you come in from the south. Its hills
# are symmetric, so in many cells two actions are exactly equally good. If this cell does not end within a second,
# interrupt it and read about the trap above again.

# %% tags=["experiment"]
def doughnut(side=5, slip=0.2, seed=0):
    """Return transition and reward of a slippery torus with a landscape that is symmetric about both diagonals."""
    height = np.random.default_rng(seed).normal(size=(side, side))
    height = height + height.T
    height = height + height[::-1, ::-1]
    cells = np.arange(side * side).reshape(side, side)
    ahead = [np.roll(cells, shift, axis).ravel() for shift, axis in ((1, 0), (-1, 1), (-1, 0), (1, 1))]  # N E S W
    transition = np.zeros((side * side, 4, side * side))
    for action in range(4):
        for turn, probability in ((0, 1 - slip), (1, slip / 2), (3, slip / 2)):
            transition[cells.ravel(), action, ahead[(action + turn) % 4]] += probability
    return transition, np.repeat(height.reshape(-1, 1), 4, axis=1)


for seed in range(5):
    print(policy_iteration(*doughnut(seed=seed), 0.95)[2], "evaluations")

# %% [markdown]
# **What do you see?** Which method pays for patience, and which hardly notices? Count the arithmetic too: one
# round of policy iteration solves a linear system; which method would you use on $10^5$ states?
#
# ### 4.2 Extension: modified policy iteration (4 bonus points)
#
# Between the two lies a family (Puterman & Shin 1978): improve once, then evaluate the greedy policy by only $m$
# sweeps of *its* Bellman equation, without a maximum and without a linear solve:
#
# $$ \pi_k \text{ greedy for } V_k, \qquad V_{k+1} = (T_{\pi_k})^{m}\, T V_k , \qquad (T_\pi V)(s) = r(s, \pi(s)) + \gamma \sum_{s'} p(s' \mid s, \pi(s))\, V(s') . $$
#
# With $m = 0$ this is value iteration; as $m \to \infty$ it becomes policy iteration.

# %%
def modified_policy_iteration(transition, reward, gamma, num_backups, tolerance):
    """Alternate one greedy improvement with a few sweeps of policy evaluation.

    Puterman & Shin 1978; section 6.5 of Puterman 1994.

    Args:
        transition: (S, A, S) float, p(s' | s, a); terminal states are absorbing.
        reward: (S, A) float, expected reward r(s, a); 0 in terminal states.
        gamma: float, discount, 0 <= gamma < 1.
        num_backups: int >= 0, m, sweeps of evaluation after each improvement.
        tolerance: float > 0; stop when an improvement (the backup with the maximum) changes no value by more.

    Returns:
        values: (S,) float, within gamma / (1 - gamma) * tolerance of the optimal values, in every state.
        greedy: (S,) int, a policy that loses at most 2 gamma / (1 - gamma) * tolerance in any state.
        num_improvements: int, how many backups with the maximum were done.
    """
    ### BEGIN SOLUTION 4.2 modified_policy_iteration
    # HINT: transition[np.arange(S), greedy] is the (S, S) matrix of the greedy policy. Test for the end right
    # HINT:   after the improvement: the change that the evaluation sweeps make proves nothing. About 12 lines.
    states = np.arange(len(reward))
    values = np.zeros(len(reward))
    num_improvements = 0
    while True:
        backed_up, greedy = bellman_backup(transition, reward, values, gamma)
        num_improvements += 1
        if np.max(np.abs(backed_up - values)) <= tolerance:
            return backed_up, greedy, num_improvements
        values = backed_up
        for _ in range(num_backups):
            values = reward[states, greedy] + gamma * transition[states, greedy] @ values
    ### END SOLUTION 4.2 modified_policy_iteration


# %% [markdown]
# **How much evaluation is worth it?** One world with 400 states and a far horizon, solved to the same accuracy with
# more and more evaluation sweeps a round. (About 2 s. If you leave the extension out, skip this cell.)

# %% tags=["experiment"]
import time

transition, hills = doughnut(side=20)
choices = [0, 1, 3, 10, 30, 100, 300]
seconds, rounds = [], []
for num_backups in choices:
    begin = time.perf_counter()
    rounds.append(modified_policy_iteration(transition, hills, 0.99, num_backups, tolerance=1e-6)[2])
    seconds.append(time.perf_counter() - begin)
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
positions = np.arange(len(choices))
for ax, heights, label in ((left, rounds, "improvements"), (right, seconds, "seconds")):
    ax.bar(positions, heights, color="tab:blue")
    ax.set(xticks=positions, xticklabels=choices, xlabel="evaluation sweeps a round, m", ylabel=label)
left.set_yscale("log")
plt.show()

# %% [markdown]
# **What do you see?** Improvements keep falling with $m$, but time does not. Where is the best $m$, and which of a
# sweep's two costs decides it: the maximum over actions, or the evaluation?

# %% [markdown]
# ## 5. From continuous to tabular
#
# Floor plans come as tables. Robots do not: a pendulum has an angle $\theta$ and an angular velocity
# $\omega$, two real numbers. In this section you turn its physics into a table, solve the table with what you
# already know, and let the solution drive the real (that is, MuJoCo's) pendulum.
#
# The rod has a mass of 1 kg and a length of 1 m; angle 0 is upright. Holding it level takes $mg\ell/2 = 4.9$
# N m, and the motor gives 2 N m. So it cannot simply be lifted: it has to swing *away* from the goal first,
# and to give up reward now for reward later is exactly what a greedy controller cannot do and a value
# function can.
#
# ### 5.1 Multilinear interpolation (6 points)
#
# Let a grid of points cover the state space. A next state $x'$ almost never falls on a grid point. Rounding
# it to the nearest one loses information: a slow pendulum would be rounded back to where it was, for ever.
# Instead we share it out among the corners of the cell that holds it. In one dimension, between
# $g_i \le x \le g_{i+1}$,
#
# $$w_{i+1} = \frac{x - g_i}{g_{i+1} - g_i},\qquad w_i = 1 - w_{i+1},$$
#
# and in $D$ dimensions each of the $2^D$ corners gets the product of its $D$ one-dimensional weights. The
# weights are not negative and sum to one, so they can be read in two ways: $\sum_k w_k V(g_k)$ *interpolates*
# a function known on the grid, and $w$ is a *probability distribution* over grid points. The second reading
# makes the grid a proper MDP: its Bellman operator is a contraction, and everything that you proved in
# section 3 holds. (Davies 1996, *Multidimensional triangulation and interpolation for reinforcement
# learning*; Munos and Moore 2002, *Variable resolution discretization in optimal control*, Machine Learning
# 49.)
#
# Two things happen at the borders. An angle is periodic: right of the last grid angle comes the first one
# again, $2\pi$ further. A velocity is not: what leaves the grid is *clamped* to its edge.
#
# A grid point has one number, its state index: with axes of lengths $n_0, n_1, \dots$ the first axis is the
# slow one, $s = (i_0 n_1 + i_1) n_2 + i_2 \dots$ (the order of `np.ravel_multi_index` and of
# `array.reshape`).

# %% tags=["setup"]
import itertools
import time

from environments import cartpole, corridor, grid_navigation, pendulum

# %%
def interpolation_weights(points, axes, periodic):
    """Share points out among the corners of their grid cells, by multilinear interpolation.

    Args:
        points: (N, D) float.
        axes: D increasing 1-D arrays of at least two values each, of any spacing: the grid's coordinates.
        periodic: (D,) bool; True where the axis is an angle in rad, with the period 2 pi. Its grid spans less than
            one turn (the first point is not repeated), and a point may be any number of turns away.
            On the other axes a point outside is clamped to the edge.

    Returns:
        (indices, weights): (N, 2^D) int state indices, the first axis slowest, and (N, 2^D) float weights, not
        negative, each row summing to one. The order of the corners within a row is free.
    """
    ### BEGIN SOLUTION 5.1 interpolation_weights
    # HINT: Treat one axis at a time, and let (N, K) indices and weights grow to (N, 2K): start from one
    # HINT:   corner with index 0 and weight 1. For a periodic axis add the point axis[0] + 2 pi at the end,
    # HINT:   and remember that it is index 0. np.searchsorted finds the cell; np.clip keeps it valid at the
    # HINT:   last point. About 13 lines.
    indices, weights = np.zeros((len(points), 1), dtype=int), np.ones((len(points), 1))
    for given, axis, wraps in zip(np.transpose(points), axes, periodic):
        if wraps:
            grid, x = np.append(axis, axis[0] + 2 * np.pi), axis[0] + np.mod(given - axis[0], 2 * np.pi)
        else:
            grid, x = axis, np.clip(given, axis[0], axis[-1])
        cell = np.clip(np.searchsorted(grid, x, side="right") - 1, 0, len(grid) - 2)
        right = (x - grid[cell]) / (grid[cell + 1] - grid[cell])
        corner = np.stack([cell, (cell + 1) % len(axis)], axis=1)
        share = np.stack([1 - right, right], axis=1)
        indices = (indices[:, :, None] * len(axis) + corner[:, None, :]).reshape(len(points), -1)
        weights = (weights[:, :, None] * share[:, None, :]).reshape(len(points), -1)
    return indices, weights
    ### END SOLUTION 5.1 interpolation_weights

# %% [markdown]
# **Sanity numbers.** On the axis $(0, 1, 3)$ the point 1.5 gives 0.75 to point 1 and 0.25 to point 2. On the
# periodic axis $(-\pi, -\pi/2, 0, \pi/2)$ the angle $3\pi/4$ is half-way between index 3 and index 0, and so
# are $-5\pi/4$ and $11\pi/4$.
#
# Interpolation is exact for functions that are linear in each coordinate, and it never overshoots. The
# picture shows a function known at 7 by 6 points, and what lies between.

# %% tags=["experiment"]
def show_interpolation():
    axes = [np.linspace(-np.pi, np.pi, 7, endpoint=False), np.linspace(-1, 1, 6)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    known = np.cos(nodes[:, 0]) * (1 - nodes[:, 1] ** 2)
    x, y = np.meshgrid(np.linspace(-2 * np.pi, 2 * np.pi, 241), np.linspace(-1.4, 1.4, 141))
    points, periodic = np.stack([x.ravel(), y.ravel()], axis=1), np.array([True, False])
    indices, weights = interpolation_weights(points, axes, periodic)
    between = np.sum(weights * known[indices], axis=1).reshape(x.shape)
    fig, ax = plt.subplots(figsize=(8, 2.8), layout="constrained")
    image = ax.pcolormesh(x, y, between, cmap="RdBu_r", shading="auto")
    ax.plot(nodes[:, 0], nodes[:, 1], "k.", markersize=4, label="grid points")
    ax.set(xlabel="periodic axis (rad)", ylabel="clamped axis", title="7 x 6 numbers, interpolated")
    ax.legend(loc="upper right")
    fig.colorbar(image)
    plt.show()


show_interpolation()

# %% [markdown]
# ### 5.2 The table (5 points)
#
# For each grid point $g_s$ and each action $a$ the simulator says where one control step of 0.05 s leads,
# $x' = f(g_s, a)$, and what it pays, $r(g_s, a)$. The interpolation weights of $x'$ are the row
# $P(\cdot \mid s, a)$ of the transition table. A dense table of $S \times A \times S$ numbers would be nearly
# all zeros (51 x 51 grid points and 9 torques: half a gigabyte); we keep the $2^D$ entries of each row that
# are not, as indices and weights.

# %%
def discretise(model, axes, periodic, actions):
    """Turn a simulator into a table: the sparse transition matrix and the rewards of a grid's MDP.

    Args:
        model: object with the method `step(states, actions)`: (N, D) float states and (N,) float actions, one
            for each state, -> (next_states, rewards), (N, D) float and (N,) float. One call may have many rows,
            and a few calls with many rows are fast.
        axes: D increasing 1-D arrays, the grid's coordinates, as in 5.1. S is the product of their lengths.
        periodic: (D,) bool, as in 5.1.
        actions: (A,) float, the actions to choose from.

    Returns:
        (indices, weights, rewards): (S, A, 2^D) int and (S, A, 2^D) float, so that
        P(indices[s, a, k] | s, a) = weights[s, a, k], and (S, A) float rewards. States are numbered as in 5.1.
    """
    ### BEGIN SOLUTION 5.2 discretise
    # HINT: List the grid points in the order of 5.1 (np.meshgrid needs indexing="ij" for that), then every pair of
    # HINT:   a state and an action: np.repeat for the one, np.tile for the other. Step, interpolate, reshape.
    # HINT:   About 6 lines.
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    states, controls = np.repeat(nodes, len(actions), axis=0), np.tile(actions, len(nodes))
    next_states, rewards = model.step(states, controls)
    indices, weights = interpolation_weights(next_states, axes, periodic)
    table_shape = (len(nodes), len(actions), -1)
    return indices.reshape(table_shape), weights.reshape(table_shape), rewards.reshape(table_shape[:2])
    ### END SOLUTION 5.2 discretise

# %% [markdown]
# The pendulum's side of the bargain, and value iteration for a sparse table (your backup of section 3, with
# the sum over all next states replaced by a sum over $2^D$ of them):

# %%
class PendulumModel:
    """MuJoCo's pendulum, many copies at once; pays -(angle^2 + 0.1 speed^2 + 0.001 torque^2) per step."""

    def step(self, states, actions):
        """Advance (N, 2) states by (N,) torques: (N, 2) next states and (N,) rewards."""
        return pendulum.step_states(states, actions), pendulum.reward(states, actions)


PENDULUM_PERIODIC = np.array([True, False])
PENDULUM_TORQUES = np.linspace(-pendulum.TORQUE_LIMIT, pendulum.TORQUE_LIMIT, 9)
PENDULUM_GAMMA = 0.98


def pendulum_axes(resolution):
    """Grid of `resolution` angles once round and `resolution` (made odd, so that 0 is a point) velocities."""
    speeds = np.linspace(-9.0, 9.0, resolution + 1 - resolution % 2)  # rad/s; a fall from the top reaches 7.7
    return [np.linspace(-np.pi, np.pi, resolution + resolution % 2, endpoint=False), speeds]


def solve_sparse(indices, weights, rewards, gamma, tolerance=1e-3):
    """Run value iteration on a sparse table: (S, A) Q-values and the number of sweeps."""
    values, sweeps = np.zeros(len(rewards)), 0
    while True:
        q_values = rewards + gamma * np.sum(weights * values[indices], axis=2)
        change = np.max(np.abs(q_values.max(axis=1) - values))
        values, sweeps = q_values.max(axis=1), sweeps + 1
        if change < tolerance:
            return q_values, sweeps


def solve_pendulum(resolution):
    """Build and solve the pendulum's table: (S, A) Q-values, the grid's axes, and the number of sweeps."""
    axes = pendulum_axes(resolution)
    table = discretise(PendulumModel(), axes, PENDULUM_PERIODIC, PENDULUM_TORQUES)
    q_values, sweeps = solve_sparse(*table, PENDULUM_GAMMA)
    return q_values, axes, sweeps

# %% [markdown]
# ### 5.3 Swing up (3 points)
#
# The table knows $Q(s, a)$ at grid points. The pendulum is somewhere between them. The policy interpolates
# the Q-values of each action to where the pendulum is, and takes the best action:
#
# $$\pi(x) = \arg\max_a \sum_k w_k(x)\, Q\big(s_k(x), a\big).$$
#
# The order matters. To choose at each corner and then to average the *torques* would answer "left or right?"
# with "neither", just where a decision is needed.

# %%
def swing_up(states, q_values, actions, axes, periodic):
    """Choose the greedy action at continuous states from Q-values on a grid.

    Args:
        states: (N, D) float, anywhere.
        q_values: (S, A) float, at the grid points, numbered as in 5.1.
        actions: (A,) float, the value of each action (here torques in N m).
        axes: D increasing 1-D arrays, the grid's coordinates, as in 5.1.
        periodic: (D,) bool, as in 5.1.

    Returns:
        (N,) float, the action's value (not its index) at each state.
    """
    ### BEGIN SOLUTION 5.3 swing_up
    # HINT: Interpolate first, choose second. q_values[indices] has the shape (N, 2^D, A). About 3 lines.
    indices, weights = interpolation_weights(states, axes, periodic)
    interpolated = np.sum(weights[:, :, None] * q_values[indices], axis=1)
    return actions[np.argmax(interpolated, axis=1)]
    ### END SOLUTION 5.3 swing_up

# %% [markdown]
# **Sanity numbers.** With two grid points 0 and 1, torques $(-2, 0, 2)$ and Q-values $(9, 8, 0)$ and
# $(0, 8, 9)$: at 0 the best torque is -2, at 1 it is 2, and at 0.5 it is 0 (4.5, 8, 4.5).
#
# **Run it** (5 s for both cells below). 52 angles by 51 velocities by 9 torques make 23,868 simulated steps;
# value iteration then takes about a hundred sweeps.

# %% tags=["experiment"]
def run_pendulums(q_values, axes, first_states, num_steps=200):
    """Drive MuJoCo's pendulums with the greedy policy: states (T + 1, N, 2) and torques (T, N)."""
    states, torques = [np.array(first_states, dtype=float)], []
    for _ in range(num_steps):
        torques.append(swing_up(states[-1], q_values, PENDULUM_TORQUES, axes, PENDULUM_PERIODIC))
        states.append(pendulum.step_states(states[-1], torques[-1]))
    return np.array(states), np.array(torques)


def show_swing_up(q_values, axes, states, torques):
    """Draw the value function with the path over it, and angle and torque against time."""
    angle = (states[:, 0] + np.pi) % (2 * np.pi) - np.pi
    time = pendulum.CONTROL_PERIOD * np.arange(len(states))
    fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    values = q_values.max(axis=1).reshape(len(axes[0]), len(axes[1]))
    values, angles = np.vstack([values, values[:1]]), np.append(axes[0], np.pi)  # close the circle
    image = left.pcolormesh(angles, axes[1], values.T, cmap="viridis", shading="nearest")
    jumps = np.abs(np.diff(angle)) > np.pi  # where the angle wraps the line is broken
    left.plot(np.insert(angle, np.flatnonzero(jumps) + 1, np.nan),
              np.insert(states[:, 1], np.flatnonzero(jumps) + 1, np.nan), "w.-", linewidth=1, markersize=3)
    left.plot(angle[0], states[0, 1], "wo", markersize=8)
    left.plot(0, 0, "r*", markersize=12)
    left.set(xlabel="angle from upright (rad)", ylabel="angular velocity (rad/s)",
             xlim=(-np.pi, np.pi), title="V, and one path from hanging to upright")
    fig.colorbar(image, label="value")
    right.plot(time, np.degrees(np.unwrap(states[:, 0])), label="angle (deg)")
    right.set(xlabel="time (s)", ylabel="angle from upright (deg)")
    twin = right.twinx()
    twin.step(time[:-1], torques, where="post", color="tab:orange", linewidth=1)
    twin.set_ylabel("torque (N m)", color="tab:orange")
    right.set_title("pumping, then holding")
    plt.show()


pendulum_q, pendulum_grid, pendulum_sweeps = solve_pendulum(51)
pendulum_states, pendulum_torques = run_pendulums(pendulum_q, pendulum_grid, [[np.pi, 0.0]])
print(f"{len(pendulum_q)} states, {pendulum_sweeps} sweeps")
show_swing_up(pendulum_q, pendulum_grid, pendulum_states[:, 0], pendulum_torques[:, 0])

# %% [markdown]
# Read the left picture as a map. The path starts hanging at rest (white dot), in the dark: the lowest value.
# The motor first swings the rod 50 degrees to one side, then through the bottom to 127 degrees on the other:
# not yet enough. The third swing, with the torque behind it all the way, enters the bright band that leads to
# the star. The band holds the states whose energy is about enough to arrive at the top at rest; beside it you
# are too slow, or too fast. (Where the path leaves at one side it comes back at the other: -180 and 180
# degrees are the same angle.) The small torque pulses after 4 s come from the table: only nine torques, and a
# value function with corners.
#
# And the rollout itself:

# %% tags=["experiment"]
def film_swing_up(torques, first_state=(np.pi, 0.0)):
    """Replay torques in MuJoCo and take a picture after each step."""
    env = pendulum.PendulumSwingUp(render_mode="rgb_array")
    env.reset(seed=0, options={"state": first_state})
    frames = [env.render()]
    for torque in torques:
        env.step([torque / pendulum.TORQUE_LIMIT])
        frames.append(env.render())
    return frames


swing_up_frames = film_swing_up(pendulum_torques[:100, 0])
animate(swing_up_frames, frames_per_second=20)

# %% [markdown]
# **How fine must the grid be?** Solve on coarser and finer grids, and measure what counts: the return in
# MuJoCo, from the same 100 random starts (about 6 s). Watch three things: the table's own opinion of itself
# (mean of $V$ at the starts), what the policy earns, and the time to build and solve.

# %% tags=["experiment"]
def compare_resolutions(resolutions=(7, 11, 21, 41, 81), num_starts=100):
    starts = np.random.default_rng(0).uniform([-np.pi, -1.0], [np.pi, 1.0], (num_starts, 2))
    print("grid      states  sweeps  build+solve   promised   earned   upright at the end")
    for resolution in resolutions:
        clock = time.perf_counter()
        q_values, axes, sweeps = solve_pendulum(resolution)
        clock = time.perf_counter() - clock
        states, torques = run_pendulums(q_values, axes, starts)
        discount = PENDULUM_GAMMA ** np.arange(len(torques))[:, None]
        earned = np.sum(discount * pendulum.reward(states[:-1], torques), axis=0)
        indices, weights = interpolation_weights(starts, axes, PENDULUM_PERIODIC)
        promised = np.sum(weights * q_values.max(axis=1)[indices], axis=1)
        upright = np.all(np.cos(states[-20:, :, 0]) > np.cos(0.2), axis=0)
        print(f"{len(axes[0]):3d} x {len(axes[1]):2d} {len(q_values):7d} {sweeps:7d} {clock:10.2f} s"
              f" {promised.mean():10.1f} {earned.mean():8.1f} {upright.mean():14.0%}")


compare_resolutions()

# %% [markdown]
# ## 6. Design
#
# So far the MDP was given. In practice *you* write it, and the numbers that look like details (the discount,
# the price of a step) decide what the robot does. In 6.1 you choose such numbers to get a behaviour that
# somebody wants; in 6.2 you change a reward without changing the behaviour.
#
# ### 6.1 Discount, slip, living reward (5 points)
#
# Two floor plans. `1` is a small exit (reward 1), `9` a big one (reward 10, 20 on the bridge), `C` a cliff
# (reward -10, -100 beside the bridge). All three end the episode. With probability `slip` a move goes to one
# of its two sides instead.
#
# ```
#     ledge       bridge
#     .....       #CCCC##
#     .#...       1S...9#        # is a wall
#     .#1#9       #CCCC##
#     S....
#     CCCCC
# ```
#
# Six behaviours are wanted. "Along the ledge" means that an optimal policy, if no move slips, walks on the
# row just above the cliff after it has left the start; "round the top" that it does not.
#
# | name | plan | the robot |
# |---|---|---|
# | `near_along_ledge` | ledge | goes to the small exit, along the ledge |
# | `near_round_top` | ledge | goes to the small exit, round the top |
# | `far_along_ledge` | ledge | goes to the big exit, along the ledge |
# | `far_round_top` | ledge | goes to the big exit, round the top |
# | `never_exit` | ledge | goes to no exit and off no cliff, for ever |
# | `cross_bridge` | bridge | goes to the big exit, although the floor slips: `slip` at least 0.01 |
#
# Before you try numbers, think: which of the three knobs makes the robot impatient? Which makes a cliff
# matter? (The behaviours come from Berkeley's CS188, its project on reinforcement learning.)

# %%
LEDGE = """
.....
.#...
.#1#9
S....
CCCCC
"""
LEDGE_REWARDS = {"1": 1.0, "9": 10.0, "C": -10.0}
BRIDGE = """
#CCCC##
1S...9#
#CCCC##
"""
BRIDGE_REWARDS = {"1": 1.0, "9": 20.0, "C": -100.0}


def design():
    """Choose the numbers of an MDP for each wanted behaviour.

    Returns:
        A dict from each name (near_along_ledge, near_round_top, far_along_ledge, far_round_top, never_exit,
        cross_bridge) to a dict with three numbers: "discount", above 0 and below 1; "slip", from 0 to 1, the
        probability that a move goes to one of its sides; "living_reward", paid on each step, from -20 to 20.
        Every optimal policy of the MDP must show the behaviour: a tie between two behaviours is not enough.
    """
    ### BEGIN SOLUTION 6.1 design
    # HINT: One line for each name: {"near_along_ledge": {"discount": ..., "slip": ..., "living_reward": ...}, and
    # HINT:   so on. Guess, run the picture below, and correct the guess. About 8 lines.
    return {
        "near_along_ledge": {"discount": 0.3, "slip": 0.0, "living_reward": 0.0},
        "near_round_top": {"discount": 0.3, "slip": 0.2, "living_reward": 0.0},
        "far_along_ledge": {"discount": 0.9, "slip": 0.0, "living_reward": -0.5},
        "far_round_top": {"discount": 0.9, "slip": 0.2, "living_reward": 0.0},
        "never_exit": {"discount": 0.9, "slip": 0.2, "living_reward": 5.0},
        "cross_bridge": {"discount": 0.9, "slip": 0.02, "living_reward": 0.0},
    }
    ### END SOLUTION 6.1 design

# %% [markdown]
# The grader solves each MDP exactly and follows *every* optimal action from the start, as if no move slipped.
# Here is that judge, and a picture of what your numbers do: colours are values, arrows the optimal actions,
# the thick line the way from the start. It solves the plans with your `policy_iteration` of 4.1; the grader's judge
# has a right one.

# %%
def solve_plan(plan, discount, slip, living_reward):
    """Solve a floor plan's MDP by your policy iteration: (S, 4) optimal Q-values."""
    mdp = plan.mdp(slip, living_reward)
    values, _, _ = policy_iteration(mdp.transition, mdp.reward, discount)
    return mdp.reward + discount * mdp.transition @ values


def follow(plan, q_values, tie=1e-9):
    """Walk from the start along all optimal actions without slip: the set of states that are reached."""
    neighbours, reached = plan.neighbours(), set(np.flatnonzero(plan.start).tolist())
    fringe = list(reached)
    while fringe:
        state = fringe.pop()
        if not plan.terminal[state]:
            best = np.flatnonzero(q_values[state] >= q_values[state].max() - tie)
            fresh = set(neighbours[state, best].tolist()) - reached
            reached |= fresh
            fringe += fresh
    return reached


def judge_design(name, discount, slip, living_reward):
    """Solve a behaviour's plan: the exits that the robot can come to, and whether it walks along the ledge."""
    text, paid = (BRIDGE, BRIDGE_REWARDS) if name == "cross_bridge" else (LEDGE, LEDGE_REWARDS)
    plan = grid_navigation.FloorPlan.from_text(text, paid)
    reached = follow(plan, solve_plan(plan, discount, slip, living_reward))
    exits = "".join(sorted({plan.characters[s] for s in reached if plan.terminal[s]}))
    along_ledge = any(plan.cells[s][0] == 3 and plan.cells[s][1] > 0 for s in reached)
    return exits, along_ledge

# %% tags=["experiment"]
def show_design(choices):
    _, axes = plt.subplots(2, 3, figsize=(11, 6.2), layout="constrained")
    for ax, (name, knobs) in zip(axes.flat, choices.items()):
        text, paid = (BRIDGE, BRIDGE_REWARDS) if name == "cross_bridge" else (LEDGE, LEDGE_REWARDS)
        plan = grid_navigation.FloorPlan.from_text(text, paid)
        q_values = solve_plan(plan, **knobs)
        reached = follow(plan, q_values)
        ax.imshow(plan.to_grid(np.where(plan.terminal, plan.entry_reward, q_values.max(axis=1))), cmap="RdYlGn",
                  vmin=-10, vmax=10)
        ax.set_facecolor("0.35")
        for state, (row, column) in enumerate(plan.cells):
            if plan.terminal[state]:
                ax.text(column, row, f"{plan.entry_reward[state]:g}", ha="center", va="center", fontsize=9)
                continue
            for action in np.flatnonzero(q_values[state] >= q_values[state].max() - 1e-9):
                d_row, d_column = grid_navigation.MOVES[action]
                ax.annotate("", xytext=(column, row), xy=(column + 0.42 * d_column, row + 0.42 * d_row),
                            arrowprops={"arrowstyle": "->", "linewidth": 2.6 if state in reached else 0.8})
        exits, along_ledge = judge_design(name, **knobs)
        way = "" if name == "cross_bridge" else ", along the ledge" if along_ledge else ", off the ledge"
        ax.set(xticks=[], yticks=[], title=f"{name}\nreaches {exits or 'nothing'}{way}")
        ax.set_xlabel(", ".join(f"{knob} {value:g}" for knob, value in knobs.items()))
    plt.show()


show_design(design())

# %% [markdown]
# ### 6.2 Shape a reward, and keep the optimum (5 points)
#
# A reward that comes only at the goal is honest and hard to learn from. It is tempting to pay a little for
# progress. Randløv and Alstrøm (1998) paid their bicycle for riding towards the goal, and it learned to ride
# in circles: towards the goal it was paid, and away from it cost nothing.
#
# Ng, Harada and Russell (1999) found which bonuses are safe. Take any function $\Phi$ of the state, the
# *potential*, and add
#
# $$F(s, a, s') = \gamma\,\Phi(s') - \Phi(s).$$
#
# Along any path the sum telescopes: $\sum_{t<T} \gamma^t F_t = \gamma^T \Phi(s_T) - \Phi(s_0)$. What a policy
# earns more on the way it pays back; from a given start all policies change by the same amount $-\Phi(s_0)$,
# so the best one stays the best. For this to hold when an episode *ends*, the last term must vanish: **the
# potential of a terminal state counts as zero**, whatever the function says there. In a loop ($s_T = s_0$,
# $\gamma \to 1$) the sum is zero: no riding in circles. And if $\Phi = V^*$, one greedy step is already
# optimal.
#
# In a tabular MDP, where $R(s, a)$ is an expectation over $s'$, the bonus is an expectation too.

# %%
def shape(rewards, transition, potential, terminal, gamma):
    """Add potential-based shaping to the rewards of a tabular MDP.

    Theorem 1 of Ng, Harada and Russell 1999, "Policy invariance under reward transformations".

    Args:
        rewards: (S, A) float, expected reward of each action in each state; left as it is.
        transition: (S, A, S) float, P(s' | s, a). Terminal states are absorbing.
        potential: (S,) float, Phi. Its entries at terminal states are to be ignored: they count as 0.
        terminal: (S,) bool.
        gamma: float, the discount.

    Returns:
        (S, A) float, the expected shaped reward. Terminal states get no bonus.
    """
    ### BEGIN SOLUTION 6.2 shape
    # HINT: First put zeros into the potential where the episode is over. transition @ phi is the expected
    # HINT:   potential of the next state. About 3 lines.
    phi = np.where(terminal, 0.0, potential)
    expected_next = transition @ phi
    return rewards + gamma * expected_next - phi[:, None]
    ### END SOLUTION 6.2 shape

# %% [markdown]
# **Sanity numbers.** Two states, the second one terminal, one action that leads from the first to the second
# and pays 1. With $\Phi = (3, 50)$ and $\gamma = 0.5$ the shaped reward of the first state is
# $1 + 0.5 \cdot 0 - 3 = -2$. The 50 must not be seen.
#
# **See both.** A floor plan, a reward of 1 at the goal, and two ways to encourage progress: the potential
# $\Phi(s) = -d(s)/d_{\max}$ with the walking distance $d$ to the goal, and a naive bonus of 0.1 for each step
# that brings the robot nearer. From a fresh start of all zeros, value iteration finds a good policy in fewer
# sweeps with the potential; the bonus has an optimal policy of its own: it walks to and fro for ever.

# %% tags=["experiment"]
def walking_distance(plan):
    """(S,) steps to the goal over free cells, by breadth-first search."""
    neighbours, distance = plan.neighbours(), np.full(plan.num_states, np.inf)
    fringe, distance[plan.states_of("G")] = list(plan.states_of("G")), 0
    while fringe:
        state = fringe.pop(0)
        for before in np.flatnonzero((neighbours == state).any(axis=1)):
            if np.isinf(distance[before]) and plan.characters[before] != "C":
                distance[before] = distance[state] + 1
                fringe.append(before)
    return distance


def reaches_goal(plan, policy):
    """Share of the free cells from which the policy, without slip, walks to the goal."""
    state, neighbours = np.flatnonzero(~plan.terminal), plan.neighbours()
    for _ in range(plan.num_states):
        state = np.where(plan.terminal[state], state, neighbours[state, policy[state]])
    return np.mean(np.isin(state, plan.states_of("G")))


def compare_shaping(gamma=0.98):
    plan = grid_navigation.FloorPlan.from_text(grid_navigation.DEFAULT_PLAN)
    mdp = plan.mdp(slip=0.1)
    distance = np.where(np.isfinite(walking_distance(plan)), walking_distance(plan), 0.0)
    nearer = distance[None, :] < distance[:, None]  # (S, S): s' is nearer than s
    variants = {
        "reward at the goal only": mdp.reward,
        "with a potential": shape(mdp.reward, mdp.transition, -distance / distance.max(), mdp.terminal, gamma),
        "with a bonus for each step nearer": mdp.reward + 0.1 * np.sum(mdp.transition * nearer[:, None, :], axis=2)
        * ~mdp.terminal[:, None],
    }
    _, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    for name, table in variants.items():
        values, share = np.zeros(mdp.num_states), []
        for _ in range(100):
            q_values = table + gamma * mdp.transition @ values
            values = q_values.max(axis=1)
            share.append(reaches_goal(plan, q_values.argmax(axis=1)))
        left.plot(np.arange(1, 101), share, label=name)
        path, neighbours = [int(np.flatnonzero(plan.start)[0])], plan.neighbours()
        for _ in range(60):
            here = path[-1]
            path.append(here if plan.terminal[here] else neighbours[here, q_values[here].argmax()])
        row, column = plan.cells[path].T + 0.08 * (list(variants).index(name) - 1)
        right.plot(column, row, ".-", label=name, linewidth=1.5)
    left.set(xscale="log", xlabel="sweeps of value iteration", ylim=(-0.03, 1.03),
             ylabel="share of cells that lead to the goal")
    left.legend(loc="center right", fontsize=8)
    right.imshow(np.isnan(plan.to_grid(np.zeros(plan.num_states))), cmap="Greys", vmax=2)
    for character in "GC":
        for row, column in plan.cells[plan.states_of(character)]:
            right.text(column, row, character, ha="center", va="center", fontweight="bold")
    right.set(xticks=[], yticks=[], title="60 steps of each optimal policy, from the start")
    plt.show()


compare_shaping()

# %% [markdown]
# The figure on the left: with the goal's reward alone the good news travels one cell a sweep, and the last
# cell hears of it in sweep 16. With the potential every cell heads for the goal from the first sweep on, and
# the optimum is the same. The bonus looks just as good for four sweeps; then value iteration has found out
# that two steps nearer can be had again and again, if one steps back in between, and from no cell does the
# robot reach the goal any more.

# %% [markdown]
# ## 7. LQR
#
# A grid for the pendulum needed a few thousand states. A grid with as many points per axis for the cart-pole
# (position, angle, and both velocities) needs millions, and a humanoid is hopeless: this is Bellman's *curse
# of dimensionality*. There is one large family of continuous MDPs in which dynamic programming needs no grid
# at all: dynamics that are linear, costs that are quadratic.
#
# $$x_{t+1} = A x_t + B u_t,\qquad
#   J = x_T^\top Q_f\, x_T + \sum_{t=0}^{T-1} \big( x_t^\top Q\, x_t + u_t^\top R\, u_t \big).$$
#
# The reason is that the cost-to-go stays in one family: if it is a quadratic form at $t+1$, it is one at $t$.
# So a backup maps a matrix to a matrix, exactly, and the price grows as the cube of the dimension rather than
# exponentially.
#
# A robot is not linear, but *near* a point where it should stay it nearly is. First we find $A$ and $B$.
#
# ### 7.1 Linearise a black box (4 points)
#
# A simulator is a function $f$ with $x_{t+1} = f(x_t, u_t)$. Its Jacobians at $(x_0, u_0)$,
#
# $$A = \frac{\partial f}{\partial x},\qquad B = \frac{\partial f}{\partial u},\qquad
#   \text{column } j:\quad A_{:,j} \approx \frac{f(x_0 + \varepsilon e_j,\, u_0) - f(x_0 - \varepsilon e_j,\, u_0)}{2\varepsilon},$$
#
# come out of a few calls. The *central* difference costs twice the calls of the one-sided one, and its error
# is $O(\varepsilon^2)$ instead of $O(\varepsilon)$, because the even terms of the two Taylor series cancel.

# %%
def linearise(dynamics, x0, u0, eps=1e-6):
    """Linearise a simulator's step by central finite differences.

    Args:
        dynamics: object with the method `step(x, u)`: (S,) float state and (A,) float action -> (S,) next state.
            It may be anything, also MuJoCo; it is called one state at a time.
        x0: (S,) state to linearise around.
        u0: (A,) action to linearise around.
        eps: half the width of each difference, in the units of what is varied.

    Returns:
        (A, B): (S, S) float and (S, A) float with step(x0 + dx, u0 + du) = step(x0, u0) + A dx + B du + ...
    """
    ### BEGIN SOLUTION 7.1 linearise
    # HINT: Vary one coordinate at a time, by +eps and by -eps, and put the difference into a COLUMN.
    # HINT:   The rows of eps * np.eye(n) are the steps. Make floats of x0 and u0 first. About 6 lines.
    x0, u0 = np.asarray(x0, dtype=float), np.asarray(u0, dtype=float)
    by_state = [dynamics.step(x0 + dx, u0) - dynamics.step(x0 - dx, u0) for dx in eps * np.eye(len(x0))]
    by_action = [dynamics.step(x0, u0 + du) - dynamics.step(x0, u0 - du) for du in eps * np.eye(len(u0))]
    return np.stack(by_state, axis=1) / (2 * eps), np.stack(by_action, axis=1) / (2 * eps)
    ### END SOLUTION 7.1 linearise

# %% [markdown]
# **Sanity numbers.** For $f(x, u) = (x_1 + x_2^2,\; 3 x_2 + 2u)$ at $x_0 = (0, 2)$, $u_0 = 0$:
# $A = \begin{pmatrix}1 & 4\\ 0 & 3\end{pmatrix}$ and $B = \begin{pmatrix}0\\ 2\end{pmatrix}$. Central
# differences are exact here at any $\varepsilon$; one-sided ones with $\varepsilon = 0.1$ give 4.1 in place
# of 4.

# %% [markdown]
# ### 7.2 The Riccati recursion (6 points)
#
# Write the cost-to-go as $V_t(x) = x^\top P_t\, x$. At the end $P_T = Q_f$. One step earlier the Bellman
# backup is
#
# $$V_t(x) = \min_u \; x^\top Q x + u^\top R u + (Ax + Bu)^\top P_{t+1} (Ax + Bu).$$
#
# What is minimised is a parabola in $u$. Setting its gradient to zero gives the greedy action $u = -K_t x$ with
#
# $$K_t = \big(R + B^\top P_{t+1} B\big)^{-1} B^\top P_{t+1} A,\qquad
#   P_t = Q + A^\top P_{t+1} \,(A - B K_t).$$
#
# Compare with section 3: $P$ is the table of values, $K$ the table of greedy actions, and walking from $T$ to
# $0$ is value iteration with a horizon. (Derivation: Bertsekas, *Dynamic Programming and Optimal Control*,
# vol. 1, section 3.1 in the fourth edition; Kalman 1960 for the original.)

# %%
def lqr(A, B, Q, R, Qf, horizon):
    """Solve the finite-horizon linear-quadratic regulator by the backward Riccati recursion.

    Minimises x_T' Qf x_T + sum over t < T of (x_t' Q x_t + u_t' R u_t) under x_{t+1} = A x_t + B u_t.

    Args:
        A: (S, S) float; the next state's dependence on the state.
        B: (S, A) float; the next state's dependence on the action.
        Q: (S, S) symmetric positive semi-definite; cost of the state at each of the steps 0 to T - 1.
        R: (A, A) symmetric positive definite; cost of the action at each of those steps.
        Qf: (S, S) symmetric positive semi-definite; cost of the state at the end.
        horizon: int, T, at least 1.

    Returns:
        (gains, costs): (T, A, S) float with the optimal action u_t = -gains[t] @ x_t, and (T + 1, S, S) float
        with the optimal cost from step t on x_t' costs[t] x_t; costs[T] is Qf.
    """
    ### BEGIN SOLUTION 7.2 lqr
    # HINT: Start from the end. For t = T-1, ..., 0 first the gain from costs[t + 1], then costs[t] from that gain.
    # HINT:   np.linalg.solve is better than an inverse. About 8 lines.
    gains = np.zeros((horizon, B.shape[1], B.shape[0]))
    costs = np.zeros((horizon + 1, *A.shape))
    costs[horizon] = Qf
    for t in reversed(range(horizon)):
        P = costs[t + 1]
        gains[t] = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
        costs[t] = Q + A.T @ P @ (A - B @ gains[t])
    return gains, costs
    ### END SOLUTION 7.2 lqr

# %% [markdown]
# **Sanity numbers.** All five matrices equal to 1, one step: the gain is $1/(1+1) = 0.5$ and
# $P_0 = 1 + 1\cdot(1-0.5) = 1.5$. One step more: $1.5/2.5 = 0.6$ and $P_0 = 1.6$. Many steps: the gain tends
# to $0.618\ldots$ and $P_0$ to $1.618\ldots$, the golden ratio, because the fixed point solves $P^2 = P + 1$.

# %% [markdown]
# **How wide should the difference be?** MuJoCo has `mjd_transitionFD`, which does the same inside the engine;
# the course's `cartpole.linearise` calls it. The plot compares yours with it, for $\varepsilon$ from 1 to
# $10^{-12}$. Too wide: the curvature of $f$ shows, with slope 2. Too narrow: the two values of $f$ agree in
# nearly all digits, and their difference is rounding error, with slope -1. The best lies near the cube root
# of the machine's precision, $6\cdot10^{-6}$.

# %% tags=["experiment"]
class CartPoleModel:
    """One control step of 0.02 s of MuJoCo's cart-pole: x = [position, angle, velocity, angular velocity]."""

    def step(self, x, u):
        """Advance a state (4,) with a force (1,) in N: the next state (4,)."""
        return cartpole.step_states(x[None], u)[0]


def show_difference_errors():
    state, force = np.array([0.0, 0.3, 0.0, 0.5]), np.array([1.0])
    exact = np.hstack(cartpole.linearise(state, force[0]))
    widths = 10.0 ** np.arange(-12, 0.5, 0.5)
    errors = [np.max(np.abs(np.hstack(linearise(CartPoleModel(), state, force, eps)) - exact)) for eps in widths]
    _, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
    ax.loglog(widths, np.maximum(errors, 1e-16), "o-")
    ax.set(xlabel="eps", ylabel="largest error in A or B", title="central differences against mjd_transitionFD")
    ax.grid(alpha=0.3)
    plt.show()


show_difference_errors()

# %% [markdown]
# ### Balance the cart-pole
#
# The state is $x = (\text{position}, \text{angle}, \text{velocity}, \text{angular velocity})$, the action a
# force of at most 10 N. We linearise at the top and pay for an angle of 0.1 rad as much as for a position of
# 0.3 m or a force of 3 N. With a horizon of 500 steps (10 s) the first gain no longer depends on the horizon:
# that one is used for ever, as the stationary controller.
#
# Look at the signs in the gain. To move the cart to the right the force goes first to the *left*: so that the
# pole leans to the right, and the cart may follow. Nobody programmed that; it is in $P$.

# %% tags=["experiment"]
STATE_COST = np.diag([1 / 0.3**2, 1 / 0.1**2, 0.0, 0.0])
FORCE_COST = np.array([[1 / 3.0**2]])
cart_A, cart_B = linearise(CartPoleModel(), np.zeros(4), np.zeros(1))
cart_gains, cart_costs = lqr(cart_A, cart_B, STATE_COST, FORCE_COST, STATE_COST, 500)
print("gain of the first step:", np.round(cart_gains[0], 2), " of the last:", np.round(cart_gains[-1], 2))


def balance(gain, first_states, noise=0.0, num_steps=200, rng=None):
    """Run u = -gain x on MuJoCo's cart-poles, noisily measured: states (T + 1, N, 4), forces (T, N)."""
    states, forces = [np.array(first_states, dtype=float)], []
    for _ in range(num_steps):
        measured = states[-1] if rng is None else states[-1] + noise * rng.standard_normal(states[-1].shape)
        forces.append(np.clip(-measured @ gain[0], -cartpole.FORCE_LIMIT, cartpole.FORCE_LIMIT))
        states.append(cartpole.step_states(states[-1], forces[-1]))
    return np.array(states), np.array(forces)


def show_balance(states, forces):
    time_axis = cartpole.CONTROL_PERIOD * np.arange(len(states))
    _, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharex=True)
    for lane, name in zip(range(3), ("cart position (m)", "pole angle (deg)", "force (N)")):
        series = [states[:, :, 0], np.degrees(states[:, :, 1]), forces][lane]
        axes[lane].plot(time_axis[: len(series)], series)
        axes[lane].set(xlabel="time (s)", title=name)
        axes[lane].axhline(0, color="0.7", linewidth=0.8)
    axes[0].legend(["leaning 5 degrees", "leaning 15 degrees", "1 m to the left"])
    plt.show()


cart_starts = np.array([[0, np.radians(5), 0, 0], [0, np.radians(15), 0, 0], [-1.0, 0, 0, 0]])
cart_states, cart_forces = balance(cart_gains[0], cart_starts)
show_balance(cart_states, cart_forces)
for start, states, forces in zip(cart_starts, cart_states.swapaxes(0, 1), cart_forces.T):
    paid = np.einsum("ti,ij,tj->", states[:-1], STATE_COST, states[:-1]) + FORCE_COST[0, 0] * np.sum(forces**2)
    promised = start @ cart_costs[0] @ start
    print(f"from {np.round(start, 2)}: promised by x'Px {promised:6.1f}, paid in MuJoCo {paid:6.1f}")

# %% [markdown]
# The promise $x_0^\top P_0 x_0$ holds where the linear model does, and fails where it does not: at large
# angles, and where the motor saturates. The third start, in MuJoCo:

# %% tags=["experiment"]
def film_balance(forces, first_state):
    """Replay forces in MuJoCo and take every fourth picture."""
    env = cartpole.CartPole(render_mode="rgb_array", angle_limit=np.pi)
    env.reset(seed=0, options={"state": first_state})
    frames = [env.render()]
    for t, force in enumerate(forces, start=1):
        env.step([force / cartpole.FORCE_LIMIT])
        if t % 4 == 0:
            frames.append(env.render())
    return frames


balance_frames = film_balance(cart_forces[:160, 2], cart_starts[2])
animate(balance_frames, frames_per_second=12.5)

# %% [markdown]
# **How robust is it?** Two ways to leave the world that LQR was promised. On the left the pole begins further
# and further from upright. On the right every measurement carries Gaussian noise of growing size, the
# velocities included, and the controller believes it. A run succeeds if for 4 s the pole stays within 45
# degrees and the cart on its rail; bars are 95% intervals (Wilson) over 100 runs. About 6 s.

# %% tags=["experiment"]
def survives(states):
    """(N,) bool: the pole within 45 degrees and the cart within 2.4 m, at all times."""
    return np.all((np.abs(states[..., 1]) < np.pi / 4) & (np.abs(states[..., 0]) < cartpole.RAIL_LIMIT), axis=0)


def wilson(successes, trials, z=1.96):
    """95% interval of a proportion: (low, high)."""
    share, spread = successes / trials, z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return centre - half, centre + half


def show_robustness(gains, num_runs=100):
    rng = np.random.default_rng(0)
    angles, noises = np.radians(np.arange(0, 46, 5)), np.array([0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained", sharey=True)
    for name, gain in gains.items():
        by_angle, by_noise = [], []
        for angle in angles:
            starts = rng.uniform(-0.05, 0.05, (num_runs, 4)) + np.array([0, angle, 0, 0])
            by_angle.append(survives(balance(gain, starts)[0]).sum())
        for noise in noises:
            starts = rng.uniform(-0.05, 0.05, (num_runs, 4))
            by_noise.append(survives(balance(gain, starts, noise, rng=rng)[0]).sum())
        for ax, x, hits in ((left, np.degrees(angles), by_angle), (right, noises, by_noise)):
            low, high = np.array([wilson(h, num_runs) for h in hits]).T
            share = np.array(hits) / num_runs
            bars = [np.maximum(share - low, 0), np.maximum(high - share, 0)]
            ax.errorbar(x, share, yerr=bars, marker="o", capsize=3, label=name)
    left.set(xlabel="initial angle (deg)", ylabel="runs that stay up", ylim=(-0.03, 1.03))
    right.set(xlabel="sensor noise on each of x, angle, v, turn (m, rad, m/s, rad/s)")
    left.legend()
    plt.show()


gentle_gains, _ = lqr(cart_A, cart_B, STATE_COST, 100 * FORCE_COST, STATE_COST, 1000)
show_robustness({"force cost 1/9": cart_gains[0], "force cost 100/9": gentle_gains[0]})

# %% [markdown]
# Left: up to 25 degrees nothing is lost, although nothing is linear there any more; from 35 degrees on
# neither gain catches the pole with 10 N. Right: the gain that is *optimal* without noise is not the one that
# survives most noise. A high gain acts on every error of the sensor as if it were the world's. What LQR lacks
# is an estimate of the state: section 8.

# %% [markdown]
# ## 8. Partial observation
#
# A robot stands somewhere in a corridor with 16 cells and 3 doors. One door leads to its room; "enter"
# anywhere else is a costly bump. It can go west, go east, or enter; wheels slip, so a move may go nowhere or
# two cells. All that it senses is "wall" or "door", and that only mostly right (a door is seen as one in 90%
# of the cases, a wall is taken for a door in 5%).
#
# **The last observation is not a state.** A state is what makes the past irrelevant:
# $P(s_{t+1} \mid s_t, a_t)$ must not change if you also know what happened earlier. "I see a door" does not
# do that: whether the goal lies ahead or behind depends on which door it is, and *that* depends on the doors
# passed before. What does have the Markov property is everything seen and done so far, or anything that
# summarises it without loss: the **belief**, the probability of each state given the whole history.
#
# ### 8.1 The Bayes filter (5 points)
#
# Two steps, for ever: *predict* with the action, *correct* with the observation.
#
# $$\bar b(s') = \sum_s b(s)\, P(s' \mid s, a),\qquad b'(s') = \frac{O(o \mid s')\;\bar b(s')}{\sum_{s''} O(o \mid s'')\;\bar b(s'')}.$$
#
# (Thrun, Burgard and Fox 2005, *Probabilistic Robotics*, table 2.1. With linear dynamics and Gaussian noise
# the same two lines are the Kalman filter.)
#
# What if the denominator is 0, the model says that this cannot be seen here? Then the model is wrong, and
# dividing makes NaNs that stay for ever. We keep the prediction: an observation that the model cannot explain
# changes nothing.

# %%
def belief_update(belief, action, observation, transition, observation_model):
    """Update a belief after an action and the observation that followed it.

    Table 2.1 of Thrun, Burgard and Fox 2005.

    Args:
        belief: (S,) float, probability of each state before the action; sums to one.
        action: int, the action taken.
        observation: int, what was observed afterwards.
        transition: (S, A, S) float, P(s' | s, a).
        observation_model: (S, O) float, P(o | s'), of the state that the action led to.

    Returns:
        (S,) float, the belief afterwards; sums to one. Where the observation has probability 0 in every state that
        the prediction allows, the prediction itself.
    """
    ### BEGIN SOLUTION 8.1 belief_update
    # HINT: Predict with the rows of the action taken, weigh with the column of the observation, normalise;
    # HINT:   and mind the case that nothing is left to normalise. About 5 lines.
    predicted = belief @ transition[:, action]
    weighed = predicted * observation_model[:, observation]
    total = weighed.sum()
    return weighed / total if total > 0 else predicted
    ### END SOLUTION 8.1 belief_update

# %% [markdown]
# **Sanity numbers.** Two rooms, belief $(0.5, 0.5)$; the action "stay"; coffee is smelled in room 0 with
# probability 0.8 and in room 1 with 0.3. Afterwards the belief is $(0.4, 0.15)/0.55 = (0.727, 0.273)$.

# %% [markdown]
# ### 8.2 QMDP (5 points)
#
# How to act on a belief? Exactly solving the MDP over beliefs is out of reach for all but the smallest
# problems. QMDP (Littman, Cassandra and Kaelbling 1995) is the cheapest useful answer: solve the MDP as if
# the state were visible, and let each state vote with its Q-values, weighed by its probability:
#
# $$a = \arg\max_a \sum_s b(s)\, Q(s, a).$$
#
# It also tells what it would be worth to be told the state right now: with it one could choose *after*
# learning it, $\sum_s b(s) \max_a Q(s, a)$, without it one must choose before,
#
# $$\text{worth of knowing}(b) = \sum_s b(s) \max_a Q(s, a) - \max_a \sum_s b(s)\, Q(s, a) \;\ge\; 0.$$

# %%
def qmdp(beliefs, q_values):
    """Choose the QMDP action at beliefs, and say what it would be worth to know the state.

    Littman, Cassandra and Kaelbling 1995, "Learning policies for partially observable environments".

    Args:
        beliefs: (N, S) float, each row sums to one.
        q_values: (S, A) float, optimal Q-values of the MDP whose state is visible.

    Returns:
        (actions, worth): (N,) int, the action with the greatest mean Q-value, and (N,) float, at least 0: the
        mean of the states' best values less the mean Q-value of that action.
    """
    ### BEGIN SOLUTION 8.2 qmdp
    # HINT: One matrix product gives the mean Q-value of each action at each belief. Mean of the maxima, maximum of
    # HINT:   the means: which is which? About 3 lines.
    mean_values = beliefs @ q_values
    worth = beliefs @ q_values.max(axis=1) - mean_values.max(axis=1)
    return mean_values.argmax(axis=1), worth
    ### END SOLUTION 8.2 qmdp

# %% [markdown]
# **Sanity numbers.** Action 0 is a gamble with Q-values 10 and -100 in the two states, action 1 is safe,
# always 0. At the belief $(0.6, 0.4)$ the gamble's mean is $6 - 40 = -34$: QMDP plays safe, although state 0
# is likelier. Knowing the state is worth $0.6 \cdot 10 + 0.4 \cdot 0 - 0 = 6$.
#
# **Watch a belief.** One run of QMDP in the corridor. Dark is probable, the line is the true cell, the
# triangles at the bottom mark the doors.

# %% tags=["experiment"]
def solve_table(transition, rewards, gamma):
    """(S, A) optimal Q-values, by your value iteration."""
    values, _ = value_iteration(transition, rewards, gamma, tolerance=1e-12)
    return rewards + gamma * transition @ values


CORRIDOR_GAMMA = 0.98
LAST_DOOR = corridor.Corridor(doors=(1, 5, 12), goal=12, door_hit=0.9, false_alarm=0.05)
MIDDLE_DOOR = corridor.Corridor(doors=(2, 4, 9, 12), goal=9, door_hit=0.9, false_alarm=0.05)


def best_last_observation(world):
    """Find the best of all nine maps from the last observation to an action, by your exact evaluation."""
    best = (-np.inf, None)
    for policy in itertools.product(range(3), repeat=2):  # the action at "wall", the action at "door"
        chance = world.observation_model @ np.eye(3)[list(policy)]  # (S, A)
        value = world.start @ evaluate_exact(world.transition, world.reward, chance, CORRIDOR_GAMMA)
        best = max(best, (value, policy))
    return best[1]


def run_corridor(world, name, seed, q_values, last_observation_policy):
    """Run one episode of "last observation", "QMDP" or "state visible": return, success, (cells, beliefs)."""
    env = corridor.CorridorEnv(world)
    observation, _ = env.reset(seed=seed)
    belief = world.start * world.observation_model[:, observation]
    belief, earned, over, cells, beliefs = belief / belief.sum(), 0.0, False, [], []
    transition, sensor = world.transition, world.observation_model
    while not over:
        cells.append(env.state)
        beliefs.append(belief)
        if name == "last observation":
            action = last_observation_policy[observation]
        elif name == "QMDP":
            action = int(qmdp(belief[None], q_values)[0][0])
        else:
            action = int(q_values[env.state].argmax())
        observation, paid, terminated, truncated, info = env.step(action)
        earned, over = earned + paid, terminated or truncated
        if name == "QMDP":
            belief = belief_update(belief, action, observation, transition, sensor)
    return earned, info["is_success"], (np.array(cells), np.array(beliefs))


def show_beliefs(worlds, seed):
    fig, axes = plt.subplots(1, len(worlds), figsize=(11, 4), layout="constrained")
    for ax, (title, world) in zip(axes, worlds.items()):
        q_values = solve_table(world.transition, world.reward, CORRIDOR_GAMMA)
        cells, beliefs = run_corridor(world, "QMDP", seed, q_values, None)[2]
        cells, beliefs = cells[:60], beliefs[:60, : world.length]
        image = ax.imshow(beliefs, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.plot(cells, np.arange(len(cells)), ".-", color="tab:orange", label="true cell")
        bottom = len(cells) - 0.4
        ax.plot(world.doors, np.full(len(world.doors), bottom), "k^", clip_on=False, label="door")
        ax.plot(world.goal, bottom, "r^", clip_on=False, label="its room")
        ax.set(xlabel="cell", ylabel="step", title=title)
    axes[0].legend(loc="upper right", fontsize=8)
    fig.colorbar(image, label="belief")
    plt.show()


show_beliefs({"the last door is its room": LAST_DOOR, "a door in the middle is its room": MIDDLE_DOOR}, seed=30)

# %% [markdown]
# Left: the robot heads east, because most cells lie west of its room. When it sees a door that might be the
# one, it steps to and fro until it has made up its mind; in the end the two passed doors and the wall at the
# end settle it, and it enters. Right: the same filter, the same formula, but the room lies among the doors.
# Half of the belief says east, half says west, and the robot dithers on and on. Hold that thought.
#
# **Three robots** (about 4 s). The first takes its last observation for the state: it gets the best of all
# nine maps from {wall, door} to actions. The second keeps a belief, the third is told the cell. The same 300
# starts for all; bars are 95% intervals.

# %% tags=["experiment"]
def compare_robots(worlds, num_episodes=300):
    names = ("last observation", "QMDP", "state visible")
    _, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    for shift, (title, world) in zip((-0.2, 0.2), worlds.items()):
        q_values = solve_table(world.transition, world.reward, CORRIDOR_GAMMA)
        simple = best_last_observation(world)
        print(title)
        for x, name in enumerate(names):
            runs = [run_corridor(world, name, seed, q_values, simple)[:2] for seed in range(num_episodes)]
            for ax, series in zip(axes, np.array(runs, dtype=float).T):
                half = 1.96 * series.std() / np.sqrt(num_episodes)
                ax.bar(x + shift, series.mean(), 0.38, yerr=half, capsize=4, color="C0" if shift < 0 else "C1",
                       label=title if x == 0 else None)
                print(f"  {name:17s}" if ax is axes[0] else "     success", f"{series.mean():6.2f} +- {half:.2f}",
                      end="" if ax is axes[0] else "\n")
    for ax, label in zip(axes, ("return", "share that finds its room")):
        ax.set_xticks(range(len(names)), names)
        ax.set_title(label)
        ax.axhline(0, color="0.5", linewidth=0.8)
    axes[0].legend(fontsize=8)
    plt.show()


compare_robots({"the last door": LAST_DOOR, "a middle door": MIDDLE_DOOR})

# %% [markdown]
# The best map from the last observation never enters at all: whoever answers "door" with "enter" stands
# before the wrong door sooner or later, sees the same door again, and bumps into it for ever. Memory is what
# makes the difference, and a belief is memory in its most compact form. With the middle door QMDP finds its
# room only half of the time, although its belief is exactly right. The fault lies in how it acts.
#
# **What QMDP cannot do.** It acts as if all doubt would be gone after one step. So it never pays for
# information: an action whose only use is to look changes no state and so has the Q-value of a wasted step,
# *whatever it would show*. The observation model does not even occur in the formula.
#
# Five cells in a row. One end pays 10 and the other costs 10, and only a sign says which; the robot starts in
# the middle. "look" costs 0.1 more than a step and reads the sign. The MDP has 2 x 5 states: which end pays,
# and where the robot is.

# %% tags=["experiment"]
def sign_post():
    """Transition (10, 3, 10), rewards (10, 3) and terminal (10,): state 5 * side + cell; west, east, look."""
    transition, rewards = np.zeros((10, 3, 10)), np.full((10, 3), -0.1)
    terminal = np.tile([True, False, False, False, True], 2)
    for side in range(2):
        for cell in range(5):
            state = 5 * side + cell
            for action, move in enumerate((-1, 1, 0)):
                reached = cell if terminal[state] else cell + move
                transition[state, action, 5 * side + reached] = 1.0
                if reached in (0, 4):
                    rewards[state, action] += 10.0 if (reached == 4) == (side == 1) else -10.0
    rewards[:, 2] -= 0.1
    rewards[terminal] = 0.0
    return transition, rewards, terminal


def run_sign_post(look_first, side=1, num_steps=12):
    transition, rewards, terminal = sign_post()
    q_values = solve_table(transition, rewards, 0.98)
    names, earned = [], 0.0
    sign = np.repeat(np.eye(2), 5, axis=0)  # (S, O): what "look" reads
    dark = np.full((10, 2), 0.5)  # what the other actions show: nothing
    state, belief = 5 * side + 2, np.zeros(10)
    belief[[2, 7]] = 0.5
    for t in range(num_steps):
        (action,), _ = qmdp(belief[None], q_values)
        action = 2 if look_first and t == 0 else int(action)
        names.append(("west", "east", "look")[action])
        earned += 0.98**t * rewards[state, action]
        state = int(transition[state, action].argmax())
        belief = belief_update(belief, action, side, transition, sign if action == 2 else dark)
        if terminal[state]:
            break
    print(f"{'look first, then QMDP' if look_first else 'QMDP':22s} earns {earned:5.2f}: {' '.join(names)}")


run_sign_post(look_first=False)
run_sign_post(look_first=True)

# %% [markdown]
# QMDP walks to and fro for ever in the middle, each time sure that it will know better after the next step:
# the same disease as with the middle door. A planner in belief space (a POMDP solver, or a policy with memory
# that *learned* to look) buys the information. Where information comes for free with the steps that the robot
# takes anyway, as with the last door, QMDP is nearly as good as seeing the state.

# %% [markdown]
# ## 9. Written questions
#
# Three short answers, about 150 to 250 words each (a table is welcome in 9.1). There is more than one right
# answer; we grade whether the pieces fit together and whether the reasons are yours. Write into the cells below.
#
# ### 9.1 Three robots as MDPs (4 points)
#
# Formulate each of these as a (partially observed) Markov decision process:
#
# - **"Go find a chair."** A wheeled robot with a forward camera, dropped into a building it has never seen
#   (Gupta et al. 2017).
# - **Recover from a fall.** A quadruped lies somehow on the ground. In Hwangbo et al. (2019): "If a legged robot
#   falls and cannot autonomously restore itself to an upright configuration, a human operator must intervene."
# - **Pick an object from clutter.** A parallel-jaw gripper above a bin of unknown things, and a depth camera
#   (Pinto & Gupta 2016; Mahler et al. 2017).
#
# For each, name the state and what of it the robot observes, the action and how often it is chosen, the reward,
# what terminates and what merely truncates, and a discount (or horizon) with your reason for it. Then say for one
# of the three why the last observation is not a state, and what you would do about it.

# %% [markdown] written="9.1"
# | | find a chair | recover from a fall | pick from clutter |
# |---|---|---|---|
# | state | the building's layout and its objects, robot pose | base orientation and velocity, joint angles and velocities, contacts, friction, motor temperature | pose, shape, mass and friction of every object; gripper pose |
# | observation | camera image, odometry, the word "chair" | IMU (gravity direction in the body frame, angular velocity), joint encoders, last command | depth image from above, gripper width, perhaps touch |
# | action, rate | forward 0.25 m, turn ±30°, stop; about 1 Hz, a low-level controller follows | 12 joint position targets, 50 Hz, PD loop below | a grasp (x, y, depth, angle), or reject; one every few seconds |
# | reward | 1 on stopping within 1 m of a chair that is in view, minus 0.01 a step | height and uprightness of the base, small costs on torque, joint speed, impacts | 1 if an object is lifted and held, 0 otherwise, minus time |
# | terminated | the stop action, right or wrong | upright and still for 1 s; a self-collision that would break the robot | bin empty; the gripper's emergency stop |
# | truncated | 500 steps: the clock is ours, not the world's | 6 s | 30 attempts |
# | discount | 0.99: about 100 steps, a crossing of a floor | 0.99 at 50 Hz: 2 s, as long as a recovery takes | near 0 for isolated objects (each grasp stands alone), 0.9 in clutter, where moving one thing uncovers another |
#
# "Find a chair": the image shows what is in front now. Two corridors can look alike while the chair is behind one of
# them, and a chair seen a moment ago is out of the picture after a turn; the image does not predict what comes next,
# so it is not Markov. I would keep a belief: a map accumulated by warping the last one with the odometry and fusing
# the new view, with probabilities of chairs in unseen rooms, and choose actions on that. A recurrent network does
# the same with less structure.

# %% [markdown]
# ### 9.2 Where the classical pipeline suffices, and where learning helps (3 points)
#
# Classically a robot estimates the state, plans in a model, and tracks the plan with a low-level controller. Take
# *two* of the three tasks of 9.1. For each, name one stage that you would leave classical and one that you would
# learn, and give the reason: what is known, what is hard to model, what data there would be to learn from.

# %% [markdown] written="9.2"
# *Find a chair.* Classical: ego-motion and wheel control. Odometry and the geometry of cameras are known to a
# percent, a velocity controller is solved, and learning would only add failures. Learned: the map of what has not
# been seen. Geometric reconstruction is silent about unseen space, yet buildings have patterns (chairs stand at
# tables, corridors lead to rooms), and these are statistics, not equations. Scans of real buildings give any number
# of labelled views: the simulator knows what stood behind the corner. A planner on top of the learned map may be
# classical again.
#
# *Recover from a fall.* Classical: the joint PD loop at 1 kHz and the state estimator from the IMU; both have good
# models and must be reliable. Learned: the policy, since there are many contacts at unknown places and the order of
# contacts is a combinatorial search that a planner would have to repeat at every slip; also the actuator, whose
# delays and friction nobody writes down, but whose input and output can be logged (Hwangbo et al. 2019 learn both:
# the actuator from data of the robot, the policy in the simulator that contains it). Failure is cheap in
# simulation, which is the data.
#
# The rule I take from it: model where physics is known and the state is measured; learn where the model is missing,
# observation is partial, and experience can be had at low cost.

# %% [markdown]
# ### 9.3 What makes rewards hard (3 points)
#
# Choose one task of 9.1, or the reacher of section 1. Give (a) a reward that looks reasonable, and a behaviour that
# earns a lot of it without doing what you meant, with the arithmetic or the mechanism that makes it pay; (b) a mend,
# and what the mend may cost (in learning speed, in hand-tuning, in new loopholes); (c) who or what measures the
# reward on a real robot, without a simulator that knows everything?

# %% [markdown] written="9.3"
# The reacher. (a) Reward $e^{-d/0.1}$ at every step, and the episode ends when the fingertip rests on the target.
# It looks dense and bounded. But at $\gamma = 0.99$ hovering 3 cm away earns $0.74 / (1 - 0.99) = 74$, while
# arriving earns 1 once and then nothing: the best policy never arrives. Nobody told the arm that the end is good.
#
# (b) Subtract the maximum: $e^{-d/0.1} - 1$ is at most 0, so each step before the end costs something and the goal
# is the best place to be. The cost: with a termination on something bad (a collision, say) negative rewards invite
# the arm to crash early, so every new ending needs this check again. A sparse reward ($-1$ a step until arrival) has no
# such loophole and says exactly what I want, but random exploration hardly ever arrives, so learning is slow. A
# shaping term $\gamma \Phi(s') - \Phi(s)$ with $\Phi = -d$ adds the slope without moving the optimum (Ng, Harada &
# Russell 1999).
#
# (c) On a real robot distance has to be measured: the fingertip by forward kinematics from encoders (good to
# millimetres), the target by a camera that must be calibrated, and that the arm itself hides at the moment of
# arrival. An arm that is paid by a camera may learn to hide the target or to stand where the tracker errs. A
# touch switch or a weighed object is harder to fool, and comes late and rarely: delayed, sparse supervision again.
