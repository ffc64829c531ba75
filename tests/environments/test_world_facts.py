"""Facts that a textbook knows: what is conserved, where speed ends, how often chance strikes, how far it is."""

from __future__ import annotations

import heapq

import mujoco
import numpy as np
import pytest

from environments import cartpole, physics, reacher
from environments.corridor import CorridorEnv
from environments.grid_navigation import FloorPlan, GridNavigationEnv
from environments.navigation import Camera, PointGoalNavigation, depth, distance_field, draw_plan
from environments.navigation.plans import position
from environments.point_mass import CONTROL_PERIOD, DAMPING, FORCE_LIMIT, MASS, PointMassPhysics

# Mechanics


def finer(world, times):
    """The same control step in more physics steps."""
    world.model.opt.timestep /= times
    world.num_substeps *= times
    return world


def test_a_cart_pole_without_force_keeps_its_energy_and_its_momentum():
    errors = []
    for times in (1, 5):
        world = finer(cartpole.CartPolePhysics(), times)
        world.set_configuration([0.0, 2.0], [0.3, 1.0])
        energies, momenta = [], []
        for _ in range(1000):  # 20 s
            world.step([0.0])
            _, angle, velocity, turn = world.state()
            energies.append(float(cartpole.energy(world.state())))
            pole = cartpole.POLE_MASS * (velocity + cartpole.POLE_LENGTH / 2 * turn * np.cos(angle))
            momenta.append(cartpole.CART_MASS * velocity + pole)
        errors.append([np.ptp(energies), np.ptp(momenta)])
    # 0.023 J of the 0.98 J between upright and hanging, and 0.006 N s, are Euler's: of first order in its step.
    assert np.all(np.array(errors[0]) < (0.03, 0.008))
    np.testing.assert_allclose(np.divide(*errors), 5, rtol=0.1)


def test_an_arm_without_friction_keeps_its_energy_and_with_it_comes_to_rest():
    def energies(damping, times):
        world = finer(reacher.ReacherPhysics(), times)
        world.model.dof_damping[:] = damping
        world.model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
        world.set_configuration([0.4, 1.2], [2.0, -3.0])
        seen = [world.data.energy.sum()]
        for _ in range(250):  # 10 s
            world.step([0.0, 0.0])
            mujoco.mj_forward(world.model, world.data)
            seen.append(world.data.energy.sum())
        return np.array(seen)

    free, fine = energies(0.0, 1), energies(0.0, 5)
    assert np.ptp(free) < 0.08 * free[0]  # Euler at 5 ms, without the damping that the arm has
    assert 4 < np.ptp(free) / np.ptp(fine) < 6  # of first order
    damped = energies(0.5, 1)
    assert np.all(np.diff(damped) <= 0)
    assert damped[-1] < 1e-6


def test_the_puck_ends_at_the_speed_where_damping_takes_the_whole_force():
    world = PointMassPhysics()
    world.model.jnt_limited[:] = 0  # no walls: it takes 15 m
    terminal = FORCE_LIMIT / DAMPING
    speeds = []
    for _ in range(200):  # 10 s, ten time constants
        world.step([FORCE_LIMIT, -FORCE_LIMIT])
        speeds.append(world.velocity_world()[0])
    np.testing.assert_allclose(world.velocity_world(), [terminal, -terminal], rtol=1e-4)
    # On the way 1 - exp(-t / (m / d)); implicit damping at 10 ms lags by half a step.
    time = CONTROL_PERIOD * np.arange(1, 201)
    np.testing.assert_allclose(speeds, terminal * (1 - np.exp(-time * DAMPING / MASS)), atol=0.006)


# Chance


def worst_deviation(counts, probabilities):
    """The largest distance of a count from its expectation, in standard deviations."""
    total = counts.sum(axis=-1, keepdims=True)
    spread = np.sqrt(np.maximum(total * probabilities * (1 - probabilities), 1.0))
    return np.abs((counts - total * probabilities) / spread).max()


