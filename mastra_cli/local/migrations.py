"""Alembic as a library: the schema's migrations, under a lock, from wherever the database stands."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from mastra_cli.errors import (
    Interrupted,
    LockBusy,
    MastraError,
    MigrationFailed,
    PermissionDenied,
    translate,
)
from mastra_cli.local import assets, preflight
from mastra_cli.local.history import Plan, Revision, State, history, plan_for, state_of, target_of
from mastra_cli.local.migrations_lock import Watch, held
from mastra_cli.local.migrations_session import connect, guard, refuse_pooler, session
from mastra_cli.local.ready import wait_until_ready
from mastra_cli.local.reporter import Reporter, Silent
from mastra_cli.settings import mask

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

_STRANGER = "something else writes mastra.alembic_version: find it, then migrate again"
# How often a migration asks for a table's lock, each time for `lock_timeout` seconds.
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that this call applied, or undid."""

    revision: str
    title: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Migrated:
    from_: str | None
    to: str | None
    """None: base, nothing applied."""
    applied: tuple[Applied, ...]
    """Empty: there was nothing to do, or another process did it while this one waited for the lock."""
    pending: tuple[Revision, ...]
    """What is newer than `to`."""


def state(url: str, *, folder: Path | None = None) -> State:
    """Where the database stands; reads only, also where nothing was ever made. It is not waited for."""
    known = history(folder)
    with session(url) as connection:
        return state_of(known, preflight.look(connection).revisions)


def plan(url: str, *, to: str | None = None, folder: Path | None = None) -> Plan:
    """What `migrate` would do; reads only. `SchemaTooNew` when the database is ahead of this package."""
    known = history(folder)
    target = target_of(known, to)
    with session(url) as connection:
        facts = preflight.look(connection)
        return replace(plan_for(known, facts.revisions, target), prepared=facts.prepared)


def migrate(
    url: str,
    *,
    report: Reporter | None = None,
    to: str | None = None,
    yes: bool = False,
    wait: float = 60.0,
    lock_wait: float = 60.0,
    lock_timeout: float = 5.0,
    folder: Path | None = None,
) -> Migrated:
    """Bring the database to the newest revision; may run many times at once, and be killed at any instant.

    `to` is a revision, `head` or `base`; the way down needs `yes`, or a yes to the reporter's question.
    Seconds: `wait` for the database, `lock_wait` for other migrations, `lock_timeout` (a few times) for a
    table. `folder` holds other migrations than the package's.
    """
    report = report or Silent()
    known = history(folder)
    target = target_of(known, to)
    wait_until_ready(url, timeout=wait, report=report)
    with session(url) as connection:
        facts = preflight.look(connection)
        way = plan_for(known, facts.revisions, target)
        if not way.steps and facts.prepared:
            return Migrated(way.from_, way.to, (), way.beyond)
        refuse_pooler(connection, url)
        guard(connection)
        preflight.require_privileges(connection, facts)
        asked = way.down
        if asked:
            _confirm(url, way, report, yes)
        with held(connection, wait=lock_wait, report=report):
            # What was seen before the lock may be old by now.
            facts = preflight.look(connection)
            way = plan_for(known, facts.revisions, target)
            if way.down and not asked:
                _confirm(url, way, report, yes)
            preflight.prepare(connection, facts)
            applied = _walk(url, connection, way, report, lock_timeout, folder) if way.steps else ()
            if preflight.look(connection).revisions != ((target,) if target else ()):
                raise MigrationFailed(
                    f"the migrations ran, and yet the database is not at revision {target or 'base'}",
                    hint=_STRANGER,
                )
    return Migrated(way.from_, way.to, applied, way.beyond)


def script(url: str, *, to: str | None = None, folder: Path | None = None) -> tuple[Plan, str]:
    """What `migrate` would do from where the database stands, and the SQL for it; nothing is written."""
    known = history(folder)
    target = target_of(known, to)
    with session(url) as connection:
        facts = preflight.look(connection)
    way = plan_for(known, facts.revisions, target)
    prelude: list[str] = []
    if not facts.schema:
        prelude.append("CREATE SCHEMA mastra")
    if facts.extension is None:
        prelude.append("CREATE EXTENSION vector SCHEMA public")
    if not way.steps:
        return way, "".join(f"{statement};\n" for statement in prelude)
    if facts.versioned and not facts.revisions:
        # Left by a killed migration or a downgrade to base; Alembic's SQL makes the table.
        prelude.append("DROP TABLE mastra.alembic_version")
    output = io.StringIO()
    config = _config(folder, output, prelude=prelude)
    _alembic(config, f"{way.from_ or 'base'}:{way.to or 'base'}", down=way.down, sql=True)
    return way, output.getvalue().strip() + "\n"


