"""Floor plans and corridors as tables, against sums done by hand and against their own samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.corridor import DOOR, EAST, ENTER, WEST, Corridor, CorridorEnv
from environments.grid_navigation import DEFAULT_PLAN, NORTH, SOUTH, FloorPlan, GridNavigationEnv
from environments.grid_navigation import EAST as RIGHT
from environments.tabular import TabularMDP, draw

ROOM = """
    #####
    #S.G#
    #.#C#
    #...#
    #####
"""


def solve(mdp, gamma):
    values = np.zeros(mdp.num_states)
    for _ in range(3000):
        action_values = mdp.reward + gamma * mdp.transition @ values
        values = action_values.max(axis=1)
    return values, action_values


# Tables


def valid():
    transition = np.zeros((2, 1, 2))
    transition[:, 0, 1] = 1.0
    return {
        "transition": transition, "reward": np.array([[1.0], [0.0]]),
        "terminal": np.array([False, True]), "start": np.array([1.0, 0.0]),
    }  # fmt: skip


def test_a_table_is_a_copy_and_cannot_be_written():
    arrays = valid()
    mdp = TabularMDP(**arrays)
    arrays["reward"][0, 0] = 99.0
    assert mdp.reward[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        mdp.transition[0, 0, 0] = 1.0
    assert (mdp.num_states, mdp.num_actions) == (2, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward": np.zeros(2)}, r"TabularMDP.reward: got shape \(2,\), expected \(2, 1\)"),
        (
            {"transition": np.full((2, 1, 2), 0.4)},
            r"TabularMDP.transition\[0, 0\] sums to 0.8, expected 1. Add the missing",
        ),
        (
            {"transition": np.array([[[2.0, -1.0]], [[0.0, 1.0]]])},
            r"transition: got a negative or non-finite probability, expected \[0, 1\]",
        ),
        ({"start": np.array([0.5, 0.4])}, r"TabularMDP.start sums to 0.9, expected 1"),
        ({"reward": np.array([[np.nan], [0.0]])}, r"reward: got NaN or infinity, expected finite rewards"),
        (
            {"reward": np.ones((2, 1))},
            r"terminal state 1 must go to itself and pay 0 .* Pay its reward on the way in",
        ),
        ({"terminal": np.array([True, False])}, r"terminal state 0 must go to itself"),
        ({"actions": ("a", "b")}, r"actions: got 2 names, expected 1, one an action"),
    ],
)
def test_a_wrong_table_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        TabularMDP(**{**valid(), **change})


def test_draws_have_their_probabilities_and_never_fall_on_zero():
    rng = np.random.default_rng(0)
    counts = (
        np.bincount([draw(np.array([0.0, 0.2, 0.5, 0.3, 0.0]), rng) for _ in range(5000)], minlength=5) / 5000
    )
    assert counts[0] == counts[4] == 0
    np.testing.assert_allclose(counts[1:4], [0.2, 0.5, 0.3], atol=0.03)  # 4 standard errors


class Loaded:
    """A generator whose next number is known."""

    def __init__(self, number):
        self.number = number

    def random(self):
        return self.number


@pytest.mark.parametrize(("number", "index"), [(0.0, 1), (0.249, 1), (0.25, 2), (1.0 - 2**-53, 2)])
def test_a_draw_at_a_border_goes_up(number, index):
    assert draw(np.array([0.0, 0.25, 0.75, 0.0]), Loaded(number)) == index


# Floor plans


def test_states_are_the_cells_without_walls_row_by_row():
    plan = FloorPlan.from_text(ROOM)
    assert plan.num_states == 8
    assert plan.cells.tolist() == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2], [3, 3]]
    assert "".join(plan.characters) == "S.G.C..."
    assert plan.state_at(2, 3) == 4
    assert plan.states_of("G").tolist() == [2]
    assert plan.terminal.tolist() == [False, False, True, False, True, False, False, False]
    np.testing.assert_array_equal(plan.start, np.eye(8)[0])
    grid = plan.to_grid(np.arange(8))
    assert np.isnan(grid[2, 2])
    assert grid[3, 3] == 7


def test_slip_goes_half_to_each_side_and_walls_stop_a_move():
    mdp = FloorPlan.from_text(ROOM).mdp(slip=0.2, living_reward=-0.04)
    # From S (north and west are walls): east goes to state 1 (0.8), north stays (0.1), south to state 3 (0.1).
    np.testing.assert_allclose(mdp.transition[0, RIGHT], [0.1, 0.8, 0, 0.1, 0, 0, 0, 0])
    # North from S: north stays (0.8), west stays (0.1), east to state 1 (0.1).
    np.testing.assert_allclose(mdp.transition[0, NORTH], [0.9, 0.1, 0, 0, 0, 0, 0, 0])
    # East of state 1 lies the goal; its sides are walls: 0.8 * 1 - 0.04.
    assert mdp.reward[1, RIGHT] == pytest.approx(0.76)
    # North from state 7 enters the hazard: 0.8 * -1 - 0.04; east is a wall, west is free.
    assert mdp.reward[7, NORTH] == pytest.approx(-0.84)
    assert mdp.reward[2].tolist() == mdp.reward[4].tolist() == [0.0] * 4
    assert mdp.actions == ("north", "east", "south", "west")


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.text("#.SGCa", min_size=4, max_size=4), min_size=1, max_size=5),
    st.floats(0, 1),
    st.floats(-2, 2),
)
def test_every_plan_is_a_sound_table(rows, slip, living_reward):
    text = "\n".join(["S...", *rows])
    mdp = FloorPlan.from_text(text, rewards={"a": 5.0}).mdp(
        slip, living_reward
    )  # TabularMDP checks rows and absorption
    np.testing.assert_allclose(mdp.transition.sum(axis=2), 1.0, atol=1e-12)
    without = FloorPlan.from_text(text, rewards={"a": 5.0}).mdp(0.0, living_reward)
    assert set(np.unique(without.transition)) <= {0.0, 1.0}


def test_the_edge_of_the_map_is_a_wall():
    mdp = FloorPlan.from_text("S.").mdp(slip=0.0)
    np.testing.assert_array_equal(mdp.transition[0, :, 0], [1, 0, 1, 1])


def test_rewards_of_ones_own_and_the_bridge():
    bridge = FloorPlan.from_text(
        """
        #CCCCC#
        aS....G
        #CCCCC#
        """,
        rewards={"a": 1.0, "G": 10.0, "C": -100.0},
    )
    quiet, noisy = (solve(bridge.mdp(slip=slip), gamma=0.9)[1].argmax(axis=1) for slip in (0.0, 0.2))
    start = bridge.states_of("S")[0]
    assert quiet[start] == RIGHT  # without noise the bridge is crossed
    assert noisy[start] == 3  # with it the near exit is better: west


def test_a_rewarded_cell_may_be_passed_if_it_is_not_terminal():
    plan = FloorPlan.from_text("S.aG", rewards={"a": -0.5}, terminals="G")
    mdp = plan.mdp(slip=0.0)
    assert mdp.terminal.tolist() == [False, False, False, True]
    assert mdp.reward[1, RIGHT] == -0.5
    assert mdp.reward[2, RIGHT] == 1.0


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", {}, r"got no rows"),
        ("S..\n..", {}, r"row 1 has 2 cells, expected 3 like row 0"),
        ("S.x", {}, r"row 0, column 2: got 'x', expected one of .* Give it a reward: rewards=\{'x': 0.0\}"),
        ("GG", {}, r"no cell to start from"),
        ("S.", {"rewards": {"#": 1.0}}, r"rewards: '#' cannot carry a reward"),
        ("S.", {"rewards": {"ab": 1.0}}, r"rewards: 'ab' cannot carry a reward"),
    ],
)
def test_a_text_that_is_no_plan_is_refused(text, arguments, message):
    with pytest.raises(ValueError, match=message):
        FloorPlan.from_text(text, **arguments)


def test_bad_numbers_and_places_are_refused():
    plan = FloorPlan.from_text(ROOM)
    with pytest.raises(ValueError, match=r"slip: got 1.2, expected a probability in \[0, 1\]"):
        plan.mdp(slip=1.2)
    with pytest.raises(ValueError, match=r"living_reward: got nan, expected a finite number"):
        plan.mdp(living_reward=float("nan"))
    with pytest.raises(ValueError, match=r"cell \(2, 2\) is a wall or off the map of shape \(5, 5\)"):
        plan.state_at(2, 2)
    with pytest.raises(ValueError, match=r"values: got shape \(3,\), expected \(8,\), one for each state"):
        plan.to_grid(np.zeros(3))
    with pytest.raises(ValueError, match=r"reset option state: got 2, expected a state that is not terminal"):
        GridNavigationEnv(ROOM).reset(options={"state": 2})
    with pytest.raises(ValueError, match=r"reset option state: got 8, expected an integer in 0..7"):
        GridNavigationEnv(ROOM).reset(options={"state": 8})


def test_the_environment_samples_its_table():
    env = GridNavigationEnv(ROOM, slip=0.3, living_reward=-0.5)
    reached, rewards = np.zeros(8), []
    for i in range(3000):
        env.reset(seed=0 if i == 0 else None, options={"state": 7})
        state, reward, terminated, _, info = env.step(NORTH)
        reached[state] += 1
        rewards.append(reward)
        assert terminated == (state == 4)
        assert info["is_success"] is False
    np.testing.assert_allclose(reached / 3000, env.mdp.transition[7, NORTH], atol=0.035)  # 4 standard errors
    assert np.mean(rewards) == pytest.approx(env.mdp.reward[7, NORTH], abs=0.035)


def test_the_default_plan_can_be_solved_from_everywhere():
    mdp = FloorPlan.from_text(DEFAULT_PLAN).mdp(slip=0.1, living_reward=-0.01)
    values, _ = solve(mdp, gamma=0.99)
    assert values[~mdp.terminal].min() > 0.4


# Corridor


@pytest.mark.parametrize(
    "corridor", [Corridor(), Corridor(length=5, doors=(0, 3), goal=3, move_overshoot=0.0)]
)
def test_corridor_rows_are_probabilities(corridor):
    num_states = corridor.length + 1
    assert corridor.transition.shape == (num_states, 3, num_states)
    assert corridor.observation_model.shape == (num_states, 2)
    np.testing.assert_allclose(corridor.transition.sum(axis=2), 1.0, atol=1e-12)
    np.testing.assert_allclose(corridor.observation_model.sum(axis=1), 1.0, atol=1e-12)
    assert corridor.observation_model.min() >= 0
    assert corridor.mdp().terminal.tolist() == [False] * corridor.length + [True]


def test_corridor_by_hand():
    corridor = Corridor(length=5, doors=(1, 3), goal=3, move_stay=0.1, move_overshoot=0.2)
    t = corridor.transition
    np.testing.assert_allclose(t[1, EAST], [0, 0.1, 0.7, 0.2, 0, 0])
    np.testing.assert_allclose(t[3, EAST], [0, 0, 0, 0.1, 0.9, 0])  # one and two cells both end at the wall
    np.testing.assert_allclose(t[0, WEST], [1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(t[3, ENTER], [0, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(t[1, ENTER], [0, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(corridor.observation_model[:, DOOR], [0.1, 0.85, 0.1, 0.85, 0.1, 0.5])
    np.testing.assert_allclose(corridor.reward[:, ENTER], [-2.1, -2.1, -2.1, 9.9, -2.1, 0.0])
    np.testing.assert_allclose(corridor.reward[:, EAST], [-0.1] * 5 + [0.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 1}, r"Corridor.length: got 1, expected at least 2"),
        ({"doors": (2, 20)}, r"Corridor.doors: got \(2, 20\), expected cells in 0..15"),
        ({"goal": 3}, r"Corridor.goal: got 3, expected one of the doors"),
        ({"door_hit": 1.2}, r"Corridor.door_hit: got 1.2, expected a probability"),
        (
            {"move_stay": 0.6, "move_overshoot": 0.6},
            r"move_stay \+ move_overshoot: got 1.2, expected a probability",
        ),
    ],
)
def test_a_wrong_corridor_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Corridor(**arguments)


def test_a_start_outside_the_corridor_is_refused():
    with pytest.raises(ValueError, match=r"reset option state: got 16, expected an integer in 0..15"):
        CorridorEnv().reset(options={"state": 16})


def test_the_sensor_and_the_motion_have_their_probabilities():
    env = CorridorEnv()
    corridor = env.corridor
    reached, heard = np.zeros(corridor.num_states), []
    for i in range(3000):
        env.reset(seed=0 if i == 0 else None, options={"state": 3})
        observation, *_ = env.step(EAST)
        reached[env.state] += 1
        if env.state == 4:
            heard.append(observation)
    np.testing.assert_allclose(reached / 3000, corridor.transition[3, EAST], atol=0.03)
    assert np.mean(heard) == pytest.approx(corridor.door_hit, abs=0.03)  # 4 standard errors


def test_nothing_that_is_returned_tells_the_state():
    env = CorridorEnv()
    _, info = env.reset(seed=0)
    assert info == {"is_success": False}
    assert set(env.step(EAST)[4]) == {"is_success"}


def test_entering_the_goal_door_ends_the_episode():
    env = CorridorEnv()
    env.reset(options={"state": env.corridor.goal})
    _, reward, terminated, truncated, info = env.step(ENTER)
    assert (reward, terminated, truncated, info["is_success"]) == (pytest.approx(9.9), True, False, True)


def play(choose, num_episodes=60):
    """Success and mean return of a policy of (belief, observation) that is handed the exact belief."""
    env = CorridorEnv()
    corridor = env.corridor
    transition, sensor = corridor.transition, corridor.observation_model
    successes, returns = [], []
    for seed in range(num_episodes):
        observation, _ = env.reset(seed=seed)
        belief = corridor.start * sensor[:, observation]
        total, ended = 0.0, False
        while not ended:
            belief = belief / belief.sum()
            action = choose(belief, observation)
            observation, reward, terminated, truncated, _ = env.step(action)
            belief = (belief @ transition[:, action]) * sensor[:, observation]
            total, ended = total + reward, terminated or truncated
        successes.append(terminated)
        returns.append(total)
    return np.mean(successes), np.mean(returns)


def test_a_belief_beats_the_last_observation():
    _, action_values = solve(Corridor().mdp(), gamma=0.95)
    qmdp = play(lambda belief, _: int(np.argmax(belief @ action_values)))
    likely = play(lambda belief, _: int(np.argmax(action_values[np.argmax(belief)])))
    last = play(lambda _, observation: ENTER if observation == DOOR else EAST)
    assert qmdp[0] > 0.95
    assert qmdp[1] > likely[1] + 1 > last[1] + 10


def test_south_and_west_are_the_other_actions():
    plan = FloorPlan.from_text(ROOM)
    assert plan.neighbours()[0].tolist() == [0, 1, 3, 0]
    assert SOUTH == 2
