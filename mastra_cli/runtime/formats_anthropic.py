"""`anthropic`: messages of blocks; user and assistant alternate, results open a user turn; system apart."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, cast

from mastra_cli.runtime.parts import (
    Part,
    as_text,
    is_blocks,
    is_url,
    media_type_of,
    result_text,
    split_data_url,
    told,
)
from mastra_cli.runtime.steps import Step

__all__ = ["read_part", "write"]

# The API wants a user to begin; a thread may begin with a greeting.
OPENING = "(the conversation begins)"
# Blocks which the API made and takes back as they are, when they hold these.
_THINKING = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
_THEIRS = {
    **_THINKING,
    "server_tool_use": ("id", "name"),
    "web_search_tool_result": ("tool_use_id",),
    "web_fetch_tool_result": ("tool_use_id",),
    "code_execution_tool_result": ("tool_use_id",),
    "bash_code_execution_tool_result": ("tool_use_id",),
    "text_editor_code_execution_tool_result": ("tool_use_id",),
    "tool_search_tool_result": ("tool_use_id",),
    "container_upload": ("file_id",),
}
# What a block may hold beside what it is about; it is kept with the part.
_BESIDE = {
    "text": ("cache_control", "citations"),
    "tool-call": ("cache_control", "caller", "toolset_name"),
    "tool-result": ("cache_control", "toolset_name"),
    "image": ("cache_control", "transformations"),
    "file": ("cache_control", "citations", "context"),
}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def write(steps: Sequence[Step]) -> tuple[list[dict[str, Any]], str]:
    """The messages, and the system text."""
    system: list[str] = []
    messages: list[dict[str, Any]] = []
    ids = _Ids()
    for step in steps:
        if step.role == "system":
            texts = [as_text(part.get("text", "")) for part in step.parts if part["type"] == "text"]
            system += [text for text in ([step.plain] if step.plain is not None else texts) if text]
            continue
        role = "assistant" if step.role == "assistant" else "user"
        content: str | list[Part]
        if step.plain is not None:
            content = step.plain if step.plain.strip() else []
        else:
            content = [block for part in step.parts if (block := _block(part, role, ids))]
        if not content:
            continue
        messages.append({"role": role, "content": content})
    # A call that was never answered is left out, and leaves its reasoning: refused at a message's end.
    messages = _joined([message for message in map(_ended, _joined(messages)) if message["content"]])
    _keep_last_mark(messages)
    if messages and messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": OPENING})
    return messages, "\n\n".join(system)


def _joined(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """User and assistant by turns."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if found and found[-1]["role"] == message["role"]:
            content = _blocks(found[-1]["content"]) + _blocks(message["content"])
            found[-1] = {**message, "content": content}
        else:
            found.append(message)
    return found


def _ended(message: dict[str, Any]) -> dict[str, Any]:
    """The message without reasoning at its end."""
    content = message["content"]
    if message["role"] == "assistant" and not isinstance(content, str):
        said = [number for number, block in enumerate(content, 1) if block["type"] not in _THINKING]
        return {**message, "content": content[: max(said, default=0)]}
    return message


def _keep_last_mark(messages: Sequence[dict[str, Any]]) -> None:
    """Leave `cache_control` on the newest block alone that has it: the API takes four, and turns add up."""
    seen = False
    for message in reversed(messages):
        blocks: list[Part] = [] if isinstance(message["content"], str) else message["content"]
        for place in reversed(range(len(blocks))):
            blocks[place], seen = _unmarked(blocks[place], seen)


def _unmarked(block: Part, seen: bool) -> tuple[Part, bool]:
    """The block, whose mark goes when a newer one was seen; whether one was seen by now."""
    if seen and "cache_control" in block:
        block = {name: value for name, value in block.items() if name != "cache_control"}
    seen = seen or bool(block.get("cache_control"))
    if block["type"] == "tool_result" and isinstance(block.get("content"), list):
        inner: list[Part] = list(block["content"])
        for place in reversed(range(len(inner))):
            inner[place], seen = _unmarked(inner[place], seen)
        block = {**block, "content": inner}
    return block, seen


def _blocks(content: str | list[Part]) -> list[Part]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _beside(part: Part, kind: str) -> Part:
    return {name: part[name] for name in _BESIDE[kind] if part.get(name)}


