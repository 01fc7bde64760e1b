# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The way to the database: a pool, and the three ways to use it. Engine, memory and vector share it.

`connect(...)` makes a `Pool`; `Connected` is the base of the classes that use one, their own or a shared one.
They call, through `self._pool`:

- `rows(statement, params, timeout=..., writes=False)` and `row(...)`: one statement that stands alone, in
  autocommit, one round trip. It is repeated when the connection is lost or a deadlock or serialization
  failure comes up, so it must give the same result twice. `writes=True`: when it can not be found out whether
  it took effect, `OutcomeUnknown` is raised; with `once=True` whenever its answer is lost.
- `transaction(work, timeout=..., bulk=False)`: `work(wire)` between BEGIN and COMMIT, READ COMMITTED; run
  again from its beginning for the same reasons; a lost answer to COMMIT is asked for. `work` uses
  `wire.execute(...)` and `wire.cursor()`, raises to roll back, and keeps no effects outside the database.
- `stream(statement, params, timeout=..., size=...)`: blocks of rows from a server-side cursor, one snapshot.

`timeout` is the time of the whole call in seconds (None: the pool's), or the `Clock` of a call that began
already (`self._clock(timeout)`). With `bulk` None means no end, but each wait for a lock, a connection or a
silent network still ends after the pool's `timeout`, and a statement that the server works on after an hour
without a sign of progress. What psycopg raises comes out as a `MastraError`. Rows
are tuples; `rows`, `row` and `stream` get values in binary format.

Prepared statements are used on a direct connection alone: behind a pooler one may meet another client's.
"""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, cast

import psycopg
from psycopg import pq
from psycopg.rows import TupleRow

from mastra_cli.errors import (
    DatabaseUnreachable,
    DeadlineExceeded,
    InvalidArgument,
    MastraError,
    OutcomeUnknown,
    kind_of,
    translate,
)
from mastra_cli.runtime import timing
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.connections import Connections
from mastra_cli.runtime._async.wire import Silent, Wire, is_lost
from mastra_cli.runtime.sql import statements
from mastra_cli.runtime.timing import Clock, checked_timeout

if TYPE_CHECKING:
    from typing import LiteralString, Self

    from mastra_cli.runtime.fragments import Composable

    Statement = LiteralString | bytes | Composable

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any]

SESSION = statements("session")

_GRACE = 0.5


def connect(*, url: str | None = None, min_size: int = 1, max_size: int = 10, timeout: float = 30.0) -> Pool:
    """A pool to share between engine, memory and vector (`pool=`); it opens at its first use.

    No `url`: it is found as the command line finds it, in the environment, then in `.env`.
    """
    return Pool(url=url, min_size=min_size, max_size=max_size, timeout=timeout)


class Pool(Connections):
    """Connections to one database, and the ways to use them. A context manager; its maker closes it."""

    # -- one statement ------------------------------------------------------------------------------------

    async def rows(
        self,
        statement: Statement,
        params: Params | None = None,
        *,
        timeout: float | Clock | None = None,
        writes: bool = False,
        once: bool = False,
        prepare: bool | None = None,
    ) -> list[TupleRow]:
        """All rows of a statement that stands alone."""

        async def attempt(wire: Wire) -> list[TupleRow]:
            return await wire.rows(statement, params, prepare=prepare)

        return await self._repeat(attempt, self._clock_of(timeout), writes=writes, once=once)

    async def row(
        self,
        statement: Statement,
        params: Params | None = None,
        *,
        timeout: float | Clock | None = None,
        writes: bool = False,
        once: bool = False,
        prepare: bool | None = None,
    ) -> TupleRow | None:
        """The first row of a statement that stands alone, or None."""
        found = await self.rows(statement, params, timeout=timeout, writes=writes, once=once, prepare=prepare)
        return found[0] if found else None

    # -- a transaction ------------------------------------------------------------------------------------

    async def transaction(
        self,
        work: Callable[[Wire], waiting.Answer[T]],
        *,
        timeout: float | Clock | None = None,
        bulk: bool = False,
    ) -> T:
        """What `work` answers, once, and committed."""
        clock = self._clock_of(timeout, bulk=bulk)

        async def attempt(wire: Wire) -> T:
            cursor = await wire.execute(SESSION["begin"])
            cursor.nextset()
            xid = await cursor.fetchone()
            assert xid is not None
            try:
                answer = await work(wire)
            except BaseException:
                await _roll_back(wire)
                raise
            try:
                await wire.execute(SESSION["commit"])
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
                if await self._outcome(xid[0], clock, error) == "aborted":
                    raise
            return answer

        return await self._repeat(attempt, clock)

    async def _outcome(self, xid: str, clock: Clock, error: psycopg.Error) -> str:
        """`committed` or `aborted`: what became of a COMMIT whose answer was lost."""
        # The deadline may have passed already: what was written must be known all the same.
        until = min(clock.until, monotonic() + clock.patience)
        clock = Clock(max(until, monotonic() + 2 * _GRACE), clock.patience)
        pause = 0.01
        await self._heal(None)
        while clock.left() > 0:
            with suppress(psycopg.Error, DatabaseUnreachable, DeadlineExceeded):
                async with self._lease(clock) as wire:
                    cursor = await wire.execute(SESSION["outcome"], {"xid": xid})
                    found = await cursor.fetchone()
                    if found is None or found[0] is None:
                        break
                    if found[0] != "in progress":
                        return found[0]
            await waiting.sleep(min(pause, max(0.0, clock.left())))
            pause = min(pause * 2, 0.25)
        raise OutcomeUnknown(
            "the connection was lost at COMMIT, and the server could not be asked what became of it",
            hint="look at the data before doing it again",
        ) from error

    # -- a long read --------------------------------------------------------------------------------------

    async def stream(
        self,
        statement: Statement,
        params: Params | None = None,
        *,
        timeout: float | Clock | None = None,
        size: int = 500,
    ) -> AsyncGenerator[list[TupleRow], None]:
        """Blocks of rows from one snapshot; holds a connection until the end or `aclose`.

        A connection that is lost before the first block is not noticed; later, the snapshot is lost with it.
        """
        clock = self._clock_of(timeout, bulk=True)
        give_up, begun = min(clock.until, monotonic() + clock.patience), False
        while True:
            wire: Wire | None = None
            try:
                async with self._lease(clock) as wire:
                    await wire.execute(SESSION["begin_reading"])
                    try:
                        async with wire.cursor("mastra_stream", binary=True) as cursor:
                            await cursor.execute(cast(Any, statement), params)
                            while block := await cursor.fetchmany(size):
                                begun = True
                                yield block
                    finally:
                        await _roll_back(wire)
                return
            except psycopg.Error as error:
                lost = is_lost(error)
                if lost:
                    await self._heal(wire)
                if begun or not lost or isinstance(error, Silent) or monotonic() >= give_up:
                    raise _translated(error, clock, unsure=False) from error
            await waiting.sleep(0.01)

    # -- the way there ------------------------------------------------------------------------------------

    def _clock_of(self, timeout: float | Clock | None, *, bulk: bool = False) -> Clock:
        return timeout if isinstance(timeout, Clock) else timing.clock(timeout, usual=self.timeout, bulk=bulk)

    async def _repeat(
        self,
        attempt: Callable[[Wire], waiting.Answer[T]],
        clock: Clock,
        *,
        writes: bool = False,
        once: bool = False,
    ) -> T:
        """What `attempt` answers, tried again with jitter for as long as that may help."""
        pause, give_up, unsure = 0.01, math.inf, False
        while True:
            wire: Wire | None = None
            try:
                wire = await self._borrowed(clock)
                try:
                    return await attempt(wire)
                finally:
                    await self._given_back(wire)
            except psycopg.Error as error:
                lost = is_lost(error)
                may_be_done = lost and wire is not None and not wire.refused(error)
                unsure = unsure or (writes and may_be_done)
                give_up = min(give_up, clock.until, monotonic() + clock.patience)
                hopeless = isinstance(error, Silent) or monotonic() + pause >= give_up
                if hopeless or not (lost or error.sqlstate in ("40001", "40P01")):
                    raise _translated(error, clock, unsure=unsure) from error
                if lost:
                    await self._heal(wire)
                    if once and may_be_done:
                        raise _translated(error, clock, unsure=unsure) from error
            except DatabaseUnreachable as error:
                if unsure:
                    raise _unknown() from error
                raise
            await waiting.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 0.25)


class Connected:
    """The base of what talks through a pool: its own, or a shared one which it then does not close."""

    def __init__(
        self,
        *,
        url: str | None = None,
        pool: Pool | None = None,
        min_size: int = 1,
        max_size: int = 10,
        timeout: float = 30.0,
    ) -> None:
        if pool is None:
            self._pool = Pool(url=url, min_size=min_size, max_size=max_size, timeout=timeout)
        elif url is not None:
            raise InvalidArgument("url and pool are both given", hint="give one of them")
        elif not isinstance(pool, Pool):  # pyright: ignore[reportUnnecessaryIsInstance]
            maker = connect.__name__
            raise InvalidArgument(
                f"pool must be one that `{maker}()` made, and is {kind_of(pool)}",
                hint="connect() for the async classes, sync_connect() for the Sync ones",
            )
        else:
            self._pool = pool
        self._owns_pool = pool is None
        self._timeout = checked_timeout(timeout)

    async def open(self) -> None:
        """Connect now: what is wrong with the URL or the server then shows here, not at the first call."""
        await self._pool.open()

    async def close(self) -> None:
        """Close the connections, unless they belong to a shared pool."""
        if self._owns_pool:
            await self._pool.close()

    async def __aenter__(self) -> Self:
        if self._owns_pool:
            await self._pool.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _clock(self, timeout: float | None, *, bulk: bool = False) -> Clock:
        """The clock of a call that begins now, by this object's own `timeout`."""
        return timing.clock(timeout, usual=self._timeout, bulk=bulk)


async def _roll_back(wire: Wire) -> None:
    """End the transaction, or else the connection; never raises a database's error."""
    status = wire.info.transaction_status
    if status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
        wire.begin(monotonic() + _GRACE, _GRACE)
        with suppress(psycopg.Error):
            await wire.execute(SESSION["rollback"])
            return
    if status != pq.TransactionStatus.IDLE:
        await wire.close()


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "the connection was lost while a statement ran, and whether it took effect could not be found out",
        hint="look at the data before doing it again",
    )


def _translated(error: psycopg.Error, clock: Clock, *, unsure: bool) -> MastraError:
    if unsure:
        return _unknown()
    late = monotonic() >= clock.until
    if isinstance(error, Silent):
        if not late:
            return DatabaseUnreachable(
                f"the database has not answered for {max(clock.patience, round(error.seconds)):g} s",
                transient=True,
                hint="is it up?",
            )
        return DeadlineExceeded("the call's time was up, and the database did not answer", hint="is it up?")
    if error.sqlstate == "57014" and late:
        return DeadlineExceeded(
            "the call's time was up; the statement was cancelled", hint="give a longer timeout"
        )
    return translate(error)
