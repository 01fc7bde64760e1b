"""`ui`: messages as chat front ends show them, tool calls and their results joined in `toolInvocations`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.identity import exact
from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import Part, as_text, as_url, parts_of, split_data_url, told
from mastra_cli.runtime.window import pair

__all__ = ["is_ui", "read", "write"]


def write(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """One dict a message, for `json.dumps`; a tool's own messages are joined to their calls."""
    everything = [parts_of(message) for message in messages]
    pairs = pair(everything)
    answered = set(pairs.values())
    written: list[dict[str, Any]] = []
    for number, (message, parts) in enumerate(zip(messages, everything, strict=True)):
        invocations: list[dict[str, Any]] = []
        for position, part in enumerate(parts):
            if part["type"] == "tool-call":
                place = pairs.get((number, position))
                invocations.append(_invocation(part, everything[place[0]][place[1]] if place else None))
            elif part["type"] == "tool-result" and (number, position) not in answered:
                # Its call is on another page: it is shown all the same.
                invocations.append(_invocation({**part, "args": {}}, part))
        texts = [
            told(part)
            for part in parts
            if part["type"] not in ("tool-call", "tool-result") and not _is_attached(part)
        ]
        if message.role == "tool" and not invocations:
            continue
        shown: dict[str, Any] = {
            "id": message.id,
            "role": "assistant" if message.role == "tool" else message.role,
            "content": "".join(texts),
        }
        if message.created_at:
            shown["createdAt"] = message.created_at.isoformat()
        if invocations:
            shown["toolInvocations"] = invocations
        if attached := [_attachment(part) for part in parts if _is_attached(part)]:
            shown["experimental_attachments"] = attached
        written.append(shown)
    return written


def _invocation(call: Part, answer: Part | None) -> dict[str, Any]:
    shown = {
        "state": "result" if answer else "call",
        "toolCallId": call["tool_call_id"],
        "toolName": call.get("tool_name") or "",
        "args": call.get("args", {}),
    }
    if answer:
        shown["result"] = answer.get("result")
        if answer.get("is_error"):
            shown["isError"] = True
    return shown


def _is_attached(part: Part) -> bool:
    return part["type"] == "file" or (part["type"] == "image" and "image" in part)


def _attachment(part: Part) -> dict[str, Any]:
    image = part["type"] == "image"
    data = as_text(part["image"] if image else part.get("data") or "")
    url = as_url(data, part.get("media_type"), "image/png" if image else "application/octet-stream")
    media_type = part.get("media_type") or split_data_url(url)[1] or ("image/*" if image else None)
    return {
        name: value
        for name, value in (("name", part.get("filename")), ("contentType", media_type), ("url", url))
        if value
    }


# -- reading ------------------------------------------------------------------------------------------------


def is_ui(given: Mapping[str, Any]) -> bool:
    return any(
        isinstance(given.get(k), list) for k in ("toolInvocations", "parts", "experimental_attachments")
    )


def read(given: Mapping[str, Any]) -> list[tuple[str, list[Part] | str]]:
    """(role, content) of each message that this one stands for: calls, their results, what was said then."""
    if isinstance(given.get("parts"), list):
        steps = [part for item in given["parts"] for part in _read_part(item)]
    else:
        text = given.get("content") or ""
        steps: list[Part] = [{"type": "text", "text": as_text(text)}] if text else []
        steps += [part for call in given.get("toolInvocations") or () for part in _read_invocation(call)]
    steps += [_read_attachment(item) for item in given.get("experimental_attachments") or ()]
    role = "system" if given["role"] == "developer" else exact(given["role"])
    if all(part["type"] == "text" for part in steps):
        return [(role, "".join(part["text"] for part in steps))]
    found: list[tuple[str, list[Part]]] = []
    said: list[Part] = []
    answers: list[Part] = []
    for part in steps:
        if part["type"] == "tool-result":
            answers.append(part)
            continue
        if answers and part["type"] != "tool-call":  # a new step begins
            found += [(role, said), ("tool", answers)]
            said, answers = [], []
        said.append(part)
    return [*found, (role, said), ("tool", answers)]


def _read_part(part: Any) -> list[Part]:
    match part:
        case {"type": "text", "text": text}:
            return [{"type": "text", "text": text}]
        case {"type": "tool-invocation", "toolInvocation": call}:
            return _read_invocation(call)
        case {"type": "file" | "image"}:
            return [_read_attachment(part)]
        case {"type": "step-start"}:
            return []
        case {"type": str(kind), "toolCallId": _}:  # version 5: `tool-<name>`, `dynamic-tool`
            return _read_invocation({"toolName": kind.removeprefix("tool-"), **part})
        case {"type": str()}:
            return [cast(Part, part)]
        case _:
            raise InvalidArgument(f"this is no part of a message: {part!r}")


def _read_invocation(call: Any) -> list[Part]:
    match call:
        case {"toolCallId": str(id), "toolName": str(name)}:
            args = call.get("args", call.get("input", {}))
            made: Part = {"type": "tool-call", "tool_call_id": id, "tool_name": name, "args": args}
        case _:
            raise InvalidArgument(f"this is no tool invocation: {call!r}")
    failed = call.get("state") == "output-error"
    if call.get("state") not in ("result", "output-available", "output-error"):
        return [made]
    result = call.get("errorText") if failed else call.get("result", call.get("output"))
    answer: Part = {"type": "tool-result", "tool_call_id": id, "tool_name": name, "result": result}
    return [made, answer | ({"is_error": True} if failed or call.get("isError") else {})]


def _read_attachment(item: Any) -> Part:
    url = item.get("url") or item.get("data") or item.get("image") or ""
    given = item.get("contentType") or item.get("mimeType") or item.get("mediaType")
    data, media_type = split_data_url(url)
    media_type = media_type or (None if given == "image/*" else given)
    name = item.get("name") or item.get("filename")
    if (given or media_type or "").startswith("image/") or item.get("type") == "image":
        return {"type": "image", "image": data, "media_type": media_type} | (
            {"filename": name} if name else {}
        )
    return {"type": "file", "data": data, "media_type": media_type} | ({"filename": name} if name else {})
