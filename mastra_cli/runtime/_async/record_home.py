# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Where the index of an engine's records is kept: in its Postgres, or with the mock in memory."""

from __future__ import annotations

from psycopg.conninfo import conninfo_to_dict

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime._async.engine import MastraEngine
from mastra_cli.runtime._async.mock import MockMastraEngine
from mastra_cli.runtime._async.postgres import PostgresEngine
from mastra_cli.runtime._async.record_checkpoint import two_databases
from mastra_cli.runtime._async.record_memory import RecordMemory
from mastra_cli.runtime._async.record_store import RecordStore
from mastra_cli.runtime._async.record_table import RecordTable
from mastra_cli.runtime._async.session import Connected
from mastra_cli.runtime._async.vector import PgVector
from mastra_cli.runtime.vector_index import checked_name


def store_of(
    engine: MastraEngine,
    vector: PgVector | None,
    entity_id: str,
    name: str,
    *,
    language: str,
    timeout: float,
) -> RecordStore:
    """The store of the index of that name, or `InvalidArgument` when engine and vector do not fit."""
    if isinstance(engine, MockMastraEngine):
        if vector is not None:
            raise two_databases()
        return RecordMemory(engine, entity_id, checked_name(name, "mastra"))
    if not isinstance(engine, PostgresEngine):
        raise InvalidArgument(
            f"engine must be a PostgresEngine or a MockMastraEngine, and is {kind_of(engine)}"
        )
    if not isinstance(vector, PgVector):
        raise InvalidArgument(
            f"vector must be a PgVector of the engine's database, and is {kind_of(vector)}",
            hint="PgVector(pool=...), with the pool of the engine",
        )
    if len(_databases(engine) | _databases(vector)) > 1:
        raise two_databases()
    return RecordTable(vector, engine, entity_id, name, language, timeout)


def _databases(connected: Connected) -> set[str]:
    """The name of its database, as far as its URL is known already."""
    url = connected._pool._url  # pyright: ignore[reportPrivateUsage]
    name = None if url is None else conninfo_to_dict(url).get("dbname")
    return set() if name is None else {str(name)}
