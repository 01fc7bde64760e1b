"""kill -9 of a client at random points of a mix of calls: whole batches, no transaction left, a retry ends equal."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.faults import calls
from tests.faults.calls import World
from tests.faults.nursery import Nursery

CLIENT = """
    from tests.faults.test_client_kills import STEPS, step_at
    def client(url, turn):
        with calls.world(url) as w:
            w.pool.open()
            say("ready")
            while True:
                name = step_at(turn)
                say(f"begin {name} {turn}")
                STEPS[name](w, turn)
                say(f"end {name} {turn}")
                turn += 1
"""
THREADS = "tuv"


def records(turn: int, count: int) -> list[dict[str, Any]]:
    """Which keys there are changes with the turn, so that a sync has some to delete."""
    return [
        {"external_id": f"r{(turn + n) % (count + 5)}", "data": {"text": f"{n % 9} of {turn}", "turn": turn}}
        for n in range(count)
    ]


def said(turn: int, thread: str, count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"{thread}{turn}-{n}", "thread_id": thread, "role": "user", "content": f"{turn} {n}"}
        for n in range(count)
    ]


def sync(w: World, turn: int, name: str, count: int) -> Any:
    return w.engine.sync_records(
        name=name, connection_id="c", records=iter(records(turn, count)), last_sync_id=str(turn),
        delete_missing=True, allow_mass_delete=True,
    )  # fmt: skip


def vectors(w: World, turn: int, count: int, namespace: str) -> Any:
    ids = [f"v{n}" for n in range(count)]
    return w.vector.upsert(
        index_name="idx", namespace=namespace, ids=ids, vectors=[[turn + 1.0, 1.0, 1.0]] * count,
        metadata=[{"turn": turn}] * count,
    )  # fmt: skip


STEPS: dict[str, Callable[[World, int], Any]] = {
    "upsert_records": lambda w, turn: w.engine.upsert_records(entity_id=calls.DOCS, records=[
        {"external_id": f"r{n}", "data": {"text": f"{n} of {turn // 2}", "turn": turn}} for n in range(40)]),
    "upsert_records/bulk": lambda w, turn: w.engine.upsert_records(
        entity_id=calls.identity.entity_id("c", "many"),
        records=({"external_id": f"r{n}", "data": {"turn": turn}} for n in range(700))),
    "sync_records": lambda w, turn: sync(w, turn, "synced", 30),
    "sync_records/bulk": lambda w, turn: sync(w, turn, "synced much", 600),
    "save_messages": lambda w, turn: w.memory.save_messages(messages=said(turn, "t", 7)),
    "save_messages/threads": lambda w, turn: w.memory.save_messages(messages=said(turn, "u", 3) + said(turn, "v", 3)),
    "PgVector.upsert": lambda w, turn: vectors(w, turn, 8, "few"),
    "PgVector.upsert/bulk": lambda w, turn: vectors(w, turn, 200, "many"),
    "refresh": lambda w, _: w.index.refresh(),
}  # fmt: skip


def step_at(turn: int) -> str:
    """All of them in each round, in an order of the round's own."""
    names = list(STEPS)
    random.Random(turn // len(names)).shuffle(names)
    return names[turn % len(names)]


def furnish(w: World) -> None:
    for name in ("docs", "many"):
        w.engine.create_entity(name=name, connection_id="c")
    for thread in THREADS:
        w.memory.create_thread(resource_id="r", thread_id=thread)
    w.memory.create_memory_index(dimension=3)
    w.vector.create_index(index_name="idx", dimension=3)


def look(w: World) -> dict[str, list[int]]:
    """Of which turns there is something, by step; what is there must be the whole of it."""
    found: dict[str, list[int]] = {}
    for step, name, count in (
        ("upsert_records", "docs", 40),
        ("upsert_records/bulk", "many", 700),
        ("sync_records", "synced", 30),
        ("sync_records/bulk", "synced much", 600),
    ):
        entity = w.engine.get_entity(name=name, connection_id="c")
        rows = w.engine.get_records(entity_name=name, connection_id="c") if entity else []
        turns = {row.data["turn"] for row in rows}
        assert len(turns) <= 1, (step, turns)
        assert len(rows) in (0, count), (step, len(rows))
        found[step] = list(turns)
        if step.startswith("sync") and turns:
            [turn] = turns
            assert {row.external_id for row in rows} == {r["external_id"] for r in records(turn, count)}
            assert entity
            assert entity.last_sync_id == str(turn), step
            runs = w.engine.list_sync_runs(entity_id=entity.id)
            done = [run for run in runs if run.status == "succeeded"]
            assert done[0].sync_id == str(turn)
            assert done[0].received == count
    by_thread = {thread: turns_said(w, thread, 7 if thread == "t" else 3) for thread in THREADS}
    assert by_thread["u"] == by_thread["v"]
    found["save_messages"], found["save_messages/threads"] = by_thread["t"], by_thread["u"]
    for step, namespace, count in (("PgVector.upsert", "few", 8), ("PgVector.upsert/bulk", "many", 200)):
        hits = w.vector.get(index_name="idx", namespace=namespace, ids=[f"v{n}" for n in range(count)])
        turns = {hit.metadata["turn"] for hit in hits}
        assert len(hits) in (0, count), (step, len(hits))
        assert len(turns) <= 1, (step, turns)
        found[step] = list(turns)
    return found


def turns_said(w: World, thread: str, each: int) -> list[int]:
    """In their order, each with all of its messages, in theirs."""
    messages = w.memory.get_messages(thread_id=thread).messages
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
    texts = [str(message.content) for message in messages]
    turns = [int(text.split()[0]) for text in texts[::each]]
    assert texts == [f"{turn} {n}" for turn in turns for n in range(each)]
    return turns


class Model:
    """What must be there, from what clients said."""

    def __init__(self) -> None:
        self.turns: dict[str, list[int]] = {name: [] for name in STEPS if name != "refresh"}

    def after(self, name: str, turn: int) -> dict[str, list[int]]:
        """What there is once that step is done too; messages add up, the rest is replaced."""
        if name == "refresh":
            return self.turns
        before = self.turns[name] if name.startswith("save") else []
        return {**self.turns, name: [*before, turn]}


def followed(w: World, direct: psycopg.Connection) -> None:
    """The index has each record of its entity, as it is now."""
    assert w.index.status().behind == 0
    rows = direct.execute("SELECT vector_id, document, metadata FROM mastra.followed").fetchall()
    live = w.engine.get_records(entity_name="docs", connection_id="c")
    assert sorted(rows) == sorted((f"0:{r.external_id}", r.data["text"], r.data) for r in live)


def kill_at_random_points(database: str, times: int) -> Counter[tuple[str, str]]:
    """(step, what became of it) of each call that was killed in its middle."""
    model, outcomes, turn = Model(), Counter[tuple[str, str]](), 0
    chance = random.Random(times)
    with Nursery(CLIENT) as nursery, psycopg.connect(database, autocommit=True) as direct:
        with calls.world(database) as w:
            furnish(w)
        for attempt in range(times):
            lines = nursery.killed(chance.uniform(0, 0.35), url=database, turn=turn)
            # A statement that was sent is done or undone by its server; nothing waits for who is dead.
            began = time.monotonic()
            calls.settled(direct)
            assert time.monotonic() - began < 2
            stuck = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in tr%' AND datname = current_database()"
            assert direct.execute(stuck).fetchone() == (0,)
            for line in lines:
                what, name, number = line.split()
                if what == "end":
                    model.turns = model.after(name, int(number))
            with calls.world(database) as w:
                now = look(w)
                open_step = lines[-1].split() if lines and lines[-1].startswith("begin") else None
                if open_step is None:
                    assert now == model.turns
                    outcomes["between calls", "-"] += 1
                else:
                    _, name, number = open_step
                    turn = int(number)
                    whole = model.after(name, turn)
                    assert now in (model.turns, whole), (attempt, name, turn)
                    outcomes[name, "-" if name == "refresh" else "done" if now == whole else "undone"] += 1
                    for _ in (
                        "12"
                    ):  # the same again: there as if nothing had happened, and once more changes nothing
                        STEPS[name](w, turn)
                        assert look(w) == whole, (attempt, name, turn)
                    model.turns = whole
                    if name == "refresh":
                        followed(w, direct)
                turn = int(lines[-1].split()[2]) + 1 if lines else turn
        with calls.world(database) as w:
            w.index.refresh()
            followed(w, direct)
            runs = direct.execute("SELECT count(*) FROM mastra.sync_run WHERE status = 'running'").fetchone()
            assert runs == (0,)
    return outcomes


@pytest.mark.parametrize(
    "times",
    [
        5,
        pytest.param(60, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
        pytest.param(500, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)]),
    ],
)
def test_clients_killed_at_random_points_leave_whole_batches_and_a_retry_ends_equal(
    database: str, times: int
) -> None:
    outcomes = kill_at_random_points(database, times)
    assert sum(outcomes.values()) == times
    for (name, became), count in sorted(outcomes.items()):
        print(f"{name}: killed {count} times, {became}")
    if times >= 500:
        assert {name for name, _ in outcomes} >= set(STEPS)
