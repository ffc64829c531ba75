"""An expectation ends in fine or in a mismatch, whatever it was handed."""

from __future__ import annotations

import datetime
import enum
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.testing import Mismatch, expect, expect_close, expect_equal, expect_shape, linear
from autograder.testing.mismatch import Problem


class Evil:
    """Answers every question with an error, or with a lie."""

    def __getattr__(self, name):
        raise RuntimeError(f"asked for {name}")

    def __eq__(self, other):
        raise RuntimeError("asked to compare")

    __hash__ = object.__hash__

    def __repr__(self):
        raise RuntimeError("asked to show itself")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("asked for an array")

    def __float__(self):
        return 1.0


class Yes:
    """Claims to equal everything."""

    __hash__ = object.__hash__

    def __eq__(self, other):
        return True

    def __array__(self, *args, **kwargs):
        return np.ones(3)


ENDLESS: list = []
ENDLESS.append(ENDLESS)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    MATRIX = np.matrix([[1, 2, 3]])

EVIL = [
    None, "1.0", b"1", "x" * 100_000, "\x1b[31mred\x00", Evil(), Yes(), [Evil()], [Yes(), Yes(), Yes()], {}, {"a": 1},
    set(), object(), lambda: 1, int, ENDLESS, [1, [2, 3]], [[1, 2], [3]], [1, None], ["a"], [10**400], 10**400,
    -(10**30), float("nan"), float("inf"), -float("inf"), complex(1, 1), True, [True, False, True], np.array(None),
    np.array([1, "a"], dtype=object), np.array(["a", "b", "c"]), np.array([b"a"]), np.datetime64("2020-01-01"),
    np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), np.zeros((0,)), np.zeros((3, 0)), np.zeros((1, 3)),
    np.float16("inf"), np.longdouble("1e4000"), np.full(3, np.nan), np.ma.masked_array([1, 2, 9], [1, 1, 1]),
    MATRIX, torch.zeros(2), torch.tensor([1.0, 2.0, 4.0], requires_grad=True), torch.ones(2, 2).to_sparse(),
    torch.zeros(3, device="meta"), [torch.ones(2)], datetime.date(2020, 1, 1), NotImplemented, ..., range(3),
    memoryview(b"abc"), np.uint64(2**64 - 1), [np.uint64(2**64 - 1), -1, 0],
]  # fmt: skip


@pytest.mark.parametrize("value", EVIL, ids=lambda v: type(v).__name__)
def test_nonsense_is_a_mismatch_that_can_be_shown(value):
    comparisons = [(expect_shape, (5, 5))]
    for expected in ([1.0, 2.0, 3.0], 1.0, np.eye(2), [True, False], 3, 2 + 1j):
        comparisons += [(expect_close, expected), (expect_equal, expected)]
    for compare, expected in comparisons:
        with pytest.raises(Mismatch) as caught:
            compare(value, expected)
        shown = str(caught.value)
        assert 10 < len(shown) < 4000
        assert "\x1b" not in shown and "\x00" not in shown


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.complex_numbers()
        | st.binary(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=12,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_data_is_right_or_a_mismatch(value):
    for expected in ([1.0, 2.0], 0, {"a": [1]}, "text", None, [["a"], 1]):
        try:
            expect_equal(value, expected)
        except Mismatch as mismatch:
            assert str(mismatch)
    try:
        expect_close(value, [0.0, 1.0])
    except Mismatch as mismatch:
        assert str(mismatch)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_data_equal_themselves(value):
    expect_equal(value, value)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (2, 2.0),
        (np.float32(0.1), 0.1),
        ([1, 2], np.array([1.0, 2.0])),
        ((1, 2), [1, 2]),
        (torch.tensor([1.0, 2.0], requires_grad=True), [1, 2]),
        ([torch.tensor(1.0), np.float64(2.0)], [1, 2]),
        ([np.nan, np.inf, -np.inf], [np.nan, np.inf, -np.inf]),
        ([True, False], np.array([True, False])),
        (1 + 1e-12j, 1.0),
        ([], np.zeros(0)),
        (np.zeros((0, 3)), np.ones((0, 3))),
        (torch.ones(2, dtype=torch.bfloat16), [1, 1]),
        (1e300 * np.ones(2), [1e300, 1e300]),
    ],
    ids=str,
)
def test_right_numbers_are_accepted_in_every_dress(got, expected):
    expect_close(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "problem"),
    [
        ([1.0, np.nan], [1.0, 2.0], Problem.NOT_FINITE),
        ([1.0, np.inf], [1.0, 2.0], Problem.NOT_FINITE),
        ([1.0, 2.0], [1.0, np.nan], Problem.VALUE),
        ([1.0, 2.0], [1.0, np.inf], Problem.VALUE),
        ([-np.inf], [np.inf], Problem.VALUE),
        ([[1.0]], [1.0], Problem.SHAPE),
        (np.ones(1), 1.0, Problem.SHAPE),
        (True, 1, Problem.KIND),
        (1, True, Problem.KIND),
        (None, 1, Problem.KIND),
        ([1, "2"], [1, 2], Problem.KIND),
        (1 + 1j, 1.0, Problem.VALUE),
    ],
    ids=str,
)
def test_each_way_to_be_wrong_has_its_name(got, expected, problem):
    with pytest.raises(Mismatch) as caught:
        expect_close(got, expected)
    assert caught.value.problem is problem


