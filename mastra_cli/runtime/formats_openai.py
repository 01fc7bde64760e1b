"""`openai`: chat completions, with `tool_calls` and a message of role `tool` for each result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.parts import (
    Part,
    as_text,
    as_url,
    check_json,
    is_blocks,
    is_url,
    result_text,
    split_data_url,
    told,
)
from mastra_cli.runtime.steps import Step

__all__ = ["arguments", "is_completion", "only_choice", "read_message", "read_part", "write"]

_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}


def write(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """One dict a step, and one for each result."""
    written: list[dict[str, Any]] = []
    for step in steps:
        if step.plain is not None:
            written.append({"role": step.role, "content": step.plain})
        elif step.role == "tool":
            written += [_result(part) for part in step.parts]
        elif step.role == "assistant":
            written += _assistant(step.parts)
        else:
            shape = _user_part if step.role == "user" else _text_part
            if content := [shape(part) for part in step.parts if _sayable(part)]:
                written.append({"role": step.role, "content": _plainly(content)})
    return written


def _sayable(part: Part) -> bool:
    """Whether there is something to say: of another model's reasoning there is not."""
    return part["type"] in ("text", "refusal") or (part["type"] != "tool-call" and bool(told(part)))


def _plainly(content: list[Part]) -> str | list[Part]:
    """A text alone as the string that every compatible server takes."""
    return content[0]["text"] if len(content) == 1 and content[0]["type"] == "text" else content


def _assistant(parts: Sequence[Part]) -> list[dict[str, Any]]:
    said = [_text_part(part) for part in parts if _sayable(part)]
    calls = [_call(part) for part in parts if part["type"] == "tool-call"]
    if not said and not calls:
        return []
    message: dict[str, Any] = {"role": "assistant", "content": _plainly(said) if said else None}
    return [message | {"tool_calls": calls} if calls else message]


def _call(part: Part) -> dict[str, Any]:
    args = part.get("args", {})
    if part.get("custom"):
        return {
            "id": part["tool_call_id"],
            "type": "custom",
            "custom": {"name": part["tool_name"], "input": as_text(args)},
        }
    return {
        "id": part["tool_call_id"],
        "type": "function",
        "function": {"name": part["tool_name"], "arguments": as_text(args)},
    }


def _result(part: Part) -> dict[str, Any]:
    result = part.get("result")
    blocks = result if is_blocks(result) else []
    plain_text = bool(blocks) and all(block["type"] == "text" for block in blocks)
    return {
        "role": "tool",
        "tool_call_id": part["tool_call_id"],
        "content": _plainly([_text_part(block) for block in blocks]) if plain_text else result_text(result),
    }


def _text_part(part: Part) -> Part:
    if part["type"] == "refusal":
        return {"type": "refusal", "refusal": part["refusal"]}
    if part["type"] == "text":
        return {"type": "text", "text": as_text(part.get("text", ""))}
    return {"type": "text", "text": told(part)}


def _user_part(part: Part) -> Part:
    if part["type"] == "image" and "image" in part:
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {
            "type": "image_url",
            "image_url": {"url": as_url(part["image"], part.get("media_type"))} | detail,
        }
    if part["type"] != "file":
        return _text_part(
            {"type": "text", "text": part.get("refusal")} if part["type"] == "refusal" else part
        )
    data, media_type = part.get("data"), part.get("media_type")
    if part.get("file_id"):
        return {"type": "file", "file": {"file_id": part["file_id"]}}
    if data and media_type in _AUDIO and not is_url(data):
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO[media_type]}}
    if data and media_type and media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": as_url(data, media_type)}}
    if data and (not is_url(data) or data.startswith("data:")):
        url = as_url(data, media_type, "application/octet-stream")
        return {"type": "file", "file": {"file_data": url, "filename": part.get("filename") or "file"}}
    return {"type": "text", "text": f"[file: {data or part.get('filename') or ''}]"}


# -- reading ------------------------------------------------------------------------------------------------


def is_completion(given: Mapping[str, Any]) -> bool:
    return given.get("object") == "chat.completion" and isinstance(given.get("choices"), list)


