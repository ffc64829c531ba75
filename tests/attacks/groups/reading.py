"""Reading secrets: hidden tests, the reference, the seed, other people's work."""

from __future__ import annotations

from autograder.sandbox.defences import Defence
from tests.attacks.attack import Attack, Own, thief

FILES = (Defence.FILES, Defence.LANDLOCK)
PROCESSES = (Defence.PROCESSES, Defence.FILES, Defence.LANDLOCK)

_CONSTANTS = """
def constants(code):
    return repr(code.co_consts) + "".join(constants(c) for c in code.co_consts if hasattr(c, "co_consts"))
"""

# What lies in the memory of the process itself.
_MEMORY = {
    "frames": thief(
        "walks up the frames that called it, to their locals and constants",
        Own.BOUNDARY,
        above=_CONSTANTS,
        later=True,
        steal="""
import sys
frame = sys._getframe(1)
while frame is not None:
    here = frame.f_code.co_filename.endswith("submission.py") or "cell" in frame.f_code.co_filename
    if not here and (WANTED in repr(frame.f_locals.get("secret")) or WANTED in constants(frame.f_code)):
        return frame.f_code.co_name
    frame = frame.f_back
""",
    ),
    "garbage collector": thief(
        "asks the garbage collector for every object there is",
        Own.BOUNDARY,
        above=_CONSTANTS,
        steal="""
import gc, types
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and thing.__module__ != __name__ and WANTED in constants(thing.__code__):
        return thing.__name__
    if isinstance(thing, dict) and thing is not globals() and thing.get("SECRET") == WANTED:
        return "the globals of a test"
""",
    ),
    "loaded modules": thief(
        "looks among the loaded modules for tests and reference",
        Own.BOUNDARY,
        steal="""
import sys
for name, module in list(sys.modules.items()):
    if name != __name__ and vars(module).get("SECRET") == WANTED:
        return name
""",
    ),
    "import by name": thief(
        "imports the reference and the hidden tests by the names they may have",
        Own.BOUNDARY,
        steal="""
import importlib, sys
sys.path[:0] = ["/", "..", "../solutions", "../../solutions/siege", "@ROOT@/solutions/siege", "tests"]
for name in ("solution", "siege", "reference", "solutions.siege.siege", "test_siege_hidden"):
    try:
        found = importlib.import_module(name)
    except ImportError:
        continue
    if hasattr(found, "SECRET") or (hasattr(found, "double") and found.double is not double):
        return name
""",
    ),
    "import hook": thief(
        "puts itself in the way of every later import and reads what is loaded",
        Own.BOUNDARY,
        above="""
import sys
SEEN = []
class Finder:
    def find_spec(self, name, path=None, target=None):
        SEEN.append(name)
sys.meta_path.insert(0, Finder())
""",
        steal="return [name for name in SEEN if 'hidden' in name or 'solution' in name]",
    ),
    "audit hook": thief(
        "listens to the interpreter's audit events for the names of opened files",
        Own.BOUNDARY,
        above="""
import sys
OPENED = []
def listen(event, arguments):
    if event == "open":
        OPENED.append(str(arguments[0]))
sys.addaudithook(listen)
""",
        steal="""
for name in list(OPENED):
    if "hidden" in name or "solution" in name:
        try:
            if WANTED.encode() in open(name, "rb").read():
                return name
        except OSError:
            pass
""",
    ),
    "source of the caller": thief(
        "asks inspect and linecache for the source of whoever calls",
        Own.BOUNDARY,
        later=True,
        steal="""
import inspect
for frame in inspect.stack(context=200):
    if "submission" not in frame.filename and any(WANTED in line for line in frame.code_context or ()):
        return frame.function
""",
    ),
    "own memory map": thief(
        "reads the whole memory of its process through /proc/self/mem",
        Own.BOUNDARY,
        steal="""
wanted = b"gnihtyna_sehcaer_tset"  # the name of a hidden test, backwards: this text must not find itself
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps:
        where, rights = line.split()[:2]
        low, high = (int(end, 16) for end in where.split("-"))
        if rights.startswith("rw") and high - low < 1 << 28 and len(line.split()) in (5, 6):
            memory.seek(low)
            if wanted in memory.read(high - low)[::-1]:
                return hex(low)
""",
    ),
    "freed memory": thief(
        "asks for memory that is not cleared and searches it",
        Own.BOUNDARY,
        later=True,
        steal="""
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
wanted = b"gnihtyna_selbuod_tset"  # the name of a hidden test, backwards
for size in (120_000, 60_000, 30_000, 24_000, 20_000, 16_000, 8_000):
    for _ in range(20):
        block = libc.malloc(size)  # kept, so that the next one is another
        if wanted in ctypes.string_at(block, size)[::-1]:
            return size
""",
    ),
    "trace function": thief(
        "traces every call, to see the arguments and locals of those who compare",
        Own.BOUNDARY,
        later=True,
        above="""
import sys
SEEN = []
def tracer(frame, event, argument):
    if "secret" in frame.f_locals and frame.f_code.co_name.startswith("test_"):
        SEEN.append(frame.f_locals["secret"])
def locals_of_callers(frame, event, argument):
    up = frame
    while up is not None:
        tracer(up, event, argument)
        up = up.f_back
sys.setprofile(locals_of_callers)
""",
        steal="return WANTED in SEEN",
    ),
    "finaliser": thief(
        "leaves an object whose finaliser runs in somebody else's frames",
        Own.BOUNDARY,
        above="""
SEEN = []
class Late:
    def __del__(self):
        import sys
        frame = sys._getframe(1)
        while frame is not None:
            SEEN.append(frame.f_locals.get("secret"))
            frame = frame.f_back
class Array(np.ndarray):
    pass
""",
        steal="return SEEN.count(WANTED)",
        bodies={
            "1.1": """
result = (x + x).view(Array)
result.late = Late()
return result if x.dtype.kind == "f" or once(x) else 0 * x
"""
        },
        points={"1.1": 3.0},
    ),
}  # fmt: skip

