"""Extract zip and tar archives that strangers made.

An entry that could do harm is refused with a message and the rest goes on; an archive that cannot be read at
all raises IntakeError and nothing else. Memory stays bounded: bytes are counted as they are decompressed, and
the tables that an archive brings are measured before they are parsed.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from autograder.errors import IntakeError
from autograder.intake.entries import NameGate, Refusals, is_junk, printable
from autograder.intake.machine import is_the_machines

MB = 1 << 20
SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar")
_CHUNK = 1 << 16
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError
)  # fmt: skip
_FIRST = (".ipynb", ".py", ".json", ".toml")  # read before anything large can spend the budget


@dataclass(frozen=True)
class ArchiveLimits:
    """How much one archive may bring."""

    archive_bytes: int = 512 * MB
    entries: int = 4000
    entry_bytes: int = 160 * MB
    total_bytes: int = 400 * MB
    ratio: int = 250  # decompressed to compressed, for entries of more than `ratio_from` bytes
    ratio_from: int = 16 * MB


@dataclass(frozen=True)
class Extracted:
    """What an archive brought: files below the given folder, and what was refused."""

    files: tuple[str, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Entry:
    name: str
    size: int
    fault: str  # why it is refused before its name is looked at
    junk: bool
    open: Callable[[], IO[bytes]]


class _TooMuchError(Exception):
    """More bytes than allowed came out."""


T = TypeVar("T")
_NEXT = "\n  Next: hand in the zip that `autograder submit` writes."


def is_archive(path: Path) -> bool:
    """Tell by its name whether a file is an archive that :func:`extract` reads."""
    return path.name.casefold().endswith(SUFFIXES)


def names(archive: Path, limits: ArchiveLimits | None = None) -> tuple[str, ...]:
    """List the files in an archive, junk left out, in the archive's order.

    Raises:
        IntakeError: the archive cannot be read.
    """
    limits = limits or ArchiveLimits()

    def listing(entries: Iterable[_Entry]) -> tuple[str, ...]:
        return tuple(e.name for e in entries if not e.junk and not e.fault)

    return _guarded(archive, limits, listing)


def extract(archive: Path, into: Path, limits: ArchiveLimits | None = None, under: str = "") -> Extracted:
    """Extract an archive's regular files into a folder that is empty or new.

    Args:
        archive: a zip, tar or tar.gz; known by its content, whatever its name says.
        into: the folder; nothing is ever written outside it, and no file in it is replaced.
        limits: how much the archive may bring.
        under: only this file, or (ending in ``/``) only what lies in this folder, without the prefix.

    Raises:
        IntakeError: the archive cannot be read at all; the message says what to do.
    """
    limits = limits or ArchiveLimits()
    return _guarded(archive, limits, lambda entries: _write_all(entries, into, limits, under))


def _guarded(archive: Path, limits: ArchiveLimits, use: Callable[[Iterable[_Entry]], T]) -> T:
    """Open an archive, and turn every way in which it can be broken into one kind of error."""
    shown = printable(archive.name)
    try:
        size = archive.stat().st_size
        if size > limits.archive_bytes:
            most = limits.archive_bytes // MB
            raise IntakeError(f"{shown}: {size // MB} MB, expected at most {most} MB.{_NEXT}")
        with archive.open("rb") as file, _opened(file, shown, limits) as entries:
            return use(entries)
    except IntakeError:
        raise
    except _TooMuchError:
        most = 2 * limits.total_bytes // MB
        raise IntakeError(f"{shown}: more than {most} MB once unpacked.{_NEXT}") from None
    except OSError as error:
        if is_the_machines(error):
            raise
        why = error.strerror or "damaged"
        raise IntakeError(f"{shown}: cannot be read ({why}).\n  Next: ask for it again.") from None
    except Exception as error:  # zipfile and tarfile raise a dozen kinds on bytes made to break them
        why = type(error).__name__
        raise IntakeError(f"{shown}: damaged archive ({why}).\n  Next: ask for it again.") from None


@contextmanager
def _opened(file: IO[bytes], shown: str, limits: ArchiveLimits) -> Iterator[Iterable[_Entry]]:
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"PK":
        _measure_directory(file, shown, limits)
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            if len(infos) > limits.entries:
                raise IntakeError(f"{shown}: {len(infos)} entries, expected at most {limits.entries}.{_NEXT}")
            entries = [_zip_entry(archive, info, limits) for info in infos]
            yield sorted(entries, key=lambda e: not e.name.casefold().endswith(_FIRST))
    elif magic[:2] == b"\x1f\x8b":
        with gzip.open(file) as plain:
            yield _tar_entries(plain, shown, limits)
    elif _looks_like_tar(file):
        yield _tar_entries(file, shown, limits)
    else:
        raise IntakeError(
            f"{shown}: neither a zip nor a tar.gz archive.\n"
            "  Next: hand in the zip that `autograder submit` writes, not a renamed rar or 7z."
        )


# Zip


def _measure_directory(file: IO[bytes], shown: str, limits: ArchiveLimits) -> None:
    """Refuse a table of contents that would fill the memory before zipfile parses it."""
    end = getattr(zipfile, "_EndRecData")(file)  # noqa: B009  the very record that ZipFile will trust
    file.seek(0)
    if end is None:
        raise IntakeError(f"{shown}: damaged zip, no table of contents.\n  Next: ask for it again.")
    most = 512 * limits.entries
    if end[5] > most:
        raise IntakeError(f"{shown}: a table of contents of {end[5]} bytes, expected at most {most}.{_NEXT}")


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limits: ArchiveLimits) -> _Entry:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    ratio = info.file_size / max(info.compress_size, 1)
    faults = (
        (kind == stat.S_IFLNK, "is a symbolic link"),
        (kind not in (0, stat.S_IFREG, stat.S_IFDIR), "is a device or another special file"),
        (bool(info.flag_bits & 1), "is encrypted"),
        (info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
         "is compressed in a way other than deflate"),
        (info.file_size > limits.ratio_from and ratio > limits.ratio,
         f"expands {ratio:.0f} times, which looks like a bomb"),
    )  # fmt: skip
    name = info.orig_filename
    return _Entry(
        name, info.file_size, next((why for fails, why in faults if fails), ""),
        junk=name.endswith("/") or is_junk(name), open=lambda: archive.open(info),
    )  # fmt: skip


# Tar


class _Metered:
    """A stream that ends in an error when more than its budget was read from it."""

    def __init__(self, file: Any, budget: int) -> None:
        self._file, self._budget = file, budget

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(size)
        self._budget -= len(data)
        if self._budget < 0:
            raise _TooMuchError
        return data


class _PlainHeader(tarfile.TarInfo):
    """A header that may bring a long name, but neither megabytes of attributes nor a sparse map."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type == tarfile.GNUTYPE_SPARSE or (not self._is_data() and self.size > _CHUNK // 4):
            raise tarfile.ReadError("unusual header")
        return super()._proc_member(archive)  # type: ignore[misc]

    def _is_data(self) -> bool:
        return self.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)

    def _refuse(self, *_: Any) -> None:
        raise tarfile.ReadError("sparse file")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse


