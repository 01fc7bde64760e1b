"""The statements over records whose shape varies: selections, and the indexes on a field."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import LiteralString, cast

from psycopg.sql import SQL, Composable, Identifier, Literal

from mastra_cli.runtime.filter_sql import compile_sql
from mastra_cli.runtime.filter_tree import EVERYTHING, And, HasElement, Node, Not, Or, Path
from mastra_cli.runtime.fragments import Fragment, build, text
from mastra_cli.runtime.ordering_sql import after_sql, index_columns, order_sql, statistics_columns
from mastra_cli.runtime.selection import Selection

_TABLE = SQL("r")
_DATA = SQL("r.data")
# A tombstone has no data and is in no selection.
_LIVE: LiteralString = "r.deleted_at IS NULL AND r.data IS NOT NULL"
_KEPT: LiteralString = "r.data IS NOT NULL"
# Means the same in every encoding, and between quotes under every setting.
_PLAIN = re.compile(r"[ -&(-\[\]-~]{0,200}")


@lru_cache(64)
def rendered(
    selection: Selection, indexed: frozenset[Path], magnitude: int = 0, total: bool = True
) -> tuple[LiteralString, tuple[object, ...] | None]:
    """`select` as text, and its parameters: None where the values stand in the text.

    Which index serves a filter depends on its values, so one plan must not serve them all. Written into the
    text, those that are plain have a plan of their own, which a server keeps for who asks the same again. The
    `magnitude` of the table is in it too: what is best for a small one is not kept for a large one.
    """
    query = select(selection, indexed, total)
    text, params = query.sql.as_string(None), query.params
    if selection.after is None and all(map(_is_plain, params)):
        text, params = f"{text % tuple(map(_written, params))} /* {magnitude} */", None
    # Literal as far as the type knows: what is not ours in it is quoted.
    return cast("LiteralString", text), params


def select(selection: Selection, indexed: Collection[Path] = (), total: bool = True) -> Fragment:
    """The rows of a selection, in its order, or nearly so."""
    after = Fragment(SQL("true"))
    if selection.after is not None:
        after = after_sql(selection.sort, _TABLE, selection.after, indexed=indexed)
    return build(
        "SELECT r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.created_at, r.updated_at,"
        " r.deleted_at, r.version FROM mastra.records AS r WHERE {} AND {} ORDER BY {} LIMIT {} OFFSET {}",
        _where(selection.entity_id, selection.node, selection.include_deleted, indexed),
        after,
        order_sql(selection.sort, _TABLE, indexed=indexed, total=total),
        _number(selection.limit),
        _number(selection.offset),
    )


def count(entity_id: str, node: Node, indexed: Collection[Path] = ()) -> Fragment:
    """How many live records meet the filter."""
    return build("SELECT count(*) FROM mastra.records AS r WHERE {}", _where(entity_id, node, False, indexed))


def index_names(entity_id: str, path: Path) -> tuple[str, str]:
    """The names of the two indexes on a field, ascending and descending."""
    name = _index_name(entity_id, path)
    return f"{name}_asc", f"{name}_desc"


def create_indexes(entity_id: str, path: Path) -> Iterator[Composable]:
    """One index a direction, built while others write, and what lets the planner choose them."""
    for name, descending in zip(index_names(entity_id, path), (False, True), strict=True):
        yield SQL(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS {} ON mastra.records {} WHERE entity_id = {}"
        ).format(Identifier(name), index_columns(path, descending=descending), Literal(entity_id))
    yield SQL("CREATE STATISTICS IF NOT EXISTS mastra.{} (mcv) ON {} FROM mastra.records").format(
        Identifier(_statistics_name(entity_id, path)), statistics_columns(path)
    )
    yield SQL("ANALYZE mastra.records")


def drop_indexes(entity_id: str, path: Path) -> Iterator[Composable]:
    for name in index_names(entity_id, path):
        yield SQL("DROP INDEX CONCURRENTLY IF EXISTS mastra.{}").format(Identifier(name))
    yield SQL("DROP STATISTICS IF EXISTS mastra.{}").format(Identifier(_statistics_name(entity_id, path)))


def paths(selection: Selection) -> set[Path]:
    """The fields by which a selection filters or sorts: where an index may help."""
    return filtered(selection.node) | {key.by for key in selection.sort if not isinstance(key.by, str)}


def filtered(node: Node) -> set[Path]:
    """The fields by which a filter decides."""
    return set(_paths(node))


def _paths(node: Node) -> Iterator[Path]:
    match node:
        case And(nodes) | Or(nodes):
            for part in nodes:
                yield from _paths(part)
        case Not(inner):
            yield from _paths(inner)
        case HasElement(path):
            yield path
        case _:
            yield node.path


def _where(entity_id: str, node: Node, include_deleted: bool, indexed: Collection[Path]) -> Fragment:
    condition = Fragment(SQL("true")) if node == EVERYTHING else compile_sql(node, _DATA, indexed=indexed)
    kept: LiteralString = _KEPT if include_deleted else _LIVE
    return build("r.entity_id = {} AND {} AND {}", text(entity_id), Fragment(SQL(kept)), condition)


def _index_name(entity_id: str, path: Path) -> str:
    return f"records_field_{hashlib.sha256(json.dumps([entity_id, path]).encode()).hexdigest()[:32]}"


def _statistics_name(entity_id: str, path: Path) -> str:
    return f"{_index_name(entity_id, path)}_values"


def _is_plain(value: object) -> bool:
    return (
        value is None or isinstance(value, int) or (isinstance(value, str) and bool(_PLAIN.fullmatch(value)))
    )


def _written(value: object) -> str:
    return "NULL" if value is None else f"'{value}'"


def _number(value: int | None) -> Fragment:
    return Fragment(SQL("%s::bigint"), (value,))
