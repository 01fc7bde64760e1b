"""Which values JSON in Postgres can hold, and how they come back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from mastra_cli.errors import kind_of

MAX_DEPTH = 500
MAX_DIGITS = 4_000
MAX_BYTES = 50 * 1024 * 1024
_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONG_NUMBER = re.compile(rf"[0-9]{{{MAX_DIGITS + 1}}}", re.ASCII)
_TOO_LONG = 10**MAX_DIGITS


def _encoder(*, ascii: bool) -> Callable[[object], str]:
    """`JSONEncoder.encode`, made ready once: its own `encode` does that at each call."""
    encoder = json.JSONEncoder(
        ensure_ascii=ascii, allow_nan=False, check_circular=False, separators=(",", ":")
    )
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    quoted = json.encoder.encode_basestring_ascii if ascii else json.encoder.encode_basestring
    try:
        chunks = make(None, encoder.default, quoted, None, ":", ",", False, False, False)
    except TypeError:  # not every Python has it, and its arguments are nobody's promise
        return encoder.encode
    return lambda data: "".join(chunks(data, 0))


dumps = _encoder(ascii=False)
_ascii = _encoder(ascii=True)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a value can not be stored as JSON."""

    words: str


def json_text(data: object) -> str | Reason:
    """The value as JSON text that Postgres takes and gives back equal, or why there is none."""
    if not _is_plain(data) and (words := _objection(data)):
        return Reason(words)
    try:
        text = _ascii(data)
        size = len(text)
        # Most data is ASCII, of which this is all; else it is written as it is, and looked at for NUL.
        if "\\u" in text:
            text = dumps(data)
            size = len(text.encode())
    except (ValueError, RecursionError):  # NaN, a lone surrogate, too many digits to print
        return Reason(_objection(data) or "it can not be written as JSON")
    if size > MAX_BYTES:
        return Reason(f"it has {size:,} bytes as JSON, and at most {MAX_BYTES:,} are allowed")
    if ((size > MAX_DIGITS and _LONG_NUMBER.search(text)) or "\\u0000" in text) and (
        words := _objection(data)
    ):
        return Reason(words)
    return text


def stored(text: str) -> Any:
    """The JSON text as Postgres gives it back, less its spelling: 1e23 has become an int."""
    return json.loads(text, parse_float=_as_stored)


def _as_stored(number: str) -> int | float:
    # Minus zero is zero there.
    return int(Decimal(number)) if "e+" in number else float(number) + 0.0


def _is_plain(data: object) -> bool:
    """The quick look: nothing but plain types, not too deep. What it does not know, `_objection` judges."""
    todo: list[tuple[Any, int]] = [(data, 1)]
    while todo:
        node, depth = todo.pop()
        kind = cast("type[object]", type(node))
        if depth > MAX_DEPTH:
            return False
        if kind is dict:
            for key, value in node.items():
                if type(key) is not str:
                    return False
                if type(value) not in _SCALARS:
                    todo.append((value, depth + 1))
        elif kind is list:
            for value in node:
                if type(value) not in _SCALARS:
                    todo.append((value, depth + 1))
        else:
            return False
    return True


def _objection(data: object) -> str | None:
    """Why this is not JSON that Postgres can hold, with the path; None when it is."""
    todo: list[tuple[Any, str, int]] = [(data, "data", 1)]
    while todo:
        node, path, depth = todo.pop()
        if isinstance(node, str):
            if words := _text_objection(node):
                return f"{path} holds {words}"
        elif node is None or isinstance(node, bool):
            pass
        elif isinstance(node, int):
            if not -_TOO_LONG < node < _TOO_LONG:
                return f"{path} is a number of more than {MAX_DIGITS:,} digits"
        elif isinstance(node, float):
            if not math.isfinite(node):
                return f"{path} is {node!r}, which JSON has no word for"
        elif depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} deep"
        elif isinstance(node, dict):
            for key, value in cast("dict[object, object]", node).items():
                if not isinstance(key, str):
                    return f"{path} has the key {key!r}, which is {kind_of(key)} and not a str"
                if words := _text_objection(key):
                    return f"a key in {path} holds {words}"
                todo.append((value, f"{path}.{key}", depth + 1))
        elif isinstance(node, list | tuple):
            for number, value in enumerate(cast("list[object]", node)):
                todo.append((value, f"{path}[{number}]", depth + 1))
        else:
            return f"{path} is {kind_of(node)}, which JSON can not hold"
    return None


def _text_objection(text: str) -> str | None:
    if "\0" in text:
        return "NUL"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "a lone surrogate"
    return None