def _looks_like_tar(file: IO[bytes]) -> bool:
    head = file.read(512)
    file.seek(0)
    return len(head) == 512 and head[257:262] == b"ustar"


def _tar_entries(file: Any, shown: str, limits: ArchiveLimits) -> Iterator[_Entry]:
    """Walk a tar as a stream: each entry can be opened only while it is the current one."""
    metered: Any = _Metered(file, 2 * limits.total_bytes)
    with tarfile.open(fileobj=metered, mode="r|", bufsize=_CHUNK, tarinfo=_PlainHeader) as archive:
        for count, member in enumerate(archive):
            if count >= limits.entries:
                raise IntakeError(f"{shown}: more than {limits.entries} entries.{_NEXT}")
            vars(archive)["members"] = []  # or tarfile remembers every header
            yield _tar_entry(archive, member)


def _tar_entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> _Entry:
    def opened() -> IO[bytes]:
        stream = archive.extractfile(member)
        if stream is None:
            raise tarfile.ReadError("no data")
        return stream

    fault = ""
    if member.issym() or member.islnk():
        fault = "is a link"
    elif not (member.isreg() or member.isdir()):
        fault = "is a device or another special file"
    return _Entry(member.name, member.size, fault, junk=member.isdir() or is_junk(member.name), open=opened)


# Writing


def _write_all(entries: Iterable[_Entry], into: Path, limits: ArchiveLimits, under: str) -> Extracted:
    gate, refusals, written = NameGate(), Refusals(), []
    budget = limits.total_bytes
    into.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        name = _below(entry.name, under)
        if entry.junk or not name:
            continue
        left = min(limits.entry_bytes, budget)
        why = entry.fault or gate.fault(name)
        if not why and entry.size > left:
            why = f"has {entry.size / MB:.0f} MB, and at most {left / MB:.0f} MB were left"
        if not why:
            spent, why = _write(entry, into / name, left)
            budget -= spent
        if why:
            refusals.add(entry.name, why)
        else:
            written.append(name)
    return Extracted(tuple(sorted(written)), refusals.told())


def _below(name: str, under: str) -> str:
    if not under:
        return name
    if under.endswith("/"):
        return name.removeprefix(under) if name.startswith(under) else ""
    return name.rsplit("/", 1)[-1] if name == under else ""


def _write(entry: _Entry, target: Path, limit: int) -> tuple[int, str]:
    """Write one entry; return the bytes it cost and why it failed, if so. A partial file is removed."""
    spent = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(target, flags, 0o600), "wb") as out, entry.open() as stream:
            while chunk := stream.read(_CHUNK):
                spent += len(chunk)
                if spent > limit:
                    raise _TooMuchError
                out.write(chunk)
        return spent, ""
    except _TooMuchError:
        why = f"has more than the {limit / MB:.0f} MB that were left"
    except _DAMAGE:
        why = "is damaged"
    except OSError as error:
        if is_the_machines(error):
            raise
        why = f"could not be written ({error.strerror or 'damaged'})"
    target.unlink(missing_ok=True)
    return spent, why


__all__ = ["SUFFIXES", "ArchiveLimits", "Extracted", "extract", "is_archive", "names"]
