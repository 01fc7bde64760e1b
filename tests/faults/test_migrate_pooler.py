"""`mastra engine migrate` behind a pooler. Marked slow because it needs a package of the system's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from mastra_cli import cli
from mastra_cli.errors import PoolerDetected
from mastra_cli.local import migrations
from tests.faults.pooler import Pooler
from tests.servers import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def pooler(server: Server) -> Iterator[Callable[..., Pooler]]:
    made: list[Pooler] = []

    def make(**options: object) -> Pooler:
        made.append(Pooler(server, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("size", [1, 4])
def test_a_transaction_pooler_is_told_to_give_way_to_direct_url(
    size: int,
    pooler: Callable[..., Pooler],
    empty_database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = pooler(mode="transaction", size=size).url(empty_database.rpartition("/")[2])
    monkeypatch.setenv("DB_URL", url)
    assert cli.run(["engine", "migrate"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "error: the URL leads to a transaction pooler: its sessions change between statements, "
        "and a migration's lock would protect nothing\n"
        " hint: set DIRECT_URL, beside the pooler's URL, to the database server's own URL "
        "(DB_URL in the environment)\n"
    )
    with psycopg.connect(empty_database) as c:
        assert c.execute("SELECT FROM pg_namespace WHERE nspname = 'mastra'").fetchall() == []
    monkeypatch.setenv("DIRECT_URL", empty_database)
    assert cli.run(["engine", "migrate"]) == 0


def test_reading_works_behind_a_transaction_pooler_and_leaves_no_setting_there(
    pooler: Callable[..., Pooler], database: str
) -> None:
    url = pooler(mode="transaction", size=1).url(database.rpartition("/")[2])
    state = migrations.state(url)
    assert state.revision == state.head
    assert migrations.migrate(url).applied == ()
    with psycopg.connect(url) as c:
        assert c.execute("SHOW search_path").fetchone() == ('"$user", public',)


@pytest.mark.parametrize("sessions", [1, 2, 3])
def test_a_pooler_that_takes_turns_is_detected_with_any_number_of_idle_sessions(
    sessions: int, pooler: Callable[..., Pooler], empty_database: str
) -> None:
    url = pooler(mode="transaction", size=3, in_turn=True).url(empty_database.rpartition("/")[2])
    others = [psycopg.connect(url, autocommit=True) for _ in range(sessions)]
    for statement in ("BEGIN", "SELECT 1", "COMMIT"):
        for other in others:
            other.execute(statement)
    for _ in range(10):
        with pytest.raises(PoolerDetected):
            migrations.migrate(url)
    for other in others:
        other.close()


def test_a_session_pooler_is_no_obstacle(pooler: Callable[..., Pooler], empty_database: str) -> None:
    url = pooler(mode="session").url(empty_database.rpartition("/")[2])
    assert migrations.migrate(url).applied
    assert migrations.migrate(url).applied == ()
