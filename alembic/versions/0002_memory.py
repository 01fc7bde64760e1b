"""threads, messages, tool results, working memory"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # last_seq, revision and the totals are kept by the statements that write messages, under the row's lock.
    """
    CREATE TABLE mastra.thread (
        id text COLLATE "C" PRIMARY KEY,
        resource_id text COLLATE "C" NOT NULL,
        title text,
        metadata jsonb,
        last_seq bigint NOT NULL DEFAULT 0,
        revision bigint NOT NULL DEFAULT 0,
        message_count bigint NOT NULL DEFAULT 0,
        token_count bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX thread_resource_updated_idx ON mastra.thread (resource_id, updated_at, id)",
    "CREATE INDEX thread_resource_created_idx ON mastra.thread (resource_id, created_at, id)",
    "CREATE INDEX thread_updated_idx ON mastra.thread (updated_at, id)",
    "CREATE INDEX thread_created_idx ON mastra.thread (created_at, id)",
    # json, not jsonb: it keeps NUL, lone surrogates, big numbers and the order of keys.
    """
    CREATE TABLE mastra.message (
        thread_id text COLLATE "C" NOT NULL REFERENCES mastra.thread (id) ON DELETE CASCADE,
        seq bigint NOT NULL,
        id text COLLATE "C" NOT NULL,
        role text COLLATE "C" NOT NULL,
        type text COLLATE "C" NOT NULL,
        content json NOT NULL,
        tool_fields json,
        calls json,
        tokens integer NOT NULL,
        version bigint NOT NULL DEFAULT 1,
        search tsvector,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (thread_id, seq),
        UNIQUE (thread_id, id)
    )
    """,
    "CREATE INDEX message_created_idx ON mastra.message (thread_id, created_at)",
    "CREATE INDEX message_id_idx ON mastra.message (id)",
    "CREATE INDEX message_search_idx ON mastra.message USING gin (search)",
    """
    CREATE TABLE mastra.tool_result (
        owner_id text COLLATE "C" NOT NULL,
        scope text COLLATE "C" NOT NULL CHECK (scope IN ('thread', 'resource')),
        tool_name text COLLATE "C" NOT NULL,
        args_hash text COLLATE "C" NOT NULL,
        value json NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (owner_id, scope, tool_name, args_hash)
    )
    """,
    "CREATE INDEX tool_result_expires_idx ON mastra.tool_result (expires_at)",
    # thread_id '' is what is kept for the resource as a whole.
    """
    CREATE TABLE mastra.working_memory (
        resource_id text COLLATE "C" NOT NULL,
        thread_id text COLLATE "C" NOT NULL DEFAULT '',
        value json NOT NULL,
        version bigint NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (resource_id, thread_id)
    )
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL search_path = pg_catalog")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL search_path = pg_catalog")
    # Made by `PgMemory.create_memory_index`, when it was.
    op.execute("DROP TABLE IF EXISTS mastra.message_embedding")
    for table in ("working_memory", "tool_result", "message", "thread"):
        op.execute(f"DROP TABLE mastra.{table}")
