# Generated from the _async twin by `nox -s sync`: edit that one.
"""Messages: saved once, in order, lossless; read by the page; deleted."""

import json
import random
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mastra_cli import SyncPgMemory
from mastra_cli.errors import Conflict, InvalidArgument, NotFound, ThreadNotFound
from mastra_cli.runtime import message_rows
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.wire import Wire
from mastra_cli.runtime.models_memory import Message
from mastra_cli.runtime.tokens import estimate_tokens

CALL = {"type": "tool-call", "tool_call_id": "c1", "tool_name": "weather", "args": {"city": "Paris"}}
RESULT = {"type": "tool-result", "tool_call_id": "c1", "tool_name": "weather", "result": {"deg": 20}}


@pytest.fixture
def memory(shared_database: str):
    with SyncPgMemory(connection_string=shared_database, timeout=60.0) as memory:
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


def stored(memory, thread: str) -> list[Message]:
    return (memory.get_messages(thread_id=thread)).messages


def users(*texts: str) -> list[dict]:
    return [{"role": "user", "content": text} for text in texts]


def totals(memory, thread: str) -> tuple[int, int]:
    """What the thread's row says, seen from outside: a window of nothing but the newest turn."""
    window = memory.get_context_window(thread_id=thread)
    return len(window) + window.dropped_messages, window.tokens + window.dropped_tokens


# -- one message --------------------------------------------------------------------------------------------


def test_an_added_message_is_the_threads_next(memory, thread) -> None:
    first = memory.add_message(thread_id=thread, content="Hello there", role="user")
    second = memory.add_message(thread_id=thread, content="Hi", role="assistant")
    assert (first.seq, second.seq) == (1, 2)
    assert (first.role, first.type, first.content, first.thread_id) == ("user", "text", "Hello there", thread)
    assert first.tokens == estimate_tokens("Hello there") > 0
    assert first.created_at.tzinfo is not None
    assert stored(memory, thread) == [first, second]


def test_a_call_may_be_told_beside_the_content(memory, thread) -> None:
    call = memory.add_message(
        thread_id=thread, content="Let me see", role="assistant", type="tool-call",
        tool_names=["weather"], tool_call_args=[{"city": "Paris"}], tool_call_ids=["c1"],
    )  # fmt: skip
    answer = memory.add_message(
        thread_id=thread, content={"deg": 20}, role="tool", type="tool-result",
        tool_names=["weather"], tool_call_ids=["c1"],
    )  # fmt: skip
    assert stored(memory, thread) == [call, answer]
    assert (call.content, call.tool_names) == ("Let me see", ["weather"])
    assert call.tokens > estimate_tokens("Let me see")
    memory.add_message(thread_id=thread, content="?", role="user")
    window = memory.get_context_window(thread_id=thread, format="openai", max_tokens=0)
    assert list(window) == [{"role": "user", "content": "?"}]
    ui = (memory.get_messages(thread_id=thread)).ui_messages[0]
    assert ui["content"] == "Let me see"
    assert ui["toolInvocations"] == [
        {"state": "result", "toolCallId": "c1", "toolName": "weather", "args": {"city": "Paris"},
         "result": {"deg": 20}}
    ]  # fmt: skip


def test_a_thread_that_is_not_there_takes_no_message(memory, thread) -> None:
    with pytest.raises(ThreadNotFound) as raised:
        memory.add_message(thread_id="nowhere", content="x", role="user")
    assert raised.value.message == "no thread 'nowhere'"
    assert raised.value.hint == "create_thread makes one; so does save_memory"
    batch = [Message(thread_id=thread, content="a"), Message(thread_id="nowhere", content="b")]
    with pytest.raises(ThreadNotFound):
        memory.save_messages(messages=batch)
    assert stored(memory, thread) == []


