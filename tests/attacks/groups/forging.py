"""Forging a verdict: exit codes, output, files of results, frames of the protocol, threads that go on."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import BLOCKED, CRASHED, FAILED, TIMED_OUT, Attack, Own

_ALL = '{"1.1": "PASSED", "1.2": "PASSED", "1.3": "PASSED"}'
_FORGED = f"VERDICT = '{_ALL}'\n"


def forging(tries: str, body: str, outcome: str = FAILED, **more: object) -> Attack:
    """Return an attack that tells a grader in the same process its verdict."""
    return Attack(tries, (Own.BOUNDARY,), bodies={"1.1": body}, expected={"1.1": outcome},
                  **{"above": _FORGED, **more})  # type: ignore[arg-type]  # fmt: skip


_ENDINGS = {
    "exit code": forging("leaves the process with exit code 0", "import os\nos._exit(0)", CRASHED, says="exit code 0"),
    "exit code and output": forging(
        "prints a verdict and leaves at once",
        "import os\nos.write(1, b'\\nGRADES ' + VERDICT.encode() + b'\\n4 passed in 0.01s\\n')\nos._exit(1)", CRASHED,
    ),
    "results file": forging(
        "writes the file of results and leaves at once",
        "import os\nopen('results.json', 'w').write(VERDICT)\nos._exit(1)", CRASHED,
    ),
    "results file, later": forging(
        "writes the file of results when the process ends",
        "import atexit\natexit.register(lambda: open('results.json', 'w').write(VERDICT))\nreturn 0 * x",
    ),
    "results file, by a thread": forging(
        "leaves a thread that writes the file of results when the grader has done so",
        """
import os, threading, time
def wait():
    for _ in range(200):
        time.sleep(0.01)
        if os.path.exists("results.json"):
            break
    open("results.json", "w").write(VERDICT)
threading.Thread(target=wait).start()
return 0 * x
""",
    ),
    "results file, by a signal": forging(
        "has a timer's signal write the file of results in the middle of the grader's work",
        """
import atexit, os, signal
def forge(*a):
    if os.path.exists("results.json"):
        open("results.json", "w").write(VERDICT)
        os._exit(1)
signal.signal(signal.SIGALRM, forge)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
atexit.register(forge)
return 0 * x
""",
    ),
    "the end of the session": forging(
        "ends pytest's session with success before anything is compared",
        "import pytest\npytest.exit('all done', returncode=0)",
    ),
    "while loading": Attack(
        "writes the file of results and leaves while the notebook is loaded", (Own.BOUNDARY,),
        above=_FORGED + "import os\nopen('results.json', 'w').write(VERDICT)\nos._exit(0)",
        bodies={"1.1": "return 0 * x"}, expected={"1.1": FAILED},
    ),
    "in a definition": Attack(
        "does the same in a definition's default, which is run even where only definitions are kept",
        (Own.BOUNDARY,),
        above=_FORGED + "import os\ndef f(x=[open('results.json', 'w').write(VERDICT), os._exit(0)]): pass",
        expected={"1.1": CRASHED},
    ),
}  # fmt: skip

# The frames of the worker that serves this call: the socket, the encoder, the id of the request.
INSIDE = """
import os, struct, sys, msgpack
def host():
    frame = sys._getframe()
    while frame is not None:
        if type(frame.f_locals.get("self")).__name__ == "Host":
            return frame.f_locals["self"]
        frame = frame.f_back
def now():
    return host()._requests[-1]
def raw(message):
    header = msgpack.packb(message)
    return struct.pack("<II", len(header), 0) + header
def send(data):
    while data:
        data = data[os.write(3, data):]
def reply(*message, buffers=()):
    from autograder.sandbox.codec import Frame
    encoder = host().encoder
    def forged(honest):
        del encoder.encode
        return Frame(msgpack.packb([13, honest[1], *message], strict_types=False), buffers)
    encoder.encode = forged
"""
BROKEN = (Defence.VIOLATIONS,)
GUESSED = (Defence.REQUEST_IDS, Defence.VIOLATIONS)


def frames(tries: str, body: str, *defences: Defence, outcome: str = BLOCKED, wins: str = "PASSED", **more: object) -> Attack:
    """Return an attack on the protocol; that it was let through shows in the outcome ``wins``."""
    own = {"above": INSIDE, "bodies": {"1.1": body}, "expected": {"1.1": outcome}, "wins": {"1.1": wins} if wins else {}}
    return Attack(tries, defences or BROKEN, **{**own, **more})  # type: ignore[arg-type]


_FRAMES = {
    "a reply of its own": frames(
        "writes a reply past the worker, which then answers too",
        "answer = x + x\nsend(raw([13, now(), answer.tolist()]))\nreturn 0 * x",
        points={"1.1": 1.0},  # the right answer is its own, and is counted once
    ),
    "guessed ids": frames(
        "answers the requests that it expects next, by small numbers",
        "for number in range(256):\n    send(raw([13, number, 0.0]))\nreturn x + x", *GUESSED, wins=FAILED,
    ),
    "ids that follow": frames(
        "answers, from a thread, the request whose id follows the one that it sees",
        """
