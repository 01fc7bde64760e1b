"""The parts that a message's content is made of, in the raw form that is stored."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard, cast

from mastra_cli.errors import InvalidArgument, kind_of
from mastra_cli.runtime.models_memory import Message

Part = dict[str, Any]

MAX_DEPTH = 500
MAX_DIGITS = 4_000
_TOO_LONG = 10**MAX_DIGITS
_AS_UTF8 = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/]*={0,2})")
_REASONING = ("thinking", "redacted_thinking", "reasoning")
_SHOWN = ("image", "file", "document", "container_upload")
# What providers' own tools did on their side: too long to be told in full.
_THEIR_WORK = re.compile(
    r".*_(?:call|call_output|tool_use|tool_result)|mcp_.*|compaction|program(?:_output)?|additional_tools"
    r"|tool_search_output"
)
_MAGIC = (("/9j/", "image/jpeg"), ("iVBOR", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))


def is_parts(content: Any) -> TypeGuard[list[Part]]:
    """Whether the content is a list of parts and not just any JSON."""
    if not isinstance(content, list):
        return False
    items = cast("list[Any]", content)
    return all(isinstance(part, dict) and isinstance(cast(Part, part).get("type"), str) for part in items)


def parts_of(message: Message) -> list[Part]:
    """The message as parts, whichever way it was given: as parts, or as text with `tool_...` beside it."""
    content, ids = message.content, message.tool_call_ids or []
    if is_parts(content) and not is_result(message):
        parts = list(content)
        if message.type != "tool-call" or any(part["type"] == "tool-call" for part in parts):
            return parts
    elif message.type == "tool-result" and ids:
        apart = isinstance(content, list) and len(ids) > 1 and len(cast("list[Any]", content)) == len(ids)
        return [
            {
                "type": "tool-result",
                "tool_call_id": id,
                "tool_name": _at(message.tool_names, number),
                "result": content[number] if apart else content,
            }
            for number, id in enumerate(ids)
        ]
    else:
        parts = [] if content in ("", None) else [{"type": "text", "text": as_text(content)}]
    if message.type == "tool-call":
        parts += [
            {
                "type": "tool-call",
                "tool_call_id": id,
                "tool_name": _at(message.tool_names, number),
                "args": _at(message.tool_call_args, number, {}),
            }
            for number, id in enumerate(ids)
        ]
    return parts


def is_result(message: Message) -> bool:
    """Whether the content, even where it is a list of parts, is what the calls named beside it answered."""
    if message.type != "tool-result" or not message.tool_call_ids:
        return False
    return not is_parts(message.content) or not of_type(message.content, "tool-result")


def _at(values: Sequence[Any] | None, number: int, otherwise: Any = "") -> Any:
    return values[number] if values and number < len(values) else otherwise


def of_type(parts: Iterable[Part], type: str) -> list[Part]:
    return [part for part in parts if part["type"] == type]


def with_parts(message: Message, parts: list[Part], tokens: int | None = None) -> Message:
    """The message with these parts for its content, and with what is said beside them in step."""
    calls, results = of_type(parts, "tool-call"), of_type(parts, "tool-result")
    told = calls + results
    return replace(
        message,
        type="tool-result" if results else "tool-call" if calls else "text",
        content=parts,
        tool_call_ids=[part["tool_call_id"] for part in told] or None,
        tool_call_args=[part.get("args", {}) for part in calls] or None,
        tool_names=[part.get("tool_name") or "" for part in told] or None,
        tokens=message.tokens if tokens is None else tokens,
    )


def as_text(value: Any) -> str:
    """A string as it is, other JSON as its text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def result_text(result: Any) -> str:
    """A tool's result as text: strings and blocks of text as they are, other JSON as its text."""
    return "\n".join(map(_block_text, result)) if is_blocks(result) else as_text(result)


def _block_text(block: Part) -> str:
    if block["type"] == "search_result":
        texts = [each["text"] for each in block["content"]]
        return "\n".join([f"[{block['title']}: {block['source']}]", *texts])
    return block["text"] if block["type"] == "text" else f"[{block['type']}]"


def told(part: Part) -> str:
    """A part in words, where it can not be shown; reasoning, which is its own model's alone, has none."""
    kind = part["type"]
    if kind in _REASONING:
        return ""
    if kind in ("text", "refusal"):
        return as_text(part.get("text") or part.get("refusal") or "")
    if kind == "search_result" and is_blocks([part]):
        return _block_text(part)
    if kind not in _SHOWN and not _THEIR_WORK.fullmatch(kind):
        return as_text(part)
    names = (part.get(name) for name in ("filename", "title", "media_type", "name"))
    words = next((name for name in names if isinstance(name, str) and name), "")
    return f"[{kind}: {words}]" if words else f"[{kind}]"


