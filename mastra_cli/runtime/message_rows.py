"""Messages and threads as rows: what a batch binds, what a row says."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime.identity import checked, objection
from mastra_cli.runtime.models_memory import ExportedResource, Message, Thread, ToolResult, WorkingMemory
from mastra_cli.runtime.parts import Part, check_json, is_parts, json_text, parts_of, search_text, with_parts
from mastra_cli.runtime.tokens import count_tokens
from mastra_cli.runtime.tool_args import hash_tool_args

__all__ = [
    "MAX_TTL",
    "TOOL_TTL",
    "Batch",
    "export_of",
    "message_of",
    "metadata_text",
    "new_id",
    "thread_of",
    "tool_result_of",
    "working_memory_of",
]

# A tsvector holds 1 MB: this much text always fits.
MAX_SEARCHED = 100_000
TOOL_TTL = 300.0
MAX_BYTES = 50 * 1024 * 1024
MAX_TTL = 3.2e9  # a hundred years
_UNSEARCHABLE = re.compile("[\0\ud800-\udfff]")
_RESULT_COLUMNS = "result_threads", "result_calls", "result_names", "result_hashes", "result_values"


def new_id() -> str:
    """A UUID (version 7) that sorts by the time it was made."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def in_utc(at: datetime) -> datetime:
    """A time of the server's, which comes in the server's zone, in UTC."""
    return at if at.tzinfo is UTC else at.astimezone(UTC)


def thread_of(row: Sequence[Any]) -> Thread:
    id, resource_id, title, metadata, created_at, updated_at = row
    kept = None if metadata is None else json.loads(metadata)
    return Thread(id, resource_id, title, kept, in_utc(created_at), in_utc(updated_at))


def tool_result_of(row: Sequence[Any]) -> ToolResult:
    value, created_at, expires_at = row
    return ToolResult(json.loads(value), in_utc(created_at), in_utc(expires_at))


def working_memory_of(row: Sequence[Any]) -> WorkingMemory:
    value, version, updated_at = row
    return WorkingMemory(json.loads(value), version, in_utc(updated_at))


def message_of(row: Sequence[Any]) -> Message:
    """The message of a row whose first nine columns are those of `message.sql`."""
    id, thread_id, seq, role, type, content, tool_fields, tokens, created_at = row[:9]
    message = Message(
        id, thread_id, seq, role, type, json.loads(content), tokens=tokens, created_at=in_utc(created_at)
    )
    if tool_fields is not None:
        return replace(message, **json.loads(tool_fields))
    if type != "text":
        return replace(with_parts(message, message.content), type=type)
    return message


def export_of(resource_id: str, rows: Iterable[Sequence[Any]]) -> ExportedResource:
    """An export from the rows of its statement, each of some kind."""
    threads: list[Thread] = []
    messages: list[Message] = []
    kept: dict[str | None, WorkingMemory] = {}
    results: list[dict[str, Any]] = []
    for kind, first, second, third, fourth, fifth, sixth, seq, number, at, then in rows:
        if kind == "thread":
            threads.append(thread_of((first, resource_id, third, fifth, at, then)))
        elif kind == "message":
            messages.append(message_of((second, first, seq, third, fourth, fifth, sixth, number, at)))
        elif kind == "working_memory":
            kept[first or None] = working_memory_of((fifth, number, at))
        else:
            said = {"thread_id": first, "tool_name": second, "args_hash": third, "value": json.loads(fifth)}
            results.append({**said, "created_at": in_utc(at), "expires_at": in_utc(then)})
    counts = {
        "threads": len(threads),
        "messages": len(messages),
        "working_memory": len(kept),
        "tool_results": len(results),
    }
    return ExportedResource(resource_id, threads, messages, kept, results, counts)


