"""The judge of question 6.1: solves a floor plan exactly, in a bounded time, whatever the numbers are."""

from __future__ import annotations

import numpy as np

from environments.grid_navigation import FloorPlan

MAX_ROUNDS = 100  # fewer than ten in practice; rounding at discounts near 1 must not turn for ever


def solve_plan(plan, discount, slip, living_reward):
    """Solve a floor plan's MDP by policy iteration: (S, 4) optimal Q-values."""
    mdp = plan.mdp(slip, living_reward)
    states, policy = np.arange(mdp.num_states), np.zeros(mdp.num_states, dtype=int)
    for _ in range(MAX_ROUNDS):
        system = np.eye(mdp.num_states) - discount * mdp.transition[states, policy]
        q_values = mdp.reward + discount * mdp.transition @ np.linalg.solve(system, mdp.reward[states, policy])
        better = q_values.max(axis=1) > q_values[states, policy] + 1e-11
        if not better.any():
            break
        policy = np.where(better, q_values.argmax(axis=1), policy)
    return q_values


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


def judge_design(text, paid, discount, slip, living_reward):
    """Solve a plan: the exits that the robot can come to, and whether it walks along the ledge."""
    plan = FloorPlan.from_text(text, paid)
    reached = follow(plan, solve_plan(plan, discount, slip, living_reward))
    exits = "".join(sorted({plan.characters[s] for s in reached if plan.terminal[s]}))
    return exits, any(plan.cells[s][0] == 3 and plan.cells[s][1] > 0 for s in reached)
