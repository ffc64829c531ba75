"""Balance a pole on a cart, against noise and pushes if asked; or swing it up from hanging."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from environments import physics
from environments.episode import MujocoEpisode
from environments.physics import Physics, check_vector, wrap_angle
from environments.tabular import check_number, check_probability

# Model

MODEL_PATH = Path(__file__).with_name("cartpole.xml")
CART_MASS = 1.0  # kg
POLE_MASS = 0.1  # kg, a uniform rod
POLE_LENGTH = 1.0  # m, hinge to tip
GRAVITY = 9.81  # m/s^2
FORCE_LIMIT = 10.0  # N, on the cart
NUM_SUBSTEPS = 2  # physics steps of 10 ms in a control step
CONTROL_PERIOD = 0.02  # s, 50 Hz

# Registered ids

IDS: dict[str, dict[str, Any]] = {"robolearn/CartPole-v0": {}, "robolearn/CartPoleSwingUp-v0": {}}
BALANCE_STEP_LIMIT = 200  # 4 s
SWING_UP_STEP_LIMIT = 250  # 5 s
RAIL_LIMIT = 2.4  # m from the middle
ANGLE_LIMIT = np.deg2rad(12.0)  # rad, Gymnasium's CartPole
START_LIMIT = 0.05  # m, rad, m/s, rad/s
POSITION_BOUND = 3.0  # m; at the speed bound one step goes 0.4 m past the rail's end
SPEED_BOUND = 20.0  # m/s; full force over the whole rail gives 9.4
TURN_BOUND = 40.0  # rad/s
SUCCESS_ANGLE = 0.2  # rad

# Physics


@cache
def _model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_path(str(MODEL_PATH))


class CartPolePhysics(Physics):
    """The cart and its pole in MuJoCo."""

    def __init__(self) -> None:
        super().__init__(mujoco.MjModel.from_xml_path(str(MODEL_PATH)), NUM_SUBSTEPS)

    def cart_position_world(self) -> float:
        """Position of the cart along x in the world frame, m."""
        return float(self.data.qpos[0])

    def pole_angle(self) -> float:
        """Angle from upright, rad, not wrapped; positive leans to +x."""
        return float(self.data.qpos[1])

    def state(self) -> NDArray[np.float64]:
        """[cart position, pole angle, cart velocity, pole angular velocity] (4,), SI."""
        return np.concatenate([self.data.qpos, self.data.qvel])

    def tip_position_world(self) -> NDArray[np.float64]:
        """Position (3,) of the pole's tip in the world frame, m."""
        body = self.model.body("pole").id
        return self.data.xpos[body] + self.data.xmat[body].reshape(3, 3) @ np.array([0.0, 0.0, POLE_LENGTH])

    def push_pole(self, force_world_x: float) -> None:
        """Press on the pole's middle along x, N, until told otherwise."""
        self.data.xfrc_applied[self.model.body("pole").id, 0] = force_world_x


def step_states(states: ArrayLike, forces: ArrayLike, num_threads: int = 1) -> NDArray[np.float64]:
    """Advance many cart-poles by one control step of 0.02 s with MuJoCo.

    Args:
        states: (N, 4) float64, [cart position, pole angle, cart velocity, pole angular velocity], SI.
        forces: (N,) float64, N on the cart, held during the step; the motor saturates at ``FORCE_LIMIT``.
        num_threads: threads of the batch.

    Returns:
        (N, 4) float64 next states; the angle is not wrapped.
    """
    controls = np.asarray(forces, dtype=np.float64)
    if controls.ndim != 1:
        raise ValueError(f"forces: got shape {controls.shape}, expected (N,).")
    return physics.step_states(_model(), NUM_SUBSTEPS, states, controls[:, None], num_threads)


