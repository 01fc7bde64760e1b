"""The statements over records whose shape varies: selections, and the indexes on a field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any, LiteralString, cast

from psycopg.sql import SQL, Composable, Identifier, Literal

from mastra_cli.runtime.filter_sql import compile_sql
from mastra_cli.runtime.filter_tree import EVERYTHING, And, HasElement, Node, Not, Or, Path
from mastra_cli.runtime.fragments import Fragment, build, text
from mastra_cli.runtime.identity import exact, is_made
from mastra_cli.runtime.ordering import TIES
from mastra_cli.runtime.ordering_sql import (
    after_sql,
    follows_index,
    index_columns,
    order_sql,
    statistics_columns,
)
from mastra_cli.runtime.selection import Selection

Statement = tuple[LiteralString, tuple[object, ...]]
"""SQL as text, and its parameters."""

EXPLAIN: LiteralString = "EXPLAIN (FORMAT JSON) "
_TABLE = SQL("r")
_DATA = SQL("r.data")
_SELECT: LiteralString = (
    "SELECT r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.created_at, r.updated_at,"
    " r.deleted_at, r.version FROM mastra.records AS r"
)
# A tombstone has no data and is in no selection.
_LIVE: LiteralString = "r.deleted_at IS NULL AND r.data IS NOT NULL"
_KEPT: LiteralString = "r.data IS NOT NULL"
_SHORT = 4_000
_CREATED = "records_created_idx"


@lru_cache(64)
def rendered(selection: Selection, indexed: frozenset[Path], total: bool = True) -> Statement:
    """`select` as text, and its parameters.

    Which index serves a filter depends on its values: it is to be planned for each anew, not prepared.
    """
    return _rendered(select(selection, indexed, total))


@lru_cache(64)
def walk(selection: Selection, indexed: frozenset[Path], magnitude: int) -> Statement | None:
    """The same rows, found along the order of an index: one plan for all values. None: there is no such way.

    The order is no more than the index's, see `may_tie`; no index can answer the filter as it is put here.
    In the text stand the entity, as in the condition of the index, an id of our making; the limit, on which
    the plan depends; and the `magnitude` of the table: a plan for a small one is not kept for a large one.
    """
    if selection.limit is None or selection.offset or selection.after is not None:
        return None
    if not is_made(selection.entity_id) or along(selection, indexed) is None:
        return None
    query = build(
        "{} WHERE r.entity_id = {} AND {} AND COALESCE({}, FALSE) ORDER BY {} LIMIT {} /* {} */",
        Fragment(SQL(_SELECT)),
        Fragment(Literal(exact(selection.entity_id))),
        Fragment(SQL(_KEPT if selection.include_deleted else _LIVE)),
        compile_sql(selection.node, _DATA),
        order_sql(selection.sort, _TABLE, indexed=indexed, total=False),
        Fragment(Literal(int(selection.limit))),
        Fragment(Literal(magnitude)),
    )
    text, params = _rendered(query)
    return (text, params) if len(text) <= _SHORT else None


def along(selection: Selection, indexed: Collection[Path]) -> str | None:
    """The name of the index that has the records in the order of the selection."""
    key = selection.sort[0]
    if selection.sort == TIES:
        return _CREATED
    if isinstance(key.by, str) or not follows_index(selection.sort, indexed):
        return None
    return index_names(selection.entity_id, key.by)[key.descending]


def walks(explained: Any, selection: Selection, indexed: Collection[Path]) -> bool:
    """Whether the server has planned nothing but to go along that index, up to the limit."""
    plan = explained[0]["Plan"]
    if plan["Node Type"] != "Limit":
        return False
    [scan] = plan["Plans"]
    name = along(selection, indexed)
    if scan["Node Type"] != "Index Scan" or scan["Index Name"] != name:
        return False
    # The entity is in the condition of a field's index; what else there is would be the filter.
    return name == _CREATED or "Index Cond" not in scan


def _rendered(query: Fragment) -> Statement:
    # Literal as far as the type knows: what is not ours in it is quoted.
    return cast("LiteralString", query.sql.as_string(None)), query.params


def select(selection: Selection, indexed: Collection[Path] = (), total: bool = True) -> Fragment:
    """The rows of a selection, in its order, or nearly so."""
    after = Fragment(SQL("true"))
    if selection.after is not None:
        after = after_sql(selection.sort, _TABLE, selection.after, indexed=indexed)
    return build(
        "{} WHERE {} AND {} ORDER BY {} LIMIT {} OFFSET {}",
        Fragment(SQL(_SELECT)),
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


def _number(value: int | None) -> Fragment:
    return Fragment(SQL("%s::bigint"), (value,))