def test_the_threads_updated_at_moves_with_its_messages(memory, thread) -> None:
    before = memory.get_thread_by_id(thread_id=thread)
    message = memory.add_message(thread_id=thread, content="x", role="user")
    after = memory.get_thread_by_id(thread_id=thread)
    assert after.updated_at == message.created_at > before.updated_at


# -- batches, order -----------------------------------------------------------------------------------------


def test_a_batch_is_one_round_trip_and_keeps_its_order(memory, thread, trips) -> None:
    memory.open()
    trips.clear()
    saved = memory.save_messages(thread_id=thread, messages=users(*map(str, range(100))))
    assert len(trips) == 1
    assert [m.seq for m in saved] == list(range(1, 101))
    assert stored(memory, thread) == saved
    assert memory.save_messages(thread_id=thread, messages=[]) == []


def test_concurrent_writers_take_gap_free_numbers_and_readers_see_no_hole(memory, thread, me) -> None:
    back = datetime(2020, 1, 1, tzinfo=UTC)

    def work(writer: int) -> None:
        if writer >= 16:
            for _ in range(20):
                seqs = [m.seq for m in stored(memory, thread)]
                assert seqs == list(range(1, len(seqs) + 1))
            return
        for n in range(10):
            at = back if n % 3 == 0 else back - timedelta(seconds=n) if n % 3 == 1 else None
            message = {"role": "user", "content": f"{writer}/{n}", "created_at": at}
            memory.save_messages(thread_id=thread, messages=[message] * (1 + n % 3))

    waiting.gather(work, range(18), limit=18)
    messages = stored(memory, thread)
    assert [m.seq for m in messages] == list(range(1, 16 * 19 + 1))
    for writer in range(16):
        own = [m.content for m in messages if m.content.startswith(f"{writer}/")]
        assert own == [f"{writer}/{n}" for n in range(10) for _ in range(1 + n % 3)]
    assert totals(memory, thread) == (len(messages), sum(m.tokens for m in messages))


def test_each_message_stands_for_itself_at_equal_timestamps(memory, thread) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    saved = memory.save_messages(
        thread_id=thread, messages=[{"role": "user", "content": "same", "created_at": at}] * 3
    )
    assert [m.created_at for m in saved] == [at] * 3
    assert len({m.id for m in saved}) == 3
    window = memory.get_context_window(thread_id=thread, start_date=at, end_date=at)
    assert list(window) == saved


def test_several_threads_in_one_call_are_locked_in_one_order(memory, me) -> None:
    threads = [(memory.create_thread(resource_id=me)).id for _ in range(4)]

    def work(writer: int) -> None:
        order = threads[:] if writer % 2 else threads[::-1]
        memory.save_messages(
            messages=[Message(thread_id=t, content=str(writer)) for t in order for _ in "ab"]
        )

    waiting.gather(work, range(12), limit=12)
    for thread in threads:
        assert [m.seq for m in stored(memory, thread)] == list(range(1, 25))


# -- identity -----------------------------------------------------------------------------------------------


def test_saving_the_same_again_is_no_op(memory, thread, shared_database) -> None:
    given = [{"id": "m1", "role": "user", "content": [{"type": "text", "text": "é\ud800"}]},
             {"id": "m2", "role": "assistant", "content": [CALL]}]  # fmt: skip
    first = memory.save_messages(thread_id=thread, messages=given)
    before = memory.get_thread_by_id(thread_id=thread)
    assert memory.save_messages(thread_id=thread, messages=given) == first
    assert memory.save_messages(messages=first) == first
    assert memory.get_thread_by_id(thread_id=thread) == before
    with psycopg.connect(shared_database) as c:
        versions = c.execute("SELECT version FROM mastra.message WHERE thread_id = %s", [thread]).fetchall()
    assert versions == [(1,), (1,)]


