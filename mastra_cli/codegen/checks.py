"""What CHECK constraints say about a column, as far as a type can say it too.

A conjunct that is not understood says nothing, which is always safe: the database still checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mastra_cli.codegen.expressions import Node, Unreadable, parse
from mastra_cli.codegen.schema import Check

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_LENGTHS = ("length", "char_length", "character_length")
_TEXT = ("text", "character varying", "character", "bpchar", "citext")
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for every value of a column but NULL."""

    literals: tuple[str, ...] | None = None
    """The text of each value allowed, in the constraint's order."""
    ge: Decimal | None = None
    gt: Decimal | None = None
    le: Decimal | None = None
    lt: Decimal | None = None
    min_length: int | None = None
    max_length: int | None = None

    def both(self, other: Limits) -> Limits:
        """What holds when this and the other do."""
        literals = self.literals if other.literals is None else other.literals
        if self.literals is not None and other.literals is not None:
            literals = tuple(text for text in self.literals if text in other.literals)
        return Limits(
            literals,
            _tighter(max, self.ge, other.ge),
            _tighter(max, self.gt, other.gt),
            _tighter(min, self.le, other.le),
            _tighter(min, self.lt, other.lt),
            _tighter(max, self.min_length, other.min_length),
            _tighter(min, self.max_length, other.max_length),
        )


NO_LIMITS = Limits()


def limits(checks: Iterable[Check]) -> dict[str, Limits]:
    """Per column (`VALUE` for a domain) what its checks say; columns of which nothing is known are absent."""
    found: dict[str, Limits] = {}
    for check in checks:
        try:
            tree = parse(check.expression)
        except Unreadable:
            continue
        for part in tree.parts if tree.kind == "and" else (tree,):
            for column, limit in _conjunct(part):
                found[column] = found.get(column, NO_LIMITS).both(limit)
    return {column: limit for column, limit in found.items() if limit != NO_LIMITS}


def _conjunct(node: Node) -> list[tuple[str, Limits]]:
    if node.kind == "and":
        return [limit for part in node.parts for limit in _conjunct(part)]
    columns = node.columns()
    if len(columns) != 1:
        return []
    (column,) = columns
    if node.kind == "or":
        return _alternatives(node, column)
    if node.kind == "any" and node.text == "=":
        values = _array(node.parts[1])
        if _is_column(node.parts[0]) and values is not None:
            return [(column, Limits(literals=tuple(dict.fromkeys(values))))]
        return []
    return [(column, limit) for limit in _comparison(node)]


def _alternatives(node: Node, column: str) -> list[tuple[str, Limits]]:
    """`x IS NULL OR ...` is the rest; `x = 'a' OR x = 'b'` is a list of values."""
    parts = [part for part in node.parts if not (part.kind == "is null" and _is_column(part.parts[0]))]
    if len(parts) == 1:
        return _conjunct(parts[0])
    values: list[str] = []
    for part in parts:
        limited = _conjunct(part)
        if len(limited) != 1 or limited[0][1].literals is None:
            return []
        values += limited[0][1].literals
    return [(column, Limits(literals=tuple(dict.fromkeys(values))))]


def _comparison(node: Node) -> list[Limits]:
    if node.kind != "operator" or node.text not in _TURNED:
        return []
    left, right = node.parts
    operator = node.text
    if not left.columns():
        left, right, operator = right, left, _TURNED[operator]
    value = _literal(right)
    if value is None:
        return []
    if left.kind == "call" and left.text in _LENGTHS and len(left.parts) == 1 and _is_column(left.parts[0]):
        return _length(operator, value)
    if not _is_column(left):
        return []
    if operator == "=":
        return [Limits(literals=(value,))]
    if operator == "<>":
        # Only for text: a column of another type gets no length.
        return [Limits(min_length=1)] if value == "" else []
    number = _number(right)
    if number is None:
        return []
    match operator:
        case ">":
            return [Limits(gt=number)]
        case ">=":
            return [Limits(ge=number)]
        case "<":
            return [Limits(lt=number)]
        case _:
            return [Limits(le=number)]


def _length(operator: str, value: str) -> list[Limits]:
    if not value.lstrip("-").isdecimal():
        return []
    number = int(value)
    match operator:
        case ">":
            return [Limits(min_length=number + 1)] if number >= -1 else []
        case ">=":
            return [Limits(min_length=number)] if number >= 0 else []
        case "<":
            return [Limits(max_length=number - 1)] if number > 0 else []
        case "<=":
            return [Limits(max_length=number)] if number >= 0 else []
        case "=":
            return [Limits(min_length=number, max_length=number)] if number >= 0 else []
        case _:
            return [Limits(min_length=1)] if number == 0 else []


def _is_column(node: Node) -> bool:
    """The bare column, or a cast of it that changes no value."""
    while node.kind == "cast" and node.text in (*_TEXT, "numeric"):
        node = node.parts[0]
    return node.kind == "column"


def _literal(node: Node) -> str | None:
    while node.kind == "cast":
        node = node.parts[0]
    return node.text if node.kind in ("string", "number") else None


def _number(node: Node) -> Decimal | None:
    """The number, when its last cast leaves a number: `'2020-01-01'::date` is none."""
    if node.kind == "cast" and node.text not in _NUMBERS:
        return None
    if node.kind == "string":
        return None
    text = _literal(node)
    try:
        number = Decimal(text) if text is not None else None
    except ArithmeticError:
        return None
    return number if number is not None and number.is_finite() else None


def _array(node: Node) -> list[str] | None:
    while node.kind == "cast":
        node = node.parts[0]
    if node.kind != "array":
        return None
    values = [_literal(part) for part in node.parts]
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(values) else None


def _tighter(pick: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else pick(one, other)
