from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.errors import IntakeError
from autograder.intake import archive as archive_module
from autograder.intake.archive import ArchiveLimits, extract, is_archive, names

MB = 1 << 20


def make_zip(path: Path, entries, compression=zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(
                name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name), data, compression
            )
    return path


def info(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def make_tar(path: Path, members, mode="w:gz", **kwargs) -> Path:
    with tarfile.open(path, mode, **kwargs) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_files_come_out_below_the_folder(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("hw1/hw1.ipynb", b"{}"), ("hw1/data/map.csv", b"1,2")])
    result = extract(archive, tmp_path / "out")
    assert result.files == ("hw1/data/map.csv", "hw1/hw1.ipynb") and result.refused == ()
    assert (tmp_path / "out/hw1/data/map.csv").read_bytes() == b"1,2"
    assert stat.S_IMODE((tmp_path / "out/hw1/hw1.ipynb").stat().st_mode) == 0o600


REFUSED = {
    "/etc/passwd": "is an absolute path",
    "../up.py": "points outside",
    "a/../../up.py": "points outside",
    "C:/x.py": "names a drive",
    "a\\b.py": "has a backslash",
    "a//b.py": "an empty or '.' part",
    "./a.py": "an empty or '.' part",
    "a\nb.py": "control, invisible",
    "a\u202eyp.exe": "control, invisible",
    "a\u200b.py": "control, invisible",
    "x" * 230 + ".py": "a name that is too long",
    "/".join("d" * 20) + "/a.py": "too long or too deep",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_could_do_harm_is_refused_and_the_rest_goes_on(tmp_path, name):
    archive = make_zip(tmp_path / "a.zip", [(name, b"bad"), ("good.py", b"x")])
    result = extract(archive, tmp_path / "box" / "out")
    assert result.files == ("good.py",)
    assert len(result.refused) == 1 and REFUSED[name] in result.refused[0]
    assert result.refused[0].isprintable()
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a.zip", "good.py"]


def test_a_nul_in_a_name_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("good.pyXhidden.py", b"x")])
    archive.write_bytes(archive.read_bytes().replace(b"pyXhidden", b"py\0hidden"))
    assert "control, invisible" in extract(archive, tmp_path / "out").refused[0]


SPECIAL = {
    "is a symbolic link": stat.S_IFLNK | 0o777,
    "is a device or another special file": stat.S_IFCHR | 0o666,
}


@pytest.mark.parametrize("why", SPECIAL)
def test_links_and_devices_in_a_zip_are_refused(tmp_path, why):
    archive = make_zip(tmp_path / "a.zip", [(info("x", SPECIAL[why]), b"/etc/passwd"), ("good.py", b"x")])
    result = extract(archive, tmp_path / "out")
    assert result.files == ("good.py",) and why in result.refused[0]


@pytest.mark.parametrize(
    "pair",
    [
        ("hw1.py", "HW1.py"),
        ("caf\u00e9.py", "cafe\u0301.py"),
        ("a", "a/b.py"),
        ("a/b.py", "A"),
        ("ﬁle.py", "file.py"),
    ],
)
def test_names_that_collide_are_refused(tmp_path, pair):
    archive = make_zip(tmp_path / "a.zip", [(pair[0], b"first"), (pair[1], b"second")])
    result = extract(archive, tmp_path / "out")
    assert len(result.files) == 1 and f"collides with {result.files[0]!r}" in result.refused[0]


def test_an_entry_twice_is_read_once(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = make_zip(tmp_path / "a.zip", [("a.py", b"first"), ("a.py", b"second")])
    assert len(extract(archive, tmp_path / "out").refused) == 1
    assert (tmp_path / "out/a.py").read_bytes() == b"first"


def test_junk_of_systems_and_editors_is_left_out_silently(tmp_path):
    junk = [
        "__MACOSX/._hw1.ipynb",
        "a/.DS_Store",
        ".ipynb_checkpoints/hw1-checkpoint.ipynb",
        "._x",
        "__pycache__/a.pyc",
    ]
    archive = make_zip(tmp_path / "a.zip", [*((n, b"x") for n in junk), ("hw1.ipynb", b"{}")])
    assert extract(archive, tmp_path / "out") == type(extract(archive, tmp_path / "o2"))(("hw1.ipynb",))


def test_an_encrypted_entry_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("a.py", b"x")])
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    assert "is encrypted" in extract(archive, tmp_path / "out").refused[0]


