"""`mastra engine status`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mastra_cli.cli.console import Console, size

if TYPE_CHECKING:
    from mastra_cli.local.inspection import Inspection
    from mastra_cli.local.project import Project


def status(
    console: Console,
    env_file: Path | None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="The docker config file to look at.")
    ] = None,
) -> None:
    """What runs, where, and how far its schema is. Exit 0 when it is up, 1 when it is down.

    Example: mastra engine status --json
    """
    from mastra_cli.local import inspection, project

    place = project.find_project(Path.cwd(), env_file)
    seen = inspection.inspect(place, file)
    if seen.problem:
        console.say(seen.problem)
    pgvector = f"pgvector {seen.pgvector}" if seen.pgvector else "no pgvector"
    rows = [("running", f"yes, Postgres {seen.server}, {pgvector}" if seen.running else "no")]
    if seen.container:
        rows.append(
            ("provider", f"{seen.provider}, container {seen.container[1]} ({seen.container[0][:12]})")
        )
    elif seen.provider:
        rows.append(("provider", f"{seen.provider}, pid {seen.pid}" if seen.pid else seen.provider))
    rows.append(("url", f"{seen.url.masked} ({seen.url.source})" if seen.url else "none"))
    if seen.schema:
        pending = seen.schema.pending
        state = f"{len(pending)} pending, see `{place.command('migrate')}`" if pending else "newest"
        if seen.schema.ahead:
            state = f"ahead of this package, which knows revisions up to {seen.schema.head}"
        rows.append(("schema", f"{seen.schema.revision or 'nothing applied'} ({state})"))
    for name, value in rows:
        console.answer(f"{name:<9} {value}")
    if seen.tables:
        console.answer("")
        width = max(len(f"{table.schema}.{table.name}") for table in seen.tables)
        console.answer(f"{'table':<{width}}  {'rows':>12}  {'size':>9}")
        for table in seen.tables:
            console.answer(
                f"{table.schema}.{table.name}".ljust(width) + f"  {table.rows:>12,}  {size(table.bytes):>9}"
            )
    if not seen.running:
        console.say(_way_up(seen, place, file))
    console.finish(
        0 if seen.running else 1,
        running=seen.running,
        provider=seen.provider,
        project=seen.project,
        container={"id": seen.container[0], "name": seen.container[1]} if seen.container else None,
        pid=seen.pid,
        url=seen.url.masked if seen.url else None,
        url_source=seen.url.source if seen.url else None,
        server=seen.server,
        pgvector=seen.pgvector,
        revision=seen.schema.revision if seen.schema else None,
        head=seen.schema.head if seen.schema else None,
        pending=[step.revision for step in seen.schema.pending] if seen.schema else [],
        tables=[
            {"schema": table.schema, "name": table.name, "rows": table.rows, "bytes": table.bytes}
            for table in seen.tables
        ],
    )


def _way_up(seen: Inspection, place: Project, file: Path | None) -> str:
    from mastra_cli.local.providers import add_command

    if seen.provider == "external":
        return "start that server, or mend the URL"
    if seen.container or seen.pid:
        return (
            f"its server runs, and no URL leads to it: `{add_command(place, seen.provider, file)}` mends that"
        )
    config = place.root / file if file else None
    return (
        f"start it with `{place.command('up', config)}`"
        if seen.provider
        else f"make one with `{place.command('add')}`"
    )
