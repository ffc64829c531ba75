"""Every attempt at grading, appended and never overwritten, in SQLite or any database SQLAlchemy speaks to.

One attempt is one row, written in one transaction: a run that is killed leaves whole attempts or none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from autograder.errors import AutograderError, UsageError
from autograder.grading.alone import alone
from autograder.results import QuestionResult, SubmissionResult, from_dict, to_dict

SCHEMA = 1  # of the tables; the JSON inside has its own, autograder.results.SCHEMA_VERSION
BUSY_S = 30.0  # how long one writer waits for another, seconds

_AGAIN = "run the same command again: what is graded is kept"
_NEXT = {
    "locked": f"another program has held it for {BUSY_S:g} s; close it, and {_AGAIN}",
    "disk is full": f"make room, and {_AGAIN}",
    "disk I/O error": f"make room or look after the disk, and {_AGAIN}",
    "malformed": "put back a copy of it, or grade into another folder (--out); do not write to this one",
}

_METADATA = sa.MetaData()
_META = sa.Table(
    "robolearn_meta",
    _METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text),
)
_ATTEMPTS = sa.Table(
    "attempts",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("assignment", sa.String(64), nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("person_id", sa.String(255), nullable=False),
    sa.Column("person_name", sa.Text, nullable=False),
    sa.Column("submission_digest", sa.String(128), nullable=False),
    sa.Column("tests_digest", sa.String(128), nullable=False),
    sa.Column("environments_digest", sa.String(128), nullable=False),
    sa.Column("grader_digest", sa.String(128), nullable=False),
    sa.Column("seed_digest", sa.String(128), nullable=False),
    sa.Column("tier", sa.String(8), nullable=False),
    sa.Column("graded_at", sa.String(40), nullable=False),
    sa.Column("points", sa.Float, nullable=False),
    sa.Column("possible", sa.Float, nullable=False),
    sa.Column("question_keys", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index("attempts_of_a_person", "assignment", "person_id", "id"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True)
class Attempt:
    """One stored attempt.

    ``keys`` names, for each question, everything its result was computed from: where a key is still the
    same, the question's result still holds.
    """

    id: int
    result: SubmissionResult
    keys: Mapping[str, str]

    def kept(self, keys: Mapping[str, str]) -> dict[str, QuestionResult]:
        """Return the questions whose results still hold under ``keys``."""
        return {q.id: q for q in self.result.questions if q.id in keys and self.keys.get(q.id) == keys[q.id]}


class Store:
    """The attempts of a course.

    Args:
        url: a path of an SQLite file, or a database URL such as ``postgresql+psycopg://host/grades``.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = _url(url)
        self._engine = _engine(self.url)
        try:
            with self._usable():
                self._prepare()
        except AutograderError:
            self._engine.dispose()
            raise

    @property
    def place(self) -> str:
        """Where the store is, for people; a password is left out."""
        return _shown(self.url)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Turn what the database refuses into words, and what to do about it."""
        try:
            yield
        except DatabaseError as error:
            raise AutograderError(_unusable(self.url, error)) from None

    @contextmanager
    def alone(self, slug: str, tell: Callable[[str], None]) -> Iterator[None]:
        """Keep other runs from grading an assignment into this store meanwhile; wait for one that does.

        In a store that is a file; elsewhere two runs at once may grade something twice, and lose nothing.
        """
        if self.url.get_backend_name() != "sqlite" or not self.url.database:
            yield
            return
        file = Path(self.url.database)
        with alone(file.with_name(f".{file.name}.{slug}.lock"), self.place, tell):
            yield

    def append(self, result: SubmissionResult, keys: Mapping[str, str] | None = None) -> int:
        """Append one attempt and return its number; it is on the disk when this returns."""
        row = {
            **{
                name: getattr(result, name)
                for name in (
                    "assignment",
                    "version",
                    "submission_digest",
                    "tests_digest",
                    "environments_digest",
                    "grader_digest",
                    "seed_digest",
                    "tier",
                    "graded_at",
                    "points",
                    "possible",
                )
            },
            "person_id": result.person.id,
            "person_name": result.person.name,
            "question_keys": json.dumps(dict(keys or {}), sort_keys=True),
            "result": json.dumps(to_dict(result), sort_keys=True),
        }
        with self._usable(), self._engine.begin() as connection:
            inserted = connection.execute(_ATTEMPTS.insert().values(**row)).inserted_primary_key
        assert inserted is not None
        return int(inserted[0])

    def attempts(self, slug: str, person_id: str | None = None) -> list[Attempt]:
        """Return all attempts at an assignment, oldest first, of everybody or of one person."""
        query = sa.select(_ATTEMPTS).where(_ATTEMPTS.c.assignment == slug).order_by(_ATTEMPTS.c.id)
        if person_id is not None:
            query = query.where(_ATTEMPTS.c.person_id == person_id)
        return self._read(query)

    def latest_attempts(self, slug: str) -> list[Attempt]:
        """Return the last attempt of each person, sorted by person."""
        newest = sa.select(sa.func.max(_ATTEMPTS.c.id))
        last = newest.where(_ATTEMPTS.c.assignment == slug).group_by(_ATTEMPTS.c.person_id)
        found = self._read(sa.select(_ATTEMPTS).where(_ATTEMPTS.c.id.in_(last)))
        return sorted(found, key=lambda attempt: attempt.result.person.id)

    def latest_keys(self, slug: str) -> dict[str, dict[str, str]]:
        """Return the question keys of each person's last attempt, by person, without reading the results."""
        columns = (_ATTEMPTS.c.person_id, _ATTEMPTS.c.question_keys)
        query = sa.select(*columns).where(_ATTEMPTS.c.assignment == slug).order_by(_ATTEMPTS.c.id)
        with self._usable(), self._engine.connect() as connection:
            return {row.person_id: json.loads(row.question_keys) for row in connection.execute(query)}

    def latest(self, slug: str) -> list[SubmissionResult]:
        """Return the last result of each person, sorted by person."""
        return [attempt.result for attempt in self.latest_attempts(slug)]

    def latest_of(self, slug: str, person_id: str) -> Attempt | None:
        """Return one person's last attempt, if there is one."""
        query = (
            sa.select(_ATTEMPTS)
            .where(_ATTEMPTS.c.assignment == slug, _ATTEMPTS.c.person_id == person_id)
            .order_by(_ATTEMPTS.c.id.desc())
            .limit(1)
        )
        return next(iter(self._read(query)), None)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read(self, query: sa.Select[Any]) -> list[Attempt]:
        with self._usable(), self._engine.connect() as connection:
            rows: Sequence[sa.Row[Any]] = connection.execute(query).all()
        return [Attempt(r.id, from_dict(json.loads(r.result)), json.loads(r.question_keys)) for r in rows]

    def _prepare(self, tries: int = 3) -> None:
        """Make the tables; another process may be making them at the same moment, and then they are there."""
        try:
            with self._engine.begin() as connection:
                for table in _METADATA.sorted_tables:
                    connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                    for index in table.indexes:
                        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
            self._check_schema()
        except DatabaseError as error:
            if tries == 1 or "locked" in str(error):  # it was waited for already
                raise
            self._prepare(tries - 1)

    def _check_schema(self) -> None:
        query = sa.select(_META.c.value).where(_META.c.name == "schema")
        with self._engine.begin() as connection:
            found = connection.execute(query).scalar()
            if found is None:
                connection.execute(_META.insert().values(name="schema", value=str(SCHEMA)))
                return
        if found != str(SCHEMA):
            self._engine.dispose()
            raise AutograderError(
                f"{_shown(self.url)}: the store has schema {found}, this autograder writes schema {SCHEMA}.\n"
                "  Next: grade into another folder (--out) or store (--store), or the version that wrote it."
            )


