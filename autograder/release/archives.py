"""Zips with the same bytes each time: sorted names, one time, fixed permissions."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

TIME = (2020, 1, 1, 0, 0, 0)
_SCRIPT = b"#!"


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Pack files by name; what begins with ``#!`` may be executed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # Unix, wherever it is made
            mode = 0o100755 if files[name].startswith(_SCRIPT) else 0o100644
            info.external_attr = mode << 16
            archive.writestr(info, files[name])
    return buffer.getvalue()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step, so that no half of one is ever found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as scratch:
        scratch.write(data)
    os.chmod(scratch.name, 0o644)
    os.replace(scratch.name, path)


__all__ = ["TIME", "write_bytes", "zip_bytes"]
