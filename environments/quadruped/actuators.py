"""What turns position targets into joint torques: ideal servos, a learned network, or the "real" drives.

Everything works on N robots at once, arrays (N, 12), and gives each the same bits whatever N is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Array32 = NDArray[np.float32]

NUM_JOINTS = 12
STIFFNESS = 80.0  # N m/rad, of the position servo; legged_gym's value for ANYmal
DAMPING = 2.0  # N m s/rad
TORQUE_LIMIT = 60.0  # N m, each joint; ANYmal B has 40, ANYmal C 80
PHYSICS_PERIOD = 0.005  # s


class World(Protocol):
    """N robots in MuJoCo, as live arrays."""

    @property
    def qpos(self) -> Array: ...  # noqa: D102 - (N, 19)

    @property
    def qvel(self) -> Array: ...  # noqa: D102 - (N, 18)

    @property
    def ctrl(self) -> Array: ...  # noqa: D102 - (N, 12), rad for the servo, N m for torque motors

    def advance(self, num_physics_steps: int) -> None: ...  # noqa: D102


class Servo:
    """Ideal PD: MuJoCo's own position servo, so that a control step is one call.

    torque = clip(80 (target - angle) - 2 velocity, +-60 N m) at every physics step.
    """

    drives_torque = False

    def begin(self, ids: Any, qpos: Array, gain: Array) -> None:
        """Start some robots afresh; the gains are in the model."""

    def apply(self, world: World, targets: Array, num_physics_steps: int) -> None:
        """Hold the targets (N, 12), rad, for some physics steps."""
        world.ctrl[:] = targets
        world.advance(num_physics_steps)

    def save(self, row: int) -> dict[str, Any]:
        """Copy what robot ``row`` has changed."""
        return {}

    def load(self, row: int, saved: dict[str, Any]) -> None:
        """Return robot ``row`` to what ``save`` gave."""


class TorqueActuator:
    """An actuator that is evaluated in numpy at every physics step."""

    drives_torque = True

    def __init__(self, num_robots: int) -> None:
        self.num_robots = num_robots
        self.gain = np.ones((num_robots, 1))

    def begin(self, ids: Any, qpos: Array, gain: Array) -> None:
        """Start some robots afresh at rest in ``qpos`` (n, 12), gains scaled by ``gain`` (n,)."""
        self.gain[ids, 0] = gain

    def torque(self, targets: Array, angles: Array, velocities: Array) -> NDArray[Any]:
        """Return the torques (N, 12), N m, for the next physics step."""
        raise NotImplementedError

    def apply(self, world: World, targets: Array, num_physics_steps: int) -> None:
        """Hold the targets (N, 12), rad, for some physics steps."""
        ctrl, angles, velocities = world.ctrl, world.qpos[:, 7:], world.qvel[:, 6:]
        for _ in range(num_physics_steps):
            ctrl[:] = self.torque(targets, angles, velocities)
            world.advance(1)

    def save(self, row: int) -> dict[str, Any]:
        """Copy what robot ``row`` has changed; a history from old to new, wherever its ring stands."""
        return {"gain": self.gain[row].copy()}

    def load(self, row: int, saved: dict[str, Any]) -> None:
        """Return robot ``row`` to what ``save`` gave."""
        self.gain[row] = saved["gain"]


@dataclass(frozen=True)
class Drive:
    """The numbers of a drive that is not ideal.

    Delay and lag are chosen so that the gap of Hwangbo et al. 2019 shows: on these drives a policy trained
    with ideal servos falls in most episodes, and one trained on a fitted actuator network in hardly any. With
    half of both it does not fall, and tracks with twice the error.

    Attributes:
        stiffness: N m/rad of its own position loop.
        damping: N m s/rad of the same.
        delay: s from a target's sending to its use; a multiple of 5 ms.
        lag: s, time constant of the torque's first-order response.
        coulomb: N m of dry friction in the gear.
        viscous: N m s/rad of friction in the gear.
        torque_limit: N m at standstill.
        speed_limit: rad/s at which no torque is left in the direction of motion.
        corner: share of ``speed_limit`` up to which the full torque is there.
    """

    stiffness: float = STIFFNESS
    damping: float = DAMPING
    delay: float = 0.030
    lag: float = 0.020
    coulomb: float = 1.5
    viscous: float = 0.15
    torque_limit: float = 45.0
    speed_limit: float = 14.0
    corner: float = 0.4


class RealActuator(TorqueActuator):
    """The drives of the "real" robot: delay, lag, friction, and limits on torque and speed.

    Who learns a simulator sees what it does, not this code.

    Args:
        num_robots: N.
        drive: the drive's numbers.

    Raises:
        ValueError: the delay is not a multiple of the physics period.
    """

    def __init__(self, num_robots: int, drive: Drive | None = None) -> None:
        super().__init__(num_robots)
        self.drive = drive or Drive()
        steps = self.drive.delay / PHYSICS_PERIOD
        if steps < 0 or abs(steps - round(steps)) > 1e-6:
            raise ValueError(f"Drive.delay: got {self.drive.delay:g} s, expected a multiple of 0.005 s.")
        self._sent = np.zeros((round(steps) + 1, num_robots, NUM_JOINTS))  # oldest is next to be used
        self._next = 0
        self._torque = np.zeros((num_robots, NUM_JOINTS))

    def begin(self, ids: Any, qpos: Array, gain: Array) -> None:
        """Start some robots at rest: the targets on their way are their pose, the torque is 0."""
        super().begin(ids, qpos, gain)
        self._sent[:, ids] = qpos
        self._torque[ids] = 0.0

    def torque(self, targets: Array, angles: Array, velocities: Array) -> Array:
        """Return the torques (N, 12) that reach the joints, N m."""
        drive = self.drive
        self._sent[self._next] = targets
        self._next = (self._next + 1) % len(self._sent)
        arrived = self._sent[self._next]
        wanted = self.gain * (drive.stiffness * (arrived - angles) - drive.damping * velocities)
        # In the direction of motion the torque falls linearly from the corner speed to none.
        left = (drive.speed_limit - np.abs(velocities)) / ((1 - drive.corner) * drive.speed_limit)
        along = drive.torque_limit * np.clip(left, 0.0, 1.0)
        high = np.where(velocities > 0, along, drive.torque_limit)
        low = np.where(velocities < 0, -along, -drive.torque_limit)
        wanted = np.clip(wanted, low, high)
        share = PHYSICS_PERIOD / (PHYSICS_PERIOD + drive.lag)
        self._torque += share * (wanted - self._torque)
        friction = drive.coulomb * np.clip(velocities / 0.2, -1.0, 1.0) + drive.viscous * velocities
        return self._torque - friction

    def save(self, row: int) -> dict[str, Any]:
        """Copy robot ``row``'s targets on their way, oldest first, and its torque."""
        sent = np.roll(self._sent[:, row], -self._next, axis=0)
        return {**super().save(row), "sent": sent, "torque": self._torque[row].copy()}

    def load(self, row: int, saved: dict[str, Any]) -> None:
        """Return robot ``row`` to what ``save`` gave."""
        super().load(row, saved)
        self._sent[:, row] = np.roll(saved["sent"], self._next, axis=0)
        self._torque[row] = saved["torque"]