def test_a_damaged_entry_costs_that_entry_and_leaves_no_part_of_it(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("a.py", b"x" * 1000), ("b.py", b"fine")], zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"x" * 1000, b"x" * 999 + b"y"))
    result = extract(archive, tmp_path / "out")
    assert result.files == ("b.py",) and result.refused == ("'a.py' was not read: it is damaged.",)
    assert not (tmp_path / "out/a.py").exists()


def test_an_unusual_compression_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("a.py", b"x" * 99)], zipfile.ZIP_LZMA)
    assert "other than deflate" in extract(archive, tmp_path / "out").refused[0]


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("zeros.bin", bytes(20 * MB)), ("good.py", b"x")])
    result = extract(archive, tmp_path / "out")
    assert result.files == ("good.py",) and "looks like a bomb" in result.refused[0]


def test_real_bytes_count_whatever_the_header_says(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("zeros.bin", bytes(8 * MB))])
    data = bytearray(archive.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (100).to_bytes(4, "little")
    archive.write_bytes(data)
    result = extract(archive, tmp_path / "out")
    assert result.files == () and "is damaged" in result.refused[0]
    assert not any((tmp_path / "out").iterdir())


def test_the_notebook_is_read_before_large_files_spend_the_budget(tmp_path):
    limits = ArchiveLimits(total_bytes=MB, entry_bytes=MB)
    archive = make_zip(
        tmp_path / "a.zip", [("movie.mp4", os.urandom(900_000)), ("hw1.ipynb", os.urandom(300_000))]
    )
    result = extract(archive, tmp_path / "out", limits)
    assert result.files == ("hw1.ipynb",) and "'movie.mp4' was not read: it has 1 MB" in result.refused[0]


def test_too_many_entries_refuse_the_archive(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [(f"{i}.py", b"") for i in range(30)])
    with pytest.raises(IntakeError, match=r"a\.zip: 30 entries, expected at most 20"):
        extract(archive, tmp_path / "out", ArchiveLimits(entries=20))


def test_a_giant_table_of_contents_is_refused_before_it_is_parsed(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [(f"{'d' * 100}{i}.py", b"") for i in range(200)])
    with pytest.raises(IntakeError, match="a table of contents of"):
        extract(archive, tmp_path / "out", ArchiveLimits(entries=20))


def test_a_giant_archive_is_refused_unopened(tmp_path):
    archive = make_zip(tmp_path / "a.zip", [("a.bin", os.urandom(2 * MB))])
    with pytest.raises(IntakeError, match="2 MB, expected at most 1 MB"):
        extract(archive, tmp_path / "out", ArchiveLimits(archive_bytes=MB))


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x03\x04" + bytes(40), b"Rar!\x1a\x07", b"\x1f\x8bjunk", b"hello" * 200]
)
def test_what_is_no_archive_is_refused_with_the_next_step(tmp_path, data):
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(IntakeError, match=r"a\.zip: .*\n  Next: "):
        extract(path, tmp_path / "out")


def test_a_missing_archive_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_a_tar_is_read_like_a_zip(tmp_path, mode):
    members = [
        (tar_member("hw1/hw1.ipynb"), b"{}"),
        (tar_member("../up.py"), b"x"),
        (tar_member("link", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (tar_member("hard", tarfile.LNKTYPE, "hw1/hw1.ipynb"), b""),
        (tar_member("pipe", tarfile.FIFOTYPE), b""),
        (tar_member("disk", tarfile.BLKTYPE), b""),
        (tar_member("HW1/hw1.ipynb"), b"[]"),
        (tar_member("hw1/" + "n" * 150 + ".py"), b"long names are fine"),
    ]
    archive = make_tar(tmp_path / "a.tar.gz", members, mode)
    result = extract(archive, tmp_path / "out")
    assert result.files == ("hw1/hw1.ipynb", "hw1/" + "n" * 150 + ".py")
    assert (tmp_path / "out/hw1/hw1.ipynb").read_bytes() == b"{}"
    words = "\n".join(result.refused)
    for why in ("points outside", "'link' was not read: it is a link", "'hard' was not read: it is a link",
                "'pipe' was not read: it is a device", "'disk' was not read", "collides with"):  # fmt: skip
        assert why in words


def test_a_tar_with_megabytes_of_attributes_is_refused(tmp_path):
    member = tar_member("a.py")
    member.pax_headers = {"comment": "x" * (2 * MB)}
    archive = make_tar(tmp_path / "a.tar", [(member, b"x")], "w", format=tarfile.PAX_FORMAT)
    with pytest.raises(IntakeError, match="damaged archive"):
        extract(archive, tmp_path / "out")


def test_a_sparse_tar_is_refused(tmp_path):
    member = tar_member("a.py")
    member.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "90000", "GNU.sparse.numblocks": "1"}
    archive = make_tar(tmp_path / "b.tar", [(member, b"x")], "w", format=tarfile.PAX_FORMAT)
    with pytest.raises(IntakeError, match="damaged archive"):
        extract(archive, tmp_path / "out")
    member = tar_member("a.py")
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "99999999999",
    }
    archive = make_tar(tmp_path / "a.tar", [(member, b"x" * 600)], "w", format=tarfile.PAX_FORMAT)
    with pytest.raises(IntakeError, match="damaged archive"):
        extract(archive, tmp_path / "out")