def is_blocks(result: Any) -> TypeGuard[list[Part]]:
    """Whether a tool's result is made of blocks of text, images and documents, and not just any JSON."""
    return is_parts(result) and bool(result) and all(map(_is_block, result))


def _is_block(block: Part) -> bool:
    match block:
        case {"type": "text", "text": str()}:
            return True
        case {"type": "image", "image": str()} | {"type": "image" | "document", "source": {"type": str()}}:
            return True
        case {"type": "search_result", "title": str(), "source": str(), "content": texts}:
            inner = cast("list[Any]", texts)
            return is_parts(inner) and all(isinstance(each.get("text"), str) for each in inner)
        case {"type": "tool_reference", "tool_name": str()}:
            return True
        case _:
            return False


def search_text(message: Message) -> str | None:
    """What a search finds the message by: its text and its tools' answers; None when it has neither."""
    if message.type == "text" and isinstance(message.content, str):
        return message.content or None
    texts = [
        as_text(part.get("text") or part.get("refusal") or "")
        if part["type"] != "tool-result"
        else result_text(part.get("result"))
        for part in parts_of(message)
        if part["type"] in ("text", "refusal", "tool-result")
    ]
    return "\n".join(text for text in texts if text) or None


# -- images and files ---------------------------------------------------------------------------------------


def split_data_url(url: str) -> tuple[str, str | None]:
    """(base64, media type) of a plain data URL; anything else as it is, with None."""
    found = _DATA_URL.fullmatch(url)
    return (found[2], found[1]) if found else (url, None)


def is_url(data: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*:", data[:32], re.IGNORECASE) is not None


def media_type_of(data: str, given: str | None, otherwise: str = "image/png") -> str:
    """The media type: the given one, else by the first bytes."""
    return given or next((type for start, type in _MAGIC if data.startswith(start)), otherwise)


def as_url(data: str, media_type: str | None, otherwise: str = "image/png") -> str:
    """A URL as it is, base64 as a data URL."""
    return data if is_url(data) else f"data:{media_type_of(data, media_type, otherwise)};base64,{data}"


def as_base64(data: Any) -> Any:
    return base64.b64encode(data).decode("ascii") if isinstance(data, bytes | bytearray) else data


# -- JSON ---------------------------------------------------------------------------------------------------


def dump_json(value: Any, where: str) -> str:
    """The value's JSON text; what JSON can not hold is `InvalidArgument`."""
    check_json(value, where)
    return json_text(value)


def json_text(value: Any) -> str:
    """The text of a checked value, from which it is read back equal."""
    text = _AS_UTF8(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: JSON can say it, UTF-8 can not
        text = json.dumps(value)
    return text


def check_json(value: Any, where: str, *, storable: bool = False) -> None:
    """`InvalidArgument` that names the place when the value is not JSON.

    `storable`: nor may it hold NUL or lone surrogates, which `jsonb` can not keep.
    """
    if isinstance(value, str) and not storable:
        return
    stack: list[tuple[Any, str, int]] = [(value, where, 0)]
    while stack:
        item, path, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise InvalidArgument(f"{where} is nested deeper than {MAX_DEPTH}")
        if isinstance(item, Mapping):
            for key, inner in cast("Mapping[Any, Any]", item).items():
                if not isinstance(key, str):
                    raise InvalidArgument(f"{path} has a key that is not a str: {key!r}")
                if storable and _UNSTORABLE.search(key):
                    raise InvalidArgument(f"a key of {path} holds NUL or a lone surrogate")
                stack.append((inner, f"{path}.{key}", depth + 1))
        elif isinstance(item, list | tuple):
            inners = cast("Sequence[Any]", item)
            stack += [(inner, f"{path}[{number}]", depth + 1) for number, inner in enumerate(inners)]
        elif isinstance(item, float):
            if item != item or item in (float("inf"), float("-inf")):
                raise InvalidArgument(f"{path} is {item}, which JSON can not hold")
        elif isinstance(item, int) and abs(item) >= _TOO_LONG:
            raise InvalidArgument(f"{path} has more than {MAX_DIGITS:,} digits")
        elif isinstance(item, str):
            if storable and _UNSTORABLE.search(item):
                raise InvalidArgument(f"{path} holds NUL or a lone surrogate")
        elif not isinstance(item, int | None):
            raise InvalidArgument(
                f"{path} is {kind_of(item)}, which is not JSON",
                hint="give str, int, float, bool, None, lists and dicts of them",
            )
