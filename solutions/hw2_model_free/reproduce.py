"""Regenerate the headline of homework 2: hindsight against none, a learned quadruped against a hand-tuned gait.

    python solutions/hw2_model_free/reproduce.py [--quick] [--out DIR] [--jobs 2]

Writes headline.csv (measurements), headline_findings.csv (what the paper found, what came out here, whether it holds)
and headline.png. Intervals are 95%, Student's t over training seeds. The quick form has two seeds of a few steps: it
shows that everything runs, and its findings mean nothing.

The learned controllers are trained on 2 million steps each, a little less than the notebook's experiment, with the notebook's
code; policies of an earlier run are found in build/. The hand-tuned gait is the course's trot, foot paths tuned at the
same four speeds, without feedback: a weaker opponent than the paper's model-based controllers.

With and without hindsight the same learner (section 7's) has the same budget of steps on the point mass's sparse goals.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy and torch: the work is spread over processes instead

import argparse
import csv
import itertools
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import gymnasium
import numpy as np
from train import notebook, trained

STUDENT_T = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262}  # 97.5% quantile, by seeds
EVALUATION = 100_000  # seeds of evaluation runs start here, apart from those of training
SPEEDS = (0.25, 0.5, 0.75, 1.0)  # m/s
GAITS = ("hand-tuned gait", "learned")
MEASURES = {"error": "m/s", "torque": "N m", "power": "W"}


@dataclass(frozen=True)
class Plan:
    """How much is run.

    Attributes:
        seeds: of training, and of the evaluation's start states.
        num_steps: of training.
        num_robots: per evaluation.
        num_rounds: of ten episodes each, of learning with and without hindsight.
    """

    seeds: int = 5
    num_steps: int = 2_000_000
    num_robots: int = 64
    num_rounds: int = 60


QUICK = Plan(2, 16_384, 8, 2)


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


def interval(samples):
    """Mean and 95% interval of one number per seed."""
    samples = np.asarray(samples, dtype=float)
    half = STUDENT_T[len(samples)] * samples.std(ddof=1) / np.sqrt(len(samples))
    return float(samples.mean()), float(samples.mean() - half), float(samples.mean() + half)


# A quadruped that walks


def walk(policy, speed, seed, num_robots):
    """Walk for 5 s; return the means of MEASURES over the second half.

    error: distance of velocity and command in the plane. torque: root mean square over the joints. power: sum over
    the joints of what the motors give, at the control steps; what they are given back counts as 0.
    """
    envs = gymnasium.make_vec(
        "robolearn/QuadrupedVelocity-v0", num_envs=num_robots, vectorization_mode="vector_entry_point",
        autoreset_mode="SameStep",
    )  # fmt: skip
    observation, _ = envs.reset(seed=EVALUATION + seed, options={"command": (speed, 0.0, 0.0)})
    errors, torques, powers = [], [], []
    for t in range(249):
        wanted = observation[:, 9:11]
        observation, _, _, _, infos = envs.step(policy.act(observation))
        if t < 125:
            continue
        torque = np.concatenate([team.torque for team in envs.teams])
        errors.append(np.linalg.norm(wanted - infos["velocity_body"], axis=1))
        torques.append(np.mean(torque**2, axis=1))
        powers.append(np.sum(np.maximum(torque * observation[:, 24:36], 0.0), axis=1))
    return {"error": np.mean(errors), "torque": np.sqrt(np.mean(torques)), "power": np.mean(powers)}


def study_walking(task):
    """Train with one seed and walk at all speeds, as the hand-tuned gait does: {(method, speed): measures}."""
    seed, plan = task
    names = notebook()
    policies = (names.HandTunedGait(), names.load_policy(trained("velocity", seed, plan.num_steps)))
    return {
        (method, speed): walk(policy, speed, seed, plan.num_robots)
        for method, policy in zip(GAITS, policies, strict=True) for speed in SPEEDS
    }  # fmt: skip


PAPER = {
    "error": "the learned controller follows velocity commands more precisely than the best hand-designed one "
    "(Hwangbo et al. 2019, Fig. 2D)",
    "torque": "it uses less torque (Fig. 2E)",
    "power": "and less power (Fig. 2C)",
}


def report_walking(results):
    """Turn the seeds' results into rows and findings; comparisons are paired over seeds."""
    rows, findings = [], []
    for measure, unit in MEASURES.items():
        samples = {key: np.array([result[key][measure] for result in results]) for key in results[0]}
        for (method, speed), values in samples.items():
            rows.append(Row("walking", f"{speed:g} m/s", method, measure, *interval(values), len(values)))
        ratios = [interval(samples["learned", v] / samples["hand-tuned gait", v]) for v in SPEEDS]
        told = ", ".join(f"{mid:.2f} [{low:.2f}, {high:.2f}]" for mid, low, high in ratios)
        less = [high < 1.0 for _, _, high in ratios]
        here = f"learned / hand-tuned {measure} ({unit}) at {', '.join(f'{v:g}' for v in SPEEDS)} m/s: {told}"
        holds = "holds" if all(less) else f"holds at {sum(less)} of {len(less)} speeds" if any(less) else "does not hold"
        findings.append(Finding("walking", PAPER[measure], here, holds))
    return rows, findings


