"""Other places to grade in, as far as a sandbox can tell.

``python -m tests.autograder.sandbox.container [--no-landlock] CODE`` runs code in a container such as Docker
makes by default: root without namespaces or mounts. With ``--plain-user`` it is nobody, on an ordinary machine.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pyseccomp

from autograder.sandbox import bubblewrap, isolation

ROOT = Path(__file__).parents[3]
# chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod
# audit_write setfcap
DOCKER = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
REFUSED = ("unshare", "setns", "mount", "umount2", "pivot_root", "move_mount", "fsopen", "open_tree", "keyctl")
LANDLOCK = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")


def run(code: str, *options: str) -> str:
    """Run Python code in a container; return what it prints."""
    command = [sys.executable, "-m", "tests.autograder.sandbox.container", *options, code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_an_interpreter_for_all() -> None:
    """See the interpreter where everybody can read it, as on other machines."""
    isolation.unshare(isolation.NEWNS)
    isolation.own_mounts()
    isolation.open_ways(bubblewrap.interpreter_folders())
    os.chdir(ROOT)


def enter(*, landlock: bool) -> None:
    """Turn this process, which is root, into a container's first."""
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in REFUSED:
        rules.add_rule(pyseccomp.ERRNO(errno.EPERM), name)
    for name in () if landlock else LANDLOCK:
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), name)
    new_user = 0x10000000
    rules.add_rule(pyseccomp.ERRNO(errno.EPERM), "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, new_user, new_user))
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    rules.load()
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(41):
        if capability not in DOCKER:
            libc.prctl(24, capability, 0, 0, 0)
    low = sum(1 << capability for capability in DOCKER)
    assert libc.capset(struct.pack("Ii", 0x20080522, 0), struct.pack("6I", low, low, 0, 0, 0, 0)) == 0


if __name__ == "__main__":
    with_an_interpreter_for_all()
    if "--plain-user" in sys.argv:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    else:
        enter(landlock="--no-landlock" not in sys.argv)
    exec(compile(sys.argv[-1], "in a container", "exec"), {"__name__": "container"})
