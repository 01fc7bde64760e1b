# Generated from the _async twin by `nox -s sync`: edit that one.
"""The window on a real database: equal to the naive one, flat in round trips, taken by the providers."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import get_args, get_type_hints

import pytest

from mastra_cli import SyncPgMemory, SyncPgVector
from mastra_cli.errors import Conflict, InvalidArgument, ThreadNotFound
from mastra_cli.runtime import formats
from mastra_cli.runtime._sync import memory_messages, waiting
from mastra_cli.runtime._sync.wire import Wire
from mastra_cli.runtime.models_memory import Message
from tests.memory_reference import EPOCH, window, words
from tests.pure.test_formats import check_anthropic, check_openai


@pytest.fixture
def memory(shared_database: str):
    with SyncPgMemory(connection_string=shared_database, token_counter=words) as memory:
        yield memory


@pytest.fixture
def thread(memory, me) -> str:
    return (memory.create_thread(resource_id=me)).id


@pytest.fixture
def trips(monkeypatch) -> list[int]:
    """Grows with each request that goes to the server."""
    made: list[int] = []
    real = Wire.wait

    def wait(self, *args, **kwargs):
        made.append(1)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Wire, "wait", wait)
    return made


def users(*texts: str) -> list[dict]:
    return [{"role": "user", "content": text} for text in texts]


def shuffled(seed: int) -> list[Message]:
    """A thread of every kind of message, at random."""
    dice = random.Random(seed)
    messages = []
    for seq in range(1, dice.randrange(5, 60)):
        kind, ids = dice.randrange(5), [dice.choice("abcd") for _ in range(dice.randrange(1, 3))]
        text = " ".join("x" * dice.randrange(4))
        at = EPOCH + timedelta(seconds=dice.randrange(6))
        call = [{"type": "tool-call", "tool_call_id": i, "tool_name": "t", "args": {}} for i in ids]
        answer = [{"type": "tool-result", "tool_call_id": i, "tool_name": "t", "result": text} for i in ids]
        role, content = [("user", text), ("assistant", text), ("assistant", call), ("tool", answer),
                         ("system" if dice.random() < 0.2 else "assistant", text)][kind]  # fmt: skip
        messages.append(Message(id=str(seq), role=role, content=content, created_at=at))
    return messages


def test_it_equals_the_naive_window_of_what_is_stored(memory, me, monkeypatch) -> None:
    monkeypatch.setattr(memory_messages, "FIRST_BLOCK", 4)
    monkeypatch.setattr(memory_messages, "MAX_BLOCK", 8)
    for seed in range(40):
        thread = (memory.create_thread(resource_id=me)).id
        saved = memory.save_messages(thread_id=thread, messages=shuffled(seed))
        dice = random.Random(seed)
        for _ in range(4):
            max_tokens, last = (
                dice.choice([None, dice.randrange(12)]),
                dice.choice([None, dice.randrange(12)]),
            )
            start = dice.choice([None, None, EPOCH + timedelta(seconds=dice.randrange(6))])
            end = dice.choice([None, None, EPOCH + timedelta(seconds=dice.randrange(6))])
            found = memory.get_context_window(
                thread_id=thread, max_tokens=max_tokens, last=last, start_date=start, end_date=end
            )
            assert list(found) == window(saved, max_tokens, last, start, end), (
                seed,
                max_tokens,
                last,
                start,
                end,
            )
            assert found.tokens == sum(m.tokens for m in found)
            if start is None and end is None:
                assert found.dropped_messages == len(saved) - len(found)
                assert found.dropped_tokens == sum(m.tokens for m in saved) - found.tokens
            else:
                assert (found.dropped_messages, found.dropped_tokens) == (None, None)
            again = memory.get_context_window(
                thread_id=thread, max_tokens=max_tokens, last=last, start_date=start, end_date=end
            )
            assert again == found


def test_every_window_is_taken_by_the_providers(memory, me) -> None:
    for seed in range(100, 115):
        thread = (memory.create_thread(resource_id=me)).id
        memory.save_messages(thread_id=thread, messages=shuffled(seed))
        for budget in (None, 5):
            check_openai(
                memory.get_context_window(thread_id=thread, max_tokens=budget, format="openai")
            )
            check_anthropic(
                memory.get_context_window(thread_id=thread, max_tokens=budget, format="anthropic")
            )


def test_it_is_one_round_trip_within_the_first_block(memory, thread, trips) -> None:
    memory.save_messages(thread_id=thread, messages=users(*["one two"] * 100))
    trips.clear()
    found = memory.get_context_window(thread_id=thread)
    assert (len(trips), len(found)) == (1, 100)
    memory.save_messages(thread_id=thread, messages=users(*["one two"] * 900))
    trips.clear()
    found = memory.get_context_window(thread_id=thread, max_tokens=100)
    assert (len(trips), len(found), found.dropped_messages, found.dropped_tokens) == (1, 50, 950, 1900)
    trips.clear()
    assert len(memory.get_context_window(thread_id=thread, last=20)) == 20
    assert len(trips) == 1


def test_it_goes_on_reading_while_it_fits(memory, thread) -> None:
    texts = [f"{n} x" for n in range(1500)]
    memory.save_messages(thread_id=thread, messages=users(*texts))
    found = memory.get_context_window(thread_id=thread, max_tokens=2000)
    assert [m.content for m in found] == texts[500:]
    assert [m.content for m in memory.get_context_window(thread_id=thread)] == texts


def test_a_newest_turn_longer_than_a_block_comes_whole(memory, thread) -> None:
    long = [{"role": "assistant", "content": "a b c"}] * 700
    memory.save_messages(thread_id=thread, messages=[*users("old", "go"), *long])
    found = memory.get_context_window(thread_id=thread, max_tokens=10)
    assert len(found) == 701
    assert found[0].content == "go"


def test_without_a_start_in_reach_it_is_the_last_message(memory, thread, monkeypatch) -> None:
    monkeypatch.setattr(memory_messages, "REACH", 200)
    long = [{"role": "assistant", "content": str(n)} for n in range(700)]
    memory.save_messages(thread_id=thread, messages=[*users("go"), *long])
    assert [m.content for m in memory.get_context_window(thread_id=thread, max_tokens=10)] == ["699"]
    assert len(memory.get_context_window(thread_id=thread)) == 701


def test_an_empty_and_an_unknown_thread_have_an_empty_window(memory, thread) -> None:
    for id in (thread, "nowhere"):
        found = memory.get_context_window(thread_id=id, format="anthropic")
        assert (list(found), found.system, found.tokens) == ([], "", 0)
        assert (found.dropped_messages, found.dropped_tokens) == (0, 0)


def test_a_message_larger_than_the_budget_is_in_when_it_is_the_newest(memory, thread) -> None:
    memory.save_messages(thread_id=thread, messages=users("x " * 500, "y " * 500))
    found = memory.get_context_window(thread_id=thread, max_tokens=100)
    assert [m.tokens for m in found] == [500]
    assert found.dropped_tokens == 500


def test_dates_are_inclusive_at_both_ends_and_must_be_aware(memory, thread) -> None:
    at = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 6)]
    messages = [{"role": "user", "content": str(n), "created_at": moment} for n, moment in enumerate(at)]
    memory.save_messages(thread_id=thread, messages=messages)
    found = memory.get_context_window(thread_id=thread, start_date=at[1], end_date=at[3])
    assert [m.content for m in found] == ["1", "2", "3"]
    with pytest.raises(InvalidArgument) as raised:
        memory.get_context_window(thread_id=thread, end_date=datetime(2026, 1, 1))  # noqa: DTZ001
    assert raised.value.message.startswith("end_date must be an aware datetime, and is")
    with pytest.raises(InvalidArgument, match="no such format: 'xml'"):
        memory.get_context_window(thread_id=thread, format="xml")


def test_the_system_text_stands_apart_for_anthropic(memory, thread) -> None:
    memory.save_messages(
        thread_id=thread, messages=[{"role": "system", "content": "be terse"}, *users("hi")]
    )
    found = memory.get_context_window(thread_id=thread, format="anthropic")
    assert (found.system, list(found)) == ("be terse", [{"role": "user", "content": "hi"}])
    assert (memory.get_context_window(thread_id=thread, format="openai")).system is None


# -- save_memory, get_memory --------------------------------------------------------------------------------


def test_a_turn_takes_at_most_three_round_trips_from_an_empty_database(database: str, trips) -> None:
    with SyncPgMemory(connection_string=database) as memory:
        memory.open()
        trips.clear()
        turn = memory.save_memory(
            resource_id="r", user_messages=users("hi"), title="T", format="openai"
        )
        assert len(trips) <= 3
        assert list(turn.messages) == [{"role": "user", "content": "hi"}]
        thread = memory.get_thread_by_id(thread_id=turn.thread_id)
        assert (thread.resource_id, thread.title) == ("r", "T")
        trips.clear()
        reply = {"role": "assistant", "content": "hello"}
        memory.save_messages(thread_id=turn.thread_id, messages=[reply])
        turn = memory.save_memory(
            resource_id="r", thread_id=turn.thread_id, user_messages=users("how?")
        )
        assert len(trips) <= 4
        assert [m.content for m in turn.messages] == ["hi", "hello", "how?"]


def test_sixteen_at_once_make_one_thread(memory, me) -> None:
    def work(writer: int) -> str:
        turn = memory.save_memory(
            resource_id=me, thread_id=f"new-{me}", user_messages=users(str(writer))
        )
        assert str(writer) in [m.content for m in turn.messages]
        return turn.thread_id

    assert set(waiting.gather(work, range(16), limit=16)) == {f"new-{me}"}
    assert len(memory.get_threads_by_resource_id(resource_id=me)) == 1
    found = (memory.get_messages(thread_id=f"new-{me}")).messages
    assert [m.seq for m in found] == list(range(1, 17))


def test_another_resources_thread_is_a_conflict_and_nothing_is_written(memory, thread, me) -> None:
    for messages in (users("x"), []):
        with pytest.raises(Conflict) as raised:
            memory.save_memory(resource_id="other", thread_id=thread, user_messages=messages)
        assert raised.value.message == f"the thread {thread!r} is another resource's"
    assert (memory.get_messages(thread_id=thread)).messages == []


def test_new_messages_are_in_whatever_the_budget(memory, thread, me, shared_database) -> None:
    small = SyncPgMemory(connection_string=shared_database, token_counter=words, max_tokens=5)
    with small:
        small.save_messages(thread_id=thread, messages=users("old one"))
        turn = small.save_memory(resource_id=me, thread_id=thread, user_messages=users(*["a b c"] * 4))
        assert [m.content for m in turn.messages] == ["a b c"] * 4
        turn = small.save_memory(resource_id=me, thread_id=thread, user_messages=users("d"))
        assert [m.content for m in turn.messages] == ["a b c", "d"]


def test_a_history_that_is_sent_again_is_not_new(thread, me, shared_database) -> None:
    """As a chat front end does: each turn the whole conversation, with the ids that it gave."""
    asked: list[str] = []

    def embedder(texts: list[str]) -> list[list[float]]:
        asked.extend(texts)
        return [[1.0, 0.0, 0.0]] * len(texts)

    def says(role: str, n: int) -> dict:
        return {"id": f"{role}{n}", "role": role, "parts": [{"type": "text", "text": f"{role} {n}"}]}

    history: list[dict] = []
    vector = SyncPgVector(connection_string=shared_database)
    with SyncPgMemory(
        connection_string=shared_database, token_counter=words, max_tokens=6, vector=vector, embedder=embedder
    ) as small:
        for n in range(8):
            history.append(says("user", n))
            turn = small.save_memory(
                resource_id=me, thread_id=thread, user_messages=history, format="ui"
            )
            assert [m["id"] for m in turn.messages] == [m["id"] for m in history[-3:]]
            assert turn.messages.tokens <= 6
            history.append(says("assistant", n))
            small.save_messages(thread_id=thread, messages=history[-1:])
        first = {**history[0], "parts": [{"type": "text", "text": "edited"}]}
        turn = small.save_memory(resource_id=me, thread_id=thread, user_messages=[first, *history[1:]])
        assert [m.id for m in turn.messages] == ["user6", "assistant6", "user7", "assistant7"][-2:]
    assert asked == [*(f"{role} {n}" for n in range(8) for role in ("user", "assistant")), "edited"]


def test_type_checkers_know_every_word_that_is_taken() -> None:
    for call in (SyncPgMemory.get_context_window, SyncPgMemory.save_memory):
        assert get_args(get_type_hints(call)["format"]) == formats.FORMATS
    hints = get_type_hints(SyncPgMemory.add_message)
    assert get_args(hints["type"]) == formats.KINDS
    assert set(get_args(hints["role"])) == set(formats.ROLES.values())
    assert get_args(get_type_hints(SyncPgMemory.save_tool_result)["scope"]) == ("thread", "resource")
    assert get_args(get_type_hints(SyncPgMemory.list_threads)["order_by"]) == ("updated_at", "created_at")


def test_save_memory_without_messages_makes_the_thread(memory, me) -> None:
    turn = memory.save_memory(resource_id=me, user_messages=[])
    assert list(turn.messages) == []
    assert (memory.get_thread_by_id(thread_id=turn.thread_id)).resource_id == me


def test_the_memory_of_a_thread(memory, thread, me) -> None:
    saved = memory.save_messages(thread_id=thread, messages=users("a", "b"))
    found = memory.get_memory(thread_id=thread)
    assert (found.thread.id, list(found.messages), found.working_memory) == (thread, saved, None)
    memory.update_working_memory(resource_id=me, value="of all")
    assert (memory.get_memory(thread_id=thread)).working_memory.value == "of all"
    memory.update_working_memory(resource_id=me, thread_id=thread, value="of this")
    assert (memory.get_memory(thread_id=thread)).working_memory.value == "of this"
    with pytest.raises(ThreadNotFound):
        memory.get_memory(thread_id="nowhere")


def test_an_agent_loop_survives_a_restart(database: str) -> None:
    """As in the README: an interrupted call never reaches the provider again."""
    thread = str(uuid.uuid4())
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    with SyncPgMemory(connection_string=database, max_tokens=1000) as memory:
        memory.save_memory(
            resource_id="ann", thread_id=thread, user_messages=users("Weather in Paris?")
        )
        memory.save_messages(
            thread_id=thread, messages=[{"role": "assistant", "content": None, "tool_calls": [call]}]
        )
    # The process dies before the tool answers; the next one begins with what the user says then.
    with SyncPgMemory(connection_string=database, max_tokens=1000) as memory:
        turn = memory.save_memory(
            resource_id="ann", thread_id=thread, user_messages=users("Are you there?"), format="openai"
        )
        check_openai(turn.messages)
        assert [m["content"] for m in turn.messages] == ["Weather in Paris?", "Are you there?"]
        again = {**call, "id": "c2"}
        memory.save_messages(thread_id=thread, messages=[
            {"role": "assistant", "content": None, "tool_calls": [again]},
            {"role": "tool", "tool_call_id": "c2", "content": "20 degrees"}])  # fmt: skip
        cached = memory.get_tool_result(
            thread_id=thread, tool_name="weather", tool_args={"city": "Paris"}
        )
        assert cached.value == "20 degrees"
        check_openai(memory.get_context_window(thread_id=thread, format="openai"))
