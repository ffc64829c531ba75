from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder.course import Course
from autograder.release.archives import zip_bytes
from autograder.release.leaks import Leak, public_of, scan
from autograder.release.packages import Packing, student_files
from autograder.release.secrets import secrets_of
from autograder.source.starter import write_starter
from tests.autograder.release.conftest import SLUG, repack

Files = dict[str, bytes]
ZIP = "student.zip"
NOTEBOOK = f"{SLUG}/{SLUG}.ipynb"
WHEEL = f"{SLUG}/tiny-1.0-py3-none-any.whl"
HOLE_LINE = "discounted = gamma * np.broadcast_to(values[:, None], (num_states, num_actions))"
ANSWER = "Without a discount the sum over an endless life diverges, so that no policy is better than another."


def leaks_in(packing: Packing, files: Files | None = None, archive: bytes | None = None) -> list[Leak]:
    public = public_of(packing.course, packing.source, packing.wheel.packages)
    data = archive or zip_bytes(files or student_files(packing))
    given = ["planner.py", f"{SLUG}.ipynb", "test_public.py", "handout.md", "assignment.toml"]
    return scan(data, ZIP, secrets_of(packing.source), public, given)


def planted(packing: Packing, plant: Callable[[Files], Any]) -> list[tuple[str, str]]:
    """Return where and what was found after something was planted in the student's files."""
    files = student_files(packing)
    plant(files)
    return [(leak.where.removeprefix(f"{ZIP}/{SLUG}/"), leak.what) for leak in leaks_in(packing, files)]


def notebook(change: Callable[[Any], Any]) -> Callable[[Files], None]:
    def plant(files: Files) -> None:
        data = json.loads(files[NOTEBOOK])
        change(data)
        files[NOTEBOOK] = json.dumps(data, indent=1).encode()

    return plant


def readme(text: str) -> Callable[[Files], None]:
    def plant(files: Files) -> None:
        files[f"{SLUG}/README.md"] += f"\n{text}\n".encode()

    return plant


def wheel(name: str, data: bytes) -> Callable[[Files], None]:
    def plant(files: Files) -> None:
        with zipfile.ZipFile(io.BytesIO(files[WHEEL])) as archive:
            inside = {n: archive.read(n) for n in archive.namelist()}
        files[WHEEL] = zip_bytes({**inside, name: data})

    return plant