def without_times(result: SubmissionResult) -> SubmissionResult:
    """Return what grading decided, without clocks, memory use and the place the submission lay at.

    Two gradings of one submission under one seed are equal here, whatever the machine and its load.
    """
    questions = tuple(
        replace(
            q, wall_s=0.0, cpu_s=0.0, max_rss_mb=0.0, tests=tuple(replace(t, wall_s=0.0) for t in q.tests)
        )
        for q in result.questions
    )
    return replace(result, questions=questions, graded_at="", path="", wall_s=0.0, cpu_s=0.0)


def _url(url: str | Path) -> sa.URL:
    if isinstance(url, Path) or "://" not in url:
        path = Path(url)
        if path.suffix == "" and path.is_dir():
            path = path / "grades.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        return sa.URL.create("sqlite", database=str(path.absolute()))
    try:
        return sa.make_url(url)
    except ArgumentError:
        raise UsageError(
            f"--store {url}: not a database URL.\n  Next: give a file name, or a URL such as sqlite:///grades.sqlite."
        ) from None


def _engine(url: sa.URL) -> sa.Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return sa.create_engine(url, pool_pre_ping=True)
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_S})
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(
            f"--store {_shown(url)}: no driver for this database ({error}).\n"
            "  Next: pip install the driver that the URL names, for instance psycopg for postgresql+psycopg://."
        ) from None

    @sa.event.listens_for(engine, "connect")
    def _durable(connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def _shown(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _unusable(url: sa.URL, error: DatabaseError) -> str:
    said = str(error.orig)
    steps = (next_step for words, next_step in _NEXT.items() if words in said)
    step = next(
        steps, "check that it can be written and is a store of grades, or name another with --store"
    )
    return f"{_shown(url)}: cannot use this store: {said}.\n  Next: {step}."