def test_the_first_difference_and_the_largest_error_are_data():
    with pytest.raises(Mismatch) as caught:
        expect_close([[1.0, 2.0], [3.5, 9.0]], [[1.0, 2.0], [3.0, 4.0]], what="values", hint="Halve it.")
    difference = caught.value.difference
    assert difference.index == (1, 0)
    assert (difference.actual, difference.expected) == (3.5, 3.0)
    assert (difference.num_different, difference.size, difference.max_abs_error) == (2, 4, 5.0)
    assert (caught.value.what, caught.value.hint) == ("values", "Halve it.")


def test_tolerances_are_absolute_plus_relative():
    expect_close(100.9, 100.0, atol=0, rtol=0.01)
    expect_close(0.009, 0.0, atol=0.01, rtol=0)
    with pytest.raises(Mismatch):
        expect_close(101.1, 100.0, atol=0, rtol=0.01)
    with pytest.raises(Mismatch):
        expect_close(1e-7, 0.0)


@pytest.mark.parametrize("expected", [None, "1", [1, None], {"a": 1}, object()], ids=str)
def test_an_expected_value_that_is_no_number_is_the_authors_mistake(expected):
    with pytest.raises(TypeError, match=r"expect_close: the expected value is .*, not numbers"):
        expect_close(1.0, expected)


def test_a_negative_tolerance_is_the_authors_mistake():
    with pytest.raises(ValueError, match="must not be negative"):
        expect_close(1.0, 1.0, atol=-1)