def add(name: str, data: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({f"{SLUG}/{name}": data})


def tar_of(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_a_clean_zip_has_no_leak(packing: Packing) -> None:
    assert leaks_in(packing) == []


@pytest.mark.parametrize(
    ("plant", "where"),
    [
        (notebook(lambda n: n["cells"][3].update(source=[HOLE_LINE])), f"{SLUG}.ipynb"),
        (
            notebook(lambda n: n["cells"][3]["metadata"].update(note={"deep": [{"x": HOLE_LINE}]})),
            f"{SLUG}.ipynb",
        ),
        (notebook(lambda n: n["metadata"].update({HOLE_LINE: 1})), f"{SLUG}.ipynb"),
        (
            notebook(
                lambda n: n["cells"][3]["outputs"].append(
                    {"output_type": "stream", "text": ["a\n", HOLE_LINE]}
                )
            ),
            f"{SLUG}.ipynb",
        ),
        (
            notebook(
                lambda n: n["cells"][0].update(
                    attachments={"a": {"b": b64encode(HOLE_LINE.encode()).decode()}}
                )
            ),
            f"{SLUG}.ipynb",
        ),
        (readme(HOLE_LINE), "README.md"),
        (readme(f"    # {HOLE_LINE}"), "README.md"),
        (readme(f"so if x: {HOLE_LINE} # ok"), "README.md"),
        (
            readme("discounted=gamma*np.broadcast_to( values[:,None],\n  (num_states, num_actions) )"),
            "README.md",
        ),
        (readme("candidates = rewards + discounted  # state by action"), "README.md"),
        (readme("> values = candidates.max(axis=1)"), "README.md"),
        (readme("the maximum over actions keeps the optimistic branch"), "README.md"),
        (wheel("worlds/extra.py", HOLE_LINE.encode()), "tiny-1.0-py3-none-any.whl/worlds/extra.py"),
        (
            wheel("tiny-1.0.dist-info/NOTES", HOLE_LINE.encode()),
            "tiny-1.0-py3-none-any.whl/tiny-1.0.dist-info/NOTES",
        ),
        (add("more.zip", zip_bytes({"a/b.txt": HOLE_LINE.encode()})), "more.zip/a/b.txt"),
        (add("more.gz", gzip.compress(HOLE_LINE.encode())), "more.gz/content"),
        (add("more.tar.gz", gzip.compress(tar_of("b.txt", HOLE_LINE.encode()))), "more.tar.gz/content"),
        (add("picture.png", b"\x89PNG\xff\xfe" + HOLE_LINE.encode()), "picture.png"),
        (
            add("planner.py", b"def plan(goal):\n    return [int(cell) for cell in range(0, goal + 1)]\n"),
            "planner.py",
        ),
    ],
)
def test_a_line_of_a_hole_is_found_wherever_it_hides(packing: Packing, plant: Any, where: str) -> None:
    found = planted(packing, plant)
    assert found and all(at.startswith(where) and " hole 1." in what for at, what in found), found


def test_a_line_is_found_in_the_comment_of_an_archive(packing: Packing) -> None:
    buffer = io.BytesIO(zip_bytes(student_files(packing)))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = HOLE_LINE.encode()
    assert [leak.where for leak in leaks_in(packing, archive=buffer.getvalue())] == [f"{ZIP} (comments):1"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see test_backs_up_through_slippery_corners", "the name of a hidden test in test_secret_corners.py"),
        ("A slippery corner has two ways out of it.", "a text of test_secret_corners.py"),
        ("values in slippery corners", "a text of test_secret_corners.py"),
        ("Far goals are reached\nas well as near ones are.", "a text of test_secret_corners.py"),
        ("large discounts separate a sum from a maximum", "a text of test_secret_corners.py"),
        ("CORNER_CASES = np.array([[0.125, 4.0], [2.0, -3.5]])", "a code line of test_secret_corners.py"),
        (
            'SLIP_TABLE = {"north": 0.8125, "east": 0.0625, "west": 0.0625}',
            "a code line of slippery_worlds.py",
        ),
        ("from slippery_worlds.py", "the name of slippery_worlds.py"),
        ("solutions hold test_secret_corners.py", "the name of test_secret_corners.py"),
        ("np.sort(candidates, axis=1)[:, 0]", "a text of backup.toml"),
        ("Takes the minimum over the actions, as a pessimist would.", "a text of backup.toml"),
        ("A double loop over states and actions, no broadcasting.", "a text of backup.py"),
        (
            "best = [max(reward + gamma * value for reward in row) for row, value in zip(rewards, values)]",
            "a code line of backup.py",
        ),
        ("Says that the endless sum diverges.", "a text of rubric.toml"),
        ("Bounded by r / (1 - g).", "a text of rubric.toml"),
        ("perfect-in-three-styles", "a text of build_samples.py"),
        ("the bound is -163.28154 here", "a number of thresholds.json"),
        ("about 163.2815", "a number of thresholds.json"),
        ("1.6328154e2", "a number of thresholds.json"),
        ('{"x": -151.25317}', "a number of thresholds.json"),
        ("seed 918273645", "the grading seed of grading.toml"),
        ("918_273_645", "the grading seed of grading.toml"),
        (ANSWER, "a sentence of answer 2.1"),
        (ANSWER.replace("life ", "life\n> "), "a sentence of answer 2.1"),
        ("A discount below one bounds it.", "a sentence of answer 2.1"),
    ],
)
def test_every_kind_of_secret_is_found_and_not_repeated(packing: Packing, text: str, what: str) -> None:
    files = student_files(packing)
    readme(text)(files)
    found = leaks_in(packing, files)
    assert [leak.what for leak in found] == [what]
    assert found[0].where.startswith(f"{ZIP}/{SLUG}/README.md")
    assert str(packing.source.solution) in found[0].secret
    assert text not in str(found[0])


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("slippery_worlds.py", "the name of slippery_worlds.py"),
        ("rubric.toml", "the name of rubric.toml"),
        ("deep/thresholds.json/x", "the name of thresholds.json"),
        ("solutions/x.txt", "a folder named solutions"),
    ],
)
def test_a_file_is_found_by_its_name(packing: Packing, name: str, what: str) -> None:
    assert (name, what) in planted(packing, add(name, b"nothing"))
    assert (f"tiny-1.0-py3-none-any.whl/{name}", what) in planted(packing, wheel(name, b"nothing"))