def linearise(
    state: ArrayLike = (0.0, 0.0, 0.0, 0.0), force: float = 0.0, epsilon: float = physics.FD_EPSILON
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differentiate one control step at a state, upright and at rest unless given.

    Args:
        state: (4,) float64, [cart position, pole angle, cart velocity, pole angular velocity].
        force: N, inside the limits.
        epsilon: step of the finite differences.

    Returns:
        A (4, 4) and B (4, 1), for deviations in state and in N.
    """
    return physics.linearise(_model(), NUM_SUBSTEPS, state, [force], epsilon)


def energy(states: ArrayLike) -> NDArray[np.float64]:
    """Sum kinetic and potential energy, J; potential 0 for a level pole.

    Args:
        states: (..., 4) float64, [cart position, pole angle, cart velocity, pole angular velocity].

    Returns:
        (...) float64.
    """
    states = np.asarray(states, dtype=np.float64)
    angle, velocity, turn = states[..., 1], states[..., 2], states[..., 3]
    arm = POLE_LENGTH / 2
    middle_x = velocity + arm * turn * np.cos(angle)
    middle_z = -arm * turn * np.sin(angle)
    kinetic = 0.5 * CART_MASS * velocity**2 + 0.5 * POLE_MASS * (middle_x**2 + middle_z**2)
    kinetic = kinetic + 0.5 * POLE_MASS * POLE_LENGTH**2 / 12 * turn**2
    return kinetic + POLE_MASS * GRAVITY * arm * np.cos(angle)


# Task


def observe_balance(states: ArrayLike) -> NDArray[np.float64]:
    """Clip states (..., 4) to the observation's bounds."""
    high = (POSITION_BOUND, np.pi, SPEED_BOUND, TURN_BOUND)
    return np.clip(np.asarray(states, dtype=np.float64), np.negative(high), high)


def has_fallen(states: ArrayLike, angle_limit: float = ANGLE_LIMIT) -> NDArray[np.bool_]:
    """Tell for states (..., 4) whether the pole has fallen or the cart has left the rail."""
    states = np.asarray(states, dtype=np.float64)
    return (np.abs(states[..., 1]) > angle_limit) | has_left_rail(states)


def has_left_rail(states: ArrayLike) -> NDArray[np.bool_]:
    """Tell for states (..., 4) whether the cart is more than 2.4 m off the middle."""
    return np.abs(np.asarray(states, dtype=np.float64)[..., 0]) > RAIL_LIMIT


def is_upright(states: ArrayLike) -> NDArray[np.bool_]:
    """Tell for states (..., 4) whether the pole is within 0.2 rad of upright."""
    return np.abs(wrap_angle(np.asarray(states, dtype=np.float64)[..., 1])) < SUCCESS_ANGLE


def draw_balance_start(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a first state (4,) near upright."""
    return rng.uniform(-START_LIMIT, START_LIMIT, 4)


def draw_swing_up_start(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a first state (4,) near hanging."""
    return np.array([0.0, np.pi, 0.0, 0.0]) + rng.uniform(-START_LIMIT, START_LIMIT, 4)


def observe_swing_up(states: ArrayLike) -> NDArray[np.float64]:
    """Turn states (..., 4) into observations (..., 5) of the swing-up."""
    states = np.asarray(states, dtype=np.float64)
    return np.stack(
        [
            np.clip(states[..., 0], -POSITION_BOUND, POSITION_BOUND),
            np.cos(states[..., 1]),
            np.sin(states[..., 1]),
            np.clip(states[..., 2], -SPEED_BOUND, SPEED_BOUND),
            np.clip(states[..., 3], -TURN_BOUND, TURN_BOUND),
        ],
        axis=-1,
    )


def reward_swing_up(states: ArrayLike, forces: ArrayLike) -> NDArray[np.float64]:
    """Reward (...) in [0, 1] of the states (..., 4) reached with the forces (...), N.

    Upright times near the middle times little force:
    (1 + cos angle) / 2 * (1 - (x / 2.4)^2 / 2) * (1 - (force / 10)^2 / 10).
    """
    states = np.asarray(states, dtype=np.float64)
    upright = (1 + np.cos(states[..., 1])) / 2
    centred = 1 - 0.5 * np.square(np.minimum(np.abs(states[..., 0]) / RAIL_LIMIT, 1.0))
    gentle = 1 - 0.1 * np.square(np.asarray(forces) / FORCE_LIMIT)
    return upright * centred * gentle


class CartPole(MujocoEpisode):
    """Keep a pole upright on a cart. 50 Hz, physics at 100 Hz.

    Observation: (4,) float64
        0  cart position          m      world x, clipped to +-3
        1  pole angle             rad    from upright, positive leans to +x, clipped to +-pi
        2  cart velocity          m/s    world x, clipped to +-20
        3  pole angular velocity  rad/s  clipped to +-40

    Action: (1,) float64
        0  force / 10 N           1      in [-1, 1], on the cart along +x

    Reward: in [0.0, 1.0]
        1 for each step after which the pole stands and the cart is on the rail, 0 for the last one otherwise.

    Termination: the pole leans more than ``angle_limit`` (12 degrees), or the cart is more than 2.4 m off
        the middle.

    Truncation: after ``step_limit`` steps, 200 (4 s) unless given.

    Randomisation: all four state entries uniform in [-0.05, 0.05]. ``sensor_noise`` adds Gaussian noise with
        these standard deviations to the observation; ``push_probability`` is the chance, each step, of a
        force on the pole's middle, uniform in [-push_force, push_force] N, for that step. Both are off
        unless given. (A push of 1 N for one step turns the pole by 0.3 rad/s.)
        ``reset(options={"state": (x, angle, velocity, turn)})`` sets the true state instead.

    Source: Barto, Sutton and Anderson 1983, with the limits of Gymnasium's CartPole; here with a continuous
        force.

    Args:
        step_limit: steps after which the episode is truncated.
        angle_limit: rad from upright at which the pole has fallen.
        sensor_noise: (4,) standard deviations, m, rad, m/s, rad/s.
        push_probability: chance of a push in a step.
        push_force: N, the largest push.
        render_mode: None or "rgb_array".
        **picture: ``renderer`` and ``image_size``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012
    reward_range = (0.0, 1.0)
    reset_options: ClassVar[tuple[str, ...]] = ("state",)

    def __init__(
        self,
        step_limit: int = BALANCE_STEP_LIMIT,
        *,
        angle_limit: float = ANGLE_LIMIT,
        sensor_noise: ArrayLike = (0.0, 0.0, 0.0, 0.0),
        push_probability: float = 0.0,
        push_force: float = 0.0,
        render_mode: str | None = None,
        **picture: Any,
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.physics: CartPolePhysics = CartPolePhysics()
        self.angle_limit = check_number("angle_limit", angle_limit)
        self.sensor_noise = check_vector("sensor_noise", sensor_noise, 4)
        if np.any(self.sensor_noise < 0):
            raise ValueError(
                f"sensor_noise: got {self.sensor_noise}, expected standard deviations of at least 0."
            )
        self.push_probability = check_probability("push_probability", push_probability)
        self.push_force = check_number("push_force", push_force)
        is_pushed = self.push_probability * self.push_force != 0
        self.is_disturbed = is_pushed or bool(np.any(self.sensor_noise > 0))
        self._noise = np.zeros(4)
        high = np.array([POSITION_BOUND, np.pi, SPEED_BOUND, TURN_BOUND])
        self.observation_space = spaces.Box(-high, high, dtype=np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), dtype=np.float64)

    @property
    def state(self) -> NDArray[np.float64]:
        """The true state (4,), without sensor noise: [x, angle, velocity, angular velocity], SI."""
        return self.physics.state()

    def _begin(self, options: dict[str, Any]) -> None:
        drawn = draw_balance_start(self.np_random)
        state = check_vector("reset option state", options.get("state", drawn), 4)
        self.physics.set_configuration(state[:2], state[2:])
        self._sense()

    def _advance(self, action: NDArray[np.float64]) -> tuple[float, bool]:
        if self.is_disturbed:
            self.physics.push_pole(self.draw_push(self.np_random))
        self.physics.step(FORCE_LIMIT * action)
        self._sense()
        fallen = bool(has_fallen(self.state, self.angle_limit))
        return 0.0 if fallen else 1.0, fallen

    def draw_push(self, rng: np.random.Generator) -> float:
        """Draw this step's force on the pole's middle, N, mostly 0."""
        pushed = rng.random() < self.push_probability
        push = rng.uniform(-self.push_force, self.push_force)
        return push if pushed else 0.0

    def draw_noise(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw the sensors' errors (4,)."""
        return self.sensor_noise * rng.standard_normal(4)

    def _sense(self) -> None:
        if self.is_disturbed:
            self._noise = self.draw_noise(self.np_random)

    def _save(self) -> dict[str, Any]:
        return {**super()._save(), "noise": self._noise.copy()}

    def _load(self, world: dict[str, Any]) -> None:
        super()._load(world)
        self._noise = world["noise"]

    def _observe(self) -> NDArray[np.float64]:
        return observe_balance(self.state + self._noise)


class CartPoleSwingUp(MujocoEpisode):
    """Swing a hanging pole up by moving the cart, and hold it. 50 Hz, physics at 100 Hz.

    Observation: (5,) float64
        0  cart position             m      world x, clipped to +-3
        1  cos(angle from upright)   1
        2  sin(angle from upright)   1      positive leans to +x
        3  cart velocity             m/s    world x, clipped to +-20
        4  pole angular velocity     rad/s  clipped to +-40

    Action: (1,) float64
        0  force / 10 N              1      in [-1, 1], on the cart along +x

    Reward: in [0.0, 1.0]
        (1 + cos angle) / 2 * (1 - (x / 2.4)^2 / 2) * (1 - (force / 10)^2 / 10) of the state reached.

    Termination: the cart is more than 2.4 m off the middle.

    Truncation: after ``step_limit`` steps, 250 (5 s) unless given.

    Randomisation: the pole hangs (angle pi); all four state entries are shifted by uniform [-0.05, 0.05].
        ``reset(options={"state": (x, angle, velocity, turn)})`` sets it instead.

    Source: the smooth swing-up reward follows the DeepMind Control Suite's cartpole (Tassa et al. 2018,
        arXiv:1801.00690), without its velocity term.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012
    reward_range = (0.0, 1.0)
    reset_options: ClassVar[tuple[str, ...]] = ("state",)

    def __init__(
        self, step_limit: int = SWING_UP_STEP_LIMIT, render_mode: str | None = None, **picture: Any
    ) -> None:
        super().__init__(step_limit, render_mode, **picture)
        self.physics: CartPolePhysics = CartPolePhysics()
        high = np.array([POSITION_BOUND, 1.0, 1.0, SPEED_BOUND, TURN_BOUND])
        self.observation_space = spaces.Box(-high, high, dtype=np.float64)
        self.action_space = spaces.Box(-1.0, 1.0, (1,), dtype=np.float64)

    @property
    def state(self) -> NDArray[np.float64]:
        """[cart position, pole angle, cart velocity, pole angular velocity] (4,), SI, not wrapped."""
        return self.physics.state()

    def _begin(self, options: dict[str, Any]) -> None:
        drawn = draw_swing_up_start(self.np_random)
        state = check_vector("reset option state", options.get("state", drawn), 4)
        self.physics.set_configuration(state[:2], state[2:])

    def _advance(self, action: NDArray[np.float64]) -> tuple[float, bool]:
        force = FORCE_LIMIT * action[0]
        self.physics.step([force])
        return float(reward_swing_up(self.state, force)), bool(has_left_rail(self.state))

    def _observe(self) -> NDArray[np.float64]:
        return observe_swing_up(self.state)

    def _info(self) -> dict[str, Any]:
        return {"is_success": bool(is_upright(self.state))}
