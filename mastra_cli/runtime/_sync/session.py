# Generated from the _async twin by `nox -s sync`: edit that one.
"""The way to the database: a pool, and the three ways to use it. Engine, memory and vector share it.

`connect(...)` makes a `Pool`; `Connected` is the base of the classes that use one, their own or a shared one.
They call, through `self._pool`:

- `rows(statement, params, timeout=..., writes=False)` and `row(...)`: one statement that stands alone, in
  autocommit, one round trip. It is repeated when the connection is lost or a deadlock or serialization
  failure comes up, so it must give the same result twice. `writes=True`: when it can not be found out whether
  it took effect, `OutcomeUnknown` is raised.
- `transaction(work, timeout=..., bulk=False)`: `work(wire)` between BEGIN and COMMIT, READ COMMITTED; run
  again from its beginning for the same reasons; a lost answer to COMMIT is asked for. `work` uses
  `wire.execute(...)` and `wire.cursor()`, raises to roll back, and keeps no effects outside the database.
- `stream(statement, params, timeout=..., size=...)`: blocks of rows from a server-side cursor, one snapshot.

`timeout` is the time of the whole call in seconds (None: the pool's), or the `Clock` of a call that began
already (`self._clock(timeout)`). With `bulk` None means no end, but each wait for a lock, a connection or a
silent network still ends after the pool's `timeout`. What psycopg raises comes out as a `MastraError`. Rows
are tuples; `rows`, `row` and `stream` get values in binary format.

Prepared statements are used on a direct connection alone: behind a pooler one may meet another client's.
"""

from __future__ import annotations

import math
import os
import random
import re
import threading
from collections import deque
from collections.abc import Generator, Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from mastra_cli.errors import (
    DatabaseUnreachable,
    DeadlineExceeded,
    InvalidArgument,
    MastraError,
    OutcomeUnknown,
    translate,
)
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.wire import Silent, Wire, is_lost
from mastra_cli.runtime.sql import statements
from mastra_cli.settings import libpq_url, mask, require_url

if TYPE_CHECKING:
    from typing import Self

    from psycopg.abc import QueryNoTemplate as Query

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any]

SESSION = statements("session")

_GRACE = 0.5
_LIFETIME = 60 * 60.0
_IDLE = 10 * 60.0
# The kernel's part of the deadline: a peer that is gone is noticed within half a minute, also while we send.
_WIRE_DEFAULTS: dict[str, str] = {
    "fallback_application_name": "mastra",
    "client_encoding": "utf8",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}


def sync_connect(*, url: str | None = None, min_size: int = 1, max_size: int = 10, timeout: float = 30.0) -> Pool:
    """A pool to share between engine, memory and vector (`pool=`); it opens at its first use.

    No `url`: it is found as the command line finds it, in the environment, then in `.env`.
    """
    return Pool(url=url, min_size=min_size, max_size=max_size, timeout=timeout)


@dataclass(frozen=True, slots=True)
class Clock:
    """When a call must be over, and how long a single wait in it may take."""

    until: float
    patience: float

    def left(self) -> float:
        return min(self.until - monotonic(), self.patience)


@dataclass(slots=True)
class _Open:
    """What belongs to one process and one event loop."""

    home: object
    turns: waiting.Turns
    idle: deque[Wire] = field(default_factory=deque[Wire])
    pid: int = field(default_factory=os.getpid)
    drained: float = 0.0
    succeeded: bool = False


