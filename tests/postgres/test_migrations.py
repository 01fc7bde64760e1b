import psycopg


def test_a_migrated_database_has_the_engines_tables(database: str) -> None:
    with psycopg.connect(database) as c:
        rows = c.execute("SELECT tablename FROM pg_tables WHERE schemaname='mastra' ORDER BY 1").fetchall()
    assert [r[0] for r in rows] == ["alembic_version", "entity", "records", "sync_run"]
