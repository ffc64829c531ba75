"""Texts in comparable forms, and archives opened down to the last text inside them."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zipfile
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

_COMMENT = re.compile(r"(^|\s)#.*$")
_PREFIX = re.compile(r"^\s*(?:[#>*+-]+\s)+")
_NUMBER = re.compile(r"(?<![\w.])(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?!\w)")
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}={0,2}\s*")


def tight(text: str) -> str:
    """Return a text without its whitespace, so that wrapping and indentation do not matter."""
    return "".join(text.split())


def code(line: str) -> str:
    """Return a line of code without comment and whitespace."""
    return tight(_COMMENT.sub("", line))


def digits(number: str) -> str:
    """Return the significant digits of a number as written: 0.05310 and 5.31e-2 have 531."""
    mantissa = re.split("[eE]", number)[0]
    return re.sub(r"[^0-9]", "", mantissa).strip("0")


@dataclass(frozen=True)
class Text:
    """One text, compared in several forms that are computed once."""

    raw: str

    @cached_property
    def tight(self) -> str:
        """The whole text without whitespace; then again without the marks of comments and quotations."""
        quoted = [_PREFIX.sub("", line) for line in self.raw.splitlines()]
        return f"{tight(self.raw)}\n{tight(' '.join(quoted))}"

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Every line of code, comments taken off; then every commented or quoted line, its mark taken off."""
        lines = self.raw.splitlines()
        plain = [c for line in lines if (c := code(line))]
        quoted = [c for line in lines if _PREFIX.match(line) and (c := code(_PREFIX.sub("", line)))]
        return (*plain, "", *quoted)

    @cached_property
    def line_set(self) -> frozenset[str]:
        """The lines, to look one up."""
        return frozenset(self.lines)

    @cached_property
    def runs(self) -> str:
        """The lines joined by line ends, to look several in a row up."""
        return "\n" + "\n".join(self.lines) + "\n"

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The significant digits of every number with at least five of them."""
        return frozenset(d for n in _NUMBER.findall(self.raw) if len(d := digits(n)) >= 5)

    def line_of(self, squeezed: str) -> int:
        """Return the first line that holds a tight text, or 0 where it spans lines."""
        for number, line in enumerate(self.raw.splitlines(), start=1):
            if squeezed in tight(line):
                return number
        return 0


@dataclass(frozen=True)
class Entry:
    """One file, also of an archive within an archive: ``a.zip/b.whl/c.py``."""

    name: str
    data: bytes

    @cached_property
    def digest(self) -> str:
        """The digest of its bytes."""
        return sha256(self.data).hexdigest()

    @cached_property
    def text(self) -> Text:
        """Its text; JSON's strings are read, too, as what they say."""
        try:
            raw = self.data.decode("utf-8")
        except UnicodeDecodeError:
            return Text(self.data.decode("latin-1"))
        return Text("\n".join([raw, *_strings(_json(raw))]))


def entries(name: str, data: bytes) -> Iterator[Entry]:
    """Yield a file and everything inside it: members of zips and tars, what is compressed, what is base64."""
    yield Entry(name, data)
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield Entry(
                f"{name} (comments)", archive.comment + b"".join(i.comment for i in archive.infolist())
            )
            for info in archive.infolist():
                yield from entries(f"{name}/{info.filename}", archive.read(info))
    elif data[:2] == b"\x1f\x8b":
        yield from entries(f"{name}/content", gzip.decompress(data))
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar.getmembers():
                file = tar.extractfile(member)
                yield from entries(f"{name}/{member.name}", file.read() if file else b"")
    else:
        yield from _embedded(name, data)


def _embedded(name: str, data: bytes) -> Iterator[Entry]:
    try:
        strings = list(_strings(_json(data.decode("utf-8"))))
    except UnicodeDecodeError:
        return
    for number, text in enumerate(strings):
        if _BASE64.fullmatch(text):
            try:
                inner = b64decode(tight(text), validate=True)
            except (NotBase64, ValueError):
                continue
            yield from entries(f"{name}/base64-{number}", inner)


def _json(raw: str) -> Any:
    if raw.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _strings(value: Any) -> Iterator[str]:
    """Yield every string of a JSON value, keys too; a list of strings is also one text, as in notebooks."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _strings(inner)
    elif isinstance(value, list):
        if value and all(isinstance(v, str) for v in value):
            yield "".join(value)
        else:
            for inner in value:
                yield from _strings(inner)


__all__ = ["Entry", "Text", "code", "digits", "entries", "tight"]
