# Generated from the _async twin by `nox -s sync`: edit that one.
"""The cache of tool results, and working memory."""

import psycopg
import pytest

from mastra_cli import SyncPgMemory
from mastra_cli.errors import Conflict, InvalidArgument, ThreadNotFound
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime.models_memory import ToolResult


@pytest.fixture
def memory(shared_database: str):
    with SyncPgMemory(connection_string=shared_database) as memory:
        yield memory


@pytest.fixture
def thread(memory, me) -> str:
    return (memory.create_thread(resource_id=me)).id


def call(id: str, args: object, tool: str = "weather") -> dict:
    return {"type": "tool-call", "tool_call_id": id, "tool_name": tool, "args": args}


def answer(id: str, result: object, **more: object) -> dict:
    return {
        "role": "tool",
        "content": [{"type": "tool-result", "tool_call_id": id, "result": result, **more}],
    }


def cached(memory, thread: str, args: object = None, tool: str = "weather") -> ToolResult | None:
    return memory.get_tool_result(thread_id=thread, tool_name=tool, tool_args=args or {"city": "Paris"})


def test_a_kept_answer_is_found_by_equal_arguments(memory, thread) -> None:
    args = {"b": [1.0, {"x": "é\0"}], "a": 1}
    kept = memory.save_tool_result(
        thread_id=thread, tool_name="t", tool_args=args, value={"x": "\ud800"}
    )
    assert kept.value == {"x": "\ud800"}
    same = {"a": 1.0, "b": [1, {"x": "é\0"}]}
    assert cached(memory, thread, same, "t") == kept
    digest = memory.hash_tool_args(same)
    assert memory.validate_tool_call_args(thread_id=thread, tool_name="t", hashed_args=digest) == kept
    for other in ({"a": 1}, {"a": True, "b": [1, {"x": "é\0"}]}, {"a": "1", "b": [1, {"x": "é\0"}]}):
        assert cached(memory, thread, other, "t") is None
    assert cached(memory, thread, same, "u") is None
    assert cached(memory, "nowhere", same, "t") is None


def test_a_cached_none_is_a_hit(memory, thread) -> None:
    memory.save_tool_result(thread_id=thread, tool_name="t", tool_args={}, value=None)
    found = memory.get_tool_result(thread_id=thread, tool_name="t", tool_args={})
    assert found is not None
    assert found.value is None


def test_an_answer_holds_for_its_time_by_the_databases_clock(memory, thread, shared_database) -> None:
    short = memory.save_tool_result(thread_id=thread, tool_name="s", tool_args={}, value=1, ttl=0.2)
    long = memory.save_tool_result(thread_id=thread, tool_name="l", tool_args={}, value=1)
    assert (short.expires_at - short.created_at).total_seconds() == 0.2
    assert (long.expires_at - long.created_at).total_seconds() == 300
    waiting.sleep(0.25)
    assert memory.get_tool_result(thread_id=thread, tool_name="s", tool_args={}) is None
    assert memory.get_tool_result(thread_id=thread, tool_name="l", tool_args={}) == long
    memory.save_tool_result(thread_id=thread, tool_name="x", tool_args={}, value=1)
    with psycopg.connect(shared_database) as c:
        kept = c.execute(
            "SELECT tool_name FROM mastra.tool_result WHERE owner_id = %s ORDER BY 1", [thread]
        ).fetchall()
    assert kept == [("l",), ("x",)], "what had expired went with the next save"


def test_a_resources_threads_share_what_is_kept_for_it(memory, thread, me) -> None:
    other = (memory.create_thread(resource_id=me)).id
    stranger = (memory.create_thread(resource_id=f"not-{me}")).id
    memory.save_tool_result(
        thread_id=thread, tool_name="t", tool_args={}, value="ours", scope="resource"
    )
    memory.save_tool_result(thread_id=other, tool_name="t", tool_args={}, value="mine")
    found = [
        memory.get_tool_result(thread_id=t, tool_name="t", tool_args={})
        for t in (thread, other, stranger)
    ]
    assert [r and r.value for r in found] == ["ours", "mine", None]


