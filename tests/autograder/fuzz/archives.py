"""What can happen to the zip, or the tar, that a submission comes in."""

from __future__ import annotations

import io
import random
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable

Files = list[tuple[str, bytes]]
NAMES = (
    "../{}", "/{}", "C:\\{}", "..\\{}", "a/b/c/{}", "a\\b\\{}", "./{}", "a//{}", "{}/", " {}", "{} ", "\u202e{}", "a\n{}",
    "é/{}", "e\u0301/{}", "__MACOSX/._{}", ".ipynb_checkpoints/{}", "~/{}", "CON/{}", "{}\x00.txt", "a/../{}", "{}~",
    "Copy of {}", "{}.txt", "x" * 250 + "/{}", "y/" * 30 + "{}", "hw1_mdp/{}", "HW1/{}",
)  # fmt: skip


def packed(files: Files, chance: random.Random, spare: bytes) -> tuple[bytes, str, list[str]]:
    """Pack a submission's files with a few things wrong; return the archive, its suffix and what was done.

    Args:
        files: by name.
        chance: decides.
        spare: another notebook, as it was given out.
    """
    done: list[str] = []
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        step = chance.choice(BEFORE)
        if not files:
            break
        files = step(files, chance, spare)
        done.append(step.__name__.strip("_"))
    if chance.random() < 0.15:
        suffix = chance.choice((".tar", ".tar.gz", ".tgz"))
        data = _tarred(files, chance, suffix)
    else:
        suffix, data = ".zip", _zipped(files, chance)
    if chance.random() < 0.5:
        step2 = chance.choice(AFTER)
        data = step2(data, chance)
        done.append(step2.__name__.strip("_"))
    return data, suffix, done


def _zipped(files: Files, chance: random.Random) -> bytes:
    out = io.BytesIO()
    usual = (zipfile.ZIP_DEFLATED,) * 12 + (zipfile.ZIP_STORED,) * 6
    method = chance.choice((*usual, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, data in files:
            info = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            info.filename = name
            info.compress_type = method
            info.create_system = chance.choice((0, 3))
            if chance.random() < 0.03:
                info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, data)
        if chance.random() < 0.1:
            archive.comment = chance.randbytes(chance.choice((1, 50, 5000)))
    return out.getvalue()


def _tarred(files: Files, chance: random.Random, suffix: str) -> bytes:
    out = io.BytesIO()
    form = chance.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=out, mode="w" if suffix == ".tar" else "w:gz", format=form, errors="replace") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name[:90])
            info.size = len(data)
            if chance.random() < 0.05:
                info.type = chance.choice((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE))
                info.linkname, info.size = "/etc/passwd", 0
            try:
                archive.addfile(info, io.BytesIO(data))
            except (ValueError, UnicodeError):  # a name that this format cannot hold
                continue
    return out.getvalue()


# Before it is packed


def _wrap_in_a_folder(files: Files, chance: random.Random, spare: bytes) -> Files:
    return [(f"some folder/{name}", data) for name, data in files]


def _odd_names(files: Files, chance: random.Random, spare: bytes) -> Files:
    at = chance.randrange(len(files))
    return [(chance.choice(NAMES).format(name) if i == at else name, data) for i, (name, data) in enumerate(files)]


def _a_name_twice(files: Files, chance: random.Random, spare: bytes) -> Files:
    name, data = chance.choice(files)
    again = (name, chance.choice((data, b"", spare, b"{")))
    return [*files, again] if chance.random() < 0.5 else [again, *files]


def _names_in_another_case(files: Files, chance: random.Random, spare: bytes) -> Files:
    return [(chance.choice((name.upper(), name.lower(), name.title())), data) for name, data in files]


def _the_starter_beside(files: Files, chance: random.Random, spare: bytes) -> Files:
    return [*files, (chance.choice(("starter.ipynb", "old/hw1_mdp.ipynb", "hw1_mdp-Copy1.ipynb", "a.ipynb")), spare)]


