"""The statements that make, build and drop an index's table and its own indexes."""

from __future__ import annotations

from typing import LiteralString

from psycopg.sql import SQL, Identifier, Literal

from mastra_cli.runtime.fragments import Fragment, build
from mastra_cli.runtime.metrics import METRICS
from mastra_cli.runtime.models_vector import Hnsw, IvfFlat
from mastra_cli.runtime.sql.vectors import column_type, in_line, named, quantized, table, words
from mastra_cli.runtime.vector_index import Index


def create_table(index: Index) -> list[Fragment]:
    """The table, as the JavaScript package makes it, and `document`."""
    create = build(
        """CREATE TABLE {} (
            id serial PRIMARY KEY,
            vector_id text NOT NULL,
            embedding {} NOT NULL,
            metadata jsonb DEFAULT '{{}}'::jsonb,
            namespace varchar(255) NOT NULL DEFAULT 'default',
            document text,
            UNIQUE (namespace, vector_id)
        )""",
        table(index),
        column_type(index),
    )
    statements = [create]
    if in_line(index):
        statements.append(build("ALTER TABLE {} ALTER COLUMN embedding SET STORAGE PLAIN", table(index)))
    gin = "CREATE INDEX {} ON {} USING gin (metadata jsonb_path_ops)"
    statements.append(build(gin, Fragment(Identifier(index.name + "_meta_idx")), table(index)))
    return [*statements, comment(index)]


def comment(index: Index) -> Fragment:
    return build("COMMENT ON TABLE {} IS {}", table(index), Fragment(Literal(index.comment)))


def add_document(index: Index) -> Fragment:
    return build("ALTER TABLE {} ADD COLUMN IF NOT EXISTS document text", table(index))


def create_text_index(index: Index, *, concurrently: bool) -> Fragment:
    template: LiteralString = (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS {} ON {} USING gin ({})"
        if concurrently
        else "CREATE INDEX IF NOT EXISTS {} ON {} USING gin ({})"
    )
    return build(template, Fragment(Identifier(index.name + "_text_idx")), table(index), words(index))


def create_ann(index: Index, suffix: str, *, lists: int = 0, concurrently: bool) -> Fragment:
    """The ANN index under the name with that suffix."""
    column = Fragment(SQL("embedding"))
    opclass = f"{index.kind}_{METRICS[index.metric].suffix}"
    if index.quantized:
        column, opclass = build("({})", quantized(index, column)), "bit_hamming_ops"
    key = build("{} {}", column, Fragment(Identifier(index.extension, opclass)))
    config = index.config
    if isinstance(config, Hnsw):
        numbers = [Fragment(Literal(config.m)), Fragment(Literal(config.ef_construction))]
        method = build("hnsw ({}) WITH (m = {}, ef_construction = {})", key, *numbers)
    else:
        assert isinstance(config, IvfFlat)
        method = build("ivfflat ({}) WITH (lists = {})", key, Fragment(Literal(config.lists or lists)))
    template: LiteralString = (
        "CREATE INDEX CONCURRENTLY {} ON {} USING {}" if concurrently else "CREATE INDEX {} ON {} USING {}"
    )
    return build(template, Fragment(Identifier(index.name + suffix)), table(index), method)


def drop_ann(index: Index, suffix: str) -> Fragment:
    return build("DROP INDEX CONCURRENTLY IF EXISTS {}", named(index, suffix))


def rename_ann(index: Index, suffix: str, to: str) -> Fragment:
    return build(
        "ALTER INDEX IF EXISTS {} RENAME TO {}", named(index, suffix), Fragment(Identifier(index.name + to))
    )


def drop_table(index: Index) -> Fragment:
    return build("DROP TABLE {}", table(index))
