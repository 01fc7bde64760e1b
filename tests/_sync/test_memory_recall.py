# Generated from the _async twin by `nox -s sync`: edit that one.
"""Recall by keyword and by meaning; the embeddings behind the second."""

import logging

import psycopg
import pytest

from mastra_cli import SyncPgMemory, SyncPgVector
from mastra_cli.errors import (
    Conflict,
    DeadlineExceeded,
    EmbedderFailed,
    ExtensionMissing,
    InvalidArgument,
    NotMigrated,
    PermissionDenied,
)
from mastra_cli.runtime._sync import memory_recall, waiting
from mastra_cli.runtime.sql import statements

EMBEDDING = statements("message_embedding")

CITY, FOOD, OTHER = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
MEANINGS = {"paris": CITY, "france": CITY, "metropolis": CITY, "cheese": FOOD, "brie": FOOD, "dairy": FOOD}


def embed(texts: list[str]) -> list[list[float]]:
    """A vector by the first word that means something."""
    return [next((MEANINGS[w] for w in text.lower().split() if w in MEANINGS), OTHER) for text in texts]


def embed_slowly(texts: list[str]) -> list[list[float]]:
    waiting.sleep(0.001)
    return embed(texts)


@pytest.fixture
def memory(shared_database: str):
    with SyncPgMemory(connection_string=shared_database) as memory:
        yield memory


@pytest.fixture
def thread(memory, me) -> str:
    return (memory.create_thread(resource_id=me)).id


@pytest.fixture(scope="module")
def embedded(shared_database: str) -> str:
    """The module's database with a table of embeddings of three dimensions."""
    with psycopg.connect(shared_database) as c:
        c.execute("SET search_path = public")
        c.execute(EMBEDDING["create_table"].replace("%(dimension)s", "3"))
        c.execute(EMBEDDING["create_index"])
    return shared_database


def users(*texts: str) -> list[dict]:
    return [{"role": "user", "content": text} for text in texts]


def contents(recalled) -> list[str]:
    return [each.message.content for each in recalled]


def rows(url: str, thread: str) -> list[tuple]:
    with psycopg.connect(url) as c:
        return c.execute(
            "SELECT message_id FROM mastra.message_embedding WHERE thread_id = %s", [thread]
        ).fetchall()


# -- by keyword ---------------------------------------------------------------------------------------------


def test_words_are_found_without_an_embedder_the_rare_ones_first(memory, thread) -> None:
    texts = ["we met in Paris", "the train was late", "the bread in the shop was good", "the end of the day"]
    memory.save_messages(thread_id=thread, messages=users(*texts))
    found = memory.recall(query="What about the day in PARIS?", thread_id=thread, top_k=2)
    assert contents(found) == ["the end of the day", "we met in Paris"] or contents(found)[0] in (
        texts[0],
        texts[3],
    )
    assert contents(memory.recall(query="the Paris", thread_id=thread, top_k=1)) == ["we met in Paris"]
    assert memory.recall(query="Tokyo", thread_id=thread) == []
    assert memory.recall(query="Paris", thread_id="nowhere") == []
    assert memory.recall(query="?!", thread_id=thread) == []


@pytest.mark.parametrize("size", [60, 300])
def test_a_rare_word_counts_wherever_it_stands_in_a_long_query(
    memory, thread, shared_database, size
) -> None:
    usual = [f"{n}th" for n in range(size)]
    memory.save_messages(thread_id=thread, messages=users(*usual * 3, "the qx key"))
    if size > 60:  # such a table has been analyzed for long
        with psycopg.connect(shared_database) as c:
            c.execute("ANALYZE mastra.message")
    for query in ([*usual, "qx"], ["qx", *usual]):
        found = memory.recall(query=" ".join(query), thread_id=thread, top_k=1)
        assert contents(found) == ["the qx key"]


def test_neighbours_come_along_but_not_over_the_threads_edge(memory, thread) -> None:
    memory.save_messages(thread_id=thread, messages=users("zero", "one", "two", "three", "four"))
    [found] = memory.recall(query="two", thread_id=thread, before=1, after=2)
    assert [m.content for m in found.neighbours] == ["one", "three", "four"]
    [found] = memory.recall(query="zero", thread_id=thread)
    assert [m.content for m in found.neighbours] == ["one"]
    [found] = memory.recall(query="two", thread_id=thread, before=0, after=0)
    assert found.neighbours == []
    assert found.score > 0