def _litter(files: Files, chance: random.Random, spare: bytes) -> Files:
    litter = ("__MACOSX/._hw1_mdp.ipynb", ".DS_Store", "Thumbs.db", ".git/config", "venv/x.py", "notes.txt", "a.png")
    return [*files, *((name, chance.randbytes(30)) for name in litter)]


def _modules_beside(files: Files, chance: random.Random, spare: bytes) -> Files:
    names = ("numpy.py", "helper.py", "conftest.py", "sitecustomize.py", "tests/test_x.py", "autograder/__init__.py")
    return [*files, *((name, b"raise SystemExit(0)\n") for name in names)]


def _many_entries(files: Files, chance: random.Random, spare: bytes) -> Files:
    return [*files, *((f"d{i % 7}/f{i}.txt", b"") for i in range(chance.choice((100, 1000, 4100))))]


def _an_archive_inside(files: Files, chance: random.Random, spare: bytes) -> Files:
    inner = _zipped(files, chance)
    return [("inner.zip", inner)] if chance.random() < 0.5 else [*files, ("inner.zip", inner)]


def _large_and_empty(files: Files, chance: random.Random, spare: bytes) -> Files:
    return [*files, ("zeros.bin", bytes(chance.choice((1 << 20, 20 << 20)))), ("empty.ipynb", b"")]


def _nothing_in_it(files: Files, chance: random.Random, spare: bytes) -> Files:
    return []


def _without_the_notebook(files: Files, chance: random.Random, spare: bytes) -> Files:
    return [(name, data) for name, data in files if not name.endswith(".ipynb")] or [("x.txt", b"x")]


# After it is packed


def _truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _bits_flipped(data: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(chance.choice((1, 2, 10, 100)) if flipped else 0):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _header_fields_changed(data: bytes, chance: random.Random) -> bytes:
    """Change flags, methods, sums, sizes, lengths or offsets in the headers of a zip."""
    changed = bytearray(data)
    heads = [(b"PK\x03\x04", 30), (b"PK\x01\x02", 46), (b"PK\x05\x06", 22)]
    for _ in range(chance.choice((1, 2, 6))):
        magic, length = chance.choice(heads)
        places = [i for i in range(len(data) - length) if data[i : i + 4] == magic] or [max(0, len(data) - 22)]
        at = chance.choice(places) + chance.randrange(4, length - 3)
        form = chance.choice(("<H", "<I"))
        number = chance.choice((0, 1, 2, 8, 12, 14, 99, 0xFFFF, 0xFFFFFFFF, chance.randrange(1 << 32)))
        piece = struct.pack(form, number % (1 << 8 * struct.calcsize(form)))
        changed[at : at + len(piece)] = piece
    return bytes(changed)


def _bytes_before(data: bytes, chance: random.Random) -> bytes:
    return chance.choice((b"\0" * 100, b"#!/bin/sh\n", b"MZ", b"PK\x03\x04", b" ")) + data


def _bytes_after(data: bytes, chance: random.Random) -> bytes:
    return data + chance.choice((b"\0" * 100, b"garbage" * 20_000, data, b"PK\x05\x06" + bytes(18)))


def _part_repeated(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[: at + chance.randrange(500)] + data[at:]


_MOSTLY = (
    _wrap_in_a_folder, _odd_names, _a_name_twice, _names_in_another_case, _the_starter_beside, _litter, _modules_beside,
    _many_entries, _an_archive_inside, _large_and_empty,
)  # fmt: skip
BEFORE: tuple[Callable[[Files, random.Random, bytes], Files], ...] = (
    *_MOSTLY, *_MOSTLY, _nothing_in_it, _without_the_notebook,
)  # fmt: skip
AFTER: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncated, _bits_flipped, _header_fields_changed, _header_fields_changed, _bytes_before, _bytes_after, _part_repeated,
)  # fmt: skip