class Direction(enum.IntEnum):
    NORTH = 3


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ((1, 2), [1, 2]),
        (np.array([0, 1]), [0, 1]),
        (1.0, 1),
        (Direction.NORTH, 3),
        ({"a": np.ones(2), "b": (1, "x")}, {"b": [1, "x"], "a": [1, 1]}),
        ([["a", 1], None], (("a", 1), None)),
        (np.array(["a", "b"]), ["a", "b"]),
        ({1, 2}, {2, 1}),
        (10**400, 10**400),
        (b"x", b"x"),
        ({1: "a"}, {np.int64(1): "a"}),
        ([float("nan")], [float("nan")]),
    ],
    ids=str,
)
def test_equal_data_are_equal_in_every_dress(got, expected):
    expect_equal(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "problem", "where"),
    [
        (1, True, Problem.KIND, ""),
        ([1, 0], [True, False], Problem.KIND, ""),
        ("b", "a", Problem.VALUE, ""),
        (b"a", "a", Problem.KIND, ""),
        (0, None, Problem.KIND, ""),
        (Evil(), None, Problem.KIND, ""),
        (Yes(), "a", Problem.KIND, ""),
        ({"a": Yes()}, {"a": "b"}, Problem.KIND, "['a']"),
        ({"a": 1, "c": 1}, {"a": 1, "b": 1}, Problem.KEYS, ""),
        ({True: 1}, {1: 1}, Problem.KEYS, ""),
        ({"a": ["x", 1, 2]}, {"a": ["x", 1, 3]}, Problem.VALUE, "['a'][2]"),
        (["x", "y"], ["x"], Problem.LENGTH, ""),
        ("ab", ["a", "b"], Problem.KIND, ""),
        ({1, 2}, {1, 3}, Problem.VALUE, ""),
        ({Yes()}, {1}, Problem.VALUE, ""),
        (10**400, 10**400 + 1, Problem.VALUE, ""),
        ([1, 2, 3], [1, 2], Problem.SHAPE, ""),
        ([1.0, np.inf], [1.0, 2.0], Problem.NOT_FINITE, ""),
    ],
    ids=lambda v: type(v).__name__,
)
def test_unequal_data_say_where_and_how(got, expected, problem, where):
    with pytest.raises(Mismatch) as caught:
        expect_equal(got, expected)
    assert (caught.value.problem, caught.value.where) == (problem, where)


def test_expecting_what_is_not_data_is_the_authors_mistake():
    with pytest.raises(TypeError, match="not data"):
        expect_equal(1, object())


def test_a_shape_may_leave_a_length_open():
    expect_shape(np.zeros((7, 8)), (None, 8), axes="(T, N)")
    expect_shape([[1, 2]], [1, 2])
    expect_shape(3.0, ())
    with pytest.raises(Mismatch) as caught:
        expect_shape(np.zeros((7, 9)), (None, 8), axes="(T, N)")
    assert str(caught.value) == "returned shape (7, 9), expected (any, 8) = (T, N)."


@pytest.mark.parametrize("shape", [("a",), (1.5,), (-1,)], ids=str)
def test_an_expected_shape_that_is_none_is_the_authors_mistake(shape):
    with pytest.raises(TypeError, match="expected lengths such as"):
        expect_shape([1], shape)


def test_a_condition_speaks_for_itself():
    expect(True, "never read")
    expect(np.bool_(True), "never read")
    with pytest.raises(Mismatch) as caught:
        expect(np.bool_(False), "The policy is greedy in no state.", hint="Use argmax.")
    assert str(caught.value) == "The policy is greedy in no state.\n  Hint: Use argmax."


@pytest.mark.parametrize(
    ("value", "low", "high", "share"),
    [
        (-300, -400, -200, 0.5),
        (-100, -400, -200, 1.0),
        (-500, -400, -200, 0.0),
        (15, 20, 10, 0.5),
        (5, 20, 10, 1.0),
        (25, 20, 10, 0.0),
        (float("inf"), 0, 1, 1.0),
        (-float("inf"), 0, 1, 0.0),
        (np.float32(0.25), 0, 1, 0.25),
        (torch.tensor(0.75), 0, 1, 0.75),
    ],
)
def test_a_linear_scale_runs_from_nothing_to_everything(value, low, high, share):
    assert linear(value, low, high) == pytest.approx(share)
    assert type(linear(value, low, high)) is float


@pytest.mark.parametrize(
    "value", [None, "5", [1, 2], 1j, Evil(), 10**400, {}], ids=lambda v: type(v).__name__
)
def test_a_scale_of_nonsense_is_a_mismatch(value):
    with pytest.raises(Mismatch, match=r"measured value: returned .*expected one real number"):
        linear(value, 0, 1)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0, float("inf")), (float("nan"), 1)])
def test_a_scale_without_length_is_the_authors_mistake(low, high):
    with pytest.raises(ValueError, match="two different finite numbers"):
        linear(0.5, low, high)


def test_nan_is_no_measurement():
    with pytest.raises(ValueError, match="the measured value is NaN, expected a number"):
        linear(float("nan"), 0, 1)