@dataclass(frozen=True)
class NetworkWeights:
    """A multilayer perceptron with softsign units: one joint's recent past to its torque.

    Inputs are the position errors (target - angle) at ``lags``, then the velocities at ``lags``, each
    divided by its scale; the output is multiplied by ``torque_scale``. Section S7 of Hwangbo et al. 2019
    (arXiv:1901.08652), which has three layers of 32.

    Attributes:
        weights: (inputs, units) float32 of each layer; the first has 2 L inputs, the last one unit.
        biases: (units,) float32 of each layer.
        lags: (L,) int, ages of the inputs in physics steps of 5 ms, 0 is now.
        error_scale: rad.
        velocity_scale: rad/s.
        torque_scale: N m.
    """

    weights: tuple[Array32, ...]
    biases: tuple[Array32, ...]
    lags: tuple[int, ...] = (0, 2, 4)
    error_scale: float = 0.1
    velocity_scale: float = 5.0
    torque_scale: float = 20.0

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.biases) or not self.weights:
            raise ValueError(
                f"NetworkWeights: got {len(self.weights)} weights and {len(self.biases)} biases, "
                "expected one of each a layer."
            )
        if not self.lags or min(self.lags) < 0:
            raise ValueError(f"NetworkWeights.lags: got {self.lags}, expected ages of at least 0.")
        inputs = 2 * len(self.lags)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            units = 1 if i == len(self.weights) - 1 else len(bias)
            if weight.shape != (inputs, units) or bias.shape != (units,):
                raise ValueError(
                    f"NetworkWeights: layer {i} has a weight of shape {weight.shape} and a bias of shape "
                    f"{bias.shape}, expected ({inputs}, {units}) and ({units},)."
                )
            if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
                raise ValueError(f"NetworkWeights: layer {i} holds NaN or infinity. Has the fit diverged?")
            inputs = units

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, ArrayLike]) -> NetworkWeights:
        """Read what ``to_arrays`` wrote: ``w0, b0, w1, b1, ...``, ``lags`` and the three scales."""
        needed = ("w0", "b0", "lags", "error_scale", "velocity_scale", "torque_scale")
        missing = [name for name in needed if name not in arrays]
        if missing:
            raise ValueError(f"actuator network: {missing} missing, expected {needed}, w1, b1, ...")
        layers: list[int] = []
        while f"w{len(layers)}" in arrays and f"b{len(layers)}" in arrays:
            layers.append(len(layers))
        weights, biases = (
            tuple(np.array(arrays[f"{kind}{i}"], dtype=np.float32) for i in layers) for kind in "wb"
        )
        lags = tuple(int(lag) for lag in np.asarray(arrays["lags"]).ravel())
        error, velocity, torque = (float(np.asarray(arrays[name])) for name in needed[3:])
        return cls(weights, biases, lags, error, velocity, torque)

    @classmethod
    def from_file(cls, path: str | Path) -> NetworkWeights:
        """Read an npz file that ``save`` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls.from_arrays(dict(arrays))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as named arrays."""
        layers = {f"w{i}": w for i, w in enumerate(self.weights)}
        layers |= {f"b{i}": b for i, b in enumerate(self.biases)}
        scales = {
            name: np.array(getattr(self, name)) for name in ("error_scale", "velocity_scale", "torque_scale")
        }
        return {**layers, "lags": np.array(self.lags), **scales}

    def save(self, path: str | Path) -> None:
        """Write an npz file."""
        np.savez(path, **self.to_arrays())  # type: ignore[arg-type]

    @classmethod
    def ideal(cls, lags: tuple[int, ...] = (0, 2, 4), units: int = 32) -> NetworkWeights:
        """Make a 32x3 network that is the ideal PD to within half a percent: a place to start, and a test.

        The signals are kept so small that softsign is nearly linear.
        """
        small = 1e-3
        first = np.zeros((2 * len(lags), units), dtype=np.float32)
        now = lags.index(min(lags))
        error_scale, velocity_scale, torque_scale = 0.1, 5.0, 20.0
        first[now, 0] = small * STIFFNESS * error_scale / torque_scale
        first[len(lags) + now, 0] = -small * DAMPING * velocity_scale / torque_scale
        through = np.zeros((units, units), dtype=np.float32)
        through[0, 0] = 1.0
        last = np.zeros((units, 1), dtype=np.float32)
        last[0, 0] = 1 / small
        none = np.zeros(units, dtype=np.float32)
        weights = (first, through, through.copy(), last)
        return cls(weights, (none, none.copy(), none.copy(), np.zeros(1, np.float32)), lags)


