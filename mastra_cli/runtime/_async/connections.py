# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The connections to one database: made when needed, kept while good, dropped when one of them is lost.

Nothing runs in the background: who needs a connection makes it, within the call's own deadline and with the
true reason when it can not be had; who gives one back looks after the idle ones.
"""

from __future__ import annotations

import math
import os
import random
import re
import threading
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from mastra_cli.errors import DatabaseUnreachable, DeadlineExceeded, InvalidArgument, kind_of
from mastra_cli.runtime import timing
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.wire import Wire
from mastra_cli.runtime.timing import Clock, checked_timeout
from mastra_cli.settings import libpq_url, mask, require_url

if TYPE_CHECKING:
    from typing import Self

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


@dataclass(slots=True)
class _Open:
    """What belongs to one process and one event loop."""

    home: object
    turns: waiting.Turns
    idle: deque[Wire] = field(default_factory=deque[Wire])
    pid: int = field(default_factory=os.getpid)
    drained: float = 0.0
    succeeded: bool = False


class Connections:
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

    async def open(self) -> None:
        """Make the first connection now, so that what is wrong with the URL or the server shows here."""
        self._closed = False
        clock = timing.clock(None, usual=self.timeout)
        async with self._lease(clock), AsyncExitStack() as others:
            for _ in range(self._sizes[0] - 1):
                await others.enter_async_context(self._lease(clock))

    async def close(self) -> None:
        """Close all connections; `open` opens the pool again."""
        self._closed = True
        opened, self._opened = self._opened, None
        if opened and opened.home == waiting.home():
            await self._emptied(opened)
        elif opened:
            _leave_behind(opened)

    async def __aenter__(self) -> Self:
        self._closed = False
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def _lease(self, clock: Clock) -> AsyncGenerator[Wire, None]:
        wire = await self._borrowed(clock)
        try:
            yield wire
        finally:
            await self._given_back(wire)

    async def _borrowed(self, clock: Clock) -> Wire:
        """A connection of the caller's own, until it is given back."""
        opened = self._ready()
        if not await opened.turns.take(clock.left()):
            raise DeadlineExceeded(
                f"none of the pool's {self._sizes[1]} connections came free in time",
                hint="raise max_size, or finish what holds them: an iter_records that was left open, say",
            )
        try:
            wire = await self._taken(opened) or await self._made(opened, clock)
        except BaseException:
            opened.turns.give()
            raise
        wire.lender = opened
        wire.begin(clock.until, clock.patience)
        return wire

    def _ready(self) -> _Open:
        here = waiting.home()
        opened = self._opened
        if opened is not None and opened.home == here:
            return opened
        if self._closed:
            raise InvalidArgument("its connections are closed", hint="open() opens it again")
        with self._guard:
            opened = self._opened
            if opened is None or opened.home != here:
                if opened is not None:
                    _leave_behind(opened)
                opened = self._opened = _Open(here, waiting.Turns(self._sizes[1]))
            return opened

    async def _taken(self, opened: _Open) -> Wire | None:
        """The idle connection that was used last."""
        while True:
            try:
                wire = opened.idle.pop()
            except IndexError:
                return None
            young = wire.born > opened.drained and monotonic() - wire.born < _LIFETIME
            if young and not wire.was_hung_up():
                return wire
            await wire.close()

    async def _made(self, opened: _Open, clock: Clock) -> Wire:
        """A new connection. Once there was one, a server that takes none is taken to be restarting."""
        until, pause = monotonic() + clock.left(), 0.01
        while True:
            try:
                wire = await self._dialled(max(0.01, until - monotonic()))
            except (psycopg.Error, TimeoutError) as error:
                if isinstance(error, psycopg.Error):
                    # What is left of the connection knows the password, and shows it in its repr.
                    error._pgconn = None  # pyright: ignore[reportPrivateUsage]
                if not opened.succeeded or monotonic() + pause >= until:
                    raise DatabaseUnreachable(
                        f"{mask(self._url or '')} takes no connection: {_reason(error, self._url)}",
                        sqlstate=getattr(error, "sqlstate", None),
                        transient=True,
                        hint="is the server up, and are user, password and database of the URL right?",
                    ) from error
            else:
                opened.succeeded = True
                return wire
            await waiting.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 0.25)

    async def _dialled(self, seconds: float) -> Wire:
        if self._url is None:
            self._url = _checked_url(require_url().value)
        given = conninfo_to_dict(self._url)
        defaults = {**_WIRE_DEFAULTS, "connect_timeout": str(math.ceil(seconds))}
        missing = {name: value for name, value in defaults.items() if name not in given}
        return await waiting.within(seconds, Wire.dial, self._url, **missing)

    async def _given_back(self, wire: Wire) -> None:
        opened: _Open = wire.lender
        try:
            wire.end()
            if self._opened is opened and wire.born > opened.drained and wire.is_at_rest:
                opened.idle.append(wire)
            else:
                await wire.close()
            # Whoever comes back looks after the one that was idle for longest: no thread, no task of our own.
            if len(opened.idle) > self._sizes[0] and monotonic() - opened.idle[0].used > _IDLE:
                with suppress(IndexError):
                    await opened.idle.popleft().close()
        finally:
            opened.turns.give()

    async def _heal(self, wire: Wire | None) -> None:
        """Drop the idle connections, once, after one was lost: a restarted server leaves them all dead."""
        opened = self._opened
        if opened is not None and (wire is None or wire.born > opened.drained):
            opened.drained = monotonic()
            await self._emptied(opened)

    async def _emptied(self, opened: _Open) -> None:
        while opened.idle:
            with suppress(IndexError):
                await opened.idle.pop().close()


_LEFT_BEHIND: list[_Open] = []


def _leave_behind(opened: _Open) -> None:
    """A forked child may not say goodbye on its parent's connections; a new event loop may on the old's."""
    if opened.pid != os.getpid():
        _LEFT_BEHIND.append(opened)
        return
    for wire in opened.idle:
        wire.pgconn.finish()


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _checked_url(url: Any) -> str:
    if not isinstance(url, str):
        raise InvalidArgument(f"url must be a str, and is {kind_of(url)}")
    url = libpq_url(url)
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        # libpq's words may quote a piece of the password.
        raise InvalidArgument(
            "url can not be parsed", hint="postgresql://USER:PASSWORD@HOST:5432/DATABASE, percent-encoded"
        ) from None
    return url


def _reason(error: BaseException, url: str | None) -> str:
    """Why there is no connection, in the words of the server or of libpq."""
    if isinstance(error, TimeoutError | psycopg.errors.ConnectionTimeout):
        return "no answer in time"
    if unknown := re.search(r"(?:resolve|translate) host .*: (?:\[Errno -?\d+\] )?([^:\n]+)", str(error)):
        return f"its host's name leads nowhere ({unknown[1]})"
    found = re.search(r"(?:FATAL:\s*|failed: )(?!.*(?:FATAL:|failed: ))([^\n]+)", str(error))
    words = found[1] if found else type(error).__name__
    # In a URL that is not percent-encoded a piece of the password is taken for the host or the port.
    given = conninfo_to_dict(url or "")
    for name in ("host", "port", "password"):
        if piece := given.get(name):
            words = words.replace(str(piece), "...")
    return words
