"""`mastra engine up`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mastra_cli.cli.console import Console
from mastra_cli.errors import MastraError, NothingToStart
from mastra_cli.settings import mask, resolve, same_database


def up(
    console: Console,
    env_file: Path | None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="The docker config file to start.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait so long until it is ready.")
    ] = 60,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")] = False,
) -> None:
    """Start what `add` or the docker config file defines, and wait until it is ready.

    Example: mastra engine up -f docker-compose.yaml
    """
    from mastra_cli.local import migrations, project, providers

    place = project.find_project(Path.cwd(), env_file)
    with project.alone(place, console):
        provider = providers.find_provider(place, file)
        if provider is None:
            raise NothingToStart(
                f"nothing to start: neither a docker config nor a {place.env_file.name} of ours is here",
                hint="run `mastra engine add`",
            )
        running = provider.start(console, timeout=timeout, wait=wait, yes=yes)
    where = f"Postgres {running.server}" if running.server else provider.project_name
    state = f"started {', '.join(running.started)}" if running.started else "already up, nothing to do"
    console.answer(f"{where}: {state}")
    for service in running.services:
        console.answer(f"  {service.name}  {service.state}  {service.address or ''}".rstrip())
    if running.url is None and wait:
        console.say(
            "no database of this docker config can be reached from here: only its healthcheck was asked"
        )
    if running.url and running.server:
        add = providers.add_command(place, provider.name, file)
        known = resolve(env_file).url
        if known is None:
            console.warn(f"{place.env_file.name} has no URL of it: run `{add}`")
        elif not same_database(known.value, running.url):
            console.warn(f"{known.source} leads to another database: {known.masked}")
        elif refused := _refused(known.value, running.url):
            console.warn(f"{refused} ({known.source}): run `{add}`")
        if known is not None and (pending := migrations.state(running.url).pending):
            console.warn(f"{len(pending)} migrations are pending: run `{place.command('migrate')}`")
    console.finish(
        project=provider.project_name,
        provider=provider.name,
        url=mask(running.url) if running.url else None,
        services=[{"name": s.name, "state": s.state, "address": s.address} for s in running.services],
        started=list(running.started),
        server=running.server,
        pgvector=running.pgvector,
    )


def _refused(known: str, proven: str) -> str | None:
    """Why the URL that everybody uses is no good, though the proven one is: an old password, say."""
    from mastra_cli.local import ready

    try:
        if known != proven:
            ready.probe(known)
    except MastraError as error:
        return error.message
    return None
