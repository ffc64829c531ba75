"""The fixtures of a scoring test, as a pytest plugin; one :class:`Run` stands behind them."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.results import Attachment
from autograder.testing import guests
from autograder.testing.reference import Reference
from autograder.testing.values import printable

ATTACHMENT_BYTES = 2 * 2**20
ATTACHMENTS = 8  # per test
_PNG = b"\x89PNG\r\n\x1a\n"
_MEDIA_TYPES = ("image/png", "text/plain", "application/json")


class MissingReference(Exception):
    """A hidden test asked for the reference, and grading gave none."""


@dataclass
class Run:
    """One run of one test: what its fixtures give, and what they collect."""

    student: Any
    seed: int
    reference: Reference | None
    credit: float | None = None
    measured: str = ""
    attachments: list[Attachment] = field(default_factory=list)


RUN = pytest.StashKey[Run]()
FIXTURES = (
    "student", "reference", "rng", "seed", "credit", "attach", "trusted", "tmp_path",
    "monkeypatch", "request",
)  # fmt: skip


def derive_seed(grading_seed: int, question_id: str, test_name: str) -> int:
    """Derive a test's own seed: 31 bits, the same in every process and on every machine."""
    text = f"{int(grading_seed)}\0{question_id}\0{test_name}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def _run(request: pytest.FixtureRequest) -> Run:
    return request.config.stash[RUN]


class Fixtures:
    """Registered with pytest as a plugin."""

    @pytest.fixture
    def student(self, request: pytest.FixtureRequest) -> Any:
        """The student's code: ``student.f(x)`` calls, ``student.CONSTANT`` reads."""
        return _run(request).student

    @pytest.fixture
    def reference(self, request: pytest.FixtureRequest) -> Reference:
        """The reference solution; results are remembered. Hidden tests only."""
        reference = _run(request).reference
        if reference is None:
            raise MissingReference("this test compares with the reference, and none was given")
        return reference

    @pytest.fixture
    def seed(self, request: pytest.FixtureRequest) -> int:
        """A seed of this test's own, from the grading seed."""
        return _run(request).seed

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """A generator of this test's own, from the grading seed."""
        return np.random.default_rng(_run(request).seed)

    @pytest.fixture
    def credit(self, request: pytest.FixtureRequest) -> Callable[..., None]:
        """Set partial credit: ``credit(0.7, measured="return -163.2")``."""
        run = _run(request)

        def credit(fraction: float, measured: str = "") -> None:
            number = float(fraction)
            if math.isnan(number) or not 0.0 <= number <= 1.0:
                raise ValueError(f"credit: {fraction!r} is not in [0, 1]; a scale such as linear() gives it")
            run.credit = number
            run.measured = printable(str(measured), 500)

        return credit

    @pytest.fixture
    def attach(self, request: pytest.FixtureRequest) -> Callable[..., None]:
        """Attach a picture or a text for people to look at."""
        run = _run(request)

        def attach(name: str, data: bytes | str, media_type: str = "image/png", caption: str = "") -> None:
            run.attachments.append(make_attachment(name, data, media_type, caption))
            if len(run.attachments) > ATTACHMENTS:
                raise ValueError(f"attach: more than {ATTACHMENTS} attachments in one test")

        return attach

    @pytest.fixture
    def trusted(self) -> Callable[..., Any]:
        """Wrap an object of ours, such as an environment, that student code may call back."""
        return guests.trusted

    @pytest.fixture
    def tmp_path(self) -> Iterator[Path]:
        """An empty folder, removed after the test."""
        with tempfile.TemporaryDirectory(prefix="test-") as folder:
            yield Path(folder)


def make_attachment(name: str, data: bytes | str, media_type: str, caption: str) -> Attachment:
    """Check and build an attachment; one over the size limit becomes a note that says so.

    Raises:
        TypeError: the data are not of the media type.
        ValueError: the media type is not one that a report can show.
    """
    if media_type not in _MEDIA_TYPES:
        known = ", ".join(_MEDIA_TYPES)
        raise ValueError(f"attach {name}: media type {media_type!r}, expected one of {known}")
    if isinstance(data, str) and media_type != "image/png":
        data = data.encode("utf-8", "replace")
    if not isinstance(data, bytes):
        raise TypeError(
            f"attach {name}: the data are {type(data).__name__}, expected bytes.\n"
            "  Hint: for a matplotlib figure, buffer = io.BytesIO(); figure.savefig(buffer, format='png'); "
            "attach(name, buffer.getvalue())."
        )
    if media_type == "image/png" and not data.startswith(_PNG):
        raise TypeError(f"attach {name}: the bytes are not a PNG file")
    if len(data) > ATTACHMENT_BYTES:
        note = f"Left out: {len(data) / 2**20:.1f} MB, the limit is {ATTACHMENT_BYTES / 2**20:.0f} MB."
        return Attachment(str(name), "text/plain", note.encode(), str(caption))
    return Attachment(str(name), media_type, data, str(caption))
