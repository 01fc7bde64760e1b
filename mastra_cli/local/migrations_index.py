"""For migrations: indexes built without stopping writers, whatever an earlier, killed build left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alembic import op
from sqlalchemy import TextClause, text

_VALID = text("""
SELECT i.indisvalid
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'mastra' AND c.relname = :name
""")


def build_index(name: str, table: str, columns: Sequence[str | TextClause], **options: Any) -> None:
    """CREATE INDEX CONCURRENTLY on a table of the schema; `options` as `op.create_index` takes them.

    What the migration did before is committed first, so give this a migration of its own. A valid index of
    that name is kept: a run that was killed afterwards built it. An invalid one is dropped, and built again.
    """
    context = op.get_context()
    with context.autocommit_block():
        bind = op.get_bind()
        if not context.as_sql and bind.execute(_VALID, {"name": name}).scalar():
            return
        op.drop_index(name, schema="mastra", postgresql_concurrently=True, if_exists=True)
        # It stops nobody while it waits for older transactions, and to give up would cost the whole build.
        lock_timeout = None if context.as_sql else bind.exec_driver_sql("SHOW lock_timeout").scalar()
        if lock_timeout:
            op.execute("SET lock_timeout = 0")
        op.create_index(name, table, columns, schema="mastra", postgresql_concurrently=True, **options)
        if lock_timeout:
            bind.execute(text("SELECT set_config('lock_timeout', :value, false)"), {"value": lock_timeout})
