"""Pictures and files that a text refers to: they must be where the student reads."""

from __future__ import annotations

import mimetypes
import re
from base64 import b64encode
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

_REFERENCE = re.compile(
    r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:img|source|video|a)\b[^>]*?\b(?:src|href)=[\"']([^\"']+)[\"']"
)
_ELSEWHERE = re.compile(r"([a-z][a-z0-9+.-]*:|#|/)", re.IGNORECASE)
_FENCED = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`|\$\$.*?\$\$", re.DOTALL | re.MULTILINE)


def references(markdown: str) -> list[str]:
    """Return the relative paths that a text shows or links to."""
    found = (unquote(a or b) for a, b in _REFERENCE.findall(_FENCED.sub("", markdown)))
    return [f.split("#")[0] for f in found if not _ELSEWHERE.match(f)]


def missing(markdown: str, present: Collection[str]) -> list[str]:
    """Return the relative paths in a text that are not among the student's files."""
    return [r for r in references(markdown) if str(PurePosixPath(r)) not in present]


def attachments(markdown: str) -> list[str]:
    """Return the names that a text shows as ``attachment:name``."""
    found = (unquote(a or b) for a, b in _REFERENCE.findall(_FENCED.sub("", markdown)))
    return [f.removeprefix("attachment:") for f in found if f.startswith("attachment:")]


def embed(names: Collection[str], folder: Path) -> dict[str, dict[str, str]]:
    """Read attachments into a notebook cell's form; FileNotFoundError names the missing one."""
    embedded = {}
    for name in names:
        path = next((p for p in (folder / name, folder / "figures" / name) if p.is_file()), None)
        if path is None:
            raise FileNotFoundError(name)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        embedded[name] = {kind: b64encode(path.read_bytes()).decode()}
    return embedded


__all__ = ["attachments", "embed", "missing", "references"]
