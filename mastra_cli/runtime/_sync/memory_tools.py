# Generated from the _async twin by `nox -s sync`: edit that one.
"""What `PgMemory` keeps beside the conversation: the cache of tool results, and working memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mastra_cli.errors import Conflict, InvalidArgument
from mastra_cli.runtime._sync.memory_threads import THREAD, Threads, no_thread
from mastra_cli.runtime.identity import checked
from mastra_cli.runtime.message_rows import MAX_TTL, TOOL_TTL, tool_result_of, working_memory_of
from mastra_cli.runtime.models_memory import Scope, ToolResult, WorkingMemory
from mastra_cli.runtime.parts import dump_json
from mastra_cli.runtime.selection import whole
from mastra_cli.runtime.sql import statements
from mastra_cli.runtime.tool_args import hash_tool_args

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.wire import Wire
    from mastra_cli.runtime.timing import Clock

TOOL_RESULT, WORKING_MEMORY = statements("tool_result"), statements("working_memory")


class Tools(Threads):
    """The cache of tool results, and working memory."""

    @staticmethod
    def hash_tool_args(args: Any) -> str:
        """The hash that `validate_tool_call_args` takes: the order of keys does not matter, and 1 is 1.0."""
        return hash_tool_args(args)

    def get_tool_result(
        self, *, thread_id: str, tool_name: str, tool_args: Any, timeout: float | None = None
    ) -> ToolResult | None:
        """What the tool answered to these arguments, if that still holds; None: ask the tool.

        The thread's own answers first, then those that all threads of its resource share.
        """
        return self._cached(thread_id, tool_name, hash_tool_args(tool_args), self._clock(timeout))

    def validate_tool_call_args(
        self, *, thread_id: str, tool_name: str, hashed_args: str, timeout: float | None = None
    ) -> ToolResult | None:
        """The same, by the hash of the arguments (`hash_tool_args`)."""
        return self._cached(
            thread_id, tool_name, checked(hashed_args, "hashed_args"), self._clock(timeout)
        )

    def save_tool_result(
        self,
        *,
        thread_id: str,
        tool_name: str,
        tool_args: Any,
        value: Any,
        ttl: float = TOOL_TTL,
        scope: Scope = "thread",
        timeout: float | None = None,
    ) -> ToolResult:
        """Keep an answer for `ttl` seconds, for the thread, or with `scope="resource"` for all its user's."""
        if scope not in ("thread", "resource"):
            raise InvalidArgument(f'scope must be "thread" or "resource", and is {scope!r}')
        if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not 0 < ttl <= MAX_TTL:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument(f"ttl must be a number of seconds above 0, and is {ttl!r}")
        params = {
            "thread_id": checked(thread_id, "thread_id"),
            "tool_name": checked(tool_name, "tool_name"),
            "args_hash": hash_tool_args(tool_args),
            "value": dump_json(value, "value"),
            "ttl": float(ttl),
            "scope": scope,
        }
        row = self._pool.row(TOOL_RESULT["save"], params, timeout=self._clock(timeout), writes=True)
        if row is None:
            raise no_thread(thread_id)
        return tool_result_of(row)

    def get_working_memory(
        self, *, resource_id: str, thread_id: str | None = None, timeout: float | None = None
    ) -> WorkingMemory | None:
        """What is kept in mind of the resource, or of one thread of it."""
        params = {"resource_id": checked(resource_id, "resource_id"), "thread_id": _thread_or_all(thread_id)}
        row = self._pool.row(WORKING_MEMORY["get"], params, timeout=self._clock(timeout))
        return working_memory_of(row) if row else None

    def update_working_memory(
        self,
        *,
        resource_id: str,
        value: Any,
        thread_id: str | None = None,
        expected_version: int | None = None,
        timeout: float | None = None,
    ) -> WorkingMemory:
        """Keep text or JSON in mind; `Conflict` when the version is not the expected one (0: none yet)."""
        expected = None if expected_version is None else whole(expected_version, "expected_version")
        params = {
            "resource_id": checked(resource_id, "resource_id"),
            "thread_id": _thread_or_all(thread_id),
            "value": dump_json(value, "value"),
            "expected": expected,
        }
        clock = self._clock(timeout)

        # A transaction, for its COMMIT can be asked for: repeated, it would not find the version it expects.
        def work(wire: Wire) -> WorkingMemory | None:
            if thread_id is not None:
                owner = (wire.execute(THREAD["hold"], {"id": thread_id})).fetchone()
                if owner is None:
                    raise no_thread(thread_id)
                if owner[0] != resource_id:
                    raise Conflict(f"the thread {thread_id!r} is another resource's")
            row = (wire.execute(WORKING_MEMORY["update"], params)).fetchone()
            return working_memory_of(row) if row else None

        updated = self._pool.transaction(work, timeout=clock)
        if updated is None:
            raise Conflict(
                f"the working memory is not at version {expected}",
                hint="get_working_memory, then update again with its version",
            )
        return updated

    def _cached(self, thread_id: str, tool_name: str, digest: str, clock: Clock) -> ToolResult | None:
        params = {
            "thread_id": checked(thread_id, "thread_id"),
            "tool_name": checked(tool_name, "tool_name"),
            "args_hash": digest,
        }
        row = self._pool.row(TOOL_RESULT["get"], params, timeout=clock)
        return tool_result_of(row) if row else None

    def _in_mind(self, thread_id: str, clock: Clock) -> WorkingMemory | None:
        row = self._pool.row(WORKING_MEMORY["of_thread"], {"thread_id": thread_id}, timeout=clock)
        return working_memory_of(row) if row else None


def _thread_or_all(thread_id: str | None) -> str:
    return "" if thread_id is None else checked(thread_id, "thread_id")
