"""Archives: what a zip or a tar can do to whoever unpacks it. The notebook inside is right, and keeps its points."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.attacks.attack import FAILED, NOT_ATTEMPTED, PASSED, Attack, Handed, Own
from tests.attacks.evidence import Evidence

Writer = Callable[[zipfile.ZipFile, Path], object]
TarWriter = Callable[[tarfile.TarFile, Path], None]
NOTEBOOK = "siege.ipynb"
MB = 1 << 20


def zips(tries: str, write: Writer, won: Callable[[Evidence], bool], says: str = "", **more: object) -> Attack:
    """Return an attack by a zip in which something stands beside the notebook."""

    def pack(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
        out = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            warnings.simplefilter("ignore")  # names that stand twice
            archive.writestr(NOTEBOOK, notebook)
            write(archive, outside)
        return Handed(out.getvalue())

    own: dict[str, object] = {"pack": pack, "won": won, "says": says}
    return Attack(tries, (Own.INTAKE,), **{**own, **more})  # type: ignore[arg-type]


def tars(tries: str, write: TarWriter, won: Callable[[Evidence], bool], says: str = "", **more: object) -> Attack:
    """Return an attack by a tar.gz in which something stands beside the notebook."""

    def pack(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            archive.addfile(_member(NOTEBOOK, size=len(notebook)), io.BytesIO(notebook))
            write(archive, outside)
        return Handed(out.getvalue(), ".tar.gz")

    own: dict[str, object] = {"pack": pack, "won": won, "says": says}
    return Attack(tries, (Own.INTAKE,), **{**own, **more})  # type: ignore[arg-type]


def _member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, link
    return member


def _escaped(seen: Evidence) -> bool:
    return bool(seen.escaped)


def _grew(seen: Evidence) -> bool:
    return seen.unpacked_mb > 100


def _lost(seen: Evidence) -> bool:
    return seen.outcomes["1.1"] == "GRADER_ERROR"


def _has(part: str) -> Callable[[Evidence], bool]:
    return lambda seen: any(part in name for name in seen.unpacked)


def _special(seen: Evidence) -> bool:
    return any(not isinstance(size, int) for size in seen.unpacked.values())


def _entry(name: str, mode: int = 0, **more: object) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr, info.compress_type = 3, mode << 16, zipfile.ZIP_DEFLATED
    for field, value in more.items():
        setattr(info, field, value)
    return info


def _zeros(megabytes: int, name: str = "zeros.bin") -> Writer:
    def write(archive: zipfile.ZipFile, outside: Path) -> None:
        with archive.open(_entry(name), "w") as file:
            for _ in range(megabytes):
                file.write(bytes(MB))

    return write


def _linked(archive: zipfile.ZipFile, outside: Path) -> None:
    outside.mkdir(exist_ok=True)
    archive.writestr(_entry("door", stat.S_IFLNK | 0o777), str(outside))
    archive.writestr("door/through.txt", "through a link")


def _tar_linked(archive: tarfile.TarFile, outside: Path) -> None:
    outside.mkdir(exist_ok=True)
    archive.addfile(_member("door", tarfile.SYMTYPE, link=str(outside)))
    archive.addfile(_member("door/through.txt", size=4), io.BytesIO(b"text"))


def _hard_linked(archive: tarfile.TarFile, outside: Path) -> None:
    archive.addfile(_member("passwd.txt", tarfile.LNKTYPE, link="/etc/passwd"))


def _devices(archive: tarfile.TarFile, outside: Path) -> None:
    archive.addfile(_member("pipe.ipynb", tarfile.FIFOTYPE))
    device = _member("null.bin", tarfile.CHRTYPE)
    device.devmajor, device.devminor = 1, 3
    archive.addfile(device)


def _twice(archive: zipfile.ZipFile, outside: Path) -> None:
    """Add a second notebook of the same name: who looks sees the first, who unpacks last has the second."""
    right = archive.read(NOTEBOOK).replace(b"return 0 * x", b"return x + x")
    archive.writestr(NOTEBOOK, right)


def _spelled_twice(archive: zipfile.ZipFile, outside: Path) -> None:
    for name in ("helper.py", "HELPER.py", "ｈelper.py"):
        archive.writestr(name, "x = 1\n")


def _file_and_folder(archive: zipfile.ZipFile, outside: Path) -> None:
    archive.writestr("thing", "a file")
    archive.writestr("thing/inside.txt", "in a folder of the same name")


def _renamed(archive: zipfile.ZipFile, outside: Path) -> None:
    archive.writestr("x", "x = 1\n")
    archive.filelist[-1].filename = archive.filelist[-1].orig_filename = "secret.py\0.txt"


def _nested(archive: zipfile.ZipFile, outside: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as bomb:
        _zeros(120)(bomb, outside)
    archive.writestr("more.zip", inner.getvalue())


def _many(archive: zipfile.ZipFile, outside: Path) -> None:
    for number in range(5000):
        archive.writestr(f"many/{number}.txt", "")


def _long_directory(archive: zipfile.ZipFile, outside: Path) -> None:
    for number in range(40):
        archive.writestr(_entry(f"note{number}.txt", comment=b"x" * 65_000), "")


def _lying(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
    """Pack a file whose table of contents says that it is small."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NOTEBOOK, notebook)
        _zeros(120)(archive, outside)
    data, size = out.getvalue(), struct.pack("<I", 120 * MB)
    return Handed(data.replace(size, struct.pack("<I", 100)))


