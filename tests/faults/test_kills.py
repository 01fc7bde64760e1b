"""The connection is cut at every protocol message of every call: all of it happened, or nothing did."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg import sql

from mastra_cli.errors import Conflict, MastraError, NotFound
from tests.faults import calls
from tests.faults.calls import CALLS, Call
from tests.faults.proxy import Proxy
from tests.servers import Server

# These are in every run; the others are marked slow.
USUAL = {"create_entity", "upsert_records/one", "save_messages", "upsert"}

SAID = ("DatabaseUnreachable", "DeadlineExceeded", "OutcomeUnknown")


@dataclass
class Furnished:
    """The world to clone, and databases of it."""

    admin: psycopg.Connection
    server: Server
    template: str
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    def clone(self) -> str:
        name = f"world_{next(self.numbers)}"
        self.admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(self.template)
            )
        )
        return self.server.url(name)

    def drop(self, url: str) -> None:
        name = sql.Identifier(url.rpartition("/")[2])
        self.admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@pytest.fixture(scope="module")
def furnished(server: Server, admin: psycopg.Connection, template: str) -> Iterator[Furnished]:
    made = Furnished(admin, server, template)
    base = made.clone()
    with calls.world(base) as w:
        calls.furnish(w)
    calls.save(base)
    made.template = base.rpartition("/")[2]
    yield made
    made.drop(base)


class Case:
    """One call, run again and again, each time cut at another message."""

    def __init__(self, call: Call, furnished: Furnished, proxy: Proxy, embeds: bool) -> None:
        self.call, self.furnished, self.proxy = call, furnished, proxy
        self.embeds = embeds
        self._open()
        self.before = self.state()
        # Undisturbed: what it answers, and what it leaves behind.
        with calls.world(proxy.url(self.url)) as w:
            w.pool.open()
            proxy.arm()
            self.answer = calls.plain(call.run(w))
        self.messages = list(proxy.messages)
        calls.settled(self.direct)
        self.after = self.state()

    def state(self) -> dict[str, list[str]]:
        found = calls.state(self.direct)
        return {
            name: rows for name, rows in found.items() if not (self.embeds and name == "message_embedding")
        }

    def _open(self) -> None:
        self.url = self.furnished.clone()
        self.direct = psycopg.connect(self.url, autocommit=True)

    def close(self) -> None:
        self.direct.close()
        self.furnished.drop(self.url)

    def fresh(self) -> None:
        if self.call.ddl:
            self.close()
            self._open()
        elif self.call.writes:
            calls.restore(self.direct)

    def cut(self, message: int, *, stay_down: bool, timeout: float) -> str:
        """The class of what the caller sees when that message is lost; '' when the call has fewer."""
        self.fresh()
        where = f"{self.call.name}, message {message} of {len(self.messages)}"
        seen, answer = "answer", None
        with calls.world(self.proxy.url(self.url)) as w:
            w.pool.open()
            w.hurry(timeout)
            self.proxy.kill_at(message, stay_down=stay_down)
            began = time.monotonic()
            try:
                answer = calls.plain(self.call.run(w))
            except MastraError as error:
                seen = type(error).__name__
            took = time.monotonic() - began
            fired = self.proxy.fired
            self.proxy.heal()
        assert seen in ("answer", *SAID), (where, seen)
        assert took < timeout + 7, (where, took)
        calls.settled(self.direct)
        now = self.state()
        if not fired and seen == "DeadlineExceeded" and timeout < 5:
            # This machine is busy with other things.
            return self.cut(message, stay_down=stay_down, timeout=5)
        if not fired:
            assert seen == "answer", where
        self._judge(where, seen, answer, now)
        return seen if fired else ""

    def _judge(self, where: str, seen: str, answer: Any, now: Any) -> None:
        if seen == "answer":
            assert answer == self.answer, where
            assert now == self.after, where
            return
        if self.call.steps:
            pass
        elif seen == "OutcomeUnknown":
            assert now in (self.before, self.after), where
        else:
            assert now == self.before, where
        # The same once more, undisturbed, gives what there would have been.
        if now != self.after or self.call.steps:
            with calls.world(self.url) as w:
                try:
                    again = calls.plain(self.call.run(w))
                except (Conflict, NotFound):
                    assert self.call.steps, where
                else:
                    assert self.call.steps or again == self.answer, where
            assert self.state() == self.after, where


@pytest.fixture
def case(furnished: Furnished, server: Server) -> Iterator[Callable[..., Case]]:
    made: list[Case] = []
    with Proxy(server.port) as proxy:

        def make(call: Call, embeds: bool = False) -> Case:
            made.append(Case(call, furnished, proxy, embeds))
            return made[-1]

        yield make
        for one in made:
            one.close()


def marked(call: Call, usual: set[str]) -> Any:
    return pytest.param(call, id=call.name, marks=[] if call.name in usual else [pytest.mark.slow])


def cut_everywhere(one: Case, *, stay_down: bool, timeout: float, every: int) -> list[str]:
    seen: list[str] = []
    message = 1
    while outcome := one.cut(message, stay_down=stay_down, timeout=timeout):
        seen.append(outcome)
        message += every
    return seen


@pytest.fixture
def every(request: pytest.FixtureRequest) -> Callable[[Case], int]:
    """All messages of each call are for the nightly profile; some sixty are cut in every run, fewer where each
    takes a new database."""
    nightly = request.config.getoption("--hypothesis-profile") == "nightly"
    return lambda one: 1 if nightly else 4 if one.call.ddl else 1 + len(one.messages) // 60


def told(one: Case, seen: list[str]) -> str:
    counts = ", ".join(f"{seen.count(kind)} {kind}" for kind in sorted(set(seen)))
    return f"{one.call.name}: {len(one.messages)} messages, killed at {len(seen)}: {counts}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("call", [marked(call, USUAL) for call in CALLS])
def test_a_connection_cut_at_any_message_is_not_noticed(
    call: Call, case: Callable[..., Case], every: Callable[[Case], int]
) -> None:
    one = case(call)
    seen = cut_everywhere(one, stay_down=False, timeout=10, every=every(one))
    print(told(one, seen))
    # A walk that has begun can not begin again: the snapshot is gone.
    may = {"answer", "DatabaseUnreachable"} if call.name == "iter_records" else {"answer"}
    assert set(seen) <= may, told(one, seen)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("call", [marked(call, {"upsert_records/one"}) for call in CALLS if call.writes])
def test_a_database_gone_at_any_message_has_all_of_the_call_or_nothing(
    call: Call, case: Callable[..., Case], every: Callable[[Case], int]
) -> None:
    one = case(call, call.embeds)
    seen = cut_everywhere(one, stay_down=True, timeout=0.05, every=every(one))
    print(told(one, seen))
    assert seen