class Pool:
    """Connections to one database. An async context manager; `close` is its maker's to call."""

    def __init__(
        self, *, url: str | None = None, min_size: int = 1, max_size: int = 10, timeout: float = 30.0
    ) -> None:
        if not (_is_int(min_size) and _is_int(max_size) and 0 <= min_size <= max_size and max_size > 0):
            raise InvalidArgument(
                f"min_size and max_size must be whole numbers, 0 <= min_size <= max_size, max_size >= 1; "
                f"they are {min_size!r} and {max_size!r}"
            )
        self.timeout = checked_timeout(timeout)
        self._sizes = (min_size, max_size)
        self._url = None if url is None else _checked_url(url)
        self._opened: _Open | None = None
        self._closed = False
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {mask(self._url) if self._url else 'not yet opened'}>"

    def open(self) -> None:
        """Make the first connection now, so that what is wrong with the URL or the server shows here."""
        self._closed = False
        clock = self.clock(None)
        with self._lease(clock), ExitStack() as others:
            for _ in range(self._sizes[0] - 1):
                others.enter_context(self._lease(clock))

    def close(self) -> None:
        """Close all connections; `open` opens the pool again."""
        self._closed = True
        opened, self._opened = self._opened, None
        if opened and opened.home == waiting.home():
            self._emptied(opened)

    def __enter__(self) -> Self:
        self._closed = False
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def clock(self, timeout: float | None, *, bulk: bool = False, default: float | None = None) -> Clock:
        """The clock of a call that begins now."""
        usual = self.timeout if default is None else default
        if timeout is None:
            return Clock(math.inf if bulk else monotonic() + usual, usual)
        return Clock(monotonic() + checked_timeout(timeout), max(usual, timeout))

    # -- one statement ------------------------------------------------------------------------------------

    def rows(
        self,
        statement: Query,
        params: Params | None = None,
        *,
        timeout: float | Clock | None = None,
        writes: bool = False,
        prepare: bool | None = None,
    ) -> list[TupleRow]:
        """All rows of a statement that stands alone."""

        def attempt(wire: Wire) -> list[TupleRow]:
            cursor = wire.execute(statement, params, binary=True, prepare=prepare)
            return cursor.fetchall() if cursor.description else []

        return self._repeat(attempt, self._clock_of(timeout), writes=writes)

    def row(
        self,
        statement: Query,
        params: Params | None = None,
        *,
        timeout: float | Clock | None = None,
        writes: bool = False,
        prepare: bool | None = None,
    ) -> TupleRow | None:
        """The first row of a statement that stands alone, or None."""
        found = self.rows(statement, params, timeout=timeout, writes=writes, prepare=prepare)
        return found[0] if found else None

    # -- a transaction ------------------------------------------------------------------------------------

    def transaction(
        self,
        work: Callable[[Wire], waiting.Answer[T]],
        *,
        timeout: float | Clock | None = None,
        bulk: bool = False,
    ) -> T:
        """What `work` answers, once, and committed."""
        clock = self._clock_of(timeout, bulk=bulk)

        def attempt(wire: Wire) -> T:
            cursor = wire.execute(SESSION["begin"])
            cursor.nextset()
            xid = cursor.fetchone()
            assert xid is not None
            try:
                answer = work(wire)
            except BaseException:
                _roll_back(wire)
                raise
            try:
                wire.execute(SESSION["commit"])
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
                if self._outcome(xid[0], clock, error) == "aborted":
                    raise
            return answer

        return self._repeat(attempt, clock)

    def _outcome(self, xid: str, clock: Clock, error: psycopg.Error) -> str:
        """`committed` or `aborted`: what became of a COMMIT whose answer was lost."""
        # The deadline may have passed already: what was written must be known all the same.
        until = min(clock.until, monotonic() + clock.patience)
        clock = Clock(max(until, monotonic() + 2 * _GRACE), clock.patience)
        pause = 0.01
        self._heal(None)
        while clock.left() > 0:
            with suppress(psycopg.Error, DatabaseUnreachable, DeadlineExceeded):
                with self._lease(clock) as wire:
                    cursor = wire.execute(SESSION["outcome"], {"xid": xid})
                    found = cursor.fetchone()
                    if found is None or found[0] is None:
                        break
                    if found[0] != "in progress":
                        return found[0]
            waiting.sleep(min(pause, max(0.0, clock.left())))
            pause = min(pause * 2, 0.25)
        raise OutcomeUnknown(
            "the connection was lost at COMMIT, and the server could not be asked what became of it",
            hint="look at the data before doing it again",
        ) from error

    # -- a long read --------------------------------------------------------------------------------------

    def stream(
        self,
        statement: Query,
        params: Params | None = None,
        *,
        timeout: float | Clock | None = None,
        size: int = 500,
    ) -> Generator[list[TupleRow], None]:
        """Blocks of rows from one snapshot; holds a connection until the end or `aclose`."""
        clock = self._clock_of(timeout, bulk=True)
        try:
            with self._lease(clock) as wire:
                wire.execute(SESSION["begin_reading"])
                try:
                    with wire.cursor("mastra_stream", binary=True) as cursor:
                        cursor.execute(statement, params)
                        while block := cursor.fetchmany(size):
                            yield block
                finally:
                    _roll_back(wire)
        except psycopg.Error as error:
            raise _translated(error, clock, unsure=False) from error

    # -- the way there ------------------------------------------------------------------------------------

    def _clock_of(self, timeout: float | Clock | None, *, bulk: bool = False) -> Clock:
        return timeout if isinstance(timeout, Clock) else self.clock(timeout, bulk=bulk)

    def _repeat(
        self, attempt: Callable[[Wire], waiting.Answer[T]], clock: Clock, *, writes: bool = False
    ) -> T:
        """What `attempt` answers, tried again with jitter for as long as that may help."""
        pause, give_up, unsure = 0.01, math.inf, False
        while True:
            wire: Wire | None = None
            try:
                with self._lease(clock) as wire:
                    return attempt(wire)
            except psycopg.Error as error:
                lost = is_lost(error)
                unsure = unsure or (writes and lost and wire is not None)
                give_up = min(give_up, clock.until, monotonic() + clock.patience)
                hopeless = isinstance(error, Silent) or monotonic() + pause >= give_up
                if hopeless or not (lost or error.sqlstate in ("40001", "40P01")):
                    raise _translated(error, clock, unsure=unsure) from error
                if lost:
                    self._heal(wire)
            except DatabaseUnreachable as error:
                if unsure:
                    raise _unknown() from error
                raise
            waiting.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 0.25)

    @contextmanager
    def _lease(self, clock: Clock) -> Generator[Wire, None]:
        opened = self._ready()
        if not opened.turns.take(clock.left()):
            raise DeadlineExceeded(
                f"none of the pool's {self._sizes[1]} connections came free in time",
                hint="raise max_size, or finish what holds them: an iter_records that was left open, say",
            )
        try:
            wire = self._taken(opened) or self._made(opened, clock)
            wire.begin(clock.until, clock.patience)
            try:
                yield wire
            finally:
                self._given_back(opened, wire)
        finally:
            opened.turns.give()

    def _ready(self) -> _Open:
        here = waiting.home()
        opened = self._opened
        if opened is not None and opened.home == here:
            return opened
        if self._closed:
            raise InvalidArgument("it is closed", hint="open() opens it again")
        with self._guard:
            opened = self._opened
            if opened is None or opened.home != here:
                if opened is not None:
                    _leave_behind(opened)
                opened = self._opened = _Open(here, waiting.Turns(self._sizes[1]))
            return opened

    def _taken(self, opened: _Open) -> Wire | None:
        """The idle connection that was used last."""
        while True:
            try:
                wire = opened.idle.pop()
            except IndexError:
                return None
            if wire.born > opened.drained and monotonic() - wire.born < _LIFETIME:
                return wire
            wire.close()

    def _made(self, opened: _Open, clock: Clock) -> Wire:
        """A new connection. Once there was one, a server that takes none is taken to be restarting."""
        until, pause = monotonic() + clock.left(), 0.01
        while True:
            try:
                wire = self._dialled(max(0.01, until - monotonic()))
            except (psycopg.Error, TimeoutError) as error:
                if not opened.succeeded or monotonic() + pause >= until:
                    raise DatabaseUnreachable(
                        f"{mask(self._url or '')} takes no connection: {_reason(error)}",
                        sqlstate=getattr(error, "sqlstate", None),
                        transient=True,
                        hint="is the server up, and are user, password and database of the URL right?",
                    ) from error
            else:
                opened.succeeded = True
                return wire
            waiting.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 0.25)

    def _dialled(self, seconds: float) -> Wire:
        if self._url is None:
            self._url = _checked_url(require_url().value)
        given = conninfo_to_dict(self._url)
        defaults = {**_WIRE_DEFAULTS, "connect_timeout": str(math.ceil(seconds))}
        missing = {name: value for name, value in defaults.items() if name not in given}
        return waiting.within(seconds, Wire.dial, self._url, **missing)

    def _given_back(self, opened: _Open, wire: Wire) -> None:
        wire.end()
        fit = wire.info.transaction_status == pq.TransactionStatus.IDLE and self._opened is opened
        if fit and wire.born > opened.drained:
            opened.idle.append(wire)
        else:
            wire.close()
        # Whoever comes back looks after the one that was idle for longest: no thread, no task of our own.
        if len(opened.idle) > self._sizes[0] and monotonic() - opened.idle[0].used > _IDLE:
            with suppress(IndexError):
                opened.idle.popleft().close()

    def _heal(self, wire: Wire | None) -> None:
        """Drop the idle connections, once, after one was lost: a restarted server leaves them all dead."""
        opened = self._opened
        if opened is not None and (wire is None or wire.born > opened.drained):
            opened.drained = monotonic()
            self._emptied(opened)

    def _emptied(self, opened: _Open) -> None:
        while opened.idle:
            with suppress(IndexError):
                opened.idle.pop().close()


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
            raise InvalidArgument(
                f"pool must be one that `connect()` made, and is a {type(pool).__qualname__}",
                hint="connect() for the async classes, sync_connect() for the Sync ones",
            )
        else:
            self._pool = pool
        self._owns_pool = pool is None
        self._timeout = checked_timeout(timeout)

    def open(self) -> None:
        """Connect now: what is wrong with the URL or the server then shows here, not at the first call."""
        self._pool.open()

    def close(self) -> None:
        """Close the connections, unless they belong to a shared pool."""
        if self._owns_pool:
            self._pool.close()

    def __enter__(self) -> Self:
        if self._owns_pool:
            self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _clock(self, timeout: float | None, *, bulk: bool = False) -> Clock:
        """The clock of a call that begins now, by this object's own `timeout`."""
        return self._pool.clock(timeout, bulk=bulk, default=self._timeout)