def test_an_id_that_is_there_is_replaced_in_place(memory, thread) -> None:
    memory.save_messages(
        thread_id=thread, messages=[{**m, "id": str(n)} for n, m in enumerate(users(*"abc"))]
    )
    [changed, added] = memory.save_messages(
        thread_id=thread, messages=[{"id": "1", "role": "user", "content": "B" * 400}, *users("d")]
    )
    assert (changed.seq, added.seq) == (2, 4)
    found = stored(memory, thread)
    assert [m.content for m in found] == ["a", "B" * 400, "c", "d"]
    assert found[1] == changed
    assert totals(memory, thread) == (4, sum(m.tokens for m in found))


def test_the_same_id_twice_in_a_batch_is_one_message_the_later_wins(memory, thread) -> None:
    saved = memory.save_messages(
        thread_id=thread,
        messages=[{"id": "x", "role": "user", "content": "old"}, *users("y"), {"id": "x", "role": "user", "content": "new"}],
    )  # fmt: skip
    assert [(m.id, m.seq) for m in saved if m.id == "x"] == [("x", 1), ("x", 1)]
    assert [m.content for m in stored(memory, thread)] == ["new", "y"]


def test_the_same_new_id_from_many_writers_is_one_message(memory, thread) -> None:
    def work(writer: int) -> int:
        saved = memory.save_messages(
            thread_id=thread, messages=[{"id": "one", "role": "user", "content": str(writer)}, *users("x")]
        )
        return saved[1].seq

    seqs = waiting.gather(work, range(12), limit=12)
    found = stored(memory, thread)
    assert [m.seq for m in found] == list(range(1, 14))
    assert sorted([next(m.seq for m in found if m.id == "one"), *seqs]) == list(range(1, 14))
    assert totals(memory, thread) == (13, sum(m.tokens for m in found))


def test_replacing_and_deleting_at_once_keeps_the_totals_right(memory, thread) -> None:
    memory.save_messages(
        thread_id=thread, messages=[{**m, "id": str(n)} for n, m in enumerate(users(*"abcdef"))]
    )

    def work(writer: int) -> None:
        dice = random.Random(writer)
        for _ in range(8):
            id = str(dice.randrange(6))
            if dice.random() < 0.3:
                memory.delete_message(message_id=id, thread_id=thread)
            else:
                text = "word " * dice.randrange(1, 50)
                memory.save_messages(
                    thread_id=thread, messages=[{"id": id, "role": "user", "content": text}]
                )

    waiting.gather(work, range(10), limit=10)
    found = stored(memory, thread)
    assert totals(memory, thread) == (len(found), sum(m.tokens for m in found))


def test_threads_can_be_copied_and_a_message_of_one_never_touches_another(memory, thread, me) -> None:
    saved = memory.save_messages(thread_id=thread, messages=users("a", "b"))
    copy = (memory.create_thread(resource_id=me)).id
    copied = memory.save_messages(messages=saved, thread_id=copy)
    assert [(m.id, m.content, m.thread_id) for m in copied] == [(m.id, m.content, copy) for m in saved]
    memory.save_messages(messages=[replace(copied[0], content="changed")])
    assert stored(memory, thread) == saved


# -- lossless -----------------------------------------------------------------------------------------------

DEEP: list = []
for _ in range(400):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    ["", "a\0b", "\ud83d alone", "😀 ✓ 漢字", {"b": 1, "a": [1.0, 1, -0.5, 1e300, 10**100, True, None]}, {"a\0": "\udfff"},
     DEEP, [], {}, 0, None, ["not parts", 1], [{"type": "own", "x": [None]}]],
    ids=lambda v: repr(v)[:20],
)  # fmt: skip
def test_any_json_comes_back_equal(memory, thread, value) -> None:
    told = [{"type": "tool-result", "tool_call_id": "c\0", "tool_name": "t", "result": value}]
    args = [{"type": "tool-call", "tool_call_id": "c", "tool_name": "t", "args": value}]
    saved = [
        memory.add_message(thread_id=thread, content=value, role="user"),
        memory.add_message(thread_id=thread, content=value, role="tool", type="tool-result", tool_call_ids=["c"]),
        *memory.save_messages(thread_id=thread, messages=[{"role": "tool", "content": told},
                                                                {"role": "assistant", "content": args}]),
    ]  # fmt: skip
    found = stored(memory, thread)
    assert [m.content for m in found] == [value, value, told, args]
    assert json.dumps([m.content for m in found]) == json.dumps([value, value, told, args])
    assert found == saved


