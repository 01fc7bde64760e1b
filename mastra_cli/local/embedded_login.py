"""What the embedded server is told in SQL. Names and passwords are quoted by the server itself."""

from __future__ import annotations

import psycopg

from mastra_cli.errors import DatabaseUnreachable, translate

_TEMPLATES = ("postgres", "template1")


def system_identifier(url: str) -> int:
    """Of the cluster that answers there."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT system_identifier FROM pg_catalog.pg_control_system()"
            ).fetchone()
    except psycopg.Error as error:
        raise translate(error) from None  # its words may quote the URL
    assert row is not None
    return int(row[0])


def create_database(urls: list[str], name: str) -> None:
    """Through the first of `urls` (other databases of the same server) that lets us in."""
    failure: psycopg.Error | None = None
    for url in urls:
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                row = connection.execute(
                    "SELECT pg_catalog.format('CREATE DATABASE %%I', %s::pg_catalog.text)", [name]
                ).fetchone()
                assert row is not None
                connection.execute(row[0])
                return
        except psycopg.errors.DuplicateDatabase:
            return
        except psycopg.Error as error:
            failure = error
    raise translate(failure or DatabaseUnreachable("no database to connect to")) from None


def password_script(user: str, password: str) -> bytes:
    """For a server in single-user mode. Both arrive as hexadecimal digits, whatever is in them."""
    return (
        b"DO $$ DECLARE who text := convert_from(decode('%b', 'hex'), 'UTF8');"
        b" word text := convert_from(decode('%b', 'hex'), 'UTF8');"
        b" BEGIN EXECUTE format('ALTER ROLE %%I LOGIN PASSWORD %%L', who, word); END $$\n"
        % (user.encode().hex().encode(), password.encode().hex().encode())
    )