def test_a_whole_file_is_found_under_another_name(packing: Packing) -> None:
    data = (packing.source.solution / "artifacts" / "policy.npz").read_bytes()
    assert planted(packing, add("weights.bin", data)) == [("weights.bin", "the whole of policy.npz")]


@pytest.mark.parametrize(
    "text",
    [
        "return values",
        "values = np.zeros(num_states)",
        "num_states, num_actions = rewards.shape",  # the author gives it outside the hole, too
        "The larger of two values is kept for every state.",  # a public test has the same title
        "test_policy_is_there",  # a public test has the same name
        "**2.1** Why does the discount matter for a robot that never stops?",
        "expect_close(got, wanted)",
        "the limit is 20 seeds",
        "the spread is 3.14159",  # a public package has it
        "see planner.py and hw8_secret.ipynb",
    ],
)
def test_what_is_public_anyway_raises_no_alarm(packing: Packing, text: str) -> None:
    assert planted(packing, readme(text)) == []


def rewrite(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_an_answer_that_an_author_put_into_a_public_file_is_found(course: Course) -> None:
    rewrite(
        course.root / "assignments" / SLUG / "handout.md",
        f"\n    {HOLE_LINE}\n\nA discount below one bounds it.\n",
    )
    write_starter(course, SLUG)
    found = [(leak.where, leak.what) for leak in leaks_in(repack(course))]
    assert found == [
        (f"{ZIP}/{SLUG}/handout.md:5", "a line of hole 1.1 backup"),
        (f"{ZIP}/{SLUG}/handout.md:7", "a sentence of answer 2.1"),
    ]


def test_a_hole_copied_into_a_public_package_is_found_by_its_run_of_lines(course: Course) -> None:
    package = course.root / "packages" / "worlds"
    rewrite(
        package / "__init__.py",
        "\n\ndef best(candidates):\n    values = candidates.max(axis=1)\n    return values\n",
    )
    assert leaks_in(repack(course)) == []  # two short lines that anybody may write
    rewrite(
        package / "__init__.py",
        "\n\ndef all_of_it(rewards, discounted):\n"
        "    candidates = rewards + discounted\n    values = candidates.max(axis=1)\n    return values\n",
    )
    found = leaks_in(repack(course))
    assert [leak.what for leak in found] == ["consecutive lines of hole 1.1 backup"]
    assert found[0].where.startswith(f"{ZIP}/{WHEEL}/worlds/__init__.py")


def test_a_long_line_in_one_public_package_is_found_in_two_it_is_common(course: Course) -> None:
    package = course.root / "packages" / "worlds"
    line = f"\n\ndef f(gamma, values, num_states, num_actions, np):\n    {HOLE_LINE}\n    return discounted\n"
    rewrite(package / "__init__.py", line)
    assert [leak.what for leak in leaks_in(repack(course))] == ["a line of hole 1.1 backup"]
    (package / "other.py").write_text(line)
    assert leaks_in(repack(course)) == []


def test_a_short_hole_given_away_outside_of_it_is_found(course: Course) -> None:
    path = course.solution(SLUG) / f"{SLUG}.py"
    rewrite(path, "\n# %%\ndef helper(goal):\n    return [int(cell) for cell in range(0, goal + 1)]\n")
    write_starter(course, SLUG)
    found = leaks_in(repack(course))
    assert [leak.what for leak in found] == ["consecutive lines of hole 1.2 plan"]


def test_a_long_sentence_of_an_answer_is_found_in_the_text_that_the_author_gives(course: Course) -> None:
    path = course.solution(SLUG) / f"{SLUG}.py"
    rewrite(path, f"\n# %% [markdown]\n# {ANSWER}\n")
    write_starter(course, SLUG)
    assert [leak.what for leak in leaks_in(repack(course))] == ["a sentence of answer 2.1"]


def test_the_seed_in_a_public_file_is_found(course: Course) -> None:
    rewrite(course.root / "packages" / "worlds" / "__init__.py", "\nSEED = 918273645\n")
    assert [leak.what for leak in leaks_in(repack(course))] == ["the grading seed of grading.toml"]
