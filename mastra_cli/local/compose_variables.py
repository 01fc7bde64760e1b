"""`${VAR}` in a docker config, as Compose reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


@dataclass(frozen=True, slots=True)
class Variables:
    """What variables stand for, and who hears of those that stand for nothing."""

    values: Mapping[str, str]
    fault: Callable[[str, str], Exception]
    """Makes the error of a (problem, hint)."""
    missing: Callable[[str], None]
    """Hears the name of one that is not set and has no default."""
    demanding: bool = True
    """Whether `${VAR:?message}` without a value is an error."""


def substitute(text: str, variables: Variables) -> str:
    """The text with its variables' values."""
    return _until(text, 0, False, variables)[0]


def _until(text: str, at: int, nested: bool, variables: Variables) -> tuple[str, int]:
    """Up to the end, or, in a default, up to the brace that closes it."""
    parts: list[str] = []
    while at < len(text) and not (nested and text[at] == "}"):
        if text[at] != "$":
            part, at = text[at], at + 1
        elif text.startswith("$$", at):
            part, at = "$", at + 2
        elif text.startswith("${", at):
            part, at = _braced(text, at + 2, variables)
        elif name := _NAME.match(text, at + 1):
            part, at = _value(name[0], variables), name.end()
        else:
            raise variables.fault("has a `$` that starts no variable", "write `$$` for a dollar sign")
        parts.append(part)
    return "".join(parts), at


def _braced(text: str, at: int, variables: Variables) -> tuple[str, int]:
    found = _NAME.match(text, at)
    if not found:
        raise variables.fault(
            "has a `${` that names no variable", "write `${NAME}`, or `$$` for a dollar sign"
        )
    name, at = found[0], found.end()
    operator = next((o for o in _OPERATORS if text.startswith(o, at)), "")
    at += len(operator)
    value = variables.values.get(name)
    given = bool(value) if operator.startswith(":") else value is not None
    word = ""
    if operator and given == operator.endswith("+"):
        word, at = _until(text, at, True, variables)
    elif operator:
        at = _skip(text, at)
    if not text.startswith("}", at):
        raise variables.fault(
            f"has a `${{{name}` that is not closed, or not understood", "write `${NAME:-default}`"
        )
    at += 1
    if operator.endswith("+"):
        return word, at
    if operator.endswith("-"):
        return (value or "") if given else word, at
    if operator.endswith("?") and not given:
        if variables.demanding:
            raise variables.fault(
                f"needs {name}{f': {word}' if word else ', which is not set'}",
                f"set {name} in .env, or in the environment",
            )
        return "", at
    return _value(name, variables), at


def _value(name: str, variables: Variables) -> str:
    if name not in variables.values:
        variables.missing(name)
    return variables.values.get(name, "")


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