def test_a_gzip_bomb_ends_at_the_budget_in_little_memory(tmp_path):
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as out, tarfile.open(fileobj=out, mode="w") as archive:
        for i in range(5):
            member = tar_member(f"{i}.bin")
            member.size = 8 * MB
            archive.addfile(member, io.BytesIO(bytes(8 * MB)))
    limits = ArchiveLimits(total_bytes=10 * MB, entry_bytes=9 * MB)
    tracemalloc.start()
    with pytest.raises(IntakeError, match="more than 20 MB once unpacked"):
        extract(path, tmp_path / "out", limits)
    assert tracemalloc.get_traced_memory()[1] < 4 * MB
    tracemalloc.stop()
    assert sum(f.stat().st_size for f in (tmp_path / "out").iterdir()) <= 10 * MB


def test_too_many_tar_entries_refuse_the_archive(tmp_path):
    archive = make_tar(tmp_path / "a.tar.gz", [(tar_member(f"{i}.py"), b"") for i in range(30)])
    with pytest.raises(IntakeError, match="more than 20 entries"):
        extract(archive, tmp_path / "out", ArchiveLimits(entries=20))


def test_one_member_or_one_folder_can_be_taken(tmp_path):
    archive = make_zip(
        tmp_path / "a.zip", [("top/ann/hw1.ipynb", b"a"), ("top/bob/hw1.ipynb", b"b"), ("top/c.zip", b"c")]
    )
    assert extract(archive, tmp_path / "1", under="top/bob/").files == ("hw1.ipynb",)
    assert (tmp_path / "1/hw1.ipynb").read_bytes() == b"b"
    assert extract(archive, tmp_path / "2", under="top/c.zip").files == ("c.zip",)
    assert names(archive) == ("top/ann/hw1.ipynb", "top/bob/hw1.ipynb", "top/c.zip")


def test_archives_are_known_by_their_names():
    assert is_archive(Path("A.ZIP")) and is_archive(Path("a.tar.gz")) and is_archive(Path("a.tgz"))
    assert not is_archive(Path("a.ipynb"))


def _seed(tmp: Path) -> list[bytes]:
    entries = [("hw1/hw1.ipynb", b'{"cells": []}' * 20), ("../x", b"y"), (info("l", stat.S_IFLNK), b"/")]
    zipped = make_zip(tmp / "seed.zip", entries).read_bytes()
    tarred = make_tar(
        tmp / "seed.tar", [(tar_member("a.py"), b"x" * 700), (tar_member("b/c"), b"y")], "w"
    ).read_bytes()
    return [zipped, tarred, gzip.compress(tarred, mtime=0)]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(
    which=st.integers(0, 2),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), max_size=6),
    end=st.floats(0, 1),
)
def test_mutated_archives_raise_nothing_but_intake_errors(tmp_path_factory, which, cuts, end):
    tmp = tmp_path_factory.mktemp("fuzz")
    data = bytearray(_seed(tmp)[which])
    for place, new in cuts:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    if end > 0.5:
        data = data[: int(end * len(data))]
    (tmp / "a.zip").write_bytes(data)
    out = tmp / "box" / "out"
    try:
        result = extract(tmp / "a.zip", out, ArchiveLimits(entries=50, total_bytes=MB, entry_bytes=MB))
    except IntakeError as error:
        assert "\n  Next: " in str(error)
    else:
        assert all((out / name).is_file() for name in result.files)
    outside = [p for p in tmp.rglob("*") if not p.is_relative_to(out) and p.is_file()]
    assert {p.name for p in outside} <= {"a.zip", "seed.zip", "seed.tar"}


def test_a_stream_that_goes_on_is_cut_and_removed(tmp_path):
    entry = archive_module._Entry("a.bin", 10, "", False, lambda: io.BytesIO(bytes(MB)))
    spent, why = archive_module._write(entry, tmp_path / "a.bin", 100_000)
    assert "has more than the 0 MB that were left" in why and spent <= 200_000
    assert not (tmp_path / "a.bin").exists()
