"""entities, records, syncs"""

from alembic import op

revision = "0001"
down_revision = None

# `records` has no foreign key: it would cost a third of a bulk load. Writers hold the entity's row locked
# instead, and who deletes an entity deletes its records in the same statement.
STATEMENTS = (
    """
    CREATE TABLE mastra.entity (
        id text COLLATE "C" PRIMARY KEY,
        name text COLLATE "C" NOT NULL,
        connection_id text COLLATE "C" NOT NULL,
        last_sync_id text COLLATE "C",
        version bigint NOT NULL,
        feed_floor bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        UNIQUE (connection_id, name)
    )
    """,
    """
    CREATE TABLE mastra.records (
        entity_id text COLLATE "C" NOT NULL,
        external_id text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        entity_type text COLLATE "C" NOT NULL,
        data jsonb,
        version bigint NOT NULL,
        created_version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        PRIMARY KEY (entity_id, external_id)
    )
    """,
    "CREATE INDEX records_version_idx ON mastra.records (entity_id, version)",
    "CREATE INDEX records_created_idx ON mastra.records (entity_id, created_at, external_id)",
    "CREATE INDEX records_data_idx ON mastra.records USING gin (data jsonb_path_ops)",
    """
    CREATE TABLE mastra.sync_run (
        entity_id text COLLATE "C" NOT NULL REFERENCES mastra.entity (id) ON DELETE CASCADE,
        id text COLLATE "C" NOT NULL,
        sync_id text COLLATE "C",
        mode text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        received bigint NOT NULL DEFAULT 0,
        created bigint NOT NULL DEFAULT 0,
        updated bigint NOT NULL DEFAULT 0,
        unchanged bigint NOT NULL DEFAULT 0,
        duplicates bigint NOT NULL DEFAULT 0,
        rejected bigint NOT NULL DEFAULT 0,
        deleted bigint NOT NULL DEFAULT 0,
        started_at timestamptz NOT NULL,
        finished_at timestamptz,
        error text,
        PRIMARY KEY (entity_id, id)
    )
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL search_path = pg_catalog")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL search_path = pg_catalog")
    op.execute("DROP TABLE mastra.sync_run, mastra.records, mastra.entity")
