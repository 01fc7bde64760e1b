"""The order that providers insist on: each call's results directly after the message that made the call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import Part, parts_of
from mastra_cli.runtime.window import pair

__all__ = ["Step", "arrange"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one side says: a message, or all results of one message's calls (role `tool`)."""

    role: str
    parts: list[Part]
    plain: str | None = None
    """The content, when it is a plain string."""


def arrange(messages: Sequence[Message]) -> list[Step]:
    """The messages as steps; results without a call are in none."""
    everything = [parts_of(message) for message in messages]
    pairs = pair(everything)
    steps: list[Step] = []
    for number, (message, parts) in enumerate(zip(messages, everything, strict=True)):
        answers: list[Part] = []
        spoken: list[Part] = []
        for position, part in enumerate(parts):
            if part["type"] == "tool-result":
                continue
            spoken.append(part)
            if place := pairs.get((number, position)):
                answer = everything[place[0]][place[1]]
                answers.append(
                    {**answer, "tool_name": answer.get("tool_name") or part.get("tool_name") or ""}
                )
        if message.role != "tool":
            plain = message.content if isinstance(message.content, str) and message.type == "text" else None
            if spoken or plain is not None:
                steps.append(Step(message.role, spoken, plain))
        if answers:
            steps.append(Step("tool", answers))
    return steps
