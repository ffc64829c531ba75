"""Feedback: hidden inputs smuggled out to the student, and pages and tables that act on whoever opens them."""

from __future__ import annotations

from tests.attacks.attack import (
    BLOCKED,
    CRASHED,
    FAILED,
    TIMED_OUT,
    Attack,
    Own,
    code_cell,
    markdown_cell,
)
from tests.attacks.evidence import LEAK, Evidence
from tests.attacks.groups.forging import INSIDE

ONCE = {"1.1": 1.0}


def _leaked(seen: Evidence) -> bool:
    return LEAK in seen.told_students


def leaking(tries: str, body: str, outcome: str = FAILED, above: str = "", **more: object) -> Attack:
    """Return an attack that tells a hidden input, once it has one; the public check is passed."""
    code = f"if len(x) == 1:\n    return x + x\nleak = ''.join(('LE', 'AK_', str(int(x[0]))))\n{body.strip()}"
    own: dict[str, object] = {
        "above": above, "bodies": {"1.1": code}, "expected": {"1.1": outcome}, "points": ONCE, "won": _leaked,
    }  # fmt: skip
    return Attack(tries, (Own.WITHHELD,), **{**own, **more})  # type: ignore[arg-type]


def _shown(*words: str) -> object:
    """Return a predicate: these words, which stand for an input, are shown to students."""
    return lambda seen: all(word in seen.told_students for word in words)


_LEAKS = {
    "an exception's text": leaking("raises an exception whose text is the input", "raise ValueError(leak)"),
    "an exception's kind": leaking("raises an exception whose name is the input", "raise type(leak, (Exception,), {})()"),
    "a line number": leaking(
        "raises at a line whose number is the input",
        "code = compile('\\n' * 7410 + 'raise ValueError', 'cell 4', 'exec')\nexec(code, {})",
        won=_shown("7411"),
    ),
    "a kind of exception": leaking("chooses by the input which exception it raises", "raise BufferError", won=_shown("BufferError")),
    "a function's name": leaking(
        "loops in a function whose name is the input",
        "code = compile(f'def {leak}():\\n    while True: pass', 'cell 4', 'exec')\nexec(code)\neval(leak)()", TIMED_OUT,
    ),
    "a hole to fill": leaking(
        "names the input as a hole that is yet to write", "raise NotImplementedError(f'9.9 {leak} is yours to write')",
    ),
    "an exit code": leaking("leaves with the input as its exit code", "import os\nos._exit(217)", CRASHED, won=_shown("217")),
    "a signal": leaking("chooses the signal by which it dies", "import os, signal\nsignal.raise_signal(signal.SIGUSR2)\nos.abort()",
                        f"{CRASHED}|{TIMED_OUT}", won=lambda seen: _shown("SIGUSR2")(seen) or _shown("SIGABRT")(seen)),
    "a broken frame": leaking(
        "breaks the protocol so that the complaint quotes the input",
        "reply([msgpack.ExtType(1, bytes([5])), leak, b'', 0])\nreturn x + x", BLOCKED, above=INSIDE,
    ),
    "a trusted refusal": Attack(
        "hands the grader's object an argument whose refusal quotes the input", (Own.WITHHELD,),
        bodies={"1.2": "goal = env.reset()[1]\nif goal == 4:\n    for _ in range(4):\n        env.step(1)\n    return 4\nenv.step(**{''.join(('LE', 'AK', str(-goal))): 1})"},
        expected={"1.2": FAILED}, points={"1.2": 1.0}, won=_leaked,
    ),
    "the budget's words": Attack(
        "raises the grader's own exception with words of its own", (Own.WITHHELD,),
        bodies={"1.2": """
goal = env.reset()[1]
if goal == 4:
    for _ in range(4):
        env.step(1)
    return 4
class BudgetSpent(Exception):
    pass
raise BudgetSpent(''.join(('LE', 'AK', str(goal))))
"""},
        expected={"1.2": FAILED}, points={"1.2": 1.0}, won=_leaked,
    ),
    "a measured value": Attack(
        "answers so that what was measured spells the input digit by digit", (Own.WITHHELD,),
        bodies={"1.3": "return 4.0 if len(x) == 2 else 1900.27182818"}, expected={"1.3": FAILED},
        points={"1.3": 1.0}, won=_shown("1900.27182818"),
    ),
    "a picture": Attack(
        "answers so that what the hidden test attaches shows the input", (Own.WITHHELD,),
        bodies={"1.3": "return 4.0 if len(x) == 2 else 1900.31415926"}, expected={"1.3": FAILED},
        points={"1.3": 1.0}, won=lambda seen: "the guess: 1900.31415926" in seen.told_students,
    ),
}  # fmt: skip


