"""One MuJoCo model advanced at a control rate: single, batched, and linearised."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from mujoco import batch
from numpy.typing import ArrayLike, NDArray

FULL_STATE = mujoco.mjtState.mjSTATE_INTEGRATION  # time, q, v, act, warm start, ctrl, applied forces, mocap
BATCH_ROWS = 16384  # simulations held at once: bounds the memory of a large table
LOOP_ROWS = 32  # up to here a loop is cheaper than making a batch, 0.6 ms
FD_EPSILON = 1e-6  # central differences in float64: truncation and rounding both near 1e-10

Array = NDArray[np.float64]
_KEPT = threading.local()


def stop_clock() -> bool:
    """Take out the clock that MuJoCo's Python package reads some 20 times in every physics step.

    It only fills ``MjData.timer``, which nothing here reads, and takes half of a pendulum's step and a tenth
    of a quadruped's. MuJoCo in C has none unless a program sets ``mjcb_time``.

    Returns:
        Whether MuJoCo's library was found; without it everything works, more slowly.
    """
    folder = Path(mujoco.__file__).parent
    for library in (*folder.glob("libmujoco.*"), *folder.glob("mujoco.dll")):
        try:
            ctypes.c_void_p.in_dll(ctypes.CDLL(str(library)), "mjcb_time").value = None
        except (OSError, ValueError):
            continue
        return True
    return False


stop_clock()


class Physics:
    """A model, its data, and one control step of ``num_substeps`` physics steps.

    A family adds methods that name what they return and in which frame.

    Args:
        model: the compiled model.
        num_substeps: physics steps in a control step.
        stage: what is computed of the state that a control step ends in; what is not still describes the
            state one physics step before. ``mjSTAGE_NONE``: poses of bodies, geoms and sites.
            ``mjSTAGE_POS``: also contacts, cameras, and the sensors that need positions alone.
            ``mjSTAGE_VEL``: also the sensors of velocity. ``mjSTAGE_ACC``: everything, forces, touch and
            accelerometers too.
    """

    def __init__(
        self, model: mujoco.MjModel, num_substeps: int, stage: mujoco.mjtStage = mujoco.mjtStage.mjSTAGE_NONE
    ) -> None:
        self.model = model
        self.data = mujoco.MjData(model)
        self.num_substeps = num_substeps
        self.stage = stage
        mujoco.mj_forward(model, self.data)

    @classmethod
    def from_xml(cls, path: Path, num_substeps: int) -> Physics:
        """Compile the model at ``path``."""
        return cls(mujoco.MjModel.from_xml_path(str(path)), num_substeps)

    @property
    def control_period(self) -> float:
        """Seconds between two controls."""
        return float(self.model.opt.timestep) * self.num_substeps

    def set_configuration(self, qpos: ArrayLike, qvel: ArrayLike) -> None:
        """Begin afresh at time 0 with these positions and velocities, and no control.

        Mocap bodies stay where they are: a task that moves them puts them back.
        """
        mocap = self.data.mocap_pos.copy(), self.data.mocap_quat.copy()
        mujoco.mj_resetData(self.model, self.data)
        self.data.mocap_pos[:], self.data.mocap_quat[:] = mocap
        self.data.qpos[:] = qpos
        self.data.qvel[:] = qvel
        mujoco.mj_forward(self.model, self.data)

    def step(self, ctrl: ArrayLike) -> None:
        """Hold ``ctrl`` (nu,) for one control step, and bring up to date what ``stage`` says."""
        self.data.ctrl[:] = ctrl
        mujoco.mj_step(self.model, self.data, nstep=self.num_substeps)
        self.refresh()

    def refresh(self) -> None:
        """Compute what follows from the state, up to ``stage``; the state stays what it is."""
        if self.stage == mujoco.mjtStage.mjSTAGE_NONE:
            mujoco.mj_kinematics(self.model, self.data)
        elif self.stage == mujoco.mjtStage.mjSTAGE_ACC:
            mujoco.mj_forward(self.model, self.data)
        else:
            mujoco.mj_fwdPosition(self.model, self.data)
            mujoco.mj_sensorPos(self.model, self.data)
            if self.stage == mujoco.mjtStage.mjSTAGE_VEL:
                mujoco.mj_fwdVelocity(self.model, self.data)
                mujoco.mj_sensorVel(self.model, self.data)

    def get_state(self) -> Array:
        """Copy the full state: stepping from it repeats the trajectory bit by bit."""
        state = np.empty(mujoco.mj_stateSize(self.model, FULL_STATE))
        mujoco.mj_getState(self.model, self.data, state, FULL_STATE)
        return state

    def set_state(self, state: Array) -> None:
        """Restore what ``get_state`` returned."""
        array = np.asarray(state, dtype=np.float64)
        size = mujoco.mj_stateSize(self.model, FULL_STATE)
        if array.shape != (size,):
            raise ValueError(
                f"set_state: got a state of shape {array.shape}, expected ({size},): another model's?"
            )
        mujoco.mj_setState(self.model, self.data, array, FULL_STATE)
        self.refresh()


def step_states(
    model: mujoco.MjModel, num_substeps: int, states: ArrayLike, controls: ArrayLike, num_threads: int = 1
) -> Array:
    """Advance many independent copies of a model by one control step.

    Equal bit by bit to stepping each one alone, on any number of threads.

    Args:
        model: a model without contacts or limits (each copy starts with a cold solver).
        num_substeps: physics steps in the control step.
        states: (N, nq + nv) float64, positions then velocities.
        controls: (N, nu) float64 in the actuators' units.
        num_threads: threads of the batch; tiny models gain little from a second one.

    Returns:
        (N, nq + nv) float64, the next states.
    """
    start = _rows("states", states, model.nq + model.nv)
    held = _rows("controls", controls, model.nu)
    if len(held) != len(start):
        raise ValueError(f"controls: got {len(held)} rows, expected {len(start)}, one for each state.")
    following = np.empty_like(start)
    if len(start) <= LOOP_ROWS:
        _step_in_turn(model, num_substeps, start, held, following)
        return following
    for first in range(0, len(start), BATCH_ROWS):
        rows = slice(first, min(first + BATCH_ROWS, len(start)))
        simulations = batch.Batch(model, rows.stop - rows.start, nthread=num_threads)
        qpos, qvel, ctrl = (simulations.bind(name) for name in ("qpos", "qvel", "ctrl"))
        qpos[:], qvel[:] = start[rows, : model.nq], start[rows, model.nq :]
        ctrl[:] = held[rows]
        simulations.step(nstep=num_substeps)
        following[rows, : model.nq], following[rows, model.nq :] = qpos, qvel
    return following


def _scratch(model: mujoco.MjModel) -> mujoco.MjData:
    """Return a reset MjData of this thread for the model; making a new one takes 0.5 ms."""
    kept = getattr(_KEPT, "pair", None)
    if kept is None or kept[0] is not model:
        kept = _KEPT.pair = (model, mujoco.MjData(model))
    mujoco.mj_resetData(model, kept[1])
    return kept[1]


def _step_in_turn(
    model: mujoco.MjModel, num_substeps: int, start: Array, held: Array, following: Array
) -> None:
    for state, control, after in zip(start, held, following):
        data = _scratch(model)
        data.qpos[:], data.qvel[:], data.ctrl[:] = state[: model.nq], state[model.nq :], control
        mujoco.mj_step(model, data, nstep=num_substeps)
        after[: model.nq], after[model.nq :] = data.qpos, data.qvel


def linearise(
    model: mujoco.MjModel,
    num_substeps: int,
    state: ArrayLike,
    control: ArrayLike,
    epsilon: float = FD_EPSILON,
) -> tuple[Array, Array]:
    """Differentiate one control step: next - f(state, control) = A d_state + B d_control.

    Chains ``mjd_transitionFD`` (central differences) over the physics steps along the trajectory.

    Args:
        model: a model with nq == nv and no activations.
        num_substeps: physics steps in the control step.
        state: (nq + nv,) float64, where to linearise.
        control: (nu,) float64, in the actuators' units.
        epsilon: step of the finite differences.

    Returns:
        A (nq + nv, nq + nv) and B (nq + nv, nu).
    """
    if model.nq != model.nv or model.na:
        raise ValueError(
            f"linearise: got a model with nq {model.nq}, nv {model.nv}, na {model.na}, expected nq == nv and "
            "no activations: a quaternion has no plain difference. Use mujoco.mjd_transitionFD."
        )
    at = check_vector("state", state, model.nq + model.nv)
    held = check_vector("control", control, model.nu)
    data = _scratch(model)
    data.qpos[:], data.qvel[:], data.ctrl[:] = at[: model.nq], at[model.nq :], held
    size = 2 * model.nv
    state_jacobian, control_jacobian = np.eye(size), np.zeros((size, model.nu))
    a, b = np.empty((size, size)), np.empty((size, model.nu))
    for _ in range(num_substeps):
        mujoco.mjd_transitionFD(model, data, epsilon, True, a, b, None, None)
        state_jacobian = a @ state_jacobian
        control_jacobian = a @ control_jacobian + b
        mujoco.mj_step(model, data)
    return state_jacobian, control_jacobian


def wrap_angle(angle: Array) -> Array:
    """Return the same angle in [-pi, pi)."""
    return (np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi


def as_array(values: Any) -> NDArray[Any]:
    """Return ``values`` as an array; rows of all lengths, which are none, as an object without shape."""
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        return np.asarray(None)


def as_numbers(name: str, values: Any, shape: tuple[int, ...]) -> Array:
    """Return ``values`` as a new float64 array, of any shape.

    Args:
        name: of what is checked, for the message.
        values: what was given.
        shape: that was expected, for the message.

    Raises:
        ValueError: they are text, booleans, complex numbers, objects, or rows of all lengths.
    """
    array = as_array(values)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name}: got {values!r}, expected numbers of shape {shape}.")
    return np.array(array, dtype=np.float64)


def check_vector(name: str, values: ArrayLike, size: int) -> Array:
    """Return ``values`` as a new (size,) float64 array of finite numbers.

    Raises:
        ValueError: the shape is wrong, or an entry is not finite.
    """
    array = as_numbers(name, values, (size,))
    if array.shape != (size,):
        raise ValueError(f"{name}: got shape {array.shape}, expected ({size},).")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: got {array}, expected finite numbers.")
    return array


def _rows(name: str, values: ArrayLike, width: int) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"{name}: got shape {array.shape}, expected (N, {width}).")
    if not np.all(np.isfinite(array)):
        row = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise ValueError(f"{name}: row {row} holds NaN or infinity: {array[row]}.")
    return array