def test_every_role_and_part_comes_back_equal(memory, thread) -> None:
    image = {"type": "image", "image": "aGk=", "media_type": "image/png"}
    file = {"type": "file", "data": "aGk=", "media_type": "text/plain", "filename": "a.txt"}
    given = [("system", "be terse"), ("user", [{"type": "text", "text": "see"}, image, file]),
             ("assistant", [{"type": "text", "text": "hm"}, CALL, {**CALL, "tool_call_id": "c2"}]),
             ("tool", [RESULT, {**RESULT, "tool_call_id": "c2", "is_error": True}]),
             ("assistant", [{"type": "thinking", "thinking": "x", "signature": "y"}])]  # fmt: skip
    saved = memory.save_messages(
        thread_id=thread, messages=[{"role": role, "content": content} for role, content in given]
    )
    found = stored(memory, thread)
    assert [(m.role, m.content) for m in found] == given
    assert [m.type for m in found] == ["text", "text", "tool-call", "tool-result", "text"]
    assert found[2].tool_call_ids == found[3].tool_call_ids == ["c1", "c2"]
    assert found[2].tool_call_args == [{"city": "Paris"}] * 2
    assert all(m.tokens > 0 for m in found)
    assert found == saved


def test_a_result_of_five_megabytes_comes_back_equal(memory, thread) -> None:
    rows = [{"id": n, "text": "lorem ipsum \0 dolor " * 20} for n in range(12_000)]
    assert len(json.dumps(rows)) > 5_000_000
    memory.save_messages(
        thread_id=thread, messages=[{"role": "tool", "content": [{**RESULT, "result": rows}]}]
    )
    assert (stored(memory, thread))[0].content[0]["result"] == rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (float("nan"), "content is nan, which JSON can not hold"),
        ({"a": {1: 2}}, "content.a has a key that is not a str: 1"),
        ([datetime(2026, 1, 1, tzinfo=UTC)], "content[0] is a datetime, which is not JSON"),
        (10**4000, "content has more than 4,000 digits"),
        (json.loads("[" * 502 + "]" * 502), "content is nested deeper than 500"),
    ],
    ids=["nan", "key", "datetime", "digits", "depth"],
)  # fmt: skip
def test_what_json_can_not_hold_is_refused_before_anything_is_written(
    memory, thread, content, words
) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.save_messages(
            thread_id=thread, messages=[*users("fine"), {"role": "user", "content": content}]
        )
    assert raised.value.message.endswith(words)
    assert stored(memory, thread) == []


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"role": "user", "content": "x", "id": "\0"}, "the id of a message holds NUL"),
        ({"role": "robot", "content": "x"}, "message 0: the role of a message must be"),
        ("hello", "message 0: this is no message: 'hello'"),
    ],
)
def test_what_is_no_message_is_refused(memory, thread, message, words) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.save_messages(thread_id=thread, messages=message)
    assert raised.value.message.startswith(words)


@pytest.mark.parametrize(
    "at",
    ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", datetime.max.replace(tzinfo=UTC), 253402300799000],
)  # fmt: skip
def test_a_time_that_could_not_be_read_again_is_refused(memory, thread, me, at) -> None:
    given = {"role": "user", "content": "x", "created_at": at}
    for message in (given, Message(**given)):
        with pytest.raises(InvalidArgument, match="must be in the years 2 to 9,998"):
            memory.save_messages(thread_id=thread, messages=[message])
    assert stored(memory, thread) == []


