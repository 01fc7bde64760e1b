"""What the server does for a call: every statement that goes over the wire, explained as it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import psycopg
from psycopg import sql

from mastra_cli.runtime.packed import Packed, PackedDumper


def seen(call: Callable[[], object]) -> list[tuple[Any, Any]]:
    """The statements of a call of the sync library, with what is bound to them."""
    statements: list[tuple[Any, Any]] = []
    execute = psycopg.Cursor.execute

    def listening(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        statements.append((query, params))
        return execute(self, query, params, **options)

    with mock.patch.object(psycopg.Cursor, "execute", listening):
        call()
    return statements


def evidence(url: str, call: Callable[[], object]) -> str:
    """The indexes and node types of the call's statements, and how many blocks each touched."""
    call()
    told = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.adapters.register_dumper(Packed, PackedDumper)
        for query, params in seen(call):
            text = query if isinstance(query, str | bytes) else query.as_string(connection)
            text = text.decode() if isinstance(text, bytes) else text
            if not text.lstrip().upper().startswith(("SELECT", "WITH", "(")) or "mastra" not in text:
                continue
            explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ")
            whole = explain.as_string(connection) + text
            with connection.transaction(force_rollback=True):
                [plan] = connection.execute(whole.encode(), params).fetchone() or ([],)
            found = json.loads(plan) if isinstance(plan, str) else plan
            told.append(_told(found[0]["Plan"]))
    return "; ".join(dict.fromkeys(told)) or "no statement was seen"


def _told(plan: dict[str, Any]) -> str:
    nodes: list[str] = []

    def walk(node: dict[str, Any]) -> None:
        if node.get("Actual Loops", 1):
            kind = node["Node Type"]
            if "Index Name" in node:
                nodes.append(f"{kind} using {node['Index Name']}")
            elif kind in ("Seq Scan", "Sort", "Incremental Sort"):
                nodes.append(f"{kind} on {node['Relation Name']}" if "Relation Name" in node else kind)
        for child in node.get("Plans", []):
            walk(child)

    walk(plan)
    blocks = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    return f"{', '.join(dict.fromkeys(nodes)) or plan['Node Type']}, {blocks:,} blocks"
