"""A few seconds of what ``make fuzz`` does for long: mutated hand-ins of homework 1, always the same ones."""

from __future__ import annotations

import copy
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder.course import Course
from tests.autograder.fuzz import campaign, effective, notebooks
from tests.autograder.fuzz.effective import Why

ROOT = Path(__file__).parents[3]
SLUG = "hw1_mdp"
READ, GRADED = 16, 2


@pytest.fixture(scope="module")
def lab() -> campaign.Lab:
    return campaign.lab(Course(ROOT), SLUG)


def test_mutated_hand_ins_are_read_or_refused_and_earn_what_they_hold(lab: campaign.Lab) -> None:
    with ThreadPoolExecutor(1) as one, lab.grader:
        tally = campaign.run(ROOT, SLUG, range(READ), GRADED, one, 1)
    assert tally.problems == []
    assert len(tally.reads) == READ and tally.graded == GRADED
    assert len(tally.accepted) > READ / 3 and tally.refused.total() > READ / 16
    assert tally.full[Why.SAME] > 0 and any(not mark.full for mark in tally.marks)


@pytest.mark.parametrize("step", notebooks.MUTATIONS, ids=lambda step: step.__name__)
def test_every_mutation_changes_something(lab: campaign.Lab, step: notebooks.Mutation) -> None:
    few = {**lab.solved, "cells": lab.solved["cells"][:24]}
    books = [copy.deepcopy(few) for _ in range(20)]
    for seed, book in enumerate(books):
        step(book, random.Random(seed))
    assert any(book != few for book in books)


def test_the_oracle_tells_what_was_handed_in(lab: campaign.Lab) -> None:
    """Full marks for a function that is not there, or as it was given out, would be a problem."""
    name, right, given = lab.functions["2.1"]
    texts = [cell["source"] for cell in lab.solved["cells"]]
    begun = [cell["source"] for cell in lab.starter["cells"]]
    changed = [text.replace("gamma *", "2 * gamma *") for text in texts]
    assert changed != texts
    for handed_in, why in (
        (texts, Why.SAME), (begun, Why.GIVEN), ([], Why.ABSENT), (changed, Why.CHANGED), (texts + begun, Why.AMONG),
        (begun + texts, Why.SAME), ([f"x = '''{text}'''" for text in texts], Why.ABSENT), ([*texts, f"def {name}(:"], Why.SAME),
    ):  # fmt: skip
        assert effective.judge(name, handed_in, right, given) is why
    tally = campaign.Tally(marks=[_full(Why.GIVEN), _full(Why.SAME)])
    assert tally.problems == ["mutant 7, question 2.1: full marks, and only what was given out is there"]


def _full(why: Why) -> campaign.Mark:
    from autograder.results import Outcome

    return campaign.Mark(7, "2.1", Outcome.PASSED, True, why, False, False)


def test_a_function_inside_broken_code_is_seen_and_not_called_whole() -> None:
    """A cell that was put between quotes, with a docstring in it, is no Python, whatever stands at its left edge."""
    broken = '"""\ndef f():\n    """Doc."""\n    return 1\n"""'
    assert effective.functions(broken) and not effective.legible([broken])
    assert effective.legible(["def f():\n    return 1", "Some words, (and more."])
