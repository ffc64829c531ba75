"""The panel as HTML: inline styles only, no script, legible on light and dark pages.

Text takes the page's own colour; tints are translucent; only badges have a background of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from autograder.results import Outcome, TestResult
from autograder.testing.checking import QuestionCheck
from autograder.testing.panel import is_calm, number, remark, score, standing, word

_GREEN, _RED, _AMBER, _GREY, _BLUE = "#1a7f4b", "#c2373f", "#a86400", "#6b7280", "#2f6fb5"
_COLOURS = {
    Outcome.PASSED: _GREEN,
    Outcome.FAILED: _RED,
    Outcome.NOT_ATTEMPTED: _GREY,
    Outcome.AWAITING_TA: _BLUE,
    Outcome.GRADER_ERROR: _AMBER,
}
_SIGNS = {Outcome.PASSED: "✓", Outcome.NOT_ATTEMPTED: "○", Outcome.AWAITING_TA: "✎"}
_TINTS = {
    _GREEN: "26,127,75",
    _RED: "194,55,63",
    _AMBER: "168,100,0",
    _GREY: "107,114,128",
    _BLUE: "47,111,181",
}
_FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:14px;line-height:1.5;"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px;line-height:1.45;"
_PRE = (
    f"{_MONO}margin:6px 0 0;padding:8px 11px;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;"
    "color:inherit;border:0;"
)
_MUTED = "opacity:.72;"


def as_html(checks: Sequence[QuestionCheck], seen: tuple[float, float]) -> str:
    """Write the whole panel as one HTML fragment."""
    if len(checks) == 1:
        body = _question(checks[0])
        colour = _colour(checks[0].outcome)
    else:
        body = "".join(_row(check) for check in checks)
        bad = [check for check in checks if not is_calm(check)]
        todo = any(check.outcome is Outcome.NOT_ATTEMPTED for check in checks)
        colour = _colour(bad[0].outcome) if bad else _GREY if todo else _GREEN
    return _frame(body + _footer(checks, seen), colour)


def trouble_as_html(message: str) -> str:
    """Write why nothing could be checked."""
    badge = _badge("nothing checked", _AMBER)
    pre = f'<pre style="{_PRE}background:rgba({_TINTS[_AMBER]},.12);">{escape(message)}</pre>'
    return _frame(f"<div>{badge}</div>{pre}", _AMBER)


def _frame(body: str, colour: str) -> str:
    return (
        f'<div style="{_FONT}color:inherit;max-width:820px;margin:4px 0;padding:11px 16px 10px;'
        f'border-radius:8px;border:1px solid rgba(128,128,128,.35);border-left:5px solid {colour};">'
        f"{body}</div>"
    )


def _footer(checks: Sequence[QuestionCheck], seen: tuple[float, float]) -> str:
    left = remark(checks[0]) if len(checks) == 1 else ""
    share = 100 * seen[0] / seen[1] if seen[1] else 0.0
    bar = (
        '<span style="display:inline-block;vertical-align:middle;width:90px;height:6px;margin-right:8px;'
        'border-radius:3px;overflow:hidden;background:rgba(128,128,128,.3);">'
        f'<span style="display:block;height:6px;width:{share:.0f}%;background:{_GREEN};"></span></span>'
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:4px 20px;justify-content:space-between;margin-top:10px;'
        'padding-top:8px;border-top:1px solid rgba(128,128,128,.25);font-size:12.5px;">'
        f'<span>{bar}<span style="{_MUTED}">{escape(standing(seen))}</span></span>'
        f'<span style="{_MUTED}">{escape(left)}</span></div>'
    )


def _head(check: QuestionCheck) -> str:
    question = check.question
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:4px 10px;align-items:center;">'
        f"{_badge(word(check), _colour(check.outcome))}"
        f'<span style="font-weight:650;">{escape(question.id)}</span>'
        f'<span style="font-weight:600;">{escape(question.title)}</span>'
        f'<span style="{_MONO}{_MUTED}">{escape(question.name)}</span>'
        f'<span style="margin-left:auto;white-space:nowrap;{_MUTED}">{escape(score(check))}</span></div>'
    )


def _question(check: QuestionCheck) -> str:
    tests = "".join(_test(test, calm=check.outcome is Outcome.NOT_ATTEMPTED) for test in check.tests)
    words = ""
    if check.outcome is Outcome.NOT_ATTEMPTED:
        calm = "Nothing is wrong: the hole is still empty. It will be asked:"
        words = f'<div style="margin-top:6px;{_MUTED}">{calm}</div>'
    elif not check.tests:
        words = f'<div style="margin-top:6px;{_MUTED}">There is nothing to run here.</div>'
    return _head(check) + words + tests


def _row(check: QuestionCheck) -> str:
    inner = _head(check) if is_calm(check) else _question(check)
    return f'<div style="padding:7px 0;border-bottom:1px solid rgba(128,128,128,.18);">{inner}</div>'


def _test(test: TestResult, *, calm: bool) -> str:
    colour = _colour(test.outcome)
    sign = _SIGNS.get(test.outcome, "✗")
    points = f"{number(test.points)} of {number(test.possible)}"
    line = (
        '<div style="display:flex;gap:9px;margin-top:7px;">'
        f'<span style="color:{colour};font-weight:700;filter:saturate(1.2) brightness(1.25);">{sign}</span>'
        f'<span style="flex:1;">{escape(test.title)}</span>'
        f'<span style="white-space:nowrap;{_MUTED}">{points}</span></div>'
    )
    if calm:
        return line
    return line + f'<div style="margin-left:21px;">{"".join(_why(test, colour))}</div>'


def _why(test: TestResult, colour: str) -> list[str]:
    """Write got against expected, the hint, the student's own error, and the check itself."""
    parts = []
    tint = f"background:rgba({_TINTS[colour]},.11);"
    if test.measured:
        parts.append(f'<div style="{_MUTED}">Measured: {escape(test.measured)}</div>')
    if test.outcome is Outcome.PASSED:
        return parts
    if test.message:
        parts.append(_message(test.message, tint))
    if test.student_error:
        parts.append(f'<pre style="{_PRE}{tint}">{escape(test.student_error)}</pre>')
    if test.hint:
        parts.append(f'<div style="margin-top:6px;"><b>Hint</b> {escape(test.hint)}</div>')
    if test.detail and not test.hidden:
        grey = "background:rgba(128,128,128,.11);"
        parts.append(
            f'<details style="margin-top:5px;"><summary style="cursor:pointer;font-size:12.5px;{_MUTED}">'
            f'The check itself</summary><pre style="{_PRE}{grey}">{escape(test.detail)}</pre></details>'
        )
    return parts


def _message(message: str, tint: str) -> str:
    """Set the sentence in prose and the comparison under it in columns."""
    first, *rest = message.splitlines()
    sentence = f'<div style="margin-top:2px;">{escape(first)}</div>'
    if not rest:
        return sentence
    return (
        sentence
        + f'<pre style="{_PRE}{tint}">{escape(chr(10).join(line.removeprefix("  ") for line in rest))}</pre>'
    )


def _badge(words: str, colour: str) -> str:
    return (
        f'<span style="display:inline-block;padding:1px 9px;border-radius:10px;background:{colour};'
        f'color:#fff;font-size:12px;font-weight:600;white-space:nowrap;">{escape(words)}</span>'
    )


def _colour(outcome: Outcome) -> str:
    return _COLOURS.get(outcome, _RED)