def test_a_message_must_name_its_thread(memory) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.save_messages(messages=users("x"))
    assert raised.value.message == "message 0 names no thread"


# -- pages --------------------------------------------------------------------------------------------------


def test_pages_of_a_thread_in_both_directions(memory, thread) -> None:
    ids = [m.id for m in memory.save_messages(thread_id=thread, messages=users(*"0123456789"))]

    def page(**arguments) -> tuple[str, bool]:
        found = memory.get_messages(thread_id=thread, **arguments)
        assert [m["content"] for m in found.ui_messages] == [m.content for m in found.messages]
        return "".join(m.content for m in found.messages), found.has_more

    assert page() == ("0123456789", False)
    assert page(last=3) == ("789", True)
    assert page(last=10) == ("0123456789", False)
    assert page(limit=3) == ("012", True)
    assert page(before=ids[5], limit=2) == ("34", True)
    assert page(before=ids[2], limit=2) == ("01", False)
    assert page(after=ids[5], limit=2) == ("67", True)
    assert page(after=ids[7], limit=2) == ("89", False)
    assert page(after=ids[9]) == ("", False)
    assert page(after=ids[2], before=ids[6]) == ("345", False)
    assert page(after=ids[2], before=ids[6], limit=2) == ("34", True)
    assert page(before=ids[6], last=2) == ("45", True)
    assert page(limit=0) == ("", True)


def test_an_unknown_thread_has_no_messages_and_an_unknown_message_no_neighbours(memory, thread) -> None:
    found = memory.get_messages(thread_id="nowhere", before="x", limit=5)
    assert (found.messages, found.ui_messages, found.has_more) == ([], [], False)
    with pytest.raises(NotFound) as raised:
        memory.get_messages(thread_id=thread, after="gone", limit=5)
    assert raised.value.message == f"the thread {thread!r} has no message 'gone'"
    with pytest.raises(InvalidArgument, match="last and limit are both given"):
        memory.get_messages(thread_id=thread, last=1, limit=1)
    with pytest.raises(InvalidArgument, match="last must be a whole number, 0 or more, and is -1"):
        memory.get_messages(thread_id=thread, last=-1)


# -- deleting -----------------------------------------------------------------------------------------------


def test_a_deletion_leaves_a_hole_that_is_never_filled(memory, thread) -> None:
    saved = memory.save_messages(thread_id=thread, messages=users(*"abc"))
    assert memory.delete_message(message_id=saved[2].id) == 1
    assert memory.delete_messages(message_ids=[saved[0].id, saved[0].id, "gone"], thread_id=thread) == 1
    assert memory.delete_messages(message_ids=[]) == 0
    memory.add_message(thread_id=thread, content="d", role="user")
    found = stored(memory, thread)
    assert [(m.seq, m.content) for m in found] == [(2, "b"), (4, "d")]
    assert totals(memory, thread) == (2, sum(m.tokens for m in found))


def spoken(*texts: str) -> dict:
    """A message of a front end: between its texts it called a tool."""
    parts: list[dict] = []
    for n, text in enumerate(texts):
        if n:
            call = {"toolCallId": f"c{n}", "toolName": "t", "args": {}, "state": "result", "result": n}
            parts.append({"type": "tool-invocation", "toolInvocation": call})
        parts.append({"type": "text", "text": text})
    return {"id": "m", "role": "assistant", "parts": parts}


