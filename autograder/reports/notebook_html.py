"""A student's notebook as an HTML fragment, with scores beside its cells.

nbconvert renders the cells; what a student wrote is sanitised, and the page that holds the fragment forbids
scripts, so that a notebook cannot act on whoever opens the page. Mathematics becomes MathML, which browsers
show without a script or a network.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from html import unescape
from typing import Any

MAX_OUTPUT_CHARACTERS = 20_000
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
        hole_cells: cell id to question id, from the starter notebook; cells without a known id are matched by
            the function that the starter's hole names.

    Returns:
        HTML to stand inside the feedback page.
    """
    import nbformat

    try:
        raw = json.loads(notebook.decode("utf-8-sig"))
        cells, tokens = _tamed_cells(raw, badges, hole_cells)
        node = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
        body, _ = _exporter().from_notebook_node(node)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadableNotebook(type(error).__name__) from error
    body = _with_mathml(body)
    for token, badge in tokens.items():
        body = body.replace(f"<p>{token}</p>", badge).replace(token, badge)
    return body


@lru_cache(maxsize=1)
def _exporter() -> Any:
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HTMLExporter.preprocessors = []
    config.HTMLExporter.sanitize_html = True
    config.SanitizeHTML.enabled = True
    return HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True, config=config
    )


def _tamed_cells(
    raw: Any, badges: Mapping[str, str], hole_cells: Mapping[str, str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise ValueError("no cells")
    cells: list[dict[str, Any]] = []
    tokens: dict[str, str] = {}
    for i, cell in enumerate(raw["cells"][:MAX_CELLS]):
        if not isinstance(cell, dict):
            continue
        source = _text(cell.get("source", ""))[:MAX_SOURCE_CHARACTERS]
        question = hole_cells.get(str(cell.get("id", ""))) or _question_named(cell)
        if question in badges:
            token = f"badge{secrets.token_hex(8)}"
            tokens[token] = badges[question]
            cells.append({"cell_type": "markdown", "id": f"badge-{i}", "metadata": {}, "source": token})
        cells.append(_tamed_cell(cell, source, f"cell-{i}"))
    return cells, tokens


def _tamed_cell(cell: dict[str, Any], source: str, cell_id: str) -> dict[str, Any]:
    if cell.get("cell_type") != "code":
        kind = "markdown" if cell.get("cell_type") == "markdown" else "raw"
        return {"cell_type": kind, "id": cell_id, "metadata": {}, "source": source}
    outputs = [
        o for o in (_tamed_output(o) for o in cell.get("outputs", [])[:50] if isinstance(o, dict)) if o
    ]
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": outputs,
    }


def _tamed_output(output: dict[str, Any]) -> dict[str, Any] | None:
    """Keep what is text or a PNG, cut to size; HTML, scripts and widgets are left out."""
    if output.get("output_type") == "stream":
        text = _text(output.get("text", ""))[:MAX_OUTPUT_CHARACTERS]
        return {"output_type": "stream", "name": "stdout", "text": text}
    if output.get("output_type") == "error":
        trace = re.sub(r"\x1b\[[0-9;]*m", "", _text(output.get("traceback", "")))
        return {"output_type": "stream", "name": "stderr", "text": trace[:MAX_OUTPUT_CHARACTERS]}
    data = output.get("data")
    if not isinstance(data, dict):
        return None
    png = _text(data.get("image/png", "")).replace("\n", "")
    if png and len(png) <= MAX_IMAGE_CHARACTERS and re.fullmatch(r"[A-Za-z0-9+/=]+", png):
        return {"output_type": "display_data", "metadata": {}, "data": {"image/png": png}}
    text = _text(data.get("text/plain", ""))[:MAX_OUTPUT_CHARACTERS]
    return {"output_type": "display_data", "metadata": {}, "data": {"text/plain": text}} if text else None


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
_CODE = re.compile(r"(<pre.*?</pre>|<code.*?</code>|<img[^>]*>)", re.S)


def _with_mathml(html: str) -> str:
    """Replace TeX between dollars by MathML, outside code."""
    parts = _CODE.split(html)
    return "".join(part if i % 2 else _MATH.sub(_mathml, part) for i, part in enumerate(parts))


@lru_cache(maxsize=4096)
def _convert(tex: str, display: str) -> str | None:
    from latex2mathml.converter import convert

    try:
        return convert(tex, display=display)
    except Exception:  # any TeX that the converter does not know stays as it was written
        return None


def _mathml(match: re.Match[str]) -> str:
    tex = unescape(match.group(1) or match.group(2))
    if len(tex) > 4000:
        return match.group(0)
    return _convert(tex, "block" if match.group(1) else "inline") or match.group(0)