import threading, time
if len(x) == 1:
    mine, requests = now(), host()._requests
    def answer():
        while requests[-1:] in ([], [mine]):  # until the next one is there
            time.sleep(0.002)
        send(raw([13, mine + 1, 0.0]))
    threading.Thread(target=answer, daemon=True).start()
else:
    time.sleep(1.0)
return x + x
""",
        *GUESSED, wins=FAILED, points={"1.1": 1.0},
    ),
    "a message of an unknown kind": frames(
        "sends a verdict as a message of its own kind",
        "send(raw([99, 1, 'PASSED', 4.0]))\nreturn x + x",
    ),
    "a callback to nobody": frames(
        "calls back an object that the grader never handed in",
        "send(raw([18, 1, now(), 7, 'step', [], {}]))\nreturn x + x",
    ),
    "a callback of another request": frames(
        "calls back under the id of a request that is over",
        "send(raw([18, 1, now() ^ 1, 1, 'step', [], {}]))\nreturn x + x",
    ),
    "a handle that is none": frames(
        "sends a reference to an object of the grader's",
        "mark = msgpack.ExtType(1, bytes([8]))\nsend(raw([13, now(), [mark, 'trusted', 1]]))\nreturn x + x",
    ),
    "no msgpack": frames(
        "sends bytes that are no message",
        "send(struct.pack('<II', 64, 0) + bytes([0xC1]) * 64)\nreturn x + x",
    ),
    "a pickle": frames(
        "sends a pickle where data belong",
        "import pickle\nsend(raw([13, now(), msgpack.ExtType(5, pickle.dumps(print))]))\nreturn x + x",
    ),
    "a thread that goes on": frames(
        "leaves a thread that answers whatever is asked",
        """
import threading, time
number = now()
def flood():
    for _ in range(2000):
        send(raw([13, number, 0.0]))
        time.sleep(0.001)
threading.Thread(target=flood, daemon=True).start()
time.sleep(0.05)
return x + x
""",
        wins=FAILED,
    ),
    "a frame that never ends": frames(
        "begins a frame and lets the grader wait",
        """
if len(x) == 1:
    import time
    frame = raw([99, 0, 0.0])
    send(frame[:12])
    time.sleep(7)
    send(frame[12:])
return x + x
""",
        Defence.WALL_LIMIT, Defence.VIOLATIONS, outcome=TIMED_OUT,
    ),
    "a report on another cell": frames(
        "reports while it is loaded that a cell failed which there is not", "return x + x",
        above=INSIDE + """
def setup():
    frame = sys._getframe()
    while frame is not None:
        if "number" in frame.f_locals and "stand_ins" in frame.f_locals:
            return frame.f_locals["number"]
        frame = frame.f_back
send(raw([11, setup(), "a cell of somebody else"]))
""",
        expected={}, wins="", won=lambda seen: "it broke the protocol" not in seen.findings,
    ),
}  # fmt: skip



def limits(tries: str, body: str) -> Attack:
    """Return an attack on the limits of a frame; what is let through is wrong, so that the question fails."""
    return frames(tries, f"{body}\nreturn x + x", Defence.FRAME_LIMITS, wins=FAILED)


_ARRAY = "mark = msgpack.ExtType(1, bytes([5]))\n"
_LIMITS = {
    "too many arrays": limits(
        "answers with more arrays than a frame may hold",
        _ARRAY + "reply([[mark, '|u1', None, 1]] * 20_000, buffers=(b'7',) * 20_000)",
    ),
    "too many items": limits("answers with a list of two million items", "reply([0] * 2_000_000)"),
    "too large": limits("answers with a text of nine megabytes", "reply('z' * (9 << 20))"),
    "too deep": limits(
        "answers with lists nested deeper than the grader looks",
        "deep = 0.0\nfor _ in range(60):\n    deep = [deep]\nreply(deep)",
    ),
    "a dtype with text": limits(
        "answers with an array of a dtype that may not cross",
        _ARRAY + "reply([mark, '<U2', b'6' + bytes(7), 1])",
    ),
    "colliding keys": limits(
        "answers with a set whose items all have one hash, so that building it takes ages",
        """
whole = msgpack.ExtType(1, bytes([4]))
items = [[whole, (k * (2**61 - 1)).to_bytes(16, "little")] for k in range(3000)]
reply([msgpack.ExtType(1, bytes([1])), *items])
""",
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_ENDINGS, **_FRAMES, **_LIMITS}