def checked_timeout(timeout: Any) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise InvalidArgument(f"timeout must be a number of seconds above 0, and is {timeout!r}")
    return float(timeout)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked_url(url: Any) -> str:
    if not isinstance(url, str):
        raise InvalidArgument(f"url must be a str, and is a {type(url).__qualname__}")
    url = libpq_url(url)
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        # libpq's words may quote a piece of the password.
        raise InvalidArgument(
            "url can not be parsed", hint="postgresql://USER:PASSWORD@HOST:5432/DATABASE, percent-encoded"
        ) from None
    return url


_LEFT_BEHIND: list[_Open] = []


def _leave_behind(opened: _Open) -> None:
    """A forked child may not say goodbye on its parent's connections; a new event loop may on the old one's."""
    if opened.pid != os.getpid():
        _LEFT_BEHIND.append(opened)
        return
    for wire in opened.idle:
        wire.pgconn.finish()


def _roll_back(wire: Wire) -> None:
    """End the transaction, or else the connection; never raises a database's error."""
    status = wire.info.transaction_status
    if status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR):
        wire.begin(monotonic() + _GRACE, _GRACE)
        with suppress(psycopg.Error):
            wire.execute(SESSION["rollback"])
            return
    if status != pq.TransactionStatus.IDLE:
        wire.close()


def _reason(error: BaseException) -> str:
    """Why there is no connection, without what libpq quotes from the URL."""
    if isinstance(error, TimeoutError | psycopg.errors.ConnectionTimeout):
        return "no answer in time"
    words = re.search(r"(?:FATAL:\s*|failed: )(?!.*(?:FATAL:|failed: ))([^\n]+)", str(error))
    return words[1] if words else type(error).__name__


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
                f"the database has not answered for {clock.patience:g} s", transient=True, hint="is it up?"
            )
        return DeadlineExceeded("the call's time was up, and the database did not answer", hint="is it up?")
    if error.sqlstate == "57014" and late:
        return DeadlineExceeded(
            "the call's time was up; the statement was cancelled", hint="give a longer timeout"
        )
    return translate(error)
