"""A student's notebook as an HTML fragment, with scores beside its cells.

nbconvert's filters render the cells; what a student wrote is sanitised, and the page that holds the fragment
forbids scripts, so that a notebook cannot act on whoever opens the page. Mathematics becomes MathML, which
browsers show without a script or a network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from html import escape, unescape
from typing import Any
from xml.etree import ElementTree

from autograder.reports.wording import plain

MAX_OUTPUT_CHARACTERS = 8_000
MAX_IMAGE_CHARACTERS = 600_000
MAX_CELLS = 500
MAX_SOURCE_CHARACTERS = 100_000


class UnreadableNotebook(ValueError):
    """The notebook cannot be shown; grading has said why already."""


def notebook_fragment(notebook: bytes, badges: Mapping[str, str], hole_cells: Mapping[str, str]) -> str:
    """Render a notebook; put a badge above each cell that a question is about.

    Args:
        notebook: the student's .ipynb.
        badges: question id to ready HTML.
        hole_cells: cell id to question id, from the starter notebook; a cell with another id is known by its
            own metadata.

    Returns:
        HTML to stand inside the feedback page.

    Raises:
        UnreadableNotebook: the notebook is damaged.
    """
    try:
        raw = json.loads(notebook.decode("utf-8-sig"))
        return "\n".join(_parts(raw, badges, hole_cells))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableNotebook(type(error).__name__) from error


def _parts(raw: Any, badges: Mapping[str, str], hole_cells: Mapping[str, str]) -> Iterator[str]:
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise ValueError("no cells")
    for cell in raw["cells"][:MAX_CELLS]:
        if not isinstance(cell, dict):
            continue
        source = _visible(_text(cell.get("source", ""))[:MAX_SOURCE_CHARACTERS])
        question = hole_cells.get(str(cell.get("id", ""))) or _question_named(cell)
        if question in badges:
            yield badges[question]
        if cell.get("cell_type") == "markdown":
            yield _markdown(source)
        elif cell.get("cell_type") == "code":
            yield _code(source)
            outputs = cell.get("outputs")
            yield from (_output(o) for o in (outputs[:50] if isinstance(outputs, list) else ()))
        else:
            yield f"<pre>{escape(source)}</pre>"


_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _visible(source: str) -> str:
    """Write out characters that turn the direction of text: code must read as it runs (arXiv:2111.00169)."""
    return _DIRECTIONS.sub(lambda match: f"[U+{ord(match[0]):04X}]", source)


_TAGS = frozenset(
    {
        "a",
        "b",
        "blockquote",
        "br",
        "code",
        "del",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
    }
    | {
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    }
)
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*\Z")
_ANCHOR = re.compile(r'<a class="anchor-link"[^>]*>[^<]*</a>')


# Most cells of a class are the starter's own, so each text is rendered once.
@lru_cache(maxsize=4096)
def _markdown(source: str) -> str:
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    html: str = _cleaner().clean(_ANCHOR.sub("", markdown2html_mistune(source)))
    return f"<div class='text'>{_with_mathml(html)}</div>"


@lru_cache(maxsize=1)
def _cleaner() -> Any:
    from bleach.sanitizer import Cleaner

    return Cleaner(
        tags=_TAGS, attributes={"a": _is_address, "img": _is_picture}, protocols=["https", "http", "data"]
    )


def _is_address(tag: str, name: str, value: str) -> bool:
    return name == "href" and not value.lower().lstrip().startswith("data:")


def _is_picture(tag: str, name: str, value: str) -> bool:
    """Tell whether an image's attribute may stay: pictures inside the notebook, none that is fetched."""
    return name == "alt" or (name == "src" and _PICTURE.match(value) is not None)


@lru_cache(maxsize=4096)
def _code(source: str) -> str:
    from nbconvert.filters.highlight import Highlight2HTML

    html: str = Highlight2HTML(pygments_lexer="python3")(source)
    return html


def _output(output: Any) -> str:
    """Render what is text or a PNG, cut to size; HTML, scripts and widgets are left out."""
    if not isinstance(output, dict):
        return ""
    if output.get("output_type") == "stream":
        return _output_text(_text(output.get("text", "")))
    if output.get("output_type") == "error":
        return _output_text(_text(output.get("traceback", "")))
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    png = _text(data.get("image/png", "")).replace("\n", "")
    if png and len(png) <= MAX_IMAGE_CHARACTERS and re.fullmatch(r"[A-Za-z0-9+/=]+", png):
        return f'<img alt="output" src="data:image/png;base64,{png}">'
    return _output_text(_text(data.get("text/plain", "")))


def _output_text(text: str) -> str:
    return f"<pre class='output'>{escape(plain(text, MAX_OUTPUT_CHARACTERS))}</pre>" if text else ""


def _question_named(cell: dict[str, Any]) -> str:
    metadata = cell.get("metadata")
    own = metadata.get("robolearn") if isinstance(metadata, dict) else None
    if isinstance(own, dict) and own.get("kind") in ("hole", "written"):
        questions = own.get("questions")
        if isinstance(questions, list) and questions and isinstance(questions[0], str):
            return questions[0]
    return ""


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(v for v in value if isinstance(v, str))
    return value if isinstance(value, str) else ""


_MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\w)", re.S)
_CODE = re.compile(r"""(<pre.*?</pre>|<code.*?</code>|<(?:"[^"]*"|'[^']*'|[^'">])*>)""", re.S)
# Attributes of MathML that lay formulas out; what links, styles or names would act for the student.
_LAYOUT = frozenset((
    "accent", "columnalign", "columnlines", "columnspacing", "columnspan", "depth", "display", "displaystyle",
    "fence", "form", "height", "largeop", "linethickness", "lspace", "mathsize", "mathvariant", "maxsize",
    "minsize", "movablelimits", "notation", "rowlines", "rowspacing", "rspace", "scriptlevel", "separator",
    "stretchy", "symmetric", "voffset", "width", "xmlns",
))  # fmt: skip


def _with_mathml(html: str) -> str:
    """Replace TeX between dollars by MathML, in texts alone: not in code, not inside a tag."""
    parts = _CODE.split(html)
    return "".join(part if i % 2 else _MATH.sub(_mathml, part) for i, part in enumerate(parts))


@lru_cache(maxsize=4096)
def _convert(tex: str, display: str) -> str | None:
    from latex2mathml.converter import convert_to_element

    try:
        element = convert_to_element(tex, display=display)
        for node in element.iter():
            if not re.fullmatch(r"m[a-z]+", node.tag):
                return None
            # The converter writes some characters as references; as characters they are escaped again.
            node.text, node.tail = (text and unescape(text) for text in (node.text, node.tail))
            for name in set(node.attrib) - _LAYOUT:
                del node.attrib[name]
        return ElementTree.tostring(element, encoding="unicode")
    except Exception:  # any TeX that the converter does not know stays as it was written
        return None


def _mathml(match: re.Match[str]) -> str:
    tex = unescape(match.group(1) or match.group(2))
    if len(tex) > 4000:
        return match.group(0)
    return _convert(tex, "block" if match.group(1) else "inline") or match.group(0)
