"""The statements on the rows of an index: its names vary, so they are put together here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString, cast

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from mastra_cli.runtime import filters
from mastra_cli.runtime.filter_sql import compile_sql
from mastra_cli.runtime.filter_tree import EVERYTHING
from mastra_cli.runtime.filters import Filters
from mastra_cli.runtime.fragments import Fragment, build, joined
from mastra_cli.runtime.packed import Packed
from mastra_cli.runtime.sql.vectors_shape import leaves
from mastra_cli.runtime.vector_index import Index

STAGE = Identifier("mastra_vectors")
# What a page of 8,192 bytes holds beside the other columns: 1,900 floats.
_PAGE = 7_600
_BYTES = {"vector": 4.0, "halfvec": 2.0, "bit": 0.125, "sparsevec": float("inf")}

_SEND: dict[str, LiteralString] = {
    "vector": "{}.vector_send({})",
    "halfvec": "{}.halfvec_send({})",
    "sparsevec": "{}.sparsevec_send({})",
    "bit": "pg_catalog.bit_send({1})",
}


def whole(fragment: Fragment) -> SQL | Composed:
    """The fragment as a statement to be executed."""
    sql = fragment.sql
    return sql if isinstance(sql, SQL | Composed) else Composed([sql])


def table(index: Index) -> Fragment:
    return Fragment(Identifier(index.schema, index.name))


def in_line(index: Index) -> bool:
    """Whether `embedding` stands in its row: out of line, an exact scan is four times slower."""
    return index.dimension * _BYTES[index.kind] <= _PAGE


def named(index: Index, suffix: str) -> Fragment:
    """The name of one of the index's own indexes."""
    return Fragment(Identifier(index.schema, index.name + suffix))


def column_type(index: Index, *, sized: bool = True) -> Fragment:
    """The type of `embedding`; without its size for vectors that may be of any."""
    # `bit` without a size is bit(1), and quoted it is any: the one type whose name is also grammar.
    schema = "pg_catalog" if index.kind == "bit" else index.extension
    name = Fragment(Identifier(schema, index.kind))
    return build("{}({})", name, Fragment(Literal(index.dimension))) if sized else name


def bound(value: object) -> Fragment:
    return Fragment(SQL("%s"), (value,))


def typed(index: Index, vector: Fragment) -> Fragment:
    return build("{}::{}", vector, column_type(index, sized=False))


def vector_param(index: Index, packed: bytes) -> Fragment:
    return typed(index, bound(Packed(packed)))


def send(index: Index, column: Composable) -> Fragment:
    """A vector in its binary form, whatever the connection knows of its type."""
    return Fragment(SQL(_SEND[index.kind]).format(Identifier(index.extension), column))


def where(index: Index, namespace: Fragment, condition: Fragment | None) -> Fragment:
    """The rows of a namespace that the filter lets through."""
    parts = [build("namespace = {}", namespace)] if index.namespaced else []
    if condition is not None:
        parts.append(build("({})", condition))
    return joined(" AND ", parts) if parts else Fragment(SQL("TRUE"))


def condition(filter: Filters | None) -> Fragment | None:
    """A filter over `metadata`; None when it lets everything through."""
    if filter is None:
        return None
    node = filters.parse(filter, regex=True)
    return None if node == EVERYTHING else unknown(compile_sql(node, SQL("metadata")))


def unknown(fragment: Fragment) -> Fragment:
    """The same, its values hidden from the planner: one plan, kept by the server, serves them all.

    It has no statistics of what is inside of a document, and yet would plan for each value anew, which takes
    as long as a search does.
    """
    texts: list[str] = []
    for part in leaves(fragment.sql):
        text = part.as_string(None)
        hidden = text.startswith("%s::")
        texts.append(f"(SELECT {text})::{text.rpartition('::')[2]}" if hidden else text)
    return Fragment(SQL(cast("LiteralString", "".join(texts))), fragment.params)


def words(index: Index) -> Fragment:
    """The searchable words of a document: the expression that the text index is on."""
    return build("pg_catalog.to_tsvector({}, document)", language(index))


def language(index: Index) -> Fragment:
    return build("{}::pg_catalog.regconfig", Fragment(Literal(index.language)))


def quantized(index: Index, vector: Fragment) -> Fragment:
    """One bit a dimension: the expression that a quantised index is on."""
    schema = Fragment(Identifier(index.extension))
    return build("({}.binary_quantize({})::bit({}))", schema, vector, Fragment(Literal(index.dimension)))


def truncate(index: Index, namespace: str | None) -> Fragment:
    """Everything, or what is in one namespace."""
    if namespace is None:
        return build("TRUNCATE {}", table(index))
    return build("DELETE FROM {} WHERE namespace = {}", table(index), bound(namespace))


def delete_all(index: Index) -> Fragment:
    """Everything, with no more than the right to delete."""
    return build("DELETE FROM {}", table(index))


def size(index: Index) -> Fragment:
    name = f'"{index.schema}"."{index.name}"'
    return build(
        "SELECT (SELECT count(*) FROM {}), pg_catalog.pg_total_relation_size({}::pg_catalog.regclass)",
        table(index),
        bound(name),
    )


def namespaces(index: Index) -> Fragment:
    if not index.namespaced:
        return build("SELECT 'default', count(*) FROM {} HAVING count(*) > 0", table(index))
    return build(
        'SELECT namespace, count(*) FROM {} GROUP BY namespace ORDER BY namespace COLLATE "C"', table(index)
    )


