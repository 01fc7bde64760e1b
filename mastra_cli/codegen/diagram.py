"""An entity-relationship diagram of a `Schema`, in Mermaid."""

from __future__ import annotations

import re

from mastra_cli.codegen.names import short_hash
from mastra_cli.codegen.schema import Column, ForeignKey, Name, Schema, Table
from mastra_cli.codegen.text import SIGNATURE, escapes

# What Mermaid would read as the end of the text, as Markdown, HTML, an entity, a directive or a generic type.
_LOOKALIKES = str.maketrans('"`<>#%&\\~', "''‹›♯％+/∼")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def draw(schema: Schema, *, markdown: bool = False) -> str:
    """The diagram's text: every table with its columns, every foreign key between two of them."""
    drawn = {table.name for table in schema.tables}
    lines = [f"%% {SIGNATURE}. Schema: {schema.fingerprint}", "erDiagram"]
    for table in schema.tables:
        lines += _entity(table)
    for table in schema.tables:
        lines += [_relation(table, key) for key in table.foreign_keys if key.target in drawn]
    text = "\n".join(lines) + "\n"
    return f"# Database schema\n\n```mermaid\n{text}```\n" if markdown else text


def _entity(table: Table) -> list[str]:
    head = f'  {_id(table.name)}["{_quoted(str(table.name))}"]'
    if not table.columns:
        return [head]
    references = {column for key in table.foreign_keys for column in key.columns}
    unique = {key.columns[0] for key in table.keys if not key.primary and len(key.columns) == 1}
    lines: list[str] = []
    for column in table.columns:
        marks = [
            mark
            for mark, holds in (
                ("PK", column.name in table.primary_key),
                ("FK", column.name in references),
                ("UK", column.name in unique),
            )
            if holds
        ]
        lines.append(
            "    "
            + " ".join(filter(None, [_type(column), _word(column.name), ", ".join(marks), _note(column)]))
        )
    return [f"{head} {{", *lines, "  }"]


def _relation(table: Table, key: ForeignKey) -> str:
    columns = {column.name: column for column in table.columns}
    many = not any(set(other.columns) == set(key.columns) for other in table.keys)
    optional = any(columns[name].nullable for name in key.columns)
    left = "|o" if optional else "||"
    right = "o{" if many else "o|"
    return f'  {_id(key.target)} {left}--{right} {_id(table.name)} : "{_quoted(", ".join(key.columns))}"'


def _id(name: Name) -> str:
    """An identifier for a table: its name, and where that is not plain a hash of it."""
    text = f"{name.schema}_{name.name}"
    plain = _PLAIN.fullmatch(name.schema) and _PLAIN.fullmatch(name.name) and "_" not in name.schema
    return text if plain else f"t_{short_hash(str(name))}"


def _type(column: Column) -> str:
    """The type as the one word that Mermaid takes: `varchar(20)[]` for `character varying(20)[]`."""
    text = column.type.sql.replace("character varying", "varchar").replace("double precision", "float8")
    text = text.replace("timestamp with time zone", "timestamptz").replace(
        "timestamp without time zone", "timestamp"
    )
    text = text.replace("time with time zone", "timetz").replace("time without time zone", "time")
    text = text.split(".")[-1].replace('"', "").replace(",", "_")
    return _worded(text, r"[^A-Za-z0-9_()\[\]-]")


def _word(name: str) -> str:
    return _worded(name, r"[^A-Za-z0-9_]")


def _worded(text: str, strange: str) -> str:
    word = re.sub(strange, "_", text)
    return word if re.match(r"[A-Za-z]", word) else f"c{word}"


def _note(column: Column) -> str:
    """The name where a word could not hold it, then the comment."""
    parts = [column.name] if _word(column.name) != column.name else []
    parts += [column.comment] if column.comment else []
    return f'"{_quoted(": ".join(parts))}"' if parts else ""


def _quoted(text: str) -> str:
    """Text for between double quotes, where Mermaid has no escapes."""
    flat = " ".join(text.split()).translate(_LOOKALIKES)
    return "".join(c if c == " " or not escapes(c) else "_" for c in flat)