def test_a_message_in_pieces_is_replaced_and_deleted_whole(memory, thread, me) -> None:
    others = [{"id": id, "role": "user", "content": id} for id in ("m#x", "m2", "m$", "n#2")]
    saved = memory.save_messages(thread_id=thread, messages=[spoken("a", "b", "c"), *others])
    assert [m.id for m in saved] == ["m", "m#2", "m#3", "m#4", "m#5", "m#x", "m2", "m$", "n#2"]
    # A piece that was read is itself alone; so is the whole that is saved again as it is.
    memory.save_messages(messages=[replace(saved[4], content="C"), saved[0]])
    memory.save_messages(messages=[asdict(saved[0])])
    assert len(stored(memory, thread)) == 9
    memory.save_messages(thread_id=thread, messages=[spoken("a", "B"), *others])
    found = stored(memory, thread)
    assert [(m.id, m.seq) for m in found] == [
        ("m", 1), ("m#2", 2), ("m#3", 3), ("m#x", 6), ("m2", 7), ("m$", 8), ("n#2", 9)]  # fmt: skip
    assert found[2].content == "B" or found[2].content == [{"type": "text", "text": "B"}]
    assert totals(memory, thread) == (7, sum(m.tokens for m in found))
    # Back to one, though nothing of the first piece has changed.
    memory.save_messages(thread_id=thread, messages=spoken("a"))
    memory.save_messages(thread_id=thread, messages=[spoken("a", "b"), *users("z")])
    found = stored(memory, thread)
    assert [m.seq for m in found if m.id.startswith("m#")] == [6, 10, 11]
    assert totals(memory, thread) == (8, sum(m.tokens for m in found))
    other = (memory.create_thread(resource_id=me)).id
    memory.save_messages(thread_id=other, messages=[{**spoken("a", "b"), "id": "m#2"}])
    assert memory.delete_message(message_id="m") == 3
    assert [m.id for m in stored(memory, thread)][:4] == ["m#x", "m2", "m$", "n#2"]
    assert len(stored(memory, other)) == 3
    assert totals(memory, thread) == (5, sum(m.tokens for m in stored(memory, thread)))


def test_an_id_in_several_threads_is_deleted_only_where_it_is_said(memory, thread, me) -> None:
    other = (memory.create_thread(resource_id=me)).id
    id = f"twice-{me}"
    for each in (thread, other):
        memory.save_messages(
            thread_id=each, messages=[{"id": id, "role": "user", "content": "x"}, *users("y")]
        )
    with pytest.raises(Conflict) as raised:
        memory.delete_messages(message_ids=[(stored(memory, thread))[1].id, id])
    assert raised.value.message == f"the message id {id!r} stands in several threads"
    assert len(stored(memory, thread)) == len(stored(memory, other)) == 2
    assert memory.delete_message(message_id=id, thread_id=other) == 1
    assert memory.delete_message(message_id=id) == 1


@pytest.mark.parametrize(
    ("ids", "kind"), [("abc", "a str"), (b"a", "a bytes"), (5, "an int"), (None, "None")]
)
def test_ids_to_delete_are_a_list(memory, ids, kind) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.delete_messages(message_ids=ids)
    assert raised.value.message == f"message_ids must be a list of ids, and is {kind}"


def test_no_input_becomes_sql(memory, me) -> None:
    for hostile in ("'; DROP TABLE mastra.thread; --", "%(ids)s", "\\", '"', "$1", "%s"):
        thread = (memory.create_thread(resource_id=f"{hostile}{me}", title=hostile)).id
        memory.save_messages(
            thread_id=thread, messages=[{"id": hostile, "role": "user", "content": hostile}]
        )
        assert [m.content for m in stored(memory, thread)] == [hostile]
        assert [r.message.id for r in memory.recall(query=f"{hostile} x", thread_id=thread)] in (
            [hostile],
            [],
        )
        assert memory.delete_message(message_id=hostile, thread_id=thread) == 1


def test_a_message_has_fifty_megabytes_at_most(memory, thread, monkeypatch) -> None:
    monkeypatch.setattr(message_rows, "MAX_BYTES", 1000)
    with pytest.raises(InvalidArgument) as raised:
        memory.add_message(thread_id=thread, content="x" * 1000, role="user")
    assert raised.value.message == "the content of a message may have 1,000 bytes at most"
