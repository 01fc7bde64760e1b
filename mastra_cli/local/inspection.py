"""What runs for a project, and what is in its database. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mastra_cli.errors import DockerConfigInvalid, DockerConfigUnsupported, MastraError, NoEngine
from mastra_cli.local import migrations, providers, ready
from mastra_cli.local.project import Project
from mastra_cli.local.provider import Provider, Service
from mastra_cli.settings import DatabaseUrl, read_env_file, resolve

if TYPE_CHECKING:
    from mastra_cli.local.migrations import State

# Sizes include indexes and TOAST; rows are the planner's estimate, before the first ANALYZE the statistics'.
_TABLES = """
SELECT n.nspname, c.relname,
       CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint ELSE coalesce(s.n_live_tup, 0) END,
       pg_catalog.pg_total_relation_size(c.oid)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
"""


@dataclass(frozen=True, slots=True)
class TableSize:
    schema: str
    name: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Inspection:
    running: bool
    provider: Literal["docker", "embedded", "external"] | None
    project: str
    container: tuple[str, str] | None = None
    pid: int | None = None
    url: DatabaseUrl | None = None
    server: str | None = None
    pgvector: str | None = None
    schema: State | None = None
    tables: tuple[TableSize, ...] = ()
    problem: str | None = None
    """Why it counts as down, or what could not be looked at."""


def inspect(project: Project, file: Path | None = None) -> Inspection:
    file_name = project.env_file.name if project.env_file.parent == project.root else project.env_file
    url = resolve(Path(file_name)).url
    problem: str | None = None
    try:
        provider = providers.find_provider(project, file)
    except (DockerConfigInvalid, DockerConfigUnsupported) as error:
        if file is not None or url is None:
            raise
        provider, problem = None, error.message  # of no matter to a database that runs somewhere else
    services: tuple[Service, ...] = ()
    if provider is not None:
        try:
            services = provider.look()
        except NoEngine as error:
            problem = error.message
    ours = provider is not None and (url is None or _leads_to(url, provider, services, project))
    name = provider.project_name if provider is not None else project.identity
    kind = provider.name if ours and provider is not None else "external" if url else None
    running = next((service for service in services if service.state == "running" and ours), None)
    container, pid = (running.container, running.pid) if running else (None, None)
    if url is None:
        return Inspection(False, kind, name, container, pid, problem=problem)
    try:
        info = ready.probe(url.value)
    except MastraError as error:
        return Inspection(False, kind, name, container, pid, url, problem=error.message)
    schema: State | None = None
    try:
        schema = migrations.state(url.value)
    except MastraError as error:
        problem = error.message  # up all the same: a role that may not read the revision, say
    tables = _tables(url.value)
    return Inspection(
        True, kind, name, container, pid, url, info.server, info.pgvector, schema, tables, problem
    )


def _leads_to(url: DatabaseUrl, provider: Provider, services: tuple[Service, ...], project: Project) -> bool:
    """Whether the URL is that of this project's server, up or down."""
    try:
        parameters = conninfo_to_dict(url.value)
    except psycopg.Error:
        return False
    host, port = str(parameters.get("host") or "localhost"), str(parameters.get("port") or "5432")
    ports = {int(s.address.rpartition(":")[2]) for s in services if s.address}
    written = providers.port_in(read_env_file(project.env_file), project.env_file)
    return host in ("127.0.0.1", "localhost", "::1") and port in {str(known) for known in ports or {written}}


def _tables(url: str) -> tuple[TableSize, ...]:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        rows = connection.execute(_TABLES).fetchall()
    return tuple(TableSize(*row) for row in rows)
