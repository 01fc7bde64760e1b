"""`mastra engine down`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mastra_cli.cli.console import Console, size
from mastra_cli.errors import Conflict
from mastra_cli.local.provider import Provider


def down(
    console: Console,
    env_file: Path | None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="The docker config file to stop.")
    ] = None,
    volumes: Annotated[bool, typer.Option("--volumes", help="Delete the data too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Stop the server; its data stays unless --volumes says otherwise.

    Example: mastra engine down --volumes --yes
    """
    from mastra_cli.local import project, providers

    place = project.find_project(Path.cwd(), env_file)
    with project.alone(place, console):
        provider = providers.find_provider(place, file)
        if provider is None:
            console.answer("nothing runs here: this directory has no server of ours")
            console.finish(project=place.identity, provider=None, stopped=[], removed=[], kept=[])
            return
        if volumes and not yes:
            _ask(console, provider)
        stopped = provider.stop(console, volumes=volumes)
    console.answer(f"stopped {', '.join(stopped.stopped)}" if stopped.stopped else "nothing was running")
    if stopped.removed:
        console.answer(f"removed {', '.join(stopped.removed)}")
    for item in stopped.kept:
        console.answer(f"kept {item.name} ({'not ours' if item.external else size(item.bytes)})")
    if any(not item.external for item in stopped.kept):
        console.say("delete the data too with `mastra engine down --volumes`")
    console.finish(
        project=provider.project_name,
        provider=provider.name,
        stopped=list(stopped.stopped),
        removed=list(stopped.removed),
        kept=[item.name for item in stopped.kept],
    )


def _ask(console: Console, provider: Provider) -> None:
    """Show what would go, and have the project's name typed."""
    doomed = [item for item in provider.data() if not item.external]
    if not doomed:
        return
    for item in doomed:
        console.say(f"will be deleted: {item.name} ({size(item.bytes)})")
    name = provider.project_name
    if console.ask(f"Type {name} to delete this data:", flag="--yes") != name:
        raise Conflict(
            "that is not the project's name: nothing was stopped or deleted",
            hint=f"type {name}, or answer it with --yes",
        )
