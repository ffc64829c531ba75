"""``solutions/<hw>/thresholds.json``: bounds on what is random, with the reference runs that they rest on.

The file holds what was measured and nothing that follows from it: the audit works out mean, spread and the
false-fail rate itself, each time, so that no figure is written by hand or outlives its runs.

A false fail is a right answer that loses points: one that is as good as the reference, measured once, and
lands on the wrong side of ``bound``. Its rate is the upper end of a one-sided interval of 95 % confidence,
under the model that the author names, because only the author knows what differs between two runs:

``episodes``
    A value is the share of ``episodes_per_seed`` episodes that end well, and runs differ in nothing but their
    episodes (the same policy from other starts). Then episodes are independent tries with one chance of
    failure; Clopper and Pearson bound it from all runs together, and the binomial distribution gives the
    chance that a test of as many episodes falls short. 40 runs of 40 episodes without a failure: at most
    0.19 % an episode. Refused where failures crowd in few runs more than chance would have it (1 in 1000),
    for then something else differs between runs, such as training.
``runs``
    Nothing is assumed but that runs are independent: the share of runs that fall short, after Clopper and
    Pearson. Without one that does, 0.1 % takes 2995 runs and 1 % takes 299.
``normal``
    Values are normal over runs, or nearly so down the side of the bound: the one-sided tolerance bound of
    ISO 16269-6, made for few runs. 5 runs bound the rate by 1 % where the bound is 5.74 spreads from their
    mean, 40 runs by 0.1 % at 3.87. The assumption reaches far beyond the runs, and so it is tried where it
    matters: where the worst run is an outlier of normal values (Grubbs 1969, 1 in 100), as of a training that
    went badly or of values at their ceiling, its distance from the mean counts as one spread, which is enough
    for tails that fall off exponentially. Equal runs say nothing of their spread unless
    ``step`` says how coarse a value is; half a step counts then. What no few runs can show is a training that
    fails once in fifty; and no rate below one in a million is told, however far the bound.

Under ``episodes`` and ``normal`` a bound that a run of the reference misses itself is refused.
What is cheap to measure may fail 1 right answer in 1000, what is dear (minutes of training a run) 1 in 100.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from autograder.audit.tails import (
    CONFIDENCE,
    binomial_tail,
    most_beyond_normal,
    most_of_binomial,
    worst_is_outlier,
)
from autograder.course import Assignment, Kind

THRESHOLDS = "thresholds.json"
MOST = {"cheap": 0.001, "dear": 0.01}  # false fails
MIN_RUNS = 5
LEAST_NORMAL = 1e-6  # no sample is known to be normal farther out
OUTLIER_LEVEL = 0.01
CROWDING_LEVEL = 0.001
_DRAWS = 4000
_EXACT = 1e-9  # of sums of floats


class Threshold(BaseModel):
    """One bound and its reference runs, as the file holds them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    measures: str = Field(min_length=1)
    model: Literal["episodes", "runs", "normal"]
    cost: Literal["cheap", "dear"]
    runs: list[float] = Field(min_length=MIN_RUNS)
    bound: float  # everything is earned here and beyond
    zero: float | None = None  # nothing is earned here; absent where it is all or nothing
    higher_is_better: bool = True
    episodes_per_seed: int | None = Field(default=None, ge=1)
    step: float | None = Field(default=None, gt=0)  # the smallest difference that a value can show

    @field_validator("runs", mode="before")
    @classmethod
    def _counted(cls, given: Any) -> Any:
        """Read ``{"1.0": 2999, "0.975": 1}``, values with how often each came."""
        if not isinstance(given, dict):
            return given
        if any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in given.values()):
            raise ValueError('an object of runs holds values, each with how often it came: {"1.0": 40}')
        try:
            return [float(value) for value, number in given.items() for _ in range(number)]
        except ValueError:
            raise ValueError(f"the values are numbers, got {', '.join(given)}") from None

    @model_validator(mode="after")
    def _fits(self) -> Threshold:
        if self.zero is not None and not self.falls_short(self.zero):
            side = "below" if self.higher_is_better else "above"
            raise ValueError(f"`zero` is {self.zero:g}, expected {side} `bound`, which is {self.bound:g}")
        if self.model == "episodes":
            if self.episodes_per_seed is None:
                raise ValueError("model `episodes` needs `episodes_per_seed`; add how many a run has")
            counts = [value * self.episodes_per_seed for value in self.runs]
            wrong = [
                run for run, count in zip(self.runs, counts)
                if not 0 <= run <= 1 or abs(count - round(count)) > 0.1
            ]  # fmt: skip
            if wrong:
                raise ValueError(
                    f"a run of {wrong[0]:g} is no share of {self.episodes_per_seed} episodes; correct "
                    "`episodes_per_seed`, or choose another model"
                )
        return self

    def falls_short(self, value: float) -> bool:
        """Tell whether a value is on the wrong side of the bound."""
        shortfall = self.bound - value if self.higher_is_better else value - self.bound
        return shortfall > _EXACT

    @property
    def mean(self) -> float:
        """The runs' mean."""
        return statistics.fmean(self.runs)

    @property
    def spread(self) -> float:
        """The runs' standard deviation; at least half a ``step``."""
        return max(statistics.stdev(self.runs), 0.5 * (self.step or 0.0))

    @property
    def worst(self) -> float:
        """The worst run."""
        return min(self.runs) if self.higher_is_better else max(self.runs)

    @cached_property
    def false_fail_rate(self) -> float:
        """The upper bound on the chance that a right answer falls short, under the model."""
        if self.model == "runs":
            return most_of_binomial(sum(map(self.falls_short, self.runs)), len(self.runs))
        if self.model == "episodes":
            failures, each = self.failures, self.episodes_per_seed or 1
            chance = most_of_binomial(sum(failures), each * len(failures))
            return binomial_tail(self.allowed, each, chance)
        if not self.spread:
            return 1.0
        return max(LEAST_NORMAL, most_beyond_normal(self.margin, len(self.runs)))

    @cached_property
    def margin(self) -> float:
        """Of model ``normal``: how many spreads lie between mean and bound; an outlier widens the spread."""
        distance = abs(self.mean - self.worst)
        outlying = worst_is_outlier(distance / self.spread, len(self.runs), OUTLIER_LEVEL)
        room = self.mean - self.bound if self.higher_is_better else self.bound - self.mean
        return room / (distance if outlying else self.spread)

    @property
    def failures(self) -> list[int]:
        """Of model ``episodes``: how many episodes of each run ended badly."""
        each = self.episodes_per_seed or 1
        return [round((1 - v if self.higher_is_better else v) * each) for v in self.runs]

    @property
    def allowed(self) -> int:
        """Of model ``episodes``: how many episodes of a test may end badly at no cost."""
        share = 1 - self.bound if self.higher_is_better else self.bound
        return math.floor(share * (self.episodes_per_seed or 1) + _EXACT)

    @property
    def problems(self) -> list[str]:
        """What speaks against the bound, each with what to do."""
        short = [i for i, value in enumerate(self.runs) if self.falls_short(value)]
        if short and self.model != "runs":
            value = f"{self.runs[short[0]]:.4g}"
            return [
                f"`runs`: number {short[0] + 1} of the reference, {value}, falls short of the bound "
                f"{self.bound:g} itself; choose another bound, or measure something steadier"
            ]
        doubt = self._doubt()
        if doubt:
            return [doubt]
        most = MOST[self.cost]
        if self.false_fail_rate <= most:
            return []
        return [
            f"fails up to {self.false_fail_rate:.2g} of right answers ({CONFIDENCE:.0%} confidence, model "
            f"{self.model}), expected at most {most:g} where runs are {self.cost}; {self._mend(most)}"
        ]

    def _doubt(self) -> str:
        """Say why the runs do not fit the model, if they do not."""
        if self.model == "episodes":
            return self._crowded()
        return self._constant() if self.model == "normal" else ""

    def _crowded(self) -> str:
        failures, each = np.array(self.failures), self.episodes_per_seed or 1
        rng = np.random.default_rng(0)
        drawn = rng.multivariate_hypergeometric(
            [each] * len(failures), int(failures.sum()), size=_DRAWS, method="marginals"
        )
        likely = (1 + np.sum((drawn**2).sum(axis=1) >= (failures**2).sum())) / (1 + _DRAWS)
        if likely >= CROWDING_LEVEL:
            return ""
        return (
            f"`model`: {failures.sum()} episodes fail, {failures.max()} of them in one run: more crowded "
            "than independent episodes would be, so that something else differs between runs; use model "
            "`runs`, or `normal` on a mean such as a return"
        )

    def _constant(self) -> str:
        if self.spread:
            return ""
        return (
            f"`runs`: all are {self.mean:g}, which says nothing of a normal spread; measure what varies, "
            "such as a return, say in `step` how coarse a value is, or use another model"
        )

    def _mend(self, most: float) -> str:
        if self.model == "runs":
            needed = math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-most))
            return f"measure at least {needed} runs, or use another model"
        if self.model == "episodes":
            return (
                f"{self.allowed} of {self.episodes_per_seed} episodes may fail; give more room in `bound`, "
                "more episodes, or more runs"
            )
        return f"the bound is {self.margin:.1f} spreads from the mean; move it away, or measure more runs"


