"""The statement that searches by vector and by words at once."""

from __future__ import annotations

from functools import lru_cache

from mastra_cli.runtime.fragments import build
from mastra_cli.runtime.sql import vectors
from mastra_cli.runtime.sql.vectors_search import EF_MAX, Search, best, number, row_of, rows_of, shaped
from mastra_cli.runtime.sql.vectors_shape import TEXT, VECTOR, Shape
from mastra_cli.runtime.vector_index import Index


@lru_cache(128)
def hybrid(index: Index, asked: Search, rrf_k: int) -> Shape:
    """Rows of (vector_id, score, is exact, metadata, document, vector or null): two rankings, fused.

    Any of the words will do (a question holds many that no answer does); the more of them, the better.
    """
    # Both rankings may be the same rows: each alone must bring as many as are asked for.
    depth = max(asked.top_k, min(EF_MAX, max(4 * asked.top_k, 100)))
    words = vectors.words(index)
    query = build(
        "pg_catalog.replace(pg_catalog.plainto_tsquery({}, {})::text, ' & ', ' | ')::pg_catalog.tsquery",
        vectors.language(index),
        TEXT,
    )
    return shaped(
        index,
        build(
            """WITH {},
            by_vector AS (
                SELECT id, vector_id, exact,
                       pg_catalog.row_number() OVER (ORDER BY distance, vector_id COLLATE "C") AS place
                FROM (SELECT * FROM best ORDER BY distance, vector_id COLLATE "C" LIMIT {}) v),
            asked AS MATERIALIZED (SELECT {} AS words),
            by_text AS (
                SELECT id, vector_id,
                       pg_catalog.row_number() OVER (ORDER BY rank DESC, vector_id COLLATE "C") AS place
                FROM (SELECT id, vector_id, pg_catalog.ts_rank({}, (SELECT words FROM asked), 1) AS rank
                      FROM {} WHERE {} AND {} @@ (SELECT words FROM asked)
                      ORDER BY rank DESC, vector_id COLLATE "C" LIMIT {}) t),
            fused AS (
                SELECT id, vector_id, sum(1 / ({} + place)::float8) AS score
                FROM (SELECT id, vector_id, place FROM by_vector
                      UNION ALL SELECT id, vector_id, place FROM by_text) p
                GROUP BY id, vector_id)
            SELECT b.vector_id, b.score, COALESCE((SELECT pg_catalog.bool_and(exact) FROM by_vector), true),
                   r.metadata, r.document, r.vector
            FROM (SELECT * FROM fused ORDER BY score DESC, vector_id COLLATE "C" LIMIT {}) b
            CROSS JOIN LATERAL ({}) r
            ORDER BY b.score DESC, b.vector_id COLLATE "C" """,
            best(index, asked._replace(top_k=depth), vectors.typed(index, VECTOR)),
            number(depth),
            query,
            words,
            vectors.table(index),
            rows_of(index, asked),
            words,
            number(depth),
            number(rrf_k),
            number(asked.top_k),
            row_of(index, asked),
        ),
    )
