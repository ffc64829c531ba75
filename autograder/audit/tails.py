"""How often a rare thing happens, bounded from few observations: the numbers behind a false-fail rate.

Three bounds, each the upper end of a one-sided interval at ``CONFIDENCE``:

* :func:`most_of_binomial`: Clopper and Pearson 1934, for a count of failures among independent tries;
* :func:`binomial_tail`: the chance of more than so many failures, given the chance of one;
* :func:`most_beyond_normal`: the share of a normal population beyond a limit, given the mean and spread of a
  sample; the inverse of the one-sided tolerance factor k of ISO 16269-6 (Hahn and Meeker 1991, section 4.6).

They are written out with numpy and ``math`` because SciPy is no dependency of this project; the tests hold
them against published tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
_PHI = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0)), otypes=[float])


def binomial_tail(allowed: int, tries: int, chance: float) -> float:
    """Return the chance of more than ``allowed`` failures in ``tries`` independent tries.

    Args:
        allowed: failures that cost nothing.
        tries: number of tries.
        chance: of one failure, in [0, 1].
    """
    if chance <= 0.0 or allowed >= tries:
        return 0.0
    if chance >= 1.0:
        return 1.0
    terms = (_binomial(k, tries, chance) for k in range(allowed + 1, tries + 1))
    return min(1.0, math.fsum(terms))


def most_of_binomial(failures: int, tries: int, confidence: float = CONFIDENCE) -> float:
    """Return the upper Clopper-Pearson bound on a failure's chance; 1 - 0.05^(1/tries) where none failed.

    Args:
        failures: how many tries failed.
        tries: number of independent tries.
        confidence: of the bound.
    """
    if failures >= tries:
        return 1.0

    def at_most(chance: float) -> float:  # chance of no more failures than were seen
        return math.fsum(_binomial(k, tries, chance) for k in range(failures + 1))

    return _root(lambda chance: at_most(chance) - (1.0 - confidence), failures / tries, 1.0)


def most_beyond_normal(margin: float, size: int, confidence: float = CONFIDENCE) -> float:
    """Return the upper bound on the share of a normal population beyond a limit.

    With 5 values and 95 % confidence, a margin of 5.741 bounds the share by 1 %: the tolerance factor k.

    Args:
        margin: distance of the limit from the sample's mean, in sample standard deviations.
        size: number of values in the sample, at least 2.
        confidence: of the bound.
    """
    root = math.sqrt(size)

    def excess(quantile: float) -> float:  # falls with the quantile
        return noncentral_t(margin * root, size - 1, quantile * root) - confidence

    quantile = _root(excess, -40.0, 40.0)
    return NormalDist().cdf(-quantile)


def noncentral_t(value: float, freedom: int, shift: float) -> float:
    """Return the distribution function of Student's t, shifted by ``shift``: P((Z + shift) / U <= value).

    Z is standard normal and U the root of a chi-square with ``freedom`` degrees of freedom over these; the
    integral over U's density is done by the trapezoid rule.
    """
    u = np.linspace(0.0, 1.0 + 14.0 / math.sqrt(2.0 * freedom), 1001)[1:]
    half = freedom / 2.0
    log_density = (
        math.log(2.0) + half * math.log(half) - math.lgamma(half)
        + (freedom - 1) * np.log(u) - half * u**2
    )  # fmt: skip
    return float(np.trapezoid(_PHI(value * u - shift) * np.exp(log_density), u))


def worst_is_outlier(distance: float, size: int, level: float) -> bool:
    """Tell whether the value farthest on one side is too far for a normal sample (Grubbs 1969, one-sided).

    Args:
        distance: of that value from the sample's mean, in sample standard deviations.
        size: number of values, at least 3.
        level: chance to say so of a normal sample.
    """
    freedom = size - 2
    t = _root(lambda x: 1.0 - level / size - noncentral_t(x, freedom, 0.0), 0.0, 1000.0)
    critical = (size - 1) / math.sqrt(size) * math.sqrt(t**2 / (freedom + t**2))
    return distance > critical


def _binomial(k: int, tries: int, chance: float) -> float:
    log_ways = math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1)
    if not 0.0 < chance < 1.0:
        return float(k == (tries if chance >= 1.0 else 0))
    return math.exp(log_ways + k * math.log(chance) + (tries - k) * math.log1p(-chance))


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, by bisection."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if falling(middle) > 0.0 else (low, middle)
    return high


__all__ = ["CONFIDENCE", "binomial_tail", "most_beyond_normal", "most_of_binomial", "worst_is_outlier"]