@dataclass(frozen=True)
class Founded:
    """A threshold with what follows from its runs, for tables and JSON."""

    name: str
    question: str
    measures: str
    model: str
    cost: str
    num_runs: int
    mean: float
    spread: float
    worst: float
    bound: float
    false_fail_rate: float
    most: float  # that it may be


@dataclass(frozen=True)
class Thresholds:
    """What a file of thresholds came to."""

    founded: tuple[Founded, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()  # question, what is wrong


def read_thresholds(solution: Path, assignment: Assignment) -> Thresholds:
    """Read and judge ``thresholds.json``; a folder without one, whose tests ask for none, is in order.

    Args:
        solution: the assignment's secret folder.
        assignment: its manifest.
    """
    path = solution / THRESHOLDS
    tests = {p.name: p.read_text(encoding="utf-8") for p in sorted((solution / "tests").glob("*.py"))}
    users = [name for name, text in tests.items() if "thresholds" in text]
    if not path.is_file():
        missing = f"speaks of thresholds, and there is no {path.name}; measure and write it"
        return Thresholds(problems=(("", f"{', '.join(users)}: {missing}"),) if users else ())
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text)
    except ValueError as error:
        return Thresholds(problems=(("", f"{path.name}: not valid JSON: {error}; run what measures it"),))
    if not isinstance(data, dict) or not data:
        wrong = f"{path.name}: expected an object of thresholds by name; assignments/README.md shows one"
        return Thresholds(problems=(("", wrong),))
    founded: list[Founded] = []
    problems: list[tuple[str, str]] = []
    for name, entry in data.items():
        at = f"{path.name}:{_line_of(text, name)}: {name}: "
        found = _misnamed(name, assignment, tests.values())
        try:
            threshold = Threshold.model_validate(entry)
        except ValidationError as error:
            found += [_words(one) for one in error.errors()]
        else:
            founded.append(_founded(name, threshold))
            found += threshold.problems
        problems += [(name.partition(" ")[0], at + words) for words in found]
    return Thresholds(tuple(founded), tuple(problems))


