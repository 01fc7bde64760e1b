"""How long the command line takes: help texts, `migrate` with nothing to do, `status`, `up`; beside the least there is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.bench.commands import command
from tests.bench.conftest import Place
from tests.bench.measuring import Contender, rounds
from tests.bench.peer import PeerFailed, installed
from tests.bench.results import Row
from tests.servers import Server, free_port

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

MASTRA = [sys.executable, "-m", "mastra_cli"]
MINIMAL = """
import typer

app = typer.Typer()
engine = typer.Typer()


@engine.command()
def add(port: int = 5432) -> None:
    "Add."


@engine.command()
def up() -> None:
    "Up."


app.add_typer(engine, name="engine")
app()
"""
# `alembic upgrade head` on our migrations, as a project would run it that has them in a folder of its own.
INI = """
[alembic]
script_location = {folder}
"""
ENV = """
from alembic import context
from sqlalchemy import create_engine

with create_engine({url!r}).connect() as connection:
    connection.exec_driver_sql("SET search_path = mastra")
    connection.commit()
    context.configure(connection=connection, version_table_schema="mastra")
    with context.begin_transaction():
        context.run_migrations()
"""
ONE_ROW = "import sys, psycopg; print(psycopg.connect(sys.argv[1]).execute('SELECT version()').fetchone())"


def test_help(keep: Callable[[Row], None], tmp_path: Path) -> None:
    script = tmp_path / "minimal.py"
    script.write_text(MINIMAL)
    others: dict[str, Contender] = {}
    missing: dict[str, str] = {}
    for name, program in (
        ("alembic", "bin/alembic"),
        ("npm mastra", "node_modules/.bin/mastra"),
        ("supabase", "node_modules/.bin/supabase"),
    ):
        try:
            others[name] = command([str(installed(name) / program), "--help"])
        except PeerFailed as reason:
            missing[name] = str(reason)
    for words in (["--help"], ["engine", "--help"]):
        contenders = {
            "ours": command([*MASTRA, *words], ours=True),
            "ceiling": command([sys.executable, str(script), *words], ours=True),
            **(others if words == ["--help"] else {}),
        }
        row = Row("Start-up", f"mastra {' '.join(words)} (ceiling: a minimal Typer)", "ms", 1, "<= 1.5 x")
        row.missing = missing if words == ["--help"] else {}
        keep(row.add(rounds(contenders, 11, budget=30)))


def test_a_database_that_is_up(place: Place, keep: Callable[[Row], None], tmp_path: Path) -> None:
    url = place.database("startup")
    folder = tmp_path / "alembic"
    (folder / "versions").mkdir(parents=True)
    root = Path(__file__).parent.parent.parent
    for file in (root / "alembic/versions").glob("*.py"):
        (folder / "versions" / file.name).write_text(file.read_text())
    (folder / "script.py.mako").write_text((root / "alembic/script.py.mako").read_text())
    (folder / "env.py").write_text(ENV.format(url=url.replace("postgresql", "postgresql+psycopg")))
    (tmp_path / "alembic.ini").write_text(INI.format(folder=folder))
    alembic = [sys.executable, "-m", "alembic", "-c", str(tmp_path / "alembic.ini"), "upgrade", "head"]
    contenders = {
        "ours": command([*MASTRA, "engine", "migrate"], cwd=tmp_path, ours=True, DB_URL=url),
        "ceiling": command(alembic, cwd=tmp_path / "alembic", ours=True),
    }
    title = "mastra engine migrate, nothing to do (ceiling: alembic upgrade head)"
    keep(Row("Start-up", title, "ms", 1, "<= 1.2 x").add(rounds(contenders, 11)))
    contenders = {
        "ours": command([*MASTRA, "engine", "status"], cwd=tmp_path, ours=True, DB_URL=url),
        "ceiling": command([sys.executable, "-c", ONE_ROW, url], ours=True),
    }
    title = "mastra engine status (ceiling: one query from Python)"
    keep(Row("Start-up", title, "ms", 1).add(rounds(contenders, 11)))
    place.drop("startup")


def test_up(place: Place, keep: Callable[[Row], None], tmp_path: Path) -> None:
    """Stopped to ready: ours as a command, the server by itself until it answers a query."""
    home = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    project = tmp_path / "project"
    project.mkdir()

    def mastra(*words: str) -> None:
        done = subprocess.run(
            [*MASTRA, "engine", *words], cwd=project, env=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    mastra("add", "--provider", "embedded", "--port", str(free_port()))
    server = Server(18)

    def up() -> float:
        mastra("down")
        began = time.perf_counter()
        mastra("up")
        return time.perf_counter() - began

    def start() -> float:
        server.stop("fast")
        began = time.perf_counter()
        server.start()
        psycopg.connect(server.url()).close()
        return time.perf_counter() - began

    try:
        row = Row("Start-up", "mastra engine up, stopped to ready (ceiling: the server's own start)", "s", 1)
        row.add(rounds({"ours": up, "ceiling": start}, 5))
        keep(row)
        over = Row("Start-up", "mastra engine up: over the server's own start", "s", 1, "<= 1", absolute=True)
        from tests.bench.measuring import Figure

        ceiling = row.figures["ceiling"].middle
        over.figures["ours"] = Figure([each - ceiling for each in row.figures["ours"].rounds])
        keep(over)
    finally:
        mastra("down", "--volumes", "--yes")
        server.close()
