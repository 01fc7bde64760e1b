"""A filter as a Python predicate: the same answer as its SQL, without a database."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.filter_tree import (
    Among,
    And,
    Compare,
    Contains,
    Exists,
    HasAll,
    HasElement,
    HasSize,
    Matches,
    Node,
    Not,
    Or,
    Path,
    Regex,
)
from mastra_cli.runtime.operands import canonical, decimal, is_list, is_mapping, is_number, is_position

Predicate = Callable[[object], bool]


class _Missing:
    pass


MISSING = _Missing()


def value_at(document: object, path: Path) -> object:
    """What stands at the path, or `MISSING`."""
    value = document
    for key in path:
        if is_mapping(value):
            if key not in value:
                return MISSING
            value = value[key]
        elif is_list(value) and is_position(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def predicate(node: Node) -> Predicate:
    """Whether a document (an object; None for no document) meets the filter."""
    match node:
        case And(nodes):
            parts = [predicate(part) for part in nodes]
            return lambda document: all(part(document) for part in parts)
        case Or(nodes):
            parts = [predicate(part) for part in nodes]
            return lambda document: any(part(document) for part in parts)
        case Not(inner):
            part = predicate(inner)
            return lambda document: not part(document)
        case Regex():
            raise InvalidArgument("The operator '$regex' is answered by Postgres alone.")
        case _:
            path, test = node.path, _leaf(node)

    def holds(document: object) -> bool:
        value = value_at(document, path)
        return value is not MISSING and test(value)

    return holds


def _leaf(
    node: Exists | Among | Compare | Contains | HasAll | HasElement | HasSize | Matches,
) -> Predicate:
    match node:
        case Exists():
            return lambda value: True
        case Among(values=values):
            wanted = {canonical(json.loads(value)) for value in values}
            return lambda value: canonical(value) in wanted
        case Compare():
            return _compare(node)
        case Contains(value=operand):
            return _contains(json.loads(operand))
        case HasAll(values=values):
            return _has_all([json.loads(value) for value in values])
        case HasElement(node=inner):
            part = predicate(inner)
            return lambda value: is_list(value) and any(part(item) for item in value)
        case HasSize(size=size):
            return lambda value: is_list(value) and len(value) == size
        case Matches():
            return _matches(node)


def _compare(node: Compare) -> Predicate:
    operand = node.operand
    if isinstance(operand, str):
        order = _order(operand, node.relation)
        return lambda value: isinstance(value, str) and order(value)
    order = _order(operand, node.relation)
    return lambda value: is_number(value) and order(decimal(value))


def _order(operand: str | Decimal, relation: str) -> Callable[[str | Decimal], bool]:
    # Python compares strings by code point, as COLLATE "C" does in UTF-8.
    match relation:
        case "<":
            return lambda value: value < operand  # type: ignore[operator]
        case "<=":
            return lambda value: value <= operand  # type: ignore[operator]
        case ">":
            return lambda value: value > operand  # type: ignore[operator]
        case _:
            return lambda value: value >= operand  # type: ignore[operator]


def _contains(operand: object) -> Predicate:
    folded = fold(operand) if isinstance(operand, str) else None
    has_all = _has_all(operand if is_list(operand) else [operand])

    def holds(value: object) -> bool:
        if isinstance(value, str):
            return folded is not None and folded in fold(value)
        if is_list(value):
            return has_all(value)
        return is_mapping(value) and is_mapping(operand) and _encloses(value, operand)

    return holds


def _has_all(operands: Sequence[object]) -> Predicate:
    wanted = {canonical(operand) for operand in operands}
    return lambda value: is_list(value) and wanted <= {canonical(item) for item in value}


def _encloses(outer: object, inner: object) -> bool:
    """What `@>` says of two nested values."""
    # Loops, not `all` and `any`: one frame a level, so that depth 500 fits the stack.
    holds = True
    if is_mapping(inner):
        if not is_mapping(outer):
            return False
        for key, value in inner.items():
            holds = holds and key in outer and _encloses(outer[key], value)
    elif is_list(inner):
        if not is_list(outer):
            return False
        for item in inner:
            found = False
            for candidate in outer:
                found = found or _encloses(candidate, item)
            holds = holds and found
    else:
        return canonical(outer) == canonical(inner)
    return holds


def _matches(node: Matches) -> Predicate:
    pattern = node.pattern
    match node.wildcard:
        case "starts_with":
            return lambda value: isinstance(value, str) and value.startswith(pattern)
        case "ends_with":
            return lambda value: isinstance(value, str) and value.endswith(pattern)
        case "like":
            tokens = _tokens(pattern)
            return lambda value: isinstance(value, str) and _like(value, tokens)
        case "ilike":
            tokens = _tokens(fold(pattern))
            return lambda value: isinstance(value, str) and _like(fold(value), tokens)


def fold(string: str) -> str:
    """Lower case by single code points, as a database's `lower()` does it."""
    return string.lower() if string.isascii() else "".join(char.lower()[0] for char in string)


_MANY, _ONE = object(), object()


def _tokens(pattern: str) -> list[object]:
    tokens: list[object] = []
    chars = iter(pattern)
    for char in chars:
        tokens.append(
            next(chars) if char == "\\" else _MANY if char == "%" else _ONE if char == "_" else char
        )
    return tokens


def _like(string: str, tokens: Sequence[object]) -> bool:
    # Only the last `%` is ever tried again: no pattern takes more than length times length.
    at = token = 0
    retry: tuple[int, int] | None = None
    while at < len(string):
        if token < len(tokens) and tokens[token] is _MANY:
            token += 1
            retry = (at, token)
        elif token < len(tokens) and (tokens[token] is _ONE or tokens[token] == string[at]):
            at += 1
            token += 1
        elif retry is not None:
            at, token = retry[0] + 1, retry[1]
            retry = (at, token)
        else:
            return False
    return all(rest is _MANY for rest in tokens[token:])