def test_a_resource_is_searched_through_all_its_threads_and_no_others(memory, thread, me) -> None:
    second = (memory.create_thread(resource_id=me)).id
    strange = (memory.create_thread(resource_id=f"not-{me}")).id
    for place, id in (("here", thread), ("there", second), ("elsewhere", strange)):
        memory.save_messages(thread_id=id, messages=users(f"pineapple {place}"))
    found = memory.recall(query="pineapple", resource_id=me)
    assert sorted(contents(found)) == ["pineapple here", "pineapple there"]
    assert contents(memory.recall(query="pineapple", thread_id=second, resource_id=me)) == [
        "pineapple there"
    ]
    assert memory.recall(query="pineapple", thread_id=strange, resource_id=me) == []


def test_text_parts_and_tool_results_are_searched_and_replaced_text_is_not(memory, thread) -> None:
    result = {"type": "tool-result", "tool_call_id": "c", "tool_name": "t", "result": {"found": "zebra\0"}}
    memory.save_messages(thread_id=thread, messages=[
        {"id": "a", "role": "user", "content": [{"type": "text", "text": "giraffe\0\ud800"}]},
        {"id": "b", "role": "tool", "content": [result]}])  # fmt: skip
    assert [r.message.id for r in memory.recall(query="giraffe", thread_id=thread)] == ["a"]
    assert [r.message.id for r in memory.recall(query="zebra", thread_id=thread)] == ["b"]
    memory.save_messages(thread_id=thread, messages=[{"id": "a", "role": "user", "content": "lion"}])
    assert memory.recall(query="giraffe", thread_id=thread) == []
    memory.delete_message(message_id="a", thread_id=thread)
    assert memory.recall(query="lion", thread_id=thread) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"query": "x"}, "recall needs a thread_id or a resource_id"),
        ({"query": " ", "thread_id": "t"}, "query must be a non-empty str"),
        (
            {"query": "x", "thread_id": "t", "top_k": -1},
            "top_k must be a whole number, 0 to 1,000, and is -1",
        ),
        ({"query": "x", "thread_id": ""}, "thread_id is empty"),
    ],
)
def test_what_can_not_be_recalled_is_refused(memory, arguments, words) -> None:
    with pytest.raises(InvalidArgument) as raised:
        memory.recall(**arguments)
    assert raised.value.message == words


# -- by meaning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("embedder", [embed, embed_slowly])
def test_meaning_and_keywords_are_found_together(embedded: str, me, embedder) -> None:
    with SyncPgMemory(connection_string=embedded, vector=SyncPgVector(), embedder=embedder) as memory:
        thread = (memory.create_thread(resource_id=me)).id
        memory.save_messages(
            thread_id=thread,
            messages=users("nice weather", "Paris in spring", "cheese board", "a word on dairy"),
        )
        found = memory.recall(query="metropolis", thread_id=thread, top_k=1)
        assert contents(found) == ["Paris in spring"]
        # Near by meaning, and holding the word: before what is only near.
        assert contents(memory.recall(query="dairy", thread_id=thread, top_k=2)) == [
            "a word on dairy", "cheese board"]  # fmt: skip
        assert contents(memory.recall(query="brie", resource_id=me, top_k=2)) == [
            "cheese board",
            "a word on dairy",
        ]
        assert memory.recall(query="brie", resource_id="other") == []


def test_an_embedding_goes_with_its_message(embedded: str, me) -> None:
    with SyncPgMemory(connection_string=embedded, vector=SyncPgVector(), embedder=embed) as memory:
        thread = (memory.create_thread(resource_id=me)).id
        saved = memory.save_messages(thread_id=thread, messages=[{**m, "id": str(n)} for n, m in enumerate(
            users("Paris", "cheese", "x"))])  # fmt: skip
        assert len(rows(embedded, thread)) == 3
        # Replaced text has another meaning.
        memory.save_messages(
            thread_id=thread, messages=[{"id": "0", "role": "user", "content": "brie"}]
        )
        found = memory.recall(query="dairy", thread_id=thread, top_k=2)
        assert sorted(contents(found)) == ["brie", "cheese"]
        assert memory.delete_message(message_id=saved[0].id) == 1
        assert len(rows(embedded, thread)) == 2
        memory.delete_thread(thread_id=thread)
        assert rows(embedded, thread) == []


