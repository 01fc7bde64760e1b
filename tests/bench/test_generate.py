"""`mastra engine generate` beside sqlacodegen on 100 and 500 tables of 12 columns: seconds and memory of the process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.servers import Server

TABLE = """
CREATE TABLE public.t{0} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int NOT NULL, b text NOT NULL, c varchar(50),
  d timestamptz NOT NULL DEFAULT now(), e date, f numeric(10, 2) CHECK (f >= 0), g boolean DEFAULT false, h jsonb, i uuid,
  j text[], k bigint REFERENCES public.t{1} (id));
COMMENT ON COLUMN public.t{0}.b IS 'Its name.'; CREATE INDEX ON public.t{0} (b);
"""
# One query, text out: what no tool that reads the same can go below.
CEILING = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    rows = connection.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
        " AND a.attnum > 0 ORDER BY 1, a.attnum").fetchall()
seen = None
for table, name, kind, required in rows:
    if table != seen:
        seen = table
        print(f"class {table.title()}:")
    print(f"    {name}: {kind!r}")
"""


def run(command: list[str], url: str) -> tuple[float, float]:
    """(seconds, megabytes at most)"""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "DB_URL": url})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - began, usage.ru_maxrss / 1024


@pytest.mark.bench
def test_generate_beside_sqlacodegen(tmp_path: Path) -> None:
    peer = tmp_path / "peer"
    subprocess.run([sys.executable, "-m", "venv", str(peer)], check=True)
    subprocess.run(
        [peer / "bin" / "pip", "install", "-q", "sqlacodegen", "psycopg[binary]", "pgvector"], check=True
    )
    server = Server()
    print("\n| tables | who | seconds | spread | of sqlacodegen | MB |\n|---|---|---|---|---|---|")
    try:
        for count in (100, 500):
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE n{count}".encode())
            with psycopg.connect(server.url(f"n{count}"), autocommit=True) as connection:
                for number in range(count):
                    connection.execute(TABLE.format(number, max(number - 1, 0)).encode())
            url = server.url(f"n{count}")
            commands = {
                "ours": [sys.executable, "-m", "mastra_cli", "engine", "generate", "--output", "-", "-q"],
                "sqlacodegen": [
                    str(peer / "bin" / "sqlacodegen"),
                    url.replace("postgresql", "postgresql+psycopg"),
                ],
                "one query, text out": [sys.executable, "-c", CEILING, url],
            }
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
            for round_ in range(8):
                for name, command in commands.items():
                    measured = run(command, url)
                    if round_:  # the first warms up
                        found[name].append(measured)
            middle = {name: statistics.median(s for s, _ in runs) for name, runs in found.items()}
            for name, runs in found.items():
                seconds = [s for s, _ in runs]
                print(
                    f"| {count} | {name} | {middle[name]:.2f} | {min(seconds):.2f}-{max(seconds):.2f} "
                    f"| {middle[name] / middle['sqlacodegen']:.2f} | {max(mb for _, mb in runs):.0f} |"
                )
    finally:
        server.close()
