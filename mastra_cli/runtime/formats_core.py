"""`core_message`: the messages of the JavaScript original, `{role, content}` with camelCase parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from mastra_cli.runtime.parts import Part
from mastra_cli.runtime.steps import Step

__all__ = ["read_part", "write", "write_part"]

# Raw name, camelCase name.
_NAMES = {
    "tool_call_id": "toolCallId",
    "tool_name": "toolName",
    "is_error": "isError",
    "media_type": "mimeType",
}
# Reasoning is stored as the provider that signed it wants it back.
_REASONING = {"thinking": "reasoning", "redacted_thinking": "redacted-reasoning"}
_SPOKEN = {theirs: raw for raw, theirs in _REASONING.items()}
_RAW = {camel: raw for raw, camel in _NAMES.items()} | {"mediaType": "media_type"}


def write(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """One dict a step."""
    return [
        {
            "role": step.role,
            "content": step.plain if step.plain is not None else [write_part(part) for part in step.parts],
        }
        for step in steps
    ]


def write_part(part: Part) -> Part:
    if part["type"] in _REASONING:
        return {"type": _REASONING[part["type"]], **_renamed(part, "thinking", "text")}
    if part["type"] not in ("tool-call", "tool-result", "image", "file"):
        return part
    named = {_NAMES.get(name, name): value for name, value in part.items()}
    return {name: value for name, value in named.items() if value is not None or name in ("result", "args")}


def read_part(part: Part) -> Part | None:
    """The raw part, or None when this is no camelCase part."""
    if part["type"] in _SPOKEN and ("text" in part or "data" in part):
        return {"type": _SPOKEN[part["type"]], **_renamed(part, "text", "thinking")}
    if part["type"] not in ("tool-call", "tool-result", "image", "file") or not (_RAW.keys() & part.keys()):
        return None
    raw = {_RAW.get(name, name): value for name, value in part.items()}
    # Version 5 of the original's SDK: `input` and `output` for `args` and `result`.
    if raw["type"] == "tool-call" and "input" in raw and "args" not in raw:
        raw["args"] = raw.pop("input")
    if raw["type"] == "tool-result" and "output" in raw and "result" not in raw:
        output = raw.pop("output")
        kind = cast(Part, output).get("type") if isinstance(output, dict) else None
        known = isinstance(kind, str) and kind in ("text", "json", "error-text", "error-json", "content")
        raw["result"] = output["value"] if known and "value" in output else output
        if known and str(kind).startswith("error"):
            raw["is_error"] = True
    return raw


def _renamed(part: Part, old: str, new: str) -> Part:
    return {new if name == old else name: value for name, value in part.items() if name != "type"}