def test_an_embedder_that_fails_never_loses_a_message(database: str, caplog) -> None:
    broken = {"now": True}

    def embedder(texts: list[str]) -> list[list[float]]:
        if broken["now"]:
            raise RuntimeError("the model is away")
        return embed(texts)

    with SyncPgMemory(connection_string=database, vector=SyncPgVector(), embedder=embedder) as memory:
        memory.create_memory_index(dimension=3)
        thread = (memory.create_thread(resource_id="r")).id
        with caplog.at_level(logging.WARNING, "mastra_cli"):
            memory.save_messages(thread_id=thread, messages=users("Paris", "cheese", *["x"] * 70))
        away = "the embedder failed: RuntimeError: the model is away"
        assert f"messages are saved without embeddings, for embed_pending(): {away}" in caplog.text
        assert len((memory.get_messages(thread_id=thread)).messages) == 72
        assert rows(database, thread) == []
        with caplog.at_level(logging.WARNING, "mastra_cli"):
            assert contents(memory.recall(query="cheese", thread_id=thread)) == ["cheese"]
        assert f"recall goes by keywords alone: {away}" in caplog.text
        with pytest.raises(EmbedderFailed) as raised:
            memory.embed_pending()
        assert raised.value.message == away
        broken["now"] = False
        assert memory.embed_pending(limit=2) == 2
        assert contents(memory.recall(query="brie", thread_id=thread, top_k=1)) == ["cheese"]
        assert memory.embed_pending() == 70
        assert memory.embed_pending() == 0


def test_an_embedder_is_asked_by_the_block_and_what_it_did_answer_is_kept(embedded: str, me) -> None:
    asked: list[int] = []

    def embedder(texts: list[str]) -> list[list[float]]:
        asked.append(len(texts))
        if len(asked) == 4:
            raise RuntimeError("the model is away")
        return embed(texts)

    with SyncPgMemory(connection_string=embedded, vector=SyncPgVector(), embedder=embedder) as memory:
        thread = (memory.create_thread(resource_id=me)).id
        memory.save_messages(thread_id=thread, messages=users(*map(str, range(300))))
    assert asked == [64, 64, 64, 64]
    assert len(rows(embedded, thread)) == 192


def test_an_embedder_that_hangs_holds_nothing_up(embedded: str, me, caplog) -> None:
    def embedder(texts: list[str]) -> list[list[float]]:
        waiting.sleep(3 if hangs["now"] else 0)
        return embed(texts)

    hangs = {"now": True}
    with SyncPgMemory(
        connection_string=embedded, vector=SyncPgVector(), embedder=embedder, timeout=0.6
    ) as memory:
        thread = (memory.create_thread(resource_id=me)).id
        with caplog.at_level(logging.WARNING, "mastra_cli"):
            memory.save_messages(thread_id=thread, messages=users("Paris"))
        assert "the embedder did not answer in time" in caplog.text
        assert contents(memory.recall(query="paris", thread_id=thread)) == ["Paris"]
        with pytest.raises(DeadlineExceeded) as raised:
            memory.embed_pending(timeout=0.5)
        assert raised.value.message == "the embedder did not answer in time"
        hangs["now"] = False
        assert contents(memory.recall(query="paris", thread_id=thread)) == ["Paris"]


