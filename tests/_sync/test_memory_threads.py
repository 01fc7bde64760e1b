# Generated from the _async twin by `nox -s sync`: edit that one.
"""Threads of the memory, and what belongs to a resource as a whole."""

from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest

from mastra_cli import SyncPgMemory, SyncPgVector, sync_connect
from mastra_cli.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidArgument,
    InvalidCursor,
    LockBusy,
    NotMigrated,
    ThreadNotFound,
)
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime.models_memory import DeletedResource, Pruned, Thread
from mastra_cli.runtime.sql import statements

THREAD, TOOL_RESULT = statements("thread"), statements("tool_result")


@pytest.fixture
def memory(shared_database: str):
    with SyncPgMemory(connection_string=shared_database) as memory:
        yield memory


def test_a_thread_is_created_and_found(memory, me) -> None:
    made = memory.create_thread(resource_id=me, title="Trip", metadata={"a": [1, 2.5, None]})
    assert (made.resource_id, made.title, made.metadata) == (me, "Trip", {"a": [1, 2.5, None]})
    assert made.created_at.tzinfo is not None
    assert made.created_at == made.updated_at
    assert memory.get_thread_by_id(thread_id=made.id) == made
    assert memory.get_thread_by_id(thread_id="nobody's") is None


def test_an_id_that_is_there_is_a_conflict(memory, me) -> None:
    memory.create_thread(resource_id=me, thread_id=f"t-{me}")
    with pytest.raises(Conflict) as raised:
        memory.create_thread(resource_id=me, thread_id=f"t-{me}")
    assert raised.value.message == f"there is a thread 't-{me}' already"
    assert raised.value.hint == "leave thread_id out for a new one"


def test_threads_of_a_resource_come_newest_first(memory, me) -> None:
    made = [memory.create_thread(resource_id=me) for _ in range(4)]
    memory.add_message(thread_id=made[0].id, content="x", role="user")
    found = memory.get_threads_by_resource_id(resource_id=me)
    assert [t.id for t in found] == [t.id for t in reversed(made)]
    assert memory.get_threads_by_resource_id(resource_id="nobody") == []


@pytest.mark.parametrize("order_by", ["updated_at", "created_at"])
def test_each_thread_appears_once_in_a_walk_of_pages(memory, me, order_by) -> None:
    made = [memory.create_thread(resource_id=me, metadata={"n": n % 2}) for n in range(7)]
    memory.add_message(thread_id=made[2].id, content="x", role="user")
    seen, cursor = [], None
    while True:
        page = memory.list_threads(resource_id=me, order_by=order_by, limit=3, cursor=cursor)
        seen += [t.id for t in page.items]
        if (cursor := page.next_cursor) is None:
            break
    order = [6, 5, 4, 3, 2, 1, 0] if order_by == "created_at" else [2, 6, 5, 4, 3, 1, 0]
    assert seen == [made[n].id for n in order]
    odd = memory.list_threads(resource_id=me, metadata={"n": 1}, order_by=order_by)
    assert sorted(t.id for t in odd.items) == sorted(made[n].id for n in (1, 3, 5))
    everyone = memory.list_threads(order_by=order_by, limit=1000)
    assert {t.id for t in made} <= {t.id for t in everyone.items}


def test_a_cursor_of_another_list_is_refused(memory, me) -> None:
    for _ in range(2):
        memory.create_thread(resource_id=me)
    page = memory.list_threads(resource_id=me, limit=1)
    with pytest.raises(InvalidCursor):
        memory.list_threads(resource_id=me, limit=1, order_by="created_at", cursor=page.next_cursor)
    with pytest.raises(InvalidArgument) as raised:
        memory.list_threads(order_by="title")
    assert raised.value.message == 'order_by must be "updated_at" or "created_at", and is \'title\''


