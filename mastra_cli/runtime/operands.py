"""What a filter may compare with: JSON values, checked once and kept as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Context, Decimal
from typing import TypeGuard, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime.identity import exact

MAX_DEPTH = 500
MAX_DIGITS = 4_000
# Wide enough that nothing is ever rounded.
_EXACT = Context(prec=200_000, Emax=999_999_999, Emin=-999_999_999)
_POSITION = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_TOO_LONG = 10**MAX_DIGITS


def is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)


def is_position(key: str) -> bool:
    """Whether a path's key also means an array's position."""
    return _POSITION.fullmatch(key) is not None


def is_text(value: str) -> bool:
    """Whether Postgres can hold this string: no NUL, no lone surrogate."""
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def decimal(number: int | float) -> Decimal:
    """The number as jsonb keeps it: 2.5 is 2.50, and 0.1 is a tenth."""
    return Decimal(number) if isinstance(number, int) else Decimal(float.__repr__(number))


def canonical(value: object) -> str:
    """One text for all spellings of a JSON value: key order and 1 or 1.0 make no difference."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(value)
    if is_number(value):
        number = decimal(value)
        return str(number.normalize(_EXACT)) if number else "0"
    parts: list[str] = []  # a loop, not a comprehension: one frame a level, so that depth 500 fits the stack
    if is_list(value):
        for item in value:
            parts.append(canonical(item))
        return f"[{','.join(parts)}]"
    items = cast("Mapping[str, object]", value)
    for key in sorted(items):
        parts.append(f"{json.dumps(key)}:{canonical(items[key])}")
    return f"{{{','.join(parts)}}}"


def json_text(value: object, where: str) -> str:
    """The operand as JSON text with sorted keys."""
    _check(value, where, 0)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def string(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{where} takes a string, not {kind_of(value)}.")
    _check(value, where, 0)
    return exact(value)


def comparable(value: object, where: str) -> str | Decimal:
    """The operand of an order comparison: a string or a number."""
    _check(value, where, 0)
    if isinstance(value, str):
        return exact(value)
    if is_number(value):
        return decimal(value)
    raise InvalidArgument(f"{where} takes a string or a number, not {kind_of(value)}.")


def listed(value: object, where: str) -> Sequence[object]:
    if not is_list(value):
        raise InvalidArgument(f"{where} takes a list, not {kind_of(value)}.")
    return value


def boolean(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidArgument(f"{where} takes True or False, not {kind_of(value)}.")
    return value


def like_pattern(value: object, where: str) -> str:
    pattern = string(value, where)
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise InvalidArgument(
            f"{where} has a pattern that ends in a lone backslash.", hint="Double it to mean a backslash."
        )
    return pattern


def path(field: object, *, strip: bool = True) -> tuple[str, ...]:
    """A dotted string (`strip` drops a leading `data.`), or the keys themselves in a list."""
    if isinstance(field, str):
        keys: tuple[object, ...] = tuple(field.split("."))
        if strip and len(keys) > 1 and keys[0] == "data":
            keys = keys[1:]
    elif is_list(field):
        keys = tuple(field)
        if not keys:
            raise InvalidArgument("A field has at least one key, not an empty list.")
    else:
        raise InvalidArgument(f"A field is a dotted string or a list of keys, not {kind_of(field)}.")
    if len(keys) > MAX_DEPTH:
        raise InvalidArgument(f"A field has at most {MAX_DEPTH} keys, not {len(keys)}.")
    for key in keys:
        if not isinstance(key, str) or not is_text(key):
            raise InvalidArgument(f"The field {field!r} has a key that no JSON object can have: {key!r}.")
    return cast("tuple[str, ...]", keys)


def _check(value: object, where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidArgument(f"{where} has a value that is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str):
        if not is_text(value):
            raise InvalidArgument(
                f"{where} has a string with NUL or a lone surrogate, which JSON can not hold."
            )
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidArgument(f"{where} has {value!r}, which JSON can not hold.")
    elif isinstance(value, int):
        if not -_TOO_LONG < value < _TOO_LONG:
            raise InvalidArgument(f"{where} has a number of more than {MAX_DIGITS} digits.")
    elif is_list(value):
        for item in value:
            _check(item, where, depth + 1)
    elif isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if not isinstance(key, str):
                raise InvalidArgument(f"{where} has an object with a key that is no string: {key!r}.")
            _check(key, where, depth)
            _check(item, where, depth + 1)
    elif value is not None:
        raise InvalidArgument(
            f"{where} has {kind_of(value)}, which is no JSON value.",
            hint="JSON has no times: compare with the text that is stored, .isoformat() say."
            if isinstance(value, date | time)
            else None,
        )
