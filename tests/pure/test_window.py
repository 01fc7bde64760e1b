"""The window against a naive reference, and the cases that peers lose messages in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.parts import parts_of
from mastra_cli.runtime.window import Turns, pair
from tests.memory_reference import EPOCH, count, threads, window

budgets = st.one_of(st.none(), st.integers(0, 12))


def taken(thread: list[Message], max_tokens: int | None, last: int | None, block: int = 3) -> list[Message]:
    """As the library reads: newest first, by the block, until it is full."""
    turns = Turns(max_tokens=max_tokens, last=last, count=count)
    newest_first = thread[::-1]
    for place in range(0, len(thread), block):
        turns.add(newest_first[place : place + block])
        if turns.full:
            break
    return turns.take()


def say(seq: int, role: str, content, tokens: int = 1) -> Message:
    kind = "text"
    if isinstance(content, list):
        kind = "tool-result" if content[0]["type"] == "tool-result" else "tool-call"
    return Message(id=str(seq), seq=seq, role=role, content=content, type=kind, tokens=tokens)


def call(*ids: str) -> list[dict]:
    return [{"type": "tool-call", "tool_call_id": id, "tool_name": "t", "args": {}} for id in ids]


def result(*ids: str) -> list[dict]:
    return [{"type": "tool-result", "tool_call_id": id, "tool_name": "t", "result": 1} for id in ids]


def ids(messages: list[Message]) -> list[str]:
    return [m.id for m in messages]


@given(threads(), budgets, budgets, st.integers(1, 5))
@settings(max_examples=600, deadline=None)
def test_the_window_equals_the_naive_one(thread, max_tokens, last, block) -> None:
    assert taken(thread, max_tokens, last, block) == window(thread, max_tokens, last)


@given(threads(), budgets, budgets)
@settings(max_examples=200, deadline=None)
def test_within_the_budget_or_the_newest_turn_alone(thread, max_tokens, last) -> None:
    found = taken(thread, max_tokens, last)
    starts = [m for m in found if m.role in ("user", "system")]
    over = (max_tokens is not None and sum(m.tokens for m in found) > max_tokens) or (
        last is not None and len(found) > last
    )
    assert not over or len(starts) <= 1


@given(threads(), budgets, budgets)
@settings(max_examples=200, deadline=None)
def test_it_starts_on_a_user_or_system_message_when_there_is_one(thread, max_tokens, last) -> None:
    found = taken(thread, max_tokens, last)
    if any(m.role in ("user", "system") for m in thread):
        assert found[0].role in ("user", "system")


@given(threads(), budgets)
@settings(max_examples=200, deadline=None)
def test_every_result_has_its_call_and_every_call_its_result_but_at_the_very_end(thread, max_tokens) -> None:
    found = taken(thread, max_tokens, None)
    parts = [parts_of(m) for m in found]
    pairs = pair(parts)
    answered = set(pairs) | set(pairs.values())
    for number, own in enumerate(parts):
        for position, part in enumerate(own):
            if part["type"] == "tool-result":
                assert (number, position) in answered
            elif part["type"] == "tool-call" and (number, position) not in answered:
                assert found[number].id == thread[-1].id


def test_a_call_that_was_never_answered_in_the_middle_is_left_out() -> None:
    thread = [
        say(1, "user", "q"),
        say(2, "assistant", call("a")),
        say(3, "user", "hm?"),
        say(4, "assistant", "x"),
    ]
    assert ids(taken(thread, None, None)) == ["1", "3", "4"]


def test_of_two_parallel_calls_the_answered_one_stays() -> None:
    thread = [
        say(1, "user", "q"),
        say(2, "assistant", call("a", "b")),
        say(3, "tool", result("b")),
        say(4, "user", "?"),
    ]
    found = taken(thread, None, None)
    assert ids(found) == ["1", "2", "3", "4"]
    assert found[1].content == call("b")
    assert found[1].tool_call_ids == ["b"]


def test_a_call_at_the_very_end_is_still_open() -> None:
    thread = [say(1, "user", "q"), say(2, "assistant", call("a", "b"))]
    assert taken(thread, None, None) == thread


def test_a_result_whose_call_lies_in_a_turn_that_does_not_fit_is_left_out() -> None:
    thread = [
        say(1, "user", "q"), say(2, "assistant", call("a"), 50), say(3, "user", "while you wait"),
        say(4, "tool", result("a")), say(5, "assistant", "so"),
    ]  # fmt: skip
    assert ids(taken(thread, 10, None)) == ["3", "5"]
    assert ids(taken(thread, 60, None)) == ["1", "2", "3", "4", "5"]


def test_what_is_left_out_does_not_count() -> None:
    thread = [
        say(1, "user", "q"),
        say(2, "tool", result("z"), 90),
        say(3, "assistant", "y"),
        say(4, "user", "?"),
    ]
    assert ids(taken(thread, 3, None)) == ["1", "3", "4"]


def test_an_id_that_comes_again_is_paired_with_the_call_nearest_before_it() -> None:
    thread = [
        say(1, "user", "q"), say(2, "assistant", call("a")), say(3, "tool", result("a")),
        say(4, "assistant", call("a")), say(5, "tool", result("a")), say(6, "tool", result("a")),
    ]  # fmt: skip
    assert ids(taken(thread, None, None)) == ["1", "2", "3", "4", "5"]


def test_the_newest_turn_is_whole_even_over_the_budget_and_over_last() -> None:
    thread = [say(1, "user", "a"), say(2, "user", "b", 100), say(3, "assistant", "c", 100)]
    assert (
        ids(taken(thread, 10, None)) == ids(taken(thread, None, 1)) == ids(taken(thread, 0, 0)) == ["2", "3"]
    )


def test_last_counts_messages_and_keeps_turns_whole() -> None:
    thread = [say(n, role, "x") for n, role in enumerate(["user", "assistant"] * 3, 1)]
    assert [len(taken(thread, None, n)) for n in range(1, 8)] == [2, 2, 2, 4, 4, 6, 6]


@pytest.mark.parametrize(
    ("thread", "expected"),
    [
        ([], []),
        ([say(1, "assistant", "hello")], ["1"]),
        ([say(1, "assistant", "a"), say(2, "assistant", call("c", "d")), say(3, "tool", result("c")),
          say(4, "tool", result("d"))], ["2", "3", "4"]),
        ([say(1, "assistant", call("c")), say(2, "assistant", "b")], ["2"]),
        ([say(1, "tool", result("c"))], []),
    ],
)  # fmt: skip
def test_without_a_turns_start_it_is_the_last_message_with_its_call_group(thread, expected) -> None:
    assert ids(taken(thread, 100, None)) == expected


def test_what_must_be_in_counts_as_one_turn() -> None:
    thread = [say(n, "user", "x", 10) for n in range(1, 6)]
    turns = Turns(max_tokens=15, last=None, count=count, must=3)
    turns.add(thread[::-1])
    assert ids(turns.take()) == ["3", "4", "5"]


@given(threads(), budgets, moments := st.one_of(st.none(), st.integers(0, 5)), moments)
@settings(max_examples=200, deadline=None)
def test_dates_come_first_and_are_inclusive_at_both_ends(thread, max_tokens, start, end) -> None:
    bounds = [None if second is None else EPOCH + timedelta(seconds=second) for second in (start, end)]
    inside = [m for m in thread if (start is None or m.created_at >= bounds[0])
              and (end is None or m.created_at <= bounds[1])]  # fmt: skip
    assert taken(inside, max_tokens, None) == window(thread, max_tokens, None, *bounds)