def test_a_saved_thread_is_inserted_or_replaced_but_never_taken_over(memory, me) -> None:
    at = datetime(2020, 1, 2, tzinfo=UTC)
    given = Thread(id=f"s-{me}", resource_id=me, title="a", metadata={"x": 1}, created_at=at, updated_at=at)
    assert memory.save_thread(thread=given) == given
    again = memory.save_thread(thread={"id": f"s-{me}", "resource_id": me, "title": "b"})
    assert (again.title, again.metadata, again.created_at) == ("b", None, at)
    assert again.updated_at > at
    with pytest.raises(Conflict, match="is another resource's"):
        memory.save_thread(thread=Thread(id=f"s-{me}", resource_id="other", title="mine"))
    assert (memory.get_thread_by_id(thread_id=f"s-{me}")).title == "b"


def test_an_update_sets_the_title_and_lays_keys_over_the_metadata(memory, me) -> None:
    thread = memory.create_thread(resource_id=me, title="a", metadata={"x": 1, "y": 2})
    changed = memory.update_thread(thread_id=thread.id, title="b", metadata={"y": 3})
    assert (changed.title, changed.metadata) == ("b", {"x": 1, "y": 3})
    assert changed.updated_at > thread.updated_at
    assert (memory.update_thread(thread_id=thread.id)).title == "b"
    with pytest.raises(ThreadNotFound) as raised:
        memory.update_thread(thread_id="nobody's", title="x")
    assert raised.value.message == 'no thread "nobody\'s"'


def test_a_deleted_thread_takes_everything_of_it_along(memory, me, shared_database) -> None:
    thread = memory.create_thread(resource_id=me)
    memory.add_message(thread_id=thread.id, content="hello", role="user")
    memory.save_tool_result(thread_id=thread.id, tool_name="t", tool_args={}, value=1)
    memory.update_working_memory(resource_id=me, thread_id=thread.id, value="x")
    assert memory.delete_thread(thread_id=thread.id) is True
    assert memory.delete_thread(thread_id=thread.id) is False
    with psycopg.connect(shared_database) as c:
        left = c.execute(
            "SELECT (SELECT count(*) FROM mastra.message WHERE thread_id = %(id)s) +"
            " (SELECT count(*) FROM mastra.tool_result WHERE owner_id = %(id)s) +"
            " (SELECT count(*) FROM mastra.working_memory WHERE thread_id = %(id)s)", {"id": thread.id}
        ).fetchone()  # fmt: skip
    assert left == (0,)


def test_a_resource_is_exported_and_deleted_whole_with_counts(memory, me) -> None:
    threads = [memory.create_thread(resource_id=me) for _ in range(2)]
    other = memory.create_thread(resource_id=f"not-{me}")
    for thread in (*threads, other):
        for text in ("a", "b"):
            memory.add_message(thread_id=thread.id, content=text, role="user")
    memory.save_tool_result(thread_id=threads[0].id, tool_name="t", tool_args={}, value=[1])
    memory.save_tool_result(
        thread_id=threads[0].id, tool_name="t", tool_args={}, value=2, scope="resource"
    )
    memory.update_working_memory(resource_id=me, value={"name": "Ann"})
    memory.update_working_memory(resource_id=me, thread_id=threads[1].id, value="x")
    export = memory.export_resource(resource_id=me)
    assert export.counts == {"threads": 2, "messages": 4, "working_memory": 2, "tool_results": 2}
    assert [t.id for t in export.threads] == sorted(t.id for t in threads)
    assert [(m.thread_id, m.seq, m.content) for m in export.messages] == [
        (id, seq, text) for id in sorted(t.id for t in threads) for seq, text in ((1, "a"), (2, "b"))
    ]
    assert {k: w.value for k, w in export.working_memory.items()} == {
        None: {"name": "Ann"},
        threads[1].id: "x",
    }
    assert {r["thread_id"]: r["value"] for r in export.tool_results} == {None: 2, threads[0].id: [1]}
    assert memory.delete_resource(resource_id=me) == DeletedResource(2, 4, 2, 2)
    assert (memory.export_resource(resource_id=me)).counts == dict.fromkeys(export.counts, 0)
    assert len((memory.get_messages(thread_id=other.id)).messages) == 2
    assert memory.delete_resource(resource_id=me) == DeletedResource(0, 0, 0, 0)


