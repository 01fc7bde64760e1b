# Generated from the _async twin by `nox -s sync`: edit that one.
"""A connection that never waits past its deadline, and knows whether it leads straight to the server."""

from __future__ import annotations

import json
import math
from collections.abc import Generator
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from mastra_cli.runtime.packed import Packed, PackedDumper
from mastra_cli.runtime.sql import statements

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")

SESSION = statements("session")

_INTERVAL = 0.1
_GRACE = 0.25
_UNATTENDED = 5.0
# A process that was stopped looks like one that is busy, but for what it counts: no statement takes longer
# than this without a deadline of its caller's, unless the server shows that it gets on.
_UNMOVED = 3600.0
# psycopg's own number for "readable": the wait is for the server's answer.
_READING = 1


def _loads(text: str | bytes) -> Any:
    # `json.loads` would look at bytes to find out how they are encoded.
    return json.loads(text if isinstance(text, str) else text.decode())


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


class Wire(Connection[TupleRow]):
    """A connection in autocommit whose every wait ends by the clock that `begin` sets."""

    born = 0.0
    used = 0.0
    _until = math.inf
    _patience = _UNATTENDED

    @classmethod
    def dial(cls, url: str, **parameters: Any) -> Self:
        """A new connection, asked whether a pooler stands between."""
        wire = cls.connect(url, autocommit=True, **parameters)
        try:
            cursor = wire.execute(SESSION["who"], prepare=False)
            pid = cursor.fetchone()
        except BaseException:
            wire.close()
            raise
        # A pooler shows a process id of its own making. Its servers do not know our prepared statements.
        wire.prepare_threshold = 5 if pid == (wire.info.backend_pid,) else None
        wire.adapters.register_dumper(Packed, PackedDumper)
        set_json_loads(_loads, wire)
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

    def wait(
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
                return super().wait(watch.run(until), step)
            except _Late:
                if until < self._until and watch.wants == _READING and (busy := self._busy()):
                    if busy != progress:
                        progress, moved = busy, moved if progress is None else monotonic()
                    if monotonic() - moved < _UNMOVED:
                        continue
            return self._call_off(watch, began)

    def _call_off(self, watch: _Watch[T], began: float) -> T:
        """Ask the server to cancel, and take what it still says: often that it was done already."""
        try:
            self.cancel_safe(timeout=_GRACE)
            return super().wait(watch.run(monotonic() + _GRACE), 0.02)
        except (_Late, psycopg.errors.CancellationTimeout):
            pass
        except psycopg.OperationalError as error:
            if error.sqlstate is not None:
                raise
        self.close()
        raise Silent(monotonic() - began)

    def _busy(self) -> TupleRow | None:
        """How far the server is with our statement, asked over a connection of its own; None: it has none."""
        try:
            with Connection.connect(
                self.info.dsn, password=self.info.password, autocommit=True, connect_timeout=3
            ) as other:
                cursor = other.execute(SESSION["busy"], {"pid": self.info.backend_pid}, prepare=False)
                return cursor.fetchone()
        except psycopg.Error:
            return None