def test_every_cell_and_action_of_the_corridor_leads_where_the_table_says():
    env = CorridorEnv()
    corridor, num_draws = env.corridor, 300
    reached = np.zeros((corridor.length, 3, corridor.num_states))
    heard = np.zeros((corridor.num_states, 2))
    env.reset(seed=0)
    for state in range(corridor.length):
        for action in range(3):
            for _ in range(num_draws):
                env.reset(options={"state": state})
                observation, reward, *_ = env.step(action)
                reached[state, action, env.state] += 1
                heard[env.state, observation] += 1
                assert reward == corridor.reward[state, action]
    assert np.all(reached[corridor.transition[:-1] == 0] == 0)
    # Of 816 and 34 entries the largest deviation of a right table is 3 to 4 standard deviations.
    assert worst_deviation(reached, corridor.transition[:-1]) < 5
    assert worst_deviation(heard, corridor.observation_model) < 5


def test_every_cell_and_action_of_a_floor_plan_leads_where_the_table_says():
    plan = FloorPlan.from_text("S..G\n.#.C\n....")
    env = GridNavigationEnv(plan, slip=0.3)
    reached = np.zeros((plan.num_states, 4, plan.num_states))
    env.reset(seed=1)
    for state in np.flatnonzero(~plan.terminal):
        for action in range(4):
            for _ in range(400):
                env.reset(options={"state": int(state)})
                reached[state, action, env.step(action)[0]] += 1
    walked = ~plan.terminal
    assert np.all(reached[walked][env.mdp.transition[walked] == 0] == 0)
    assert worst_deviation(reached[walked], env.mdp.transition[walked]) < 5


# Space


def dijkstra(plan, start):
    """Metres to each free cell over the graph of cells whose middles are 0.25 m apart."""
    middles = {position(tuple(cell)): tuple(cell) for cell in np.argwhere(plan.free).tolist()}
    metres = np.full(plan.free.shape, np.inf)
    queue = [(0.0, position(start))]
    while queue:
        travelled, (x, y) = heapq.heappop(queue)
        if travelled >= metres[middles[x, y]]:
            continue
        metres[middles[x, y]] = travelled
        for dx, dy in ((0.25, 0), (-0.25, 0), (0, 0.25), (0, -0.25)):
            if (x + dx, y + dy) in middles:
                heapq.heappush(queue, (travelled + np.hypot(dx, dy), (x + dx, y + dy)))
    return metres


@pytest.mark.parametrize("seed", [0, 1_000_000])
def test_geodesic_distances_are_dijkstras(seed):
    plan = draw_plan(seed)
    start = tuple(np.argwhere(plan.free)[137].tolist())
    target = np.zeros_like(plan.free)
    target[start] = True
    np.testing.assert_array_equal(distance_field(plan.free, target), dijkstra(plan, start))


def test_the_expert_travels_the_geodesic_distance():
    env = PointGoalNavigation(sensors=())
    _, info = env.reset(seed=12)
    remaining = dijkstra(env.plan, env.cell)
    row, column = env.goal
    nearest = min(remaining[row + i, column + j] for i, j in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)))
    assert info["shortest_path"] == nearest
    while not info["is_success"]:
        *_, info = env.step(env.expert_action())
    assert info["path_length"] == pytest.approx(nearest)


def test_first_person_depth_is_the_distance_to_the_plane_of_a_wall():
    """Whatever the angle: a pixel's depth times its ray is a point on the wall's plane."""
    plan = draw_plan(0)
    camera = Camera(max_depth=np.inf)
    wall_x = plan.boxes[:, 3].max()  # the outer face of the east wall; its inner face is what is seen
    inner = plan.boxes[plan.boxes[:, 3] == wall_x][:, 0].max()
    cells = np.argwhere(plan.free)
    cell = cells[np.argmax(cells[:, 1])]
    x, y = position(tuple(cell.tolist()))
    for heading in (-0.4, 0.0, 0.3):
        image = depth(plan, camera, [[x, y, heading]])[0]
        points = np.array([x, y, camera.mount_height]) + image[..., None] * camera.rays_world(heading)
        on_wall = np.abs(points[..., 0] - inner) < 1e-9
        assert on_wall[28:36, 28:36].all()
        np.testing.assert_allclose(
            image[32, 32] * camera.rays_world(heading)[32, 32, 0], inner - x, atol=1e-9
        )


def test_angles_that_differ_by_a_turn_are_the_same():
    angles = np.linspace(-20, 20, 401)
    np.testing.assert_allclose(physics.wrap_angle(angles), physics.wrap_angle(angles + 2 * np.pi), atol=1e-12)
    np.testing.assert_allclose(np.exp(1j * physics.wrap_angle(angles)), np.exp(1j * angles), atol=1e-12)
