"""Regenerate the headline of homework 1: resolution against sub-optimality, classical pipeline against learned policy.

    python solutions/hw1_mdp/reproduce.py [--quick] [--out DIR] [--jobs 2]

Writes headline.csv (measurements), headline_findings.csv (what the literature found, what came out here, whether it
holds) and headline.png. Intervals are 95%, Student's t over seeds. The quick form has fewer grids, seeds and rounds:
it shows that everything runs, and its findings mean little.

What stands for the truth: the policy of the finest grid (161 points per axis) for the optimal one, and returns are
those of 300 steps in MuJoCo. Costs of the cart-pole are geometric means over seeds (they are skewed). The learned policy
has a stated budget (80 rounds of 64 candidates, 8 runs each): with more it comes nearer to what is possible.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the work is spread over processes instead

import argparse
import csv
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
from classical_or_learned import World, check_equations, difference_policy, kalman_policy, learn, linear_policy, run
from mujoco import batch

from autograder.course import Course
from autograder.source.reference import load_reference
from environments import pendulum

STUDENT_T = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262}  # 97.5% quantile, by seeds
EVALUATION = 100_000  # seeds of evaluation runs start here, apart from those of training
METHODS = ("kalman filter + LQR", "differences + LQR", "learned policy")


@dataclass(frozen=True)
class Plan:
    """How much is run.

    Attributes:
        resolutions: grid points per axis.
        finest: grid whose policy stands for the optimal one.
        seeds: of start states, and of training.
        num_starts: pendulum starts per seed.
        noises: m and rad, of the cart-pole's sensors.
        delays: steps of unmodelled sensor delay.
        num_iterations: of the cross-entropy method.
        num_runs: cart-pole runs per evaluation.
    """

    resolutions: tuple[int, ...] = (9, 13, 19, 27, 39, 55, 79, 111)
    finest: int = 161
    seeds: int = 5
    num_starts: int = 200
    noises: tuple[float, ...] = (0.003, 0.01, 0.03, 0.06)
    delays: tuple[int, ...] = (0, 3)
    num_iterations: int = 80
    num_runs: int = 200


QUICK = Plan((9, 13, 19), 27, 2, 30, (0.01,), (0, 3), 6, 20)


@dataclass(frozen=True)
class Row:
    """One measurement: the mean over seeds, and its 95% interval."""

    study: str
    setting: str
    method: str
    measure: str
    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Finding:
    """One row of the headline."""

    study: str
    literature: str
    here: str
    holds: str


@cache
def reference():
    """Load the reference once per process."""
    folder = Path(__file__).parent
    return load_reference(Course(folder.parents[1]), folder.name)


def interval(samples):
    """Mean and 95% interval of one number per seed."""
    samples = np.asarray(samples, dtype=float)
    if len(samples) < 2:
        return float(samples.mean()), float("nan"), float("nan")
    half = STUDENT_T[len(samples)] * samples.std(ddof=1) / np.sqrt(len(samples))
    return float(samples.mean()), float(samples.mean() - half), float(samples.mean() + half)


# Resolution


def swing_returns(q_values, axes, starts, num_steps=300):
    """Discounted return of the greedy policy in MuJoCo from each start (N,); 0.98^300 = 0.002 is left out."""
    names = reference()
    fleet = batch.Batch(pendulum.PendulumPhysics().model, len(starts), nthread=1)
    qpos, qvel, ctrl = (fleet.bind(name) for name in ("qpos", "qvel", "ctrl"))
    qpos[:, 0], qvel[:, 0] = starts.T
    earned = np.zeros(len(starts))
    for t in range(num_steps):
        states = np.concatenate([qpos, qvel], axis=1)
        torques = names.swing_up(states, q_values, names.PENDULUM_TORQUES, axes, names.PENDULUM_PERIODIC)
        earned += names.PENDULUM_GAMMA**t * pendulum.reward(states, torques)
        ctrl[:, 0] = torques
        fleet.step(nstep=pendulum.NUM_SUBSTEPS)
    return earned


def study_resolution(resolution, plan):
    """Solve one grid: seconds to build and to solve, sweeps, and the mean return and promise for each seed."""
    names = reference()
    axes = names.pendulum_axes(resolution)
    clock = [time.process_time()]
    table = names.discretise(names.PendulumModel(), axes, names.PENDULUM_PERIODIC, names.PENDULUM_TORQUES)
    clock.append(time.process_time())
    q_values, sweeps = names.solve_sparse(*table, names.PENDULUM_GAMMA)
    clock.append(time.process_time())
    starts = [
        np.random.default_rng(EVALUATION + seed).uniform([-np.pi, -1.0], [np.pi, 1.0], (plan.num_starts, 2))
        for seed in range(plan.seeds)
    ]
    together = np.concatenate(starts)
    earned = swing_returns(q_values, axes, together).reshape(plan.seeds, -1).mean(axis=1)
    indices, weights = names.interpolation_weights(together, axes, names.PENDULUM_PERIODIC)
    promised = np.sum(weights * q_values.max(axis=1)[indices], axis=1).reshape(plan.seeds, -1).mean(axis=1)
    return {
        "resolution": resolution, "states": len(q_values), "sweeps": sweeps,
        "build_s": clock[1] - clock[0], "solve_s": clock[2] - clock[1],
        "earned": earned, "promised": promised,
    }  # fmt: skip


def slope(x, y):
    """Least-squares slope of log y over log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def report_resolution(results, best):
    """Turn the grids' results into rows and findings."""
    rows, losses = [], []
    for result in results:
        setting = f"{result['resolution']} points per axis"
        seeds = len(result["earned"])
        for measure in ("states", "sweeps", "build_s", "solve_s"):
            rows.append(Row("resolution", setting, "value iteration", measure, result[measure], *[result[measure]] * 2, 1))
        losses.append(best["earned"] - result["earned"])  # paired: the same starts
        rows.append(Row("resolution", setting, "value iteration", "sub-optimality", *interval(losses[-1]), seeds))
        gap = np.abs(result["promised"] - best["earned"])
        rows.append(Row("resolution", setting, "value iteration", "error of the value", *interval(gap), seeds))
    n = np.array([result["resolution"] for result in results], dtype=float)
    per_sweep = slope(n, [result["solve_s"] / result["sweeps"] for result in results])
    total = slope(n, [result["build_s"] + result["solve_s"] for result in results])
    sweeps = [result["sweeps"] for result in results]
    errors = np.array([row.mean for row in rows if row.measure == "error of the value"])
    order = -slope(n, errors)
    loss = np.array([interval(samples) for samples in losses])
    worse = loss[0, 1] > loss[-1, 2]
    flat = next((int(n[i]) for i in range(len(n)) if loss[i, 0] < 0.05 * loss[0, 0]), None)
    findings = [
        Finding("resolution", "work grows with the number of grid points, the D-th power of the points per axis: "
                "exponent 2 here (Bellman's curse; lower bound in Chow and Tsitsiklis 1989)",
                f"table + solution grow with exponent {total:.2f} (the solver's sweep alone {per_sweep:.2f}); "
                f"sweeps fall from {sweeps[0]} to {sweeps[-1]}", verdict(1.5 <= total <= 2.5)),
        Finding("resolution", "the error of the computed value is O(h) for Lipschitz problems (Chow and Tsitsiklis 1991)",
                f"error {errors[0]:.2f} to {errors[-1]:.2f}, order {order:.2f} in h", verdict(order >= 1.0)),
        Finding("resolution", "a finer grid gives a better policy (Munos and Moore 2002)",
                f"sub-optimality {loss[0, 0]:.1f} [{loss[0, 1]:.1f}, {loss[0, 2]:.1f}] on the coarsest grid, "
                f"{loss[-1, 0]:.2f} [{loss[-1, 1]:.2f}, {loss[-1, 2]:.2f}] on the finest; "
                + (f"below 5% of the coarsest from {flat} points on" if flat else "never below 5% of the coarsest"),
                verdict(worse)),
    ]  # fmt: skip
    return rows, findings