def insert(index: Index, rows: Sequence[tuple[str, bytes, str, str | None]], namespace: str) -> Fragment:
    """A few rows at once; equal ids must have been settled."""
    values = [
        build(
            "({}, {}, {}, {}, {})",
            Fragment(SQL("%s::text"), (id,)),
            vector_param(index, packed),
            Fragment(SQL("%s::jsonb"), (metadata,)),
            Fragment(SQL("%s::text"), (document,)),
            Fragment(SQL("%s::varchar"), (namespace,)),
        )
        for id, packed, metadata, document in rows
    ]
    source = build(
        "(VALUES {}) AS new (vector_id, embedding, metadata, document, namespace)", joined(", ", values)
    )
    return _merge(index, source, Fragment(SQL("new.namespace")))


def stage(index: Index) -> list[Fragment]:
    """A table of the transaction's own, for COPY."""
    template: LiteralString = (
        "CREATE TEMPORARY TABLE {} (n bigint, vector_id text, embedding {}, metadata jsonb, document text) "
        "ON COMMIT DROP"
    )
    name = Fragment(STAGE)
    statements = [build(template, name, column_type(index))]
    if in_line(index):
        statements.append(build("ALTER TABLE {} ALTER COLUMN embedding SET STORAGE PLAIN", name))
    return statements


def copy() -> Fragment:
    return build(
        "COPY {} (n, vector_id, embedding, metadata, document) FROM STDIN (FORMAT binary)", Fragment(STAGE)
    )


def lock(index: Index, namespace: str) -> Fragment:
    """The rows that the stage will replace, locked in the order of their ids: writers wait in one line."""
    where_ = where(
        index, bound(namespace), build("old.vector_id IN (SELECT vector_id FROM {})", Fragment(STAGE))
    )
    return build(
        """SELECT count(*) FROM (
            SELECT FROM {} AS old WHERE {} ORDER BY old.vector_id COLLATE "C" FOR NO KEY UPDATE
        ) AS locked""",
        table(index),
        where_,
    )


def merge(index: Index, namespace: str, *, repeated: bool) -> Fragment:
    """From the stage into the index; `repeated`: an id may be there twice, and its last row counts."""
    template: LiteralString = (
        "(SELECT DISTINCT ON (vector_id) * FROM {} ORDER BY vector_id, n DESC) AS new"
        if repeated
        else "{} AS new"
    )
    return _merge(index, build(template, Fragment(STAGE)), bound(namespace))


def _merge(index: Index, source: Fragment, namespace: Fragment) -> Fragment:
    equals = build("OPERATOR({}.=)", Fragment(Identifier(_operator_schema(index))))
    columns = ["vector_id", "embedding", "metadata"]
    if index.documents:
        columns.append("document")
    names = SQL(", ").join(map(Identifier, columns))
    values = SQL(", ").join(Identifier("new", column) for column in columns)
    sets = SQL(", ").join(
        SQL("{} = excluded.{}").format(Identifier(column), Identifier(column)) for column in columns[1:]
    )
    # What is there already, equal in all, is not written again: no new row version, no new node in the graph.
    changed = build(
        "(old.embedding {} excluded.embedding AND old.metadata = excluded.metadata{}) IS NOT TRUE",
        equals,
        Fragment(SQL(" AND old.document IS NOT DISTINCT FROM excluded.document" if index.documents else "")),
    )
    return build(
        """INSERT INTO {} AS old ({}{}) SELECT {}{} FROM {}
        ON CONFLICT ({}vector_id) DO UPDATE SET {} WHERE {}""",
        table(index),
        Fragment(names),
        Fragment(SQL(", namespace" if index.namespaced else "")),
        Fragment(values),
        build(", {}", namespace) if index.namespaced else Fragment(SQL("")),
        source,
        Fragment(SQL("namespace, " if index.namespaced else "")),
        Fragment(sets),
        changed,
    )


def _operator_schema(index: Index) -> str:
    return "pg_catalog" if index.kind == "bit" else index.extension


def get(index: Index, ids: Sequence[str], namespace: str) -> Fragment:
    columns = build("vector_id, metadata, {}, {}", document(index), send(index, Identifier("embedding")))
    return build(
        "SELECT {} FROM {} WHERE {} AND vector_id = ANY({})",
        columns,
        table(index),
        where(index, bound(namespace), None),
        Fragment(SQL("%s::text[]"), (list(ids),)),
    )


def sample(index: Index, count: int, namespace: str) -> Fragment:
    """Some stored vectors, by chance."""
    return build(
        """SELECT {} FROM (SELECT id FROM {} WHERE {} AND embedding IS NOT NULL
                           ORDER BY pg_catalog.random() LIMIT {}) s
        JOIN {} t ON t.id = s.id""",
        send(index, Identifier("embedding")),
        table(index),
        where(index, bound(namespace), None),
        Fragment(Literal(count)),
        table(index),
    )


def document(index: Index) -> Fragment:
    return Fragment(SQL("document" if index.documents else "NULL::text"))


def update(index: Index, id: str, packed: bytes | None, metadata: str | None, namespace: str) -> Fragment:
    sets: list[Fragment] = []
    if packed is not None:
        sets.append(build("embedding = {}", vector_param(index, packed)))
    if metadata is not None:
        sets.append(Fragment(SQL("metadata = %s::jsonb"), (metadata,)))
    return build(
        "UPDATE {} SET {} WHERE {} AND vector_id = {} RETURNING 1",
        table(index),
        joined(", ", sets),
        where(index, bound(namespace), None),
        bound(id),
    )


def delete(index: Index, condition: Fragment, namespace: str) -> Fragment:
    return build(
        "DELETE FROM {} WHERE {}",
        table(index),
        where(index, bound(namespace), condition),
    )


def with_ids(ids: Sequence[str]) -> Fragment:
    return Fragment(SQL("vector_id = ANY(%s::text[])"), (list(ids),))
