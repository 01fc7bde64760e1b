# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""A connection that never waits past its deadline, and knows whether it leads straight to the server."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import psycopg
from psycopg import AsyncConnection, AsyncCursor, pq
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from mastra_cli.runtime.packed import JsonbLoader, Packed, PackedDumper, loads
from mastra_cli.runtime.sql import statements

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
Params = Sequence[Any] | Mapping[str, Any]

SESSION = statements("session")

_INTERVAL = 0.1
_GRACE = 0.25
_UNATTENDED = 5.0
# A process that was stopped looks like one that is busy, but for what it counts: no statement takes longer
# than this without a deadline of its caller's, unless the server shows that it gets on.
_UNMOVED = 3600.0
_CURSORS = 32
_LIGHT = 20_000
_IDLE = pq.TransactionStatus.IDLE
_TUPLES = pq.ExecStatus.TUPLES_OK
# psycopg's own number for "readable": the wait is for the server's answer.
_READING = 1


class Silent(psycopg.OperationalError):
    """The server did not answer in time, not even to a request to cancel; the connection was closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the server did not answer in time")
        self.seconds = seconds


class _Late(Exception):
    """The clock ran out; the wait can be taken up again."""


def is_lost(error: psycopg.Error) -> bool:
    """Whether it was the connection that failed, and not the statement."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith("08") or state in ("57P01", "57P02", "57P03", "25P03", "57P05")


class _Watch(Generic[T]):
    """A psycopg generator with a clock; once `run` raised `_Late`, another `run` goes on where it stood."""

    def __init__(self, steps: Generator[Any, Any, T]) -> None:
        self._steps = steps
        self.wants: Any = None

    def run(self, until: float) -> Generator[Any, Any, T]:
        try:
            if self.wants is None:
                self.wants = next(self._steps)
            while True:
                ready = yield self.wants
                self.wants = self._steps.send(ready)
                if monotonic() >= until:
                    raise _Late
        except StopIteration as end:
            return end.value


class Wire(AsyncConnection[TupleRow]):
    """A connection in autocommit whose every wait ends by the clock that `begin` sets."""

    born = 0.0
    used = 0.0
    lender: Any = None
    _until = math.inf
    _patience = _UNATTENDED

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By the identity of the statement, which is held here too.
        self._cursors: dict[int, tuple[Any, AsyncCursor[TupleRow]]] = {}

    @classmethod
    async def dial(cls, url: str, **parameters: Any) -> Self:
        """A new connection, asked whether a pooler stands between."""
        wire = await cls.connect(url, autocommit=True, **parameters)
        try:
            told = wire.info.backend_pid
            who = {"told": told, "asked": "jit" in wire.info.options}
            cursor = await wire.execute(SESSION["who"], who, prepare=False)
            found = await cursor.fetchone()
        except BaseException:
            await wire.close()
            raise
        # A pooler shows a process id of its own making. Its servers do not know our prepared statements.
        wire.prepare_threshold = 5 if found is not None and found[0] == told else None
        wire.adapters.register_dumper(Packed, PackedDumper)
        set_json_loads(loads, wire)
        wire.adapters.register_loader("jsonb", JsonbLoader)
        wire.born = monotonic()
        return wire

    def begin(self, until: float, patience: float) -> None:
        """From now on: no wait past `until`, none longer than `patience` without a sign of life."""
        self._until, self._patience = until, patience

    def end(self) -> None:
        """Back to the pool, whose own few statements may not hang either."""
        self._until, self._patience = math.inf, _UNATTENDED
        self.used = monotonic()

    def was_hung_up(self) -> bool:
        """Whether the other end has gone while nothing was asked: what is sent now would not arrive."""
        try:
            # Twice: the first may read what was said in parting, and the end comes after it.
            self.pgconn.consume_input()
            self.pgconn.consume_input()
        except psycopg.OperationalError:
            return True
        return False

    def refused(self, error: psycopg.Error) -> bool:
        """Whether the server ended the session instead of doing what was asked."""
        # A backend heeds this between statements and inside of them, never on its way from a COMMIT to the
        # answer. A pooler may say it while its server goes on.
        return error.sqlstate in ("57P01", "57P05", "25P03") and self.prepare_threshold is not None

    @property
    def is_at_rest(self) -> bool:
        """Whether neither a statement nor a transaction is under way."""
        return self.pgconn.transaction_status == _IDLE

    async def rows(self, statement: Any, params: Params | None, *, prepare: bool | None) -> list[TupleRow]:
        """All rows of a statement, its values in binary; none when it brings no rows."""
        # What psycopg finds out about a statement (how its values are dumped, its columns loaded) stays in
        # the cursor while the same object is executed again: a third of the time of a small answer.
        lasting = type(statement) is str or hasattr(statement, "lasting")
        kept = self._cursors.pop(id(statement), None) if lasting else None
        cursor = self.cursor(binary=True) if kept is None else kept[1]
        await cursor.execute(cast(Any, statement), params, prepare=prepare)
        result = cursor.pgresult
        assert result is not None
        found = await cursor.fetchall() if result.status == _TUPLES else []
        if lasting and _is_light(params):
            # A connection that lies idle holds on to no rows, and to no large parameters.
            result.clear()
            if len(self._cursors) >= _CURSORS:
                del self._cursors[next(iter(self._cursors))]
            self._cursors[id(statement)] = (statement, cursor)
        return found

    async def wait(
        self, gen: Generator[Any, Any, T], interval: float = _INTERVAL, timeout: float | None = None
    ) -> T:
        watch = _Watch(gen)
        began = moved = monotonic()
        progress = None
        while True:
            now = monotonic()
            until = min(self._until, now + self._patience)
            step = min(interval, max(0.001, until - now))
            try:
                return await super().wait(watch.run(until), step)
            except _Late:
                if until < self._until and watch.wants == _READING and (busy := await self._busy()):
                    if busy != progress:
                        progress, moved = busy, moved if progress is None else monotonic()
                    if monotonic() - moved < _UNMOVED:
                        continue
            return await self._call_off(watch, began)

    async def close(self) -> None:
        self._cursors.clear()
        await super().close()

    async def _call_off(self, watch: _Watch[T], began: float) -> T:
        """Ask the server to cancel, and take what it still says: often that it was done already."""
        try:
            await self.cancel_safe(timeout=_GRACE)
            return await super().wait(watch.run(monotonic() + _GRACE), 0.02)
        except (_Late, psycopg.errors.CancellationTimeout):
            pass
        except psycopg.OperationalError as error:
            if error.sqlstate is not None:
                raise
        await self.close()
        raise Silent(monotonic() - began)

    async def _busy(self) -> TupleRow | None:
        """How far the server is with our statement, asked over a connection of its own; None: it has none."""
        try:
            async with await AsyncConnection.connect(
                self.info.dsn, password=self.info.password, autocommit=True, connect_timeout=3
            ) as other:
                cursor = await other.execute(SESSION["busy"], {"pid": self.info.backend_pid}, prepare=False)
                return await cursor.fetchone()
        except psycopg.Error:
            return None


def _is_light(params: Params | None) -> bool:
    """Whether these are plain values, none of them long."""
    values = params.values() if isinstance(params, dict) else params or ()
    for value in cast("Iterable[object]", values):
        if isinstance(value, (str, bytes)):
            if len(value) > _LIGHT:
                return False
        elif value is not None and not isinstance(value, (int, float, datetime)):
            return False
    return True
