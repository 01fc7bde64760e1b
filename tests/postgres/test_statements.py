"""Every fixed statement of the library stands in a file, is described, and is one that the migrated schema understands."""

from __future__ import annotations

import re

import psycopg
import pytest

from mastra_cli.runtime.sql import nouns, statements

# Made by the library in its own transaction, or by a call that needs DDL rights.
SCRATCH = {"records": ("create_stage",)}
# What PREPARE does not take: transactions, utilities, and tables that only `create_memory_index` makes.
UTILITY = re.compile(r"(?i)\s*(BEGIN|COMMIT|ROLLBACK|CREATE|COPY|SET|DROP|ALTER|ANALYZE)\b")
NOUNS = ("entity", "records", "session", "sync_run")
ALL = [(noun, name) for noun in NOUNS for name in statements(noun)]


@pytest.mark.parametrize(("noun", "name"), ALL, ids=[f"{noun}.{name}" for noun, name in ALL])
def test_a_statement_is_understood_by_the_migrated_schema(database: str, noun: str, name: str) -> None:
    text = statements(noun)[name]
    with psycopg.connect(database) as connection:
        if UTILITY.match(text):
            for scratch in SCRATCH.get(noun, ()):
                if scratch != name:
                    connection.execute(statements(noun)[scratch])
            if text.lstrip().upper().startswith("COPY"):
                with connection.cursor().copy(text):
                    pass
            else:
                connection.execute(text)
            return
        for scratch in SCRATCH.get(noun, ()):
            connection.execute(statements(noun)[scratch])
        numbers: dict[str, str] = {}
        numbered = re.sub(r"%\((\w+)\)s", lambda m: numbers.setdefault(m[1], f"${len(numbers) + 1}"), text)
        connection.execute(f"PREPARE one AS {numbered}".encode())


def test_a_name_stands_once_and_has_a_description() -> None:
    from importlib import resources

    for noun in nouns():
        text = resources.files("mastra_cli.runtime.sql").joinpath(f"{noun}.sql").read_text(encoding="utf-8")
        named = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
        assert len(named) == len(set(named)), noun
        assert set(named) == set(statements(noun)), f"{noun}.sql: a statement without a description"
        assert all(statements(noun).values()), noun


@pytest.mark.parametrize("noun", nouns())
def test_names_are_qualified_and_nothing_waits_in_an_advisory_lock(noun: str) -> None:
    for name, text in statements(noun).items():
        tables = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(entity|records|sync_run|mastra_stage)\b", text)
        assert not tables, f"{noun}.{name} relies on search_path"
        assert "advisory" not in text, f"{noun}.{name}"
