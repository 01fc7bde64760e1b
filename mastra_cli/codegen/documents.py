"""The words in a generated module: its header, and what a class's docstring says about its table."""

from __future__ import annotations

from collections.abc import Mapping

from mastra_cli.codegen.layout import Form
from mastra_cli.codegen.schema import Schema, Table
from mastra_cli.codegen.text import SIGNATURE, comment


def header(schema: Schema, version: str) -> str:
    """The comment at the top: who wrote this, and from what."""
    return "\n".join(
        [
            f"# {SIGNATURE} (mastra-cli {version}). Do not edit.",
            f"# Schema: {schema.fingerprint}",
            comment(f"Revision: {schema.revision or 'none'}"),
            "# ruff: noqa",
            "# fmt: off",
        ]
    )


def table(table: Table) -> Mapping[Form, str]:
    """The docstrings of a table's classes; a view has a row alone."""
    lines = [table.comment or f"A row of {table.name}.", ""]
    lines.append(f"{table.kind.capitalize()}: {table.name}")
    for key in table.keys:
        word = "Primary key" if key.primary else "Unique"
        lines.append(f"{word}: {', '.join(key.columns)}")
    for key in table.foreign_keys:
        target = f"{key.target} ({', '.join(key.target_columns)})"
        lines.append(f"Foreign key: {', '.join(key.columns)} -> {target}")
    lines += [f"{'Unique index' if i.unique else 'Index'}: {i.name} {i.definition}" for i in table.indexes]
    lines += [f"Check: {check.text}" for check in table.checks]
    docs: dict[Form, str] = {"row": "\n".join(lines)}
    if table.writable:
        docs["insert"] = f"A new row of {table.name}. What is left out is left to the database."
        docs["update"] = f"Changes to a row of {table.name}. What is left out stays as it is."
    return docs