def test_a_text_longer_than_what_is_searched_is_saved_whole(memory, thread) -> None:
    text = " ".join(chr(0x20000 + n % 40_000) + chr(0x20000 + n // 40_000) for n in range(200_000))
    memory.save_messages(thread_id=thread, messages=users("needle " + text))
    assert contents(memory.recall(query="needle", thread_id=thread)) == ["needle " + text]


def test_without_the_table_messages_are_saved_and_words_are_found(database: str) -> None:
    with SyncPgMemory(connection_string=database, vector=SyncPgVector(), embedder=embed) as memory:
        thread = (memory.create_thread(resource_id="r")).id
        memory.save_messages(thread_id=thread, messages=users("Paris", "cheese"))
        assert contents(memory.recall(query="paris", thread_id=thread)) == ["Paris"]
        with pytest.raises(NotMigrated) as raised:
            memory.embed_pending()
        assert raised.value.hint == "call create_memory_index(dimension=...)"


def test_the_table_is_made_once_for_one_dimension(database: str) -> None:
    with SyncPgMemory(connection_string=database, vector=SyncPgVector(), embedder=embed) as memory:

        def work(_: int) -> None:
            memory.create_memory_index(dimension=4)

        waiting.gather(work, range(4), limit=4)
        with pytest.raises(Conflict) as raised:
            memory.create_memory_index(dimension=3)
        assert raised.value.message == "the table of embeddings is there for vectors of 4 dimensions, not 3"
        with pytest.raises(InvalidArgument, match="dimension must be a whole number, 1 to 4,000, and is 0"):
            memory.create_memory_index(dimension=0)
        thread = (memory.create_thread(resource_id="r")).id
        memory.save_messages(thread_id=thread, messages=users("Paris"))
        assert rows(database, thread) == [], "vectors of another dimension are left out"
        with pytest.raises(InvalidArgument) as wrong:
            memory.embed_pending()
        assert wrong.value.message == "the embedder's vectors have 3 dimensions, and the table takes 4"


def test_large_vectors_are_kept_in_half_precision(database: str) -> None:
    def embedder(texts: list[str]) -> list[list[float]]:
        return [[*vector, *[0.0] * 2997] for vector in embed(texts)]

    with SyncPgMemory(connection_string=database, vector=SyncPgVector(), embedder=embedder) as memory:
        memory.create_memory_index(dimension=3000)
        thread = (memory.create_thread(resource_id="r")).id
        memory.save_messages(thread_id=thread, messages=users("Paris", "cheese"))
        assert contents(memory.recall(query="metropolis", thread_id=thread, top_k=1)) == ["Paris"]


def test_a_large_scope_is_searched_by_the_index_and_comes_back_full(
    embedded: str, me, monkeypatch
) -> None:
    monkeypatch.setattr(memory_recall, "EXACT", 10)
    with SyncPgMemory(connection_string=embedded, vector=SyncPgVector(), embedder=embed) as memory:
        for name in (f"r{me}", f"s{me}"):
            thread = (memory.create_thread(resource_id=name, thread_id=name)).id
            memory.save_messages(thread_id=thread, messages=users(*["Paris"] * 30, *["cheese"] * 30))
        found = memory.recall(query="dairy", thread_id=f"s{me}", top_k=20)
        assert contents(found) == ["cheese"] * 20
        assert {each.message.thread_id for each in found} == {f"s{me}"}


def test_the_extension_may_live_in_any_schema(database: str) -> None:
    with psycopg.connect(database) as c:
        c.execute('CREATE SCHEMA "Ext X"; ALTER EXTENSION vector SET SCHEMA "Ext X"')
    with SyncPgMemory(connection_string=database, vector=SyncPgVector(), embedder=embed) as memory:
        memory.create_memory_index(dimension=3)
        thread = (memory.create_thread(resource_id="r")).id
        memory.save_messages(thread_id=thread, messages=users("Paris", "cheese"))
        assert contents(memory.recall(query="brie", thread_id=thread, top_k=1)) == ["cheese"]


@pytest.mark.parametrize("answer", [[], [[1.0]], [["x", 1, 2]], None, [[float("nan"), 1, 2]]])
def test_an_embedder_that_answers_nonsense_is_told_so(embedded: str, me, answer) -> None:
    with SyncPgMemory(
        connection_string=embedded, vector=SyncPgVector(), embedder=lambda texts: answer
    ) as memory:
        thread = (memory.create_thread(resource_id=me)).id
        memory.save_messages(thread_id=thread, messages=users("Paris"))
        with pytest.raises(InvalidArgument, match="the embedder"):
            memory.recall(query="x", thread_id=thread)
        with pytest.raises(InvalidArgument, match="the embedder"):
            memory.embed_pending()


def test_embed_pending_needs_an_embedder_and_the_table_the_right_to_make_it(
    database: str, admin
) -> None:
    with SyncPgMemory(connection_string=database) as memory:
        with pytest.raises(InvalidArgument) as raised:
            memory.embed_pending()
        assert raised.value.message == "embed_pending needs PgMemory(vector=..., embedder=...)"
    admin.execute("DROP ROLE IF EXISTS memory_reader")
    admin.execute("CREATE ROLE memory_reader LOGIN")
    with psycopg.connect(database) as c:
        c.execute("GRANT USAGE ON SCHEMA mastra TO memory_reader")
        c.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mastra TO memory_reader")
    with SyncPgMemory(connection_string=database.replace("postgres@", "memory_reader@")) as memory:
        # Rows are all that this role may write: enough for everything but the table.
        turn = memory.save_memory(resource_id="r", user_messages=users("hello"))
        assert contents(memory.recall(query="hello", thread_id=turn.thread_id)) == ["hello"]
        with pytest.raises(PermissionDenied):
            memory.create_memory_index(dimension=3)
    with psycopg.connect(database) as c:
        c.execute("DROP OWNED BY memory_reader")
    admin.execute("DROP ROLE memory_reader")


def test_a_database_without_the_extension_says_so(database: str) -> None:
    with psycopg.connect(database) as c:
        c.execute("DROP EXTENSION vector")
    with SyncPgMemory(connection_string=database) as memory:
        with pytest.raises(ExtensionMissing) as raised:
            memory.create_memory_index(dimension=3)
    assert raised.value.message == "this database has no pgvector"
    assert raised.value.hint == "run `mastra engine migrate`, which creates it"
