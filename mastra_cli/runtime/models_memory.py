"""The values of `PgMemory`: threads, messages, windows, what tools answered, what was recalled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "DeletedResource",
    "ExportedResource",
    "Format",
    "Kind",
    "Memory",
    "MemoryTurn",
    "Message",
    "Messages",
    "Pruned",
    "Recalled",
    "Role",
    "Scope",
    "Thread",
    "ThreadOrder",
    "ToolResult",
    "Window",
    "WorkingMemory",
]

Role = Literal["user", "assistant", "system", "tool"]
Kind = Literal["text", "tool-call", "tool-result"]
Format = Literal["raw", "core_message", "ui", "openai", "anthropic"]
"""The form of a window's messages: as they are stored, or as a provider or a front end has them."""
Scope = Literal["thread", "resource"]
ThreadOrder = Literal["updated_at", "created_at"]


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation of one resource: a user, a tenant, whatever the caller's id stands for."""

    id: str
    resource_id: str
    title: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime | None = None
    """None only before it is saved."""
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a thread. To save a new one, `role` and `content` are enough."""

    id: str = ""
    thread_id: str = ""
    seq: int = 0
    """Its place in the thread, from 1 on; 0 before it is saved."""
    role: Role = "user"
    type: Kind = "text"
    content: Any = ""
    """A string, or a list of parts; for a tool's result any JSON."""
    tool_call_ids: list[str] | None = None
    tool_call_args: list[Any] | None = None
    tool_names: list[str] | None = None
    tokens: int = 0
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Messages:
    """A page of a thread, oldest first."""

    messages: list[Message]
    ui_messages: list[dict[str, Any]]
    """The same for a chat front end: tool calls and their results joined in `toolInvocations`."""
    has_more: bool
    """Whether the thread goes on in the direction of the page."""


class Window(list[Any]):
    """The messages that fit: `Message`s, or dicts in the format that was asked for; oldest first."""

    __slots__ = ("dropped_messages", "dropped_tokens", "system", "tokens")

    def __init__(
        self,
        messages: Iterable[Any] = (),
        *,
        system: str | None = None,
        tokens: int = 0,
        dropped_messages: int | None = 0,
        dropped_tokens: int | None = 0,
    ) -> None:
        super().__init__(messages)
        self.system = system
        """What `anthropic` takes apart from the messages; "" when there is none. None in other formats."""
        self.tokens = tokens
        self.dropped_messages = dropped_messages
        """How much of the thread was left out; None when dates were given."""
        self.dropped_tokens = dropped_tokens


@dataclass(frozen=True, slots=True)
class MemoryTurn:
    """What a model needs for its next reply."""

    thread_id: str
    messages: Window
    """The window, the new messages at its end."""


@dataclass(frozen=True, slots=True)
class WorkingMemory:
    """What an agent keeps in mind of a resource, or of one thread."""

    value: Any
    version: int
    """1 when it is new, one more at each update."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """A thread with its window and what is kept in mind of it."""

    thread: Thread
    messages: Window
    working_memory: WorkingMemory | None
    """The thread's own, else its resource's."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's answer from the cache. It is there, whatever its value: None is an answer too."""

    value: Any
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Recalled:
    """A message that the query brought back."""

    message: Message
    score: float
    """Reciprocal ranks of the semantic and the keyword search, added up; only the order means something."""
    neighbours: list[Message]
    """The messages just before and after it, oldest first, itself left out."""


@dataclass(frozen=True, slots=True)
class DeletedResource:
    """How much went with a resource."""

    threads: int
    messages: int
    tool_results: int
    working_memories: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much was, or with `dry_run` would be, deleted."""

    threads: int
    messages: int
    tool_results: int
    """Those that had expired."""


@dataclass(frozen=True, slots=True)
class ExportedResource:
    """Everything that is stored of a resource, as of one moment."""

    resource_id: str
    threads: list[Thread]
    messages: list[Message]
    """By thread, then in order."""
    working_memory: dict[str | None, WorkingMemory]
    """By thread id; None: the resource's own."""
    tool_results: list[dict[str, Any]]
    """`thread_id` (None: shared by the resource's threads), `tool_name`, `args_hash`, `value`, times."""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    """How many of each: threads, messages, working_memory, tool_results."""
