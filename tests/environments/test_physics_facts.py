"""What physics says about the pendulum, the cart-pole and the arm."""

from __future__ import annotations

import re

import mujoco
import numpy as np
import pytest

from environments import cartpole, pendulum, physics, reacher

FAMILIES = {
    "pendulum": (pendulum, pendulum.PendulumPhysics, 2, 1),
    "cartpole": (cartpole, cartpole.CartPolePhysics, 4, 1),
    "reacher": (reacher, reacher.ReacherPhysics, 4, 2),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def random_batch(size, num_controls, num_rows, seed=0):
    rng = np.random.default_rng(seed)
    controls = rng.uniform(-2, 2, (num_rows, num_controls))
    return rng.uniform(-3, 3, (num_rows, size)), controls[:, 0] if num_controls == 1 else controls


# Batched steps and their derivatives


@pytest.mark.parametrize("num_rows", [20, 60])  # a loop, a batch
def test_step_states_equals_stepping_one_by_one_bit_by_bit(family, num_rows):
    module, world, size, num_controls = family
    states, controls = random_batch(size, num_controls, num_rows)
    assert 20 <= physics.LOOP_ROWS < 60
    batched = module.step_states(states, controls)
    for state, control, following in zip(states, controls, batched):
        single = world()
        single.set_configuration(state[: size // 2], state[size // 2 :])
        single.step(control)
        np.testing.assert_array_equal(np.concatenate([single.data.qpos, single.data.qvel]), following)


def test_step_states_is_the_same_on_two_threads_and_across_chunks(family, monkeypatch):
    module, _, size, num_controls = family
    states, controls = random_batch(size, num_controls, 57)
    whole = module.step_states(states, controls)
    np.testing.assert_array_equal(module.step_states(states, controls, num_threads=2), whole)
    monkeypatch.setattr(physics, "BATCH_ROWS", 10)
    np.testing.assert_array_equal(module.step_states(states, controls), whole)


def test_step_states_leaves_its_arguments_alone_and_takes_none(family):
    module, _, size, num_controls = family
    states, controls = random_batch(size, num_controls, 5)
    kept = states.copy(), controls.copy()
    module.step_states(states, controls)
    np.testing.assert_array_equal(states, kept[0])
    np.testing.assert_array_equal(controls, kept[1])
    assert module.step_states(states[:0], controls[:0]).shape == (0, size)


def test_step_states_refuses_wrong_shapes_and_nan():
    states, torques = np.zeros((3, 2)), np.zeros(3)
    for bad_states, bad_torques, message in (
        (np.zeros((3, 3)), torques, r"states: got shape \(3, 3\), expected \(N, 2\)"),
        (np.zeros(2), torques, r"states: got shape \(2,\), expected \(N, 2\)"),
        (states, np.zeros((3, 1)), r"torques: got shape \(3, 1\), expected \(N,\)"),
        (states, np.zeros(2), r"controls: got 2 rows, expected 3, one for each state"),
        (np.array([[0, 0], [0, np.nan], [0, 0]]), torques, r"states: row 1 holds NaN or infinity"),
    ):
        with pytest.raises(ValueError, match=message):
            pendulum.step_states(bad_states, bad_torques)
    with pytest.raises(ValueError, match=r"forces: got shape \(3, 1\), expected \(N,\)"):
        cartpole.step_states(np.zeros((3, 4)), np.zeros((3, 1)))


@pytest.mark.parametrize(
    ("module", "state", "control"),
    [
        (pendulum, (0.0, 0.0), 0.0),
        (pendulum, (1.3, -2.0), 0.7),
        (cartpole, (0.0, 0.0, 0.0, 0.0), 0.0),
        (cartpole, (0.3, 2.0, -1.0, 3.0), 4.0),
    ],
)
def test_linearisation_is_the_difference_quotient_of_the_control_step(module, state, control):
    a, b = module.linearise(state, control)
    step = 1e-5
    size = len(state)
    moved = np.array(state) + step * np.concatenate([np.eye(size), -np.eye(size), np.zeros((2, size))])
    controls = np.full(2 * size + 2, control)
    controls[-2:] += (step, -step)
    following = module.step_states(moved, controls)
    expected_a = (following[:size] - following[size : 2 * size]).T / (2 * step)
    expected_b = (following[-2] - following[-1])[:, None] / (2 * step)
    # Both are central differences: truncation and rounding stay below 1e-7.
    np.testing.assert_allclose(a, expected_a, atol=1e-7)
    np.testing.assert_allclose(b, expected_b, atol=1e-7)


def test_upright_is_unstable_and_hanging_is_not():
    upright, _ = pendulum.linearise((0.0, 0.0))
    hanging, _ = pendulum.linearise((np.pi, 0.0))
    assert np.abs(np.linalg.eigvals(upright)).max() > 1.1
    assert np.abs(np.linalg.eigvals(hanging)).max() < 1 + 1e-9


def test_linearise_refuses_a_wrong_state():
    with pytest.raises(ValueError, match=r"state: got shape \(3,\), expected \(4,\)"):
        cartpole.linearise((0.0, 0.0, 0.0))


def test_linear_feedback_balances_the_cart_pole():
    a, b = cartpole.linearise()
    cost, value = np.diag([1.0, 1.0, 0.1, 0.1]), np.eye(4)
    for _ in range(1000):
        gain = np.linalg.solve(0.01 * np.eye(1) + b.T @ value @ b, b.T @ value @ a)
        value = cost + a.T @ value @ (a - b @ gain)
    env = cartpole.CartPole(sensor_noise=(0.01, 0.01, 0.03, 0.03))
    observation, _ = env.reset(seed=0)
    for _ in range(env.step_limit):
        action = np.clip(-gain @ observation / cartpole.FORCE_LIMIT, -1, 1)
        observation, reward, terminated, truncated, _ = env.step(action)
        assert (reward, terminated) == (1.0, False)
    assert truncated


# Pendulum


def test_an_undamped_pendulum_keeps_its_energy():
    world = pendulum.PendulumPhysics()
    world.set_configuration([2.0], [0.0])
    energies = []
    for _ in range(2000):  # 100 s
        world.step([0.0])
        energies.append(float(pendulum.energy([world.angle(), world.speed()])))
    # Semi-implicit Euler: the energy swings by O(dt), here 0.03 J of 9.8, and does not drift.
    assert np.ptp(energies) < 0.08
    assert abs(np.mean(energies[:200]) - np.mean(energies[-200:])) < 0.005


@pytest.mark.parametrize(
    ("module", "world"), [(pendulum, pendulum.PendulumPhysics), (cartpole, cartpole.CartPolePhysics)]
)
def test_energy_is_mujocos_up_to_its_zero(module, world):
    simulated = world()
    simulated.model.opt.enableflags |= mujoco.mjtEnableBit.mjENBL_ENERGY
    size = simulated.model.nq
    states = np.random.default_rng(0).uniform(-3, 3, (20, 2 * size))
    totals = []
    for state in states:
        simulated.set_configuration(state[:size], state[size:])
        totals.append(simulated.data.energy.sum())
    offset = np.array(totals) - module.energy(states)
    np.testing.assert_allclose(offset, offset[0], atol=1e-5)  # the XML's tiny inertia about the rod's axis


def test_a_pendulum_at_rest_upright_or_hanging_stays():
    rest = np.array([[0.0, 0.0], [np.pi, 0.0]])
    np.testing.assert_allclose(pendulum.step_states(rest, np.zeros(2)), rest, atol=1e-12)


def test_the_motor_cannot_hold_the_rod_level_and_saturates():
    level = np.array([[np.pi / 2, 0.0]] * 2)
    following = pendulum.step_states(level, np.array([-pendulum.TORQUE_LIMIT, -10.0]))
    np.testing.assert_array_equal(following[0], following[1])
    assert following[0, 1] > 0  # it falls against the full torque
    # First order: (m g l / 2 - limit) / I * dt
    weight = pendulum.MASS * pendulum.GRAVITY * pendulum.LENGTH / 2
    expected = (weight - pendulum.TORQUE_LIMIT) / pendulum.INERTIA * pendulum.CONTROL_PERIOD
    assert following[0, 1] == pytest.approx(expected, rel=0.01)


def test_a_positive_angle_leans_to_minus_x_and_positive_torque_increases_it():
    world = pendulum.PendulumPhysics()
    world.set_configuration([0.3], [0.0])
    tip = world.tip_position_world()
    np.testing.assert_allclose(tip, [-np.sin(0.3), 0.0, 1.3 + np.cos(0.3)], atol=1e-12)
    assert pendulum.step_states([[0.0, 0.0]], np.array([1.0]))[0, 0] > 0


def test_pendulum_reward_by_hand():
    # left: (pi / 2, 2) with 1 N m: -(2.4674 + 0.4 + 0.001)
    assert pendulum.reward([np.pi / 2, 2.0], 1.0) == pytest.approx(-(np.pi**2 / 4 + 0.401))
    assert pendulum.reward([2 * np.pi, 0.0], 0.0) == pytest.approx(0.0)
    env = pendulum.PendulumSwingUp()
    env.reset(options={"state": (np.pi / 2, 2.0)})
    assert env.step([0.5])[1] == pytest.approx(-(np.pi**2 / 4 + 0.401))


def test_full_torque_for_a_whole_episode_stays_inside_the_speed_bound():
    env = pendulum.PendulumSwingUp()
    env.reset(options={"state": (0.1, 1.0)})
    speeds = [abs(env.step([np.sign(env.state[1])])[0][2]) for _ in range(env.step_limit)]
    assert 50 < max(speeds) < pendulum.SPEED_BOUND


def test_success_is_upright_and_slow():
    env = pendulum.PendulumSwingUp()
    for state, success in (((2 * np.pi, 0.0), True), ((0.0, 1.5), False), ((1.0, 0.0), False)):
        assert env.reset(options={"state": state})[1] == {"is_success": success}


# Cart-pole


def test_a_positive_angle_leans_to_plus_x():
    world = cartpole.CartPolePhysics()
    world.set_configuration([0.5, 0.3], [0.0, 0.0])
    np.testing.assert_allclose(world.tip_position_world()[0], 0.5 + np.sin(0.3), atol=1e-12)
    pushed = cartpole.step_states([[0.0, 0.0, 0.0, 0.0]], np.array([5.0]))[0]
    assert pushed[2] > 0 > pushed[3]  # the cart goes to +x, the pole is left behind


def test_cart_pole_accelerates_as_barto_sutton_and_anderson_say():
    angle, turn, force = 0.4, 1.5, 6.0
    mass, arm = cartpole.CART_MASS + cartpole.POLE_MASS, cartpole.POLE_LENGTH / 2
    pulled = (force + cartpole.POLE_MASS * arm * turn**2 * np.sin(angle)) / mass
    alpha = (cartpole.GRAVITY * np.sin(angle) - np.cos(angle) * pulled) / (
        arm * (4 / 3 - cartpole.POLE_MASS * np.cos(angle) ** 2 / mass)
    )
    acceleration = pulled - cartpole.POLE_MASS * arm * alpha * np.cos(angle) / mass
    world = cartpole.CartPolePhysics()
    world.set_configuration([0.0, angle], [0.0, turn])
    world.data.ctrl[:] = force
    mujoco.mj_forward(world.model, world.data)
    np.testing.assert_allclose(world.data.qacc, [acceleration, alpha], rtol=1e-5)


def test_the_true_state_is_not_the_noisy_observation():
    env = cartpole.CartPole(sensor_noise=(0.5, 0.0, 0.0, 0.0))
    errors = []
    observation, _ = env.reset(seed=0)
    for _ in range(200):
        errors.append(observation - env.state)
        observation, _, terminated, truncated, _ = env.step(np.zeros(1))
        if terminated or truncated:
            observation, _ = env.reset()
    errors = np.array(errors)
    np.testing.assert_array_equal(errors[:, 1:], 0.0)
    assert errors[:, 0].std() == pytest.approx(0.5, rel=0.2)  # 200 draws: 5% standard error


def test_a_push_turns_the_pole_for_one_step_and_is_gone():
    env = cartpole.CartPole(push_probability=1.0, push_force=5.0)
    env.reset(seed=0, options={"state": np.zeros(4)})
    env.step(np.zeros(1))
    push = env.physics.data.xfrc_applied[env.physics.model.body("pole").id, 0]
    assert 0 < abs(push) <= 5.0
    assert np.sign(env.state[3]) == np.sign(push)
    # At first only the pole feels it: about F (l / 2) dt / (m l^2 / 3), reduced a little by the moving cart.
    assert abs(env.state[3]) == pytest.approx(abs(push) * 0.5 * 0.02 / (0.1 / 3), rel=0.15)
    env.push_probability = 0.0
    env.step(np.zeros(1))
    np.testing.assert_array_equal(env.physics.data.xfrc_applied, 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sensor_noise": (0.1, 0.1)}, r"sensor_noise: got shape \(2,\), expected \(4,\)"),
        (
            {"sensor_noise": (0, 0, 0, -1)},
            r"sensor_noise: got .*, expected .*deviations of at least 0",
        ),
        ({"sensor_noise": (0, 0, 0, np.nan)}, r"sensor_noise: .* expected finite numbers"),
        ({"push_probability": 1.5}, r"push_probability: got 1.5, expected a probability in \[0, 1\]"),
    ],
)
def test_bad_disturbances_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cartpole.CartPole(**arguments)


@pytest.mark.parametrize(
    ("state", "fallen"),
    [((0, 0.2, 0, 0), False), ((0, -0.22, 0, 0), True), ((2.39, 0, 0, 0), False), ((-2.41, 0, 0, 0), True)],
)
def test_the_pole_falls_beyond_twelve_degrees_and_the_rail_ends(state, fallen):
    assert cartpole.has_fallen(state) == fallen


def test_the_last_step_of_a_fall_earns_nothing():
    env = cartpole.CartPole()
    env.reset(options={"state": (0.0, 0.2, 0.0, 3.0)})
    _, reward, terminated, truncated, _ = env.step(np.zeros(1))
    assert (reward, terminated, truncated) == (0.0, True, False)


def test_swing_up_begins_hanging_and_its_reward_is_one_upright_in_the_middle():
    env = cartpole.CartPoleSwingUp()
    observation, info = env.reset(seed=1)
    assert observation[1] < -0.99
    assert info == {"is_success": False}
    assert cartpole.reward_swing_up([0.0, 0.0, 0.0, 0.0], 0.0) == 1.0
    assert cartpole.reward_swing_up([0.0, np.pi, 0.0, 0.0], 0.0) == pytest.approx(0.0)
    # (1 + cos 60 deg) / 2 * (1 - 0.25 / 2) * (1 - 0.1) = 0.75 * 0.875 * 0.9
    assert cartpole.reward_swing_up([1.2, np.pi / 3, 9, 9], 10.0) == pytest.approx(0.590625)


def test_swing_up_ends_at_the_rails_end():
    env = cartpole.CartPoleSwingUp()
    env.reset(options={"state": (2.35, np.pi, 4.0, 0.0)})
    assert env.step(np.zeros(1))[2:4] == (True, False)


# Arm


def test_forward_kinematics_is_mujocos():
    world = reacher.ReacherPhysics()
    for qpos in np.random.default_rng(0).uniform(-4, 4, (20, 2)):
        world.set_configuration(qpos, [0.0, 0.0])
        np.testing.assert_allclose(
            world.fingertip_position_world(), reacher.forward_kinematics(qpos), atol=1e-12
        )


def test_jacobian_is_mujocos_and_gives_the_fingertips_velocity():
    world = reacher.ReacherPhysics()
    exact = np.zeros((3, 2))
    site = world.model.site("fingertip").id
    for row in np.random.default_rng(1).uniform(-3, 3, (20, 4)):
        world.set_configuration(row[:2], row[2:])
        mujoco.mj_jacSite(world.model, world.data, exact, None, site)
        np.testing.assert_allclose(reacher.jacobian(row[:2]), exact[:2], atol=1e-12)
        np.testing.assert_allclose(world.fingertip_velocity_world(), exact[:2] @ row[2:], atol=1e-12)


def test_link_lengths_and_named_points_by_hand():
    world = reacher.ReacherPhysics()
    world.set_configuration([np.pi / 2, -np.pi / 2], [0.0, 0.0])
    np.testing.assert_allclose(world.elbow_position_world(), [0.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(world.fingertip_position_world(), [0.4, 0.5], atol=1e-12)
    world.set_target_world([0.1, -0.3])
    np.testing.assert_array_equal(world.target_position_world(), [0.1, -0.3])
    world.set_configuration([0.0, 0.0], [0.0, 0.0])
    np.testing.assert_array_equal(
        world.target_position_world(), [0.1, -0.3]
    )  # the target stays where it was put


@pytest.mark.parametrize(
    ("path", "constant"),
    [(pendulum.pendulum.MODEL_PATH, "TORQUE_LIMIT"), (cartpole.cartpole.MODEL_PATH, "FORCE_LIMIT"),
     (reacher.reacher.MODEL_PATH, "TORQUE_LIMIT")],
)  # fmt: skip
def test_limits_and_periods_in_the_model_are_the_constants(path, constant):
    module = {"pendulum": pendulum, "cartpole": cartpole, "reacher": reacher}[path.stem]
    model = mujoco.MjModel.from_xml_path(str(path))
    np.testing.assert_array_equal(np.abs(model.actuator_ctrlrange), getattr(module, constant))
    assert model.opt.timestep * module.NUM_SUBSTEPS == pytest.approx(module.CONTROL_PERIOD)


def test_masses_and_inertias_in_the_models_are_the_constants():
    rod = pendulum.PendulumPhysics().model.body("rod")
    about_pivot = rod.inertia[1] + rod.mass[0] * (pendulum.LENGTH / 2) ** 2
    assert (rod.mass[0], about_pivot) == (pendulum.MASS, pytest.approx(pendulum.INERTIA))
    model = cartpole.CartPolePhysics().model
    assert model.body("cart").mass[0] == cartpole.CART_MASS
    assert model.body("pole").mass[0] == cartpole.POLE_MASS
    assert model.opt.gravity[2] == -pendulum.GRAVITY == -cartpole.GRAVITY


def test_another_models_state_is_refused():
    with pytest.raises(ValueError, match=r"set_state: got a state of shape .*: another model's\?"):
        pendulum.PendulumPhysics().set_state(cartpole.CartPolePhysics().get_state())


def test_wrapped_angles_lie_in_minus_pi_to_pi():
    np.testing.assert_allclose(
        physics.wrap_angle(np.array([0.0, np.pi, -np.pi, 3 * np.pi, 7.0])),
        [0.0, -np.pi, -np.pi, -np.pi, 7.0 - 2 * np.pi],
    )


def test_no_model_moves_without_being_named_in_english():
    for _, world, _, _ in FAMILIES.values():
        methods = [
            name for name in vars(world) if re.search(r"position|velocity", name) and "joint" not in name
        ]
        assert methods
        assert all(name.endswith(("_world", "_body")) for name in methods)