def _confirm(url: str, way: Plan, report: Reporter, yes: bool) -> None:
    undone = " and ".join(step.revision for step in way.steps)
    question = f"{mask(url)}: undo {undone}, and delete the data in their tables?"
    if not yes and not report.confirm(question, flag="--yes"):
        raise Interrupted("the downgrade was not confirmed; nothing was changed")


def _walk(
    url: str, lock: psycopg.Connection, way: Plan, report: Reporter, lock_timeout: float, folder: Path | None
) -> tuple[Applied, ...]:
    applied: list[Applied] = []
    doing = "undoing" if way.down else "applying"
    with (
        closing(connect(url)) as worker,
        report.phase(f"{doing} {len(way.steps)} migration{'s' if len(way.steps) > 1 else ''}"),
        Watch(lock, worker, report, every=max(0.02, min(0.5, lock_timeout / 5))) as watch,
        _sqlalchemy(worker, lock_timeout) as connection,
    ):
        config = _config(folder, connection=connection, before_commit=watch.check)
        for step, lands in zip(way.steps, way.lands, strict=True):
            began = time.monotonic()
            _step(config, step, lands, way.down, watch, report, lock_timeout)
            applied.append(Applied(step.revision, step.title, round(time.monotonic() - began, 3)))
            report.say(f"  {step} ({applied[-1].seconds:.2f} s)")
    return tuple(applied)


def _step(
    config: Config,
    step: Revision,
    lands: str,
    down: bool,
    watch: Watch,
    report: Reporter,
    lock_timeout: float,
) -> None:
    """One migration, in a transaction of its own; tried again while others hold a table that it needs."""
    for attempt in range(1, _TRIES + 1):
        watch.check()
        watch.blockers = ()
        try:
            return _alembic(config, lands, down=down)
        except psycopg.errors.LockNotAvailable as error:
            if attempt == _TRIES:
                holders = " and ".join(str(blocker) for blocker in watch.blockers) or "another session"
                raise LockBusy(
                    f"migration {step} needs a table that {holders} holds; "
                    f"it was asked for {_TRIES} times, {lock_timeout:g} s each",
                    hint="try again when that session is done, or end it, or raise --lock-timeout",
                ) from error
        except psycopg.Error as error:
            if watch.lost:
                watch.check()
            raise _failed(step, error) from error
        # Everyone who queued behind us gets through now.
        time.sleep(lock_timeout * random.uniform(0.5, 1))
        report.detail(f"asking for the table again ({attempt + 1} of {_TRIES})")
    return None


def _failed(step: Revision, error: psycopg.Error) -> MastraError:
    known = translate(error)
    said = error.diag.message_primary
    if isinstance(known, PermissionDenied):
        return PermissionDenied(
            f"migration {step} was refused: {said}", hint="migrate as the role that owns the schema mastra"
        )
    if error.sqlstate is None or error.sqlstate.startswith(("08", "57P", "25006")):
        return known
    return MigrationFailed(
        f"migration {step} failed and was rolled back: {said} ({error.sqlstate})",
        hint="mend the cause, then migrate again: it goes on where this one ended",
    )


@contextmanager
def _sqlalchemy(worker: psycopg.Connection, lock_timeout: float) -> Generator[Connection]:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    guard(worker, lock_timeout=lock_timeout)
    worker.autocommit = False
    # The URL never passes through SQLAlchemy, which reads some of them otherwise than libpq does.
    engine = create_engine("postgresql+psycopg://", creator=lambda: worker, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _config(folder: Path | None, output: io.StringIO | None = None, **attributes: Any) -> Config:
    from alembic.config import Config

    config = Config(output_buffer=output, attributes=attributes)
    # ConfigParser reads more into a % than a path means by it.
    config.set_main_option("script_location", str(folder or assets.folder("alembic")).replace("%", "%%"))
    return config


def _alembic(config: Config, target: str, *, down: bool, sql: bool = False) -> None:
    from alembic import command
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    try:
        (command.downgrade if down else command.upgrade)(config, target, sql=sql)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from None
        raise
    except CommandError as error:
        raise MigrationFailed(f"Alembic refused: {error}", hint=_STRANGER) from error
