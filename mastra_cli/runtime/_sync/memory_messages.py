# Generated from the _async twin by `nox -s sync`: edit that one.
"""The messages of `PgMemory`: saved by the batch, read by the page and by the window, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import (
    Conflict,
    DatabaseFailed,
    InvalidArgument,
    MastraError,
    NotFound,
    OutcomeUnknown,
    kind_of,
)
from mastra_cli.runtime import formats, formats_ui
from mastra_cli.runtime._sync.memory_recall import Recall
from mastra_cli.runtime._sync.memory_threads import no_thread, patience
from mastra_cli.runtime.identity import checked
from mastra_cli.runtime.message_rows import Batch, message_of
from mastra_cli.runtime.models_memory import Kind, Message, Messages, Role, Window
from mastra_cli.runtime.selection import whole
from mastra_cli.runtime.sql import statements
from mastra_cli.runtime.tokens import count_tokens
from mastra_cli.runtime.window import Turns

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.wire import Wire
    from mastra_cli.runtime.parts import Part
    from mastra_cli.runtime.timing import Clock

MESSAGE, THREAD = statements("message"), statements("thread")

_TOP = 2**63 - 1
# A window's first block, and the largest; how far back a turn's start is looked for when there is a budget.
FIRST_BLOCK, MAX_BLOCK, REACH = 128, 1_024, 10_000
_TAKEN = "23505"


class Conversations(Recall):
    """Saves, reads and deletes messages."""

    _counter: Callable[[str], int]

    def add_message(
        self,
        *,
        thread_id: str,
        content: Any,
        role: Role,
        type: Kind = "text",
        tool_names: list[str] | None = None,
        tool_call_args: list[Any] | None = None,
        tool_call_ids: list[str] | None = None,
        timeout: float | None = None,
    ) -> Message:
        """Save one message at the end of its thread.

        `content` is a string or a list of parts; what tools were called, or answered, may stand in the parts
        or in `tool_names`, `tool_call_args` and `tool_call_ids`.
        """
        message = Message(
            role=role,
            type=type,
            content=content,
            tool_names=tool_names,
            tool_call_args=tool_call_args,
            tool_call_ids=tool_call_ids,
        )
        thread_id, clock = checked(thread_id, "thread_id"), self._clock(timeout)
        saved, _ = self._save(Batch.of(formats.read(message), thread_id, self._counter), clock)
        return saved[0]

    def save_messages(
        self, *, messages: Any, thread_id: str | None = None, timeout: float | None = None
    ) -> list[Message]:
        """Save messages in their order: all of them, or none.

        A message is a `Message`, a dict in any of the formats, or an object of a provider's client. One whose
        id is there already replaces the one that is, and keeps its place. One that says what several messages
        say, as a `ui` message with tool calls does, becomes as many, `id`, `id#2` ..., and is replaced, or
        deleted, with all of them. Without `thread_id` each message names its thread.
        """
        clock = self._clock(timeout)
        thread_id = None if thread_id is None else checked(thread_id, "thread_id")
        batch = Batch.of(formats.read_all(messages), thread_id, self._counter)
        return (self._save(batch, clock))[0] if batch.messages else []

    def get_messages(
        self,
        *,
        thread_id: str,
        last: int | None = None,
        before: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Messages:
        """Messages of a thread, oldest first: the `last` ones, or a page.

        `before` and `after` are message ids, exclusive. With `limit`: the nearest older ones than `before`,
        else the nearest newer ones than `after`, else the oldest.
        """
        if last is not None and limit is not None:
            raise InvalidArgument("last and limit are both given", hint="last is the limit from the end")
        size = next((whole(n, what) for n, what in ((last, "last"), (limit, "limit")) if n is not None), None)
        clock = self._clock(timeout)
        params = {
            "thread_id": checked(thread_id, "thread_id"),
            "before": None if before is None else checked(before, "before"),
            "after": None if after is None else checked(after, "after"),
            "limit": None if size is None else size + 1,
        }
        backwards = last is not None or (before is not None and after is None)
        rows = self._pool.rows(MESSAGE["newest" if backwards else "oldest"], params, timeout=clock)
        if not rows and (before or after):
            self._must_be_there(thread_id, [id for id in (before, after) if id], clock)
        more = size is not None and len(rows) > size
        messages = [message_of(row) for row in rows[:size]]
        if backwards:
            messages.reverse()
        return Messages(messages, formats_ui.write(messages), more)

    def delete_message(
        self, *, message_id: str, thread_id: str | None = None, timeout: float | None = None
    ) -> int:
        """Delete a message, with its further pieces `id#2` ...; how many were deleted. Its place stays empty.

        Without `thread_id`, an id that stands in several threads is a `Conflict`, and nothing is deleted.
        """
        return self.delete_messages(message_ids=[message_id], thread_id=thread_id, timeout=timeout)

    def delete_messages(
        self, *, message_ids: Iterable[str], thread_id: str | None = None, timeout: float | None = None
    ) -> int:
        """Delete messages, all or none; how many were deleted. See `delete_message`."""
        clock = self._clock(timeout, bulk=True)
        if isinstance(message_ids, str | bytes) or not isinstance(message_ids, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"message_ids must be a list of ids, and is {kind_of(message_ids)}")
        ids = [checked(id, "the id of a message") for id in message_ids]
        threads = [checked(thread_id, "thread_id")] * len(ids) if thread_id is not None else []

        def work(wire: Wire) -> int:
            found = list(zip(ids, threads, strict=False))
            if thread_id is None:
                found = (wire.execute(MESSAGE["find"], {"ids": ids})).fetchall()
                _refuse_doubles(found)
            params = {"ids": [row[0] for row in found], "thread_ids": [row[1] for row in found]}
            bound = {**params, "patience": patience(clock)}
            row = (wire.execute(MESSAGE["delete"], bound)).fetchone()
            return row[0] if row else 0

        return self._pool.transaction(work, timeout=clock) if ids else 0

    # -- saving -------------------------------------------------------------------------------------------

    def _save(
        self, batch: Batch, clock: Clock, *, resource_id: str | None = None, title: str | None = None
    ) -> tuple[list[Message], int | None]:
        """The saved messages, in the order in which they were given; the seq of the first that is new."""
        vectors = self._embedded(self._texts(batch, clock), clock)
        rows = self._append(batch, clock) if batch.appends and resource_id is None else None
        if rows is None:
            rows = self._merge(batch, clock, resource_id, title)
        saved = batch.saved(rows)
        self._keep(vectors, saved, [row[2] for row in rows], clock)
        # An id that was made here is new, even when the first answer was lost and the second call found it.
        fresh = (row[0] for row, named in zip(rows, batch.named, strict=True) if row[3] or not named)
        return [saved[place] for place in batch.places], min(fresh, default=None)

    def _texts(self, batch: Batch, clock: Clock) -> list[str | None]:
        """What is to be embedded: the text of each message that is not there already as it is given."""
        if self._embedder is None or not any(batch.named):
            return batch.texts
        same = {row[0] for row in self._pool.rows(MESSAGE["same"], batch.params, timeout=clock)}
        return [None if place in same else text for place, text in enumerate(batch.texts)]

    def _append(self, batch: Batch, clock: Clock) -> Sequence[Any] | None:
        """(seq, time, version, new) of each message; None when this very call put it there already."""
        one = len(batch.messages) == 1
        statement, params = ("append_one", batch.only()) if one else ("append", batch.params)
        try:
            row = self._pool.row(MESSAGE[statement], params, timeout=clock, writes=True)
        except (DatabaseFailed, OutcomeUnknown) as error:
            if not _is_taken(error):
                raise
            return None
        if row is None:
            raise no_thread(batch.messages[0].thread_id)
        first = row[0] - len(batch.messages) + 1
        return [(seq, m.created_at or row[1], 1, True) for seq, m in enumerate(batch.messages, first)]

    def _merge(
        self, batch: Batch, clock: Clock, resource_id: str | None, title: str | None
    ) -> Sequence[Any]:
        """(seq, time, version, new) of each message."""
        params = {**batch.params, "resource_id": resource_id, "title": title}
        rows: Sequence[Any] = []
        if len(batch.threads) == 1:
            try:
                rows = self._pool.rows(MESSAGE["save"], params, timeout=clock, writes=True)
            except (DatabaseFailed, OutcomeUnknown) as error:
                if not _is_taken(error):
                    raise
            _refuse(batch, rows, resource_id)

        def under_lock(wire: Wire) -> Sequence[Any]:
            wire.execute(THREAD["lock"], {"ids": batch.threads})
            rows = (wire.execute(MESSAGE["save"], params, binary=True)).fetchall()
            _refuse(batch, rows, resource_id)
            return rows

        while not rows or any(row[1] is None for row in rows):
            # Another writer was quicker with an id, or replaced or deleted what this one replaces.
            rows = self._pool.transaction(under_lock, timeout=clock)
        return [row[1:] for row in rows]

    # -- the window ---------------------------------------------------------------------------------------

    def _window(
        self,
        thread_id: str,
        clock: Clock,
        max_tokens: int | None,
        last: int | None,
        format: str,
        *,
        dates: tuple[datetime | None, datetime | None] | None = None,
        must: int | None = None,
    ) -> Window:
        """Whole turns, newest first, read block by block until the budget is spent."""

        def count(parts: list[Part]) -> int:
            return count_tokens(parts, self._counter)

        turns = Turns(max_tokens=max_tokens, last=last, count=count, must=must)
        params: dict[str, Any] = {
            "thread_id": thread_id,
            "below": _TOP,
            "block": FIRST_BLOCK,
            "budget": _TOP if max_tokens is None else max_tokens,
            "must": _TOP if must is None else must,
            "started": False,
        }
        if dates is not None:
            params |= {"start": dates[0] or "-infinity", "end": dates[1] or "infinity"}
        statement = MESSAGE["window" if dates is None else "window_dated"]
        totals: tuple[int, int] | None = None
        read = 0
        while True:
            # Planned for its dates each time: a plan for any dates would sort the whole thread.
            prepare = None if dates is None else False
            rows = self._pool.rows(statement, params, timeout=clock, prepare=prepare)
            if dates is None and rows and totals is None:
                totals = rows[0][9], rows[0][10]
            found = [message_of(row) for row in rows if row[0] is not None]
            turns.add(found)
            read += len(found)
            at_end = turns.full or len(found) < params["block"]
            bounded = max_tokens is not None or last is not None
            if at_end or (bounded and not turns.started and read >= REACH):
                break
            block = min(2 * params["block"], MAX_BLOCK)
            params |= {"below": found[-1].seq, "block": block, "started": turns.started}
            params |= {"budget": _TOP if max_tokens is None else max(-1, max_tokens - turns.tokens)}
        messages = turns.take()
        tokens = sum(message.tokens for message in messages)
        written, system = formats.write(messages, format)
        everything = totals or (0, 0)
        return Window(
            written,
            system=system,
            tokens=tokens,
            dropped_messages=None if dates is not None else max(0, everything[0] - len(messages)),
            dropped_tokens=None if dates is not None else max(0, everything[1] - tokens),
        )

    def _must_be_there(self, thread_id: str, ids: list[str], clock: Clock) -> None:
        """A page beside an unknown message is no page; but a thread that is not there has no messages."""
        rows = self._pool.rows(MESSAGE["find"], {"ids": ids}, timeout=clock)
        found = {row[0] for row in rows if row[1] == thread_id}
        missing = next((id for id in ids if id not in found), None)
        if missing and self._pool.row(THREAD["get"], {"id": thread_id}, timeout=clock):
            raise NotFound(f"the thread {thread_id!r} has no message {missing!r}")


def _is_taken(error: MastraError) -> bool:
    """Whether an id was there: another writer's, or our own, when the answer to the first try was lost."""
    return getattr(error.__cause__, "sqlstate", None) == _TAKEN


def _refuse(batch: Batch, rows: Sequence[Any], resource_id: str | None) -> None:
    for message, row in zip(batch.messages, rows, strict=False):
        if row[0] is None and resource_id is None:
            raise no_thread(message.thread_id)
        if row[0] is not None and resource_id is not None and row[0] != resource_id:
            raise Conflict(f"the thread {message.thread_id!r} is another resource's")


def _refuse_doubles(found: Sequence[Any]) -> None:
    for one, following in pairwise(found):
        if one[0] == following[0]:
            raise Conflict(
                f"the message id {one[0]!r} stands in several threads", hint="give thread_id as well"
            )
