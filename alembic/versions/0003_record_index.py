"""indexes that follow an entity's records"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # One row an index: how far it has read, and who works on it. `index_name` is qualified. No foreign key to
    # the entity: an index outlives it, and is mended when the entity is made again (`born` then differs).
    """
    CREATE TABLE mastra.vector_follower (
        entity_id text COLLATE "C" NOT NULL,
        index_name text COLLATE "C" NOT NULL,
        generation text COLLATE "C" NOT NULL,
        model text,
        dimension integer,
        version bigint NOT NULL DEFAULT 0,
        born timestamptz NOT NULL,
        sweeping boolean NOT NULL DEFAULT false,
        refreshed_at timestamptz,
        holder text COLLATE "C",
        backend_pid integer,
        held_until timestamptz,
        PRIMARY KEY (entity_id, index_name)
    )
    """,
    # Records that an embedder refused: the next refresh tries them again.
    """
    CREATE TABLE mastra.vector_skipped (
        entity_id text COLLATE "C" NOT NULL,
        index_name text COLLATE "C" NOT NULL,
        external_id text COLLATE "C" NOT NULL,
        attempt text COLLATE "C" NOT NULL,
        reason text NOT NULL,
        PRIMARY KEY (entity_id, index_name, external_id)
    )
    """,
)


def upgrade() -> None:
    op.execute("SET LOCAL search_path = pg_catalog")
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL search_path = pg_catalog")
    op.execute("DROP TABLE mastra.vector_skipped, mastra.vector_follower")
