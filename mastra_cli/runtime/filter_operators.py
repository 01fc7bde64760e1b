"""What each operator of a filter makes of its operand."""

from __future__ import annotations

import reprlib
from collections.abc import Callable

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime import operands
from mastra_cli.runtime.filter_tree import (
    Among,
    And,
    Compare,
    Contains,
    Exists,
    HasAll,
    HasSize,
    Matches,
    Node,
    Not,
    Or,
    Path,
    disjunction,
)

Make = Callable[[Path, object, str], Node]
"""(path, operand, words for an error) -> node"""


def _eq(path: Path, value: object, where: str) -> Node:
    return Among(path, (operands.json_text(value, where),))


def _among(path: Path, value: object, where: str) -> Node:
    values = tuple(operands.json_text(item, where) for item in operands.listed(value, where))
    return Among(path, values) if values else Or(())


def _gt(path: Path, value: object, where: str) -> Node:
    return Compare(path, ">", operands.comparable(value, where))


def _gte(path: Path, value: object, where: str) -> Node:
    return Compare(path, ">=", operands.comparable(value, where))


def _lt(path: Path, value: object, where: str) -> Node:
    return Compare(path, "<", operands.comparable(value, where))


def _lte(path: Path, value: object, where: str) -> Node:
    return Compare(path, "<=", operands.comparable(value, where))


def _between(path: Path, value: object, where: str) -> Node:
    ends = operands.listed(value, where)
    if len(ends) != 2:
        raise InvalidArgument(f"{where} takes a list of two ends, not of {len(ends)}.")
    return And((_gte(path, ends[0], where), _lte(path, ends[1], where)))


def _contains(path: Path, value: object, where: str) -> Node:
    return Contains(path, operands.json_text(value, where))


def _set(path: Path, value: object, where: str) -> Node:
    if value is not None and value is not True:
        raise InvalidArgument(f"{where} takes no value, but has {reprlib.repr(value)}.")
    return And((Exists(path), Not(Among(path, ("null",)))))


def _exists(path: Path, value: object, where: str) -> Node:
    return Exists(path) if value is None or operands.boolean(value, where) else Not(Exists(path))


def _is(path: Path, value: object, where: str) -> Node:
    if value is not None and not isinstance(value, bool):
        raise InvalidArgument(f"{where} takes None, True or False, not {reprlib.repr(value)}.")
    return _eq(path, value, where)


def _starts_with(path: Path, value: object, where: str) -> Node:
    return Matches(path, "starts_with", operands.string(value, where))


def _ends_with(path: Path, value: object, where: str) -> Node:
    return Matches(path, "ends_with", operands.string(value, where))


def _like(path: Path, value: object, where: str) -> Node:
    return Matches(path, "like", operands.like_pattern(value, where))


def _ilike(path: Path, value: object, where: str) -> Node:
    return Matches(path, "ilike", operands.like_pattern(value, where))


def mongo_eq(path: Path, value: object, where: str) -> Node:
    # In this style None means null or missing.
    return Not(_set(path, None, where)) if value is None else _eq(path, value, where)


def mongo_in(path: Path, value: object, where: str) -> Node:
    values = operands.listed(value, where)
    present = _among(path, [item for item in values if item is not None], where)
    if any(item is None for item in values):
        return disjunction([present, mongo_eq(path, None, where)])
    return present


def _mongo_exists(path: Path, value: object, where: str) -> Node:
    return Exists(path) if operands.boolean(value, where) else Not(Exists(path))


def _all(path: Path, value: object, where: str) -> Node:
    values = tuple(operands.json_text(item, where) for item in operands.listed(value, where))
    return HasAll(path, values) if values else Or(())


def _size(path: Path, value: object, where: str) -> Node:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidArgument(f"{where} takes a whole number from 0, not {reprlib.repr(value)}.")
    operands.json_text(value, where)
    return HasSize(path, value)


def _negated(make: Make) -> Make:
    return lambda path, value, where: Not(make(path, value, where))


CONDITIONS: dict[str, Make] = {
    "eq": _eq,
    "not_eq": _negated(_eq),
    "gt": _gt,
    "gte": _gte,
    "lt": _lt,
    "lte": _lte,
    "in": _among,
    "not_in": _negated(_among),
    "contains": _contains,
    "not_contains": _negated(_contains),
    "set": _set,
    "not_set": _negated(_set),
    "between": _between,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "exists": _exists,
    "is": _is,
}
MONGO: dict[str, Make] = {
    "$eq": mongo_eq,
    "$ne": _negated(mongo_eq),
    "$gt": _gt,
    "$gte": _gte,
    "$lt": _lt,
    "$lte": _lte,
    "$in": mongo_in,
    "$nin": _negated(mongo_in),
    "$all": _all,
    "$exists": _mongo_exists,
    "$contains": _contains,
    "$size": _size,
    "$like": _like,
    "$ilike": _ilike,
}