def verdict(holds):
    """Say whether a finding holds."""
    return "holds" if holds else "does not hold"


# Classical or learned


def study_noise(task):
    """Learn and evaluate in one world with one seed: the mean cost per step of each method."""
    noise, delay, seed, plan = task
    world, lqr = World(noise, delay), reference().lqr
    policies = (
        kalman_policy(lqr, noise),
        difference_policy(lqr),
        linear_policy(learn(world, seed, plan.num_iterations)),
    )
    costs = [
        run(policy, world, np.random.default_rng(EVALUATION + seed), plan.num_runs, in_mujoco=True).mean()
        for policy in policies
    ]
    return noise, delay, seed, costs


def report_noise(results, plan):
    """Turn costs into rows and findings; comparisons are paired over seeds, on the logarithm of the cost."""
    rows, ratios = [], {}
    for delay in plan.delays:
        for noise in plan.noises:
            costs = np.array([cost for n, d, _, cost in results if (n, d) == (noise, delay)])
            setting = f"noise {noise:g}, delay {delay} steps"
            for method, samples in zip(METHODS, costs.T):
                mean, low, high = (float(x) for x in np.exp(interval(np.log(samples))))  # costs are skewed
                rows.append(Row("sensor noise", setting, method, "cost per step", mean, low, high, len(samples)))
            for other in (0, 1):
                ratios[delay, noise, other] = np.exp(interval(np.log(costs[:, 2] / costs[:, other])))
    modelled, delayed = plan.delays[0], plan.delays[-1]

    def told(delay, other):
        spans = [ratios[delay, noise, other] for noise in plan.noises]
        return ", ".join(f"{mid:.2g} [{low:.2g}, {high:.2g}]" for mid, low, high in spans), np.array(spans)

    noises = ", ".join(f"{noise:g}" for noise in plan.noises)
    against_kalman, spans = told(modelled, 0)
    against_differences, differences = told(modelled, 1)
    against_delayed, late = told(delayed, 0)
    findings = [
        Finding("sensor noise", "with the right linear model and Gaussian noise, Kalman filter + LQR is optimal: no learned "
                "policy beats it (separation principle; Kalman 1960, Joseph and Tou 1961)",
                f"learned / Kalman cost at noise {noises}: {against_kalman}", verdict(np.all(spans[:, 2] > 1.0) and
                np.all(spans[:, 0] >= 0.95))),
        Finding("sensor noise", "parts of a pipeline that are made separately do worse than a policy trained as a whole (Levine et al. "
                "2016): a raw estimate ruins a good controller, a policy learned on noisy measurements filters for itself",
                f"learned / differences cost: {against_differences}", verdict(np.all(differences[:, 2] < 1.0))),
        Finding("sensor noise", f"optimal for the model is not robust: LQG has no guaranteed margins (Doyle 1978); learning in the real "
                f"world wins where the model is wrong (here {delayed} steps of delay that no model has)",
                f"learned / Kalman cost: {against_delayed}", verdict(np.all(late[:, 2] < 1.0))),
    ]  # fmt: skip
    return rows, findings


