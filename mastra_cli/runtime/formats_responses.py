"""What OpenAI's Responses API says, and LangChain's messages: read, never written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from mastra_cli.runtime.formats_openai import arguments
from mastra_cli.runtime.parts import Part, split_data_url

__all__ = ["LANGCHAIN", "items_of", "read_item", "read_part"]

# LangChain's messages have a type where others have a role.
LANGCHAIN = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
# What the model did with OpenAI's own tools, on their side: a word in the window.
_THEIR_WORK = (
    "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction", "computer_call",
    "computer_call_output", "file_search_call", "image_generation_call", "local_shell_call",
    "local_shell_call_output", "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools",
    "program", "program_output", "shell_call", "shell_call_output", "tool_search_call", "tool_search_output",
    "additional_tools", "web_search_call",
)  # fmt: skip


def items_of(given: Mapping[str, Any]) -> list[Any] | None:
    """The items of a whole response; None for anything else."""
    output = given.get("output")
    if given.get("object") != "response" or not isinstance(output, list):
        return None
    return cast("list[Any]", output)


def read_item(given: Mapping[str, Any], content_of: Callable[[Any], Any]) -> tuple[str, list[Part]] | None:
    """(role, raw parts) of an item that has no role of its own; None when it is none."""
    match given:
        case {"type": "function_call", "call_id": id, "name": name}:
            args = arguments(given.get("arguments"))
            return "assistant", [{"type": "tool-call", "tool_call_id": id, "tool_name": name, "args": args}]
        case {"type": "custom_tool_call", "call_id": id, "name": name, "input": text}:
            call = {"type": "tool-call", "tool_call_id": id, "tool_name": name, "args": text}
            return "assistant", [{**call, "custom": True}]
        case {"type": "function_call_output" | "custom_tool_call_output", "call_id": id}:
            output = content_of(given.get("output"))
            return "tool", [{"type": "tool-result", "tool_call_id": id, "result": output}]
        case {"type": "reasoning", "summary": _}:
            return "assistant", [dict(given)]
        case {"type": str(kind)} if kind in _THEIR_WORK:
            return "assistant", [dict(given)]
        case _:
            return None


def read_part(part: Part) -> Part | None:
    """The raw part, or None when this is no part of theirs."""
    match part:
        case {"type": "input_text" | "output_text", "text": text}:
            notes = part.get("annotations")
            return {"type": "text", "text": text} | ({"annotations": notes} if notes else {})
        case {"type": "input_image", "image_url": str(url)}:
            data, media_type = split_data_url(url)
            found: Part = {"type": "image", "image": data, "media_type": media_type}
            return found | ({"detail": part["detail"]} if part.get("detail") else {})
        case {"type": "input_image" | "input_file"}:
            data, media_type = split_data_url(part.get("file_data") or part.get("file_url") or "")
            found = {"type": "file", "data": data or None, "media_type": media_type}
            return found | {name: part[name] for name in ("filename", "file_id") if part.get(name)}
        case _:
            return None