class _Ids:
    """Ids as the API takes them: of its alphabet, and no call's twice; a result finds its call's."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._now: dict[str, str] = {}

    def of_call(self, id: str) -> str:
        base = found = re.sub(r"[^a-zA-Z0-9_-]", "_", id)
        number = 2
        while found in self._used:
            found, number = f"{base}_{number}", number + 1
        self._used.add(found)
        self._now[id] = found
        return found

    def of_result(self, id: str) -> str:
        return self._now.get(id, id)


def _block(part: Part, role: str, ids: _Ids) -> Part | None:
    match part["type"]:
        case "text" | "refusal":
            text = as_text(part.get("text") or part.get("refusal") or "")
            if not text.strip():  # refused by the API
                return None
            return {"type": "text", "text": text, **_beside(part, "text")}
        case "tool-call":
            args = part.get("args", {})
            name = part["tool_name"]
            fit: Any = (
                cast(Any, args)
                if isinstance(args, dict)
                else {"arguments": args}
                if args not in ("", None)
                else {}
            )
            id = ids.of_call(part["tool_call_id"])
            return {"type": "tool_use", "id": id, "name": name, "input": fit, **_beside(part, "tool-call")}
        case "tool-result":
            return _result(part, ids)
        case "image" if role == "user":
            return _inner(part)
        case "file" if role == "user":
            return _file(part)
        case "document" | "search_result" if role == "user" and is_blocks([part]):
            return part
        case kind if kind in _THEIRS and (role == "assistant" or kind == "container_upload"):
            return part if all(isinstance(part.get(name), str) for name in _THEIRS[kind]) else _told(part)
        case _:
            return _told(part)


def _result(part: Part, ids: _Ids) -> Part:
    result = part.get("result")
    blocks = result if is_blocks(result) else []
    block: Part = {
        "type": "tool_result",
        "tool_use_id": ids.of_result(part["tool_call_id"]),
        "content": [_inner(inner) for inner in blocks] or result_text(result),
    }
    return block | ({"is_error": True} if part.get("is_error") else {}) | _beside(part, "tool-result")


def _inner(block: Part) -> Part:
    if block["type"] == "image" and "source" not in block:
        found = _image(block["image"], block.get("media_type"))
        return found | _beside(block, "image") if found["type"] == "image" else found
    return block


def _image(data: str, media_type: str | None) -> Part:
    inner, found = split_data_url(data)
    if found is None and is_url(data):
        return {"type": "image", "source": {"type": "url", "url": data}}
    source = {"type": "base64", "media_type": media_type_of(inner, found or media_type), "data": inner}
    if source["media_type"] not in _IMAGES:
        return {"type": "text", "text": told({"type": "image"})}
    return {"type": "image", "source": source}


def _file(part: Part) -> Part:
    data, media_type = as_text(part.get("data") or ""), part.get("media_type") or "application/pdf"
    title = ({"title": part["filename"]} if part.get("filename") else {}) | _beside(part, "file")
    inner, found = split_data_url(data)
    media_type = found or media_type
    if media_type.startswith("image/"):
        return _image(data, media_type)
    if found is None and is_url(data):
        return {"type": "document", "source": {"type": "url", "url": data}, **title}
    if media_type == "application/pdf" and inner:
        source = {"type": "base64", "media_type": media_type, "data": inner}
        return {"type": "document", "source": source, **title}
    if media_type.startswith("text/") and (text := _decoded(inner)):
        return {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": text},
            **title,
        }
    return {"type": "text", "text": told(part)}


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode("utf-8", "replace")
    except ValueError:  # no base64
        return ""


def _told(part: Part) -> Part | None:
    """In words what the API can not be shown in this place."""
    words = told(part)
    return {"type": "text", "text": words} if words.strip() else None


# -- reading ------------------------------------------------------------------------------------------------


def read_part(part: Part) -> Part | None:
    """The raw part, or None when this is no block of theirs."""
    match part:
        case {"type": "tool_use", "id": id, "name": name}:
            call = {"tool_call_id": id, "tool_name": name, "args": part.get("input", {})}
            return {"type": "tool-call", **call, **_beside(part, "tool-call")}
        case {"type": "tool_result", "tool_use_id": id}:
            content = part.get("content")
            blocks = cast("list[Any]", content) if isinstance(content, list) else []
            plain = [b.model_dump() if hasattr(b, "model_dump") else b for b in blocks]
            result: Any = plain or cast(Any, content)
            found: Part = {
                "type": "tool-result",
                "tool_call_id": id,
                "result": "" if result is None else result,
            }
            found |= {"is_error": True} if part.get("is_error") else {}
            return found | _beside(part, "tool-result")
        case {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}:
            return {"type": "image", "image": data, "media_type": media_type, **_beside(part, "image")}
        case {"type": "image", "source": {"type": "url", "url": url}}:
            return {"type": "image", "image": url, "media_type": None, **_beside(part, "image")}
        case {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": data}}:
            return _named({"type": "file", "data": data, "media_type": media_type}, part)
        case {"type": "document", "source": {"type": "text", "data": text}}:
            data = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
            return _named({"type": "file", "data": data, "media_type": "text/plain"}, part)
        case {"type": "document", "source": {"type": "url", "url": url}}:
            return _named({"type": "file", "data": url, "media_type": "application/pdf"}, part)
        case {"type": "text", "text": _} if None in part.values():
            return {name: value for name, value in part.items() if value is not None}
        case _:
            return None


def _named(found: Part, part: Part) -> Part:
    return found | ({"filename": part["title"]} if part.get("title") else {}) | _beside(part, "file")
