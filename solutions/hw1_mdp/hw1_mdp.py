# %% [markdown]
# # Homework 1: Formulate and solve MDPs

# %% tags=["setup"]
import numpy as np

from autograder import check, submit

# %% [markdown]
# ## 1. Formulate

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

    Eq. (4.10) of Sutton & Barto 2018; eq. (6.2.3) of Puterman 1994.

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
#

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
    looser ones: in the example below they are met with equality.

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
print(error_bound(np.array([0.0]), np.array([1.0]), gamma=0.5, accuracy=0.1))  # 1.0, 2.0, 4

# %% [markdown]
# **Contraction, measured.** The error of value iteration on the floor plan, against the line
# $\gamma^k \lVert V_0 - V^* \rVert$ that the theorem draws, the bound that you can compute without knowing $V^*$, and
# what the greedy policy really loses. (About 2 s.)
#

# %% [markdown]
# **What do you see?** Where does the error fall faster than $\gamma^k$, and why there? How many sweeps before the end
# was the policy already optimal?

# %% [markdown]
# ## 4. Policy iteration
#
# You just saw the policy become right long before the values did. Howard's policy iteration (1960) works on the
# policy itself: *evaluate* it exactly, make it *greedy* for its own values, and repeat. Each round is better
# everywhere (the policy improvement theorem; Sutton & Barto 2018, section 4.2), there are only $A^S$ policies, so
# it ends, and in practice within a handful of rounds. It is Newton's method on Bellman's equation (Puterman &
# Brumelle 1979), where value iteration is the fixed-point method.
#
# One trap. Where two actions are *equally* good, rounding may prefer one today and the other tomorrow, and "stop when
# the policy stays the same" waits for ever (Sutton & Barto 2018, exercise 4.4). So change an action only where
# the new one is better by more than rounding, or stop on the values instead.
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
    # HINT:   state gains more than rounding, say 1e-9, over the values of the present policy. About 10 lines.
    num_states, num_actions = reward.shape
    policy = np.zeros(num_states, dtype=int)
    num_evaluations = 0
    while True:
        values = evaluate_exact(transition, reward, np.eye(num_actions)[policy], gamma)
        num_evaluations += 1
        backed_up, greedy = bellman_backup(transition, reward, values, gamma)
        better = backed_up > values + 1e-9
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
# **Few rounds or many sweeps?** The same floor plan, ever more patient: the nearer the discount is to one, the
# further the robot looks ahead. (About 3 s.)
#

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
# ## 5. From continuous to tabular

# %% [markdown]
# ## 6. Design

# %% [markdown]
# ## 7. LQR

# %% [markdown]
# ## 8. Partial observation

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
