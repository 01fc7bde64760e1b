"""The statements on an index of records: `0:x` is the first text of the record `x`, `1:x` the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from psycopg.sql import SQL, Identifier, Literal

from mastra_cli.runtime.fragments import Fragment, build
from mastra_cli.runtime.sql import vectors
from mastra_cli.runtime.vector_index import Index

NAMESPACE = "default"
# A word that more texts hold than this says nothing while there is a rarer one.
COMMON = 1_000
# So many texts of a word are looked at.
MANY = 10_000

_RECORD: LiteralString = "pg_catalog.substr(v.vector_id, pg_catalog.strpos(v.vector_id, ':') + 1)"


def known(index: Index, external_ids: Sequence[str]) -> Fragment:
    """Rows of (external id, number, SHA-256 of the text): the texts of these records, in their order."""
    return build(
        """WITH RECURSIVE found AS (
            SELECT wanted.external_id, 0 AS number, v.document
            FROM pg_catalog.unnest({}) AS wanted (external_id)
            JOIN {} v ON {} AND v.vector_id = '0:' || wanted.external_id
            UNION ALL
            SELECT found.external_id, found.number + 1, v.document
            FROM found
            JOIN {} v ON {} AND v.vector_id = (found.number + 1)::text || ':' || found.external_id)
        SELECT external_id, number,
               pg_catalog.sha256(pg_catalog.convert_to(COALESCE(document, ''), 'UTF8'))
        FROM found ORDER BY number""",
        Fragment(SQL("%b::text[]"), (list(external_ids),)),
        vectors.table(index),
        _space(index),
        vectors.table(index),
        _space(index),
    )


def copy(index: Index) -> Fragment:
    """What takes rows that are certainly new."""
    return build(
        "COPY {} (vector_id, embedding, metadata, document, namespace) FROM STDIN (FORMAT binary)",
        vectors.table(index),
    )


def move_metadata(index: Index, ids: Sequence[str], metadata: Sequence[str]) -> Fragment:
    """Gives vectors other metadata, where it differs; their ids."""
    return build(
        """UPDATE {} v SET metadata = new.metadata::jsonb
        FROM unnest({}, {}) AS new (vector_id, metadata)
        WHERE {} AND v.vector_id = new.vector_id AND v.metadata IS DISTINCT FROM new.metadata::jsonb
        RETURNING v.vector_id""",
        vectors.table(index),
        Fragment(SQL("%b::text[]"), (list(ids),)),
        Fragment(SQL("%b::text[]"), (list(metadata),)),
        _space(index),
    )


def sweep(index: Index, entity_id: str) -> Fragment:
    """Deletes the vectors of records that do not live; their ids."""
    return build(
        """DELETE FROM {} v
        WHERE {} AND NOT EXISTS (
            SELECT FROM mastra.records r
            WHERE r.entity_id = {} AND r.external_id = {} COLLATE "C"
              AND r.deleted_at IS NULL AND r.data IS NOT NULL)
        RETURNING v.vector_id""",
        vectors.table(index),
        _space(index),
        vectors.bound(entity_id),
        Fragment(SQL(_RECORD)),
    )


def counts(index: Index) -> Fragment:
    """How many vectors, and of how many records."""
    return build(
        """SELECT count(*), count(*) FILTER (WHERE pg_catalog.starts_with(v.vector_id, '0:'))
        FROM {} v WHERE {}""",
        vectors.table(index),
        _space(index),
    )


def more_than(index: Index, count: int) -> Fragment:
    """Whether there are more rows than this."""
    return build("SELECT true FROM {} OFFSET {} LIMIT 1", vectors.table(index), Fragment(Literal(count)))


def worded(index: Index, query: str, condition: Fragment | None, limit: int) -> Fragment:
    """Rows of (vector_id, score, document): the texts that hold words of the query, the best first.

    The score is how much of the query a text holds, from 0 to 1. Rare words weigh more; a word that very many
    texts hold counts only when there is no rarer one.
    """
    # Behind OFFSET 0 the words are the only way in: the planner would else read the whole namespace for them.
    language = vectors.language(index) if index.language else Fragment(SQL("'pg_catalog.simple'::regconfig"))
    words = build("pg_catalog.to_tsvector({}, v.document)", language)
    namespace = Fragment(SQL("v.namespace" if index.namespaced else "NULL AS namespace"))
    return build(
        r"""WITH words AS MATERIALIZED (
            SELECT ('''' || replace(replace(u.lexeme, '\', '\\'), '''', '''''') || '''')::tsquery AS word
            FROM pg_catalog.unnest(pg_catalog.to_tsvector({}, {})) AS u LIMIT 64),
        counted AS MATERIALIZED (
            SELECT w.word, (SELECT count(*) FROM (
                SELECT FROM (SELECT {} FROM {} v WHERE {} @@ w.word OFFSET 0) v WHERE {} LIMIT {}) m
            ) AS texts
            FROM words w),
        kept AS MATERIALIZED (
            SELECT c.word, c.texts FROM counted c
            WHERE c.texts > 0
              AND (c.texts <= {} OR NOT EXISTS (SELECT FROM counted r WHERE r.texts BETWEEN 1 AND {}))),
        asked AS MATERIALIZED (
            SELECT sum(1 / (1 + pg_catalog.ln(greatest(c.texts, 1)::float8))) AS weight FROM counted c),
        best AS MATERIALIZED (
            SELECT v.id, v.vector_id,
                   pg_catalog.round((sum(1 / (1 + pg_catalog.ln(k.texts::float8)))
                                     / (SELECT weight FROM asked))::numeric, 9) AS score
            FROM kept k CROSS JOIN LATERAL (
                SELECT * FROM (
                    SELECT v.id, v.vector_id, {}, v.metadata FROM {} v WHERE {} @@ k.word OFFSET 0) v
                WHERE {} LIMIT {}) v
            GROUP BY v.id, v.vector_id
            ORDER BY score DESC, v.vector_id COLLATE "C" LIMIT {})
        SELECT b.vector_id, b.score::float8, v.document
        FROM best b JOIN {} v ON v.id = b.id
        ORDER BY b.score DESC, b.vector_id COLLATE "C" """,
        language,
        Fragment(SQL("%s::text"), (query,)),
        namespace,
        vectors.table(index),
        words,
        _space(index),
        _number(COMMON + 1),
        _number(COMMON),
        _number(COMMON),
        namespace,
        vectors.table(index),
        words,
        vectors.where(index, vectors.bound(NAMESPACE), condition),
        _number(MANY),
        _number(limit),
        vectors.table(index),
    )


def rename_table(index: Index, to: str) -> list[Fragment]:
    """Gives the table another name, and its indexes theirs."""
    names = [
        build(
            "ALTER INDEX IF EXISTS {} RENAME TO {}",
            vectors.named(index, suffix),
            Fragment(Identifier(to + suffix)),
        )
        for suffix in ("_vector_idx", "_meta_idx", "_text_idx")
    ]
    return [build("ALTER TABLE {} RENAME TO {}", vectors.table(index), Fragment(Identifier(to))), *names]


def drop(schema: str, name: str) -> Fragment:
    return build("DROP TABLE IF EXISTS {}", Fragment(Identifier(schema, name)))


def _space(index: Index) -> Fragment:
    return Fragment(SQL("v.namespace = 'default'")) if index.namespaced else Fragment(SQL("TRUE"))


def _number(value: int) -> Fragment:
    return Fragment(SQL("{}").format(Literal(value)))