def _overlapping(notebook: bytes, files: Mapping[str, bytes], outside: Path) -> Handed:
    """Pack one stream of zeros under many names: the table of contents points at it again and again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NOTEBOOK, notebook)
        _zeros(14)(archive, outside)
        one = archive.infolist()[-1]
        for number in range(60):
            other = _entry(f"zero{number}.bin")
            other.header_offset, other.CRC = one.header_offset, one.CRC
            other.compress_size, other.file_size, other.flag_bits = one.compress_size, one.file_size, one.flag_bits
            archive.filelist.append(other)
    return Handed(out.getvalue())


def _sparse(archive: tarfile.TarFile, outside: Path) -> None:
    member = _member("sparse.bin", tarfile.GNUTYPE_SPARSE, size=0)
    archive.addfile(member)


def _long_header(archive: tarfile.TarFile, outside: Path) -> None:
    """Add an extended header of megabytes, which a reader keeps in memory."""
    body = b"%d comment=" % (20 * MB) + b"x" * (20 * MB)
    archive.addfile(_member("headers", tarfile.XHDTYPE, size=len(body)), io.BytesIO(body))
    archive.addfile(_member("after.txt", size=1), io.BytesIO(b"x"))


def _tar_of_zeros(archive: tarfile.TarFile, outside: Path) -> None:
    archive.addfile(_member("zeros.bin", size=170 * MB), io.BytesIO(bytes(170 * MB)))


_UNREADABLE = dict.fromkeys(("1.1", "1.2", "1.3"), NOT_ATTEMPTED)

_PLACES = {
    "dot dot": zips("names a file above its folder", lambda a, o: a.writestr("../../../../up.txt", "up"), _escaped,
                    says="points outside the archive"),
    "an absolute name": zips("names a file by its absolute path",
                             lambda a, o: a.writestr(f"{o}/absolute.txt", "x"), _escaped, says="is an absolute path"),
    "backslashes": zips("names a file as Windows would", lambda a, o: a.writestr(_entry("..\\..\\..\\..\\up.txt"), "up"), _escaped,
                        says="backslash"),
    "a drive": zips("names a file on a drive", lambda a, o: a.writestr("C:up.txt", "up"), _has("C:"), says="names a drive"),
    "a link in a zip": zips("writes through a link that it brought", _linked, lambda s: _escaped(s) or _special(s),
                            says="is a symbolic link"),
    "a link in a tar": tars("writes through a link that it brought", _tar_linked, lambda s: _escaped(s) or _special(s),
                            says="is a link"),
    "a hard link": tars("links to a file of the machine, to have it read and shown", _hard_linked, _special, says="is a link"),
    "devices": tars("brings a pipe on which a reader waits for ever, and a device", _devices, _special, says="special file"),
}  # fmt: skip

_NAMES = {
    "one name twice": zips("brings two notebooks of one name: a wrong one that is seen first, a right one", _twice,
                           lambda seen: seen.outcomes["1.1"] == PASSED, says="collides",
                           bodies={"1.1": "return 0 * x"}, expected={"1.1": FAILED}),
    "one name in three spellings": zips("spells one name in three ways, which some systems take for one", _spelled_twice,
                                        _has("HELPER"), says="collides"),
    "a file that is a folder": zips("brings a file and a folder of one name", _file_and_folder,
                                    _lost, says="collides"),
    "a name with a line break": zips("brings a name that writes its own line into a list",
                                     lambda a, o: a.writestr("x\n1.1: 4 of 4\n", "x"), _has("4 of 4"), says="control"),
    "a name written backwards": zips("brings a name that a page would show in another order",
                                     lambda a, o: a.writestr("\u202egpj.exe.py", "x = 1"), _has("\u202e"), says="invisible"),
    "a name with a zero": zips("brings a name that ends early for who reads it in C",
                               _renamed, _has("secret.py"), says="control"),
    "an endless name": zips("brings a name longer than any file system takes", lambda a, o: a.writestr("n" * 5000 + ".py", "x"),
                            _lost, says="too long"),
    "an endless path": zips("nests folders without end", lambda a, o: a.writestr("d/" * 300 + "x.py", "x"), _has("d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d"),
                            says="too deep"),
}  # fmt: skip


_SIZES = {
    "a bomb": zips("unpacks to a thousand times its size", _zeros(120), _grew, says="looks like a bomb"),
    "a bomb in pieces": zips("unpacks to many files, none of which is large",
                             lambda a, o: [_zeros(15, f"zeros{n}.bin")(a, o) for n in range(30)],
                             lambda seen: seen.unpacked_mb > 420, says="were left"),
    "a bomb in a zip in a zip": zips("hides a bomb in an archive inside the archive", _nested, _grew, says="archive inside an archive"),
    "a bomb that lies": Attack("says in its table of contents that the bomb is small", (Own.INTAKE,), pack=_lying,
                               won=_grew, wins={}),
    "one stream, many names": Attack("points at one stream of zeros from sixty names", (Own.INTAKE,), pack=_overlapping, won=_grew),
    "a bomb in a tar": tars("unpacks to a file larger than any to hand in", _tar_of_zeros, _grew, says="were left"),
    "many entries": zips("brings five thousand entries", _many, _has("4999"), expected=_UNREADABLE, says="expected at most 4000"),
    "a long table of contents": zips("brings a table of contents of megabytes", _long_directory,
                                     lambda seen: "table of contents" not in seen.findings, expected=_UNREADABLE,
                                     says="table of contents"),
    "a sparse file": tars("brings a file of nothing that claims to be large", _sparse,
                          lambda seen: "damaged" not in seen.findings, expected=_UNREADABLE, says="damaged archive"),
    "a header of megabytes": tars("brings an extended header of megabytes", _long_header, _has("after.txt"),
                                  expected=_UNREADABLE, says="damaged archive"),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_PLACES, **_NAMES, **_SIZES}
