# Generated from the _async twin by `nox -s sync`: edit that one.
"""Agent memory: threads, messages, context windows, tool results, working memory, recall."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import (
    Conflict,
    DatabaseUnreachable,
    DeadlineExceeded,
    InvalidArgument,
    OutcomeUnknown,
    kind_of,
)
from mastra_cli.runtime import formats
from mastra_cli.runtime._sync.memory_messages import Conversations
from mastra_cli.runtime._sync.memory_threads import no_thread
from mastra_cli.runtime._sync.memory_tools import Tools
from mastra_cli.runtime._sync.vector import SyncPgVector
from mastra_cli.runtime.checks import checked_date, checked_title
from mastra_cli.runtime.identity import checked
from mastra_cli.runtime.message_rows import Batch, new_id
from mastra_cli.runtime.models_memory import Format, Memory, MemoryTurn, Window
from mastra_cli.runtime.selection import whole
from mastra_cli.runtime.tokens import estimate_tokens

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.session import Pool

__all__ = ["SyncPgMemory"]

Embedder = Callable[[list[str]], Any] | Callable[[list[str]], Awaitable[Any]]


class SyncPgMemory(Conversations, Tools):
    """Conversation memory in Postgres whose cost does not grow with the conversation.

    An async context manager; it opens at its first use. Without `connection_string` and `pool` the URL is
    found as the command line finds it, in the environment, then in `.env`. `pool`: made by `connect()`.
    `max_tokens` is the usual budget of a window; `token_counter` counts a text's tokens, instead of an
    estimate. `vector` (a `PgVector`) and `embedder` (texts to vectors, sync or async), always both, switch
    semantic recall on, once `create_memory_index` was called. Every method takes `timeout`, the
    seconds of the whole call.
    """

    def __init__(
        self,
        *,
        connection_string: str | None = None,
        pool: Pool | None = None,
        timeout: float = 30.0,
        max_tokens: int | None = None,
        token_counter: Callable[[str], int] | None = None,
        vector: SyncPgVector | None = None,
        embedder: Embedder | None = None,
    ) -> None:
        if token_counter is not None and not callable(token_counter):
            raise InvalidArgument("token_counter must be a callable, text to number of tokens")
        if embedder is not None and not callable(embedder):
            raise InvalidArgument("embedder must be a callable, texts to vectors")
        if vector is not None and not isinstance(vector, SyncPgVector):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(
                f"vector must be a PgVector, and is {kind_of(vector)}", hint="PgVector(pool=...), say"
            )
        if (vector is None) != (embedder is None):
            one, other = ("embedder", "vector") if vector is None else ("vector", "embedder")
            raise InvalidArgument(
                f"{one} is given without {other}",
                hint="semantic recall takes both: vector=PgVector(pool=...), embedder=...",
            )
        super().__init__(url=connection_string, pool=pool, timeout=timeout)
        self._max_tokens = None if max_tokens is None else whole(max_tokens, "max_tokens")
        self._counter = token_counter or estimate_tokens
        self._embedder = embedder

    def save_memory(
        self,
        *,
        resource_id: str,
        user_messages: Any,
        thread_id: str | None = None,
        title: str | None = None,
        format: Format = "raw",
        timeout: float | None = None,
    ) -> MemoryTurn:
        """Save what the user says, and get what the model needs: the window, the new messages at its end.

        New messages are in whatever the budget. Those whose id is there already, as when a front end posts
        its whole history each time, are as old as they are. Without `thread_id` a new thread begins; one that
        is not there is made, with the title. A thread of another resource is a `Conflict`, and nothing is
        written.
        """
        resource_id, clock = checked(resource_id, "resource_id"), self._clock(timeout)
        thread_id = new_id() if thread_id is None else checked(thread_id, "thread_id")
        title = checked_title(title)
        formats.check_format(format)
        batch = Batch.of(formats.read_all(user_messages), thread_id, self._counter)
        if batch.messages:
            _, must = self._save(batch, clock, resource_id=resource_id, title=title)
        else:
            self._ensure_thread(thread_id, resource_id, title, clock)
            must = None
        try:
            window = self._window(thread_id, clock, self._max_tokens, None, format, must=must)
        except (DatabaseUnreachable, DeadlineExceeded) as error:
            raise OutcomeUnknown(
                f"the messages are saved in the thread {thread_id!r}, and its window could not be read",
                hint="get_context_window reads it; do not save them again",
            ) from error
        return MemoryTurn(thread_id, window)

    def get_memory(self, *, thread_id: str, timeout: float | None = None) -> Memory:
        """A thread, its window by the usual budget, and its working memory; unknown: `ThreadNotFound`."""
        clock = self._clock(timeout)
        thread = self._thread(checked(thread_id, "thread_id"), clock)
        if thread is None:
            raise no_thread(thread_id)
        window = self._window(thread_id, clock, self._max_tokens, None, "raw")
        return Memory(thread, window, self._in_mind(thread_id, clock))

    def get_context_window(
        self,
        *,
        thread_id: str,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        max_tokens: int | None = None,
        last: int | None = None,
        format: Format = "raw",
        timeout: float | None = None,
    ) -> Window:
        """The newest whole turns that fit, ready to be sent; the newest one always, also over the budget.

        A system message stands in its turn as any other, and one at the thread's start is the first to fall
        out: give the system prompt with each call of the model instead. Dates are inclusive at both ends.
        `last` counts messages; `max_tokens` defaults to this object's. An unknown thread has an empty window.
        """
        thread_id, clock = checked(thread_id, "thread_id"), self._clock(timeout)
        formats.check_format(format)
        budget = self._max_tokens if max_tokens is None else whole(max_tokens, "max_tokens")
        last = None if last is None else whole(last, "last")
        if start_date is None and end_date is None:
            return self._window(thread_id, clock, budget, last, format)
        dates = (checked_date(start_date, "start_date"), checked_date(end_date, "end_date"))
        return self._window(thread_id, clock, budget, last, format, dates=dates)

    def _ensure_thread(self, thread_id: str, resource_id: str, title: str | None, clock: Any) -> None:
        thread = self._thread(thread_id, clock)
        thread = thread or self._insert_thread(thread_id, resource_id, title, None, clock)
        thread = thread or self._thread(thread_id, clock)
        if thread is None or thread.resource_id != resource_id:
            raise Conflict(f"the thread {thread_id!r} is another resource's")
