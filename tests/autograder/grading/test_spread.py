from __future__ import annotations

import pytest

from autograder.commands.grade import spread


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("hw subs --questions 1.1 3.2", "hw subs --questions 1.1 --questions 3.2"),
        ("--questions 1.1 3.2 hw subs", "--questions 1.1 --questions 3.2 hw subs"),
        ("hw subs --only ada bob --jobs 2", "hw subs --only ada --only bob --jobs 2"),
        ("--only ada hw subs", "--only ada hw subs"),
        ("--jobs 2 hw subs --only ada bob", "--jobs 2 hw subs --only ada --only bob"),
        ("hw --only ada subs", "hw --only ada subs"),
        ("hw subs --only ada --only bob", "hw subs --only ada --only bob"),
        (
            "hw subs --fresh --only a b --questions 2 3 --out x",
            "hw subs --fresh --only a --only b --questions 2 --questions 3 --out x",
        ),
        ("--fresh hw subs --only a b", "--fresh hw subs --only a --only b"),
    ],
)
def test_several_values_follow_one_option(given: str, read: str) -> None:
    assert spread(given.split()) == read.split()
