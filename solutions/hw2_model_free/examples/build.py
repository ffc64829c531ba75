"""The sample class of homework 2: eight students, made from the solved and the starter notebook and trained policies.

`build` writes what each of them hands in. `expected.csv` beside this file holds what they earn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autograder.source import edits
from autograder.source.edits import Notebook

SLUG = "hw2_model_free"
MUTANTS = Path(__file__).parent.parent / "mutants"

# Partly right: these holes hold a common mistake, those were left.
MISTAKEN = ("1.2", "2.1", "3.1", "4.3", "5.1", "6.1", "7.1", "8.1", "9.1")
LEFT = ("1.3", "5.3", "6.4", "7.4")

ENDLESS = """
while True:
    minibatch = torch.arange(4)
"""

FORGER = '''
class Flattered:
    """A policy that tells whoever asks that it is perfect."""

    success, is_success, points = 1.0, True, 100

    def act(self, observations):
        return [[float("nan")] * 12] * len(observations)


def load_policy(path):
    return Flattered()
'''


class _Grabs:
    """Unpickled, it would run a command."""

    def __reduce__(self):
        return eval, ("__import__('os').system('cat /etc/passwd')",)


@dataclass(frozen=True)
class Course:
    """What the class is made from; `policies` are the trained ones, file name to bytes."""

    solved: bytes
    starter: bytes
    alternatives: dict[str, str]
    policies: Mapping[str, bytes]

    def solution(self) -> Notebook:
        return edits.load(self.solved)

    def handout(self) -> Notebook:
        return edits.load(self.starter)


def build(
    out: Path, solved: bytes, starter: bytes, alternatives: dict[str, str], files: Mapping[str, bytes]
) -> None:
    """Write the eight submissions.

    Args:
        out: the folder; files of the same names are replaced.
        solved: the solved notebook.
        starter: the notebook as it is given out.
        alternatives: other right answers, "3.1 in_place" to source.
        files: the trained policies, by name.
    """
    course = Course(solved, starter, alternatives, files)
    out.mkdir(parents=True, exist_ok=True)
    for name, hand_in in CLASS.items():
        (out / name).write_bytes(hand_in(course))


def zipped(notebook: Notebook, policies: Mapping[str, bytes]) -> bytes:
    return edits.zipped({f"{SLUG}.ipynb": edits.dump(notebook), **policies})


def changed(policy: bytes, change: Callable[[str, np.ndarray], np.ndarray]) -> bytes:
    """Return a policy's file with every array changed."""
    with np.load(io.BytesIO(policy), allow_pickle=False) as file:
        arrays = {name: change(name, file[name]) for name in file.files}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def reference(course: Course) -> bytes:
    """Perfect: the reference's own code and policies."""
    return zipped(course.solution(), course.policies)


def other_ways(course: Course) -> bytes:
    """Perfect: another right answer wherever there is one."""
    notebook = course.solution()
    for question, source in edits.firsts(course.alternatives).items():
        edits.rewrite(notebook, question, source)
    return zipped(notebook, course.policies)


def partly_right(course: Course) -> bytes:
    """Common mistakes, one a section, four holes as given out; trained with a friend's pieces, so the policies are good."""
    notebook = course.solution()
    for question in MISTAKEN:
        old, new = edits.common_mistake(MUTANTS, question)
        edits.replace(notebook, question, old, new)
    edits.reset(notebook, course.handout(), *LEFT)
    edits.answer(notebook, "10.1", "It is hard to say which action earned the reward.")
    return zipped(notebook, course.policies)


def untouched(course: Course) -> bytes:
    """Nothing done."""
    return course.starter


def nothing_trained(course: Course) -> bytes:
    """All code done, but only the notebook handed in: no trained policy."""
    return edits.dump(course.solution())


def damaged(course: Course) -> bytes:
    """All code done; of the policies one is cut off, one is for another robot, one is full of NaN, one would run code."""
    bare = np.array([_Grabs()], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, weight0=bare, allow_pickle=True)
    spoiled = (
        lambda policy: policy[: len(policy) // 2],
        lambda policy: changed(policy, lambda name, array: array[:, :2] if name == "weight0" else array),
        lambda policy: changed(policy, lambda name, array: array * np.nan if name == "bias0" else array),
        lambda policy: buffer.getvalue(),
    )
    names = sorted(course.policies)
    return zipped(
        course.solution(),
        {name: spoiled[i % len(spoiled)](course.policies[name]) for i, name in enumerate(names)},
    )


def untrained(course: Course) -> bytes:
    """All code done; the policies are networks that never learned and do nothing."""
    idle = {
        name: changed(policy, lambda key, array: 0 * array if key.startswith(("weight", "bias")) else array)
        for name, policy in course.policies.items()
    }
    return zipped(course.solution(), idle)


def hopeless(course: Course) -> bytes:
    """All code done but 5.3, which never ends; a policy of his own class that praises itself in place of the files' reader."""
    notebook = course.solution()
    edits.fill(notebook, course.handout(), "5.3", ENDLESS)
    edits.insert(notebook, FORGER.strip(), after=edits.of_kind(notebook, "glue")[0]["id"])
    return zipped(notebook, {name: b"PK\x03\x04 trust me" for name in course.policies})


CLASS: dict[str, Callable[[Course], bytes]] = {
    "hana_sato.zip": reference,
    "diego_morales.zip": other_ways,
    "lena_fischer.zip": partly_right,
    "yusuf_demir.ipynb": untouched,
    "anna_kowalska.ipynb": nothing_trained,
    "ravi_patel.zip": damaged,
    "chloe_martin.zip": untrained,
    "ivan_petrov.zip": hopeless,
}


def describe() -> Iterator[tuple[str, str]]:
    """Yield each file's name and what is special about it."""
    for name, hand_in in CLASS.items():
        yield name, (hand_in.__doc__ or "").strip()
