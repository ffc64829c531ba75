"""Which names of an archive may become files, and what was refused, in words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

MAX_NAME = 200  # bytes of one path component; file systems stop at 255
MAX_PATH = 800  # characters
MAX_DEPTH = 16
MAX_MESSAGES = 20  # refusals told one by one; the rest are counted

_DRIVE = re.compile(r"^[A-Za-z]:")
_JUNK_FOLDERS = {"__macosx", ".ipynb_checkpoints", "__pycache__", ".git", ".venv", "venv", "node_modules",
                 ".pytest_cache", ".vscode", ".idea", ".virtual_documents"}  # fmt: skip
_JUNK_FILES = {".ds_store", "thumbs.db", "desktop.ini"}


def is_junk(name: str) -> bool:
    """Tell whether a path is litter that systems and editors leave (``__MACOSX``, checkpoints)."""
    parts = [part.casefold() for part in name.split("/") if part]
    if not parts:
        return True
    return bool(_JUNK_FOLDERS.intersection(parts)) or parts[-1] in _JUNK_FILES or parts[-1].startswith("._")


def printable(name: str, limit: int = 120) -> str:
    """Return a name that is safe to print: control, format and unpaired characters are escaped."""
    shown = "".join(c if _harmless(c) else c.encode("unicode_escape").decode() for c in name)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def name_fault(name: str) -> str:
    """Say why a name may not be extracted; empty if it may."""
    parts = name.rstrip("/").split("/")
    faults = (
        (not name.strip("/ "), "has no name"),
        (name.startswith("/"), "is an absolute path"),
        (bool(_DRIVE.match(name)), "names a drive"),
        ("\\" in name, "has a backslash in its name"),
        (".." in parts, "points outside the archive (..)"),
        ("" in parts or "." in parts, "has an empty or '.' part in its path"),
        (not all(_harmless(c) for c in name), "has control, invisible or unpaired characters in its name"),
        (len(name) > MAX_PATH or len(parts) > MAX_DEPTH, "has a path that is too long or too deep"),
        (any(len(p.encode("utf-8", "replace")) > MAX_NAME for p in parts), "has a name that is too long"),
    )
    return next((why for fails, why in faults if fails), "")


@dataclass
class NameGate:
    """Admits each name once, however it is spelled, and never as file and folder both."""

    _files: dict[str, str] = field(default_factory=dict)
    _folders: dict[str, str] = field(default_factory=dict)

    def fault(self, name: str) -> str:
        """Admit a file's name and return ``""``, or say why it is refused."""
        why = name_fault(name)
        if why:
            return why
        key = unicodedata.normalize("NFKC", name).casefold()
        above = [key[:i] for i, char in enumerate(key) if char == "/"]
        clash = self._files.get(key) or self._folders.get(key)
        clash = clash or next((self._files[folder] for folder in above if folder in self._files), None)
        if clash:
            return f"collides with {printable(clash)!r}"
        self._files[key] = name
        self._folders.update({folder: name for folder in above})
        return ""


@dataclass
class Refusals:
    """The entries that were not extracted, told one by one up to a limit."""

    messages: list[str] = field(default_factory=list)
    untold: int = 0

    def add(self, name: str, why: str) -> None:
        """Note one refused entry."""
        if len(self.messages) < MAX_MESSAGES:
            self.messages.append(f"{printable(name)!r} was not read: it {why}.")
        else:
            self.untold += 1

    def told(self) -> tuple[str, ...]:
        """Return the messages, the last one counting what was left out."""
        more = (f"{self.untold} more entries were not read for reasons like these.",) if self.untold else ()
        return (*self.messages, *more)
