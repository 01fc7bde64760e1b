"""Every fixed statement stands in a file, is described, and is one that the migrated schema understands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources

import psycopg
import pytest

from mastra_cli.runtime.sql import nouns, statements
from tests.servers import Server

ALL = [(noun, name) for noun in nouns() for name in statements(noun)]
# What PREPARE does not take is run as it is.
UTILITY = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|CREATE|COPY|LOCK)\b")
# Tables that no migration makes: what makes them.
SCRATCH = {"records": "create_stage", "message_embedding": "create_table"}
SCRATCH_OF = {"message_embedding.create_half_index": "create_half_table"}


def run(connection: psycopg.Connection, text: str) -> None:
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(text.encode(), {"dimension": 3} if "%(dimension)s" in text else None)


@pytest.fixture(scope="module")
def migrated(server: Server, template: str) -> Iterator[psycopg.Connection]:
    """All of it happens in transactions that are rolled back: the template itself will do."""
    with psycopg.connect(server.url(template)) as connection:
        yield connection


@pytest.mark.parametrize(("noun", "name"), ALL, ids=[f"{noun}.{name}" for noun, name in ALL])
def test_a_statement_is_understood_by_the_migrated_schema(
    migrated: psycopg.Connection, noun: str, name: str
) -> None:
    text = statements(noun)[name]
    scratch = SCRATCH_OF.get(f"{noun}.{name}", SCRATCH.get(noun))
    try:
        if scratch and not re.match(r"\s*CREATE (TEMPORARY )?TABLE", text):
            run(migrated, statements(noun)[scratch])
        if text.startswith("COPY"):
            with migrated.cursor().copy(text):
                pass
        elif UTILITY.match(text):
            run(migrated, text)
        else:
            numbers: dict[str, str] = {}
            numbered = re.sub(
                r"%\((\w+)\)[sb]", lambda m: numbers.setdefault(m[1], f"${len(numbers) + 1}"), text
            )
            migrated.execute(f"PREPARE one AS {numbered.replace('%%', '%')}".encode())
            migrated.execute("DEALLOCATE one")
    finally:
        migrated.rollback()


@pytest.mark.parametrize("noun", nouns())
def test_a_name_stands_once_and_has_a_description(noun: str) -> None:
    text = resources.files("mastra_cli.runtime.sql").joinpath(f"{noun}.sql").read_text(encoding="utf-8")
    named = re.findall(r"^-- name: (\w+)$", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == set(statements(noun)), "a statement without a description"
    assert all(statements(noun).values())


@pytest.mark.parametrize("noun", nouns())
def test_names_are_qualified_and_nothing_waits_in_an_advisory_lock(noun: str) -> None:
    for name, text in statements(noun).items():
        bare = r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(entity|records|sync_run|thread|message|tool_result|mastra_stage)\b"
        assert not re.findall(bare, text), f"{noun}.{name} relies on search_path"
        assert "advisory" not in text, f"{noun}.{name}"