def test_saving_a_call_and_its_result_fills_the_cache(memory, thread) -> None:
    memory.save_messages(thread_id=thread, messages=[
        {"role": "assistant", "content": [call("c1", {"city": "Paris"}), call("c2", {"city": "Rome"})]},
        answer("c1", "20 degrees"), answer("unasked", "x")])  # fmt: skip
    assert (cached(memory, thread)).value == "20 degrees"
    assert cached(memory, thread, {"city": "Rome"}) is None
    # The other result comes later, in a batch of its own, from a provider that does not name the tool.
    memory.save_messages(
        thread_id=thread, messages=[{"role": "tool", "tool_call_id": "c2", "content": "25"}]
    )
    assert (cached(memory, thread, {"city": "Rome"})).value == "25"
    # What is told beside the content counts as well; the newer answer takes the place of the older.
    memory.add_message(thread_id=thread, content="", role="assistant", type="tool-call",
                             tool_names=["weather"], tool_call_args=[{"city": "Paris"}], tool_call_ids=["c3"])  # fmt: skip
    memory.add_message(
        thread_id=thread, content={"deg": 21}, role="tool", type="tool-result", tool_call_ids=["c3"]
    )
    assert (cached(memory, thread)).value == {"deg": 21}


def test_errors_are_never_cached(memory, thread) -> None:
    memory.save_messages(thread_id=thread, messages=[
        {"role": "assistant", "content": [call("c1", {"city": "Paris"})]}, answer("c1", "down", is_error=True)])  # fmt: skip
    assert cached(memory, thread) is None


def test_concurrent_equal_calls_leave_one_answer(memory, thread) -> None:
    def work(n: int) -> None:
        if n % 2:
            memory.save_tool_result(
                thread_id=thread, tool_name="weather", tool_args={"city": "Paris"}, value=n
            )
        else:
            memory.save_messages(thread_id=thread, messages=[
                {"role": "assistant", "content": [call(f"c{n}", {"city": "Paris"})]}, answer(f"c{n}", n)])  # fmt: skip

    waiting.gather(work, range(16), limit=16)
    assert (cached(memory, thread)).value in range(16)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scope": "world"}, 'scope must be "thread" or "resource", and is \'world\''),
        ({"ttl": 0}, "ttl must be a number of seconds above 0, and is 0"),
        ({"tool_name": ""}, "tool_name is empty"),
        ({"tool_args": {"a": {1}}}, "tool_args.a is a set, which is not JSON"),
        ({"value": {"a": b"x"}}, "value.a is a bytes, which is not JSON"),
    ],
)
def test_what_can_not_be_kept_is_refused(memory, thread, arguments, words) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.save_tool_result(
            **{"thread_id": thread, "tool_name": "t", "tool_args": {}, "value": 1, **arguments}
        )
    assert raised.value.message == words
    with pytest.raises(ThreadNotFound):
        memory.save_tool_result(thread_id="nowhere", tool_name="t", tool_args={}, value=1)


# -- working memory -----------------------------------------------------------------------------------------


def test_working_memory_is_text_or_json_of_a_resource_or_a_thread(memory, thread, me) -> None:
    assert memory.get_working_memory(resource_id=me) is None
    first = memory.update_working_memory(resource_id=me, value="# Ann\0")
    own = memory.update_working_memory(resource_id=me, thread_id=thread, value={"b": 1, "a": [2.0]})
    assert (first.value, first.version, own.version) == ("# Ann\0", 1, 1)
    assert memory.get_working_memory(resource_id=me) == first
    assert memory.get_working_memory(resource_id=me, thread_id=thread) == own
    assert list(own.value) == ["b", "a"]


def test_working_memory_is_compared_and_set(memory, me) -> None:
    memory.update_working_memory(resource_id=me, value=1, expected_version=0)
    with pytest.raises(Conflict) as raised:
        memory.update_working_memory(resource_id=me, value=2, expected_version=0)
    assert raised.value.message == "the working memory is not at version 0"
    assert raised.value.hint == "get_working_memory, then update again with its version"
    assert (memory.update_working_memory(resource_id=me, value=2, expected_version=1)).version == 2
    assert (memory.update_working_memory(resource_id=me, value=3)).version == 3
    with pytest.raises(Conflict):
        memory.update_working_memory(resource_id=f"not-{me}", value=2, expected_version=1)
    assert memory.get_working_memory(resource_id=f"not-{me}") is None


def test_of_concurrent_updates_of_one_version_one_wins(memory, me) -> None:
    memory.update_working_memory(resource_id=me, value=0)

    def work(n: int) -> bool:
        try:
            memory.update_working_memory(resource_id=me, value=n, expected_version=1)
        except Conflict:
            return False
        return True

    assert sum(waiting.gather(work, range(8), limit=8)) == 1
    assert (memory.get_working_memory(resource_id=me)).version == 2


def test_a_threads_working_memory_needs_the_thread(memory, thread, me) -> None:
    with pytest.raises(ThreadNotFound):
        memory.update_working_memory(resource_id=me, thread_id="nowhere", value=1)
    with pytest.raises(Conflict, match="is another resource's"):
        memory.update_working_memory(resource_id="other", thread_id=thread, value=1)
