"""The Python classes that comments of json columns name: `@type module.Class`."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

from mastra_cli.codegen.names import is_reserved, short_hash
from mastra_cli.codegen.schema import Name, Schema

_PATH = re.compile(r"@type\s+([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)", re.ASCII)


def class_path(comment: str | None) -> str | None:
    """The path of the class that a comment names; None: it names none; "": what it names can be no class."""
    if comment is None or "@type" not in comment:
        return None
    found = _PATH.search(comment)
    return found[1] if found and not any(map(keyword.iskeyword, found[1].split("."))) else ""


def commented_classes(schema: Schema, classes: Mapping[tuple[str, Name], str]) -> dict[str, str]:
    """Each class by its path, with its name in the module: its own, where nothing else has that."""
    comments = [column.comment for table in schema.tables for column in table.columns]
    comments += [item.comment for composite in schema.composites for item in composite.fields]
    paths = sorted({path for comment in comments if (path := class_path(comment))})
    taken = {f"{name}{form}" for name in classes.values() for form in ("", "Insert", "Update")}
    names: dict[str, str] = {}
    for path in paths:
        name = path.rpartition(".")[2]
        alone = sum(other.endswith(f".{name}") for other in paths) == 1
        free = alone and name not in taken and not is_reserved(name)
        names[path] = name if free else f"{name}_x{short_hash(path)}"
    return names