def metadata_text(metadata: Any) -> str | None:
    """Metadata as JSON text; what `jsonb` can not hold is `InvalidArgument`."""
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise InvalidArgument(f"metadata must be a dict, and is {kind_of(metadata)}")
    check_json(cast(Any, metadata), "metadata", storable=True)
    return json_text(metadata)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages ready to be saved, each id of a thread once."""

    messages: list[Message]
    places: list[int]
    """For each message that was given: its place in `messages`."""
    params: dict[str, Any]
    texts: list[str | None]
    """What a search finds each message by, whole."""
    named: list[bool]
    """Whether each message came with its id: it may be there already."""
    appends: bool
    """Whether it only goes to the end of one thread: its ids are certainly new, and it answers no call."""

    @property
    def threads(self) -> list[str]:
        return sorted({message.thread_id for message in self.messages})

    @classmethod
    def of(cls, given: Iterable[Message], thread_id: str | None, counter: Callable[[str], int]) -> Batch:
        """The batch of these messages, in the given thread or each in its own."""
        messages: list[Message] = []
        places: list[int] = []
        known: dict[tuple[str, str], int] = {}
        named: list[bool] = []
        wholes: list[bool] = []
        for number, message in enumerate(given):
            thread = thread_id or message.thread_id
            if not thread:
                raise InvalidArgument(
                    f"message {number} names no thread", hint="give thread_id, or set it on the message"
                )
            id = checked(message.id, "the id of a message") if message.id else new_id()
            if not isinstance(message.content, str):
                check_json(message.content, "content")
            if message.tool_call_args is not None:
                check_json(message.tool_call_args, "tool_call_args")
            tokens = count_tokens(parts_of(message), counter)
            ready = Message(
                id, checked(thread, "thread_id"), 0, message.role, message.type, message.content,
                message.tool_call_ids, message.tool_call_args, message.tool_names, tokens, message.created_at,
            )  # fmt: skip
            # The same id twice: the later one is what is meant.
            place = known.setdefault((thread, id), len(messages))
            messages[place : place + 1] = [ready]
            named[place : place + 1] = [bool(message.id)]
            # What was read is a piece of its own; what is made anew says all that its id stands for.
            wholes[place : place + 1] = [bool(message.id) and not message.seq]
            places.append(place)
        texts = [search_text(message) for message in messages]
        params = _params(messages, texts) | {"wholes": wholes}
        fresh = not any(named) and len({m.thread_id for m in messages}) == 1
        return cls(messages, places, params, texts, named, appends=fresh and not params["result_calls"])

    def only(self) -> dict[str, Any]:
        """The parameters for `append_one`."""
        params = self.params
        columns = {
            "id": params["ids"],
            "role": params["roles"],
            "type": params["types"],
            "content": params["contents"],
            "tokens": params["tokens"],
            "text": params["texts"],
            "tool_fields": params["tool_fields"],
            "calls": params["calls"],
            "created": params["created"],
        }
        only: dict[str, Any] = {name: column and column[0] for name, column in columns.items()}
        return {**only, "thread_id": params["thread_id"]}

    def saved(self, rows: Iterable[Sequence[Any]]) -> list[Message]:
        """The messages with the seq and the time that these rows give them."""
        return [
            Message(
                m.id, m.thread_id, row[0], m.role, m.type, m.content, m.tool_call_ids, m.tool_call_args,
                m.tool_names, m.tokens, in_utc(row[1]),
            )
            for m, row in zip(self.messages, rows, strict=True)
        ]  # fmt: skip


def _params(messages: Sequence[Message], texts: Sequence[str | None]) -> dict[str, Any]:
    calls = [_calls(message) for message in messages]
    return {
        "thread_ids": [message.thread_id for message in messages],
        "ids": [message.id for message in messages],
        "roles": [message.role for message in messages],
        "types": [message.type for message in messages],
        "contents": [_content_text(message) for message in messages],
        "tool_fields": _or_none([_tool_fields(message) for message in messages]),
        "calls": _or_none([json.dumps(made) if made else None for made in calls]),
        "tokens": [message.tokens for message in messages],
        "texts": [text and _UNSEARCHABLE.sub(" ", text[:MAX_SEARCHED]) for text in texts],
        "created": _or_none([message.created_at for message in messages]),
        "thread_id": messages[0].thread_id if messages else None,
        "count": len(messages),
        "total": sum(message.tokens for message in messages),
        "ttl": TOOL_TTL,
        "resource_id": None,
        "title": None,
        **_results(messages, calls),
    }


def _or_none(column: list[Any]) -> list[Any] | None:
    """A column for `unnest`, which fills up with nulls what is not there: one of nulls alone is not sent."""
    return column if any(value is not None for value in column) else None


def _content_text(message: Message) -> str:
    text = json_text(message.content)
    if len(text) > MAX_BYTES:
        raise InvalidArgument(f"the content of a message may have {MAX_BYTES:,} bytes at most")
    return text


def _tool_fields(message: Message) -> str | None:
    """What was said beside the content, unless the parts say the same."""
    ids, args, names = message.tool_call_ids, message.tool_call_args, message.tool_names
    if message.type == "text":
        if ids is None and args is None and names is None:
            return None
    elif is_parts(message.content):
        derived = with_parts(message, message.content)
        if (ids, args, names) == (derived.tool_call_ids, derived.tool_call_args, derived.tool_names):
            return None
    return json_text({"tool_call_ids": ids, "tool_call_args": args, "tool_names": names})


def _calls(message: Message) -> list[tuple[str, str, str]]:
    """(id, tool, hash of the arguments) of each call whose result may be kept for the next one like it."""
    if message.type == "text" or message.type == "tool-result":
        return []
    return [
        (part["tool_call_id"], part["tool_name"], hash_tool_args(part.get("args", {})))
        for part in parts_of(message)
        if part["type"] == "tool-call"
        and not objection(part["tool_call_id"], "")
        and not objection(part.get("tool_name"), "")
    ]


def _results(
    messages: Sequence[Message], calls: Sequence[list[tuple[str, str, str]]]
) -> dict[str, list[Any]]:
    """The results, for the cache, each with its call's tool and hash when the call is in the batch too."""
    asked: dict[tuple[str, str], tuple[str, str]] = {}
    found: list[tuple[str, str, str | None, str | None, str]] = []
    for message, made in zip(messages, calls, strict=True):
        asked |= {(message.thread_id, id): (name, digest) for id, name, digest in made}
        if message.type == "text":
            continue
        for part in parts_of(message):
            if _cacheable(part):
                id = part["tool_call_id"]
                name, digest = asked.get((message.thread_id, id), (None, None))
                found.append((message.thread_id, id, name, digest, json_text(part.get("result"))))
    return {name: [row[column] for row in found] for column, name in enumerate(_RESULT_COLUMNS)}


def _cacheable(part: Part) -> bool:
    return (
        part["type"] == "tool-result" and not part.get("is_error") and not objection(part["tool_call_id"], "")
    )
