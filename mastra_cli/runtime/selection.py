"""Which records of an entity, in which order: a query's options, checked and parsed once for both engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime.cursors import decode_cursor, encode_cursor
from mastra_cli.runtime.filter_tree import Node
from mastra_cli.runtime.filters import parse
from mastra_cli.runtime.models import QueryOptions, Record
from mastra_cli.runtime.ordering import Position, Sort, parse_sort, position, shape

MAX_PAGE = 10_000
_BIGINT = 2**63
_NAMES = frozenset(field.name for field in fields(QueryOptions))

Options = QueryOptions | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """Records of one entity."""

    entity_id: str
    node: Node
    sort: Sort
    limit: int | None = None
    offset: int = 0
    include_deleted: bool = False
    after: Position | None = None

    def cursor(self, record: Record) -> str:
        """The cursor that goes on after this record."""
        return encode_cursor(position(self.sort, record), *self._scope)

    def from_cursor(self, cursor: object) -> Selection:
        return replace(self, after=decode_cursor(cursor, shape(self.sort), *self._scope))

    @property
    def _scope(self) -> tuple[object, ...]:
        return ("records", self.entity_id, self.node, self.sort, self.include_deleted)


def selection(entity_id: str, options: object) -> Selection:
    """The selection that `QueryOptions`, or a mapping with its keys, asks for."""
    if options is None:
        given = QueryOptions()
    elif isinstance(options, QueryOptions):
        given = options
    elif isinstance(options, Mapping):
        values = cast("Mapping[str, Any]", options)
        if strange := [key for key in values if key not in _NAMES]:
            raise InvalidArgument(
                f"options has an unknown key {strange[0]!r}", hint=f"its keys are {', '.join(sorted(_NAMES))}"
            )
        given = QueryOptions(**values)
    else:
        raise InvalidArgument(f"options must be a QueryOptions, and is {kind_of(options)}")
    if not isinstance(given.include_deleted, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidArgument(f"include_deleted must be True or False, and is {given.include_deleted!r}")
    return Selection(
        entity_id,
        parse(given.filters),
        parse_sort(given.sort),
        None if given.limit is None else whole(given.limit, "limit"),
        0 if given.offset is None else whole(given.offset, "offset"),
        given.include_deleted,
    )


def unpaged(chosen: Selection, options: object) -> Selection:
    """The selection, which may have no limit and no offset of its own."""
    if isinstance(options, Mapping):
        offset: object = cast("Mapping[str, Any]", options).get("offset")
    else:
        offset = options.offset if isinstance(options, QueryOptions) else None
    if chosen.limit is not None or offset is not None:
        raise InvalidArgument("a page takes no limit or offset in its options", hint="use limit= and cursor=")
    return chosen


def whole(value: object, what: str, *, least: int = 0, most: int = _BIGINT - 1) -> int:
    """A whole number within bounds, or `InvalidArgument`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        bounds = f"{least:,} or more" if most == _BIGINT - 1 else f"{least:,} to {most:,}"
        raise InvalidArgument(f"{what} must be a whole number, {bounds}, and is {value!r:.60}")
    return value


def page_limit(limit: object) -> int:
    """How many items a page holds at most."""
    return whole(limit, "limit", least=1, most=MAX_PAGE)
