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
)
from mastra_cli.runtime.steps import Step

__all__ = ["read_part", "write"]

# The API wants a user to begin; a thread may begin with a greeting.
OPENING = "(the conversation begins)"
# Blocks which the API made and takes back as they are, when they hold these.
_THEIRS = {
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "server_tool_use": ("id", "name"),
    "web_search_tool_result": ("tool_use_id",),
    "web_fetch_tool_result": ("tool_use_id",),
    "code_execution_tool_result": ("tool_use_id",),
    "container_upload": ("file_id",),
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
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = _blocks(messages[-1]["content"]) + _blocks(content)
        else:
            messages.append({"role": role, "content": content})
    if messages and messages[0]["role"] == "assistant":
        messages.insert(0, {"role": "user", "content": OPENING})
    return messages, "\n\n".join(system)


def _blocks(content: str | list[Part]) -> list[Part]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


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
            extra = {name: part[name] for name in ("cache_control", "citations") if part.get(name)}
            return {"type": "text", "text": text, **extra}
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
            return {"type": "tool_use", "id": ids.of_call(part["tool_call_id"]), "name": name, "input": fit}
        case "tool-result":
            return _result(part, ids)
        case "image":
            return _image(part["image"], part.get("media_type")) if role == "user" else _told(part)
        case "file":
            return _file(part) if role == "user" else _told(part)
        case kind if kind in _THEIRS and role == "assistant":
            return part if all(isinstance(part.get(name), str) for name in _THEIRS[kind]) else None
        case _:
            return None


def _result(part: Part, ids: _Ids) -> Part:
    result = part.get("result")
    blocks = result if is_blocks(result) else []
    block: Part = {
        "type": "tool_result",
        "tool_use_id": ids.of_result(part["tool_call_id"]),
        "content": [_inner(inner) for inner in blocks] or result_text(result),
    }
    return block | ({"is_error": True} if part.get("is_error") else {})


def _inner(block: Part) -> Part:
    if block["type"] == "image" and "source" not in block:
        return _image(block["image"], block.get("media_type"))
    return block


def _image(data: str, media_type: str | None) -> Part:
    inner, found = split_data_url(data)
    if found is None and is_url(data):
        return {"type": "image", "source": {"type": "url", "url": data}}
    source = {"type": "base64", "media_type": media_type_of(inner, found or media_type), "data": inner}
    return (
        {"type": "image", "source": source} if source["media_type"] in _IMAGES else _told({"type": "image"})
    )


def _file(part: Part) -> Part:
    data, media_type = as_text(part.get("data") or ""), part.get("media_type") or "application/pdf"
    title = {"title": part["filename"]} if part.get("filename") else {}
    inner, found = split_data_url(data)
    media_type = found or media_type
    if media_type.startswith("image/"):
        return _image(data, media_type)
    if found is None and is_url(data):
        return {"type": "document", "source": {"type": "url", "url": data}, **title}
    if media_type == "application/pdf" and inner:
        source = {"type": "base64", "media_type": media_type, "data": inner}
        return {"type": "document", "source": source, **title}
    if media_type.startswith("text/"):
        text = base64.b64decode(inner).decode("utf-8", "replace")
        return {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": text},
            **title,
        }
    return _told(part)


def _told(part: Part) -> Part:
    """In words what the API can not be shown in this place."""
    words = part.get("filename") or part.get("media_type") or ""
    return {"type": "text", "text": f"[{part['type']}: {words}]" if words else f"[{part['type']}]"}


# -- reading ------------------------------------------------------------------------------------------------


def read_part(part: Part) -> Part | None:
    """The raw part, or None when this is no block of theirs."""
    match part:
        case {"type": "tool_use", "id": id, "name": name}:
            return {"type": "tool-call", "tool_call_id": id, "tool_name": name, "args": part.get("input", {})}
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
            return found | ({"is_error": True} if part.get("is_error") else {})
        case {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}:
            return {"type": "image", "image": data, "media_type": media_type}
        case {"type": "image", "source": {"type": "url", "url": url}}:
            return {"type": "image", "image": url, "media_type": None}
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
    return found | ({"filename": part["title"]} if part.get("title") else {})
