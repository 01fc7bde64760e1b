"""`mastra engine add`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mastra_cli.cli.console import Console

Choice = Literal["auto", "docker", "embedded"]


def add(
    console: Console,
    env_file: Path | None,
    provider: Annotated[
        Choice,
        typer.Option(metavar="NAME", help="auto, docker, or embedded: a server of our own."),
    ] = "auto",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="Default: 5432, or the next free.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="Default: pgvector/pgvector:pg18.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="The docker config file to use or write."),
    ] = None,
    migrate: Annotated[bool, typer.Option("--migrate/--no-migrate", help="Apply the migrations.")] = True,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait so long until it is ready.")
    ] = 120,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and touch nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer every question but --force's.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace a URL in .env that points elsewhere; leave the other provider's data."
        ),
    ] = False,
) -> None:
    """A running, migrated Postgres with pgvector for this directory, and the .env that leads to it.

    Example: mastra engine add --provider embedded --port 5544
    """
    from mastra_cli.local import adding, migrations, plan, project

    wishes = plan.Wishes(provider, port, image, file, timeout, yes, force, dry_run)
    place = project.find_project(Path.cwd(), env_file)
    with project.alone(place, console):
        planned = plan.plan(place, wishes, console)
        keys = {
            "provider": planned.provider,
            "env_file": str(place.env_file),
            "docker_config": str(planned.config),
        }
        if dry_run:
            console.answer("\n".join(planned.lines()))
            console.finish(project=place.identity, **keys, plan=planned.lines())
            return
        run = adding.Adding(planned, wishes, console)
        try:
            added = run.run()
            migrated = migrations.migrate(added.url, report=console) if migrate and added.url else None
        except BaseException:
            run.undo()
            raise
    steps = migrated.applied if migrated else ()
    console.answer(adding.summary(planned, added, steps if migrated else None))
    console.finish(
        project=added.project,
        **keys,
        url=added.masked,
        port=planned.port,
        written=[place.shown(path) for path in added.written],
        started=list(added.running.started),
        migrated=[step.revision for step in steps],
        server=added.running.server,
        pgvector=added.running.pgvector,
    )
