"""A sort as SQL: ORDER BY, the condition for what comes after a position, and the index that serves both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import LiteralString, NamedTuple

from psycopg.sql import SQL, Composable

from mastra_cli.runtime import fragments
from mastra_cli.runtime.filter_tree import Path
from mastra_cli.runtime.fragments import Fragment, build, joined, value_at
from mastra_cli.runtime.ordering import TIES, Column, Position, Sort

# An index entry holds 2,704 bytes: beside 500 code points there is no room for a whole external id.
_TIE_PREFIX = 150
_TIE: LiteralString = 'left({}, 150) COLLATE pg_catalog."C"'
_COLUMNS: dict[Column, LiteralString] = {
    "created_at": "{}.created_at",
    "updated_at": "{}.updated_at",
    "external_id": '{}.external_id COLLATE pg_catalog."C"',
}


class _Part(NamedTuple):
    expression: Fragment
    descending: bool


def order_sql(
    sort: Sort, table: Composable, *, indexed: Collection[Path] = (), total: bool = True
) -> Fragment:
    """What stands after ORDER BY; `table` is the name or alias of a table with the columns of `records`.

    Not `total`: where that is the order of an index, it is no more than that; see `may_tie`.
    """
    parts = _parts(sort, Fragment(table), indexed)
    if not total and follows_index(sort, indexed):
        parts.pop()
    return joined(", ", [build("{} DESC" if part.descending else "{}", part.expression) for part in parts])


def may_tie(sort: Sort, external_ids: Iterable[str], *, indexed: Collection[Path] = ()) -> bool:
    """Whether rows with these ids may be in another order than the total one, when it was not asked for.

    An index holds but the beginning of an id: shorter ones differ in it.
    """
    return follows_index(sort, indexed) and any(len(id) >= _TIE_PREFIX for id in external_ids)


def follows_index(sort: Sort, indexed: Collection[Path]) -> bool:
    """Whether the order is that of a field's index."""
    return sort[0].by in indexed and sort[1:] == TIES


def after_sql(
    sort: Sort, table: Composable, position: Position, *, indexed: Collection[Path] = ()
) -> Fragment:
    """The condition that a row stands after the position, in terms that an index can start from."""
    values = list(position)
    if follows_index(sort, indexed):
        values.insert(-1, str(values[-1])[:_TIE_PREFIX])
    pairs = zip(_parts(sort, Fragment(table), indexed), map(_bound, values), strict=True)
    runs = [list(run) for _, run in groupby(pairs, key=lambda pair: pair[0].descending)]
    return _after(runs)


def index_columns(path: Path, *, descending: bool = False) -> Composable:
    """The columns, in parentheses, of an index on `records` for equality on the field and one direction.

    For a statement that binds nothing. An ascending index answers equality; each direction needs its own,
    because the missing come last and ties ascend in both.
    """
    value = value_at(SQL("data"), path, literal=True)
    template: LiteralString = (
        "({} DESC, {} DESC, created_at, ({}))" if descending else "({}, {}, created_at, ({}))"
    )
    return build(
        template,
        fragments.text_key(value, descending=descending),
        fragments.number_key(value),
        build(_TIE, Fragment(SQL("external_id"))),
    ).sql


def statistics_columns(path: Path) -> Composable:
    """What to CREATE STATISTICS (mcv) on beside the indexes of a field, for a statement that binds nothing.

    The planner takes no statistics from the partial index of one entity: without these it would take every
    value of the field for as rare as any, and sort what it could read in order.
    """
    return build("entity_id, {}", fragments.text_key(value_at(SQL("data"), path, literal=True))).sql


def _parts(sort: Sort, table: Fragment, indexed: Collection[Path]) -> list[_Part]:
    parts: list[_Part] = []
    for key in sort:
        if isinstance(key.by, str):
            parts.append(_Part(build(_COLUMNS[key.by], table), key.descending))
        else:
            value = value_at(build("{}.data", table).sql, key.by)
            parts.append(_Part(fragments.text_key(value, descending=key.descending), key.descending))
            parts.append(_Part(fragments.number_key(value), key.descending))
    if follows_index(sort, indexed):
        parts.insert(-1, _Part(build(_TIE, build("{}.external_id", table)), False))
    return parts


def _bound(value: str | datetime | Decimal) -> Fragment:
    if isinstance(value, str):
        return fragments.text(value)
    if isinstance(value, Decimal):
        return fragments.number(str(value))
    return Fragment(SQL("%s::timestamptz"), (value,))


def _after(runs: Sequence[Sequence[tuple[_Part, Fragment]]]) -> Fragment:
    """Runs of one direction, each compared as a row: an index can start from a row comparison.

    "Not before, and not equal" instead of "after": the planner judges a row by its first column alone, and
    would take "after" for next to nothing where that column is the same in all rows.
    """
    if not runs:
        return Fragment(SQL("FALSE"))
    run, rest = runs[0], runs[1:]
    row = build("ROW({})", joined(", ", [part.expression for part, _ in run]))
    at = build("ROW({})", joined(", ", [value for _, value in run]))
    not_before = build("{} <= {}" if run[0][0].descending else "{} >= {}", row, at)
    return build("({} AND ({} <> {} OR {}))", not_before, row, at, _after(rest))