BLOCKED = """SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def once_blocked(url: str, count: int, session: psycopg.Connection) -> None:
    """Commits that session when so many others wait for a lock (or will not)."""
    with psycopg.connect(url, autocommit=True) as c:
        for _ in range(100):
            if c.execute(BLOCKED).fetchone() == (count,):
                break
            waiting.sleep(0.02)
    session.commit()


def test_nothing_is_kept_for_a_thread_that_is_being_deleted(memory, me, shared_database) -> None:
    thread = (memory.create_thread(resource_id=me)).id
    about = {"thread_id": thread, "tool_name": "t", "tool_args": {}, "value": 1}

    def work(what: str) -> bool:
        try:
            if what == "mind":
                memory.update_working_memory(resource_id=me, thread_id=thread, value=1)
            elif what == "end":
                once_blocked(shared_database, 3, other)
            else:
                memory.save_tool_result(**about, scope=what)
        except ThreadNotFound:
            return False
        return True

    with psycopg.connect(shared_database) as other:
        other.execute(THREAD["doom"], {"ids": [thread], "patience": "0"})
        other.execute(THREAD["delete"], {"ids": [thread]})
        done = waiting.gather(work, ["thread", "resource", "mind", "end"], limit=4)
    assert done == [False, False, False, True]
    assert memory.delete_resource(resource_id=me) == DeletedResource(0, 0, 0, 0)


@pytest.mark.parametrize("whole", [False, True])
def test_a_deletion_takes_along_what_is_being_written_which_holds_no_message_up(
    memory, me, shared_database, whole
) -> None:
    thread = (memory.create_thread(resource_id=me)).id

    def work(what: str) -> None:
        if what == "end":
            once_blocked(shared_database, 1, other)
        elif whole:
            assert (memory.delete_resource(resource_id=me)).tool_results == 1
        else:
            assert memory.delete_thread(thread_id=thread)

    with psycopg.connect(shared_database) as other:
        params = {"thread_id": thread, "tool_name": "t", "args_hash": "x", "value": "1"}
        other.execute(TOOL_RESULT["save"], {**params, "ttl": 100.0, "scope": "thread"})
        memory.add_message(thread_id=thread, content="x", role="user", timeout=5.0)
        waiting.gather(work, ["delete", "end"], limit=2)
        left = other.execute("SELECT FROM mastra.tool_result WHERE owner_id = %s", [thread]).fetchall()
    assert left == []


def test_a_deletion_has_no_deadline_of_its_own_but_a_wait_for_others_has(database: str) -> None:
    slow = """
        CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN OLD; END $$;
        CREATE TRIGGER slow BEFORE DELETE ON mastra.message FOR EACH ROW EXECUTE FUNCTION public.slow();
    """
    with sync_connect(url=database) as pool:
        patient = SyncPgMemory(pool=pool)
        for id in "abc":
            patient.create_thread(resource_id="r", thread_id=id)
            messages = [{"id": f"{id}{n}", "role": "user", "content": "x"} for n in range(2)]
            patient.save_messages(thread_id=id, messages=messages)
        with psycopg.connect(database) as c:
            c.execute(slow)
        memory = SyncPgMemory(pool=pool, timeout=0.3)
        assert memory.delete_message(message_id="a0") == 1
        assert memory.delete_thread(thread_id="a")
        with pytest.raises(DeadlineExceeded):
            memory.delete_resource(resource_id="r", timeout=0.3)
        with psycopg.connect(database) as other:
            other.execute(THREAD["lock"], {"ids": ["b"]})
            with pytest.raises(LockBusy):
                memory.delete_thread(thread_id="b")
            with pytest.raises(LockBusy):
                memory.delete_resource(resource_id="r")
            with pytest.raises(LockBusy):
                memory.delete_message(message_id="b0")
        assert (memory.delete_resource(resource_id="r")).messages == 4


def test_every_time_is_in_utc_whatever_the_servers_zone(shared_database: str, me) -> None:
    zone = (
        f"{shared_database}{'&' if '?' in shared_database else '?'}options=-c%20TimeZone%3DAmerica/New_York"
    )
    given = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=9)))
    with SyncPgMemory(connection_string=zone) as memory:
        made = memory.create_thread(resource_id=me)
        saved = memory.save_messages(
            thread_id=made.id,
            messages=[
                {"role": "user", "content": "a"},
                {"id": "b", "role": "user", "content": "b", "createdAt": given},
            ],
        )
        added = memory.add_message(thread_id=made.id, content="c", role="user")
        page = memory.get_messages(thread_id=made.id)
        result = memory.save_tool_result(thread_id=made.id, tool_name="t", tool_args={}, value=1)
        mind = memory.update_working_memory(resource_id=me, value=1)
        export = memory.export_resource(resource_id=me)
        assert [m.created_at for m in page.messages] == [m.created_at for m in (*saved, added)]
        assert saved[1].created_at == given
        times = [
            *(at for t in (made, *export.threads) for at in (t.created_at, t.updated_at)),
            *(m.created_at for m in (*saved, added, *page.messages, *export.messages)),
            *(at for at in (result.created_at, result.expires_at)),
            *(at for r in export.tool_results for at in (r["created_at"], r["expires_at"])),
            *(each.updated_at for each in (mind, *export.working_memory.values())),
        ]
        assert len(times) == 19
        assert {at.tzinfo for at in times} == {UTC}
        assert all(m["createdAt"].endswith("+00:00") for m in page.ui_messages)


def test_whole_threads_are_pruned_by_their_last_update(database: str) -> None:
    old = datetime(2020, 1, 1, tzinfo=UTC)
    with SyncPgMemory(connection_string=database) as memory:
        for n in range(205):
            memory.save_thread(
                thread=Thread(
                    id=f"old{n}", resource_id="r", created_at=old, updated_at=old + timedelta(days=n)
                )
            )
        kept = memory.create_thread(resource_id="r")
        memory.add_message(thread_id=kept.id, content="x", role="user")
        memory.save_messages(thread_id="old0", messages=[{"role": "user", "content": "revived"}])
        memory.save_tool_result(thread_id=kept.id, tool_name="t", tool_args={}, value=1, ttl=0.001)
        with psycopg.connect(database, autocommit=True) as c:
            c.execute("INSERT INTO mastra.message SELECT 'old1', 1, 'm', 'user', 'text', '\"x\"', NULL, NULL, 1, 1,"
                      " NULL, now()")  # fmt: skip
            c.execute("UPDATE mastra.thread SET message_count = 1 WHERE id = 'old1'")
        waiting.sleep(0.01)
        expected = Pruned(threads=204, messages=1, tool_results=1)
        assert memory.prune(older_than=timedelta(days=30), dry_run=True) == expected
        assert memory.prune(older_than=datetime.now(UTC) - timedelta(days=30)) == expected
        assert memory.prune(older_than=timedelta(days=30)) == Pruned(0, 0, 0)
        assert {t.id for t in memory.get_threads_by_resource_id(resource_id="r")} == {kept.id, "old0"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resource_id": ""}, "resource_id is empty"),
        ({"resource_id": "a\0"}, "resource_id holds NUL"),
        (
            {"resource_id": "r", "thread_id": "x" * 1025},
            "thread_id has 1025 bytes, and at most 1024 are allowed",
        ),
        ({"resource_id": "r", "title": "\ud800"}, "title must be a str without NUL and lone surrogates"),
        ({"resource_id": "r", "title": 5}, "title must be a str without NUL and lone surrogates"),
        (
            {"resource_id": "r", "metadata": {"b": [{"\udfff": 1}]}},
            "a key of metadata.b[0] holds NUL or a lone surrogate",
        ),
        ({"resource_id": "r", "metadata": []}, "metadata must be a dict, and is a list"),
        ({"resource_id": "r", "metadata": {"a": "\0"}}, "metadata.a holds NUL or a lone surrogate"),
    ],
)
def test_what_can_not_be_a_thread_is_refused(memory, arguments, words) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.create_thread(**arguments)
    assert raised.value.message == words


def test_a_database_that_was_never_migrated_says_so(empty_database: str) -> None:
    with SyncPgMemory(connection_string=empty_database) as memory:
        with pytest.raises(NotMigrated) as raised:
            memory.create_thread(resource_id="r")
    assert raised.value.hint == "run `mastra engine migrate`"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_tokens": -1}, "max_tokens must be a whole number, 0 or more, and is -1"),
        ({"token_counter": 5}, "token_counter must be a callable, text to number of tokens"),
        ({"embedder": 5}, "embedder must be a callable, texts to vectors"),
        ({"embedder": len}, "embedder is given without vector"),
        ({"vector": SyncPgVector()}, "vector is given without embedder"),
        ({"vector": object(), "embedder": len}, "vector must be a PgVector, and is an object"),
    ],
)
def test_what_can_not_be_an_option_is_refused(options, words) -> None:
    with pytest.raises(InvalidArgument) as raised:
        SyncPgMemory(connection_string="postgresql://x/x", **options)
    assert raised.value.message == words


@pytest.mark.parametrize(
    ("thread", "words"),
    [
        ("t", "thread must be a Thread, and is a str"),
        ({"id": "t", "owner": "x"}, "this is no thread: ['id', 'owner']"),
        (Thread(id="", resource_id="r"), "the id of a thread is empty"),
        (Thread(id="t", resource_id="r", created_at=datetime(2026, 1, 1)),  # noqa: DTZ001
         "created_at must be an aware datetime, and is datetime.datetime(2026, 1, 1, 0, 0)"),
        (Thread(id="t", resource_id="r", updated_at=datetime.max.replace(tzinfo=UTC)),
         f"updated_at must be in the years 2 to 9,998, and is {datetime.max.replace(tzinfo=UTC)!r}"),
    ],
)  # fmt: skip
def test_what_can_not_be_saved_as_a_thread_is_refused(memory, thread, words) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.save_thread(thread=thread)
    assert raised.value.message == words


def test_what_is_no_thread_is_told_the_fields_of_one(memory) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.save_thread(thread={"id": "t", "resourceId": "r"})
    assert raised.value.message == "this is no thread: ['id', 'resourceId']"
    assert raised.value.hint == (
        "a dict with the fields of a Thread: id, resource_id, title, metadata, created_at, updated_at"
    )


@pytest.mark.parametrize(
    ("older_than", "words"),
    [
        (None, "older_than must be an aware datetime or a timedelta, and is None"),
        (30, "older_than must be an aware datetime or a timedelta, and is 30"),
        (datetime(2020, 1, 1), "older_than must be an aware datetime, and is"),  # noqa: DTZ001
        (timedelta(days=-30), "older_than must not be below 0, and is"),
        (timedelta.max, "older_than reaches back before the year 2, and is"),
        (datetime(2999, 1, 1, tzinfo=UTC), "older_than is in the future: datetime.datetime(2999"),
    ],
)
def test_prune_takes_a_moment_that_has_passed_or_an_age(memory, me, older_than, words) -> None:
    thread = memory.create_thread(resource_id=me)
    with pytest.raises(InvalidArgument) as raised:
        memory.prune(older_than=older_than)
    assert raised.value.message.startswith(words)
    assert memory.get_thread_by_id(thread_id=thread.id) == thread