class NetworkActuator(TorqueActuator):
    """A learned actuator: float32, in buffers made once, for N robots at every physics step.

    Args:
        num_robots: N.
        network: the weights.
    """

    def __init__(self, num_robots: int, network: NetworkWeights) -> None:
        super().__init__(num_robots)
        self.network = network
        shape = (num_robots, NUM_JOINTS)
        self._past = np.zeros((max(network.lags) + 1, 2, *shape), dtype=np.float32)  # a ring
        self._next = 0
        self._inputs = np.empty((2, len(network.lags), *shape), dtype=np.float32)
        self._units = [np.empty((*shape, len(bias)), dtype=np.float32) for bias in network.biases]
        self._magnitude = np.empty(max(units.size for units in self._units), dtype=np.float32)
        self._biases = [np.tile(bias, (NUM_JOINTS, 1)) for bias in network.biases]
        self._scale = (np.float32(1 / network.error_scale), np.float32(1 / network.velocity_scale))

    def begin(self, ids: Any, qpos: Array, gain: Array) -> None:
        """Start some robots with a past of no error and no motion."""
        super().begin(ids, qpos, gain)
        self._past[:, :, ids] = 0.0

    def torque(self, targets: Array, angles: Array, velocities: Array) -> Array32:
        """Return the torques (N, 12) float32, N m; MuJoCo clips them to the motors' limit."""
        error, velocity = self._past[self._next]
        np.subtract(targets, angles, out=error, casting="same_kind")
        error *= self._scale[0]
        np.multiply(velocities, self._scale[1], out=velocity, casting="same_kind")
        for i, lag in enumerate(self.network.lags):
            self._inputs[:, i] = self._past[(self._next - lag) % len(self._past)]
        self._next = (self._next + 1) % len(self._past)
        torque = self._evaluate()
        torque *= np.float32(self.network.torque_scale)
        if np.any(self.gain != 1.0):
            torque *= self.gain.astype(np.float32)
        return torque

    def _evaluate(self) -> Array32:
        """Run the network on all joints.

        Each robot is a product of its own: in a larger one BLAS rounds a joint by where it stands.
        """
        signal = self._inputs.reshape(-1, self.num_robots, NUM_JOINTS).transpose(1, 2, 0)
        last = len(self._units) - 1
        for i, (weight, bias, units) in enumerate(zip(self.network.weights, self._biases, self._units)):
            np.matmul(signal, weight, out=units)
            np.add(units, bias, out=units)
            if i < last:
                magnitude = self._magnitude[: units.size].reshape(units.shape)
                np.abs(units, out=magnitude)
                np.add(magnitude, 1, out=magnitude)
                np.divide(units, magnitude, out=units)
            signal = units
        return signal[:, :, 0]

    def save(self, row: int) -> dict[str, Any]:
        """Copy robot ``row``'s past, oldest first."""
        return {**super().save(row), "past": np.roll(self._past[:, :, row], -self._next, axis=0)}

    def load(self, row: int, saved: dict[str, Any]) -> None:
        """Return robot ``row`` to what ``save`` gave."""
        super().load(row, saved)
        self._past[:, :, row] = np.roll(saved["past"], self._next, axis=0)


def evaluate_network(network: NetworkWeights, errors: ArrayLike, velocities: ArrayLike) -> Array:
    """Evaluate an actuator network by its definition, in float64: slow, plain, and the tests' measure.

    Args:
        network: the weights.
        errors: (..., L) target - angle at the network's lags, rad.
        velocities: (..., L) at the same lags, rad/s.

    Returns:
        (...) float64 torques, N m.
    """
    signal = np.concatenate(
        [np.asarray(errors) / network.error_scale, np.asarray(velocities) / network.velocity_scale], axis=-1
    )
    for i, (weight, bias) in enumerate(zip(network.weights, network.biases)):
        signal = signal @ weight.astype(np.float64) + bias
        if i < len(network.weights) - 1:
            signal = signal / (1 + np.abs(signal))
    return signal[..., 0] * network.torque_scale


def as_torque_motors(model: mujoco.MjModel) -> None:
    """Turn the model's position servos into torque motors with the same limits."""
    model.actuator_gainprm[:, 0] = 1.0
    model.actuator_biasprm[:] = 0.0