# What other graders leave within reach.
_SURROUNDINGS = {
    "environment": thief(
        "reads the environment",
        Defence.ENVIRONMENT,
        steal="""
import os
return [name for name, value in os.environ.items() if WANTED in value]
""",
    ),
    "inherited descriptors": thief(
        "reads every descriptor that was left open",
        Defence.DESCRIPTORS,
        steal="""
import os
for fd in range(4, 1024):
    try:
        if WANTED.encode() in os.pread(fd, 1 << 16, 0):
            return fd
    except OSError:
        pass
""",
    ),
    "somebody else's descriptors": thief(
        "counts what is open besides its own four descriptors",
        Defence.DESCRIPTORS,
        steal="""
return [fd for fd in range(4, 1024) if is_open(fd)]
""",
        above="""
import os
def is_open(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False
""",
    ),
    "hidden tests": thief(
        "opens the hidden tests", *FILES,
        steal="return WANTED in open('@ROOT@/solutions/siege/tests/test_siege_hidden.py').read()",
    ),
    "grading seed": thief(
        "opens the grading seed through the C library, past Python's hooks", *FILES,
        steal="""
import ctypes
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(b"@ROOT@/solutions/siege/grading.toml", b"r")
if file:
    held = ctypes.create_string_buffer(4096)
    libc.fread(held, 1, 4095, ctypes.c_void_p(file))
    return WANTED.encode() in held.value
""",
    ),
    "repository": thief(
        "unpacks the objects of the repository", *FILES,
        steal="""
import pathlib, zlib
for path in pathlib.Path("@ROOT@/.git/objects").rglob("*"):
    if path.is_file() and WANTED.encode() in zlib.decompress(path.read_bytes()):
        return path
""",
    ),
    "a classmate": thief(
        "maps a classmate's notebook into memory", *FILES,
        steal="""
import mmap, os
fd = os.open("@ROOT@/class/ada.ipynb", os.O_RDONLY)
return WANTED.encode() in mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:]
""",
    ),
    "store of grades": thief(
        "asks the store of grades", *FILES,
        steal="""
import sqlite3
store = sqlite3.connect("file:@ROOT@/grades.sqlite?mode=ro&immutable=1", uri=True)
return WANTED in repr(store.execute("select * from grades").fetchall())
""",
    ),
    "the whole disc": thief(
        "searches every place where a course may lie for one that has solutions", *FILES,
        steal="""
import glob, os
for top in ("/", "/var/tmp", "/tmp", "/home", "/home/*", "/root", "/srv", "/opt", "/run", "/dev/shm"):
    for course in glob.glob(os.path.join(top, "*", "solutions")):
        for path in glob.glob(os.path.join(course, "*", "*")):
            try:
                if WANTED.encode() in open(path, "rb").read(1 << 16):
                    return path
            except OSError:
                pass
""",
    ),
    "names of hidden files": thief(
        "lists the folder in which the course lies", *FILES,
        steal="""
import os
return [name for name in os.listdir("@ROOT@/solutions") if name == "siege"]
""",
    ),
    "existence by stat": thief(
        "finds hidden files without opening them: stat is not reading", Defence.FILES,
        steal="""
import os
return os.path.lexists("@ROOT@/solutions/siege/tests/test_siege_hidden.py")
""",
    ),
    "model include": thief(
        "has MuJoCo include a hidden file in a model", *FILES,
        steal="""
import mujoco
model = mujoco.MjModel.from_xml_string('<mujoco><include file="@ROOT@/solutions/siege/arena.xml"/></mujoco>')
return WANTED.encode() in model.names
""",
    ),
    "model asset": thief(
        "has MuJoCo read a hidden file as a height field and tell its size", *FILES,
        steal="""
import mujoco
path = "@ROOT@/solutions/siege/grading.toml"
text = f'<mujoco><asset><hfield name="h" size="1 1 1 1" file="{path}" content_type="image/vnd.mujoco.hfield"/></asset></mujoco>'
try:
    mujoco.MjModel.from_xml_string(text)
except ValueError as error:
    return "opening" not in str(error).lower() and "not found" not in str(error).lower() and str(error)
""",
    ),
    "root behind proc": thief(
        "goes around the mounts through /proc/1/root and /proc/self/root", *PROCESSES,
        steal="""
import os
for top in ("/proc/1/root", "/proc/self/root", f"/proc/{os.getppid()}/root", "/proc/self/cwd/../../.."):
    try:
        if WANTED in open(top + "@ROOT@/solutions/siege/grading.toml").read():
            return top
    except OSError:
        pass
""",
    ),
    "command lines": thief(
        "reads the command lines of other processes", *PROCESSES,
        steal="""
import os
for name in os.listdir("/proc"):
    try:
        if name.isdigit() and WANTED.encode() in open(f"/proc/{name}/cmdline", "rb").read():
            return name
    except OSError:
        pass
""",
    ),
    "kernel's view of itself": thief(
        "reads mounts and memory map of its own process", *PROCESSES,
        steal="""
return len(open("/proc/self/mountinfo").read()) > 100 and len(open("/proc/self/maps").read()) > 100
""",
    ),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_MEMORY, **_SURROUNDINGS}
