"""`mastra engine migrate`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mastra_cli.cli import failures
from mastra_cli.cli.console import Console
from mastra_cli.errors import Usage
from mastra_cli.settings import no_url, resolve


def migrate(
    console: Console,
    env_file: Path | None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 when anything is pending; write nothing.")
    ] = False,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL; write nothing.")] = False,
    grants: Annotated[
        str | None,
        typer.Option(metavar="ROLE", help="Print the SQL that makes ROLE an application role, without DDL."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="REV", help="Go to this revision: an id, `head` or `base`.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Undo migrations without asking.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for the database.")
    ] = 60,
    lock_wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for other migrations.")
    ] = 60,
    lock_timeout: Annotated[
        float,
        typer.Option(min=0.001, metavar="SECONDS", help="Wait so long, four times, for a table's lock."),
    ] = 5,
) -> None:
    """Bring the database's schema to the newest revision. Safe to run in many places at once.

    Example: DB_URL=postgresql://... mastra engine migrate
    """
    from mastra_cli.local import migrations, ready
    from mastra_cli.local.grants import grants_for

    if check + sql + (grants is not None) > 1 or (to and grants is not None):
        raise Usage(
            "--check, --sql and --grants are three questions, and --to goes with the first two alone",
            hint="see `mastra engine migrate --help`",
        )
    url = resolve(env_file).migration_url
    if url is None:
        raise no_url(env_file)
    console.detail(f"{url.source}: {url.masked}")
    keys: dict[str, Any] = {"url": url.masked, "from": None, "to": None, "applied": [], "pending": []}
    pending = False
    with failures.traced_to(url):
        if check or sql or grants is not None:
            ready.wait_until_ready(url.value, timeout=wait, report=console)
        if grants is not None:
            granted = grants_for(url.value, grants)
            if not granted.role_exists:
                console.warn(f"there is no role {grants!r} yet: create it before this SQL runs")
            console.answer(granted.sql)
            keys |= {"from": granted.revision, "to": granted.revision, "sql": granted.sql}
        elif check or sql:
            way, text = (
                migrations.script(url.value, to=to) if sql else (migrations.plan(url.value, to=to), "")
            )
            todo = text.rstrip() or "\n".join(
                f"{'to undo' if way.down else 'pending'}: {s}" for s in way.steps
            )
            if not (way.prepared or way.steps or sql):
                todo = "pending: the schema mastra or the extension vector is missing"
            console.answer(todo) if todo else console.say(f"nothing to do: at {way.to or 'base'}")
            keys |= {"from": way.from_, "to": way.to, "pending": [step.revision for step in way.steps]}
            keys |= {"sql": text} if sql else {}
            pending = check and (bool(way.steps) or not way.prepared)
        else:
            done = migrations.migrate(
                url.value,
                report=console,
                to=to,
                yes=yes,
                wait=wait,
                lock_wait=lock_wait,
                lock_timeout=lock_timeout,
            )
            ends = f"{done.from_ or 'base'} to {done.to or 'base'}"
            console.answer(
                f"migrated from {ends}" if done.applied else f"nothing to do: at {done.to or 'base'}"
            )
            keys |= {"from": done.from_, "to": done.to, "applied": [asdict(step) for step in done.applied]}
            keys |= {"pending": [step.revision for step in done.pending]}
    console.finish(3 if pending else 0, **keys)