def _scripts(seen: Evidence) -> bool:
    return bool(seen.scripts)


def _formulas(seen: Evidence) -> bool:
    return bool(seen.formulas)


def _turned(seen: Evidence) -> bool:
    return "\u202e" in "".join(seen.pages.values())


def page(tries: str, won: object = _scripts, **more: object) -> Attack:
    """Return an attack on whoever opens a page."""
    return Attack(tries, (Own.ESCAPING,), won=won, **more)  # type: ignore[arg-type]


def text(source: str) -> object:
    """Return what adds a text cell to a notebook."""
    return lambda data: data["cells"].append(markdown_cell(source))


def output(**shown: object) -> object:
    """Return what adds a cell with an output to a notebook."""
    return lambda data: data["cells"].append(code_cell("x = 1", outputs=[shown]))


_PAGES = {
    "an exception with a script": page(
        "raises an exception that holds a script", bodies={"1.1": "raise ValueError('<script>alert(1)</script>')"},
        expected={"1.1": FAILED},
    ),
    "a class with a script": page(
        "raises an exception whose class is named as a script",
        above="class Spoof(Exception): pass\nSpoof.__name__ = '</td><script>alert(1)</script>'",
        bodies={"1.1": "raise Spoof"}, expected={"1.1": FAILED},
    ),
    "a text with a script": page("writes a script into a text cell", notebook=text("<script>alert(1)</script>")),
    "a handler": page("writes a picture that fails, with a handler", notebook=text("<img src=x onerror=alert(1)>")),
    "a link": page("writes a link that is a script", notebook=text("<a href='javascript:alert(1)'>my answer</a>")),
    "a data link": page("writes a link to a page within the link", notebook=text("<a href='data:text/html,<b>x</b>'>plot</a>")),
    "a picture from afar": page("fetches a picture, so as to see who reads the page", notebook=text("<img src='https://example.org/seen.png'>")),
    "printed markup": page(
        "prints markup into an output", notebook=output(output_type="stream", name="stdout", text="</pre><script>alert(1)</script>"),
    ),
    "a traceback that is a page": page(
        "hands in a traceback that is a page of its own",
        notebook=output(output_type="error", ename="E", evalue="", traceback=["</pre><iframe src=x></iframe>"]),
    ),
    "a person with a script": page("is called a script", name="<script>alert(1)<"),
    "a file with a script": page(
        "names a file as a script, which the findings quote",
        files={"<img src=x onerror=alert(1)>.zip": b"PK"},
    ),
    "a formula": page("writes a formula that holds a script", notebook=text(r"$\text{<script>alert(1)</script>}$")),
    "colours": page(
        "moves the terminal's cursor over its mark", lambda seen: "\x1b[" in seen.pages["feedback.txt"],
        bodies={"1.1": "raise ValueError('\\x1b[2J\\x1b[H1.1 Double: 4 of 4, passed')"}, expected={"1.1": FAILED},
    ),
    "text backwards": page(
        "raises an exception whose text is shown in another order than it is written", _turned,
        bodies={"1.1": "raise ValueError('\\u202etnialp')"}, expected={"1.1": FAILED},
    ),
    "code backwards": page(
        "writes code that a reader sees in another order than it runs", _turned,
        bodies={"1.1": "# \u202e } \u2066 the sum is right \u2069 \u2066\nreturn x + x"},
    ),
    "a sum": page("is called a sum, which a spreadsheet computes", _formulas, name="=1+1"),
    "a call": page("is called a function of a spreadsheet", _formulas, name="@SUM(A1)"),
    "a negative sum": page("is called a negative sum", _formulas, name="-1+cmd|' "),
}  # fmt: skip

ATTACKS: dict[str, Attack] = {**_LEAKS, **_PAGES}