# A puck with sparse goals

GOALS = {"hindsight": 4, "no hindsight": 0}  # k, goals of hindsight for each true one


def study_hindsight(task):
    """Train with one seed, with and without hindsight: {method: [(steps, share of 100 episodes at the goal), ...]}."""
    seed, plan = task
    return {method: notebook().train_to_reach(seed, k, num_rounds=plan.num_rounds)[1] for method, k in GOALS.items()}


def report_hindsight(results):
    """Turn the seeds' curves into rows, about ten points each, and a finding; the comparison is paired over seeds."""
    rows, curves = [], {method: np.array([result[method] for result in results]) for method in GOALS}
    every = max(1, len(results[0]["hindsight"]) // 10)
    for method, curve in curves.items():
        for steps, shares in list(zip(curve[0, :, 0], curve[:, :, 1].T, strict=True))[::-every][::-1]:
            rows.append(Row("hindsight", f"{steps:.0f} steps", method, "success", *interval(shares), len(shares)))
    last = {method: curve[:, -1, 1] for method, curve in curves.items()}
    mid, low, high = interval(last["hindsight"] - last["no hindsight"])
    told = ", ".join(f"{method} {values.mean():.2f} (worst {values.min():.2f})" for method, values in last.items())
    here = f"episodes that end at the goal: {told}; difference {mid:.2f} [{low:.2f}, {high:.2f}]"
    holds = "holds" if low > 0 and last["no hindsight"].max() < 0.2 else "does not hold"
    return rows, [Finding("hindsight", "with sparse rewards, tasks that are not learned at all without hindsight are "
                          "learned with it (Andrychowicz et al. 2017, Fig. 2)", here, holds)]  # fmt: skip


def draw_hindsight(ax, rows):
    """Draw success against steps."""
    for method in GOALS:
        mine = [row for row in rows if row.method == method]
        mean, low, high = (np.array([getattr(row, name) for row in mine]) for name in ("mean", "low", "high"))
        steps = [int(row.setting.split()[0]) for row in mine]
        ax.plot(steps, mean, marker="o", label=method)
        ax.fill_between(steps, np.clip(low, 0, 1), np.clip(high, 0, 1), alpha=0.2)
    ax.set(xlabel="steps", ylabel="at the goal at the end", ylim=(-0.02, 1.02))
    ax.grid(alpha=0.3)
    ax.legend()


# Output


def write_csv(path, records):
    """Write dataclasses of one kind, numbers with four digits."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(records[0])])
        for record in records:
            writer.writerow([f"{v:.4g}" if isinstance(v, float) else v for v in asdict(record).values()])


def draw_walking(axes, rows):
    """Draw the paper's three panels: power, error, torque."""
    for ax, measure in zip(axes, ("power", "error", "torque"), strict=True):
        for method in GAITS:
            mine = [row for row in rows if (row.method, row.measure) == (method, measure)]
            mean, low, high = (np.array([getattr(row, name) for row in mine]) for name in ("mean", "low", "high"))
            ax.errorbar(SPEEDS, mean, yerr=[mean - low, high - mean], marker="o", capsize=3, label=method)
        ax.set(xlabel="command, m/s", ylabel=f"{measure}, {MEASURES[measure]}", ylim=(0, None))
        ax.set_xticks(SPEEDS)
        ax.grid(alpha=0.3)
    axes[0].legend()


def draw(path, rows):
    """Draw all studies."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 4, figsize=(17, 3.6), layout="constrained")
    draw_hindsight(axes[0], [row for row in rows if row.study == "hindsight"])
    draw_walking(axes[1:], [row for row in rows if row.study == "walking"])
    fig.savefig(path, dpi=110)
    plt.close(fig)


def main():
    """Run the studies and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="under a minute: shows that everything runs")
    parser.add_argument("--out", type=Path, default=Path("dist/hw2_model_free/headline"), help="folder for the three files")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    plan, clock = QUICK if arguments.quick else Plan(), time.perf_counter()
    with ProcessPoolExecutor(arguments.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        tasks = [(seed, plan) for seed in range(plan.seeds)]
        hindsight, walking = pool.map(study_hindsight, tasks), pool.map(study_walking, tasks)
        reports = report_hindsight(list(hindsight)), report_walking(list(walking))
    rows, findings = (list(itertools.chain(*parts)) for parts in zip(*reports, strict=True))
    if arguments.quick:
        findings = [replace(finding, holds="not judged: the quick form is too small") for finding in findings]
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_csv(arguments.out / "headline.csv", rows)
    write_csv(arguments.out / "headline_findings.csv", findings)
    draw(arguments.out / "headline.png", rows)
    for row in rows:
        print(f"{row.setting:11s} {row.method:20s} {row.measure:10s} {row.mean:.4g} [{row.low:.3g}, {row.high:.3g}]")
    for finding in findings:
        print(f"\n{finding.study}: {finding.literature}\n  here: {finding.here}\n  -> {finding.holds}")
    print(f"\n{time.perf_counter() - clock:.0f} s; files in {arguments.out}")


if __name__ == "__main__":
    main()
