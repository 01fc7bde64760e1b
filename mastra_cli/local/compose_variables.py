"""`${VAR}` in a docker config, as Compose reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")

Fault = Callable[[str, str | None], Exception]


def substitute(text: str, environ: Mapping[str, str], fault: Fault, missing: Callable[[str], None]) -> str:
    """The text with its variables' values; `fault(problem, hint)` makes the error, `missing(name)` hears
    of a variable that is not set and has no default."""
    result, end = _until(text, 0, False, environ, fault, missing)
    assert end == len(text)
    return result


def _until(
    text: str, at: int, nested: bool, environ: Mapping[str, str], fault: Fault, missing: Callable[[str], None]
) -> tuple[str, int]:
    """Up to the end, or, in a default, up to the brace that closes it."""
    parts: list[str] = []
    while at < len(text):
        if text[at] == "}" and nested:
            break
        if text[at] != "$":
            parts.append(text[at])
            at += 1
        elif text.startswith("$$", at):
            parts.append("$")
            at += 2
        elif text.startswith("${", at):
            value, at = _braced(text, at + 2, environ, fault, missing)
            parts.append(value)
        elif name := _NAME.match(text, at + 1):
            if name[0] not in environ:
                missing(name[0])
            parts.append(environ.get(name[0], ""))
            at = name.end()
        else:
            raise fault("has a `$` that starts no variable", "write `$$` for a dollar sign")
    return "".join(parts), at


def _braced(
    text: str, at: int, environ: Mapping[str, str], fault: Fault, missing: Callable[[str], None]
) -> tuple[str, int]:
    name = _NAME.match(text, at)
    if not name:
        raise fault("has a `${` that names no variable", "write `${NAME}`, or `$$` for a dollar sign")
    at = name.end()
    operator = next((o for o in _OPERATORS if text.startswith(o, at)), "")
    value = environ.get(name[0])
    given = bool(value) if operator.startswith(":") else value is not None
    word = ""
    if operator and given == operator.endswith("+"):
        word, at = _until(text, at + len(operator), True, environ, fault, missing)
    elif operator:
        at = _skip(text, at + len(operator))
    if at >= len(text) or text[at] != "}":
        raise fault(f"has a `${{{name[0]}` that is not closed, or not understood", "write `${NAME:-default}`")
    at += 1
    if operator.endswith("?") and not given:
        raise fault(
            f"needs {name[0]}{': ' + word if word else ', which is not set'}",
            f"set {name[0]} in .env, or in the environment",
        )
    if operator.endswith("-"):
        return (value or "") if given else word, at
    if operator.endswith("+"):
        return word if given else "", at
    if not operator and value is None:
        missing(name[0])
    return value or "", at


def _skip(text: str, at: int) -> int:
    """The end of a branch that is not taken: its variables are nobody's business."""
    depth = 0
    while at < len(text) and (depth or text[at] != "}"):
        if text.startswith("$$", at):
            at += 1
        elif text.startswith("${", at):
            depth += 1
        elif text[at] == "}":
            depth -= 1
        at += 1
    return at