# Output


def write_csv(path, records):
    """Write dataclasses of one kind, numbers with four digits."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(records[0])])
        for record in records:
            writer.writerow([f"{v:.4g}" if isinstance(v, float) else v for v in asdict(record).values()])


def draw(path, rows, plan):
    """Draw both studies."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 4, figsize=(16, 3.8), layout="constrained")
    grids = [row for row in rows if row.study == "resolution"]
    for ax, measures in ((axes[0], ("build_s", "solve_s")), (axes[1], ("sub-optimality", "error of the value"))):
        for measure in measures:
            mine = [row for row in grids if row.measure == measure]
            mean, low, high = (np.array([getattr(row, name) for row in mine]) for name in ("mean", "low", "high"))
            floor = 1e-3
            ax.errorbar(plan.resolutions, np.maximum(mean, floor), capsize=3, marker="o", label=measure.replace("_s", " (CPU s)"),
                        yerr=[np.maximum(mean - np.maximum(low, floor), 0), np.maximum(high - mean, 0)])  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="grid points per axis")
        ax.set_xticks(plan.resolutions, [str(n) for n in plan.resolutions])
        ax.minorticks_off()
        ax.legend()
        ax.grid(alpha=0.3)
    axes[0].set_title("what resolution costs")
    axes[1].set_title("what it buys (return lost)")
    for ax, delay in zip(axes[2:], plan.delays):
        for k, method in enumerate(METHODS):
            mine = [row for row in rows if row.method == method and row.setting.endswith(f"delay {delay} steps")]
            mean, low, high = (np.array([getattr(row, name) for row in mine]) for name in ("mean", "low", "high"))
            ax.errorbar(np.array(plan.noises) * 1.04 ** (k - 1), mean, yerr=[mean - low, high - mean], marker="o", capsize=3,
                        label=method)  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="sensor noise (m, rad)", ylabel="cost per step", ylim=(0.05, 100))
        ax.set_xticks(plan.noises, [f"{noise:g}" for noise in plan.noises])
        ax.minorticks_off()
        ax.set_title("the model is right" if delay == 0 else f"{delay} steps of delay, not modelled")
        ax.grid(alpha=0.3)
    axes[2].legend(loc="upper left", fontsize=8)
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main():
    """Run both studies and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="under a minute: shows that everything runs")
    parser.add_argument("--out", type=Path, default=Path("dist/hw1_mdp/headline"), help="folder for the three files")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    plan, clock = QUICK if arguments.quick else Plan(), time.perf_counter()
    assert check_equations() < 1e-9, "the numpy cart-pole that policies train on is not MuJoCo's"
    worlds = [(n, d, seed, plan) for d in plan.delays for n in plan.noises for seed in range(plan.seeds)]
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        grids = [pool.submit(study_resolution, n, plan) for n in (plan.finest, *reversed(plan.resolutions))]
        noisy = [pool.submit(study_noise, world) for world in worlds]
        best, *results = [grid.result() for grid in grids]
        rows, findings = report_resolution(results[::-1], best)
        noise_rows, noise_findings = report_noise([task.result() for task in noisy], plan)
    rows, findings = rows + noise_rows, findings + noise_findings
    if arguments.quick:
        findings = [replace(finding, holds="not judged: the quick form is too small") for finding in findings]
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_csv(arguments.out / "headline.csv", rows)
    write_csv(arguments.out / "headline_findings.csv", findings)
    draw(arguments.out / "headline.png", rows, plan)
    for row in rows:
        spread = f" [{row.low:.3g}, {row.high:.3g}]" if row.seeds > 1 else ""
        print(f"{row.setting:28s} {row.method:20s} {row.measure:20s} {row.mean:.4g}{spread}")
    for finding in findings:
        print(f"\n{finding.study}: {finding.literature}\n  here: {finding.here}\n  -> {finding.holds}")
    print(f"\n{time.perf_counter() - clock:.0f} s; files in {arguments.out}")


if __name__ == "__main__":
    main()