def only_choice(given: Mapping[str, Any]) -> dict[str, Any]:
    """The message of a whole completion, with the completion's id."""
    choices = given["choices"]
    if len(choices) != 1:
        raise InvalidArgument(
            f"the completion has {len(choices)} choices",
            hint="save the one you take: completion.choices[0].message",
        )
    return {"id": given.get("id"), **choices[0]["message"]}


def read_message(given: Mapping[str, Any], content_of: Callable[[Any], Any]) -> list[Part] | None:
    """The raw parts of a message with `tool_calls`, `tool_call_id` or `refusal`; None for any other."""
    role = given["role"]
    if role == "tool" and isinstance(given.get("tool_call_id"), str) and "tool_call_ids" not in given:
        content = given.get("content")
        result = content_of(content) if isinstance(content, list) else content
        name = given.get("name")
        return [
            {"type": "tool-result", "tool_call_id": given["tool_call_id"], "result": result}
            | ({"tool_name": name} if isinstance(name, str) else {})
            | ({"is_error": True} if given.get("status") == "error" else {})  # LangChain's word
        ]
    if given.get("function_call"):
        raise InvalidArgument(
            "function_call has no id to find its result by", hint="use tools and tool_calls"
        )
    calls, refusal = given.get("tool_calls"), given.get("refusal")
    if not calls and not (refusal and role == "assistant"):
        return None
    content = content_of(given.get("content"))
    parts: list[Part] = list(cast("list[Part]", content)) if isinstance(content, list) else []
    if isinstance(content, str) and content:
        parts.append({"type": "text", "text": content})
    if refusal:
        parts.append({"type": "refusal", "refusal": refusal})
    # LangChain tells a call twice when the provider's block stands in the content.
    there = [part.get("tool_call_id") for part in parts if part["type"] == "tool-call"]
    return parts + [call for call in map(_read_call, calls or ()) if call["tool_call_id"] not in there]


def _read_call(call: Any) -> Part:
    call = call.model_dump() if hasattr(call, "model_dump") else call
    if isinstance(call, Mapping):
        given = cast("Mapping[str, Any]", call)
        if isinstance(given.get("name"), str) and "args" in given:  # LangChain's
            part = {"tool_call_id": given.get("id"), "tool_name": given["name"], "args": given["args"]}
            return {"type": "tool-call", **part}
        if isinstance(custom := given.get("custom"), Mapping):
            made = cast("Mapping[str, Any]", custom)
            part = {"tool_call_id": given.get("id"), "tool_name": made.get("name"), "args": made.get("input")}
            return {"type": "tool-call", **part, "custom": True}
        if isinstance(function := given.get("function"), Mapping):
            made = cast("Mapping[str, Any]", function)
            part = {"tool_call_id": given.get("id"), "tool_name": made.get("name")}
            return {"type": "tool-call", **part, "args": arguments(made.get("arguments"))}
    raise InvalidArgument(f"this is no tool call: {call!r}")


def arguments(text: Any) -> Any:
    """The object that the text says; text that says none (a model may write anything) as it is."""
    if not isinstance(text, str):
        return {} if text is None else text
    try:
        value = json.loads(text)
        check_json(value, "arguments")
    except (ValueError, RecursionError, InvalidArgument):
        return text
    return cast(Any, value) if isinstance(value, dict) else text


def read_part(part: Part) -> Part | None:
    """The raw part, or None when this is no part of theirs."""
    match part:
        case {"type": "image_url", "image_url": image}:
            image = {"url": image} if isinstance(image, str) else image
            data, media_type = split_data_url(image["url"])
            found = {"type": "image", "image": data, "media_type": media_type}
            return found | ({"detail": image["detail"]} if image.get("detail") else {})
        case {"type": "input_audio", "input_audio": {"data": data, "format": format}}:
            return {
                "type": "file",
                "data": data,
                "media_type": f"audio/{'mpeg' if format == 'mp3' else format}",
            }
        case {"type": "file", "file": {**file}}:
            data, media_type = split_data_url(file.get("file_data") or "")
            found = {"type": "file", "data": data or None, "media_type": media_type}
            named = {name: file[name] for name in ("filename", "file_id") if file.get(name)}
            return found | named
        case _:
            return None
