"""The order of records: what a sort says, and the position of a row in it.

Values are ordered by `jsonb_typeof` first: null < string < number < boolean < array < object, the missing
last in both directions; then strings by their first 500 code points, numbers as numbers, false before true;
arrays tie, objects tie. Ties go by (created_at, external_id), always ascending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime import operands
from mastra_cli.runtime.filter_tree import Path
from mastra_cli.runtime.predicate import MISSING, value_at

PREFIX = 500
MAX_KEYS = 100
Column = Literal["created_at", "updated_at", "external_id"]
_COLUMNS: dict[str, Column] = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "external_id": "external_id",
}
_ZERO = Decimal(0)


class Row(Protocol):
    """What is ordered: a record."""

    @property
    def external_id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def data(self) -> object: ...


@dataclass(frozen=True, slots=True)
class SortOrder:
    """Order by a field; `external_id`, `created_at` and `updated_at` bare are the record's own."""

    field: str | Sequence[str]
    direction: str = "ASC"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a parsed sort: a column of the row, or a path in its data."""

    by: Column | Path
    descending: bool = False


Sorting = SortOrder | Mapping[str, Any] | Sequence[SortOrder | Mapping[str, Any]]
Sort = tuple[SortKey, ...]
Position = tuple[str | datetime | Decimal, ...]
"""Where a row stands: a text and a number for a path, the value itself for a column."""

TIES: Sort = (SortKey("created_at"), SortKey("external_id"))


def parse_sort(sort: Sorting | None) -> Sort:
    """The keys of a total order: those that were asked for, then (created_at, external_id)."""
    if sort is None:
        return TIES
    items = sort if operands.is_list(sort) else [sort]
    keys: list[SortKey] = []
    for key in (*map(_key, items), *TIES):
        # After the first mention a field decides nothing, and after external_id nothing does.
        if all(key.by != seen.by for seen in keys) and not any(seen.by == "external_id" for seen in keys):
            keys.append(key)
    if len(keys) > MAX_KEYS:
        raise InvalidArgument(f"A sort has at most {MAX_KEYS} fields.")
    return tuple(keys)


def _key(item: object) -> SortKey:
    if operands.is_mapping(item) and "field" in item and not set(item) - {"field", "direction"}:
        field, direction = item["field"], item.get("direction", "ASC")
    elif isinstance(item, SortOrder):
        field, direction = item.field, item.direction
    else:
        raise InvalidArgument(
            f"A sort is a list of SortOrder, or of mappings with field and direction, not of {kind_of(item)}."
        )
    if not isinstance(direction, str) or direction.upper() not in ("ASC", "DESC"):
        raise InvalidArgument(f"A sort's direction is ASC or DESC, not {direction!r}.")
    column = _COLUMNS.get(field) if isinstance(field, str) else None
    return SortKey(column or operands.path(field), direction.upper() == "DESC")


def text_key(value: object, *, descending: bool = False) -> str:
    """What values are ordered by first, as one text."""
    if value is None:
        return "0"
    if isinstance(value, str):
        return "1" + value[:PREFIX]
    if isinstance(value, bool):
        return "3true" if value else "3false"
    if operands.is_number(value):
        return "2"
    if value is MISSING:
        return "" if descending else "6"
    return "4" if operands.is_list(value) else "5"


def number_key(value: object) -> Decimal:
    """What numbers are ordered by; zero for the rest."""
    return operands.decimal(value) if operands.is_number(value) else _ZERO


def position(sort: Sort, row: Row) -> Position:
    """Where the row stands in this order; what a cursor holds."""
    parts: list[str | datetime | Decimal] = []
    for key in sort:
        if isinstance(key.by, str):
            parts.append(cast("str | datetime", getattr(row, key.by)))
        else:
            value = value_at(row.data, key.by)
            parts += (text_key(value, descending=key.descending), number_key(value))
    return tuple(parts)


def shape(sort: Sort) -> tuple[type, ...]:
    """The types of a position's parts."""
    types: list[type] = []
    for key in sort:
        if isinstance(key.by, str):
            types.append(str if key.by == "external_id" else datetime)
        else:
            types += (str, Decimal)
    return tuple(types)


def directions(sort: Sort) -> tuple[bool, ...]:
    """Whether each part of a position descends."""
    return tuple(key.descending for key in sort for _ in range(1 if isinstance(key.by, str) else 2))


@dataclass(frozen=True, slots=True)
class _Descending:
    value: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)


def position_key(sort: Sort) -> Callable[[Position], Any]:
    """A key that puts positions in the order of the sort."""
    descends = directions(sort)

    def key(position: Position) -> tuple[Any, ...]:
        return tuple(
            _Descending(part) if descending else part
            for part, descending in zip(position, descends, strict=True)
        )

    return key


def sort_key(sort: Sort) -> Callable[[Row], Any]:
    """A key for `sorted`: the same order as `order_sql`."""
    key = position_key(sort)
    return lambda row: key(position(sort, row))
