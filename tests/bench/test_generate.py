"""`mastra engine generate` beside one query with text out, sqlacodegen and datamodel-code-generator alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.bench.commands import command, peak
from tests.bench.conftest import Place
from tests.bench.measuring import Contender, Figure, rounds
from tests.bench.peer import PeerFailed, installed
from tests.bench.results import Row

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

ROUNDS = 5
TABLE = """
CREATE TABLE public.t{0} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int NOT NULL, b text NOT NULL, c varchar(50),
  d timestamptz NOT NULL DEFAULT now(), e date, f numeric(10, 2) CHECK (f >= 0), g boolean DEFAULT false, h jsonb, i uuid,
  j text[], k bigint REFERENCES public.t{1} (id));
COMMENT ON COLUMN public.t{0}.b IS 'Its name.'; CREATE INDEX ON public.t{0} (b);
"""
COLUMNS: dict[str, dict[str, object]] = {
    "id": {"type": "integer"}, "a": {"type": "integer"}, "b": {"type": "string", "description": "Its name."},
    "c": {"type": "string", "maxLength": 50}, "d": {"type": "string", "format": "date-time"},
    "e": {"type": "string", "format": "date"}, "f": {"type": "number", "minimum": 0}, "g": {"type": "boolean"},
    "h": {"type": "object"}, "i": {"type": "string", "format": "uuid"},
    "j": {"type": "array", "items": {"type": "string"}}, "k": {"type": "integer"},
}  # fmt: skip
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


def schema(count: int) -> str:
    """The same tables as JSON Schema: what datamodel-code-generator reads."""
    table = {"type": "object", "properties": COLUMNS, "required": ["id", "a", "b", "d"]}
    return json.dumps({"$defs": {f"T{number}": table for number in range(count)}})


@pytest.mark.parametrize("count", [100, 500])
def test_generate(count: int, place: Place, keep: Callable[[Row], None], tmp_path: Path) -> None:
    url = place.database("generate", "template0")
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(count):
            connection.execute(TABLE.format(number, max(number - 1, 0)).encode())
    ours = [sys.executable, "-m", "mastra_cli", "engine", "generate", "--output", "-", "-q"]
    by_hand = [sys.executable, "-c", CEILING, url]
    contenders: dict[str, Contender] = {
        "ours": command(ours, ours=True, DB_URL=url),
        "ceiling": command(by_hand, ours=True),
    }
    (tmp_path / "schema.json").write_text(schema(count))
    row = Row("Generate", f"generate, {count} tables x 12 columns", "s", 1, peer_goal="sqlacodegen")
    words = {
        "sqlacodegen": ["sqlacodegen", url.replace("postgresql", "postgresql+psycopg")],
        "datamodel-code-generator": [
            "datamodel-codegen", "--input", str(tmp_path / "schema.json"), "--input-file-type", "jsonschema",
            "--output", str(tmp_path / "models.py"),
        ],
    }  # fmt: skip
    for name, said in words.items():
        try:
            contenders[name] = command([str(installed(name) / "bin" / said[0]), *said[1:]])
        except PeerFailed as reason:
            row.missing[name] = str(reason)
    keep(row.add(rounds(contenders, ROUNDS)))
    memory = Row("Generate", f"generate, {count} tables: peak memory", "MB", 1)
    memory.figures = {
        "ours": Figure([peak(ours, {"DB_URL": url})]), "ceiling": Figure([peak(by_hand, {})]),
        **{name: Figure([peak([str(installed(name) / "bin" / said[0]), *said[1:]], {})])
           for name, said in words.items() if name in row.figures},
    }  # fmt: skip
    keep(memory)
    place.drop("generate")