def _founded(name: str, threshold: Threshold) -> Founded:
    t = threshold
    return Founded(
        name, name.partition(" ")[0], t.measures, t.model, t.cost, len(t.runs), t.mean, t.spread, t.worst,
        t.bound, t.false_fail_rate, MOST[t.cost],
    )  # fmt: skip


def _misnamed(name: str, assignment: Assignment, tests: Iterable[str]) -> list[str]:
    known = {q.id for q in assignment.questions if q.kind is not Kind.WRITTEN}
    if name.partition(" ")[0] not in known:
        return [f"is of no question that tests score; begin it with one of {', '.join(sorted(known))}"]
    read = re.compile(rf"(?<!question\()([\"']){re.escape(name)}\1")
    if not any(read.search(text) for text in tests):
        return ["no hidden test reads it by this name; use it, or delete it"]
    return []


def _words(error: Any) -> str:
    where = f"`{error['loc'][0]}`: " if error["loc"] else ""
    key = error["type"]
    if key == "extra_forbidden":
        return f"{where}unknown key; the audit works out what follows from `runs`: delete it"
    if key == "missing":
        return f"{where}missing; add it"
    if key == "too_short":
        number = error["ctx"]["actual_length"]
        return f"{where}{number} of the reference, expected at least {MIN_RUNS}; measure more seeds"
    words = error["msg"].removeprefix("Value error, ")
    got = repr(error.get("input"))
    return f"{where}{words}" + (f" (got {got})" if error["loc"] and len(got) < 60 else "")


def _line_of(text: str, name: str) -> int:
    """Return the line of a threshold's name."""
    before, found, _ = text.partition(json.dumps(name) + ":")
    return before.count("\n") + 1 if found else 1


__all__ = ["MOST", "THRESHOLDS", "Founded", "Threshold", "Thresholds", "read_thresholds"]
