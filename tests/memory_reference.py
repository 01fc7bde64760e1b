"""The window once more, as naively as it can be said; and random threads to compare it on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import parts_of, with_parts
from mastra_cli.runtime.tokens import count_tokens

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def words(text: str) -> int:
    return len(text.split())


def count(parts: list) -> int:
    return count_tokens(parts, words)


def valid(messages: list[Message], *, end: bool = True) -> list[Message]:
    """What a provider takes of these: every result with its call, every call with its result or at the end."""
    parts = [(m, p, part) for m, message in enumerate(messages) for p, part in enumerate(parts_of(message))]
    paired = set()
    for m, p, part in parts:
        if part["type"] != "tool-result":
            continue
        id = part["tool_call_id"]
        calls = [
            (a, b)
            for a, b, c in parts
            if c["type"] == "tool-call" and c["tool_call_id"] == id and (a, b) < (m, p)
        ]
        if calls:
            call = max(calls)
            between = [(a, b) for a, b, c in parts if c["type"] == "tool-result" and c["tool_call_id"] == id
                       and call < (a, b) < (m, p)]  # fmt: skip
            if not between:
                paired |= {call, (m, p)}
    kept = []
    for m, message in enumerate(messages):
        mine = parts_of(message)
        stay = [
            part for p, part in enumerate(mine)
            if (m, p) in paired
            or (part["type"] == "tool-call" and end and m == len(messages) - 1)
            or (part["type"] not in ("tool-call", "tool-result") and message.role != "tool")
        ]  # fmt: skip
        if len(stay) == len(mine) and not (message.role == "tool" and not mine):
            kept.append(message)
        elif stay:
            kept.append(with_parts(message, stay, count(stay)))
    return kept


def window(
    thread: list[Message], max_tokens: int | None, last: int | None,
    start: datetime | None = None, end: datetime | None = None,
) -> list[Message]:  # fmt: skip
    """The newest whole turns that fit."""
    dated = [
        m for m in thread
        if (start is None or m.created_at >= start) and (end is None or m.created_at <= end)
    ]  # fmt: skip
    starts = [n for n, m in enumerate(dated) if m.role in ("user", "system")]
    if not starts:
        return last_group(dated)
    chosen: list[Message] = []
    for first in reversed(starts):
        suffix = valid(dated[first:])
        fits = (max_tokens is None or sum(m.tokens for m in suffix) <= max_tokens) and (
            last is None or len(suffix) <= last
        )
        if first != starts[-1] and not fits:
            break
        chosen = suffix
    return chosen


def last_group(thread: list[Message]) -> list[Message]:
    """The last message that stays, from its call on."""
    stay = valid(thread)
    if not stay:
        return []
    place = {m.id: n for n, m in enumerate(thread)}
    newest = stay[-1]
    answered = {p["tool_call_id"] for p in parts_of(newest) if p["type"] == "tool-result"}
    callers = []
    for id in answered:
        upto = [m for m in stay if place[m.id] < place[newest.id]]
        callers.append(max(place[m.id] for m in upto for p in parts_of(m)
                           if p["type"] == "tool-call" and p["tool_call_id"] == id))  # fmt: skip
    group = thread[min(callers, default=place[newest.id]) : place[newest.id] + 1]
    return valid(group, end=newest.id == thread[-1].id)


call_ids = st.sampled_from(["a", "b", "c"])
text = st.text("xy ", max_size=12)
text_parts = st.builds(lambda t: {"type": "text", "text": t}, text)
calls = st.builds(
    lambda i: {"type": "tool-call", "tool_call_id": i, "tool_name": "t", "args": {"q": i}}, call_ids
)
thoughts = st.just({"type": "thinking", "thinking": "hm", "signature": "s"})
results = st.builds(
    lambda i, r: {"type": "tool-result", "tool_call_id": i, "tool_name": "t", "result": r}, call_ids, text
)
contents = st.one_of(
    st.tuples(st.sampled_from(["user", "assistant", "system", "assistant"]), text),
    st.tuples(st.just("assistant"), st.lists(st.one_of(text_parts, calls, thoughts), min_size=1, max_size=3)),
    st.tuples(st.just("tool"), st.lists(results, min_size=1, max_size=3)),
    st.tuples(st.just("user"), st.lists(text_parts, min_size=1, max_size=2)),
    st.tuples(st.just("tool"), text),
)
moments = st.integers(0, 5)


@st.composite
def threads(draw, max_size: int = 14) -> list[Message]:
    thread = []
    for number, (role, content) in enumerate(draw(st.lists(contents, max_size=max_size)), 1):
        at = EPOCH + timedelta(seconds=draw(moments))
        message = Message(
            id=str(number), thread_id="t", seq=number, role=role, content=content, created_at=at
        )
        if isinstance(content, list):
            message = with_parts(message, content)
        thread.append(replace(message, tokens=count(parts_of(message))))
    return thread
